"""Everything about appointments that is measured in this process, in the order in which the database fills."""

from collections.abc import Callable

from membership.bench.contest import Plan
from membership.bench.diaries import add_past, open_diaries
from membership.bench.figures import AnyResult, bookings_result, listing_result, proposals_result, storm_result
from membership.bench.listing import measure_listing, measure_proposals
from membership.bench.storm import CLIENTS, measure_bookings, measure_storm
from membership.settings import Settings

LONGER = 100
"""Of two pasts, how many times as long the second one is."""
STEPS = 5
_CLIENTS = 8
_DAYS = (1, 7)


async def measure_diaries(settings: Settings, plan: Plan, *, advance: Callable[[], None]) -> list[AnyResult]:
    """A day listed beside a short and a long past; visits proposed; bookings without rivals, and storms. `advance` is
    called after each of `STEPS` steps, and after each round of a storm."""
    diaries = await open_diaries(settings, associates=plan.associates)
    advance()
    results: list[AnyResult] = []
    since, appointments = 1, 0
    for days in (plan.past_days, plan.past_days * LONGER):
        appointments = await add_past(settings, diaries, since=since, days=days)
        since = days + 1
        listed = await measure_listing(settings, diaries, calls=plan.listings, appointments=appointments)
        results.append(listing_result(listed))
        advance()
    for days in _DAYS:
        proposed = await measure_proposals(settings, diaries, calls=plan.listings, days=days)
        results.append(proposals_result(proposed, days=days, appointments=appointments))
    advance()
    booked = await measure_bookings(settings, diaries, calls=plan.bookings, clients=_CLIENTS)
    results.append(bookings_result(booked, clients=_CLIENTS))
    advance()
    stormed = await measure_storm(settings, diaries, rounds=plan.storms, advance=advance)
    results.append(storm_result(stormed, clients=CLIENTS))
    return results
