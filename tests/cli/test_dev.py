"""`membership dev`: one command, everything running, nothing left behind."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

import asyncpg
import httpx
import pytest

from support.command import Environment
from support.processes import is_alive, until_ended

CALLERS = {
    "MEMBER",
    "TILL",
    "SERVICES",
    "APPROVER",
    "BRAND_TILL",
    "DESK",
    "PLANNER",
    "SECOND_MEMBER",
    "ASSOCIATE",
}
NO_REFUSALS = {"Member", "RecognisedMember", "GiftsAtDeskPayload", "CounterBoard"}


@dataclass(frozen=True, slots=True)
class Running:
    process: "subprocess.Popen[str]"
    port: int
    folder: Path
    greeting: str

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}")

    def ask(self, query: str, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.post(f"http://127.0.0.1:{self.port}/graphql", json={"query": query}, headers=headers)

    def children(self) -> list[int]:
        return [
            int(child)
            for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def interrupt(self) -> int:
        """As a terminal does: the whole process group gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@contextmanager
def running(
    environment: Environment, folder: Path, port: int, *options: str, sample: str = "none"
) -> Iterator[Running]:
    arguments = ["--port", str(port), "--data-dir", str(folder), "--sample", sample, *options]
    process = subprocess.Popen(
        [Path(sys.executable).with_name("membership"), "dev", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    with process.stdout, process.stderr:
        try:
            greeting = read_greeting(process.stdout)
            assert "Ctrl-C stops everything" in greeting, process.stderr.read()
            yield Running(process, port, folder, greeting)
        finally:
            process.kill()
            process.wait()


def read_greeting(output: IO[str]) -> str:
    lines = []
    for line in output:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    return "".join(lines)


def test_everything_answers_and_ends_with_an_interrupt(environment: Environment, folder: Path, free_port: int) -> None:
    with running(environment, folder, free_port) as service:
        assert service.get("/healthz").status_code == 200
        assert (folder / "service.log").stat().st_mode & 0o777 == 0o600
        assert service.get("/readyz").json() == {
            "status": "ready",
            "checks": {"postgres": "ok", "keys": "ok", "redis": "ok"},
        }
        servers = service.children()
        assert len(servers) == 2
        assert service.interrupt() == 0
        assert [child for child in servers if is_alive(child)] == []


def test_each_printed_request_gets_an_answer(environment: Environment, folder: Path, free_port: int) -> None:
    with running(environment, folder, free_port, sample="demo") as service:
        tokens = dict(re.findall(r"^([A-Z_]+)=(eyJ\S+)$", service.greeting, re.MULTILINE))
        requests = re.findall(r"^curl -s (\S+) .*Bearer \$(\w+).* -d '(.*)'$", service.greeting, re.MULTILINE)
        assert {variable for _, variable, _ in requests} == tokens.keys() == CALLERS
        for url, variable, body in requests:
            headers = {"Authorization": f"Bearer {tokens[variable]}"}
            answer = httpx.post(url, json=json.loads(body), headers=headers)
            assert "errors" not in answer.json() and answer.json()["data"], answer.text
            assert set(re.findall(r'"__typename":"(\w+)"', answer.text)) <= NO_REFUSALS


def test_a_second_start_keeps_data_and_keys(environment: Environment, folder: Path, free_port: int) -> None:
    with running(environment, folder, free_port) as service:
        first = contents(folder / "keys")
        assert service.interrupt() == 0
    with running(environment, folder, free_port) as service:
        assert contents(folder / "keys") == first
        assert service.interrupt() == 0


def test_the_next_start_works_after_a_kill(environment: Environment, folder: Path, free_port: int) -> None:
    with running(environment, folder, free_port) as service:
        servers = service.children()
        service.process.kill()
        service.process.wait()
    with running(environment, folder, free_port) as service:
        assert service.get("/readyz").status_code == 200
        for server in servers:
            until_ended(server)


async def test_a_reset_throws_the_data_away_and_keeps_the_keys(
    environment: Environment, folder: Path, free_port: int
) -> None:
    with running(environment, folder, free_port) as service:
        conn = await asyncpg.connect(address_of(folder))
        await conn.execute("CREATE TABLE platform.mine (a int)")
        await conn.close()
        assert service.interrupt() == 0
    before = contents(folder / "keys")
    with running(environment, folder, free_port, "--reset"):
        conn = await asyncpg.connect(address_of(folder))
        assert await conn.fetchval("SELECT to_regclass('platform.mine')") is None
        await conn.close()
        assert contents(folder / "keys") == before


def test_a_moved_clock_stays_until_it_is_set_back(environment: Environment, folder: Path, free_port: int) -> None:
    with running(environment, folder, free_port, "--today", "2031-11-13T09:59:30+08:00") as service:
        assert re.search(r"\nClock      Thursday 13 November 2031, 09:59:\d\d in Asia/Shanghai;", service.greeting)
        assert service.get("/readyz").status_code == 200
        assert service.interrupt() == 0
    with running(environment, folder, free_port) as service:
        assert "\nClock      Thursday 13 November 2031, " in service.greeting
        shell = f". {folder / 'environment'}; membership clock; membership clock '2031-11-14 10:00'; membership clock"
        shown = subprocess.run(["sh", "-euc", shell], capture_output=True, text=True, check=True, timeout=60)
        assert re.findall(r"\w+day \d+ November 2031", shown.stdout) == [
            "Thursday 13 November 2031",
            "Friday 14 November 2031",
            "Friday 14 November 2031",
        ]
        assert shown.stderr == ""
        shell = f". {folder / 'environment'}; membership clock 2031-11-12; membership clock yesterday || true"
        shown = subprocess.run(["sh", "-euc", shell], capture_output=True, text=True, check=True, timeout=60)
        backwards, wrong = shown.stderr.splitlines()
        assert backwards == "membership: The clock goes backwards: what was recorded later stays recorded."
        assert wrong.startswith("membership: MOMENT does not understand 'yesterday': ")
        assert service.interrupt() == 0
    assert not (folder / "environment").exists() and not (folder / "shop.json").exists()
    with running(environment, folder, free_port, "--today", "now") as service:
        assert "Clock" not in service.greeting


async def test_the_sample_of_a_moved_clock_ends_the_day_before(
    environment: Environment, folder: Path, free_port: int
) -> None:
    with running(environment, folder, free_port, "--today", "2031-11-13T12:00", sample="demo") as service:
        conn = await asyncpg.connect(address_of(folder))
        first = await conn.fetchval("SELECT min(business_date) FROM receipts.sales")
        ended = await conn.fetchval("SELECT max(business_date) FROM receipts.sales WHERE member_id IS NOT NULL")
        await conn.close()
        member = re.search(r"^MEMBER=(eyJ\S+)$", service.greeting, re.MULTILINE)
        assert member is not None
        code = service.ask("{ memberCode { ... on MemberCode { changesAt } } }", member[1])
        shell = f". {folder / 'environment'}; membership till"
        sold = subprocess.run(["sh", "-euc", shell], capture_output=True, text=True, check=True, timeout=60)  # noqa: ASYNC221
        assert (folder / "shop.json").stat().st_mode & 0o777 == 0o600
    assert (first.year, ended) == (2030, date(2031, 11, 12))
    assert '"changesAt":"2031-11-13T04:0' in code.text, code.text
    assert " of 2031-11-13, " in sold.stdout, "a till sells in the service's time"


def test_a_database_and_redis_of_ones_own_win(
    environment: Environment, folder: Path, free_port: int, postgres_dsn: str, redis_url: str
) -> None:
    own = environment | {"DATABASE_URL": postgres_dsn, "REDIS_URL": redis_url}
    with running(own, folder, free_port) as service:
        assert service.get("/readyz").status_code == 200
        assert service.children() == []


def test_a_terminal_of_one_service_starts_another(
    environment: Environment, folder: Path, free_port: int, postgres_dsn: str, redis_url: str, tmp_path: Path
) -> None:
    theirs = {"DATABASE_URL": postgres_dsn, "REDIS_URL": redis_url, "MEMBERSHIP_DEV_DATA": str(tmp_path / "theirs")}
    with running(environment | theirs, folder, free_port, "--today", "2031-11-13") as service:
        assert len(service.children()) == 2
        written = (folder / "environment").read_text()
        assert f"export MEMBERSHIP_DEV_DATA={folder}\n" in written
        assert postgres_dsn not in written and redis_url not in written
        assert (folder / "postgres").is_dir()
        assert service.interrupt() == 0


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def address_of(folder: Path) -> str:
    password = (folder / "postgres/password").read_text()
    port = (folder / "postgres/data/postmaster.pid").read_text().splitlines()[3]
    return f"postgresql://membership:{password}@127.0.0.1:{port}/membership"
