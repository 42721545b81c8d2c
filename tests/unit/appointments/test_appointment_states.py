"""The state table, cell by cell, and the marks of time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from membership.appointments.errors import (
    AppointmentLeftToStaff,
    AppointmentStepRefused,
    AppointmentStepTooEarly,
    HoldExpired,
)
from membership.appointments.model import Appointment, AppointmentId, AppointmentState, Period, ServiceId
from membership.appointments.rules.states import (
    EARLIEST_CHECK_IN,
    HOLD,
    LIVE,
    TRANSITIONS,
    after,
    booked,
    check_movable,
    is_cancellable,
    lapsed,
    state_at,
)
from membership.appointments.rules.steps import OVER, Step, Wish
from membership.kernel.ids import derived_id
from membership.members.model import MemberId, MembershipKey
from membership.stores.model import CounterId, ProgrammeId, StoreId

State = AppointmentState
BOOKED = datetime(2026, 5, 20, 4, tzinfo=UTC)
START = BOOKED + timedelta(days=2)


def appointment(state: AppointmentState, *, answer: bool = False) -> Appointment:
    return Appointment(
        appointment_id=AppointmentId(derived_id("a")),
        uid=derived_id("u"),
        sequence=0,
        visit_id=None,
        membership=MembershipKey(MemberId(derived_id("m")), ProgrammeId(derived_id("p"))),
        store_id=StoreId(derived_id("s")),
        counter_id=CounterId(derived_id("c")),
        service_id=ServiceId(derived_id("v")),
        associate_id=None,
        period=Period(START, START + timedelta(hours=1)),
        state=state,
        step=1,
        lapses_at=BOOKED + HOLD if state in {State.HELD, State.PENDING} else None,
        held_until=BOOKED + HOLD,
        answer_until=BOOKED + timedelta(hours=1) if answer else None,
        free_until=START - timedelta(days=1),
        no_show_from=START + timedelta(minutes=15),
        replaces=None,
        booked_at=BOOKED,
        changed_at=BOOKED,
    )


ALLOWED = {
    (State.PENDING, Step.ACCEPT): State.CONFIRMED,
    (State.PENDING, Step.DECLINE): State.DECLINED,
    (State.HELD, Step.CANCEL): State.CANCELLED,
    (State.PENDING, Step.CANCEL): State.CANCELLED,
    (State.CONFIRMED, Step.CANCEL): State.CANCELLED,
    (State.CONFIRMED, Step.CHECK_IN): State.CHECKED_IN,
    (State.CONFIRMED, Step.NO_SHOW): State.NO_SHOW,
    (State.CHECKED_IN, Step.START): State.IN_SERVICE,
    (State.IN_SERVICE, Step.COMPLETE): State.COMPLETED,
}


@pytest.mark.parametrize(("state", "step"), list(product(State, Step)))
def test_a_step_leads_where_the_table_says_or_is_refused(state: AppointmentState, step: Step) -> None:
    seen = replace(appointment(state), lapses_at=None)
    now = START + timedelta(hours=1)
    if (state, step) in ALLOWED:
        assert after(seen, step, now, UTC, by_member=False) is ALLOWED[state, step]
    else:
        with pytest.raises(AppointmentStepRefused) as refused:
            after(seen, step, now, UTC, by_member=False)
        assert (refused.value.state, refused.value.step) == (state, step)


WAYS_OUT = {
    (State.CONFIRMED, Step.START): "The appointment is confirmed. Check the member in first.",
    (State.CONFIRMED, Step.COMPLETE): "The appointment is confirmed. Check the member in and start first.",
    (State.CHECKED_IN, Step.COMPLETE): "The member is checked in. Start first.",
    (State.PENDING, Step.CHECK_IN): "The appointment waits to be accepted by the brand. Accept it first.",
    (State.HELD, Step.CHECK_IN): "The appointment is only held. Confirm it first.",
    (State.NO_SHOW, Step.CHECK_IN): "The member is marked as not having come. "
    "A guest who comes after all is served as a walk-in.",
    (State.CANCELLED, Step.CANCEL): "The appointment is cancelled. There is nothing to do.",
    (State.CANCELLED, Wish.MOVE): "The appointment is cancelled. Book a new time.",
    (State.PENDING, Wish.CONFIRM): "The appointment waits to be accepted by the brand. There is nothing to do.",
    (State.SUPERSEDED, Step.START): "The appointment was moved. Load the appointments again and use the one it became.",
    (OVER, Wish.MOVE): "The time of the appointment is over. Book a new time.",
    (State.PENDING, None): "The appointment waits to be accepted by the brand. This cannot be done with it.",
}


@pytest.mark.parametrize(("state", "asked"), WAYS_OUT)
def test_a_refused_step_says_what_to_do_instead(state: str, asked: str | None) -> None:
    assert AppointmentStepRefused(state, asked).message == WAYS_OUT[state, asked]  # type: ignore[index]


@pytest.mark.parametrize("state", [*State, OVER])
def test_whatever_is_asked_there_is_an_answer(state: str) -> None:
    for asked in (*Step, *Wish, None):
        sentences = AppointmentStepRefused(state, asked).message.removesuffix(".").split(". ")
        assert len(sentences) == 2


def test_what_was_moved_says_where_to() -> None:
    refused = AppointmentStepRefused(State.SUPERSEDED, Step.START, "2026-05-20T16:00+08:00")
    assert refused.message == "The appointment was moved to 2026-05-20 16:00 (+08:00). Use the one of that time."


def test_once_a_member_is_late_only_the_counter_ends_it() -> None:
    seen = appointment(State.CONFIRMED)
    late, in_time = seen.no_show_from, seen.no_show_from - timedelta(seconds=1)
    assert after(seen, Step.CANCEL, in_time, UTC, by_member=True, themself=True) is State.LATE_CANCELLED
    with pytest.raises(AppointmentLeftToStaff) as refused:
        after(seen, Step.CANCEL, late, UTC, by_member=True, themself=True)
    assert refused.value.left_since == "2026-05-22T04:15+00:00"
    assert after(seen, Step.CANCEL, late, UTC, by_member=True) is State.LATE_CANCELLED
    assert after(seen, Step.CANCEL, late, UTC, by_member=False) is State.CANCELLED
    assert [is_cancellable(seen, late, themself=themself) for themself in (True, False)] == [False, True]
    asked = replace(appointment(State.PENDING), lapses_at=None)
    assert after(asked, Step.CANCEL, late, UTC, by_member=True, themself=True) is State.CANCELLED


def test_what_is_over_stays_over() -> None:
    assert {state for state, following in TRANSITIONS.items() if not following} == set(State) - LIVE
    assert {to for following in TRANSITIONS.values() for to in following} | {State.HELD} == set(State)


@pytest.mark.parametrize(
    ("state", "seconds_late", "by_member", "expected"),
    [
        (State.CONFIRMED, 0, True, State.CANCELLED),
        (State.CONFIRMED, 1, True, State.LATE_CANCELLED),
        (State.CONFIRMED, 1, False, State.CANCELLED),
        (State.PENDING, 1, True, State.CANCELLED),
        (State.HELD, 1, True, State.CANCELLED),
    ],
)
def test_who_cancels_late_is_marked(
    state: AppointmentState, seconds_late: int, by_member: bool, expected: AppointmentState
) -> None:
    seen = replace(appointment(state), lapses_at=None)
    now = seen.free_until + timedelta(seconds=seconds_late)
    assert after(seen, Step.CANCEL, now, UTC, by_member=by_member) is expected


@pytest.mark.parametrize(
    ("step", "moment"),
    [(Step.CHECK_IN, START - EARLIEST_CHECK_IN), (Step.NO_SHOW, START + timedelta(minutes=15))],
)
def test_some_steps_have_their_time(step: Step, moment: datetime) -> None:
    seen = appointment(State.CONFIRMED)
    with pytest.raises(AppointmentStepTooEarly):
        after(seen, step, moment - timedelta(seconds=1), UTC, by_member=False)
    assert after(seen, step, moment, UTC, by_member=False)


@pytest.mark.parametrize(("state", "ended"), [(State.HELD, State.EXPIRED), (State.PENDING, State.DECLINED)])
def test_the_clock_ends_what_lapses(state: AppointmentState, ended: AppointmentState) -> None:
    seen = appointment(state)
    assert state_at(seen, BOOKED + HOLD - timedelta(microseconds=1)) is state
    assert state_at(seen, BOOKED + HOLD) is ended
    for step in Step:
        with pytest.raises(AppointmentStepRefused) as refused:
            after(seen, step, BOOKED + HOLD, UTC, by_member=True)
        assert refused.value.state == ended


def test_nothing_else_lapses() -> None:
    for state in set(State) - {State.HELD, State.PENDING}:
        with pytest.raises(ValueError, match="does not lapse"):
            lapsed(state)


def test_booking_goes_by_way_of_a_request() -> None:
    now = BOOKED + timedelta(minutes=1)
    assert booked(appointment(State.HELD), now, UTC) == (State.PENDING, State.CONFIRMED)
    assert booked(appointment(State.HELD, answer=True), now, UTC) == (State.PENDING,)
    with pytest.raises(HoldExpired):
        booked(appointment(State.HELD), BOOKED + HOLD, UTC)
    for state in set(State) - {State.HELD, State.EXPIRED}:
        with pytest.raises(AppointmentStepRefused):
            booked(replace(appointment(state), lapses_at=None), now, UTC)


def test_only_what_is_confirmed_is_moved() -> None:
    for state in set(State) - {State.CONFIRMED}:
        with pytest.raises(AppointmentStepRefused):
            check_movable(replace(appointment(state), lapses_at=None), START)
    check_movable(appointment(State.CONFIRMED), START)
