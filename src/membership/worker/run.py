"""One worker: the relay, its wake-up call and the schedules, each in a loop of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from membership.campaigns.bookings import BookingWindows
from membership.campaigns.cache import CampaignCache
from membership.coupons.newcomers import TIER_EVENTS, NewlyEligible, OffersToAll
from membership.gifts.service import gift_jobs_on, react_to_sales_and_merges
from membership.gifts.waiting import GiftWaits
from membership.inventory.service import Inventory
from membership.kernel.clock import Clock, SystemClock
from membership.kernel.ids import new_id
from membership.postgres.clock import REFRESH_SECONDS, adjust, adjust_if_reachable
from membership.postgres.database import Database, open_pool
from membership.postgres.migrations import Phase, pending
from membership.postgres.outbox import Handlers
from membership.postgres.snapshot import require_admission
from membership.redis.client import RedisClient, open_redis
from membership.settings import Settings
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from membership.tracing.calls import OFF, Tracing
from membership.visits.ties import Ties
from membership.waitlist.context import WaitlistWorkings
from membership.waitlist.following import follow_appointments
from membership.waitlist.offering import Offering
from membership.waitlist.passing import Passes
from membership.worker.coupons import keep_issuing
from membership.worker.inventory import keep_inventory
from membership.worker.jobs import JOBS, periodic_jobs
from membership.worker.monitor import Watched, monitored
from membership.worker.planning import keep_simulating, simulations_on
from membership.worker.pulses import PATIENCE_SECONDS, PATIENCE_WITH_SIMULATIONS_SECONDS, Beat, Pulses
from membership.worker.relay import Relay, RelayLimits, listen
from membership.worker.schedules import PeriodicJob, run_schedules
from membership.worker.supervise import NotYet, Outages, any_set, close_pool, keep_running
from membership.worker.tally import Tally
from membership.worker.waitlist import keep_offering

_log = structlog.get_logger(__name__)

_GRACE_SECONDS = 25  # below the 30 s after which Kubernetes kills

_JOB_CONNECTIONS = 4
_INVENTORY_CONNECTIONS = 2
_PLANNING_CONNECTIONS = 2
_COUPON_CONNECTIONS = 2
_WAITLIST_CONNECTIONS = 2


class SchemaBehind(NotYet):
    """The database lacks migrations that this code needs."""


async def run_worker(
    settings: Settings,
    *,
    stop: asyncio.Event,
    clock: Clock | None = None,
    handlers: Handlers | None = None,
    jobs: Sequence[PeriodicJob] | None = None,
    monitoring: socket.socket | None = None,
    tracing: Tracing = OFF,
) -> None:
    """Work until `stop` is set, then finish what is in hand; what takes longer than the grace rolls back.

    A lost database ends nothing: each loop starts again with fresh connections until it is back. One that is too new
    for this code ends it within seconds: raises SchemaTooNew, in a group. `monitoring`: a bound socket for probes and
    Prometheus, answered on from the beginning to the end.
    """
    moved = SystemClock()
    clock = clock or moved
    dsn = str(settings.database_url)
    wake = asyncio.Event()
    pulses, tally = Pulses(), Tally()

    async def relay(beat: Beat) -> None:
        async with _database(dsn, RelayLimits().lanes + 1, moved) as database, _redis(settings) as redis:
            reacting = handlers or event_handlers(database, redis)
            relaying = Relay(database, reacting, clock, beat=beat, tracing=tracing, settled=tally.events)
            await relaying.run(stop, wake)

    async def bell(beat: Beat) -> None:
        await listen(dsn, stop, wake, beat=beat)

    async def schedules(beat: Beat) -> None:
        async with _database(dsn, _JOB_CONNECTIONS, moved) as database, _redis(settings) as redis:
            known = periodic_jobs(
                DirectoryCache(database.pool),
                LadderCache(database.pool),
                CampaignCache(database.pool),
                Inventory(database, redis),
                proof=tally.proof,
            )
            todo = known if jobs is None else jobs
            await run_schedules(
                dsn, database, todo, clock, stop, pulses=pulses, tally=tally, beat=beat, tracing=tracing
            )

    async def inventory(beat: Beat) -> None:
        async with _database(dsn, _INVENTORY_CONNECTIONS, moved) as database, _redis(settings) as redis:
            await keep_inventory(Inventory(database, redis), clock, stop, beat=beat)

    async def coupons(beat: Beat) -> None:
        async with _database(dsn, _COUPON_CONNECTIONS, moved) as database:
            await keep_issuing(database, clock, stop, beat=beat, tracing=tracing)

    async def waitlist(beat: Beat) -> None:
        async with _database(dsn, _WAITLIST_CONNECTIONS, moved) as database:
            await keep_offering(Passes(database, offering_on(database)), clock, stop, beat=beat, tracing=tracing)

    async def planning(beat: Beat) -> None:
        async with _database(dsn, _PLANNING_CONNECTIONS, moved) as database:
            await keep_simulating(simulations_on(database, clock), clock, stop, beat=beat, tracing=tracing)

    async def time(beat: Beat) -> None:
        async with _database(dsn, 1, moved) as database:
            while not stop.is_set():
                await adjust_if_reachable(moved, database.pool)
                await require_admission(database.pool)
                beat()
                await any_set(stop, timeout_seconds=REFRESH_SECONDS)

    parts = (relay, bell, schedules, inventory, coupons, waitlist, planning, time)
    outages = Outages(asyncio.get_running_loop().time)
    watched = Watched(pulses, tally, clock, JOBS)
    async with monitored(settings, watched, monitoring, stop), asyncio.TaskGroup() as group:
        loops = [group.create_task(_kept(run, stop, pulses, outages)) for run in parts]
        _log.info("working")
        await stop.wait()
        _log.info("finishing what is in hand")
        _, late = await asyncio.wait(loops, timeout=_GRACE_SECONDS)
        for task in late:
            task.cancel()


async def _kept(run: Callable[[Beat], Awaitable[None]], stop: asyncio.Event, pulses: Pulses, outages: Outages) -> None:
    name = run.__name__
    patience = PATIENCE_WITH_SIMULATIONS_SECONDS if name == "planning" else PATIENCE_SECONDS
    pulse = pulses.loop(name, patience_seconds=patience)
    await keep_running(name, lambda: run(pulse.beat), stop, outages, pulse=pulse)


def event_handlers(database: Database, redis: RedisClient) -> Handlers:
    """Which slice reacts to which event of another."""
    handlers, pool = Handlers(), database.pool
    campaigns, directories = CampaignCache(pool), DirectoryCache(pool)
    coupons = NewlyEligible(OffersToAll(campaigns), directories, LadderCache(pool), new_id)
    for name in TIER_EVENTS:
        handlers.on(name, coupons.on_tier_event)
    gifts = gift_jobs_on(inventory=Inventory(database, redis), campaigns=campaigns, directories=directories)
    react_to_sales_and_merges(handlers, gifts)
    Ties(database, directories, campaigns, GiftWaits(campaigns, directories)).react(handlers)
    follow_appointments(handlers, offering_on(database))
    return handlers


def offering_on(database: Database) -> Offering:
    pool = database.pool
    directories, ladders = DirectoryCache(pool), LadderCache(pool)
    windows = BookingWindows(directories, ladders, CampaignCache(pool))
    return Offering(WaitlistWorkings(directories, ladders, new_id, windows.admission))


@asynccontextmanager
async def _database(dsn: str, size: int, clock: SystemClock) -> AsyncIterator[Database]:
    """Work begins in the database's time, however far its clock is moved."""
    pool = await open_pool(dsn, max_size=size)
    try:
        async with pool.acquire() as conn:
            if missing := await pending(conn, Phase.PRE):
                raise SchemaBehind(f"run `membership migrate` first: {', '.join(missing)}")
            await adjust(clock, conn)
        yield Database(pool)
    finally:
        await close_pool(pool)


@asynccontextmanager
async def _redis(settings: Settings) -> AsyncIterator[RedisClient]:
    """It need not be there: whoever uses it goes on without."""
    client = open_redis(str(settings.redis_url), cluster=settings.redis_cluster)
    try:
        yield client
    finally:
        await client.aclose()
