"""Tills that sell: the command against the service, and a proof that fails when it should."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from membership.graph.operations.documents import load_manifest
from membership.kernel.clock import SystemClock
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.settings import Profile
from membership.till_client import Retrying
from membership.till_simulator.opening import Line
from membership.till_simulator.proof import Proof
from membership.till_simulator.running import Figures, Plan, simulate
from membership.till_simulator.trading import Mix
from support.shop import Forgotten, Rewriting, Street, street
from support.till_world import TillWorld
from web.conftest import MakeApp

_BOOKED = ("CommitSale", "AttachSale")
_MEMBERS = 4
_SOON = Retrying(first_seconds=0.01)


@pytest.fixture
async def cards(till: TillWorld, conn: Conn) -> list[str]:
    others = [await till.another_member(conn) for _ in range(_MEMBERS - 1)]
    return [world.card_number for world in (till, *others)]


@pytest.fixture
async def there(make_app: MakeApp, cards: list[str], issuer_folder: Path) -> AsyncIterator[Street]:
    async with street(make_app(Profile.PRODUCTION, load_manifest()), issuer_folder, cards) as opened:
        yield opened


class Command:
    """`membership till` as a user runs it, beside the service in this process."""

    def __init__(self, there: Street, folder: Path) -> None:
        self._url = there.url
        self._shop = folder / "shop.json"
        self._shop.write_text(there.shop.model_dump_json(), encoding="utf-8")

    async def __call__(self, *arguments: str) -> tuple[int, str]:
        """Its exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(Path(sys.executable).with_name("membership"), "till", "--url", self._url, "--shop", str(self._shop)),
            *arguments,
            env={name: value for name, value in os.environ.items() if name not in ("TILL", "URL", "MEMBERSHIP_SHOP")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, complained = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return process.returncode, printed.decode() or complained.decode()


@pytest.fixture
def command(there: Street, tmp_path: Path) -> Command:
    return Command(there, tmp_path)


async def test_one_sale_is_told_as_a_cashier_sees_it(command: Command, conn: Conn) -> None:
    code, printed = await command("--line", "WOMENSWEAR=100.00@2F-ALVENNA")

    assert code == 0
    for told in ("tier CARD", "CNY 100.00 to pay, earns 100 points", "100 points earned", "100 points taken back"):
        assert told in " ".join(printed.split())
    assert await conn.fetchval("SELECT count(*) FROM receipts.sales") == 1


async def test_what_comes_back_is_what_earned_most(command: Command) -> None:
    """Where the first thing of the basket earns nothing, its return would show nothing."""
    code, printed = await command("--line", "GIFT_CARDS=500.00@2F-ALVENNA", "--line", "WOMENSWEAR=100.00@2F-ALVENNA")

    assert code == 0
    assert "100 points taken back" in " ".join(printed.split())


async def test_a_quote_knows_the_means_of_payment(there: Street) -> None:
    """One that earns no points: a quote without it would promise some."""
    shop = there.shop.model_copy(update={"tenders": ("PREPAID_CARD",)})
    plan = Plan(tills=1, seconds=30, most=4, mix=Mix(anonymous=0, abandoned=0))

    figures, proof = await simulate(shop, Line(there.url), plan, SystemClock())

    assert figures.sales == 4 and proof.holds
    assert "NUMBERS_CHANGED" not in figures.exceptions


async def test_a_refusal_comes_with_the_way_out(command: Command) -> None:
    code, printed = await command("--card", "12")

    assert code == 1
    assert "Enter it again as printed on the card. (MALFORMED_CARD_NUMBER)" in " ".join(printed.split())


@pytest.mark.parametrize("load", [(), ("--tills", "1", "--most-sales", "1")])
async def test_what_looks_like_markup_is_shown_as_it_is(command: Command, load: tuple[str, ...]) -> None:
    code, printed = await command("--line", "[/red]=1@2F-ALVENNA", *load)

    assert code == 1
    assert "UNKNOWN_CATEGORY" in printed
    assert load or "1 × [/red] CNY 1.00" in printed


async def test_lines_are_cut_and_nothing_is_lost_or_doubled(command: Command, conn: Conn) -> None:
    code, printed = await command(
        *("--tills", "3", "--seconds", "30", "--most-sales", "15", "--cut-lines", "0.3", "--json")
    )

    assert code == 0
    figures = json.loads(printed)
    assert figures["cuts"] > 0
    assert figures["retries"] >= figures["cuts"] - sum(figures["given_up"].values())
    assert figures["refusals"] == {}
    assert figures["proof"]["wrong"] == []
    assert figures["proof"]["found"] == await conn.fetchval("SELECT count(*) FROM receipts.sales")
    assert figures["proof"]["found_minor"] == await conn.fetchval("SELECT sum(net_minor) FROM receipts.sales")


async def test_where_nothing_was_sold_nothing_is_proved(command: Command) -> None:
    code, printed = await command("--tills", "1", "--most-sales", "1", "--line", "MOON_DUST=1@2F-ALVENNA")

    assert code == 1
    assert "Refused: QuoteSale: UNKNOWN_CATEGORY" in printed
    assert "Nothing was sold" in printed


class Forgetful:
    """A service that has no receipt any more."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: Message = await receive() if scope["type"] == "http" else {}

        async def again() -> Message:
            nonlocal asked
            given, asked = asked, {}
            return given or await receive()

        if b'"FindSale"' not in asked.get("body", b""):
            await self._app(scope, again if asked else receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", b"22")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"data":{"sale":null}}'})


async def test_a_sale_that_is_lost_fails_the_command(
    make_app: MakeApp, cards: list[str], issuer_folder: Path, tmp_path: Path
) -> None:
    app = make_app(Profile.PRODUCTION, load_manifest())
    app.add_middleware(Forgetful)
    async with street(app, issuer_folder, cards) as there:
        code, printed = await Command(there, tmp_path)("--tills", "1", "--seconds", "30", "--most-sales", "3")

    assert code == 1
    for told in ("p99 ms", "CommitSale", "a whole sale", "is lost: the till was told"):
        assert told in " ".join(printed.split())
    assert "Nothing is lost" not in printed


async def simulated(there: Street, line: Line, mix: Mix) -> tuple[Figures, Proof]:
    return await simulate(there.shop, line, Plan(tills=2, seconds=30, most=8, mix=mix), SystemClock())


def new_key(asked: dict[str, object]) -> None:
    if "idempotencyKey" in asked:
        asked["idempotencyKey"] = str(new_id())


async def test_a_new_key_for_what_is_sent_again_is_found_out(there: Street) -> None:
    """A receipt's number saves a sale; a forgotten card is credited, and the till is told that it was not."""
    line = Line(there.url, retrying=_SOON, wrap=lambda inner: Rewriting(Forgotten(inner, *_BOOKED), new_key))
    figures, proof = await simulated(there, line, Mix(anonymous=1, abandoned=0, attached=1, returned=0))

    assert figures.refusals["AttachSale: ALREADY_ATTACHED"] == figures.sales > 0
    assert any(sentence.startswith("Member ") for sentence in proof.wrong)


async def test_a_receipt_that_is_numbered_anew_is_found_out(there: Street) -> None:
    """As a till would that makes its request anew after a cut line."""
    numbers = count(1)

    def anew(asked: dict[str, object]) -> None:
        new_key(asked)
        if "soldAt" in asked:
            asked["sequence"] = next(numbers)

    line = Line(there.url, retrying=_SOON, wrap=lambda inner: Rewriting(Forgotten(inner, *_BOOKED), anew))
    figures, proof = await simulated(there, line, Mix(anonymous=1, abandoned=0, attached=0, returned=0))

    found_out = [sentence for sentence in proof.wrong if "was booked, and the till was never told" in sentence]
    assert len(found_out) == figures.sales > 0


class Silent(httpx.AsyncBaseTransport):
    """A line on which the new sale of an exchange is left out of the answer."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if b'"ExchangeLines"' not in request.content:
            return response
        await response.aread()
        answer = response.json()
        answer["data"]["exchangeLines"]["exchangedFor"] = None
        return httpx.Response(response.status_code, json=answer)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def test_an_exchange_without_its_new_sale_is_found_out(there: Street) -> None:
    line = Line(there.url, retrying=_SOON, wrap=Silent)
    _, proof = await simulated(there, line, Mix(anonymous=1, attached=0, returned=1, exchanged=1))

    assert any("id: the till believes ," in sentence for sentence in proof.wrong)
    assert not any("was never told" in sentence for sentence in proof.wrong)


async def test_the_same_with_the_same_key_adds_up(there: Street) -> None:
    """What the two above would prove nothing without."""
    figures, proof = await simulated(there, Line(there.url, cut=0.5, retrying=_SOON), Mix(anonymous=1, attached=1))

    assert figures.failures["CutLine"] == figures.cuts > 0
    assert proof.wrong == []
    assert proof.receipts > 0
