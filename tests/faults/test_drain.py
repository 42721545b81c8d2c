"""What a rollout may rely on: a process that is told to stop serves on, says so, finishes what it has, and ends."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.settings import Settings
from membership.web.development_issuer import issue_token
from support.blocked import until_blocked
from support.outbox import counted, emit, states_of
from support.own_process import PATIENCE_SECONDS, running_command
from web.sockets import PROTOCOL, Client

ANN = new_id()
_ANYTHING = {"query": "{ __typename }"}


@asynccontextmanager
async def _conversing(port: int) -> AsyncIterator[Client]:
    url, protocols = f"ws://127.0.0.1:{port}/graphql", [Subprotocol(PROTOCOL)]
    async with connect(url, subprotocols=protocols, compression=None) as connection:
        client = Client(connection)
        await client.begin()
        yield client


@asynccontextmanager
async def _asking(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
        yield client


async def test_while_it_drains_everything_is_served_and_a_second_signal_ends_it(
    settings: Settings, tmp_path: Path
) -> None:
    async with running_command("serve", settings, tmp_path, MEMBERSHIP_DRAIN_SECONDS="300") as process:
        port = await process.port()
        async with _asking(port) as kept, _asking(port) as new, _conversing(port) as before:
            assert "connection" not in (await kept.post("/graphql", json=_ANYTHING)).headers
            process.send(signal.SIGTERM)
            await process.said("draining")

            for client in (kept, new):
                answer = await client.post("/graphql", json=_ANYTHING)
                assert (answer.status_code, answer.headers["connection"]) == (200, "close")
            ready = await new.get("/readyz")
            assert (ready.status_code, ready.json()["code"]) == (503, "DRAINING")
            assert (await new.get("/healthz")).status_code == 200
            for conversation in (before, await _enter(port)):
                await conversation.subscribe("{ __typename }")
                assert (await conversation.hear())["type"] == "next"
            assert process.is_running
            process.send(signal.SIGTERM)
            assert await process.ended() == 128 + signal.SIGTERM


async def _enter(port: int) -> Client:
    """Left open: the process ends it."""
    client = Client(
        await connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[Subprotocol(PROTOCOL)], compression=None)
    )
    await client.begin()
    return client


async def test_after_the_drain_streams_are_told_to_come_again_and_what_is_in_hand_is_finished(
    settings: Settings, tmp_path: Path, conn: Conn
) -> None:
    token = issue_token(tmp_path, Role.MEMBER, now=SystemClock().now(), member=new_id(), programme=new_id())
    variables = {"MEMBERSHIP_DRAIN_SECONDS": "0.1", "MEMBERSHIP_QUERY_SECONDS": "60"}
    async with running_command("serve", settings, tmp_path, **variables) as process:
        port = await process.port()
        async with _asking(port) as client, _asking(port) as idle, _conversing(port) as conversation:
            assert (await idle.get("/healthz")).status_code == 200
            async with _nobody_reads_members(settings, conn):
                headers = {"Authorization": f"Bearer {token}"}
                in_hand = asyncio.create_task(client.post("/graphql", json={"query": "{ me { id } }"}, headers=headers))
                await until_blocked(conn, patience_seconds=PATIENCE_SECONDS)
                process.send(signal.SIGTERM)
                assert await conversation.hear_close() == (1012, "Service restart")
                assert process.is_running
            answer = await in_hand
            assert (answer.status_code, answer.json()["data"]) == (200, {"me": None})
            assert answer.headers["connection"] == "close"
            assert await process.ended() == 0


@asynccontextmanager
async def _nobody_reads_members(settings: Settings, conn: Conn) -> AsyncIterator[None]:
    holder = await asyncpg.connect(str(settings.database_url))
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE members.members, members.memberships IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await holder.close()


async def test_clients_that_ask_without_pause_are_all_answered_to_the_last(settings: Settings, tmp_path: Path) -> None:
    """Each goes elsewhere when it is told that its connection closes. Nothing that it sent before is cut off."""
    async with running_command("serve", settings, tmp_path, MEMBERSHIP_DRAIN_SECONDS="3") as process:
        port = await process.port()
        asking = [asyncio.create_task(_ask_until_told_to_go(port)) for _ in range(8)]
        process.send(signal.SIGTERM)
        assert await asyncio.gather(*asking) == ["close"] * 8
        assert await process.ended() == 0


async def _ask_until_told_to_go(port: int) -> str:
    async with _asking(port) as client:
        while True:
            answer = await client.post("/graphql", json=_ANYTHING)
            assert answer.status_code == 200
            headers: Mapping[str, str] = answer.headers
            if "connection" in headers:
                return headers["connection"]


async def test_a_worker_finishes_the_event_in_hand_begins_no_other_and_ends(
    settings: Settings, tmp_path: Path, conn: Conn, database: Database
) -> None:
    async with running_command("worker", settings, tmp_path) as process:
        await process.said("working")
        await emit(database, SystemClock().now(), [counted(ANN, 1), counted(ANN, 2)])
        async with _no_event_is_finished(settings):
            await until_blocked(conn, patience_seconds=PATIENCE_SECONDS)
            process.send(signal.SIGTERM)
            await process.said("finishing what is in hand")
        assert await process.ended() == 0
    assert await states_of(conn, ANN) == ["DONE", "PENDING"]


@asynccontextmanager
async def _no_event_is_finished(settings: Settings) -> AsyncIterator[None]:
    holder = await asyncpg.connect(str(settings.database_url))
    try:
        async with holder.transaction():
            # Rows can still be locked.
            await holder.execute("LOCK TABLE platform.outbox IN SHARE MODE")
            yield
    finally:
        await holder.close()


async def test_a_worker_ends_at_once_when_it_is_told_twice(
    settings: Settings, tmp_path: Path, conn: Conn, database: Database
) -> None:
    async with running_command("worker", settings, tmp_path) as process:
        await process.said("working")
        await emit(database, SystemClock().now(), [counted(ANN, 1)])
        async with _no_event_is_finished(settings):
            await until_blocked(conn, patience_seconds=PATIENCE_SECONDS)
            process.send(signal.SIGTERM)
            await process.said("finishing what is in hand")
            process.send(signal.SIGINT)
            assert await process.ended() == 128 + signal.SIGINT
    assert await states_of(conn, ANN) == ["PENDING"]
