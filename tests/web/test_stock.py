"""Watching a drop: a claim that is confirmed reaches everybody who watches, by either transport."""

import asyncio
import json

import httpx
import pytest
import redis.asyncio

from membership.graph.inventory import POOL
from membership.graph.kit.relay import global_id
from membership.graph.operations.documents import document_id, load_manifest
from membership.kernel.actor import Role
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.settings import Profile
from support.clock import StoppedClock
from support.drop_world import PROGRAMME, DropWorld, open_drop
from support.operations import trusted
from web.conftest import Issue, MakeApp
from web.sockets import PATIENCE_SECONDS, client_of, serving
from web.test_events import Listener

WATCH = document_id(trusted("app/WatchStock"))


@pytest.fixture
async def drop(database: Database, conn: Conn, redis: "redis.asyncio.Redis", clock: StoppedClock) -> DropWorld:
    return await open_drop(database, conn, redis, clock, units=(2,))


async def test_a_claim_reaches_all_who_watch(make_app: MakeApp, issue: Issue, drop: DropWorld) -> None:
    app = make_app(Profile.PRODUCTION, load_manifest())
    pool_id = global_id(POOL, drop.pools[0])
    request = {"documentId": WATCH, "variables": {"poolIds": [pool_id]}}
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {issue(Role.MEMBER, programme=PROGRAMME)}"}

    def level(available: int) -> dict[str, object]:
        row = {"poolId": pool_id, "total": 2, "available": available, "soldOut": available == 0}
        return {"data": {"stockLevels": [row]}}

    async with (
        serving(app) as served,
        client_of(served) as socket,
        httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http,
        http.stream("POST", served.url, json=request, headers=headers) as response,
    ):
        events = Listener(response)
        await socket.begin(authorization=f"Bearer {issue(Role.MEMBER, programme=PROGRAMME)}")
        await socket.say("subscribe", id="stock", payload=request)
        for number, available in enumerate((2, 1, 0)):
            assert (await socket.hear())["payload"] == level(available)
            assert await events.event() == ("next", level(available))
            await drop.claim(number)


async def test_stopping_leaves_no_reader_behind(make_app: MakeApp, issue: Issue, drop: DropWorld) -> None:
    app = make_app()
    async with serving(app) as served, client_of(served) as socket:
        await socket.begin(authorization=f"Bearer {issue(Role.PLANNER, programme=PROGRAMME)}")
        await socket.subscribe(
            "subscription ($ids: [ID!]!) { stockLevels(poolIds: $ids) { held } }", ids=[global_id(POOL, drop.pools[0])]
        )
        assert json.dumps((await socket.hear())["payload"]) == '{"data": {"stockLevels": [{"held": 0}]}}'
        assert app.state.services.stock.is_polling
    await app.state.services.close()
    assert not app.state.services.stock.is_polling
    assert not [task for task in asyncio.all_tasks() if "LiveValues" in repr(task.get_coro())]
