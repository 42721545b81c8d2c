"""What a worker's probes are told: hanging is one thing, a lost PostgreSQL another."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import httpx

from membership.postgres.connection import Conn
from membership.settings import Settings
from membership.worker import run_worker
from membership.worker.schedules import PeriodicJob
from support.monitoring import ask, bound

LOOPS = {"relay", "bell", "schedules", "inventory", "coupons", "waitlist", "planning", "time", "liability"}
WAIT_SECONDS = 60


@asynccontextmanager
async def _worker(settings: Settings, jobs: Sequence[PeriodicJob] = ()) -> AsyncIterator[socket.socket]:
    stop = asyncio.Event()
    with bound() as listener:
        worker = asyncio.create_task(run_worker(settings, stop=stop, jobs=jobs, monitoring=listener))
        try:
            yield listener
        finally:
            stop.set()
            await worker


async def _until(listener: socket.socket, path: str, is_so: Callable[[httpx.Response], bool]) -> httpx.Response:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            with suppress(httpx.TransportError):
                if is_so(response := await ask(listener, path)):
                    return response
            await asyncio.sleep(0.02)


def _all_went_round(response: httpx.Response) -> bool:
    loops = response.json()["loops"]
    return set(loops) == LOOPS and all(told["rounds"] for told in loops.values())


def _failing(response: httpx.Response) -> set[str]:
    return {name for name, told in response.json()["loops"].items() if told["failures"]}


async def test_a_worker_says_that_it_lives_and_when_each_loop_went_round(settings: Settings) -> None:
    async with _worker(settings) as listener:
        ready = await _until(listener, "/readyz", _all_went_round)
        alive = await ask(listener, "/healthz")

    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"postgres": "ok", "keys": "ok", "redis": "ok"}
    assert all(told["secondsSinceSuccess"] >= 0 for told in ready.json()["loops"].values())


async def test_a_worker_without_its_database_is_not_ready_and_lives(
    settings: Settings, conn: Conn, server_conn: Conn
) -> None:
    """To start it anew would bring nothing back, and would throw away what it waits with."""
    name = await conn.fetchval("SELECT current_database()")
    async with _worker(settings) as listener:
        await _until(listener, "/readyz", _all_went_round)
        await server_conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await server_conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        lost = await _until(listener, "/readyz", lambda response: _failing(response) >= LOOPS - {"time", "liability"})
        alive = await ask(listener, "/healthz")
        await server_conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        back = await _until(listener, "/readyz", lambda response: response.status_code == 200)

    assert (lost.status_code, lost.json()["checks"]["postgres"]) == (503, "cannot be reached")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert back.json()["checks"]["postgres"] == "ok"


async def test_a_worker_whose_database_was_never_there_lives(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"database_url": "postgresql://127.0.0.1:1/nowhere"})
    async with _worker(nowhere) as listener:
        ready = await _until(listener, "/readyz", lambda response: _failing(response) == LOOPS)
        alive = await ask(listener, "/healthz")

    assert (alive.status_code, ready.status_code) == (200, 503)


async def test_a_worker_is_not_ready_while_migrations_are_missing(settings: Settings, conn: Conn) -> None:
    await conn.execute("DELETE FROM public.schema_migrations WHERE version = '0002_stores'")
    async with _worker(settings) as listener:
        ready = await _until(listener, "/readyz", lambda response: True)

    assert ready.status_code == 503
    assert ready.json()["checks"]["postgres"] == "migrations are missing: 0002_stores"
