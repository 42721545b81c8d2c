"""Everything about appointments that is measured in this process, in the order in which the database fills."""

from collections.abc import Awaitable, Callable

from membership.bench.contest import Plan
from membership.bench.diaries import add_past, open_diaries
from membership.bench.figures import AnyResult, bookings_result, listing_results, proposals_result, storm_result
from membership.bench.listing import Listed, measure_listing, measure_proposals
from membership.bench.storm import CLIENTS, measure_bookings, measure_storm
from membership.bench.world import Places

LONGER = 100
"""Of two pasts, how many times as long the second one is."""
STEPS = 4
_CLIENTS = 8
_DAYS = (1, 7)


async def measure_diaries(
    places: Places, plan: Plan, *, copy: Callable[[], Awaitable[None]], advance: Callable[[], None]
) -> list[AnyResult]:
    """A day listed beside a short and a long past, back to back; with the long one visits proposed, bookings without
    rivals, and storms. `copy` makes a database whose past can become long. `advance` is called after each of `STEPS`
    steps, and after each round of listings and of storms."""
    short, long = places.diaries.settings, places.past.settings
    diaries = await open_diaries(short, associates=plan.associates)
    in_short = await add_past(short, diaries, since=1, days=plan.past_days)
    advance()
    await copy()
    in_long = await add_past(long, diaries, since=plan.past_days + 1, days=plan.past_days * LONGER)
    advance()
    listed: list[tuple[Listed, Listed]] = []
    for _ in range(plan.rounds):
        calls = max(1, plan.listings // plan.rounds)
        listed.append(
            (
                await measure_listing(short, diaries, calls=calls, appointments=in_short),
                await measure_listing(long, diaries, calls=calls, appointments=in_long),
            )
        )
        advance()
    results: list[AnyResult] = [*listing_results(listed)]
    for days in _DAYS:
        proposed = await measure_proposals(long, diaries, calls=plan.listings, days=days)
        results.append(proposals_result(proposed, days=days, appointments=in_long))
    advance()
    booked = await measure_bookings(long, diaries, calls=plan.bookings, clients=_CLIENTS)
    results.append(bookings_result(booked, clients=_CLIENTS))
    advance()
    stormed = await measure_storm(long, diaries, rounds=plan.storms, advance=advance)
    results.append(storm_result(stormed, clients=CLIENTS))
    return results
