"""A coupon for everybody: the real run of issue, over as many members as asked for, in a database of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import asyncpg

from membership.app import keyring_of
from membership.bench.season import PROGRAMME, STORE, content_of, schedule, wallet_offer
from membership.bench.servers import BenchFailed
from membership.coupons.context import IssueWorkings
from membership.coupons.issuing import BATCH, Stepped, issue_to_all
from membership.coupons.model import Offer
from membership.coupons.store import list_offers_of_campaign
from membership.graph.services import Services, make_services
from membership.kernel.actor import Actor, Role
from membership.kernel.clock import SystemClock
from membership.postgres.database import Database, open_pool
from membership.postgres.migrations import migrate
from membership.redis.client import open_redis
from membership.sample import identifiers as ids
from membership.sample.configuration import load_configuration_sample, sample_ladders
from membership.settings import Settings
from membership.stores.rules import business_date

_CAMPAIGN = "ISSUE"

# Ids of version 7, as the service makes them: they begin with the time of enrolment, here a second apart.
_MEMBERS = """
    INSERT INTO members.members (member_id, status, preferred_locale, joined_at)
    SELECT {id}, 'ACTIVE', 'zh-CN', $2::timestamptz FROM generate_series(1, $1::integer) AS number
"""
_MEMBERSHIPS = """
    INSERT INTO members.memberships (membership_id, member_id, programme_id, home_store_id, enrolled_at)
    SELECT gen_random_uuid(), member_id, $1::uuid, $2::uuid, joined_at FROM members.members
"""
# A fifth has reached the second tier.
_STANDINGS = """
    INSERT INTO tiers.standings (member_id, programme_id, tier, level, since, ends_on, upcoming, ladder_revision)
    SELECT member_id, $1::uuid, CASE WHEN place % 5 = 0 THEN $3 ELSE $2 END, CASE WHEN place % 5 = 0 THEN 1 ELSE 0 END,
        $4::date, CASE WHEN place % 5 = 0 THEN $4::date + 365 END, '[]', 1
    FROM (SELECT member_id, row_number() OVER (ORDER BY member_id) AS place FROM members.members) entry
"""
_ID = (
    "(lpad(to_hex(1700000000000 + number * 1000::bigint), 12, '0') || '7' || substr(md5(number::text), 1, 3)"
    " || 'a' || substr(md5(number::text), 4, 15))::uuid"
)


@dataclass(frozen=True, slots=True)
class Issued:
    """A pass in which everybody gets a coupon; `again_seconds`: one in which everybody has it. `statements`: sent for
    each batch, besides BEGIN with its settings and COMMIT."""

    members: int
    coupons: int
    seconds: float
    again_seconds: float
    batch: int
    statements: float


async def make_members(settings: Settings, members: int) -> None:
    """A migrated database with the sample's configuration and so many memberships: only what issue reads."""
    dsn, programme_id = str(settings.database_url), ids.programme_id(PROGRAMME)
    await migrate(dsn)
    conn = await asyncpg.connect(dsn)
    try:
        await load_configuration_sample(conn)
        now = SystemClock().now()
        tiers = [tier.code for tier in sample_ladders()[programme_id].ladder.tiers]
        async with conn.transaction():
            await conn.execute(_MEMBERS.format(id=_ID), members, now)
            await conn.execute(_MEMBERSHIPS, programme_id, ids.store_id(STORE))
            await conn.execute(_STANDINGS, programme_id, tiers[0], tiers[1], now.date())
        await conn.execute("VACUUM ANALYZE")
    finally:
        await conn.close()


async def measure_issue(settings: Settings, members: int, progress: Callable[[int], None] = lambda _: None) -> Issued:
    """Approve a campaign with a coupon for all, and issue it as the worker and `membership coupons issue` do."""
    pool = await open_pool(str(settings.database_url), max_size=2)
    redis = open_redis(str(settings.redis_url))
    try:
        services = make_services(Database(pool), SystemClock(), keyring_of(settings), redis=redis)
        now = services.clock.now()
        store = (await services.directory.directory(now)).store(ids.store_id(STORE))
        await schedule(services, content_of(business_date(store, now).isoformat(), [wallet_offer(1)]), _CAMPAIGN)
    finally:
        await redis.aclose()
        await pool.close()
    return await _measure(settings, members, progress)


async def _measure(settings: Settings, members: int, progress: Callable[[int], None]) -> Issued:
    """On connections whose statements are counted: one for the step, one for what caches read beside it."""
    pool = await open_pool(str(settings.database_url), max_size=2)
    seen: list[str] = []
    batches: list[int] = []

    def stepped(step: Stepped) -> None:
        batches.append(len(seen))
        seen.clear()
        progress(step.looked_at)

    try:
        redis = open_redis(str(settings.redis_url))
        services = make_services(Database(pool), SystemClock(), keyring_of(settings), redis=redis)
        workings = IssueWorkings(services.database, services.directory, services.ladders, services.campaign_cache)
        async with pool.acquire() as conn, pool.acquire() as other:
            (offer,) = await list_offers_of_campaign(conn, _CAMPAIGN)
            for logged in (conn, other):
                logged.add_query_logger(lambda query: seen.append(query.query) if _counts(query.query) else None)
        await _fill_caches(services, offer)
        seen.clear()
        issuer, clock = Actor(Role.SERVICE, "bench"), services.clock.now
        began = perf_counter()
        issued = await issue_to_all(workings, issuer, offer, clock=clock, progress=stepped)
        seconds = perf_counter() - began
        began, statements = perf_counter(), median(batches)
        if again := await issue_to_all(workings, issuer, offer, clock=clock):
            raise BenchFailed(f"{again} members got a second coupon")
        await redis.aclose()
        return Issued(members, issued, seconds, perf_counter() - began, BATCH, statements)
    finally:
        await pool.close()


async def _fill_caches(services: Services, offer: Offer) -> None:
    """As in a worker that runs: what is read once is no batch's."""
    now = services.clock.now()
    await services.directory.directory(now)
    await services.ladders.ladders(offer.programme_id, now)
    await services.campaign_cache.revision(offer.revision_id)


def _counts(query: str) -> bool:
    return not query.startswith("BEGIN") and query not in ("COMMIT", "ROLLBACK")
