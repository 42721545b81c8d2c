"""What changes reaches the clients that apps are written with, by either transport, by trusted documents."""

import pytest

from membership.graph.operations.documents import document_id
from support.appointment_graph import part
from support.deployment import Production
from support.drop import Drop
from support.fitting import Fittings
from support.node import script
from support.operations import trusted
from support.watching import TRANSPORTS, WATCH_BOARD, WATCH_DAY, board, request_for, stock

BY_EITHER = pytest.mark.parametrize("transport", TRANSPORTS)
BOARDS = {"associateDay": WATCH_DAY, "counterBoard": WATCH_BOARD}


@BY_EITHER
async def test_a_claim_reaches_who_watches_the_stock(production: Production, drop: Drop, transport: str) -> None:
    async with stock(production.url, drop, transport) as watching:
        total, available = drop.level
        assert watching.first == (total, available)
        gift = drop.claim()
        assert await watching.change() == (total, available - 1)
        drop.cancel(gift)
        assert await watching.change() == (total - 1, available - 1)


@BY_EITHER
@pytest.mark.parametrize("field", BOARDS)
async def test_a_booking_reaches_the_associate(
    production: Production, fittings: Fittings, transport: str, field: str
) -> None:
    async with board(production.url, fittings, transport, BOARDS[field]) as watching:
        before = fittings.shown(field)
        assert watching.first == before
        booked = fittings.book()
        assert await watching.change() == before | {booked: "CONFIRMED"} == fittings.shown(field)
        fittings.cancel(booked)
        assert await watching.change() == before | {booked: "CANCELLED"} == fittings.shown(field)


@BY_EITHER
async def test_what_is_no_subscription_is_answered_and_completed(
    production: Production, drop: Drop, transport: str
) -> None:
    request = request_for(document_id(trusted("app/MemberHome")))
    token = drop.development.token("MEMBER")
    async with script("subscribe", transport=transport, url=production.url, tokens=[token], request=request) as asking:
        await asking.hear("connected")
        told = await asking.hear("next")
        assert part(told, "result", "data", "memberHome")["displayName"]
        assert await asking.hear("complete") == {}
