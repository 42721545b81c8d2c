"""`membership check` holds on what the house makes, and names each law that is broken by hand."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from membership.checks import walking
from membership.checks.laws import LAWS
from membership.checks.model import Area
from membership.checks.service import EXAMPLES
from membership.kernel.randomness import random_bytes
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import open_pool
from membership.postgres.snapshot import snapshot
from membership.receipts.model import SaleId
from membership.sample.loading import load_sample
from sample_generation import NOW, TODAY, repeatable_keyring
from support import drifts
from support.checked import checked, drifting
from support.clock import StoppedClock
from support.servers import Addresses
from support.till_world import TillWorld

PEOPLE = 40

PLANTED = {
    Area.SCHEMA: drifts.SCHEMA,
    Area.LEDGER: drifts.LEDGER,
    Area.RECEIPTS: drifts.RECEIPTS,
    Area.TIERS: drifts.TIERS,
    Area.COUPONS: drifts.COUPONS,
    Area.GIFTS: drifts.GIFTS,
    Area.INVENTORY: drifts.INVENTORY,
    Area.BOOKINGS: drifts.BOOKINGS,
    Area.OUTBOX: drifts.OUTBOX,
}


@pytest.fixture(scope="module")
def own_keys() -> Keyring:
    return repeatable_keyring()


@pytest.fixture(scope="module")
async def sample(addresses: Addresses, server_conn: Conn, own_keys: Keyring) -> AsyncIterator[str]:
    """The name of a database that tests copy."""
    name = f"checked_{secrets.token_hex(8)}"
    await server_conn.execute(f"CREATE DATABASE {name} TEMPLATE {addresses.template} STRATEGY file_copy")
    await load_sample(addresses.dsn(name), keyring=own_keys, size=PEOPLE, today=TODAY, now=NOW)
    yield name
    await server_conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def copy(addresses: Addresses, server_conn: Conn, sample: str) -> AsyncIterator[str]:
    name = f"checked_{secrets.token_hex(8)}"
    await server_conn.execute(f"CREATE DATABASE {name} TEMPLATE {sample} STRATEGY file_copy")
    yield addresses.dsn(name)
    await server_conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_sample_holds_every_law(copy: str, own_keys: Keyring) -> None:
    report = await checked(copy, NOW, keyring=own_keys)
    assert [(str(verdict.law.code), verdict.examples) for verdict in report.drifting] == []
    assert report.unseen == ()
    # Nothing holds of nothing: every table that is walked has rows.
    assert all(report.looked_at[area] for area in Area if area not in {Area.SCHEMA, Area.OUTBOX, Area.IDENTITIES})
    assert drifting(report) == set()


@pytest.mark.parametrize(
    ("area", "law", "statements"),
    [
        pytest.param(area, law, statements, id=f"{area.value} {law}")
        for area, laws in PLANTED.items()
        for law, statements in laws.items()
    ],
)
async def test_a_drift_is_named(copy: str, area: Area, law: str, statements: Sequence[str]) -> None:
    conn = await asyncpg.connect(copy)
    # As a replica applies changes: no trigger fires, no foreign key is asked.
    await conn.execute("SET session_replication_role = replica")
    for statement in statements:
        await conn.execute(statement)
    await conn.close()
    report = await checked(copy, NOW, areas={area})
    assert drifting(report) == {f"{area.value} {law}"}, [verdict.examples for verdict in report.drifting]
    (verdict,) = report.drifting
    assert verdict.examples
    assert all(found.subject and found.stored and found.due for found in verdict.examples)


async def test_a_policy_that_opens_a_wall_is_named(copy: str) -> None:
    """Policies are alternatives: one that lets everybody through makes the others say nothing."""
    conn = await asyncpg.connect(copy)
    await conn.execute("CREATE POLICY all_of_it ON members.members FOR SELECT TO membership_reader USING (true)")
    await conn.close()
    report = await checked(copy, NOW, areas={Area.SCHEMA})
    assert drifting(report) == {"schema walls"}
    assert [found.subject for found in report.drifting[0].examples] == ["policy all_of_it of members.members"]


async def test_claims_that_nobody_counts_are_named(copy: str) -> None:
    """Without a count a member begins at zero, and claims all of the limit again."""
    conn = await asyncpg.connect(copy)
    await conn.execute("DELETE FROM inventory.member_counts")
    await conn.close()
    report = await checked(copy, NOW, areas={Area.INVENTORY})
    assert drifting(report) == {"inventory I4"}
    assert {found.stored for found in report.drifting[0].examples} == {"not counted"}


def test_every_law_is_broken_once() -> None:
    """A new law comes with the drift that shows it; that of keys is the next test."""
    broken = {(area, law) for area, laws in PLANTED.items() for law in laws}
    assert {(area, law.code) for area, laws in LAWS.items() for law in laws} == broken | {(Area.IDENTITIES, "keys")}


async def test_a_key_that_settings_lack_is_named(copy: str) -> None:
    others = Keyring(hash_keys={2: b"h" * 32}, encryption_keys={2: b"e" * 32}, random_bytes=random_bytes)
    report = await checked(copy, NOW, areas={Area.IDENTITIES}, keyring=others)
    (verdict,) = report.drifting
    assert [(found.subject, found.stored) for found in verdict.examples] == [
        ("MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS", "no version 1"),
        ("MEMBERSHIP_IDENTITY_HASH_KEYS", "no version 1"),
    ]
    unseen = await checked(copy, NOW, areas={Area.IDENTITIES})
    assert (unseen.holds, unseen.unseen) == (True, ("identities: settings have no keys",))


async def test_a_stretch_at_a_time_finds_the_same(copy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row of a table is in one stretch, also where a drift lies in each of them; a few examples are kept."""
    conn = await asyncpg.connect(copy)
    await conn.execute("UPDATE points.accounts SET balance = balance + 1")
    accounts = await conn.fetchval("SELECT count(*) FROM points.accounts")
    await conn.close()
    for at_once in (7, 10_000):
        monkeypatch.setattr(walking, "AT_ONCE", at_once)
        report = await checked(copy, NOW, areas={Area.LEDGER})
        assert {verdict.law.code: verdict.drifts for verdict in report.drifting} == {
            "L1": accounts,
            "L1 lots": accounts,
        }
        assert all(len(verdict.examples) == EXAMPLES for verdict in report.drifting)


async def test_a_tier_that_no_ladder_has_is_a_drift_and_no_crash(copy: str) -> None:
    conn = await asyncpg.connect(copy)
    await conn.execute("UPDATE tiers.reviews SET from_tier = 'GONE' WHERE step = 'STEPPED_DOWN'")
    await conn.close()
    report = await checked(copy, NOW, areas={Area.TIERS})
    assert drifting(report) == {"tiers T1", "tiers T4"}
    assert "records name tier 'GONE'" in {found.stored for found in report.drifting[0].examples}


async def test_it_waits_for_nobody_and_nobody_waits_for_it(copy: str) -> None:
    """Beside somebody who holds rows of everything that is looked at; and it could not write if it wanted to."""
    conn = await asyncpg.connect(copy)
    tables = ("points.accounts", "receipts.sales", "members.members", "inventory.pools", "appointments.appointments")
    async with conn.transaction():
        for table in tables:
            await conn.execute(f"SELECT FROM {table} FOR UPDATE")
        assert drifting(await checked(copy, NOW)) == set()
    await conn.close()
    pool = await open_pool(copy, max_size=1)
    async with snapshot(pool) as reader:
        await walking.bound(reader)
        assert await reader.fetchval("SELECT current_setting('statement_timeout')") == "30s"
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await reader.execute("UPDATE points.accounts SET balance = 0")
    await pool.close()


async def test_tills_that_sell_meanwhile_are_no_drift(till: TillWorld, postgres_dsn: str, clock: StoppedClock) -> None:
    sold = asyncio.Event()

    async def sell() -> None:
        for amount in range(1, 16):
            sale = await till.sell(amount * 1_000_00, 333_33)
            if amount % 3 == 0 and sale.sale_id is not None:
                await till.void(SaleId(sale.sale_id))
        sold.set()

    async def look() -> list[set[str]]:
        looks = [drifting(await checked(postgres_dsn, clock.now()))]
        while not sold.is_set():
            looks.append(drifting(await checked(postgres_dsn, clock.now())))
        return looks

    _, looks = await asyncio.gather(sell(), look())
    # Nobody hands events on here, and the clock stands still: none is late.
    assert looks == [set()] * len(looks)
