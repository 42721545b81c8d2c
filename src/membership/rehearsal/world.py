"""Who shops and claims during a rehearsal, and what they contest: the sample, a crowd, and a campaign of drops."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import asyncpg

from membership.app import keyring_of
from membership.bench.crowd import Crowd, add_crowd
from membership.bench.season import PROGRAMME, STORE, content_of, schedule
from membership.campaigns.content import Funding, GiftOffer, GiftPool
from membership.gifts.rules.preparing import offer_id_of, pool_id_of
from membership.graph.inventory import POOL
from membership.graph.kit.relay import global_id
from membership.graph.services import make_services
from membership.kernel.clock import SystemClock
from membership.postgres.clock import clock_of, store_offset
from membership.postgres.database import Database, open_pool
from membership.postgres.migrations import migrate
from membership.redis.client import open_redis
from membership.sample import identifiers as ids
from membership.sample.files import sample_programmes
from membership.sample.loading import load_sample
from membership.settings import Settings
from membership.stores.rules import business_date

CAMPAIGN = "REHEARSAL"
_DESK = "B1-PAPER-COURT"
_MAIN = "MAIN"
_PLENTIFUL = 1_000_000
_OFTEN = 1_000
_NOON = time(12)
_FUNDING = Funding(mall_basis_points=6_000, brand_basis_points=4_000)


@dataclass(frozen=True, slots=True)
class Drop:
    """What members claim during one fault: pools of two offers, of which `scarce` has so many units that not everybody
    gets one. `plenty_key`: by which Redis spreads the plentiful offer over its nodes."""

    plenty: str
    scarce: str
    plenty_offer: str
    scarce_offer: str
    units: int
    plenty_key: str


async def create_database(server: str, name: str) -> None:
    """With the planner's settings, which a pooler does not pass on."""
    conn = await asyncpg.connect(server)
    try:
        await conn.execute(f'CREATE DATABASE "{name}"')
        await conn.execute(f'ALTER DATABASE "{name}" SET jit = off')
        await conn.execute(f'ALTER DATABASE "{name}" SET plan_cache_mode = force_generic_plan')
    finally:
        await conn.close()


async def fill(settings: Settings, people: int) -> Crowd:
    """It is noon in the store, whatever the hour is: no business day ends in the middle."""
    dsn, keyring, offset = str(settings.database_url), keyring_of(settings), _until_noon(SystemClock().now())
    now = SystemClock(offset).now()
    await migrate(dsn)
    await load_sample(dsn, keyring=keyring, size=people, today=now.date(), now=now)
    conn = await asyncpg.connect(dsn)
    try:
        await store_offset(conn, offset)
        return await add_crowd(conn, keyring, size=people // 4, now=now)
    finally:
        await conn.close()


def _until_noon(now: datetime) -> timedelta:
    (zone,) = (ZoneInfo(row.store.zone) for row in sample_programmes() if row.programme.code == PROGRAMME)
    return datetime.combine(now.astimezone(zone).date(), _NOON, tzinfo=zone) - now


async def open_drops(settings: Settings, names: Sequence[str], units: int) -> dict[str, Drop]:
    """A drop for each name, planned by one, approved by another, and open at once."""
    rules = [rule for name in names for rule in (_gift(_plenty(name), _PLENTIFUL), _gift(_scarce(name), units))]
    pool = await open_pool(str(settings.database_url), max_size=2)
    redis = open_redis(str(settings.redis_url), cluster=settings.redis_cluster)
    try:
        clock = await clock_of(pool)
        services = make_services(Database(pool), clock, keyring_of(settings), redis=redis)
        store = (await services.directory.directory(clock.now())).store(ids.store_id(STORE))
        today = business_date(store, clock.now())
        campaign_id = await schedule(services, content_of(today.isoformat(), rules), CAMPAIGN)
        await services.close()
    finally:
        await redis.aclose()
        await pool.close()

    def pool_of(code: str) -> str:
        return str(global_id(POOL, pool_id_of(offer_id_of(campaign_id, code), store.store_id, today, _MAIN)))

    return {
        name: Drop(
            plenty=pool_of(_plenty(name)),
            scarce=pool_of(_scarce(name)),
            plenty_offer=f"{CAMPAIGN}/{_plenty(name)}",
            scarce_offer=f"{CAMPAIGN}/{_scarce(name)}",
            units=units,
            plenty_key=f"{{{offer_id_of(campaign_id, _plenty(name))}}}",
        )
        for name in names
    }


def _plenty(name: str) -> str:
    return f"{name}-PLENTY".upper()


def _scarce(name: str) -> str:
    return f"{name}-SCARCE".upper()


def _gift(code: str, units: int) -> GiftOffer:
    return GiftOffer(
        code=code,
        names={"en": code.capitalize()},
        funding=_FUNDING,
        unit_cost_minor=50_00,
        pools=(GiftPool(code=_MAIN, desk=_DESK, units_per_day=units),),
        limit_per_member_day=_OFTEN,
    )
