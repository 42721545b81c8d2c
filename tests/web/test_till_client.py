"""A till's typed client against the service as in production: behind sockets, trusted documents only."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import assert_type

import httpx
import pytest

from membership.graph.operations.documents import load_manifest
from membership.kernel.actor import Role
from membership.postgres.connection import Conn
from membership.settings import Profile, Rate
from membership.till_client import Attempt, Busy, ClientTooOld, Refusal, Retrying, SignedOut, TillClient
from membership.till_client.generated.abandon_quote import AbandonQuote
from membership.till_client.generated.commit_sale import CommitSaleCommitSalePayload
from membership.till_client.generated.identify_member import IdentifyMemberRecognisedMember, IdentifyMemberUnknownCard
from membership.till_client.generated.input_types import MemberLookup, QuoteSaleInput, SaleLookup
from support.proxy import Line
from support.shop import Script, Street, basket, commit_of, fault, street
from support.till_world import TillWorld
from web.conftest import Issue, MakeApp


@pytest.fixture
async def there(make_app: MakeApp, till: TillWorld, issuer_folder: Path) -> AsyncIterator[Street]:
    app = make_app(Profile.PRODUCTION, load_manifest())
    async with street(app, issuer_folder, [till.card_number]) as opened:
        yield opened


def client_of(there: Street, *, url: str | None = None, token: str | None = None) -> TillClient:
    return TillClient(url or there.url, token or there.place.token)


async def test_isinstance_tells_refusals_from_the_answer(there: Street, till: TillWorld) -> None:
    async with client_of(there) as client:
        unknown = await client.identify_member(MemberLookup(card_number="000000000000"))
        found = await client.identify_member(MemberLookup(card_number=till.card_number))

    assert not isinstance(found, Refusal)
    assert_type(found, IdentifyMemberRecognisedMember)
    assert found.tier == "CARD"
    assert isinstance(unknown, Refusal)
    assert unknown.message


async def test_each_refusal_has_a_class_and_a_code(there: Street) -> None:
    async with client_of(there) as client:
        unknown = await client.identify_member(MemberLookup(card_number="000000000000"))

    assert isinstance(unknown, IdentifyMemberUnknownCard)
    assert unknown.code == "UNKNOWN_CARD"


async def test_a_sale_from_quote_to_look_up(there: Street, till: TillWorld) -> None:
    lookup = MemberLookup(card_number=till.card_number)
    async with client_of(there) as client:
        quote = await client.quote_sale(QuoteSaleInput(idempotency_key="q", basket=basket(100_00), member=lookup))
        assert not isinstance(quote, Refusal)
        asked = commit_of(till, basket(100_00)).model_copy(update={"quote_id": quote.quote_id})
        sold = await client.commit_sale(asked)
        assert not isinstance(sold, Refusal)
        assert sold.sale_id is not None
        found = await client.find_sale(SaleLookup(id=sold.sale_id))

    assert_type(sold, CommitSaleCommitSalePayload)
    assert (quote.points, sold.points_earned, sold.exceptions) == (100, 100, [])
    assert found is not None
    assert (found.net.amount_minor, found.sold_at, found.sequence) == (100_00, till.now, asked.sequence)


async def test_a_lost_answer_is_asked_for_again_and_the_sale_is_booked_once(
    there: Street, till: TillWorld, conn: Conn
) -> None:
    attempts: list[Attempt] = []
    async with Line(there.served.port) as line:
        line.lose_answer_to(b"CommitSale")
        url = f"http://127.0.0.1:{line.port}/graphql"
        async with TillClient(url, there.place.token, observer=attempts.append) as client:
            sold = await client.commit_sale(commit_of(till, basket(100_00)))

    assert not isinstance(sold, Refusal)
    assert line.lost_answers == 1
    assert [attempt.failure is None for attempt in attempts] == [False, True]
    assert await conn.fetchval("SELECT count(*) FROM receipts.sales") == 1


@pytest.mark.parametrize(("status", "code"), [(429, "RATE_LIMITED"), (503, "UNAVAILABLE")])
async def test_a_busy_service_is_asked_again(there: Street, till: TillWorld, status: int, code: str) -> None:
    class Busy1st(Script):
        """One refusal, and then the service."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if self.answers:
                return await super().handle_async_request(request)
            return await behind.handle_async_request(request)

    behind, front = httpx.AsyncHTTPTransport(), Busy1st([fault(status, code, retry_after="0")])
    async with behind, httpx.AsyncClient(transport=front) as http:
        client = TillClient(there.url, there.place.token, http=http, retrying=Retrying(first_seconds=0))
        sold = await client.commit_sale(commit_of(till, basket(100_00)))

    assert not isinstance(sold, Refusal)


async def test_the_service_says_how_long_to_wait_and_the_client_does(
    make_app: MakeApp, till: TillWorld, issuer_folder: Path
) -> None:
    """Two requests, and the next in an hour: longer than anybody waits at a till."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    app = make_app(Profile.PRODUCTION, load_manifest(), rate_limit_till=Rate(2, 7_200))
    async with (
        street(app, issuer_folder, []) as there,
        TillClient(there.url, there.place.token, sleep=sleep) as client,
    ):
        lookup = MemberLookup(card_number=till.card_number)
        assert not isinstance(await client.identify_member(lookup), Refusal)
        assert not isinstance(await client.identify_member(lookup), Refusal)
        with pytest.raises(Busy) as told:
            await client.identify_member(lookup)

    assert (told.value.code, told.value.status) == ("RATE_LIMITED", 429)
    assert told.value.retry_after is not None and told.value.retry_after > 20
    (waited,) = slept
    assert 0 < waited <= 20, "as long as it is patient, and then it asked all the same"


async def test_a_document_that_the_service_does_not_know(there: Street) -> None:
    async with client_of(there) as client:
        with pytest.raises(ClientTooOld) as told:
            await client.run(f"sha256:{'0' * 64}", "AbandonQuote", {"input": {"quoteId": "q"}}, AbandonQuote)

    assert told.value.code == "TRUSTED_DOCUMENT_UNKNOWN"
    assert told.value.correlation_id


async def test_an_expired_token_says_so(there: Street, issue: Issue) -> None:
    async with client_of(there, token=issue(Role.TILL, lifetime=timedelta(minutes=-5))) as client:
        with pytest.raises(SignedOut, match="expired") as told:
            await client.identify_member(MemberLookup(card_number="000000000000"))

    assert (told.value.code, told.value.status) == ("UNAUTHENTICATED", 401)


async def test_a_service_that_is_away_is_asked_in_vain(till: TillWorld, there: Street) -> None:
    front = Script([fault(503, "UNAVAILABLE")] * 2)
    async with httpx.AsyncClient(transport=front) as http:
        client = TillClient(there.url, "t", http=http, retrying=Retrying(attempts=2, first_seconds=0))
        with pytest.raises(Busy):
            await client.commit_sale(commit_of(till, basket(100_00)))
