"""How far a visit is, and what lies between its stops."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations_with_replacement

import pytest

from membership.appointments.model import Appointment, AppointmentId, AppointmentState, Period, ServiceId
from membership.appointments.rules.states import LIVE
from membership.kernel.ids import derived_id
from membership.members.model import MembershipKey
from membership.sample.configuration import sample_configuration
from membership.stores.service import Directory
from membership.visits.model import VisitState
from membership.visits.rules.itinerary import legs, span, visit_state
from sample_store import sample_world
from unit.visits.diaries import MEMBER, at

State = AppointmentState
SHOP = sample_world().chaoyang
DIRECTORY = Directory(sample_configuration())
NOON = at(12)


def stop(
    state: State, start: datetime = NOON, *, counter: str = "2F-ALVENNA", minutes: int = 60, number: int = 0
) -> Appointment:
    appointment_id = AppointmentId(derived_id("stop", number, start))
    lapses_at = NOON + timedelta(minutes=5) if state in (State.HELD, State.PENDING) else None
    return Appointment(
        appointment_id=appointment_id,
        uid=appointment_id,
        sequence=0,
        visit_id=None,
        membership=MembershipKey(MEMBER, SHOP.programme_id),
        store_id=SHOP.store_id,
        counter_id=SHOP.counters[counter],
        service_id=ServiceId(derived_id("service")),
        associate_id=None,
        period=Period(start, start + timedelta(minutes=minutes)),
        state=state,
        step=1,
        lapses_at=lapses_at,
        held_until=NOON + timedelta(minutes=5),
        answer_until=lapses_at,
        free_until=start,
        no_show_from=start,
        replaces=None,
        booked_at=NOON,
        changed_at=NOON,
    )


TABLE: list[tuple[Sequence[State], VisitState]] = [
    ([State.HELD, State.CONFIRMED], VisitState.HELD),
    ([State.HELD, State.PENDING], VisitState.HELD),
    ([State.PENDING, State.CONFIRMED], VisitState.REQUESTED),
    ([State.CONFIRMED, State.CANCELLED], VisitState.BOOKED),
    ([State.CONFIRMED, State.NO_SHOW], VisitState.BOOKED),
    ([State.CHECKED_IN, State.CONFIRMED], VisitState.UNDER_WAY),
    ([State.IN_SERVICE], VisitState.UNDER_WAY),
    ([State.COMPLETED, State.CONFIRMED], VisitState.UNDER_WAY),
    ([State.COMPLETED, State.CANCELLED], VisitState.COMPLETED),
    ([State.COMPLETED, State.NO_SHOW], VisitState.COMPLETED),
    ([State.NO_SHOW, State.CANCELLED], VisitState.MISSED),
    ([State.EXPIRED, State.EXPIRED], VisitState.EXPIRED),
    ([State.EXPIRED, State.CANCELLED], VisitState.CANCELLED),
    ([State.DECLINED], VisitState.CANCELLED),
    ([State.LATE_CANCELLED], VisitState.CANCELLED),
]


@pytest.mark.parametrize(("states", "expected"), TABLE)
def test_a_visit_is_as_far_as_its_stops(states: Sequence[State], expected: VisitState) -> None:
    for order in (states, states[::-1]):
        assert visit_state([stop(state, number=number) for number, state in enumerate(order)], NOON) is expected


def test_every_pair_of_states_has_a_meaning_and_nothing_live_is_over() -> None:
    over = {VisitState.COMPLETED, VisitState.MISSED, VisitState.CANCELLED, VisitState.EXPIRED}
    for pair in combinations_with_replacement(set(State) - {State.SUPERSEDED}, 2):
        stops = [stop(state, number=number) for number, state in enumerate(pair)]
        assert (visit_state(stops, NOON) in over) == (not set(pair) & LIVE)


def test_what_has_lapsed_counts_as_ended() -> None:
    held = [stop(State.HELD), stop(State.HELD, number=1)]
    later = NOON + timedelta(minutes=5)
    assert visit_state(held, later) is VisitState.EXPIRED
    assert visit_state([stop(State.PENDING)], later) is VisitState.CANCELLED
    assert visit_state([*held, stop(State.CONFIRMED, number=2)], later) is VisitState.BOOKED


def test_between_stops_there_is_a_gap_and_a_walk() -> None:
    first = stop(State.CONFIRMED, at(13))
    near = stop(State.CONFIRMED, at(14, 5), counter="1F-LISABEAU", number=1)
    later = stop(State.CONFIRMED, at(16), counter="1F-LISABEAU", number=2)
    told = legs([later, near, first], DIRECTORY, NOON)
    assert [leg.appointment for leg in told] == [first, near, later]
    assert [leg.gap for leg in told] == [timedelta(minutes=5), timedelta(minutes=55), None]
    assert [leg.walking for leg in told] == [timedelta(minutes=7), timedelta(), None]
    assert [leg.is_tight for leg in told] == [True, False, False]


def test_the_way_leads_past_what_does_not_take_place() -> None:
    first, last = stop(State.COMPLETED, at(13)), stop(State.CONFIRMED, at(17), number=2)
    for state in (State.CANCELLED, State.DECLINED, State.NO_SHOW, State.EXPIRED):
        gone = stop(state, at(15), counter="1F-LISABEAU", number=1)
        told = legs([first, gone, last], DIRECTORY, NOON)
        assert [(leg.gap, leg.walking) for leg in told] == [
            (timedelta(hours=3), timedelta()),
            (None, None),
            (None, None),
        ]
    lapsed = replace(stop(State.HELD, at(15), number=1), lapses_at=NOON)
    assert legs([first, lapsed, last], DIRECTORY, NOON)[0].gap == timedelta(hours=3)


@pytest.mark.parametrize("gone", [State.CANCELLED, State.LATE_CANCELLED, State.DECLINED, State.EXPIRED, State.NO_SHOW])
def test_a_visit_is_from_the_first_to_the_last_that_takes_place(gone: State) -> None:
    attended, booked = stop(State.COMPLETED, at(15)), stop(State.CONFIRMED, at(17), number=1)
    stops = [stop(gone, at(13), number=2), attended, booked, stop(gone, at(19), number=3)]
    assert span(stops, NOON) == Period(at(15), at(18))
    assert span([stop(gone, at(13)), stop(gone, at(19), number=1)], NOON) == Period(at(13), at(20))


def test_what_is_held_counts_until_it_has_lapsed() -> None:
    stops = [stop(State.HELD, at(13)), stop(State.CONFIRMED, at(15), number=1)]
    assert span(stops, NOON).start == at(13)
    assert span(stops, NOON + timedelta(minutes=5)).start == at(15)


def test_nobody_walks_through_the_night() -> None:
    evening, morning = stop(State.CONFIRMED, at(20)), stop(State.CONFIRMED, at(11, days=1), number=1)
    assert [leg.gap for leg in legs([evening, morning], DIRECTORY, NOON)] == [None, None]
    # 23:30 and 00:45 are of one business day.
    late, later = stop(State.CONFIRMED, at(22, 30)), stop(State.CONFIRMED, at(0, 45, days=1), number=1)
    assert legs([late, later], DIRECTORY, NOON)[0].gap == timedelta(minutes=75)
