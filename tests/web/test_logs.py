"""One line a request, with what operators need and nothing that members said."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
import structlog
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from membership.graph.stores import queries as stores_queries
from membership.kernel.actor import Role
from membership.logging import configure
from web.conftest import Issue, Serve


@contextmanager
def written() -> Iterator[io.StringIO]:
    """All logs of the block as the service writes them; the test runner's own handlers come back afterwards."""
    root, configured, stream = logging.getLogger(), structlog.get_config(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    configure("INFO", stream)
    try:
        yield stream
    finally:
        root.handlers, root.level = handlers, level
        structlog.configure(**configured)


async def test_a_request_leaves_one_line(client: httpx.AsyncClient, issue: Issue) -> None:
    body = {"query": "query Find($id: ID!) { node(id: $id) { id } }", "variables": {"id": "+8613800138000"}}
    with capture_logs() as lines:
        response = await client.post("/graphql", json=body, headers={"Authorization": f"Bearer {issue(Role.DESK)}"})

    (line,) = lines
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "graphql request",
        "log_level": "info",
        "correlation_id": response.headers["x-correlation-id"],
        "operation": "Find",
        "role": "desk",
        "outcome": "BAD_USER_INPUT",
        "status": 200,
    }


async def test_what_was_refused_is_logged_by_its_code(client: httpx.AsyncClient, issue: Issue) -> None:
    """An answer with a refusal is a good answer to GraphQL; whoever reads the log wants to know all the same."""
    refused = '{ a: store(by: {code: "NOWHERE"}) { id } b: member(by: {phone: "+8613800138000"}) { __typename } }'
    with capture_logs() as lines:
        await client.post(
            "/graphql", json={"query": refused}, headers={"Authorization": f"Bearer {issue(Role.MEMBER_SERVICES)}"}
        )

    (line,) = lines
    assert (line["outcome"], line["status"]) == ("UNKNOWN_MEMBER", 200)


async def test_a_malformed_request_leaves_a_line_too(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await client.post("/graphql", content="{", headers={"Content-Type": "application/json"})

    (line,) = lines
    assert (line["outcome"], line["status"], line["operation"]) == ("BAD_REQUEST", 400, None)


@pytest.mark.parametrize("query", ["{ __typename }", "{ nonsense }", "query Known { __typename }"])
async def test_no_name_of_an_operation_is_logged_that_its_document_does_not_have(
    client: httpx.AsyncClient, query: str
) -> None:
    with capture_logs() as logs:
        await client.post("/graphql", json={"query": query, "operationName": "Mei Ling Tan " * 1_000})

    (line,) = (entry for entry in logs if entry["event"] == "graphql request")
    assert line["operation"] in (None, "Known")


async def test_an_unexpected_error_is_logged_with_its_exception_and_masked(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(stores_queries, "by_code", fail)
    with capture_logs() as lines:
        response = await client.post("/graphql", json={"query": "query All { stores { nodes { id } } }"})

    assert "hunter2" not in response.text
    error, request = lines
    assert error["log_level"] == "error"
    assert error["path"] == "stores"
    assert isinstance(error["exc_info"], RuntimeError)
    assert error["correlation_id"] == request["correlation_id"] == response.headers["x-correlation-id"]
    assert request["outcome"] == "INTERNAL_SERVER_ERROR"


async def test_an_error_outside_graphql_is_masked_too(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> str:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("membership.web.operations.negotiate", fail)
    with capture_logs() as lines:
        response = await client.post("/graphql", json={"query": "{ __typename }"})

    assert response.status_code == 500
    assert "hunter2" not in response.text
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert [line["log_level"] for line in lines] == ["error", "info"]


def test_logs_are_captured_by_the_loggers_in_use() -> None:
    # capture_logs sees nothing of a logger that was cached before: then the tests above would prove nothing.
    assert structlog.get_config()["cache_logger_on_first_use"] is False


async def test_no_address_is_logged_that_holds_a_secret_or_what_members_said(serve: Serve) -> None:
    """By neither protocol, and by no library: a calendar's address is a secret, and a GET has its variables there."""
    secret, phone = "ab" * 32, "138-0013-8000"
    with written() as stream:
        async with serve() as served, httpx.AsyncClient() as client:
            root = f"127.0.0.1:{served.port}"
            await client.get(f"http://{root}/calendar/{secret}.ics")
            await client.get(f"http://{root}/graphql", params={"query": "{ a }", "variables": f'{{"p": "{phone}"}}'})
            for address in (f"ws://{root}/calendar/{secret}.ics", f"ws://{root}/graphql?token={secret}&p={phone}"):
                with suppress(InvalidStatus):
                    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]):
                        pass
    logged = stream.getvalue()
    assert "calendar fetched" in logged
    assert secret not in logged and phone not in logged
