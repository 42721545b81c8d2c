"""10,000 requests of nonsense, the same in every run: no crash, no internal text, no answer without a code and a
correlation id, and nothing changed by what is not carried out.

They are spoken to the application in a world where there is one of everything to hit: damaged variables of the trusted
documents in the production profile, by each role; damaged documents in the open one; damaged bodies, heads and
addresses; event streams whose clients leave; WebSockets that say anything in any order.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest
from graphql import OperationType
from structlog.testing import capture_logs
from structlog.typing import EventDict

from membership.postgres.connection import Conn
from support.servers import Addresses
from support.walls_world import walls_apart
from web.fuzzing.arena import Arena, open_arena
from web.fuzzing.values import HOSTILE, nested
from web.fuzzing.verdicts import judge, judge_conversation, was_carried_out
from web.fuzzing.wire import ask, converse
from web.sockets import PROTOCOL

VARIABLES, DOCUMENTS, HEADS, STREAMS, FRAMES = 5_000, 1_500, 2_200, 300, 1_000
JSON = (b"content-type", b"application/json")


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[EventDict]]:
    """Kept in memory: what is logged of each request would take longer to print than the request."""
    with capture_logs() as entries:
        yield entries
    assert [entry for entry in entries if entry["log_level"] in ("error", "critical")] == []


@pytest.fixture(scope="module")
async def arena(
    addresses: Addresses, server_conn: Conn, redis_database: str, issuer_folder: Path
) -> AsyncIterator[Arena]:
    async with (
        walls_apart(addresses, server_conn, redis_database) as walls,
        open_arena(walls, addresses, redis_database, issuer_folder) as arena,
    ):
        yield arena


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


def bearer(token: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {token}".encode()


_WRITES = re.compile(r"^\s*(?:--[^\n]*\n\s*)*(?:WITH\b.*?\b)?(INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)\.", re.DOTALL)


def committed_writes(statements: Sequence[str]) -> list[str]:
    """The statements that changed something outside the platform's own bookkeeping, of transactions that committed."""
    written: list[str] = []
    pending: list[str] = []
    for text in statements:
        if text == "COMMIT":
            written += pending
        if text in ("COMMIT", "ROLLBACK") or text.startswith("BEGIN"):
            pending = []
        elif (match := _WRITES.search(text)) is not None and match[2] != "platform":
            pending.append(text)
    return written


async def test_damaged_variables_of_trusted_documents(arena: Arena) -> None:
    outcomes: dict[str, int] = {}
    for number in range(VARIABLES):
        document = arena.documents[number % len(arena.documents)]
        if document.kind is OperationType.SUBSCRIPTION:
            document = arena.rng.choice([entry for entry in arena.documents if entry.kind is OperationType.MUTATION])
        body = arena.request(document)
        arena.statements.clear()
        answer = await ask(
            arena.production, headers=(JSON, bearer(arena.token(document.roles))), pieces=(encoded(body),)
        )
        asked = (number, document.text[:80], body)
        judge(answer, asked)
        if was_carried_out(answer):
            outcomes["carried out"] = outcomes.get("carried out", 0) + 1
        else:
            outcomes["refused"] = outcomes.get("refused", 0) + 1
            assert committed_writes(arena.statements) == [], (answer.body, asked)
    # The nonsense gets where something is decided, and is told apart from what makes sense.
    assert outcomes["carried out"] > VARIABLES // 20
    assert outcomes["refused"] > VARIABLES // 4


def _damaged_text(rng: Random, text: str, others: Sequence[str]) -> str:
    words = re.findall(r"\w+|\s+|[^\w\s]", text)
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        words = words or ["{"]
        place = rng.randrange(len(words))
        match rng.randrange(7):
            case 0:
                del words[place]
            case 1:
                words.insert(place, rng.choice(words))
            case 2:
                words[place] = rng.choice(re.findall(r"\w+|[^\w\s]", rng.choice(others)))
            case 3:
                words.insert(
                    place, rng.choice(("\0", "\ud800", "\ufeff", "…", '"', '"""', "#", "@skip(if: true)", "&"))
                )
            case 4:
                words[place] = words[place] * rng.choice((2, 400))
            case 5:
                words.insert(place, rng.choice(("{a" * 300, "[" * 300, "...X", "fragment X on Y { ...X }", "-1e999")))
            case _:
                words = words[:place] or ["{"]
    return "".join(words)


async def test_damaged_documents(arena: Arena) -> None:
    texts = [document.text for document in arena.documents]
    for number in range(DOCUMENTS):
        document = arena.rng.choice(arena.documents)
        body = {**arena.request(document), "query": _damaged_text(arena.rng, document.text, texts)}
        del body["documentId"]
        if arena.rng.random() < 0.1:
            body["operationName"] = arena.rng.choice(HOSTILE)
        accept = arena.rng.choice((b"application/json", b"application/graphql-response+json"))
        headers = (JSON, (b"accept", accept), bearer(arena.token(document.roles)))
        arena.statements.clear()
        answer = await ask(arena.open, headers=headers, pieces=(encoded(body),))
        judge(answer, (number, body))
        if not was_carried_out(answer):
            assert committed_writes(arena.statements) == [], (answer.body, number, body)


_NAMES = (
    *("accept", "accept-language", "authorization", "content-type", "content-length", "x-correlation-id", "cookie"),
    *("origin", "host", "content-encoding", "transfer-encoding", "expect", "x-forwarded-for", "upgrade", "te"),
)
_WORTHS: Sequence[bytes] = (
    *(b"", b"*/*", b"text/html", b"text/event-stream", b"application/json", b"application/json; charset=utf-16"),
    *(b"application/json;" * 200, b"a/b;q=NaN", b"application/*;q=-1,*/*;q=1e999", b"x" * 9_000, b"\xff\xfe", b"\x00"),
    *(b"Bearer", b"Bearer ", b"Bearer a.b.c", b"Bearer " + b"e30." * 900, b"Basic YTpi", b"-1", b"0", b"99999999999"),
    *(
        b"zh-CN,zh;q=0.9",
        b"*" * 500,
        b"gzip",
        b"chunked",
        b"null",
        b"https://evil.test",
        b"abc",
        b"a" * 65,
        b"100-continue",
    ),
)
_BODIES: Sequence[bytes] = (
    *(
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"x"',
        b"[" * 5_000,
        b'{"query":' * 2_000,
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
    ),
    *(b'{"query":"{ __typename }","query":"{ stores { nodes { id } } }"}', b'{"query":"{ __typename }"} trailing'),
    *(b'{"query":"\\ud800"}', b'{"query":NaN}', b'{"variables":{"a":1e400}}', b'{"query":"' + b"x" * 300_000 + b'"}'),
    *(b'[{"query":"{ __typename }"}]', b"query=%7B__typename%7D", b"\x1f\x8b\x08\x00", b'{"query":"{ __typename }"}'),
    *(
        b'{"documentId":"sha256:' + b"0" * 64 + b'"}',
        b'{"extensions":{"documentId":[]}}',
        b'{"query":"{ __typename }","variables":[]}',
    ),
)


async def test_damaged_heads_bodies_and_addresses(arena: Arena) -> None:
    rng = arena.rng
    for number in range(HEADS):
        app = rng.choice((arena.production, arena.open))
        headers = [(rng.choice(_NAMES).encode(), rng.choice(_WORTHS)) for _ in range(rng.choice((0, 1, 2, 3, 3, 200)))]
        if rng.random() < 0.7:
            headers.append(JSON)
        if rng.random() < 0.5:
            headers.append(bearer(arena.token([])))
        body = rng.choice(_BODIES) if rng.random() < 0.6 else encoded(arena.request(rng.choice(arena.documents)))
        pieces = [body[start : start + 1 + len(body) // 3] for start in range(0, len(body), 1 + len(body) // 3)]
        query = rng.choice((b"", b"query=%7B__typename%7D", b"&&=&", b"%ff%00", b"query=%ff", _query_string(arena)))
        method = rng.choice(("POST", "POST", "POST", "GET", "GET", "HEAD", "PUT", "OPTIONS", "PATCH", "QUERY", "TRACE"))
        path = rng.choice(("/graphql",) * 8 + ("/", "/graphql/", "/calendar/x.ics", "/%00", "/healthz/..", "/é"))
        arena.statements.clear()
        answer = await ask(
            app,
            method=method,
            path=path,
            query_string=query,
            headers=headers,
            pieces=pieces or (b"",),
            hangs_up_after=rng.choice((None,) * 9 + (-1, 1)) or (1 if _wants_events(headers) else None),
        )
        asked = (number, method, path, query, headers, body[:300])
        if answer.body and answer.headers.get("content-type", "").startswith("text/html"):
            assert answer.status == 200, asked
        elif method not in ("HEAD", "OPTIONS") or answer.body:
            judge(answer, asked)
        assert answer.status < 500, (answer, asked)


def _wants_events(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    return any(name == b"accept" and b"event-stream" in value for name, value in headers)


def _query_string(arena: Arena) -> bytes:
    request = arena.request(arena.rng.choice(arena.documents))
    document, variables = str(request["documentId"]), json.dumps(request["variables"])
    return f"documentId={quote(document)}&variables={quote(variables)[:4_000]}".encode()


async def test_event_streams_whose_clients_leave(arena: Arena) -> None:
    watched = [entry for entry in arena.documents if entry.kind is not OperationType.MUTATION]
    for number in range(STREAMS):
        subscriptions = [entry for entry in watched if entry.kind is OperationType.SUBSCRIPTION]
        document = arena.rng.choice(subscriptions if number % 2 else watched)
        body = arena.request(document)
        headers = (JSON, (b"accept", b"text/event-stream"), bearer(arena.token(document.roles)))
        leaving = arena.rng.choice((1, 2, 3))
        if document.kind is not OperationType.SUBSCRIPTION:
            leaving = 9
        answer = await ask(arena.production, headers=headers, pieces=(encoded(body),), hangs_up_after=min(leaving, 2))
        judge(answer, (number, document.text[:80], body))
    assert len(arena.production.state.streams) == 0


def _frame(arena: Arena, number: int) -> str | bytes:
    rng = arena.rng
    document = rng.choice(arena.documents)
    key = rng.choice(("1", "1", "2", f"{number}"))
    request: object = arena.request(document)
    message: object
    match rng.randrange(12):
        case 0 | 1:
            message = {"type": "connection_init", "payload": {"authorization": f"Bearer {arena.token(document.roles)}"}}
        case 2:
            message = {"type": "connection_init", "payload": rng.choice(HOSTILE)}
        case 3 | 4 | 5:
            message = {"type": "subscribe", "id": key, "payload": request}
        case 6:
            damaged = {"query": document.text, "variables": rng.choice(HOSTILE), "extensions": rng.choice(HOSTILE)}
            message = {"type": "subscribe", "id": rng.choice((key, *HOSTILE)), "payload": damaged}
        case 7:
            message = {"type": "complete", "id": rng.choice((key, *HOSTILE))}
        case 8:
            message = {"type": rng.choice(("ping", "pong")), "payload": rng.choice(HOSTILE)}
        case 9:
            message = {"type": rng.choice(("next", "error", "connection_ack", "start", "stop", *HOSTILE))}
        case 10:
            message = rng.choice(HOSTILE)
        case _:
            return rng.choice((b"{}", "", "{", "nonsense", json.dumps(nested(900, in_lists=True)), "x" * 300_000))
    return json.dumps(message)


async def test_websockets_that_say_anything_in_any_order(arena: Arena) -> None:
    rng, said = arena.rng, 0
    while said < FRAMES:
        frames: list[str | bytes] = [_frame(arena, said + place) for place in range(rng.choice((1, 2, 4, 8)))]
        if rng.random() < 0.8:
            # Well begun, or else nearly every conversation ends with its first word.
            token = arena.token([])
            begin = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
            frames.insert(0, json.dumps(begin))
        protocols = rng.choice(((PROTOCOL,),) * 8 + ((), ("graphql-ws",)))
        heard = await converse(arena.production, frames, subprotocols=protocols)
        judge_conversation(heard, (said, frames))
        said += len(frames)
    assert len(arena.production.state.streams) == 0
