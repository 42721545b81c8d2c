"""Under which status and SEQUENCE an appointment stands in calendars, and what is told of whom (A7)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from membership.appointments.model import AppointmentId, AppointmentState, Period
from membership.calendars.model import Entry, EntryStatus, Guest
from membership.calendars.rules.privacy import guest_shown
from membership.calendars.rules.showing import KEPT_CANCELLED, Shown, shown
from membership.calendars.rules.wording import WORDS, guest_text, words_in
from membership.kernel.ids import derived_id
from membership.kernel.locales import SUPPORTED
from membership.members.model import MemberId, MembershipKey
from membership.stores.model import ActivationLevel, CounterId, ProgrammeId, StoreId

State, Status = AppointmentState, EntryStatus
NOW = datetime(2026, 5, 20, 4, tzinfo=UTC)
CHANGED = NOW - timedelta(days=2)
ENTRY = Entry(
    appointment_id=AppointmentId(derived_id("appointment")),
    uid=derived_id("uid"),
    sequence=3,
    state=State.CONFIRMED,
    lapses_at=None,
    period=Period(NOW + timedelta(days=1), NOW + timedelta(days=1, hours=1)),
    booked_at=CHANGED,
    changed_at=CHANGED,
    membership=MembershipKey(MemberId(derived_id("m")), ProgrammeId(derived_id("p"))),
    store_id=StoreId(derived_id("s")),
    counter_id=CounterId(derived_id("c")),
    service_names={"en": "Fitting"},
    associate_names=None,
)
EXPECTED = {
    State.HELD: None,
    State.PENDING: Status.TENTATIVE,
    State.CONFIRMED: Status.CONFIRMED,
    State.CHECKED_IN: Status.CONFIRMED,
    State.IN_SERVICE: Status.CONFIRMED,
    State.COMPLETED: Status.CONFIRMED,
    State.EXPIRED: None,
    State.DECLINED: Status.CANCELLED,
    State.CANCELLED: Status.CANCELLED,
    State.LATE_CANCELLED: Status.CANCELLED,
    State.NO_SHOW: Status.CONFIRMED,
    State.SUPERSEDED: None,
}


@pytest.mark.parametrize("state", State)
def test_each_state(state: AppointmentState) -> None:
    status = EXPECTED[state]
    found = shown(replace(ENTRY, state=state), NOW)
    assert found == (None if status is None else Shown(status, 3, CHANGED))


def test_a_hold_that_lapsed_is_not_shown() -> None:
    assert shown(replace(ENTRY, state=State.HELD, lapses_at=NOW), NOW) is None


def test_what_nobody_answered_is_cancelled_by_the_clock_as_it_will_be_written() -> None:
    due = NOW - timedelta(hours=1)
    asked = replace(ENTRY, state=State.PENDING, lapses_at=due)
    assert shown(asked, due - timedelta(seconds=1)) == Shown(Status.TENTATIVE, 3, CHANGED)
    assert shown(asked, due) == Shown(Status.CANCELLED, 4, due)
    written = replace(ENTRY, state=State.DECLINED, sequence=4, changed_at=NOW)
    assert shown(written, NOW) == Shown(Status.CANCELLED, 4, NOW)


def test_what_was_cancelled_is_shown_for_a_while() -> None:
    cancelled = replace(ENTRY, state=State.CANCELLED)
    assert shown(cancelled, CHANGED + KEPT_CANCELLED) is not None
    assert shown(cancelled, CHANGED + KEPT_CANCELLED + timedelta(seconds=1)) is None
    assert shown(cancelled, CHANGED + KEPT_CANCELLED * 5, cancelled_for=None) is not None


def test_what_was_only_held_is_never_shown_as_cancelled() -> None:
    assert shown(replace(ENTRY, state=State.CANCELLED, asked=False), NOW) is None


def test_for_who_no_longer_serves_it_it_is_off_under_the_sequence_of_what_took_its_place() -> None:
    gone = replace(ENTRY, state=State.SUPERSEDED, taken_over=True)
    assert shown(gone, NOW) == Shown(Status.CANCELLED, 4, CHANGED)


@pytest.mark.parametrize(
    ("level", "consented", "expected"),
    [
        (ActivationLevel.ACTIVE, True, Guest("王••", "Gold")),
        (ActivationLevel.ACTIVE, False, Guest()),
        (ActivationLevel.SELECTIVE, True, Guest("王••")),
        (ActivationLevel.SELECTIVE, False, Guest()),
        (ActivationLevel.TRADITIONAL, True, Guest()),
        (ActivationLevel.TRADITIONAL, False, Guest()),
    ],
)
def test_what_a_brand_is_told(level: ActivationLevel, consented: bool, expected: Guest) -> None:
    assert guest_shown(level, consented=consented, display_name="王小明", tier="Gold") == expected


def test_nothing_known_reads_as_member() -> None:
    assert guest_text(Guest(), words_in("zh-CN")) == "会员"
    assert guest_text(Guest(None, "金卡"), words_in("zh-CN")) == "会员 · 金卡"
    assert guest_text(Guest("J•• S••", "Gold"), words_in("en")) == "J•• S•• · Gold"
    assert guest_text(Guest(walk_in=True), words_in("en")) == "Walk-in"


def test_every_language_of_the_house_has_its_words() -> None:
    assert set(WORDS) == set(SUPPORTED)
    assert words_in("fr") == WORDS["en"]
    titles = [words.title("X", status) for words in WORDS.values() for status in Status]
    assert len(set(titles)) == 1 + 2 * len(WORDS)
