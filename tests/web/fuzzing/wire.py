"""Requests and conversations, spoken to the ASGI application itself: every byte is chosen, and what it raises rises."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message

PATIENCE_SECONDS = 30
Headers = Sequence[tuple[bytes, bytes]]


@dataclass
class Answer:
    """`events`: of an event stream, each with what it says."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_complete: bool = False

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")

    def results(self) -> list[dict[str, object]]:
        """The GraphQL answers in it."""
        if not self.is_stream:
            return [json.loads(self.body)]
        lines = self.body.decode().splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


async def ask(
    app: ASGIApp,
    *,
    method: str = "POST",
    path: str = "/graphql",
    query_string: bytes = b"",
    headers: Headers = (),
    pieces: Sequence[bytes] = (b"",),
    hangs_up_after: int | None = None,
) -> Answer:
    """`hangs_up_after` so many pieces of the answer the client is gone; -1: before it has sent all of its own."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query_string,
        "root_path": "",
        "headers": list(headers),
        "client": ("10.0.0.7", 50_000),
        "server": ("membership.test", 443),
    }
    sent = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if hangs_up_after != -1:
        sent[-1]["more_body"] = False
    answer, gone, written = Answer(), asyncio.Event(), 0

    async def receive() -> Message:
        if sent:
            return sent.pop(0)
        if hangs_up_after != -1:
            await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal written
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
            return
        answer.body += message.get("body", b"")
        answer.is_complete = not message.get("more_body", False)
        written += 1
        if hangs_up_after is not None and written >= hangs_up_after:
            gone.set()

    async with asyncio.timeout(PATIENCE_SECONDS):
        await app(scope, receive, send)
    return answer


@dataclass
class Conversation:
    """What a WebSocket said, and how it was closed."""

    said: list[Mapping[str, object]] = field(default_factory=list)
    accepted: bool = False
    code: int | None = None
    reason: str = ""
    refused: Answer | None = None


async def converse(
    app: ASGIApp, frames: Sequence[str | bytes], *, headers: Headers = (), subprotocols: Sequence[str]
) -> Conversation:
    """Says all of it at once, listens until nothing more comes, and leaves."""
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "wss",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "headers": list(headers),
        "client": ("10.0.0.7", 50_000),
        "server": ("membership.test", 443),
        "subprotocols": list(subprotocols),
        "extensions": {"websocket.http.response": {}},
    }
    heard, done = Conversation(), asyncio.Event()
    waiting: list[Message] = [{"type": "websocket.connect"}]
    for frame in frames:
        kind = "text" if isinstance(frame, str) else "bytes"
        waiting.append({"type": "websocket.receive", kind: frame})

    async def receive() -> Message:
        # A turn of the loop for what the last message has set going.
        await asyncio.sleep(0)
        if waiting:
            return waiting.pop(0)
        await done.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Message) -> None:
        match message["type"]:
            case "websocket.accept":
                heard.accepted = True
            case "websocket.send":
                assert message.get("bytes") is None, "clients take no binary frames"
                heard.said.append(json.loads(message["text"]))
            case "websocket.close":
                heard.code, heard.reason = message["code"], message.get("reason", "")
            case "websocket.http.response.start":
                named = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                heard.refused = Answer(message["status"], named)
            case "websocket.http.response.body":
                assert heard.refused is not None
                heard.refused.body += message["body"]

    async with asyncio.timeout(PATIENCE_SECONDS):
        serving = asyncio.ensure_future(app(scope, receive, send))
        leaving = asyncio.ensure_future(_when_quiet(heard, waiting, done))
        await serving
        leaving.cancel()
    return heard


async def _when_quiet(heard: Conversation, waiting: Sequence[Message], done: asyncio.Event) -> None:
    """Leaves once all was said and every operation that was begun has been heard of, or has had some time."""
    turns = 0
    while waiting or turns < 20:
        before = len(heard.said)
        await asyncio.sleep(0.002)
        turns = 0 if len(heard.said) > before else turns + 1
    done.set()
