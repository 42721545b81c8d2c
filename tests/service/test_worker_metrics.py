"""What a worker tells Prometheus of both servers and of itself, and what a look at them may cost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from membership.inventory.service import Inventory
from membership.kernel.clock import SystemClock
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import Handlers, RetryPolicy
from membership.redis.client import RedisClient, open_redis
from membership.worker import sight as sights
from membership.worker.inventory import check_inventory
from membership.worker.jobs import JOBS
from membership.worker.metrics import WorkerMetrics
from membership.worker.pulses import Pulses
from membership.worker.relay import Relay
from membership.worker.schedules import PeriodicJob, run_schedules
from membership.worker.sight import Sight
from membership.worker.tally import Tally
from support import canaries
from support.clock import StoppedClock
from support.drop_world import open_drop
from support.monitoring import Scrape
from support.outbox import COUNTED, counted, emit, exhaust, failing_on, one_round
from support.patience import open_patiently
from support.till_world import TillWorld

PATIENCE_SECONDS = 20
ANN, BOB = new_id(), new_id()


@dataclass
class Watching:
    """A worker's metrics without its loops."""

    metrics: WorkerMetrics
    sight: Sight
    tally: Tally
    pulses: Pulses

    async def scrape(self) -> Scrape:
        """A look at the servers as they are now, however fresh the last one is."""
        self.sight._looked_at = float("-inf")
        await self.metrics.look()
        text = generate_latest(self.metrics.registry).decode()
        canaries.keep_metrics(text)
        return Scrape(text)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


Watch = Callable[[RedisClient], Watching]


@pytest.fixture
def watch(database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> Watch:
    # On a busy machine a look may take its time.
    monkeypatch.setattr(sights, "_LOOK_SECONDS", PATIENCE_SECONDS)

    def make(redis: RedisClient) -> Watching:
        pulses, tally = Pulses(), Tally()
        sight = Sight(database, Inventory(database, redis), clock, jobs=JOBS)
        metrics = WorkerMetrics(database, redis, pulses=pulses, tally=tally, sight=sight, host_clock=SystemClock())
        return Watching(metrics, sight, tally, pulses)

    return make


@pytest.fixture
def watching(watch: Watch, client: RedisClient) -> Watching:
    return watch(client)


# ---- the outbox


async def test_the_outbox_is_as_late_as_its_oldest_event(
    watching: Watching, database: Database, clock: StoppedClock
) -> None:
    empty = await watching.scrape()
    assert (empty.value("membership_outbox_pending"), empty.value("membership_outbox_oldest_seconds")) == (0, 0)

    await emit(database, clock.now(), [counted(ANN, 1)])
    clock.advance(timedelta(seconds=90))
    await emit(database, clock.now(), [counted(BOB, 1)])
    late = await watching.scrape()
    assert (late.value("membership_outbox_pending"), late.value("membership_outbox_oldest_seconds")) == (2, 90)

    relay = Relay(database, Handlers(), clock, settled=watching.tally.events)
    await one_round(relay)
    done = await watching.scrape()
    assert (done.value("membership_outbox_pending"), done.value("membership_outbox_oldest_seconds")) == (0, 0)
    assert done.value("membership_outbox_events_total", outcome="HANDED_ON") == 2


async def test_what_a_dead_letter_parks_is_not_late(
    watching: Watching, database: Database, clock: StoppedClock
) -> None:
    """It waits for an operator, whom the dead letter calls; nothing that is late may hide behind it."""
    await emit(database, clock.now(), [counted(ANN, 1), counted(ANN, 2)])
    handlers = Handlers()
    handlers.on(COUNTED, failing_on(1, ValueError("no")))
    relay = Relay(database, handlers, clock, policy=RetryPolicy(attempts=2), settled=watching.tally.events)
    await exhaust(relay, clock)
    seen = await watching.scrape()

    assert (seen.value("membership_outbox_dead"), seen.value("membership_outbox_parked")) == (1, 1)
    assert (seen.value("membership_outbox_pending"), seen.value("membership_outbox_oldest_seconds")) == (1, 0)
    assert seen.value("membership_outbox_events_total", outcome="POSTPONED") == 1
    assert seen.value("membership_outbox_events_total", outcome="DEAD") == 1


async def test_a_look_at_the_outbox_costs_no_more_the_more_there_is(
    watching: Watching, database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sights, "_MOST_EVENTS", 3)
    await emit(database, clock.now(), [counted(new_id(), 1) for _ in range(5)])
    assert (await watching.scrape()).value("membership_outbox_pending") == 3


# ---- limited units


async def test_units_of_open_pools_are_told_and_those_of_closed_ones_are_not(
    watching: Watching, database: Database, conn: Conn, client: RedisClient, clock: StoppedClock
) -> None:
    world = await open_drop(database, conn, client, clock, units=[3, 2])
    await world.claim(1)
    await world.run("void_units", units=1)
    await world.run("close_pool", pool=1)
    seen = await watching.scrape()

    units = {
        state: seen.value("membership_inventory_pool_units", pool=str(world.pools[0]), state=state)
        for state in ("available", "held", "confirmed", "voided")
    }
    assert units == {"available": 1, "held": 0, "confirmed": 1, "voided": 1}
    assert {labels["pool"] for labels in seen.labels("membership_inventory_pool_units")} == {str(world.pools[0])}
    assert seen.value("membership_inventory_pools_open") == 1
    assert seen.value("membership_inventory_offers", decided_by="REDIS") == 1
    assert seen.value("membership_inventory_offers", decided_by="POSTGRES") == 0


async def test_only_so_many_pools_make_series(
    watching: Watching,
    database: Database,
    conn: Conn,
    client: RedisClient,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sights, "_MOST_POOLS", 2)
    await open_drop(database, conn, client, clock, units=[3, 2, 1])
    seen = await watching.scrape()
    assert len(seen.labels("membership_inventory_pool_units")) == 2 * 4
    assert seen.value("membership_inventory_pools_open") == 3


async def test_a_drift_is_counted_and_its_units_are_told_until_the_next_proof(
    watching: Watching, database: Database, conn: Conn, client: RedisClient, clock: StoppedClock
) -> None:
    world = await open_drop(database, conn, client, clock, units=[3])
    before = await watching.scrape()
    await client.hincrby(f"inventory:{{{world.offer.offer_id}}}:head", f"{world.pools[0]}:free", -2)
    await check_inventory(world.inventory, watching.tally.proof, database, clock.now())
    drifted = await watching.scrape()
    await check_inventory(world.inventory, watching.tally.proof, database, clock.now())
    repaired = await watching.scrape()

    assert before.labels("membership_inventory_drifts_total") == [{}]
    assert [seen.value("membership_inventory_drifts_total") for seen in (before, drifted, repaired)] == [0, 1, 1]
    assert [seen.value("membership_inventory_drift_units") for seen in (before, drifted, repaired)] == [0, 2, 0]
    assert repaired.value("membership_inventory_proofs_total") == 2


async def test_what_no_load_repairs_is_told(
    watching: Watching, database: Database, conn: Conn, client: RedisClient, clock: StoppedClock
) -> None:
    world = await open_drop(database, conn, client, clock, units=[3])
    await conn.execute("UPDATE inventory.pools SET confirmed = 2")
    await check_inventory(world.inventory, watching.tally.proof, database, clock.now())
    assert (await watching.scrape()).value("membership_inventory_disagreements") == 1


async def test_claims_are_counted_by_what_they_came_to(
    database: Database, conn: Conn, client: RedisClient, clock: StoppedClock
) -> None:
    world = await open_drop(database, conn, client, clock, units=[1])
    await world.claim(1)
    await world.claim(1)
    await world.claim(2)
    await world.claim(1, key="another")
    away = open_redis("redis://127.0.0.1:1/0")
    beside = world.process(away)
    await world.claim(3, by=beside)
    await away.aclose()

    assert dict(world.inventory.outcomes) == {
        ("GRANTED", "REDIS"): 1,
        ("REPEATED", "REDIS"): 1,
        ("SOLD_OUT", "REDIS"): 1,
        ("MEMBER_LIMIT_REACHED", "REDIS"): 1,
    }
    assert dict(beside.outcomes) == {("SOLD_OUT", "POSTGRES"): 1}


# ---- points


async def test_the_liability_is_what_lots_hold_and_what_is_owed(
    watching: Watching, till: TillWorld, conn: Conn
) -> None:
    assert (await watching.scrape()).labels("membership_points_liability") == []
    await till.sell(1_000_00)
    await watching.sight.weigh()
    seen = await watching.scrape()

    row = await conn.fetchrow("SELECT sum(remaining) AS remaining, count(*) AS lots FROM points.lots")
    assert row is not None
    assert row["lots"] > 0
    assert seen.value("membership_points_liability", state="outstanding") == row["remaining"]
    assert seen.value("membership_points_liability", state="owed") == 0
    assert {labels["programme"] for labels in seen.labels("membership_points_liability")} == {"CHAOYANG"}
    assert 0 <= seen.value("membership_points_liability_age_seconds") < PATIENCE_SECONDS


async def test_what_members_owe_is_told_apart(watching: Watching, till: TillWorld, conn: Conn) -> None:
    await till.sell(1_000_00)
    await conn.execute("UPDATE points.accounts SET balance = -7, debt = 7")
    await watching.sight.weigh()
    seen = await watching.scrape()
    assert seen.value("membership_points_liability", state="outstanding") == 0
    assert seen.value("membership_points_liability", state="owed") == 7 * await conn.fetchval(
        "SELECT count(*) FROM points.accounts"
    )


# ---- the servers


async def test_what_was_seen_of_a_lost_database_is_not_told_and_what_was_counted_is(
    watch: Watch, client: RedisClient, database: Database, clock: StoppedClock
) -> None:
    watching = watch(client)
    await emit(database, clock.now(), [counted(ANN, 1)])
    await one_round(Relay(database, Handlers(), clock, settled=watching.tally.events))
    before = await watching.scrape()
    await database.pool.close()
    lost = await watching.scrape()

    assert (before.value("membership_sight_up"), lost.value("membership_sight_up")) == (1, 0)
    assert before.labels("membership_outbox_pending") == [{}]
    assert lost.labels("membership_outbox_pending") == []
    assert lost.value("membership_outbox_events_total", outcome="HANDED_ON") == 1


async def test_a_redis_that_hangs_keeps_nothing_else_from_being_told(
    watching: Watching,
    database: Database,
    conn: Conn,
    client: RedisClient,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await open_drop(database, conn, client, clock, units=[3])
    await emit(database, clock.now(), [counted(ANN, 1)])

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(sights, "_LEVELS_SECONDS", 0.05)
    monkeypatch.setattr(Inventory, "levels", hang)
    seen = await watching.scrape()

    assert (seen.value("membership_sight_up"), seen.value("membership_outbox_pending")) == (1, 1)
    assert seen.labels("membership_inventory_pool_units") == []
    assert seen.value("membership_inventory_pools_open") == 1


async def test_many_scrapes_are_one_look(watching: Watching, statements: list[str]) -> None:
    await watching.scrape()
    statements.clear()
    await asyncio.gather(*(watching.metrics.look() for _ in range(20)))
    assert statements == []
    watching.sight._looked_at = float("-inf")
    await asyncio.gather(*(watching.metrics.look() for _ in range(20)))
    assert len([text for text in statements if "platform.outbox" in text]) == 1


# ---- the worker itself


async def test_a_job_is_counted_with_its_failures_and_is_overdue_when_nobody_takes_it(
    watching: Watching, postgres_dsn: str, database: Database, conn: Conn, clock: StoppedClock
) -> None:
    ran = asyncio.Queue[None]()

    async def well(_: Database, __: object) -> int:
        ran.put_nowait(None)
        return 0

    async def badly(_: Database, __: object) -> int:
        ran.put_nowait(None)
        raise ValueError

    jobs = [PeriodicJob("platform.outbox", "0 0 1 1 *", well), PeriodicJob("tiers.ranks", "0 0 1 1 *", badly)]
    for job in jobs:
        await conn.execute(
            "INSERT INTO jobs.pgqueuer_schedules (expression, entrypoint, next_run)"
            " VALUES ('0 0 1 1 *', $1, now() - interval '1 hour')",
            job.name,
        )
    overdue = await watching.scrape()
    stop = asyncio.Event()
    running = asyncio.create_task(
        run_schedules(postgres_dsn, database, jobs, clock, stop, pulses=watching.pulses, tally=watching.tally)
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        await ran.get()
        await ran.get()
    stop.set()
    await running
    seen = await watching.scrape()

    assert overdue.value("membership_job_overdue_seconds", task="tiers.ranks") >= 3_600
    assert seen.value("membership_job_overdue_seconds") == 0
    assert seen.value("membership_job_runs_total", task="platform.outbox", outcome="ok") == 1
    assert seen.value("membership_job_runs_total", task="tiers.ranks", outcome="failed") == 1
    assert seen.value("membership_job_runs_total", task="tiers.ranks", outcome="ok") == 0
    assert seen.value("membership_job_seconds_total", task="platform.outbox") > 0
    assert [labels["task"] for labels in seen.labels("membership_job_age_seconds")] == [
        "platform.outbox",
        "tiers.ranks",
    ]


async def test_loops_are_told(watching: Watching) -> None:
    pulse = watching.pulses.loop("relay")
    pulse.beat()
    pulse.fail()
    seen = await watching.scrape()

    assert seen.value("membership_worker_loop_rounds_total", loop="relay") == 1
    assert seen.value("membership_worker_loop_failures_total", loop="relay") == 1
    assert seen.labels("membership_worker_loop_success_age_seconds") == [{"loop": "relay"}]
    assert seen.value("membership_worker_hanging") == 0
