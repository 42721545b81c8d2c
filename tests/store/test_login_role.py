"""The role that the API logs in as: it needs the two roles to take on, and to read what is read before anybody
asks. It inherits nothing, so that a statement sent past both finds every table closed."""

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import redis.asyncio

from membership.graph.kit.relay import global_id
from membership.graph.schema import MembershipSchema, build_schema
from membership.graph.services import make_services
from membership.kernel.actor import Role
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.postgres.clock import read_offset
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.postgres.migrations import Phase, pending
from membership.settings import Profile
from support.clock import StoppedClock
from support.operations import SampleStores, actor, runner


@pytest.fixture
async def login(postgres_dsn: str, conn: Conn) -> AsyncIterator[str]:
    """As sql/README.md says it; roles belong to the cluster, hence a name of this test's own."""
    name, password = f"login_{secrets.token_hex(6)}", secrets.token_hex(6)
    await conn.execute(
        f"CREATE ROLE {name} LOGIN NOINHERIT PASSWORD '{password}';"
        f"GRANT membership_engine, membership_reader TO {name};"
        f"GRANT SELECT ON public.schema_migrations, platform.clock TO {name};"
        f"GRANT USAGE ON SCHEMA platform TO {name};"
    )
    parts = urlsplit(postgres_dsn)
    host = parts.netloc.rpartition("@")[2]
    yield urlunsplit(parts._replace(netloc=f"{name}:{password}@{host}"))
    await conn.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.fixture(scope="module")
def open_schema() -> MembershipSchema:
    return build_schema(Profile.OPEN, manifest={})


async def test_the_service_needs_no_more_of_its_login(
    login: str,
    conn: Conn,
    clock: StoppedClock,
    keyring: Keyring,
    redis: "redis.asyncio.Redis",
    open_schema: MembershipSchema,
) -> None:
    sample = await SampleStores.write(conn)
    pool = await open_pool(login, max_size=4)
    services = make_services(Database(pool), clock, keyring, redis=redis)
    try:
        async with pool.acquire() as bare:
            assert await pending(bare, Phase.PRE) == []
            assert await read_offset(bare) == timedelta()
        run = runner(open_schema, services)
        found = await run('{ store(by: {code: "NORTH"}) { id } }')
        assert found.errors is None and found.data is not None and found.data["store"]
        caller = actor(Role.MEMBER_SERVICES, programme_id=sample.programme_id)
        read = await run("{ pendingAdjustments { edges { node { id } } } }", caller=caller)
        assert read.errors is None and read.data == {"pendingAdjustments": {"edges": []}}
        given = {"idempotencyKey": "a", "memberId": global_id("Member", new_id()), "points": 1, "reason": "b"}
        done = await run(
            "mutation ($input: AdjustPointsInput!) { adjustPoints(input: $input) { ... on Refusal { code } } }",
            {"input": given},
            caller=caller,
        )
        assert done.errors is None and done.data == {"adjustPoints": {"code": "UNKNOWN_MEMBER"}}
    finally:
        await services.close()
        await pool.close()


@pytest.mark.parametrize("table", ["members.members", "receipts.sales", "platform.audit_entries", "stores.stores"])
async def test_past_both_roles_every_table_is_closed(login: str, table: str) -> None:
    bare = await asyncpg.connect(login)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await bare.fetch(f"SELECT 1 FROM {table}")
    finally:
        await bare.close()


async def test_the_login_is_above_no_wall(login: str, conn: Conn) -> None:
    name = urlsplit(login).username
    row = await conn.fetchrow("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = $1", name)
    assert row is not None and not any(tuple(row))
    bare = await asyncpg.connect(login)
    try:
        for change in ("ALTER TABLE members.members DISABLE ROW LEVEL SECURITY", "SET ROLE postgres"):
            with pytest.raises(asyncpg.PostgresError):
                await bare.execute(change)
    finally:
        await bare.close()
