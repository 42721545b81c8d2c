"""The close codes of graphql-transport-ws, as real sockets see them."""

from datetime import timedelta

import pytest

from membership.graph.operations.documents import document_id
from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock
from membership.sample.loading import demo_ids
from membership.web.development_issuer import issue_token
from support.deployment import Development, Production
from support.drop import Drop
from support.node import script
from support.operations import trusted

INIT = {"type": "connection_init"}
WATCH = {"documentId": document_id(trusted("app/WatchStock")), "variables": {"poolIds": []}}
SUBSCRIBE = {"type": "subscribe", "id": "1", "payload": WATCH}


@pytest.mark.parametrize(
    ("say", "code", "reason"),
    [
        (["{"], 4400, "The message is not JSON"),
        ([INIT, {"type": "start", "id": "1"}], 4400, "Unknown message type"),
        ([INIT, {"type": "subscribe", "id": "1"}], 4400, "The payload of subscribe takes an object"),
        ([SUBSCRIBE], 4401, "Unauthorized"),
        ([{**INIT, "payload": {"authorization": "Bearer nonsense"}}], 4403, None),
        ([INIT, INIT], 4429, "Too many initialisation requests"),
        ([], 4408, "Connection initialisation timeout"),
    ],
)
async def test_who_breaks_the_protocol_is_told_how(
    production: Production, say: list[object], code: int, reason: str | None
) -> None:
    async with script("socket", url=production.url, say=say) as socket:
        told = await socket.hear_after_any("message")
    assert told["code"] == code
    assert told["reason"] == reason or reason is None


async def test_an_id_is_in_use(production: Production, drop: Drop) -> None:
    authorization = f"Bearer {drop.development.token('MEMBER')}"
    payload = {**WATCH, "variables": {"poolIds": [drop.pool]}}
    subscribe = {**SUBSCRIBE, "payload": payload}
    say = [{**INIT, "payload": {"authorization": authorization}}, subscribe, subscribe]
    async with script("socket", url=production.url, say=say) as socket:
        told = await socket.hear_after_any("message")
    assert told == {"event": "closed", "code": 4409, "reason": "Subscriber for 1 already exists"}


async def test_who_offers_no_subprotocol_is_told_which(production: Production) -> None:
    async with script("socket", url=production.url, say=[], protocols=[]) as socket:
        told = await socket.hear("closed")
    assert told == {"code": 4406, "reason": "Subprotocol not acceptable: use graphql-transport-ws"}


async def test_the_older_subprotocol_is_not_spoken(production: Production) -> None:
    async with script("socket", url=production.url, say=[INIT], protocols=["graphql-ws"]) as socket:
        assert await socket.hear("failed") == {"message": "Server sent no subprotocol"}


async def test_a_client_whose_token_expires_comes_back_with_a_new_one(
    production: Production, development: Development, drop: Drop
) -> None:
    demo, folder = demo_ids(), development.folder / "keys"
    brief = issue_token(
        folder,
        Role.MEMBER,
        now=SystemClock().now(),
        lifetime=timedelta(seconds=3),
        member=demo.member_id,
        programme=demo.programme_id,
    )
    tokens = [brief, development.token("MEMBER")]
    request = {"query": "", **WATCH, "variables": {"poolIds": [drop.pool]}}
    async with script("subscribe", transport="ws", url=production.url, tokens=tokens, request=request) as watching:
        assert await watching.hear("connected") == {"isRetry": False}
        first = await watching.hear("next")
        assert await watching.hear("closed") == {"code": 4403, "reason": "The token has expired"}
        assert await watching.hear("connected") == {"isRetry": True}
        assert await watching.hear("next") == first


async def test_a_client_that_breaks_the_protocol_gives_up(production: Production, development: Development) -> None:
    """The protocol's own codes are for good: a client that came again would be told the same."""
    request = {"query": ""}
    token = development.token("MEMBER")
    async with script("subscribe", transport="ws", url=production.url, tokens=[token], request=request) as asking:
        await asking.hear("connected")
        assert (await asking.hear("closed"))["code"] == 4400
        told = await asking.hear("error")
    assert told == {"error": {"code": 4400, "message": "Send a `documentId` or a `query`."}}
