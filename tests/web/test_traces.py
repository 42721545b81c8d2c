"""One trace for each operation, by every transport: what it asked PostgreSQL and Redis, and nothing that was said."""

import io
import json
import logging
from collections.abc import Callable, Mapping

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from structlog.testing import capture_logs

from membership.app import running
from membership.graph.operations.documents import document_id, load_manifest
from membership.graph.operations.faults import FaultCode
from membership.graph.schema import MembershipSchema, build_schema
from membership.graph.stores import queries as stores_queries
from membership.kernel.actor import Role
from membership.kernel.recording import trace_id
from membership.logging import MASK, configure
from membership.settings import Profile, Settings
from membership.tracing import otlp
from support.operations import SampleStores, trusted
from support.traces import Collector, Recorder, collecting, only_trace, summaries
from web.conftest import ClientOf, Issue, MakeApp, Serve
from web.sockets import client_of as socket_of
from web.subscriptions import COUNT, LEVEL
from web.test_events import listening

STORES = trusted("app/Stores")
STORES_ID = document_id(STORES)
SERVER, CLIENT = 2, 3
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"  # pragma: allowlist secret

# What an operation may be told to: said in every place where a caller can say something.
PHONE, NAME, SECRET = "13800138007", "Zhang-Wei-Canary", "s3cret-canary"


@pytest.fixture(scope="module")
def schema() -> MembershipSchema:
    """Takes text and knows the trusted documents too."""
    return build_schema(Profile.OPEN, load_manifest())


@pytest.fixture
def application_of(make_app: MakeApp, schema: MembershipSchema) -> Callable[[Recorder], Starlette]:
    return lambda recorder: make_app(schema=schema, tracing=recorder.tracing)


@pytest.fixture
def traced(
    application_of: Callable[[Recorder], Starlette], client_of: ClientOf, recorder: Recorder
) -> httpx.AsyncClient:
    return client_of(application_of(recorder))


async def test_a_request_is_one_trace_whose_steps_are_named_by_their_queries(
    traced: httpx.AsyncClient, recorder: Recorder, sample: SampleStores
) -> None:
    headers = {"X-Correlation-Id": "till-7-request-1"}
    response = await traced.post("/graphql", json={"documentId": STORES_ID}, headers=headers)
    assert response.status_code == 200

    operation, steps = recorder.only()
    assert (operation.name, operation.kind, operation.is_error) == ("query Stores", SERVER, False)
    assert operation.attributes == {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "http.response.status_code": 200,
        "network.protocol.name": "http",
        "graphql.operation.type": "query",
        "graphql.operation.name": "Stores",
        "membership.correlation_id": "till-7-request-1",
    }
    assert summaries(steps)[:2] == ["redis: web.take", "postgresql: BEGIN"]
    assert "postgresql: stores.list_stores" in summaries(steps)
    assert {step.kind for step in steps} == {CLIENT}
    assert {step.name == step.attributes["db.query.summary"] for step in steps} == {True}


async def test_who_called_is_told_by_the_role(traced: httpx.AsyncClient, recorder: Recorder, issue: Issue) -> None:
    headers = {"Authorization": f"Bearer {issue(Role.TILL)}"}
    await traced.get("/graphql", params={"query": "{ __typename }"}, headers=headers)

    operation, _ = recorder.only()
    assert operation.name == "query"
    assert operation.attributes["http.request.method"] == "GET"
    assert operation.attributes["membership.caller.role"] == "till"


async def test_a_name_that_no_trusted_document_has_is_not_told(traced: httpx.AsyncClient, recorder: Recorder) -> None:
    await traced.post("/graphql", json={"query": f"query Call_{PHONE} {{ __typename }}"})

    operation, _ = recorder.only()
    assert operation.name == "query"
    assert "graphql.operation.name" not in operation.attributes


async def test_a_correlation_id_that_looks_personal_is_masked(traced: httpx.AsyncClient, recorder: Recorder) -> None:
    await traced.post("/graphql", json={"query": "{ __typename }"}, headers={"X-Correlation-Id": PHONE})
    assert recorder.only()[0].attributes["membership.correlation_id"] == MASK


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{ nonsense }"}, FaultCode.VALIDATION_FAILED),
        ({"documentId": "sha256:0"}, FaultCode.DOCUMENT_UNKNOWN),
        ({"query": "{ me { id } }"}, FaultCode.UNAUTHENTICATED),
        ([], FaultCode.BAD_REQUEST),
    ],
)
async def test_an_error_is_marked_with_its_code(
    traced: httpx.AsyncClient, recorder: Recorder, body: object, code: FaultCode
) -> None:
    await traced.post("/graphql", json=body)

    operation, _ = recorder.only()
    assert (operation.attributes["error.type"], operation.is_error) == (code.value, False)


async def test_what_is_the_fault_of_the_service_is_an_error_of_the_span(
    traced: httpx.AsyncClient, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(stores_queries, "by_code", fail)
    await traced.post("/graphql", json={"documentId": STORES_ID})

    operation, _ = recorder.only()
    assert (operation.attributes["error.type"], operation.is_error) == ("INTERNAL_SERVER_ERROR", True)
    assert SECRET not in repr(recorder.spans())


async def test_methods_are_told_by_their_names_and_not_as_somebody_made_them_up(
    traced: httpx.AsyncClient, recorder: Recorder
) -> None:
    await traced.request("HELLO", "/graphql")
    operation, _ = recorder.only()
    assert (operation.name, operation.attributes["http.request.method"]) == ("_OTHER /graphql", "_OTHER")


async def test_a_calendar_is_told_without_its_secret(traced: httpx.AsyncClient, recorder: Recorder) -> None:
    await traced.get(f"/calendar/{'ab' * 32}.ics")

    operation, steps = recorder.only()
    assert operation.attributes["http.response.status_code"] == 404
    assert summaries(steps)
    assert "ab" * 32 not in repr(recorder.spans())


async def test_each_operation_over_a_websocket_is_a_trace_of_its_own(serve: Serve, recorder: Recorder) -> None:
    async with serve(tracing=recorder.tracing) as served, socket_of(served) as socket:
        await socket.begin()
        for number in range(2):
            await socket.subscribe("{ __typename }", key=str(number))
            assert [(await socket.hear())["type"] for _ in range(2)] == ["next", "complete"]

    operations = recorder.operations()
    assert [operation.name for operation in operations] == ["query", "query"]
    assert len({operation.trace_id for operation in operations}) == 2
    assert {operation.attributes["network.protocol.name"] for operation in operations} == {"websocket"}


async def test_a_subscription_over_a_websocket_counts_until_its_first_result(
    serve: Serve, recorder: Recorder, issue: Issue
) -> None:
    async with serve(tracing=recorder.tracing) as served, socket_of(served) as socket:
        await socket.begin(authorization=f"Bearer {issue(Role.MEMBER)}")
        await socket.subscribe("subscription { nothing }")
        assert (await socket.hear())["type"] == "error"
        await socket.subscribe(LEVEL)
        assert (await socket.hear())["type"] == "next"
        # It is open, and told already.
        refused, watched = recorder.operations()
    assert refused.attributes["error.type"] == FaultCode.VALIDATION_FAILED.value
    assert (watched.name, "error.type" in watched.attributes) == ("subscription", False)
    assert len(recorder.operations()) == 2


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_stream_of_events_counts_until_its_first_result(serve: Serve, recorder: Recorder, method: str) -> None:
    body: dict[str, object] = {"query": "subscription { silence }"}
    variables: object = {"to": 2} if method == "POST" else json.dumps({"to": 2})
    async with (
        serve(tracing=recorder.tracing) as served,
        listening(served, body, method=method),
        listening(served, {"query": COUNT, "variables": variables}, method=method) as listener,
    ):
        assert await listener.event() == ("next", {"data": {"count": 0}})
        (counted,) = recorder.operations()  # nothing has come of the other yet
        assert counted.attributes["graphql.operation.type"] == "subscription"
        assert counted.attributes["http.request.method"] == method
        assert await listener.event() == ("next", {"data": {"count": 1}})
        assert await listener.event() == ("complete", None)
    assert sorted(operation.name for operation in recorder.operations()) == ["subscription", "subscription"]


@pytest.mark.parametrize(("thrown", "is_recorded"), [(0.0, True), (0.0999, True), (0.1, False), (0.9, False)])
async def test_one_operation_in_so_many_is_recorded(
    application_of: Callable[[Recorder], Starlette], client_of: ClientOf, thrown: float, is_recorded: bool
) -> None:
    recorder = Recorder(ratio=0.1, chance=lambda: thrown)
    async with client_of(application_of(recorder)) as client:
        assert (await client.post("/graphql", json={"query": "{ __typename }"})).status_code == 200
    assert bool(recorder.spans()) is is_recorded


async def test_nobody_who_calls_can_have_everything_recorded(
    application_of: Callable[[Recorder], Starlette], client_of: ClientOf
) -> None:
    recorder = Recorder(ratio=0.1, chance=lambda: 0.5)
    async with client_of(application_of(recorder)) as client:
        await client.post("/graphql", json={"query": "{ __typename }"}, headers={"traceparent": PARENT})
    assert not recorder.spans()


@pytest.mark.parametrize(
    ("traceparent", "links"),
    [
        (PARENT, ["4bf92f3577b34da6a3ce929d0e0e4736"]),  # pragma: allowlist secret
        (PARENT[:-1] + "0", ["4bf92f3577b34da6a3ce929d0e0e4736"]),  # pragma: allowlist secret
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", []),
        (f"00-{PHONE}-00f067aa0ba902b7-01", []),
        ("nonsense", []),
    ],
)
async def test_the_trace_of_a_caller_is_linked_and_not_joined(
    traced: httpx.AsyncClient, recorder: Recorder, traceparent: str, links: list[str]
) -> None:
    """Otherwise anybody could heap all their calls into one trace, or into somebody else's."""
    await traced.post("/graphql", json={"query": "{ __typename }"}, headers={"traceparent": traceparent})

    operation, _ = recorder.only()
    assert operation.links == links
    assert (operation.parent_id, operation.trace_id in PARENT) == ("", False)


async def test_lines_of_the_log_name_the_trace_while_the_operation_is_recorded(
    traced: httpx.AsyncClient, recorder: Recorder
) -> None:
    root, configured, stream = logging.getLogger(), structlog.get_config(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    configure("INFO", stream)
    try:
        await traced.post("/graphql", json={"query": "{ __typename }"})
        structlog.get_logger("test").info("afterwards")
    finally:
        root.handlers, root.level = handlers, level
        structlog.configure(**configured)

    lines = {line["event"]: line for line in map(json.loads, stream.getvalue().splitlines())}
    operation, _ = recorder.only()
    assert lines["graphql request"]["trace_id"] == operation.trace_id
    assert "trace_id" not in lines["afterwards"]
    assert trace_id() is None


async def test_two_applications_in_a_process_know_nothing_of_each_other(
    application_of: Callable[[Recorder], Starlette], client_of: ClientOf, recorder: Recorder
) -> None:
    other = Recorder()
    async with client_of(application_of(recorder)) as one, client_of(application_of(other)) as two:
        await one.post("/graphql", json={"query": "{ __typename }"})
        await two.get("/graphql", params={"query": "{ __typename }"})
    assert [told.only()[0].attributes["http.request.method"] for told in (recorder, other)] == ["POST", "GET"]


async def test_from_settings_to_the_collector_and_nothing_that_was_said(
    settings: Settings, client_of: ClientOf, sample: SampleStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patience in ("EXPORT_SECONDS", "CLOSE_SECONDS"):
        monkeypatch.setattr(otlp, patience, 60.0)
    async with collecting() as collector:
        configured = settings.model_copy(update={"traces_endpoint": collector.endpoint, "traces_ratio": 1.0})
        async with running(configured) as app, client_of(app) as client:
            await _say_everything(client)
        # It is closed: what was left has been sent.
    _nothing_was_told(collector)
    operation, steps = only_trace(collector.spans())
    assert operation.name == "query"
    assert "postgresql: stores.list_stores" in summaries(steps)
    (resource,) = collector.resources()
    assert resource["service.name"] == "membership-api"


async def _say_everything(client: httpx.AsyncClient) -> None:
    """Values in every place where a caller can put one."""
    query = f"query Say_{NAME.replace('-', '_')}($code: String!) {{ store(by: {{code: $code}}) {{ name }} }}"
    headers: Mapping[str, str] = {
        "Accept-Language": NAME,
        "Authorization-Note": SECRET,
        "Baggage": f"member={PHONE}",
        "Cookie": f"session={SECRET}",
        "Tracestate": f"vendor={NAME}",
        "Traceparent": PARENT,
        "User-Agent": NAME,
        "X-Correlation-Id": PHONE,
    }
    body = {"query": query, "variables": {"code": PHONE}, "extensions": {"note": SECRET}}
    response = await client.post(f"/graphql?note={SECRET}", json=body, headers=headers)
    assert response.status_code == 200


def _nothing_was_told(collector: Collector) -> None:
    sent = b"".join(collector.bodies)
    assert b"stores.list_stores" in sent, "the search looks at what was really sent"
    for canary in (PHONE, NAME, NAME.replace("-", "_"), SECRET):
        assert canary.encode() not in sent


async def test_where_traces_are_off_nothing_is_recorded(settings: Settings, client_of: ClientOf) -> None:
    with capture_logs() as lines:
        async with running(settings) as app, client_of(app) as client:
            await client.post("/graphql", json={"query": "{ __typename }"})
    assert [line["event"] for line in lines] == ["graphql request"]
