"""What the API's second listener says, and that it counts what happened, whatever the transport."""

import asyncio
from typing import Final

import httpx
import pytest
import redis.asyncio
from prometheus_client import generate_latest
from starlette.applications import Starlette

from membership.graph.kit.relay import global_id
from membership.graph.operations.documents import document_id
from membership.kernel.actor import Actor, Role
from membership.monitoring.listener import listening
from membership.postgres.database import Database, open_pool
from membership.redis.client import open_redis
from membership.settings import Profile, Rate
from membership.web.metrics import ApplicationMetrics
from membership.web.streams import StreamLimits
from support.clock import StoppedClock
from support.monitoring import Scrape, ask, bound, scrape
from support.operations import trusted
from web.conftest import SOMEBODY, ClientOf, Issue, MakeApp
from web.sockets import client_of as socket_of
from web.sockets import serving
from web.subscriptions import COUNT, LEVEL, SOURCE, subscription_schema
from web.test_events import listening as listening_to
from web.test_rates import bearer

STORES: Final = trusted("app/Stores")
HOME: Final = trusted("app/MemberHome")
BLOCK: Final = trusted("app/BlockOwnCard")
MANIFEST: Final = {document_id(text): text for text in (STORES, HOME, BLOCK)}
PATIENCE_SECONDS: Final = 20


async def test_metrics_are_on_the_second_listener_alone(make_app: MakeApp, client: httpx.AsyncClient) -> None:
    app = make_app()
    with bound() as listener:
        async with listening(app.state.monitoring, listener):
            metrics = await ask(listener, "/metrics")
            elsewhere = await ask(listener, "/graphql")

    assert metrics.status_code == 200
    assert metrics.headers["content-type"].startswith("text/plain; version=")
    assert "graphql_streams_open" in metrics.text
    assert elsewhere.status_code == 404
    assert (await client.get("/metrics")).status_code == 404


async def test_the_second_listener_answers_probes_as_the_first_does(
    make_app: MakeApp, client: httpx.AsyncClient
) -> None:
    app = make_app()
    with bound() as listener:
        async with listening(app.state.monitoring, listener):
            alive, ready = await ask(listener, "/healthz"), await ask(listener, "/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (200, (await client.get("/readyz")).json())


async def test_two_applications_of_one_process_count_for_themselves(make_app: MakeApp, client_of: ClientOf) -> None:
    one, other = make_app(manifest=MANIFEST), make_app(manifest=MANIFEST)
    async with client_of(one) as client:
        await client.post("/graphql", json={"query": STORES})

    assert (await scrape(one.state.monitoring)).value("graphql_operations_total") == 1
    assert (await scrape(other.state.monitoring)).value("graphql_operations_total") == 0


# ---- operations


async def test_an_operation_is_counted_by_its_document_its_role_and_its_outcome(
    make_app: MakeApp, client_of: ClientOf, issue: Issue
) -> None:
    app = make_app(Profile.PRODUCTION, MANIFEST)
    async with client_of(app) as client:
        for _ in range(2):
            await client.post("/graphql", json={"documentId": document_id(STORES)})
        member = bearer(issue(Role.MEMBER))
        await client.post("/graphql", json={"documentId": document_id(STORES)}, headers=member)

    seen = await scrape(app.state.monitoring)
    assert seen.value("graphql_operations_total", operation="Stores", role="anonymous", outcome="ok") == 2
    assert seen.value("graphql_operations_total", operation="Stores", role="member", outcome="ok") == 1
    assert seen.value("graphql_operation_duration_seconds_count", operation="Stores", role="anonymous") == 2
    assert seen.value("graphql_operation_duration_seconds_bucket", operation="Stores", role="member", le="+Inf") == 1
    assert 0 < seen.value("graphql_operation_duration_seconds_sum", operation="Stores") < PATIENCE_SECONDS
    assert seen.value("graphql_errors_total") == 0


async def test_what_the_business_refuses_is_no_error(make_app: MakeApp, client_of: ClientOf, issue: Issue) -> None:
    app = make_app(Profile.PRODUCTION, MANIFEST)
    lost = {"input": {"idempotencyKey": "1", "cardId": global_id("Card", SOMEBODY), "reason": "LOST"}}
    async with client_of(app) as client:
        answer = await client.post(
            "/graphql",
            json={"documentId": document_id(BLOCK), "variables": lost},
            headers=bearer(issue(Role.MEMBER)),
        )
    assert "errors" not in answer.json(), answer.text

    seen = await scrape(app.state.monitoring)
    (refused,) = seen.labels("membership_refusals_total")
    assert seen.value("graphql_operations_total", operation="BlockOwnCard", role="member", outcome="refused") == 1
    assert refused["code"] == answer.json()["data"]["blockCard"]["code"]
    assert seen.value("graphql_errors_total") == 0


@pytest.mark.parametrize(
    ("body", "role", "operation", "outcome", "code"),
    [
        ({"query": "{ stores { nope } }"}, None, "other", "rejected", "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ stores"}, None, "other", "rejected", "GRAPHQL_PARSE_FAILED"),
        ({"documentId": "sha256:0"}, None, "other", "rejected", "TRUSTED_DOCUMENT_UNKNOWN"),
        ({"nothing": 1}, Role.TILL, "other", "rejected", "BAD_REQUEST"),
        ({"query": HOME}, None, "MemberHome", "rejected", "UNAUTHENTICATED"),
        ({"query": HOME}, Role.TILL, "MemberHome", "rejected", "FORBIDDEN"),
    ],
)
async def test_an_error_is_counted_by_its_code(
    make_app: MakeApp,
    client_of: ClientOf,
    issue: Issue,
    *,
    body: dict[str, object],
    role: Role | None,
    operation: str,
    outcome: str,
    code: str,
) -> None:
    app = make_app(manifest=MANIFEST)
    async with client_of(app) as client:
        await client.post("/graphql", json=body, headers=bearer(issue(role)) if role else {})

    seen = await scrape(app.state.monitoring)
    caller = role.value if role else "anonymous"
    assert seen.labels("graphql_operations_total") == [{"operation": operation, "role": caller, "outcome": outcome}]
    assert seen.value("graphql_errors_total", code=code) == seen.value("graphql_errors_total") == 1


async def test_a_token_that_is_not_good_is_counted_as_nobodys(make_app: MakeApp, client_of: ClientOf) -> None:
    app = make_app(manifest=MANIFEST)
    async with client_of(app) as client:
        await client.post("/graphql", json={"query": STORES}, headers=bearer("nonsense"))

    seen = await scrape(app.state.monitoring)
    assert seen.labels("graphql_operations_total") == [
        {"operation": "other", "role": "anonymous", "outcome": "rejected"}
    ]
    assert seen.value("membership_http_refusals_total", path="/graphql", status="401") == 1


async def test_what_fails_is_our_fault_and_what_was_counted_before_stays(
    make_app: MakeApp, client_of: ClientOf, database: Database, issue: Issue
) -> None:
    app = make_app(Profile.PRODUCTION, MANIFEST)
    ask_home = {"json": {"documentId": document_id(HOME)}, "headers": bearer(issue(Role.MEMBER))}
    async with client_of(app) as client:
        await client.post("/graphql", json={"documentId": document_id(STORES)})
        await database.pool.close()
        answer = await client.post("/graphql", **ask_home)  # type: ignore[arg-type]

    seen = await scrape(app.state.monitoring)
    code = answer.json()["errors"][0]["extensions"]["code"]
    assert code in {"UNAVAILABLE", "INTERNAL_SERVER_ERROR"}
    assert seen.value("graphql_operations_total", operation="MemberHome", role="member", outcome="failed") == 1
    assert seen.value("graphql_operations_total", operation="Stores", outcome="ok") == 1
    assert seen.value("graphql_errors_total", code=code) >= 1


async def test_names_that_somebody_makes_up_make_no_series(make_app: MakeApp, client_of: ClientOf) -> None:
    app = make_app(manifest=MANIFEST)
    async with client_of(app) as client:
        for number in range(20):
            await client.post("/graphql", json={"query": f"query Made{number} {{ __typename }}"})
            await client.get(f"/made/{number}")
            await client.get(f"/calendar/{number:064}.ics")

    seen = await scrape(app.state.monitoring)
    assert seen.labels("graphql_operations_total") == [{"operation": "other", "role": "anonymous", "outcome": "ok"}]
    assert {labels["path"] for labels in seen.labels("membership_http_refusals_total")} == {"other", "/calendar/"}
    assert seen.value("membership_http_refusals_total", path="other", status="404") == 20


# ---- streams


async def _until_ended(app: Starlette, count: int) -> Scrape:
    """Counted when the service has tidied up behind them."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (seen := await scrape(app.state.monitoring)).value("graphql_operations_total") < count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return seen


async def test_streams_are_counted_while_they_are_open_and_operations_over_them_as_others_are(
    make_app: MakeApp, issue: Issue
) -> None:
    app = make_app(schema=subscription_schema(Profile.OPEN))
    token = issue(Role.MEMBER)
    async with serving(app) as served:
        async with socket_of(served) as client, listening_to(served, {"query": LEVEL}, token=token) as events:
            await client.begin(authorization=f"Bearer {token}")
            await client.subscribe(LEVEL)
            await client.hear()
            await events.event()
            open_ones = await scrape(app.state.monitoring)
        seen = await _until_ended(app, 2)
    await SOURCE.rested()

    assert open_ones.value("graphql_streams_open", transport="websocket") == 1
    assert open_ones.value("graphql_streams_open", transport="sse") == 1
    assert seen.value("graphql_streams_open") == 0
    assert seen.labels("graphql_operations_total") == [{"operation": "Level", "role": "member", "outcome": "ok"}]
    assert seen.labels("graphql_operation_duration_seconds_count") == []


@pytest.mark.parametrize("transport", ["websocket", "sse"])
async def test_errors_of_streams_are_counted(make_app: MakeApp, transport: str) -> None:
    app = make_app(schema=subscription_schema(Profile.OPEN))
    async with serving(app) as served:
        if transport == "sse":
            async with listening_to(served, {"query": LEVEL}) as events:
                await events.event()
        else:
            async with socket_of(served) as client:
                await client.begin()
                await client.subscribe(LEVEL)
                assert (await client.hear())["type"] == "error"
        seen = await _until_ended(app, 1)

    assert seen.labels("graphql_operations_total") == [
        {"operation": "Level", "role": "anonymous", "outcome": "rejected"}
    ]
    assert seen.value("graphql_errors_total", code="UNAUTHENTICATED") == seen.value("graphql_errors_total") == 1


async def test_a_query_over_a_websocket_takes_time_and_one_too_many_is_limited(make_app: MakeApp) -> None:
    app = make_app(schema=subscription_schema(Profile.OPEN), stream_limits=StreamLimits(operations=1))
    async with serving(app) as served, socket_of(served) as client:
        await client.begin()
        await client.subscribe("query Count { __typename }", key="1")
        assert [(await client.hear())["type"] for _ in range(2)] == ["next", "complete"]
        await _until_ended(app, 1)
        await client.subscribe("subscription Silence { silence }", key="2")
        await client.subscribe("query Count { __typename }", key="3")
        assert (await client.hear())["type"] == "error"
        seen = await _until_ended(app, 2)

    assert seen.value("graphql_operation_duration_seconds_count", operation="Count") == 1
    assert seen.value("graphql_operations_total", outcome="limited") == 1
    assert seen.value("graphql_errors_total", code="TOO_MANY_OPERATIONS") == 1


async def test_a_connection_too_many_is_counted(make_app: MakeApp) -> None:
    app = make_app(schema=subscription_schema(Profile.OPEN), stream_limits=StreamLimits(connections=0))
    async with serving(app) as served:
        async with listening_to(served, {"query": COUNT, "variables": {"to": 1}}) as events:
            assert events.response.status_code == 503
        with pytest.raises(Exception, match="503"):
            async with socket_of(served):
                pass
        seen = await _until_ended(app, 1)

    assert seen.value("graphql_errors_total", code="TOO_MANY_CONNECTIONS") == 2
    assert seen.value("membership_http_refusals_total", path="/graphql", status="503") == 2
    assert seen.value("membership_streams_limit") == 0


# ---- the edge


async def test_who_asks_too_often_is_counted_by_the_kind_of_client(
    make_app: MakeApp, client_of: ClientOf, issue: Issue
) -> None:
    app = make_app(rate_limit_till=Rate(1, 3_600))
    async with client_of(app) as client:
        for _ in range(3):
            await client.post("/graphql", json={"query": "{ __typename }"}, headers=bearer(issue(Role.TILL)))

    seen = await scrape(app.state.monitoring)
    assert seen.value("membership_rate_limited_total", client="till") == 2
    assert seen.value("membership_http_refusals_total", status="429") == 2
    assert seen.value("graphql_operations_total", outcome="limited") == 2
    assert seen.value("membership_rates_shared") == 1


async def test_what_is_refused_before_it_is_http_is_counted_too(make_app: MakeApp) -> None:
    app = make_app()
    async with serving(app) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"NONSENSE\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()

    assert (await scrape(app.state.monitoring)).value("membership_http_refusals_total", status="400") == 1


async def test_large_heads_are_counted_at_the_edge(make_app: MakeApp, client_of: ClientOf) -> None:
    app = make_app()
    async with client_of(app) as client:
        await client.get("/graphql", headers={"X-Large": "x" * 17_000})

    assert (await scrape(app.state.monitoring)).value("membership_http_refusals_total", status="431") == 1


# ---- servers


async def test_a_lost_redis_is_seen(make_app: MakeApp, client_of: ClientOf) -> None:
    nobody = open_redis("redis://127.0.0.1:1/0")
    app = make_app(cache=nobody)
    async with client_of(app) as client:
        await client.post("/graphql", json={"query": "{ __typename }"})
    seen = await scrape(app.state.monitoring)
    await app.state.rates.close()
    await nobody.aclose()

    assert (seen.value("membership_redis_up"), seen.value("membership_rates_shared")) == (0, 0)


async def test_redis_that_answers_is_seen(make_app: MakeApp) -> None:
    assert (await scrape(make_app().state.monitoring)).value("membership_redis_up") == 1


async def test_who_waits_for_a_connection_is_seen_by_kind(
    postgres_dsn: str, redis: "redis.asyncio.Redis", clock: StoppedClock
) -> None:
    """Of two connections all are open to everybody, as a fifth of two is none; the till waits in its own line."""
    pool = await open_pool(postgres_dsn, max_size=2)
    database = Database(pool)
    till, member = Actor(Role.TILL, "a till"), Actor(Role.MEMBER, "a member")
    now = clock.now()

    metrics = ApplicationMetrics(database, redis, {})

    async def one(actor: Actor) -> None:
        async with database.engine(actor, now):
            pass

    async with database.engine(till, now), database.reader(member):
        waiting = [asyncio.create_task(one(actor)) for actor in (till, member)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sum(waits.now for waits in database.waits.values()) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
        await metrics.look()
        full = Scrape(generate_latest(metrics.registry).decode())
    await asyncio.gather(*waiting)
    await metrics.look()
    after = Scrape(generate_latest(metrics.registry).decode())
    await pool.close()

    assert full.value("membership_postgres_pool_connections", state="busy") == 2
    assert full.value("membership_postgres_pool_limit") == 2
    assert full.value("membership_postgres_pool_waiting", kind="till") == 1
    assert full.value("membership_postgres_pool_waiting", kind="other") == 1
    assert full.value("membership_postgres_pool_waits_total") == 2
    assert after.value("membership_postgres_pool_waiting") == 0
    assert after.value("membership_postgres_pool_waits_total", kind="till") == 2
    assert after.value("membership_postgres_pool_wait_seconds_total", kind="other") > 0
