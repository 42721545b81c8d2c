"""The topology: every server and process of a rehearsal, and the ways in which they are replaced.

Everything here is called from the main thread: servers die with the thread that started them.
"""

import asyncio
import json
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from membership.bench.crowd import Crowd
from membership.bench.world import settings_of
from membership.embedded.postgres import EmbeddedPostgres
from membership.embedded.process import free_port
from membership.embedded.valkey_cluster import ValkeyCluster
from membership.rehearsal.haproxy import HAProxy
from membership.rehearsal.next_version import this_version
from membership.rehearsal.pgbouncer import PgBouncer
from membership.rehearsal.plan import Plan, RehearsalFailed
from membership.rehearsal.processes import Code, Running, run_command
from membership.rehearsal.world import Drop, create_database, fill, open_drops
from membership.settings import Profile, RateSettings, Settings
from membership.web.development_issuer import ensure_keys

_DATABASE = "membership"
_GRACE_SECONDS = 40
_PATIENCE_SECONDS = 60
_POLL_SECONDS = 0.05
_KEYS = ("MEMBERSHIP_IDENTITY_HASH_KEYS", "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS")

Say = Callable[[str], None]
"""Tells whoever watches what is going on."""


class Stage:
    """Up while its block runs. `crowd`: who shops and claims; `drops`: what they contest, by the fault."""

    def __init__(self, plan: Plan, faults: list[str], say: Say) -> None:
        self.plan = plan
        self.code = this_version()
        self._faults = faults
        self._say = say
        # Twice as many as there are processes: who comes needs a place before who goes has left.
        self._free = [free_port() for _ in range(2 * plan.apis)]
        self._slots = tuple(self._free)
        self._leaving: list[Running] = []
        self._started = 0
        self._running = ExitStack()
        self.apis: list[Running] = []
        self.workers: list[Running] = []
        self.postgres = EmbeddedPostgres(plan.folder / "postgres")
        self.valkey = ValkeyCluster(plan.folder / "valkey")
        self.bouncer = PgBouncer(plan.folder / "pgbouncer", plan.pgbouncer)
        self.proxy = HAProxy(plan.folder / "haproxy", self._slots)
        self.crowd: Crowd | None = None
        self.drops: Mapping[str, Drop] = {}

    def __enter__(self) -> Self:
        try:
            self._put_up()
        except BaseException:
            self._take_down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._take_down()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.proxy.port}/graphql"

    @property
    def dsn(self) -> str:
        """Of the database, past the pooler."""
        return self.postgres.dsn(_DATABASE)

    @property
    def keys(self) -> Path:
        return self.plan.folder / "keys"

    def _put_up(self) -> None:
        self._say("PostgreSQL, PgBouncer and three Valkey nodes start")
        self._running.enter_context(self.postgres)
        self._running.enter_context(self.valkey)
        asyncio.run(self.valkey.meet())
        asyncio.run(create_database(self.postgres.dsn(), _DATABASE))
        self._running.enter_context(self.bouncer.daemon)
        self._running.enter_context(self.proxy.daemon)
        pooled = self.bouncer.start(self.dsn)
        self._direct = self._environment(self.dsn)
        self._pooled = self._direct | {"DATABASE_URL": pooled}
        if not self.bouncer.knows_statements:
            self._pooled |= {"MEMBERSHIP_DATABASE_STATEMENT_CACHE_SIZE": "0"}
        self._say("Members move in, drops are planned")
        self.crowd = asyncio.run(fill(self.settings, self.plan.people))
        self.drops = asyncio.run(open_drops(self.settings, self._faults, self.plan.scarce))
        self._say("API processes, workers and the proxy start")
        self.proxy.start()
        self.apis = [self._begin_api(self.code) for _ in range(self.plan.apis)]
        self.workers = [self._begin_worker(self.code) for _ in range(self.plan.workers)]
        for api in self.apis:
            self._until_ready(api)
        for worker in self.workers:
            self._until_works(worker)

    def _take_down(self) -> None:
        for process in (*self.apis, *self.workers, *self._leaving):
            if process.is_alive:
                process.kill()
        self._running.close()

    def _environment(self, dsn: str) -> dict[str, str]:
        """As in production: trusted documents only, tokens checked against a key set."""
        return {
            "DATABASE_URL": dsn,
            "REDIS_URL": self.valkey.url(),
            "MEMBERSHIP_REDIS_CLUSTER": "true",
            "MEMBERSHIP_PROFILE": Profile.PRODUCTION.value,
            "MEMBERSHIP_TOKEN_JWKS_FILE": str(ensure_keys(self.keys)),
            "MEMBERSHIP_DRAIN_SECONDS": f"{self.plan.drain_seconds:g}",
            **{name: json.dumps({"1": secrets.token_hex(32)}) for name in _KEYS},
            # A few callers put the load of a whole city on it; each request is counted all the same.
            **{f"MEMBERSHIP_{name.upper()}": "1000000/1" for name in RateSettings.model_fields},
        }

    @property
    def settings(self) -> Settings:
        """For this process, past the pooler."""
        return settings_of(self._direct)

    # ---- processes that come and go

    def start_api(self, code: Code) -> Running:
        """One more, which the proxy sends requests to by now."""
        api = self._begin_api(code)
        self._until_ready(api)
        return api

    def replace_api(self, old: Running, fresh: Running) -> None:
        self.apis[self.apis.index(old)] = fresh

    def leave(self, process: Running) -> None:
        """Ask it to stop, as a rollout does; `reap` waits for it."""
        process.terminate()
        self._leaving.append(process)

    def reap(self) -> list[str]:
        """Wait for all that were asked to stop. Returns a sentence for each that did not end well."""
        sorry = []
        for process in self._leaving:
            code = process.ended(_GRACE_SECONDS + self.plan.drain_seconds)
            self._give_back(process)
            if code != 0:
                sorry.append(f"{process.name} ended with code {code}.{process.last_words()}")
        self._leaving.clear()
        return sorry

    def lose(self, api: Running) -> None:
        """SIGKILL."""
        api.kill()
        self._give_back(api)

    def roll(self, code: Code, say: Say) -> list[str]:
        """Replace every process by one of that code, one after the other: the new one comes before the old one goes,
        as Kubernetes does it with maxSurge 1 and maxUnavailable 0. Returns what did not end well."""
        for old in list(self.apis):
            fresh = self.start_api(code)
            say(f"{fresh.name} came for {old.name}")
            self.leave(old)
            self.replace_api(old, fresh)
        for old in list(self.workers):
            fresh = self._begin_worker(code)
            self._until_works(fresh)
            say(f"{fresh.name} came for {old.name}")
            self.leave(old)
            self.workers[self.workers.index(old)] = fresh
            sorry = self.reap()
            if sorry:
                return sorry
        self.code = code
        return self.reap()

    def command(self, *arguments: str, code: Code | None = None) -> tuple[int, str]:
        """A command beside the processes, past the pooler. Returns its exit code and what it printed."""
        done = run_command(code or self.code, self._direct, *arguments, folder=self.plan.folder)
        # Progress goes to the other stream.
        return done.returncode, (done.stdout if done.returncode == 0 else done.stderr + done.stdout).strip()

    @contextmanager
    def aside(self, code: Code) -> Iterator[Running]:
        """An API process that the proxy does not know."""
        port = free_port()
        process = self._begin("aside", "serve", code, self._pooled | {"MEMBERSHIP_PORT": str(port)}, port)
        try:
            yield process
        finally:
            process.kill()

    def dead(self) -> list[str]:
        """A sentence for each process that ended without being asked."""
        return [
            f"{process.name} ended by itself.{process.last_words()}"
            for process in (*self.apis, *self.workers)
            if not process.is_alive
        ]

    # ---- servers

    def kill_postgres(self) -> None:
        """As a machine that loses its power: the postmaster is gone, and its children with it."""
        process_id = self.postgres.process_id
        if process_id is None:
            raise RehearsalFailed("PostgreSQL does not run")
        os.kill(process_id, signal.SIGKILL)
        # Until then it counts as running, and would not be started again.
        self.until(lambda: self.postgres.process_id is None, "PostgreSQL is gone")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise RehearsalFailed(f"waited {_PATIENCE_SECONDS} s in vain until {what}")
            time.sleep(_POLL_SECONDS)

    def _begin_api(self, code: Code) -> Running:
        port = self._free.pop(0)
        return self._begin("api", "serve", code, self._pooled | {"MEMBERSHIP_PORT": str(port)}, port)

    def _begin_worker(self, code: Code) -> Running:
        port = free_port()
        return self._begin("worker", "worker", code, self._direct | {"MEMBERSHIP_MONITORING_PORT": str(port)}, port)

    def _begin(self, kind: str, command: str, code: Code, environment: Mapping[str, str], port: int) -> Running:
        self._started += 1
        return Running(f"{kind}-{self._started}", command, code, environment, folder=self.plan.folder, port=port)

    def _give_back(self, process: Running) -> None:
        if process.port in self._slots:
            self._free.append(process.port)

    def _until_ready(self, api: Running) -> None:
        api.until(lambda: is_ready(api.port), "it was ready")
        self.until(lambda: api.port in self.proxy.sends_to(), f"the proxy takes {api.name} for ready")

    def _until_works(self, worker: Running) -> None:
        worker.until(lambda: is_ready(worker.port), "it was ready")


def is_ready(port: int) -> bool:
    return readiness(port)[0] == 200


def readiness(port: int) -> tuple[int, str]:
    """What /readyz of a process says: its status and its body; 0 where nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, HTTPException):
        return 0, ""
    finally:
        connection.close()
