"""Where no visit is found: the stops that cannot be had even by themselves, for the reasons a booking would have."""

from datetime import datetime, time, timedelta

import pytest

from membership.appointments.errors import BookingSuspended
from membership.appointments.model import Period, ResourceKind, Service, resource_of
from membership.kernel.errors import DomainError
from membership.stores.model import Store
from membership.visits.errors import UnavailableStop
from membership.visits.model import Proposals, VisitWish, Wish
from membership.visits.rules.explaining import unavailable_stops
from unit.visits.diaries import DAY, MEMBER, NOW, Mall, at, resource, service

ALL_DAY = [Period(at(0), at(0, days=3))]


def explained(mall: Mall, now: datetime = NOW, **others: object) -> list[tuple[int, str, str]]:
    wishes = tuple(Wish(entry.service_id) for entry in mall.services)
    wish = VisitWish(**({"wishes": wishes, "first_day": DAY} | others))  # type: ignore[arg-type]
    found = unavailable_stops(wish, mall.diary, mall.walk, member_id=MEMBER, now=now)
    assert all(stop.nearest is None for stop in found)
    return [(stop.place, stop.reason, stop.reason_text) for stop in found]


def test_a_stop_that_is_fully_booked_is_named_and_no_other() -> None:
    mall = Mall([service(0), service(1)], busy={resource("room 1"): ALL_DAY})
    assert explained(mall) == [(1, "SLOT_TAKEN", "SERVICE-1 is fully booked on that day.")]
    assert explained(mall, days=3) == [(1, "SLOT_TAKEN", "SERVICE-1 is fully booked on these days.")]
    assert explained(mall, days=4) == []


def test_stops_that_could_only_be_had_each_by_itself_are_not_blamed() -> None:
    an_hour = [Period(at(0), at(11)), Period(at(12), at(0, days=1))]
    mall = Mall([service(0), service(1)], busy={resource("room 0"): an_hour, resource("room 1"): an_hour})
    assert explained(mall) == []


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        (service(0, hours={"weekly": {}}), "OUTSIDE_HOURS", "SERVICE-0 is not given on that day."),
        (
            service(0, horizon_days=7),
            "TOO_EARLY_TO_BOOK",
            "SERVICE-0 at that time can be booked from 2026-05-13 10:00 (+08:00) on.",
        ),
        (service(0, candidates={ResourceKind.UNIT: ()}), "CAPACITY_REACHED", "SERVICE-0 is fully booked on that day."),
    ],
)
def test_the_reason_is_the_one_a_booking_would_have(given: Service, code: str, text: str) -> None:
    assert explained(Mall([given])) == [(0, code, text)]


def test_times_between_which_nothing_begins_are_told() -> None:
    asked = explained(Mall([service(0)]), earliest=time(18))
    assert asked == [(0, "OUTSIDE_HOURS", "SERVICE-0 is not given on that day between these times.")]


def test_what_is_over_already_is_no_news_but_where_all_is() -> None:
    mall = Mall([service(0)], busy={resource("room 0"): ALL_DAY})
    assert explained(mall, at(13)) == [(0, "SLOT_TAKEN", "SERVICE-0 is fully booked on that day.")]
    assert explained(mall, at(20)) == [(0, "TOO_LATE_TO_BOOK", "It is too late to book SERVICE-0 on that day.")]


def test_several_reasons_are_each_said_of_some_times() -> None:
    """The last hours are taken; before, the member is elsewhere."""
    busy = {resource_of(MEMBER): [Period(at(10), at(14))], resource("room 0"): [Period(at(14), at(16))]}
    assert explained(Mall([service(0)], busy=busy)) == [
        (
            0,
            "MEMBER_ELSEWHERE",
            "The member is not free for SERVICE-0 at some times on that day. "
            "SERVICE-0 is fully booked at some times on that day.",
        )
    ]


def test_who_may_not_book_is_told_until_when() -> None:
    def suspended(entry: Service, shop: Store, starts_at: datetime, now: datetime) -> DomainError | None:
        return BookingSuspended(entry.code, 3, 90, "2026-07-01T10:00+08:00")

    [(_, code, text)] = explained(Mall([service(0)], admit=suspended), days=2)
    assert code == "BOOKING_SUSPENDED"
    assert "2026-07-01 10:00 (+08:00)" in text


def test_an_empty_list_always_says_why() -> None:
    taken = UnavailableStop(0, "TEA", "SLOT_TAKEN", "TEA is fully booked on that day.", None)
    assert Proposals((), True, (taken, taken)).why_none == (
        "TEA is fully booked on that day. Ask for other days or times, or without what cannot be had."
    )
    assert "not all of them one after the other" in (Proposals((), True).why_none or "")
    assert "too many possibilities" in (Proposals((), False).why_none or "")


def test_a_day_on_which_it_is_free_suffices() -> None:
    mall = Mall([service(0)], busy={resource("room 0"): ALL_DAY})
    assert explained(mall, first_day=DAY + timedelta(days=2), days=2) == []
