"""`membership check` holds on what the house makes, and names each law that is broken by hand."""

import secrets
from collections.abc import AsyncIterator

import pytest

from membership.checks.model import Area
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.sample.loading import load_sample
from sample_generation import NOW, TODAY, repeatable_keyring
from support.checked import checked, drifting
from support.servers import Addresses

PEOPLE = 60


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
