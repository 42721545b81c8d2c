"""Watching a board: what changes at a counter reaches everybody who watches it, by either transport."""

from pathlib import Path

import httpx
import pytest

from membership.appointments import store
from membership.appointments.model import Period, Resource, ResourceId, ResourceKind, Stop
from membership.appointments.rules.states import HOLD
from membership.appointments.rules.steps import Step
from membership.graph.kit.relay import global_id
from membership.graph.operations.documents import document_id, load_manifest
from membership.kernel.actor import Role
from membership.kernel.clock import Clock
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.settings import Profile
from membership.web.development_issuer import issue_token
from support.appointment_desk import OTHER_COUNTER, AppointmentDesk, at, open_appointment_desk
from support.appointment_graph import part, rows
from support.clock import StoppedClock
from support.operations import trusted
from web.conftest import MakeApp
from web.sockets import PATIENCE_SECONDS, client_of, serving
from web.test_events import Listener

SUBJECT = "lin.mei"
WATCH_BOARD = document_id(trusted("associate/WatchCounterBoard"))
WATCH_AT_DESK = document_id(trusted("desk/WatchCounterBoardAtDesk"))
WATCH_DAY = document_id(trusted("associate/WatchAssociateDay"))


@pytest.fixture
async def desk(database: Database, conn: Conn, clock: StoppedClock) -> AppointmentDesk:
    desk = await open_appointment_desk(database, conn)
    desk.clock = clock
    return desk


@pytest.fixture
def token(desk: AppointmentDesk, issuer_folder: Path, host_clock: Clock) -> str:
    return issue_token(
        issuer_folder,
        Role.ASSOCIATE,
        now=host_clock.now(),
        subject=SUBJECT,
        programme=desk.store.programme_id,
        store=desk.store.store_id,
        counter=desk.counter(),
        brand=new_id(),
    )


@pytest.fixture
def desk_token(desk: AppointmentDesk, issuer_folder: Path, host_clock: Clock) -> str:
    shop = desk.store
    now = host_clock.now()
    return issue_token(issuer_folder, Role.DESK, now=now, programme=shop.programme_id, store=shop.store_id)


async def associate(desk: AppointmentDesk) -> ResourceId:
    resource_id = ResourceId(new_id())
    entry = Resource(
        resource_id, desk.store.store_id, desk.counter(), ResourceKind.ASSOCIATE, SUBJECT, {"en": "Lin Mei"}
    )
    await store.write_resource(desk.conn, entry)
    return resource_id


def states(told: object) -> list[object]:
    _, payload = told if isinstance(told, tuple) else ("next", part(told, "payload"))
    [field] = part(payload, "data").values()
    return [part(entry, "appointment")["state"] for entry in rows(field, "appointments")]


async def test_a_counter_sees_who_books_comes_and_goes(
    make_app: MakeApp, desk: AppointmentDesk, token: str, desk_token: str
) -> None:
    app = make_app(Profile.PRODUCTION, load_manifest())
    fitting = await desk.service("FITTING", associates=1)
    request = {"documentId": WATCH_BOARD, "variables": {}}
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {token}"}
    async with (
        serving(app) as served,
        client_of(served) as socket,
        httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http,
        http.stream("POST", served.url, json=request, headers=headers) as response,
    ):
        events = Listener(response)
        await socket.begin(authorization=f"Bearer {desk_token}")
        named = {"counterId": global_id("Counter", desk.counter())}
        await socket.say("subscribe", id="board", payload={"documentId": WATCH_AT_DESK, "variables": named})

        async def told() -> list[object]:
            by_socket, by_event = states(await socket.hear()), states(await events.event())
            assert by_socket == by_event
            return by_socket

        assert await told() == []
        await desk.hold(await desk.join(), Stop(fitting.service_id, at(13)))
        assert await told() == ["HELD"]
        desk.clock.advance(HOLD)
        assert await told() == []
        [booked] = await desk.book(await desk.join(), Stop(fitting.service_id, at(13)))
        assert await told() == ["CONFIRMED"]
        await desk.step(booked, Step.CHECK_IN)
        assert await told() == ["CHECKED_IN"]


async def test_an_associate_sees_their_own_day(make_app: MakeApp, desk: AppointmentDesk, token: str) -> None:
    app = make_app(Profile.PRODUCTION, load_manifest())
    own = await associate(desk)
    viewing = await desk.service("VIEWING", candidates={ResourceKind.ASSOCIATE: [own]})
    async with serving(app) as served, client_of(served) as socket:
        await socket.begin(authorization=f"Bearer {token}")
        await socket.say("subscribe", id="day", payload={"documentId": WATCH_DAY, "variables": {}})
        first = part(await socket.hear(), "payload", "data", "associateDay")
        assert (part(first, "associate")["name"], first["shifts"], first["gaps"]) == ("Lin Mei", [], [])
        await desk.work(own, Period(at(10), at(19)))
        second = part(await socket.hear(), "payload", "data", "associateDay")
        assert len(rows(second, "gaps")) == 1
        await desk.book(await desk.join(), Stop(viewing.service_id, at(14)))
        third = part(await socket.hear(), "payload", "data", "associateDay")
        assert [len(rows(third, name)) for name in ("appointments", "gaps")] == [1, 2]


@pytest.mark.parametrize("document", [WATCH_BOARD, WATCH_DAY])
async def test_nobody_watches_a_board_that_is_not_theirs(
    make_app: MakeApp, desk: AppointmentDesk, token: str, document: str
) -> None:
    app = make_app(Profile.PRODUCTION, load_manifest())
    variables = {"counterId": global_id("Counter", desk.counter(OTHER_COUNTER))} if document == WATCH_BOARD else {}
    async with serving(app) as served, client_of(served) as socket:
        await socket.begin(authorization=f"Bearer {token}")
        await socket.say("subscribe", id="board", payload={"documentId": document, "variables": variables})
        told = await socket.hear()
    assert "BAD_USER_INPUT" in str(told)
