"""What a till's client sends again, when, and how it reads what it has never seen."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from membership.till_client import (
    ONCE,
    Attempt,
    Busy,
    ClientTooOld,
    Fault,
    NoAnswer,
    NotAllowed,
    OtherRefusal,
    Refusal,
    Retrying,
    SignedOut,
    TillClient,
    TillRevoked,
    Unreadable,
)
from membership.till_client.generated.abandon_quote import AbandonQuoteAbandonQuotePayload
from membership.till_client.generated.input_types import InviteMemberInput, MemberLookup, QuoteInput
from support.shop import Script, data, fault

QUOTE = QuoteInput(quote_id="q-1")
DONE = {"__typename": "AbandonQuotePayload", "quoteId": "q-1"}


class Till:
    """A client whose service answers by a script, and whose time passes at once."""

    def __init__(
        self,
        *answers: httpx.Response | Exception,
        retrying: Retrying = Retrying(),  # noqa: B008 - frozen
        token: str | Callable[[], str] = "t-1",
        chance: float = 0,
        timeout_seconds: float = 5,
    ) -> None:
        self.script = Script(list(answers))
        self.slept: list[float] = []
        self.attempts: list[Attempt] = []
        self.client = TillClient(
            "http://till.test/graphql",
            token,
            http=httpx.AsyncClient(transport=self.script),
            retrying=retrying,
            timeout_seconds=timeout_seconds,
            observer=self.attempts.append,
            sleep=self._sleep,
            chance=lambda: chance,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def ask(self) -> AbandonQuoteAbandonQuotePayload | Refusal:
        return await self.client.abandon_quote(QUOTE)


@pytest.mark.parametrize(
    "first",
    [
        httpx.ReadError("cut"),
        httpx.ConnectError("no route"),
        httpx.RemoteProtocolError("hung up"),
        httpx.ReadTimeout("slow"),
        httpx.ConnectTimeout("slow"),
        httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"cut short")),
        fault(200, "UNAVAILABLE"),
        fault(429, "RATE_LIMITED"),
        fault(503, "TOO_MANY_CONNECTIONS"),
        fault(200, "OPERATION_TIMED_OUT"),
        fault(504, "OPERATION_TIMED_OUT"),
        httpx.Response(502, text="<html>Bad Gateway</html>"),
    ],
    ids=lambda first: f"{first!r}"[:40],
)
async def test_what_will_pass_is_sent_again_as_it_was(first: httpx.Response | Exception) -> None:
    till = Till(first, data(abandonQuote=DONE))

    assert isinstance(await till.ask(), AbandonQuoteAbandonQuotePayload)
    sent, again = till.script.asked
    assert sent.content == again.content
    assert sent.headers["x-correlation-id"] == again.headers["x-correlation-id"]
    assert [(attempt.number, attempt.failure is None) for attempt in till.attempts] == [(1, False), (2, True)]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (fault(401, "UNAUTHENTICATED"), SignedOut),
        (fault(401, "TILL_REVOKED"), TillRevoked),
        (fault(403, "FORBIDDEN"), NotAllowed),
        (fault(422, "TRUSTED_DOCUMENT_UNKNOWN"), ClientTooOld),
        (fault(400, "BAD_USER_INPUT"), Fault),
        (fault(500, "INTERNAL_SERVER_ERROR"), Fault),
        (httpx.Response(200, text="<html>Welcome to the hotel</html>"), Unreadable),
        (httpx.Response(200, json={"hello": "world"}), Unreadable),
        (httpx.Response(200, json=["data"]), Unreadable),
        (httpx.Response(200, text="[" * 100_000), Unreadable),
        (httpx.Response(200, content=b'{"data": "\xff"}'), Unreadable),
        (httpx.Response(200, json={"data": {}, "errors": [{"message": ["odd"], "extensions": {"code": 7}}]}), Fault),
        (httpx.Response(302, headers={"location": "http://elsewhere.test/"}), Unreadable),
        (data(abandonQuote={"__typename": "AbandonQuotePayload"}), Unreadable),
    ],
)
async def test_what_will_not_pass_is_told_at_once(answer: httpx.Response, kind: type[Exception]) -> None:
    till = Till(answer)

    with pytest.raises(kind) as told:
        await till.ask()
    assert type(told.value) is kind
    assert len(till.script.asked) == 1
    assert "correlation id" in str(told.value)


async def test_the_same_key_is_spoken_of_only_where_there_is_one() -> None:
    till = Till(httpx.ReadError("cut"), httpx.ReadError("cut"), retrying=ONCE)

    with pytest.raises(NoAnswer) as asked:
        await till.client.identify_member(MemberLookup(code="0" * 20))
    with pytest.raises(NoAnswer) as changed:
        await till.client.invite_member(InviteMemberInput(idempotency_key="k"))
    assert "key" not in str(asked.value)
    assert "send the same again with the same key" in str(changed.value)


async def test_a_fault_says_code_message_and_correlation_id() -> None:
    with pytest.raises(Fault) as told:
        await Till(fault(400, "BAD_USER_INPUT", "Send a number.")).ask()

    assert (told.value.code, told.value.message, told.value.correlation_id) == (
        "BAD_USER_INPUT",
        "Send a number.",
        "c-1",
    )


async def test_after_as_many_attempts_as_it_makes_it_says_what_to_do() -> None:
    till = Till(*[httpx.ReadError("cut")] * 3, retrying=Retrying(attempts=3))

    with pytest.raises(NoAnswer, match="send the same again \\(") as told:
        await till.ask()
    assert told.value.attempts == 3
    assert len(till.script.asked) == 3


async def test_a_pause_grows_and_is_taken_by_chance_below_that() -> None:
    cut = [httpx.ReadError("cut")] * 5
    till = Till(*cut, data(abandonQuote=DONE), chance=0.5, retrying=Retrying(first_seconds=1, most_seconds=4))

    await till.ask()
    assert till.slept == [0.5, 1, 2, 2, 2]


async def test_retry_after_is_kept() -> None:
    till = Till(fault(429, "RATE_LIMITED", retry_after="7"), data(abandonQuote=DONE), chance=0.5)

    await till.ask()
    assert till.slept == [7.05]


async def test_nobody_is_kept_waiting_longer_than_they_are_patient() -> None:
    till = Till(fault(429, "RATE_LIMITED", retry_after="60"))

    with pytest.raises(Busy) as told:
        await till.ask()
    assert told.value.retry_after == 60
    assert till.slept == []


async def test_when_nothing_is_left_of_the_limit_the_next_request_waits() -> None:
    last = data(abandonQuote=DONE)
    last.headers["RateLimit"] = '"till";r=0;t=3, "store";r=40;t=1'
    till = Till(last, data(abandonQuote=DONE))

    await till.ask()
    assert till.slept == []
    await till.ask()
    (waited,) = till.slept
    assert 2 < waited <= 3


async def test_who_repeats_by_other_means_is_told_at_the_first_cut() -> None:
    till = Till(httpx.ReadError("cut"), retrying=ONCE)

    with pytest.raises(NoAnswer):
        await till.ask()


class Trickle(httpx.AsyncByteStream):
    """An answer whose end does not come in time, and that is never silent for long."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(200_000):
            yield b" "
            await asyncio.sleep(0)


async def test_an_answer_that_only_trickles_in_is_none() -> None:
    till = Till(httpx.Response(200, stream=Trickle()), data(abandonQuote=DONE), timeout_seconds=0.05)

    assert isinstance(await till.ask(), AbandonQuoteAbandonQuotePayload)
    assert [attempt.failure for attempt in till.attempts] == ["TimeoutError", None]


async def test_a_token_is_asked_for_with_every_attempt() -> None:
    tokens = iter(("old", "new"))
    till = Till(httpx.ReadError("cut"), data(abandonQuote=DONE), token=lambda: next(tokens))

    await till.ask()
    assert [request.headers["authorization"] for request in till.script.asked] == ["Bearer old", "Bearer new"]


async def test_no_text_is_sent_and_nothing_that_was_not_set() -> None:
    till = Till(data(store=None))

    await till.client.till_store("WEST", after=None)
    (request,) = till.script.asked
    body = json.loads(request.content)
    assert body.keys() == {"documentId", "operationName", "variables"}
    assert body["variables"] == {"code": "WEST", "after": None}
    assert request.headers["accept"] == "application/graphql-response+json"


async def test_a_refusal_newer_than_the_client_is_a_refusal() -> None:
    new = {"__typename": "ShopIsOnTheMoon", "code": "SHOP_IS_ON_THE_MOON", "message": "Come down.", "field": None}

    answer = await Till(data(abandonQuote=new)).ask()
    assert isinstance(answer, OtherRefusal)
    assert answer.code == "SHOP_IS_ON_THE_MOON"


async def test_a_value_newer_than_the_client_is_taken_as_it_is() -> None:
    found = {"__typename": "RecognisedMember", "memberId": "m", "by": "SMELL", "maskedName": None, "tier": "GOLD"}
    till = Till(data(identifyMember={**found, "available": 1, "cardStatus": "ACTIVE", "shoeSize": 41}))

    answer = await till.client.identify_member(MemberLookup(card_number="1"))
    assert not isinstance(answer, Refusal)
    assert (answer.by, answer.by.value) == ("SMELL", "SMELL")
