"""Which visits could be made, the best first. Pure: the diary was read before.

A proposal lies in one opening of the store: a visit is one trip. Between two stops there is time to walk. A proposal is
better than another if, in this order,

    less time lies between its stops, walking and waiting together, so that it is over sooner after it began
    it begins earlier
    less of that time is walked
    its stops come in the order in which they were named

Of those that begin at the same time only the best is proposed, so that no two are the same but for a detail. Where
several days were asked for, no day fills the list while others have something: see `_spread`.

For each day the best visit after each start is found from its end backwards (`_Relaxed`): with the stops left to make
and a stop just made, the earliest start of the next is never worse than a later one. That is exact as long as no two
stops want the same associate, room or place. Those that do are tried by branch and bound (`_Exact`), where what the
stops before have taken is told by `decide`, and `_Relaxed` bounds what can still come of it.

Where a visit is moved, its stops are wishes that stand already: the diary is read without them, and one that is
proposed where it is now is kept with whomever and whatever it has, as a move leaves it (`itinerary.is_kept`). The visit
as it is now is no proposal: the next best is found instead.

Bounds: at most 8 stops on 7 days (`model`), MOST_STATES ends of stops, MOST_DECISIONS asked of `decide`, and the time
that the caller gives, all shared out evenly among the days. Where they do not do, what was found is given, and said not
to be complete.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import chain

from membership.appointments.model import Chosen, Period, ResourceId, ResourceKind, Service, Stop, resource_of
from membership.appointments.rules.deciding import Decision, Diary, decide, with_occupied
from membership.appointments.rules.hours import given_on
from membership.appointments.rules.slots import slots
from membership.members.model import MemberId
from membership.stores.model import Store
from membership.stores.rules import local_instant
from membership.visits.model import PlannedStop, Proposal, Proposals, Standing, StopOrder, VisitWish, Wish
from membership.visits.rules.day_search import Answer, Cost, DaySearch, Stretch
from membership.visits.rules.itinerary import Walk, is_kept, is_reached

MOST_STATES = 120_000
MOST_DECISIONS = 2_000


IsOver = Callable[[float], bool]
"""Whether a part, from 0 to 1, of the time for a search is over."""


def search(
    wish: VisitWish,
    diary: Diary,
    walk: Walk,
    *,
    member_id: MemberId,
    now: datetime,
    is_over: IsOver = lambda _: False,
) -> Proposals:
    """At most `wish.most` proposals. `diary` covers the openings of the days of the wish, and those around them."""
    found: list[tuple[Answer, Proposal]] = []
    complete = True
    for number, day in enumerate(wish.dates, 1):
        # What one day leaves of its time, the next ones have.
        on_day = partial(is_over, number / wish.days)
        searched = _Day(wish, diary, walk, day=day, member_id=member_id, now=now, is_over=on_day)
        found += searched.proposals()
        complete = complete and searched.complete
    return Proposals(_spread(wish, found), complete)


class _Day:
    """One day's stretches of each wish, and what `decide` says of stops on it."""

    def __init__(
        self,
        wish: VisitWish,
        diary: Diary,
        walk: Walk,
        *,
        day: date,
        member_id: MemberId,
        now: datetime,
        is_over: Callable[[], bool],
    ) -> None:
        self._wish, self._diary, self._day = wish, diary, day
        self._member_id, self._now = member_id, now
        self._services = [diary.services[entry.service_id] for entry in wish.wishes]
        self._reached = partial(is_reached, walk, others=[(stop.counter_id, stop.period) for stop in wish.others])
        counters = [service.counter_id for service in self._services]
        self._walk = [[walk(one, other) for other in counters] for one in counters]
        self._search = DaySearch(
            [self._stretches(entry) for entry in wish.wishes],
            [[int(walked.total_seconds()) for walked in row] for row in self._walk],
            rivals=_rivals(wish.wishes, self._services),
            in_order=wish.order is StopOrder.GIVEN,
            accepts=lambda answer: not self._decision(answer).refusals,
            most_states=MOST_STATES // wish.days,
            most_decisions=MOST_DECISIONS // wish.days,
            but=_present(wish.wishes),
            is_over=is_over,
        )

    @property
    def complete(self) -> bool:
        return self._search.complete

    def proposals(self) -> Iterator[tuple[Answer, Proposal]]:
        """The best first."""
        for answer in self._search.best(self._wish.most):
            decision = self._decision(answer)
            # Not with the search as it is. A proposal that does not book would be worse than none.
            if not decision.refusals:
                yield answer, self._proposal(answer, decision)

    def _stretches(self, wish: Wish) -> list[Stretch]:
        """When this stop alone could be made."""
        service = self._diary.services[wish.service_id]
        store = self._diary.stores[service.store_id]
        earliest, latest = bounds_of(self._wish, store, self._day)
        found = slots(
            service,
            store,
            self._day,
            self._diary.taken,
            now=self._now,
            member=resource_of(self._member_id),
            admit=self._diary.admit,
        )
        free = {
            slot.period
            for slot in found
            if wish.associate_id is None or wish.associate_id in slot.free.get(ResourceKind.ASSOCIATE, ())
        }
        return [
            (int(period.start.timestamp()), int(period.end.timestamp()))
            for period in sorted(free.union(self._as_it_is(wish, service, store)))
            if (earliest is None or earliest <= period.start)
            and (latest is None or period.end <= latest)
            and self._reached(service.counter_id, period)
        ]

    def _as_it_is(self, wish: Wish, service: Service, store: Store) -> Iterator[Period]:
        """When a stop that stands takes place now: it is kept though it could no longer be booked then."""
        if wish.standing is None:
            return
        period, given = wish.standing.appointment.period, given_on(service.rules, store, self._day)
        here = Stop(wish.service_id, period.start, wish.associate_id)
        if (
            given is not None
            and given.start <= period.start < given.end
            and period.end - period.start == service.rules.duration
            and is_kept(wish.standing.appointment, here)
        ):
            yield period

    def _decision(self, answer: Answer) -> Decision:
        """What a booking or a move of these stops would be told."""
        asked = dict(zip(answer.order, self._stops(answer), strict=True))
        kept = {place: standing for place, stop in asked.items() if (standing := self._kept(place, stop)) is not None}
        if not kept:
            return decide(self._diary, asked, member_id=self._member_id, now=self._now)
        occupied = chain.from_iterable(standing.occupied for standing in kept.values())
        diary = replace(self._diary, taken=with_occupied(self._diary.taken, occupied))
        moved = {place: stop for place, stop in asked.items() if place not in kept}
        decision = decide(diary, moved, member_id=self._member_id, now=self._now)
        return replace(
            decision, chosen={**decision.chosen, **{place: self._stays(place, entry) for place, entry in kept.items()}}
        )

    def _kept(self, place: int, stop: Stop) -> Standing | None:
        standing = self._wish.wishes[place].standing
        return standing if standing is not None and is_kept(standing.appointment, stop) else None

    def _stays(self, place: int, standing: Standing) -> Chosen:
        """With the resources of whom proposals tell."""
        appointment = standing.appointment
        associate = appointment.associate_id
        served = {} if associate is None else {ResourceKind.ASSOCIATE: associate}
        return Chosen(self._services[place], appointment.period, served)

    def _stops(self, answer: Answer) -> Iterator[Stop]:
        for place, start in zip(answer.order, answer.starts, strict=True):
            wish = self._wish.wishes[place]
            yield Stop(wish.service_id, datetime.fromtimestamp(start, UTC), wish.associate_id)

    def _proposal(self, answer: Answer, decision: Decision) -> Proposal:
        stops = list(self._stops(answer))
        planned = []
        for here, place in enumerate(answer.order):
            chosen, walking, waiting = decision.chosen[place], timedelta(), timedelta()
            if here + 1 < len(stops):
                following = decision.chosen[answer.order[here + 1]].period
                walking = self._walk[place][answer.order[here + 1]]
                waiting = following.start - chosen.period.end - walking
            standing = self._wish.wishes[place].standing
            moves = None if standing is None else standing.appointment.appointment_id
            planned.append(PlannedStop(place, stops[here], chosen, walking, waiting, moves))
        return Proposal(self._day, tuple(planned))


def bounds_of(wish: VisitWish, store: Store, day: date) -> tuple[datetime | None, datetime | None]:
    """Times of the business day, as everywhere: one before the cut-over is past midnight."""
    found: list[datetime | None] = []
    for at in (wish.earliest, wish.latest):
        on = day if at is None or at >= store.cutover else day + timedelta(days=1)
        found.append(None if at is None else local_instant(store.zone, on, at))
    return found[0], found[1]


def _present(wishes: Sequence[Wish]) -> list[int] | None:
    """When the stops of a visit that is moved begin now."""
    standing = [entry.standing.appointment for entry in wishes if entry.standing is not None]
    return [int(stop.period.start.timestamp()) for stop in standing] if len(standing) == len(wishes) else None


def _rivals(wishes: Sequence[Wish], services: Sequence[Service]) -> list[int]:
    """By wish, the others (as bits) that may want an associate, room or place that it wants too."""
    wanted = [_wanted(wish, service) for wish, service in zip(wishes, services, strict=True)]
    return [
        sum(1 << other for other, theirs in enumerate(wanted) if other != place and mine & theirs)
        for place, mine in enumerate(wanted)
    ]


def _wanted(wish: Wish, service: Service) -> frozenset[ResourceId]:
    has = frozenset() if wish.standing is None else frozenset(resource for resource, _ in wish.standing.occupied)
    if wish.associate_id is None:
        return service.resource_ids | has
    others = (resources for kind, resources in service.candidates.items() if kind is not ResourceKind.ASSOCIATE)
    return frozenset({wish.associate_id, *chain.from_iterable(others)}) | has


def _spread(wish: VisitWish, found: Sequence[tuple[Answer, Proposal]]) -> tuple[Proposal, ...]:
    """The best of all, but of one day at most its share (three at least) before the others had theirs."""
    share, of_day = max(3, -(-wish.most // wish.days)), dict.fromkeys(wish.dates, 0)
    ranked = sorted(found, key=_cost)
    first: list[tuple[Answer, Proposal]] = []
    others: list[tuple[Answer, Proposal]] = []
    for answer, proposal in ranked:
        of_day[proposal.day] += 1
        (first if of_day[proposal.day] <= share else others).append((answer, proposal))
    kept = [*first, *others][: wish.most]
    return tuple(proposal for _, proposal in sorted(kept, key=_cost))


def _cost(entry: tuple[Answer, Proposal]) -> Cost:
    return entry[0].cost
