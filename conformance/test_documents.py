"""Production runs trusted documents only: by every transport, and every refusal has its code."""

import json

import pytest

from membership.graph.operations.documents import document_id
from support.appointment_graph import part, rows
from support.deployment import Development, Production
from support.node import script
from support.operations import trusted

HOME = document_id(trusted("app/MemberHome"))
UNKNOWN = f"sha256:{'0' * 64}"
TEXT = "{ memberHome { displayName } }"

REFUSED = pytest.mark.parametrize(
    ("request_body", "code"),
    [
        ({"query": "", "documentId": UNKNOWN}, "TRUSTED_DOCUMENT_UNKNOWN"),
        ({"query": "", "extensions": {"documentId": UNKNOWN}}, "TRUSTED_DOCUMENT_UNKNOWN"),
        ({"query": TEXT}, "TRUSTED_DOCUMENT_REQUIRED"),
        ({"query": "subscription { stockLevels(poolIds: []) { total } }"}, "TRUSTED_DOCUMENT_REQUIRED"),
    ],
    ids=["unknown id", "unknown id in extensions", "text", "text of a subscription"],
)
GOOD = pytest.mark.parametrize(
    "request_body",
    [{"query": "", "documentId": HOME}, {"query": "", "extensions": {"documentId": HOME}}],
    ids=["documentId", "extensions.documentId"],
)


def code_of(errors: object) -> object:
    [error] = rows(errors)
    extensions = part(error, "extensions")
    assert extensions["correlationId"]
    return extensions["code"]


async def told(production: Production, transport: str, token: str, request: object) -> dict[str, object]:
    """What a client's sink is given first: a result, or errors."""
    async with script("subscribe", transport=transport, url=production.url, tokens=[token], request=request) as asking:
        return await asking.hear_after_any("connected")


@pytest.fixture
def token(development: Development) -> str:
    return development.token("MEMBER")


@GOOD
@pytest.mark.parametrize("transport", ["ws", "sse"])
async def test_clients_run_it(production: Production, token: str, transport: str, request_body: object) -> None:
    heard = await told(production, transport, token, request_body)
    assert heard["event"] == "next"
    assert "errors" not in part(heard, "result")


@REFUSED
async def test_a_socket_is_told_by_code(production: Production, token: str, request_body: object, code: str) -> None:
    heard = await told(production, "ws", token, request_body)
    assert heard["event"] == "error"
    assert code_of(heard["error"]) == code


@REFUSED
async def test_an_event_stream_is_told_by_code(
    production: Production, token: str, request_body: object, code: str
) -> None:
    heard = await told(production, "sse", token, request_body)
    assert heard["event"] == "next"
    assert code_of(part(heard, "result")["errors"]) == code


@GOOD
def test_post_and_get_run_it(production: Production, token: str, request_body: dict[str, object]) -> None:
    for answer in (production.post(token, request_body), production.get(token, flat(request_body))):
        assert answer.status_code == 200
        assert "errors" not in answer.json()


@REFUSED
def test_post_and_get_are_told_by_code(
    production: Production, token: str, request_body: dict[str, object], code: str
) -> None:
    accept = {"Accept": "application/graphql-response+json"}
    answers = (production.post(token, request_body, **accept), production.get(token, flat(request_body), **accept))
    for answer in answers:
        assert answer.status_code == 422
        assert code_of(answer.json()["errors"]) == code


def flat(body: dict[str, object]) -> dict[str, str]:
    """As the parameters of a GET."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items() if value}
