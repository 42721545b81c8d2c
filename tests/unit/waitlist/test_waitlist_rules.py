"""The state table cell by cell, which places fit a wish, how long offers last, whose entries stay in a merge."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.appointments.model import (
    AppointmentId,
    AppointmentState,
    Period,
    ResourceId,
    ResourceKind,
    Service,
    ServiceId,
    ServiceRules,
    Slot,
)
from membership.appointments.rules.hours import given_on, starts
from membership.kernel.ids import derived_id
from membership.members.model import MemberId, MembershipKey
from membership.stores.model import CounterId, OpeningHours, ProgrammeId, Store, StoreId
from membership.waitlist import events
from membership.waitlist.errors import NothingToWaitFor, WaitIsOver, WaitTooLong
from membership.waitlist.merging import duplicates
from membership.waitlist.model import Entry, EntryId, EntryState, Offer, Wish
from membership.waitlist.rules import (
    MOST_DAYS,
    SHORTEST_OFFER,
    TRANSITIONS,
    check_wish,
    fitting,
    followed,
    offer_until,
    state_at,
    touches,
)

S, A = EntryState, AppointmentState
LONDON = ZoneInfo("Europe/London")
DAY, SPRING = date(2026, 5, 20), date(2026, 3, 29)
NOON = datetime(2026, 5, 20, 11, tzinfo=UTC)
JOINED = NOON - timedelta(hours=1)
ASSOCIATES = [ResourceId(derived_id("associate", number)) for number in range(2)]
RULES = ServiceRules(duration_minutes=60, every_minutes=30)


def shop(opens: time = time(10), closes: time = time(20)) -> Store:
    hours = OpeningHours(weekly=dict.fromkeys(range(1, 8), (opens, closes)), exceptions={})
    return Store(StoreId(derived_id("s")), ProgrammeId(derived_id("p")), "S", {}, LONDON, time(4), hours)


def service(rules: ServiceRules = RULES) -> Service:
    return Service(
        service_id=ServiceId(derived_id("service")),
        programme_id=ProgrammeId(derived_id("p")),
        store_id=StoreId(derived_id("s")),
        counter_id=CounterId(derived_id("c")),
        code="FITTING",
        names={},
        rules=rules,
        candidates={ResourceKind.ASSOCIATE: tuple(ASSOCIATES)},
    )


def entry(state: EntryState = S.WAITING, number: int = 0, wish: Wish | None = None) -> Entry:
    offer = None
    if state not in (S.WAITING, S.WITHDRAWN):
        offer = Offer(AppointmentId(derived_id("a", number)), JOINED, NOON, 0)
    return Entry(
        entry_id=EntryId(derived_id("entry", number)),
        membership=MembershipKey(MemberId(derived_id("m")), ProgrammeId(derived_id("p"))),
        store_id=StoreId(derived_id("s")),
        counter_id=CounterId(derived_id("c")),
        service_id=ServiceId(derived_id("service")),
        associate_id=None,
        wish=wish or Wish(DAY, DAY),
        state=state,
        step=1,
        joined_at=JOINED,
        waits_until=NOON,
        lapses_at=NOON if state in (S.WAITING, S.OFFERED) else None,
        offer=offer,
        changed_at=JOINED,
    )


@pytest.mark.parametrize(("state", "to"), list(product(S, S)))
def test_the_table(state: EntryState, to: EntryState) -> None:
    allowed = {
        (S.WAITING, S.OFFERED),
        (S.WAITING, S.WITHDRAWN),
        (S.WAITING, S.LAPSED),
        (S.OFFERED, S.ACCEPTED),
        (S.OFFERED, S.DECLINED),
        (S.OFFERED, S.LAPSED),
    }
    assert (to in TRANSITIONS[state]) == ((state, to) in allowed)


@pytest.mark.parametrize("state", S)
def test_by_the_clock(state: EntryState) -> None:
    before = NOON - timedelta(microseconds=1)
    assert state_at(entry(state), before) is state
    assert state_at(entry(state), NOON) is (S.LAPSED if state in (S.WAITING, S.OFFERED) else state)


@pytest.mark.parametrize("state", A)
def test_an_offer_follows_its_appointment(state: AppointmentState) -> None:
    expected = {A.HELD: None, A.EXPIRED: S.LAPSED, A.CANCELLED: S.DECLINED}.get(state, S.ACCEPTED)
    assert followed(state, is_over=False) is expected
    assert followed(state, is_over=True) is (S.LAPSED if state is A.HELD else expected)


def test_every_step_has_its_event_and_joining_its_own() -> None:
    assert events.joined(entry()).name == "waitlist.joined"
    names = {state: events.changed(entry(state)).name for state in S if state is not S.WAITING}
    assert names == {state: f"waitlist.{state.value.lower()}" for state in names}
    with pytest.raises(ValueError, match="nobody comes back"):
        events.changed(entry())


# ---- wishes


def listed(store: Store, *days: date, rules: ServiceRules = RULES) -> dict[date, list[Slot]]:
    """Every start of the days, with both associates free."""
    found: dict[date, list[Slot]] = {}
    for day in days:
        opening = given_on(rules, store, day)
        assert opening is not None
        free = {ResourceKind.ASSOCIATE: tuple(ASSOCIATES)}
        found[day] = [Slot(Period(start, start + rules.duration), free) for start in starts(rules, opening)]
    return found


@pytest.mark.parametrize(
    ("opening", "times", "first", "last"),
    [
        ((time(10), time(20)), (None, None), "10:00", "19:00"),
        ((time(10), time(20)), (time(14), None), "14:00", "19:00"),
        ((time(10), time(20)), (time(13, 45), time(16)), "14:00", "15:00"),
        ((time(10), time(20)), (None, time(12)), "10:00", "11:00"),
        ((time(18), time(2)), (None, None), "18:00", "01:00"),
        ((time(18), time(2)), (time(22), time(1)), "22:00", "00:00"),
        ((time(18), time(2)), (time(20), time(0)), "20:00", "23:00"),
        ((time(18), time(2)), (time(0), None), "00:00", "01:00"),
        ((time(18), time(2)), (time(0, 30), time(2)), "00:30", "01:00"),
        ((time(18), time(2)), (None, time(1)), "18:00", "00:00"),
        ((time(18), time(2)), (None, time(0)), "18:00", "23:00"),
        ((time(10), time(20)), (time(0), time(22)), "10:00", "19:00"),
    ],
)
def test_which_places_fit(
    opening: tuple[time, time], times: tuple[time | None, time | None], first: str, last: str
) -> None:
    store = shop(*opening)
    found = list(fitting(Wish(DAY, DAY, *times), None, store, listed(store, DAY, DAY + timedelta(days=1))))
    clock = [f"{slot.period.start.astimezone(LONDON):%H:%M}" for slot in found]
    assert (clock[0], clock[-1]) == (first, last)


def test_times_are_the_stores_on_the_day_on_which_clocks_change() -> None:
    store = shop(time(0), time(6))
    found = list(fitting(Wish(SPRING, SPRING, time(1), time(3)), None, store, listed(store, SPRING)))
    # 01:00 is skipped and read as 02:00: one hour is left until 03:00.
    assert [slot.period.start.astimezone(LONDON).time() for slot in found] == [time(2)]


def test_only_an_associate_who_is_free_will_do() -> None:
    store, (one, other) = shop(), ASSOCIATES
    [first, second, *_] = listed(store, DAY)[DAY]
    slots = [replace(first, free={ResourceKind.ASSOCIATE: (one,)}), second]
    assert list(fitting(Wish(DAY, DAY), other, store, {DAY: slots})) == [second]


@pytest.mark.parametrize(
    ("wish", "refusal"),
    [
        (Wish(DAY, DAY - timedelta(days=1)), WaitTooLong),
        (Wish(DAY, DAY + timedelta(days=MOST_DAYS)), WaitTooLong),
        (Wish(DAY, DAY, time(21), time(22)), NothingToWaitFor),
        (Wish(DAY, DAY, time(14), time(14, 59)), NothingToWaitFor),
        (Wish(DAY - timedelta(days=2), DAY - timedelta(days=1)), WaitIsOver),
        (Wish(DAY, DAY, time(10), time(12)), WaitIsOver),
    ],
)
def test_wishes_that_cannot_come_true(wish: Wish, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        check_wish(wish, service(), shop(), NOON)


def test_a_wish_is_over_when_its_last_place_could_no_longer_be_offered() -> None:
    notice = ServiceRules(duration_minutes=60, every_minutes=30, notice_minutes=120)
    last = datetime(2026, 5, 20, 18, tzinfo=UTC)
    assert check_wish(Wish(DAY, DAY), service(), shop(), NOON) == last - SHORTEST_OFFER
    assert check_wish(Wish(DAY, DAY), service(notice), shop(), NOON) == last - timedelta(hours=2) - SHORTEST_OFFER
    longest = Wish(DAY, DAY + timedelta(days=MOST_DAYS - 1))
    assert check_wish(longest, service(), shop(), NOON) == last + timedelta(days=13) - SHORTEST_OFFER


# ---- offers


@given(
    offer=st.integers(5, 1_440),
    notice=st.integers(0, 600),
    ahead=st.integers(-60, 3_000).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_an_offer_is_never_shorter_than_can_be_answered_nor_past_the_notice(
    offer: int, notice: int, ahead: timedelta
) -> None:
    rules = ServiceRules(duration_minutes=60, every_minutes=30, offer_minutes=offer, notice_minutes=notice)
    until, latest = offer_until(rules, NOON + ahead, NOON), NOON + ahead - timedelta(minutes=notice)
    if until is None:
        assert latest < NOON + SHORTEST_OFFER
    else:
        assert until == min(NOON + timedelta(minutes=offer), latest)
        assert until >= NOON + SHORTEST_OFFER


def test_what_touches_time_that_came_free_counts_buffers() -> None:
    rules = ServiceRules(duration_minutes=60, every_minutes=30, after_minutes=20)
    freed = [Period(NOON, NOON + timedelta(hours=1))]

    def slot(minutes: int) -> Slot:
        start = NOON + timedelta(minutes=minutes)
        return Slot(Period(start, start + timedelta(hours=1)), {})

    assert [minutes for minutes in range(-90, 91, 10) if touches(rules, slot(minutes), freed)] == [*range(-70, 80, 10)]


# ---- merges


SPANS = st.tuples(st.integers(0, 6), st.integers(0, 3)).map(
    lambda span: Wish(DAY + timedelta(days=span[0]), DAY + timedelta(days=sum(span)))
)


def at_minute(made: Entry, minute: int) -> Entry:
    """Joined, or offered, then."""
    moment = JOINED + timedelta(minutes=minute)
    if made.offer is None:
        return replace(made, joined_at=moment)
    return replace(made, offer=replace(made.offer, offered_at=moment))


def since(made: Entry) -> tuple[bool, datetime]:
    """An offer counts more, then what was first."""
    return made.offer is None, made.joined_at if made.offer is None else made.offer.offered_at


@given(st.lists(st.tuples(SPANS, st.sampled_from([S.WAITING, S.OFFERED]), st.integers(0, 3)), max_size=6))
def test_of_two_entries_for_a_day_one_stays_and_each_that_goes_has_a_better_one(
    made: list[tuple[Wish, EntryState, int]],
) -> None:
    live = [at_minute(entry(state, number, wish), minute) for number, (wish, state, minute) in enumerate(made)]
    gone = duplicates(live)
    kept = [one for one in live if one not in gone]
    assert not any(set(one.wish.days) & set(other.wish.days) for one, other in combinations(kept, 2))
    for one in gone:
        better = [other for other in kept if set(one.wish.days) & set(other.wish.days)]
        assert any(since(other) <= since(one) for other in better)


def test_entries_for_other_services_do_not_meet() -> None:
    other = replace(entry(number=1), service_id=ServiceId(derived_id("other")))
    assert duplicates([entry(), other]) == []
