"""Who works when, and who is at a counter."""

from datetime import date, timedelta

import pytest

from membership.appointments.model import ResourceKind
from membership.sample.files import PROGRAMMES
from membership.sample.offered import offered, staff_number
from membership.sample.rota import Rota
from membership.sample.seasons import event_days
from sample_generation import FIRST_DAY, place

YEAR = [FIRST_DAY + timedelta(days=number) for number in range(460)]
CODES = [name.upper() for name in PROGRAMMES]


@pytest.mark.parametrize("code", CODES)
def test_shifts_lie_in_the_opening_and_leave_two_days_a_week(code: str) -> None:
    """A6."""
    rota, event = Rota(place(code)), place(code).sample.events[0]
    for rank in range(10):
        for day in YEAR:
            shift, opening = rota.shift(rank, day), rota.opening(day)
            assert shift is None or (opening and opening.start <= shift.start < shift.end <= opening.end)
        quiet = [date(2026, 6, 1) + timedelta(days=number) for number in range(28)]
        assert sum(1 for day in quiet if rota.shift(rank, day)) == 20
        first, last = event_days(event, 2026)
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        assert all(rota.shift(rank, day) for day in days)


def test_two_neighbours_cover_the_day_of_an_event() -> None:
    rota, saturday = Rota(place("CHAOYANG")), date(2026, 11, 21)
    one, other, opening = rota.shift(0, saturday), rota.shift(1, saturday), rota.opening(saturday)
    assert one and other and opening
    assert min(one.start, other.start) == opening.start
    assert max(one.end, other.end) == opening.end


def test_a_closed_day_has_no_shifts() -> None:
    assert {Rota(place("HANGANG")).shift(rank, date(2026, 9, 25)) for rank in range(10)} == {None}


@pytest.mark.parametrize("code", CODES)
def test_counters_have_two_to_ten_associates_with_numbers_and_names_of_their_own(code: str) -> None:
    its = offered(code)
    associates = list(its.associates())
    by_counter = [
        sum(1 for resource in associates if resource.counter_id == counter)
        for counter in {resource.counter_id for resource in its.resources}
    ]
    assert len(by_counter) == len(place(code).sample.counters)
    assert all(2 <= number <= 10 for number in by_counter)
    assert len({resource.code for resource in associates}) == len(associates)
    names = [resource.names["en"] for resource in associates]
    assert len(set(names)) > 0.9 * len(names), "two families may be spelt alike"
    assert staff_number(code, place(code).sample.counters[0].code) == associates[0].code


@pytest.mark.parametrize("code", CODES)
def test_each_service_has_somebody_or_something_of_each_kind_it_needs(code: str) -> None:
    of = {resource.resource_id: resource for resource in offered(code).resources}
    for service in offered(code).services:
        for kind, candidates in service.candidates.items():
            assert len(candidates) >= (2 if kind is ResourceKind.ASSOCIATE else 1), service.code
            assert all(of[entry].kind is kind and of[entry].counter_id == service.counter_id for entry in candidates)


def test_not_everybody_at_a_counter_can_do_everything() -> None:
    services = offered("CHAOYANG").services
    hauterac = [service for service in services if service.counter_id == services[4].counter_id]
    skilled = [frozenset(service.candidates.get(ResourceKind.ASSOCIATE, ())) for service in hauterac]
    assert len(set(skilled)) == len(hauterac) > 1
