"""A till that was taken out of service is refused at every door, and what it has open is ended."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import cast
from uuid import UUID

import httpx
import pytest
from graphql import GraphQLError
from starlette.applications import Starlette

from membership.graph.kit.relay import global_id
from membership.graph.operations.faults import code_of as fault_code
from membership.kernel.actor import Role
from membership.kernel.clock import Clock
from membership.postgres.connection import Conn
from membership.settings import Settings
from membership.stores.service import Directory, DirectoryCache
from membership.stores.tills import REFUSED_WITHIN
from membership.web.bearers import TILL_REVOKED, Bearer, Bearers, as_malformed, close_code
from membership.web.development_issuer import ensure_keys, issue_token
from membership.web.keys import LONGEST_AGE, public_keys
from membership.web.streams import End, StreamLimits, Streams, Transport
from membership.web.tokens import Tokens
from membership.web.vigil import Vigil
from support.clock import StoppedClock
from support.operations import trusted
from support.till_world import TillWorld, new_key
from web.conftest import MakeApp, Serve
from web.sockets import Served, client_of
from web.test_events import code_of, listening

SILENCE = "subscription { silence }"
ASKING = {"query": "{ __typename }"}


@pytest.fixture
def till_id(till: TillWorld) -> UUID:
    assert till.actor.till_id is not None
    return till.actor.till_id


@pytest.fixture
def token(till: TillWorld, issuer_folder: Path, host_clock: Clock) -> str:
    actor = till.actor
    return issue_token(
        issuer_folder,
        Role.TILL,
        now=host_clock.now(),
        programme=actor.programme_id,
        store=actor.store_id,
        counter=actor.counter_id,
        till=actor.till_id,
    )


@pytest.fixture
def desk_token(till: TillWorld, issuer_folder: Path, host_clock: Clock) -> str:
    return issue_token(issuer_folder, Role.MEMBER_SERVICES, now=host_clock.now(), programme=till.store.programme_id)


@pytest.fixture
def admin_token(issuer_folder: Path, host_clock: Clock) -> str:
    return issue_token(issuer_folder, Role.ADMIN, now=host_clock.now())


@asynccontextmanager
async def asking(app: Starlette, token: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://membership.test", headers=headers) as client:
        yield client


async def send(app: Starlette, token: str, document: str, given: Mapping[str, object]) -> dict[str, object]:
    async with asking(app, token) as client:
        body = {"query": trusted(document), "variables": {"input": {"idempotencyKey": new_key(), **given}}}
        response = await client.post("/graphql", json=body)
    assert response.status_code == 200, response.text
    assert "errors" not in response.json(), response.text
    (answer,) = response.json()["data"].values()
    assert isinstance(answer, dict)
    return answer


async def revoke(app: Starlette, token: str, till_id: UUID) -> None:
    named = {"tillId": global_id("Till", till_id), "reason": "STOLEN"}
    assert (await send(app, token, "desk/RevokeTill", named))["__typename"] == "RevokeTillPayload"


async def reinstate(app: Starlette, token: str, till_id: UUID) -> None:
    named = {"tillId": global_id("Till", till_id)}
    assert (await send(app, token, "desk/ReinstateTill", named))["__typename"] == "ReinstateTillPayload"


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "text/event-stream"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_it_is_refused_by_http_and_told_what_to_do(
    make_app: MakeApp, till_id: UUID, token: str, desk_token: str, accept: str, method: str
) -> None:
    app = make_app()
    async with asking(app, token) as client:
        assert (await client.post("/graphql", json=ASKING)).status_code == 200
        await revoke(app, desk_token, till_id)
        response = await client.request(
            method,
            "/graphql",
            params=ASKING if method == "GET" else None,
            json=ASKING if method == "POST" else None,
            headers={"Accept": accept},
        )
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    (error,) = response.json()["errors"]
    assert error["message"] == TILL_REVOKED
    assert "service desk" in TILL_REVOKED
    assert error["extensions"] == {"code": "TILL_REVOKED", "correlationId": response.headers["x-correlation-id"]}


async def test_what_it_sold_offline_it_reports_once_it_is_back(
    make_app: MakeApp, till: TillWorld, till_id: UUID, token: str, desk_token: str, admin_token: str, conn: Conn
) -> None:
    app = make_app()
    sale = {
        "query": trusted("till/CommitSale"),
        "variables": {
            "input": {
                "idempotencyKey": new_key(),
                "basket": {
                    "currency": "CNY",
                    "lines": [{"lineNo": 1, "category": "WOMENSWEAR", "quantity": 1, "netMinor": 100_00}],
                    "tenders": [{"type": "CASH", "amountMinor": 100_00}],
                },
                "member": {"cardNumber": till.card_number},
                "sequence": 1,
                "soldAt": till.now.isoformat(),
            }
        },
    }
    async with asking(app, token) as client:
        await revoke(app, desk_token, till_id)
        assert (await client.post("/graphql", json=sale)).status_code == 401
        await reinstate(app, admin_token, till_id)
        answers = [(await client.post("/graphql", json=sale)).json()["data"]["commitSale"] for _ in range(2)]
    assert answers[0]["pointsEarned"] == 100
    assert answers[1] == answers[0]
    assert await conn.fetchval("SELECT count(*) FROM receipts.sales") == 1


async def test_every_other_process_refuses_it_within_the_stated_time_and_asks_nothing_for_it(
    make_app: MakeApp, till: TillWorld, till_id: UUID, token: str, desk_token: str, statements: list[str]
) -> None:
    """Two applications on one database are two processes but for the memory that they do not share."""
    here, elsewhere = make_app(), make_app()
    async with asking(elsewhere, token) as client:
        assert (await client.post("/graphql", json=ASKING)).status_code == 200
        statements.clear()
        for _ in range(20):
            assert (await client.post("/graphql", json=ASKING)).status_code == 200
        assert statements == []
        await revoke(here, desk_token, till_id)
        till.clock.advance(REFUSED_WITHIN)
        response = await client.post("/graphql", json=ASKING)
    assert response.json()["errors"][0]["extensions"]["code"] == "TILL_REVOKED"


async def test_a_till_that_is_not_known_yet_is_let_in_and_sells_nothing(
    make_app: MakeApp, till: TillWorld, issuer_folder: Path, host_clock: Clock
) -> None:
    """A till that was set up a moment ago is told to come again by its operations, not that its token is bad."""
    token = issue_token(
        issuer_folder,
        Role.TILL,
        now=host_clock.now(),
        programme=till.store.programme_id,
        store=till.store.store_id,
        till=UUID(int=7),
    )
    quote = {"basket": {"currency": "CNY", "lines": [], "tenders": []}}
    assert (await send(make_app(), token, "till/QuoteSale", quote))["code"] == "UNKNOWN_TILL"


class TestOpenConnections:
    """They end at the next look at them, a couple of seconds after their process knows: here at once."""

    LOOKING = StreamLimits(look_seconds=0.01)

    @staticmethod
    async def revoke(served: Served, token: str, till_id: UUID) -> None:
        named = {"idempotencyKey": new_key(), "tillId": global_id("Till", till_id), "reason": "LOST"}
        body = {"query": trusted("desk/RevokeTill"), "variables": {"input": named}}
        async with httpx.AsyncClient() as client:
            response = await client.post(served.url, json=body, headers={"Authorization": f"Bearer {token}"})
        assert response.json()["data"]["revokeTill"]["__typename"] == "RevokeTillPayload"

    async def test_a_websocket_is_closed_and_not_opened_again(
        self, serve: Serve, till_id: UUID, token: str, desk_token: str
    ) -> None:
        async with serve(limits=self.LOOKING) as served, client_of(served) as client, client_of(served) as desk:
            await desk.begin(authorization=f"Bearer {desk_token}")
            await client.begin(authorization=f"Bearer {token}")
            await client.subscribe(SILENCE)
            await self.revoke(served, desk_token, till_id)
            assert await client.hear_close() == (4403, TILL_REVOKED)

            async with client_of(served) as again:
                await again.say("connection_init", payload={"authorization": f"Bearer {token}"})
                assert await again.hear_close() == (4403, TILL_REVOKED)
            await desk.subscribe("subscription { role }")
            assert (await desk.hear())["type"] == "next"

    async def test_an_event_stream_is_ended(self, serve: Serve, till_id: UUID, token: str, desk_token: str) -> None:
        async with (
            serve(limits=self.LOOKING) as served,
            listening(served, {"query": SILENCE}, token=token) as listener,
        ):
            assert await listener.next() == (":", None)
            await self.revoke(served, desk_token, till_id)
            name, data = await listener.event()
            assert (name, code_of(data)) == ("next", "TILL_REVOKED")
            assert await listener.event() == ("complete", None)
            await served.emptied()

    async def test_what_is_open_stays_open_while_that_cannot_be_known(self) -> None:
        asked = 0

        async def verdict(bearer: Bearer) -> End | None:
            nonlocal asked
            asked += 1
            if asked == 1:
                raise ConnectionError
            return End.TILL_REVOKED

        streams, vigil = Streams(self.LOOKING), Vigil(verdict)
        with streams.open(Transport.WEBSOCKET) as stream:
            vigil.watch(stream, cast(Bearer, None))
            assert await stream.ended is End.TILL_REVOKED
        assert asked >= 2
        assert vigil._watched == {}


async def test_where_nobody_can_say_nobody_is_let_in(
    settings: Settings, issuer_folder: Path, token: str, desk_token: str, clock: StoppedClock, host_clock: Clock
) -> None:
    class Unreachable:
        async def directory(self, now: datetime) -> Directory:
            raise ConnectionRefusedError("port 5432 at 10.0.0.7")

    configured = settings.model_copy(update={"token_jwks_file": issuer_folder / "jwks.json"})
    tokens = Tokens(configured, public_keys(configured))
    bearers = Bearers(tokens, cast(DirectoryCache, Unreachable()), clock, host_clock)
    with pytest.raises(GraphQLError) as error:
        await bearers.recognise(f"Bearer {token}", origin=None, correlation_id="c")
    assert "5432" not in error.value.message
    assert fault_code(error.value) == "UNAVAILABLE"
    refused = as_malformed(error.value, {"RateLimit": "x"})
    assert (refused.status, refused.headers) == (503, {"RateLimit": "x", "Retry-After": "5"})
    assert close_code(error.value) == 1013
    # Others are let in: what they may see the database says, once it is there.
    assert await bearers.recognise(f"Bearer {desk_token}", origin=None, correlation_id="c")


async def test_a_connection_ends_when_the_key_of_its_token_is_removed(
    settings: Settings, tmp_path: Path, clock: StoppedClock
) -> None:
    ensure_keys(tmp_path)
    configured = settings.model_copy(update={"token_jwks_file": tmp_path / "jwks.json"})
    token = issue_token(tmp_path, Role.ADMIN, now=clock.now())
    bearers = Bearers(Tokens(configured, public_keys(configured)), cast(DirectoryCache, None), clock, clock)
    bearer = await bearers.recognise(f"Bearer {token}", origin=None, correlation_id="c")
    assert await bearers.verdict(bearer) is None

    (tmp_path / "jwks.json").write_text('{"keys": []}')
    clock.advance(LONGEST_AGE)
    assert await bearers.verdict(bearer) is End.TOKEN_WITHDRAWN
