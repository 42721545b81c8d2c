"""Proposals of visits: tables, and against trying everything (A2 for visits)."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import pairwise, permutations, product
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membership.appointments.model import Period, ResourceKind, Service, ServiceRules, Stop, resource_of
from membership.appointments.rules.admitting import Admit, by_horizon
from membership.appointments.rules.deciding import decide
from membership.appointments.rules.hours import given_on, starts
from membership.kernel.errors import DomainError
from membership.stores.model import Store
from membership.stores.rules import local_instant
from membership.stores.service import Directory
from membership.visits import proposing
from membership.visits.model import Proposal, StopOrder, VisitWish, Wish
from membership.visits.rules import searching
from membership.visits.rules.searching import search
from unit.visits.diaries import DAY, MEMBER, NOW, ZONE, Mall, at, resource, service, store

Told = list[tuple[list[int], list[str]]]


def wish_for(mall: Mall, **others: object) -> VisitWish:
    wishes = tuple(Wish(entry.service_id) for entry in mall.services)
    return VisitWish(**({"wishes": wishes, "first_day": DAY} | others))  # type: ignore[arg-type]


def found(mall: Mall, wish: VisitWish) -> tuple[Proposal, ...]:
    return search(wish, mall.diary, mall.walk, member_id=MEMBER, now=NOW).found


def told(mall: Mall, proposals: tuple[Proposal, ...]) -> Told:
    zone = mall.shop.zone
    return [
        (
            [stop.place for stop in proposal.stops],
            [f"{stop.period.start.astimezone(zone):%d %H:%M}" for stop in proposal.stops],
        )
        for proposal in proposals
    ]


def test_the_shortest_visit_comes_first_then_the_earlier() -> None:
    mall = Mall([service(0), service(1, every=45)], busy={resource("room 0"): [Period(at(10), at(11))]})
    assert told(mall, found(mall, wish_for(mall, most=3))) == [
        ([1, 0], ["20 10:45", "20 12:00"]),
        ([0, 1], ["20 11:00", "20 12:15"]),
        ([1, 0], ["20 12:15", "20 13:30"]),
    ]


def test_a_given_order_is_kept() -> None:
    mall = Mall([service(0), service(1)])
    orders = {tuple(stop.place for stop in entry.stops) for entry in found(mall, wish_for(mall, order=StopOrder.GIVEN))}
    assert orders == {(0, 1)}


def test_there_is_time_to_walk_between_floors() -> None:
    mall = Mall([service(0, every=5), service(1, every=5)], floors=(0, 3))
    [first, *_] = found(mall, wish_for(mall))
    assert first.walking == timedelta(minutes=20)
    assert first.stops[1].period.start - first.stops[0].period.end == timedelta(minutes=20)
    assert first.waiting == timedelta()


def test_floors_are_gone_through_in_turn() -> None:
    """Of visits that take equally long the one with less walking; here less walking is also shorter."""
    mall = Mall([service(number, every=5, duration=30) for number in range(4)], floors=(0, 3, 1, 2))
    [first, *_] = found(mall, wish_for(mall))
    assert [stop.place for stop in first.stops] == [0, 2, 3, 1]


def test_of_one_beginning_only_the_best_is_proposed() -> None:
    mall = Mall([service(0), service(1)])
    begun = [proposal.period.start for proposal in found(mall, wish_for(mall, most=20))]
    assert len(begun) == len(set(begun))


def test_a_day_does_not_fill_the_list_while_others_have_something() -> None:
    mall = Mall([service(0), service(1)])
    days = [proposal.day for proposal in found(mall, wish_for(mall, days=3, most=6))]
    assert sorted(days) == [DAY] * 2 + [DAY + timedelta(days=1)] * 2 + [DAY + timedelta(days=2)] * 2 or len(days) == 6
    assert {day: days.count(day) for day in days} == {DAY: 3, DAY + timedelta(days=1): 3}


def test_a_day_alone_fills_the_list() -> None:
    closed = {resource("room 0"): [Period(at(0, days=1), at(0, days=9))]}
    mall = Mall([service(0), service(1)], busy=closed)
    assert len(found(mall, wish_for(mall, days=4, most=6))) == 6


@pytest.mark.parametrize(
    ("earliest", "latest", "first", "last"),
    [
        (time(11), None, "20 11:00", None),
        (None, time(14), None, "20 14:00"),
        (time(12), time(14, 30), "20 12:00", "20 14:30"),
    ],
)
def test_times_of_day_bound_a_visit(
    earliest: time | None, latest: time | None, first: str | None, last: str | None
) -> None:
    mall = Mall([service(0), service(1)])
    proposals = found(mall, wish_for(mall, earliest=earliest, latest=latest, most=20))
    assert proposals
    zone = mall.shop.zone
    if first is not None:
        assert min(f"{proposal.period.start.astimezone(zone):%d %H:%M}" for proposal in proposals) >= first
    if last is not None:
        assert max(f"{proposal.period.end.astimezone(zone):%d %H:%M}" for proposal in proposals) <= last


def test_a_time_before_the_cut_over_is_past_midnight() -> None:
    mall = Mall([service(0), service(1)], shop=store(time(18), time(2)))
    proposals = found(mall, wish_for(mall, latest=time(0, 30), most=20))
    assert max(proposal.period.end for proposal in proposals) <= at(0, 30, days=1)
    late = found(mall, wish_for(mall, earliest=time(23), most=20))
    assert min(proposal.period.start for proposal in late) == at(23)
    assert max(proposal.period.end for proposal in late) == at(2, days=1)


def test_two_stops_that_want_one_associate_do_not_get_them_at_once() -> None:
    """The first could be served by either; whom it gets is not free for the second, who asked for somebody."""
    both = {ResourceKind.ASSOCIATE: ("lin", "mei")}
    fitting = service(0, candidates=both, after_minutes=60)
    viewing = service(1, counter_number=0, candidates=both, after_minutes=60)
    mall = Mall([fitting, viewing])
    wish = VisitWish((Wish(fitting.service_id, resource("lin")), Wish(viewing.service_id, resource("lin"))), DAY)
    [first, *_] = found(mall, wish)
    assert first.stops[1].period.start - first.stops[0].period.end >= timedelta(minutes=60)
    assert first.stops[0].chosen.resources == {ResourceKind.ASSOCIATE: resource("lin")}


def test_what_a_booking_would_refuse_is_not_proposed_whatever_the_search_thinks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    same = {ResourceKind.ROOM: ("the room",)}
    mall = Mall([service(number, counter_number=0, candidates=same, after_minutes=30) for number in range(2)])
    monkeypatch.setattr(searching, "_rivals", lambda wishes, services: [0] * len(wishes))
    for proposal in found(mall, wish_for(mall)):
        assert proposal.stops[1].period.start - proposal.stops[0].period.end >= timedelta(minutes=30)


def test_where_a_stop_cannot_be_made_nothing_is_proposed() -> None:
    mall = Mall([service(0), service(1)], busy={resource("room 1"): [Period(at(0), at(0, days=1))]})
    assert found(mall, wish_for(mall)) == ()


def test_a_search_that_stops_early_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    mall = Mall([service(number) for number in range(3)])
    assert search(wish_for(mall), mall.diary, mall.walk, member_id=MEMBER, now=NOW).complete
    monkeypatch.setattr(searching, "MOST_STATES", 5)
    assert not search(wish_for(mall), mall.diary, mall.walk, member_id=MEMBER, now=NOW).complete
    same = {ResourceKind.ROOM: ("the room",)}
    crowded = Mall([service(number, candidates=same) for number in range(3)])
    monkeypatch.setattr(searching, "MOST_STATES", 100_000)
    monkeypatch.setattr(searching, "MOST_DECISIONS", 2)
    assert not search(wish_for(crowded), crowded.diary, crowded.walk, member_id=MEMBER, now=NOW).complete


# ---- against trying everything

Cost = tuple[timedelta, datetime, timedelta, tuple[int, ...]]


def everything(mall: Mall, wish: VisitWish, day: date, now: datetime) -> Iterator[tuple[Cost, dict[int, Stop]]]:
    """Every visit of a day that could be booked: all orders, all starts of the grid, put to `decide`."""
    services = [mall.diary.services[entry.service_id] for entry in wish.wishes]
    grids = [list(grid(mall, entry, day, wish)) for entry in services]
    orders = [tuple(range(len(services)))] if wish.order is StopOrder.GIVEN else permutations(range(len(services)))
    for order in orders:
        for moments in product(*(grids[place] for place in order)):
            periods = [
                Period(start, start + services[place].rules.duration)
                for place, start in zip(order, moments, strict=True)
            ]
            walks = [mall.walk(services[one].counter_id, services[other].counter_id) for one, other in pairwise(order)]
            if any(
                following.start < before.end + walk
                for (before, following), walk in zip(pairwise(periods), walks, strict=True)
            ):
                continue
            stops = {
                place: Stop(wish.wishes[place].service_id, start, wish.wishes[place].associate_id)
                for place, start in zip(order, moments, strict=True)
            }
            if not decide(mall.diary, stops, member_id=MEMBER, now=now).refusals:
                yield (periods[-1].end - periods[0].start, moments[0], sum(walks, timedelta()), order), stops


def grid(mall: Mall, entry: Service, day: date, wish: VisitWish) -> Iterator[datetime]:
    given_then = given_on(entry.rules, mall.shop, day)
    for start in () if given_then is None else starts(entry.rules, given_then):
        local, ends = (moment.astimezone(mall.shop.zone).time() for moment in (start, start + entry.rules.duration))
        if (wish.earliest is None or wish.earliest <= local) and (wish.latest is None or ends <= wish.latest):
            yield start


def best_of(mall: Mall, wish: VisitWish, now: datetime) -> list[Cost]:
    """Of each beginning the best, of these the best, of one day at most its share before the others had theirs."""
    of_start: dict[datetime, tuple[Cost, date]] = {}
    for day in wish.dates:
        for cost, _ in everything(mall, wish, day, now):
            if cost[1] not in of_start or cost < of_start[cost[1]][0]:
                of_start[cost[1]] = (cost, day)
    ranked, taken = sorted(of_start.values()), dict.fromkeys(wish.dates, 0)
    share = max(3, -(-wish.most // wish.days))
    early: list[Cost] = []
    late: list[Cost] = []
    for cost, day in ranked:
        taken[day] += 1
        (early if taken[day] <= share else late).append(cost)
    return sorted([*early, *late][: wish.most])


def cost_of(proposal: Proposal) -> Cost:
    order = tuple(stop.place for stop in proposal.stops)
    return proposal.period.end - proposal.period.start, proposal.period.start, proposal.walking, order


NAMES = ("a", "b", "c")
LONDON = ZoneInfo("Europe/London")
NIGHTS = store(time(23), time(3), LONDON)
PLACES = [
    (store(time(10), time(14)), DAY),
    (store(time(10), time(14)), DAY),
    # Open past midnight, when clocks are put on or back in that night or the next.
    (NIGHTS, date(2026, 3, 28)),
    (NIGHTS, date(2026, 3, 27)),
    (NIGHTS, date(2026, 10, 24)),
]
HOURLY = ServiceRules(duration_minutes=60, every_minutes=60)


@st.composite
def malls(draw: st.DrawFn) -> tuple[Mall, VisitWish]:
    number = draw(st.integers(1, 3))
    services = []
    for which in range(number):
        # Rooms of their own, or rooms and associates that they have in common, with buffers.
        kinds = draw(st.sampled_from([(), (ResourceKind.ROOM,), (ResourceKind.ASSOCIATE, ResourceKind.ROOM)]))
        candidates = {
            kind: tuple(f"{kind}-{name}" for name in draw(st.sets(st.sampled_from(NAMES), min_size=1)))
            for kind in kinds
        }
        services.append(
            service(
                which,
                counter_number=draw(st.integers(0, number - 1)),
                candidates=candidates or None,
                duration=draw(st.sampled_from([30, 45, 60])),
                every=draw(st.sampled_from([30, 60])),
                before_minutes=draw(st.sampled_from([0, 15])),
                after_minutes=draw(st.sampled_from([0, 30])),
            )
        )
    resources = sorted({one for entry in services for one in entry.resource_ids} | {resource_of(MEMBER)})
    shop, first_day = draw(st.sampled_from(PLACES))
    busy = {one: draw(busy_periods(shop, first_day)) for one in resources}
    mall = Mall(services, draw(st.permutations([0, 1, 2])), busy, shop, draw(admits()))
    by_day = shop.zone == ZONE
    wishes = tuple(
        Wish(
            entry.service_id,
            draw(st.none() | st.sampled_from(entry.candidates[ResourceKind.ASSOCIATE]))
            if ResourceKind.ASSOCIATE in entry.candidates
            else None,
        )
        for entry in services
    )
    return mall, VisitWish(
        wishes,
        first_day,
        days=draw(st.sampled_from([1, 1, 2])),
        order=draw(st.sampled_from(StopOrder)),
        earliest=draw(st.sampled_from([None, None, time(10, 30)])) if by_day else None,
        latest=draw(st.sampled_from([None, None, time(13)])) if by_day else None,
        most=draw(st.sampled_from([1, 4, 20])),
    )


@st.composite
def busy_periods(draw: st.DrawFn, shop: Store, first_day: date) -> list[Period]:
    cuts = sorted(draw(st.sets(st.integers(0, 12), max_size=4)))
    openings = [given_on(HOURLY, shop, first_day + timedelta(days=by)) for by in (0, 1)]
    moments = [entry.start + timedelta(minutes=30 * cut) for entry in openings if entry is not None for cut in cuts]
    return [Period(*pair) for pair in zip(moments[::2], moments[1::2], strict=False)]


@st.composite
def admits(draw: st.DrawFn) -> Admit:
    """Some moments are not open for booking."""
    closed = draw(st.sets(st.sampled_from([0, 10, 11, 12, 13, 23]), max_size=1))

    def admit(entry: Service, shop: Store, starts_at: datetime, now: datetime) -> DomainError | None:
        if starts_at.astimezone(shop.zone).hour in closed:
            return DomainError()
        return by_horizon(entry, shop, starts_at, now)

    return admit


@settings(max_examples=300)
@given(malls())
def test_the_best_visits_are_found_and_each_of_them_books(drawn: tuple[Mall, VisitWish]) -> None:
    mall, wish = drawn
    now = local_instant(mall.shop.zone, wish.first_day, time(9)) - timedelta(days=1)
    searched = search(wish, mall.diary, mall.walk, member_id=MEMBER, now=now)
    assert searched.complete
    assert [cost_of(proposal) for proposal in searched.found] == best_of(mall, wish, now)
    for proposal in searched.found:
        stops = {stop.place: stop.stop for stop in proposal.stops}
        decision = decide(mall.diary, stops, member_id=MEMBER, now=now)
        assert not decision.refusals
        assert {place: chosen.period for place, chosen in decision.chosen.items()} == {
            stop.place: stop.period for stop in proposal.stops
        }
        assert all(stop.waiting >= timedelta() for stop in proposal.stops)


def crowded(days: int) -> tuple[Mall, VisitWish]:
    """Stops that want the same associates, at any five minutes of some days."""
    both = {ResourceKind.ASSOCIATE: ("lin", "mei")}
    mall = Mall([service(number, every=5, duration=30, candidates=both) for number in range(4)])
    return mall, wish_for(mall, days=days, most=20)


def test_a_search_ends_with_its_time_and_gives_what_it_found() -> None:
    mall, wish = crowded(days=2)
    asked: list[float] = []

    def is_over(part: float) -> bool:
        """The first day has time for a part of it, the second one for nothing."""
        asked.append(part)
        return part > 0.5 or len(asked) > 2_000

    proposals = search(wish, mall.diary, mall.walk, member_id=MEMBER, now=NOW, is_over=is_over)
    in_full = search(wish, mall.diary, mall.walk, member_id=MEMBER, now=NOW)
    assert not proposals.complete
    assert {proposal.day for proposal in proposals.found} == {DAY}
    assert {proposal.day for proposal in in_full.found} == {DAY, DAY + timedelta(days=1)}
    assert set(asked) == {0.5, 1.0}


def test_a_search_without_any_time_looks_at_nothing() -> None:
    mall, wish = crowded(days=1)
    proposals = search(wish, mall.diary, mall.walk, member_id=MEMBER, now=NOW, is_over=lambda _: True)
    assert (proposals.found, proposals.complete) == ((), False)


@pytest.mark.parametrize(("left", "complete"), [(None, True), (30.0, True), (0.0, False)])
async def test_a_search_minds_what_its_operation_has_left(
    left: float | None, complete: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposing, "seconds_left", lambda: left)
    mall = Mall([service(0), service(1)])
    directory = cast(Directory, SimpleNamespace(walking=mall.walk))
    proposals = await proposing.find_visits(directory, wish_for(mall), mall.diary, member_id=MEMBER, now=NOW)
    assert proposals.complete is complete
