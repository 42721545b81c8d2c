"""Every request on the wire is noted, whatever becomes of it."""

import asyncio
from collections.abc import Callable, Coroutine

import httpx
import pytest

from membership.rehearsal.witness import CUT, Tally, Witness, code_of

BODY = b'{"operationName":"CommitSale"}'
ANSWER = b'{"data":{"commitSale":{"__typename":"CommitSalePayload"}}}'
REFUSAL = b'{"data":{"claimGift":{"__typename":"SoldOut","code":"SOLD_OUT"}}}'
UNKNOWN = b'{"data":{"claimGift":{"__typename":"OutcomeUnknown","code":"OUTCOME_UNKNOWN"}}}'
BUSY = b'{"errors":[{"message":"busy","extensions":{"code":"UNAVAILABLE"}}]}'


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, ANSWER, None),
        (200, REFUSAL, None),
        (200, UNKNOWN, "OUTCOME_UNKNOWN"),
        (503, BUSY, "UNAVAILABLE"),
        (200, BUSY, "UNAVAILABLE"),
        (502, b"<html>Bad gateway</html>", "HTTP 502"),
        (500, b'{"errors":[{"message":"no code"}]}', "HTTP 500"),
        (404, b"{}", "HTTP 404"),
    ],
)
def test_the_code_of_what_is_no_answer(status: int, body: bytes, code: str | None) -> None:
    assert code_of(status, body) == code


async def _send(
    handler: Callable[[httpx.Request], Coroutine[None, None, httpx.Response]], tally: Tally
) -> httpx.Response:
    transport = Witness(httpx.MockTransport(handler), tally, pause=lambda: 0)
    async with httpx.AsyncClient(transport=transport) as client:
        return await client.post("http://service.test/graphql", content=BODY)


async def test_an_answer_is_passed_on_as_it_is() -> None:
    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"ratelimit": "r=1"}, content=ANSWER)

    tally = Tally()
    response = await _send(answer, tally)
    assert (response.content, response.headers["ratelimit"]) == (ANSWER, "r=1")
    assert [(sent.operation, sent.failure) for sent in tally.sent] == [("CommitSale", None)]


async def test_a_refusal_with_a_code_is_typed_and_a_page_of_a_proxy_is_not() -> None:
    tally = Tally()
    for content in (BUSY, b"<html>"):

        async def refuse(_: httpx.Request, content: bytes = content) -> httpx.Response:
            return httpx.Response(503, content=content)

        await _send(refuse, tally)
    assert [(sent.failure, sent.typed, sent.is_retryable) for sent in tally.sent] == [
        ("UNAVAILABLE", True, True),
        ("HTTP 503", False, False),
    ]


async def test_a_cut_line_is_noted_and_raised() -> None:
    async def cut(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("cut")

    tally = Tally()
    with pytest.raises(httpx.ReadError):
        await _send(cut, tally)
    assert [(sent.failure, sent.typed) for sent in tally.sent] == [("ReadError", False)]


async def test_who_waits_no_longer_has_seen_a_failure() -> None:
    sent = asyncio.Event()

    async def never(_: httpx.Request) -> httpx.Response:
        sent.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody answers")

    tally = Tally()
    asking = asyncio.create_task(_send(never, tally))
    await sent.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [entry.failure for entry in tally.sent] == [CUT]
