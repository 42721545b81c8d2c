"""What the periodic jobs do: points expire, tiers are reviewed, what may go goes; twice or at once is as once."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from redis.asyncio import Redis

from membership.campaigns.cache import CampaignCache
from membership.inventory.service import Inventory
from membership.kernel.ids import first_id_at, new_id
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.receipts.rules import MOST_DAYS_LATE
from membership.stores.model import OpeningHours, Programme, ProgrammeId, Store, StoreId
from membership.stores.service import Directory, DirectoryCache
from membership.stores.store import Configuration
from membership.tiers.model import HandReason
from membership.tiers.service import LadderCache
from membership.tiers.staff import HandGrants
from membership.worker import jobs
from membership.worker.jobs import (
    JOBS,
    ProgrammeJobs,
    forget_handled_events,
    forget_idempotency_keys,
    forget_unsold_quotes,
    periodic_jobs,
)
from membership.worker.schedules import PeriodicJob, run_job
from sample_store import SampleStore, World, add_member, load_world
from support.clock import StoppedClock
from support.outbox import STAFF

YEARLY = "0 0 1 1 *"
EARNED_AT = datetime(2025, 1, 1, 4, tzinfo=UTC)


@pytest.fixture
async def world(conn: Conn) -> World:
    return await load_world(conn)


@pytest.fixture
def work(database: Database) -> ProgrammeJobs:
    return ProgrammeJobs(DirectoryCache(database.pool), LadderCache(database.pool))


# ---- housekeeping


async def test_idempotency_keys_are_kept_seven_days_and_then_forgotten(
    database: Database, conn: Conn, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 2)
    ages = [timedelta(days=7), timedelta(days=7, microseconds=1), timedelta(days=8), timedelta(days=30), timedelta()]
    for number, age in enumerate(ages):
        await conn.execute(
            "INSERT INTO platform.idempotency_keys VALUES ('till:1', $1, 'hash', '{}', $2)",
            str(number),
            clock.now() - age,
        )
    job = PeriodicJob("x", YEARLY, forget_idempotency_keys)
    assert await run_job(database, job, clock, asyncio.Event()) == 3
    assert await run_job(database, job, clock, asyncio.Event()) == 0
    kept = await conn.fetch("SELECT key FROM platform.idempotency_keys ORDER BY key")
    assert [row["key"] for row in kept] == ["0", "4"]


async def test_handled_events_are_kept_thirty_days_and_unfinished_ones_for_ever(
    database: Database, conn: Conn, clock: StoppedClock
) -> None:
    cutoff = clock.now() - timedelta(days=30)
    for moment in (cutoff - timedelta(milliseconds=1), cutoff):
        for position, state in enumerate(("PENDING", "DEAD", "DONE", "DISCARDED")):
            await conn.execute(
                "INSERT INTO platform.outbox (event_id, ordering_key, name, payload, occurred_at, due_at, state,"
                " handled_at) VALUES ($1, $2, 'x', '{}', $3::timestamptz, $3::timestamptz, $4::text,"
                " CASE WHEN $4::text IN ('DONE', 'DISCARDED') THEN $3::timestamptz END)",
                UUID(int=first_id_at(moment).int + position),
                new_id(),
                moment,
                state,
            )
    job = PeriodicJob("x", YEARLY, forget_handled_events)
    assert await run_job(database, job, clock, asyncio.Event()) == 2
    rows = await conn.fetch("SELECT state, occurred_at < $1 AS old FROM platform.outbox ORDER BY 2, 1", cutoff)
    assert [tuple(row) for row in rows] == [
        ("DEAD", False), ("DISCARDED", False), ("DONE", False), ("PENDING", False), ("DEAD", True), ("PENDING", True),
    ]  # fmt: skip


async def test_unsold_quotes_are_kept_while_a_late_sale_may_name_them_and_sold_ones_for_ever(
    world: World, database: Database, conn: Conn, clock: StoppedClock
) -> None:
    cutoff = clock.now() - timedelta(days=MOST_DAYS_LATE + 1)
    for expires_at in (cutoff, cutoff - timedelta(microseconds=1)):
        for state in ("QUOTED", "ABANDONED", "COMMITTED"):
            await conn.execute(
                "INSERT INTO receipts.quotes (quote_id, programme_id, store_id, till_id, state, training, basket,"
                " inputs, decision, points_to_spend, quoted_at, expires_at, ended_at)"
                " VALUES ($1, $2, $3, $4, $5::text, false, '{}', '{}', '{}', 0, $6, $6,"
                " CASE WHEN $5::text <> 'QUOTED' THEN $6::timestamptz END)",
                new_id(),
                world.chaoyang.programme_id,
                world.chaoyang.store_id,
                world.chaoyang.central_cashier,
                state,
                expires_at,
            )
    assert await forget_unsold_quotes(database, clock.now()) == 2
    assert await forget_unsold_quotes(database, clock.now()) == 0
    rows = await conn.fetch("SELECT state, expires_at < $1 AS old FROM receipts.quotes ORDER BY 2, 1", cutoff)
    assert [tuple(row) for row in rows] == [
        ("ABANDONED", False), ("COMMITTED", False), ("QUOTED", False), ("COMMITTED", True),
    ]  # fmt: skip


async def test_a_cleaner_leaves_what_another_holds_and_does_not_wait_for_it(
    database: Database, conn: Conn, clock: StoppedClock
) -> None:
    long_ago = clock.now() - timedelta(days=60)
    for number in range(3):
        await conn.execute(
            "INSERT INTO platform.idempotency_keys VALUES ('till:1', $1, 'hash', '{}', $2)", str(number), long_ago
        )
        await conn.execute(
            "INSERT INTO platform.outbox"
            " (event_id, ordering_key, name, payload, occurred_at, due_at, handled_at, state)"
            " VALUES ($1, $1, 'x', '{}', $2, $2, $2, 'DONE')",
            UUID(int=first_id_at(long_ago).int + number),
            long_ago,
        )
    for step, table in (
        (forget_idempotency_keys, "platform.idempotency_keys"),
        (forget_handled_events, "platform.outbox"),
    ):
        await conn.execute(f"BEGIN; SELECT FROM {table} LIMIT 1 FOR UPDATE")
        assert await step(database, clock.now()) == 2
        await conn.execute("COMMIT")
        assert await step(database, clock.now()) == 1


# ---- programmes


async def test_expired_points_are_posted_once_by_two_runs_at_once(
    world: World, work: ProgrammeJobs, database: Database, conn: Conn, clock: StoppedClock
) -> None:
    expired_at = clock.now() - timedelta(hours=1)
    members = [await add_member(conn, world.chaoyang) for _ in range(3)]
    for member in members:
        await _add_lot(conn, member, points=70, expires_at=expired_at)
        await _add_lot(conn, member, points=30, expires_at=None)
    job = PeriodicJob("x", YEARLY, work.expire_points)
    stop = asyncio.Event()
    done = await asyncio.gather(run_job(database, job, clock, stop), run_job(database, job, clock, stop))
    assert sum(done) == 3
    entries = await conn.fetch("SELECT points, occurred_at FROM points.entries WHERE kind = 'EXPIRE'")
    assert [tuple(row) for row in entries] == [(70, expired_at)] * 3
    balances = await conn.fetch("SELECT balance FROM points.accounts")
    assert [row["balance"] for row in balances] == [30] * 3


async def _add_lot(conn: Conn, member: MembershipKey, *, points: int, expires_at: datetime | None) -> None:
    entry = new_id()
    await conn.execute(
        "INSERT INTO points.entries VALUES"
        " ($1, $2, $3, 'ADJUST', 'ADJUSTMENT', 'MEMBER', $4, $1, 'x', '1', NULL, $5, $5, '2025-01-01')",
        entry,
        member.member_id,
        member.programme_id,
        points,
        EARNED_AT,
    )
    await conn.execute(
        "INSERT INTO points.lots (lot_id, member_id, programme_id, entry_id, rule, revision, points, remaining,"
        " activates_at, expires_at) VALUES ($1, $2, $3, $1, 'BASE', '1', $4, $4, $5, $6)",
        entry,
        member.member_id,
        member.programme_id,
        points,
        EARNED_AT,
        expires_at,
    )
    await conn.execute(
        "UPDATE points.accounts SET balance = balance + $2 WHERE member_id = $1",
        member.member_id,
        points,
    )


async def test_a_tier_that_ends_is_warned_of_and_then_stepped_down_once_by_two_runs_at_once(
    world: World, work: ProgrammeJobs, database: Database, conn: Conn, clock: StoppedClock
) -> None:
    member = await _add_silver(world.chaoyang, database, conn, clock)
    job = PeriodicJob("x", YEARLY, work.review_tiers)
    steps = []
    for _ in range(3):
        stop = asyncio.Event()
        await asyncio.gather(run_job(database, job, clock, stop), run_job(database, job, clock, stop))
        rows = await conn.fetch("SELECT step FROM tiers.reviews WHERE member_id = $1 ORDER BY 1 DESC", member.member_id)
        steps.append([row["step"] for row in rows])
        clock.advance(timedelta(days=60))
    assert steps == [["WARNED"], ["WARNED", "STEPPED_DOWN"], ["WARNED", "STEPPED_DOWN"]]


async def test_a_programme_that_fails_does_not_keep_the_others_from_their_turn(
    world: World, work: ProgrammeJobs, database: Database, conn: Conn, clock: StoppedClock
) -> None:
    members = [await _add_silver(store, database, conn, clock) for store in (world.chaoyang, world.brompton)]
    await conn.execute("DELETE FROM tiers.ladders WHERE programme_id = $1", world.chaoyang.programme_id)
    with pytest.raises(ExceptionGroup) as failed:
        await work.review_tiers(database, clock.now())
    assert [type(failure) for failure in failed.value.exceptions] == [KeyError]
    reviewed = await conn.fetch("SELECT member_id FROM tiers.reviews")
    assert [row["member_id"] for row in reviewed] == [members[1].member_id]


async def _add_silver(store: SampleStore, database: Database, conn: Conn, clock: StoppedClock) -> MembershipKey:
    """A member whose second tier ends in ten days, within the notice of every sample ladder."""
    member = await add_member(conn, store)
    today = clock.now().date()
    grants = HandGrants(database, DirectoryCache(database.pool), LadderCache(database.pool), new_id)
    await grants.give(
        STAFF,
        clock.now(),
        member,
        tier=store.ladder.ladder.tiers[1].code,
        ends_on=today + timedelta(days=10),
        reason=HandReason.GOODWILL,
        key=f"silver-{member.member_id}",
    )
    return member


async def test_every_job_runs_on_the_sample_world(
    world: World, database: Database, redis: Redis, clock: StoppedClock
) -> None:
    inventory = Inventory(database, redis)
    known = periodic_jobs(
        DirectoryCache(database.pool), LadderCache(database.pool), CampaignCache(database.pool), inventory
    )
    assert [job.name for job in known] == list(JOBS)
    assert len({job.name for job in known}) == len(known) == 15
    for job in known:
        await run_job(database, job, clock, asyncio.Event())
        assert await run_job(database, job, clock, asyncio.Event()) == 0, job.name


def test_today_of_a_programme_is_the_date_that_all_its_stores_have_reached() -> None:
    """At 04:30 in Seoul it is 03:30 in Shanghai, before cut-over."""
    programme = Programme(ProgrammeId(new_id()), "P", {}, "CNY", 2, ())
    directory = Directory(
        Configuration(
            programmes=(programme,),
            stores=(_store(programme, "Asia/Seoul"), _store(programme, "Asia/Shanghai")),
            floors=(), brands=(), categories=(), tender_types=(), counters=(), tills=(),
        )
    )  # fmt: skip
    now = datetime(2025, 11, 12, 19, 30, tzinfo=UTC)
    assert directory.earliest_business_date(programme.programme_id, now) == date(2025, 11, 12)
    assert directory.earliest_business_date(programme.programme_id, now + timedelta(minutes=30)) == date(2025, 11, 13)
    assert directory.earliest_business_date(ProgrammeId(new_id()), now) is None


def _store(programme: Programme, zone: str) -> Store:
    hours = OpeningHours(weekly={})
    return Store(StoreId(new_id()), programme.programme_id, zone, {}, ZoneInfo(zone), time(4), hours)
