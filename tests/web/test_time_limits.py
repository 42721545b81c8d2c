"""Operations that take too long, by every transport: the client is told so, and the database has nothing of it left."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from membership.graph.permissions import PERMISSIONS
from membership.kernel.actor import Actor, Role
from membership.kernel.clock import Clock
from membership.postgres.connection import Conn
from membership.settings import Profile
from membership.web.development_issuer import issue_token
from support.blocked import until_at_rest, until_blocked
from support.operations import trusted
from support.till_world import TillWorld, new_key
from web.conftest import Issue, MakeApp
from web.sockets import PATIENCE_SECONDS, Served, serving
from web.sockets import client_of as socket_to
from web.subscriptions import LEVEL, SOURCE, WATCHERS, subscription_schema
from web.test_events import listening

GRAPHQL = "application/graphql-response+json"
LIMITS = {"query_seconds": 0.5, "till_seconds": 0.5, "mutation_seconds": 0.5}
BEFORE_THE_SERVER = 8
"""Seconds: a transaction that nobody limits has ten."""
ME = "{ me { displayName } }"
Ask = Callable[[Served, dict[str, object], str], Coroutine[object, object, dict[str, Any]]]


@pytest.fixture
async def holder(postgres_dsn: str) -> AsyncIterator[Conn]:
    """Holds locks in a transaction of its own."""
    holder = await asyncpg.connect(postgres_dsn)
    yield holder
    await holder.close()


@pytest.fixture
def token_of(issuer_folder: Path, host_clock: Clock) -> Callable[[Actor], str]:
    def make(actor: Actor) -> str:
        return issue_token(
            issuer_folder,
            actor.role,
            now=host_clock.now(),
            lifetime=timedelta(hours=1),
            subject=actor.subject,
            member=actor.member_id,
            programme=actor.programme_id,
            store=actor.store_id,
            counter=actor.counter_id,
            till=actor.till_id,
        )

    return make


async def by_post(served: Served, body: dict[str, object], token: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Accept": GRAPHQL}
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        response = await client.post(served.url, json=body, headers=headers)
    return {"status": response.status_code, **response.json()}


async def by_get(served: Served, body: dict[str, object], token: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Accept": GRAPHQL}
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        response = await client.get(served.url, params={"query": str(body["query"])}, headers=headers)
    return {"status": response.status_code, **response.json()}


async def by_events(served: Served, body: dict[str, object], token: str) -> dict[str, Any]:
    async with listening(served, body, token=token) as listener:
        name, data = await listener.event()
        assert await listener.event() == ("complete", None)
    assert name == "next"
    assert isinstance(data, dict)
    return {"status": 504, **data}


async def by_socket(served: Served, body: dict[str, object], token: str) -> dict[str, Any]:
    async with socket_to(served) as client:
        await client.begin(authorization=f"Bearer {token}")
        await client.say("subscribe", id="1", payload=body)
        message = await client.hear()
        assert message["type"] == "error", message
        # The connection itself goes on.
        await client.say("subscribe", id="2", payload={"query": "{ __typename }"})
        assert (await client.hear())["payload"] == {"data": {"__typename": "Query"}}
    return {"status": 504, "errors": message["payload"]}


def assert_timed_out(answer: dict[str, Any]) -> None:
    assert answer["status"] == 504
    assert "data" not in answer
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "OPERATION_TIMED_OUT"
    assert error["extensions"]["correlationId"]
    assert "same idempotencyKey" in error["message"]


@pytest.mark.parametrize("ask", [by_post, by_get, by_events, by_socket])
async def test_a_query_that_waits_for_a_lock(
    make_app: MakeApp, issue: Issue, ask: Ask, conn: Conn, holder: Conn
) -> None:
    await holder.execute("BEGIN; LOCK TABLE members.members")
    async with serving(make_app(**LIMITS)) as served:
        asking = asyncio.create_task(ask(served, {"query": ME}, issue(Role.MEMBER)))
        await until_blocked(conn)
        async with asyncio.timeout(BEFORE_THE_SERVER):
            assert_timed_out(await asking)
        await until_at_rest(conn, but=holder)
        await holder.execute("COMMIT")


async def test_tills_sell_while_everybody_else_waits(
    make_app: MakeApp, issue: Issue, token_of: Callable[[Actor], str], till: TillWorld, conn: Conn, holder: Conn
) -> None:
    """More of the others than the pool has connections; the process stays ready too."""
    app, token, body = make_app(query_seconds=PATIENCE_SECONDS), token_of(till.actor), sale(till)
    await holder.execute("BEGIN; LOCK TABLE platform.audit_entries")
    async with serving(app) as served:
        trail: dict[str, object] = {"query": "{ auditTrail { nodes { action } } }"}
        asking = [asyncio.create_task(by_post(served, trail, issue(Role.ADMIN))) for _ in range(70)]
        await until_blocked(conn, count=48)
        async with asyncio.timeout(BEFORE_THE_SERVER):
            answer = await by_post(served, body, token)
        assert answer["data"]["commitSale"]["pointsEarned"] == 100
        async with httpx.AsyncClient() as client:
            assert (await client.get(served.url.replace("graphql", "readyz"))).status_code == 200
        await holder.execute("COMMIT")
        assert all("errors" not in answer for answer in await asyncio.gather(*asking))


@pytest.mark.parametrize("ask", [by_post, by_events, by_socket])
async def test_a_sale_that_waits_for_a_lock_is_not_written_and_its_repeat_is(
    make_app: MakeApp, token_of: Callable[[Actor], str], ask: Ask, till: TillWorld, conn: Conn, holder: Conn
) -> None:
    app, token, body = make_app(**LIMITS), token_of(till.actor), sale(till)
    await holder.execute("BEGIN; LOCK TABLE receipts.sales")
    async with serving(app) as served:
        async with asyncio.timeout(BEFORE_THE_SERVER):
            assert_timed_out(await ask(served, body, token))
        await until_at_rest(conn, but=holder)
        assert await conn.fetchval("SELECT count(*) FROM platform.idempotency_keys") == 0
        await holder.execute("COMMIT")
    async with serving(make_app()) as served:
        first, again = await by_post(served, body, token), await by_post(served, body, token)
    assert first == again
    assert first["data"]["commitSale"]["pointsEarned"] == 100
    assert await conn.fetchval("SELECT count(*) FROM receipts.sales") == 1


async def test_a_sale_that_was_cut_in_its_commit_is_told_by_its_repeat(
    make_app: MakeApp, token_of: Callable[[Actor], str], till: TillWorld, conn: Conn, holder: Conn
) -> None:
    """Written or not: who repeats it has one sale."""
    await conn.execute(
        """
        CREATE FUNCTION public.wait_at_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(1);
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER held AFTER INSERT ON receipts.sales DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION public.wait_at_commit();
        """
    )
    token, body = token_of(till.actor), sale(till)
    await holder.execute("BEGIN; SELECT pg_advisory_xact_lock(1)")
    # Time enough to come to its commit, on a busy machine too.
    async with serving(make_app(till_seconds=4)) as served:
        asking = asyncio.create_task(by_post(served, body, token))
        await until_blocked(conn)
        assert_timed_out(await asking)
        await holder.execute("COMMIT")
        await until_at_rest(conn, but=holder)
    async with serving(make_app()) as served:
        assert (await by_post(served, body, token))["data"]["commitSale"]["pointsEarned"] == 100
    assert await conn.fetchval("SELECT count(*) FROM receipts.sales") == 1


async def test_a_client_that_takes_json_only_is_told_with_200(
    make_app: MakeApp, client_of: Callable[[Starlette], httpx.AsyncClient], issue: Issue, holder: Conn
) -> None:
    await holder.execute("BEGIN; LOCK TABLE members.members")
    async with client_of(make_app(**LIMITS)) as client:
        async with asyncio.timeout(BEFORE_THE_SERVER):
            response = await client.post(
                "/graphql", json={"query": ME}, headers={"Authorization": f"Bearer {issue(Role.MEMBER)}"}
            )
    assert response.status_code == 200
    assert_timed_out({**response.json(), "status": 504})


async def test_a_subscription_outlives_the_time_of_a_read(
    make_app: MakeApp, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(schema=subscription_schema(Profile.OPEN), query_seconds=0.05)
    monkeypatch.setitem(PERMISSIONS, "Subscription.level", WATCHERS)
    async with serving(app) as served, socket_to(served) as client:
        await client.begin(authorization=f"Bearer {issue(Role.MEMBER)}")
        await client.subscribe(LEVEL)
        first = await client.hear()
        reads = SOURCE.reads
        async with asyncio.timeout(20):
            while SOURCE.reads < reads + 20:  # noqa: ASYNC110 - a reading every 10 ms
                await asyncio.sleep(0.005)
        SOURCE.value += 1
        assert (await client.hear())["payload"] != first["payload"]
    await SOURCE.rested()


async def test_a_calendar_that_waits_for_a_lock(
    make_app: MakeApp, client_of: Callable[[Starlette], httpx.AsyncClient], conn: Conn, holder: Conn
) -> None:
    await holder.execute("BEGIN; LOCK TABLE calendars.feeds")
    async with client_of(make_app(**LIMITS)) as client:
        async with asyncio.timeout(BEFORE_THE_SERVER):
            response = await client.get("/calendar/nowhere.ics")
    assert response.status_code == 504
    assert_timed_out({**response.json(), "status": 504})
    await until_at_rest(conn, but=holder)


def sale(till: TillWorld) -> dict[str, object]:
    basket = {
        "currency": "CNY",
        "lines": [{"lineNo": 1, "category": "WOMENSWEAR", "quantity": 1, "netMinor": 100_00}],
        "tenders": [{"type": "CASH", "amountMinor": 100_00}],
    }
    given = {
        "idempotencyKey": new_key(),
        "basket": basket,
        "member": {"cardNumber": till.card_number},
        "sequence": till.next_sequence(),
        "soldAt": till.now.isoformat(),
    }
    return {"query": trusted("till/CommitSale"), "variables": {"input": given}}
