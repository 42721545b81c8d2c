"""Server-sent events over real sockets: graphql-sse, distinct connections mode."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from membership.graph.operations.documents import document_id
from membership.kernel.actor import Role
from membership.kernel.clock import Clock
from membership.settings import Profile
from membership.web.streams import StreamLimits
from web.conftest import Issue, Serve, about_to_expire
from web.sockets import PATIENCE_SECONDS, Served, taken_cost
from web.subscriptions import COUNT, LEVEL, SOURCE, subscription_schema

EVENTS = "text/event-stream"


class Listener:
    """Reads events as they are written: a name and a JSON text, or a comment."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.cost: object = None

    async def next(self) -> tuple[str, object]:
        """Name and data; (":", None) for a comment, ("", None) at the end of the answer."""
        name, data = "", ""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in self._lines:
                if line == ":":
                    name = ":"
                elif line:
                    field, _, value = line.partition(":")
                    if field == "event":
                        name = value.strip()
                    else:
                        assert field == "data", line
                        data = value.strip()
                else:
                    return name, json.loads(data) if data else None
        return "", None

    async def event(self) -> tuple[str, object]:
        """The same without comments, and without what it cost: that is kept in `cost`."""
        while (found := await self.next())[0] == ":":
            pass
        self.cost = taken_cost(found[1])
        return found


@asynccontextmanager
async def listening(
    served: Served, body: dict[str, object], *, token: str | None = None, accept: str = EVENTS, method: str = "POST"
) -> AsyncIterator[Listener]:
    headers = {"Accept": accept, **({"Authorization": f"Bearer {token}"} if token else {})}
    given = {"json": body} if method == "POST" else {"params": body}
    async with (
        httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        client.stream(method, served.url, headers=headers, **given) as response,  # type: ignore[arg-type]
    ):
        yield Listener(response)


def code_of(data: object) -> object:
    assert isinstance(data, dict)
    (error,) = data["errors"]
    assert error["extensions"]["correlationId"]
    return error["extensions"]["code"]


async def test_a_subscription_from_first_to_last(served: Served) -> None:
    async with listening(served, {"query": COUNT, "variables": {"to": 2}}) as listener:
        assert listener.response.status_code == 200
        assert listener.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert listener.response.headers["cache-control"] == "no-store"
        assert listener.response.headers["x-correlation-id"]
        assert await listener.event() == ("next", {"data": {"count": 0}})
        assert await listener.event() == ("next", {"data": {"count": 1}})
        assert await listener.event() == ("complete", None)
        assert await listener.event() == ("", None)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_query_is_one_event(served: Served, method: str) -> None:
    async with listening(served, {"query": "{ __typename }"}, method=method) as listener:
        assert await listener.event() == ("next", {"data": {"__typename": "Query"}})
        assert await listener.event() == ("complete", None)


async def test_who_takes_both_gets_events_only_for_what_cannot_be_answered_otherwise(served: Served) -> None:
    both = "application/graphql-response+json, application/json, text/event-stream"
    async with listening(served, {"query": COUNT, "variables": {"to": 1}}, accept=both) as listener:
        assert await listener.event() == ("next", {"data": {"count": 0}})
    async with listening(served, {"query": "{ __typename }"}, accept=both) as listener:
        assert listener.response.headers["content-type"].startswith("application/graphql-response+json")


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
async def test_who_takes_no_events_is_told_how_to_subscribe(served: Served, accept: str) -> None:
    async with listening(served, {"query": COUNT, "variables": {"to": 1}}, accept=accept) as listener:
        body = json.loads(await listener.response.aread())
    assert listener.response.status_code == 422
    assert code_of(body) == "OPERATION_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (LEVEL, "UNAUTHENTICATED"),
        ("subscription ($to: Int!) { count(to: $to) }", "BAD_USER_INPUT"),
    ],
)
async def test_what_may_not_run_is_one_event_with_errors(served: Served, query: str, code: str) -> None:
    async with listening(served, {"query": query}) as listener:
        name, data = await listener.event()
        assert (name, code_of(data)) == ("next", code)
        assert isinstance(data, dict) and "data" not in data
        assert await listener.event() == ("complete", None)


async def test_a_role_that_may_not_watch(served: Served, issue: Issue) -> None:
    async with listening(served, {"query": LEVEL}, token=issue(Role.DESK)) as listener:
        assert code_of((await listener.event())[1]) == "FORBIDDEN"


async def test_a_mutation_by_get_is_refused(served: Served) -> None:
    async with listening(served, {"query": "mutation { __typename }"}, method="GET") as listener:
        assert code_of((await listener.event())[1]) == "OPERATION_NOT_ALLOWED"


async def test_the_production_profile_streams_trusted_documents_only(serve: Serve) -> None:
    async with serve(subscription_schema(Profile.PRODUCTION)) as served:
        async with listening(served, {"query": COUNT, "variables": {"to": 1}}) as listener:
            assert code_of((await listener.event())[1]) == "TRUSTED_DOCUMENT_REQUIRED"
        for body in ({"documentId": document_id(COUNT)}, {"extensions": {"documentId": document_id(COUNT)}}):
            async with listening(served, {**body, "variables": {"to": 1}}) as listener:
                assert await listener.event() == ("next", {"data": {"count": 0}})


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Authorization": "Bearer nonsense"}, b'{"query": "{ __typename }"}', 401),
        ({}, b"{", 400),
        ({}, b"{}", 400),
        ({"Content-Type": "text/plain"}, b'{"query": "{ __typename }"}', 415),
        ({}, b"x" * 300_000, 413),
    ],
)
async def test_what_is_no_request_is_refused_by_http(
    served: Served, headers: dict[str, str], content: bytes, status: int
) -> None:
    async with httpx.AsyncClient() as client:
        given = {"Accept": EVENTS, "Content-Type": "application/json", **headers}
        response = await client.post(served.url, headers=given, content=content)
    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"]


async def test_a_bug_is_masked_and_ends_the_operation(served: Served) -> None:
    async with listening(served, {"query": "subscription { broken }"}) as listener:
        assert await listener.event() == ("next", {"data": {"broken": 1}})
        name, data = await listener.event()
        assert (name, code_of(data)) == ("next", "INTERNAL_SERVER_ERROR")
        assert "hunter2" not in json.dumps(data)
        assert await listener.event() == ("complete", None)


async def test_changes_come_as_they_happen_and_silence_is_kept_alive(serve: Serve, issue: Issue) -> None:
    async with (
        serve(limits=StreamLimits(keep_alive_seconds=0.05)) as served,
        listening(served, {"query": LEVEL}, token=issue(Role.MEMBER)) as listener,
    ):
        for _ in range(3):
            assert await listener.event() == ("next", {"data": {"level": str(SOURCE.value)}})
            assert await listener.next() == (":", None)
            SOURCE.value += 1


async def test_a_client_that_is_gone_leaves_nothing_behind(served: Served, issue: Issue) -> None:
    async with listening(served, {"query": LEVEL}, token=issue(Role.MEMBER)) as listener:
        await listener.event()
    await served.emptied()
    await SOURCE.rested()


async def test_a_stream_ends_with_its_token(serve: Serve, issue: Issue, host_clock: Clock) -> None:
    judge = about_to_expire(host_clock.now())
    token = issue(Role.MEMBER, lifetime=timedelta())
    async with (
        serve(tokens_judged_by=judge) as served,
        listening(served, {"query": "subscription { silence }"}, token=token) as listener,
    ):
        name, data = await listener.event()
        assert (name, code_of(data)) == ("next", "UNAUTHENTICATED")
        assert await listener.event() == ("complete", None)


async def test_a_stopping_service_ends_the_answer_without_complete(serve: Serve) -> None:
    async with serve() as served, listening(served, {"query": "subscription { silence }"}) as listener:
        assert await listener.next() == (":", None)
        served.stop.set()
        assert await listener.event() == ("", None)


async def test_more_connections_than_a_process_bears(serve: Serve) -> None:
    silence: dict[str, object] = {"query": "subscription { silence }"}
    async with (
        serve(limits=StreamLimits(connections=1)) as served,
        listening(served, silence),
        listening(served, silence) as refused,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        assert code_of(json.loads(await refused.response.aread())) == "TOO_MANY_CONNECTIONS"
        assert (refused.response.status_code, refused.response.headers["retry-after"]) == (503, "5")


async def test_more_connections_than_one_caller_may_have(serve: Serve, issue: Issue) -> None:
    silence: dict[str, object] = {"query": "subscription { silence }"}
    async with (
        serve(limits=StreamLimits(of_one_caller=1)) as served,
        listening(served, silence, token=issue(Role.MEMBER)),
        listening(served, silence, token=issue(Role.DESK)) as another,
        listening(served, silence, token=issue(Role.MEMBER)) as refused,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        assert (another.response.status_code, refused.response.status_code) == (200, 503)
        assert code_of(json.loads(await refused.response.aread())) == "TOO_MANY_CONNECTIONS"


async def test_more_connections_than_one_address_may_have_without_a_token(serve: Serve, issue: Issue) -> None:
    silence: dict[str, object] = {"query": "subscription { silence }"}
    async with (
        serve(limits=StreamLimits(of_one_address=0)) as served,
        listening(served, silence, token=issue(Role.MEMBER)) as known,
        listening(served, {"query": "{ __typename }"}) as refused,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        assert (known.response.status_code, refused.response.status_code) == (200, 503)
        assert code_of(json.loads(await refused.response.aread())) == "TOO_MANY_CONNECTIONS"


async def test_who_does_not_read_is_cut_off(serve: Serve, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SOURCE, "padding", "x" * 200_000)
    body = json.dumps({"query": LEVEL})
    async with serve(limits=StreamLimits(send_seconds=0.2)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1_000)
        writer.write(
            f"POST /graphql HTTP/1.1\r\nHost: a\r\nAccept: {EVENTS}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {issue(Role.MEMBER)}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(served.streams):
                SOURCE.value += 1
                await asyncio.sleep(0.005)
        writer.close()
