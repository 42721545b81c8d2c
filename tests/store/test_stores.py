"""Configuration as it is stored comes back as the model, in one consistent reading, kept for a moment."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.errors import UnknownStore, UnknownTill
from membership.stores.model import (
    ActivationLevel,
    Brand,
    BrandId,
    Category,
    CategoryId,
    Counter,
    CounterId,
    Floor,
    FloorId,
    NeverExpires,
    OpeningHours,
    Programme,
    ProgrammeId,
    ProgrammeTerms,
    Redemption,
    ReturnPolicy,
    RollingMonths,
    Store,
    StoreId,
    TenderType,
    TermsRevision,
    TierMultiplier,
    Till,
    TillId,
    WalkingTimes,
)
from membership.stores.service import Directory, DirectoryCache
from membership.stores.store import SQL, Configuration, load_configuration
from support.blocked import until_blocked
from support.clock import StoppedClock

REVOKED_AT = datetime(2025, 11, 13, 2, 0, tzinfo=UTC)
NAMES = {"en": "Name", "zh-CN": "名称"}

PROGRAMME, OTHER = ProgrammeId(new_id()), ProgrammeId(new_id())
STORE, FLOOR, BRAND, CATEGORY = StoreId(new_id()), FloorId(new_id()), BrandId(new_id()), CategoryId(new_id())
COUNTER = CounterId(new_id())

FIRST_TERMS = ProgrammeTerms(
    activation_delay_days=7,
    expiry=RollingMonths(months=24),
    return_policy=ReturnPolicy.WITHIN_BALANCE,
    expired_refund_grace_days=30,
    redemption=Redemption(block_points=100, value_minor=100, value_minor_by_tier={"DIAMOND": 150}),
    standing_rules=(TierMultiplier(code="T", basis_points_by_tier={"GOLD": 15_000}),),
    second_person_from_points=10_000,
)
SECOND_TERMS = FIRST_TERMS.model_copy(update={"expiry": NeverExpires(), "redemption": None})

STORED = Configuration(
    programmes=(
        Programme(
            PROGRAMME,
            "CITY",
            NAMES,
            "CNY",
            2,
            (
                TermsRevision(1, datetime(2024, 1, 1, tzinfo=UTC), FIRST_TERMS),
                TermsRevision(2, datetime(2025, 1, 1, tzinfo=UTC), SECOND_TERMS),
            ),
        ),
        Programme(OTHER, "RIVER", NAMES, "KRW", 0, ()),
    ),
    stores=(
        Store(
            STORE,
            PROGRAMME,
            "NORTH",
            NAMES,
            ZoneInfo("Asia/Shanghai"),
            time(4),
            OpeningHours(weekly={1: (time(10), time(22)), 2: None}),
            WalkingTimes(same_floor_minutes=5, per_floor_minutes=2),
        ),
    ),
    floors=(Floor(FLOOR, STORE, "B1", NAMES, -1), Floor(FloorId(new_id()), STORE, "1F", NAMES, 1)),
    brands=(Brand(BRAND, PROGRAMME, "LIN", NAMES, False, True, ActivationLevel.SELECTIVE),),
    categories=(Category(CATEGORY, PROGRAMME, "WATCH", NAMES, 2_000, True, False),),
    tender_types=(TenderType(PROGRAMME, "CARD", NAMES, 10_000, 5_000),),
    counters=(Counter(COUNTER, STORE, FLOOR, BRAND, "LIN-1", 2_500),),
    tills=(
        Till(TillId(new_id()), STORE, None, "CENTRAL", None),
        Till(TillId(new_id()), STORE, COUNTER, "LIN-1", None),
        Till(TillId(new_id()), STORE, COUNTER, "LIN-2", REVOKED_AT),
    ),
)
CENTRAL, OWN, STOLEN = STORED.tills


class _Row(NamedTuple):
    table: str
    values: tuple[object, ...]


def _rows() -> list[_Row]:
    """The stored configuration as rows, the last ones first where order should not depend on insertion."""
    names = '{"en": "Name", "zh-CN": "名称"}'
    rows = [
        _Row("programmes", (OTHER, "RIVER", names, "KRW", 0)),
        _Row("programmes", (PROGRAMME, "CITY", names, "CNY", 2)),
    ]
    terms = STORED.programmes[0].terms
    rows += [
        _Row("programme_terms", (PROGRAMME, entry.revision, entry.effective_from, entry.terms.model_dump_json()))
        for entry in reversed(terms)
    ]
    hours, walking = STORED.stores[0].opening_hours.model_dump_json(), STORED.stores[0].walking.model_dump_json()
    rows += [_Row("stores", (STORE, PROGRAMME, "NORTH", names, "Asia/Shanghai", time(4), hours, walking))]
    rows += [
        _Row("floors", (floor.floor_id, STORE, floor.code, names, floor.position)) for floor in reversed(STORED.floors)
    ]
    rows += [
        _Row("brands", (BRAND, PROGRAMME, "LIN", names, False, True, "SELECTIVE")),
        _Row("categories", (CATEGORY, PROGRAMME, "WATCH", names, 2_000, True, False)),
        _Row("tender_types", (PROGRAMME, "CARD", names, 10_000, 5_000)),
        _Row("counters", (COUNTER, STORE, FLOOR, BRAND, "LIN-1", 2_500)),
    ]
    rows += [
        _Row("tills", (till.till_id, STORE, till.counter_id, till.code, till.revoked_at))
        for till in reversed(STORED.tills)
    ]
    return rows


async def _insert(conn: Conn, row: _Row) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(row.values) + 1))
    await conn.execute(f"INSERT INTO stores.{row.table} VALUES ({places})", *row.values)


@pytest.fixture
async def stored(conn: Conn) -> None:
    for row in _rows():
        await _insert(conn, row)


async def test_what_is_stored_comes_back_as_the_model(stored: None, conn: Conn) -> None:
    assert await load_configuration(conn) == STORED


async def test_an_empty_database_is_an_empty_configuration(conn: Conn) -> None:
    assert await load_configuration(conn) == Configuration((), (), (), (), (), (), (), ())


async def test_a_till_is_revoked_once(stored: None, conn: Conn) -> None:
    assert await SQL.revoke_till.maybe(conn, OWN.till_id, REVOKED_AT) is not None
    assert await SQL.revoke_till.maybe(conn, OWN.till_id, REVOKED_AT + timedelta(days=1)) is None
    configuration = await load_configuration(conn)
    assert configuration.tills == (CENTRAL, replace(OWN, revoked_at=REVOKED_AT), STOLEN)


def test_the_directory_finds_by_id_and_by_code() -> None:
    directory = Directory(STORED)
    assert directory.programme(PROGRAMME) is STORED.programmes[0]
    assert directory.find_programme_by_code("RIVER") is STORED.programmes[1]
    assert directory.store(STORE) is directory.find_store_by_code("NORTH") is STORED.stores[0]
    assert directory.floor(FLOOR) is STORED.floors[0]
    assert directory.brand(BRAND) is STORED.brands[0]
    assert directory.category(CATEGORY) is directory.find_category_by_code(PROGRAMME, "WATCH") is STORED.categories[0]
    assert directory.counter(COUNTER) is directory.find_counter_by_code(STORE, "LIN-1") is STORED.counters[0]
    assert directory.find_till_by_code(STORE, "LIN-2") is STOLEN
    assert directory.tender_types(PROGRAMME) == {"CARD": STORED.tender_types[0]}


def test_the_directory_says_what_it_does_not_have() -> None:
    directory = Directory(STORED)
    assert directory.find_programme_by_code("CITY ") is None
    assert directory.find_store_by_code("SOUTH") is None
    # Codes belong to their programme or store.
    assert directory.find_category_by_code(OTHER, "WATCH") is None
    assert directory.find_counter_by_code(StoreId(new_id()), "LIN-1") is None
    assert directory.find_till_by_code(StoreId(new_id()), "LIN-2") is None
    assert directory.tender_types(OTHER) == {}
    missing = StoreId(new_id())
    with pytest.raises(UnknownStore, match=str(missing)):
        directory.store(missing)


def test_only_a_till_in_service_is_found() -> None:
    directory = Directory(STORED)
    assert directory.till(OWN.till_id) is OWN
    for till_id in (STOLEN.till_id, TillId(new_id())):
        with pytest.raises(UnknownTill):
            directory.till(till_id)


async def test_the_directory_is_read_again_when_it_is_old(
    stored: None, database: Database, conn: Conn, clock: StoppedClock
) -> None:
    cache = DirectoryCache(database.pool, max_age=timedelta(seconds=10))
    first = await cache.directory(clock.now())
    await SQL.revoke_till.maybe(conn, OWN.till_id, clock.now())
    clock.advance(timedelta(seconds=10) - timedelta(microseconds=1))
    assert await cache.directory(clock.now()) is first
    clock.advance(timedelta(microseconds=1))
    with pytest.raises(UnknownTill):
        (await cache.directory(clock.now())).till(OWN.till_id)


async def test_callers_that_find_it_old_share_one_reading(
    stored: None, database: Database, clock: StoppedClock, statements: list[str]
) -> None:
    cache = DirectoryCache(database.pool)
    directories = await asyncio.gather(*(cache.directory(clock.now()) for _ in range(20)))
    assert len({id(directory) for directory in directories}) == 1
    assert statements.count(SQL.list_stores.text) == 1


@pytest.fixture
async def rival(postgres_dsn: str) -> AsyncIterator[Conn]:
    rival = await asyncpg.connect(postgres_dsn)
    yield rival
    await rival.close()


async def test_a_directory_is_of_one_moment(
    stored: None, database: Database, conn: Conn, rival: Conn, clock: StoppedClock
) -> None:
    """A till is added with its counter while the directory is read: it has both or neither, never half."""
    counter, till = new_id(), new_id()
    await rival.execute("BEGIN; LOCK TABLE stores.tills")
    reading = asyncio.create_task(DirectoryCache(database.pool).reload(clock.now()))
    await until_blocked(conn)
    await _insert(rival, _Row("counters", (counter, STORE, FLOOR, BRAND, "LIN-9", 2_500)))
    await _insert(rival, _Row("tills", (till, STORE, counter, "LIN-9", None)))
    await rival.execute("COMMIT")
    configuration = (await reading).configuration
    counters = {entry.counter_id for entry in configuration.counters}
    assert {entry.counter_id for entry in configuration.tills} - {None} <= counters
