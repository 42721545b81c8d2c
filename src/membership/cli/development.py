"""What `membership dev` does: servers, schema, sample, then the API and the worker until Ctrl-C."""

import asyncio
import json
import os
import shlex
import socket
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import structlog

from membership import logging
from membership.accounts.keys_needed import VARIABLES
from membership.cli.callers import Caller, print_callers, tokens_of
from membership.cli.data_folder import DataFolder
from membership.cli.environment import (
    connect,
    forget_another_service,
    is_set,
    place_of,
    read_settings,
    require_database,
    require_redis,
)
from membership.cli.failures import CommandFailed
from membership.cli.keys_required import IN_SETTINGS, require_keys_of
from membership.cli.sampling import is_empty, load, size_of
from membership.cli.serving import bind, bind_monitoring, run_async, serve_until, stop_on_signals
from membership.cli.shop_file import sample_shop
from membership.cli.shop_options import SHOP
from membership.cli.steps import Steps
from membership.cli.today import beginning, told
from membership.embedded.postgres import EmbeddedPostgres
from membership.embedded.valkey import EmbeddedValkey
from membership.kernel.clock import SystemClock
from membership.postgres.clock import read_offset, store_offset
from membership.postgres.connection import Conn
from membership.postgres.migrations import MigrationDrift, migrate, migrations
from membership.settings import DatabaseSettings, RedisSettings, Settings
from membership.tracing.opening import WORKER, tracing_of
from membership.web.development_issuer import ensure_keys
from membership.worker import run_worker

HOST = "127.0.0.1"
_DATABASE = "membership"
_GRACE_SECONDS = 2


class Development:
    """One run."""

    def __init__(self, *, port: int, data_folder: Path, sample: str, today: str | None) -> None:
        self._port = port
        self._folder = DataFolder(data_folder)
        self._size = size_of(sample)
        self._sample = sample
        self._today = today
        self._offset = timedelta()
        self._tokens: list[tuple[Caller, str]] = []

    def run(self, *, reset: bool) -> None:
        """Returns after Ctrl-C or SIGTERM. Raises CommandFailed or EmbeddedServerError with one line to show."""
        if self._today is not None:
            beginning(self._today, SystemClock().now())  # wrong ones are told before anything slow is begun
        if other := forget_another_service():
            _say(f"This terminal has the addresses and keys of the service in {other}; they are not used here.")
        if reset and is_set("DATABASE_URL"):
            raise CommandFailed("--reset is for the embedded database; empty the one of DATABASE_URL yourself.")
        with bind(HOST, self._port) as listener, ExitStack() as servers:
            self._folder.prepare()
            run_async(self._check_given_servers())
            with Steps() as steps:
                given = self._start_servers(steps, servers, reset=reset)
                settings = self._settings(given)
                run_async(self._prepare(settings, steps, embedded="DATABASE_URL" in given))
            self._write_environment(settings)
            try:
                if self._size is not None:
                    run_async(self._write_shop(settings))
                run_async(self._serve(settings, listener))
            finally:
                self._folder.forget_service()
        print("Stopped.")

    async def _check_given_servers(self) -> None:
        """Before anything slow is begun: the address of a server that is somebody else's may be wrong."""
        if is_set("DATABASE_URL"):
            dsn = str(read_settings(DatabaseSettings).database_url)
            await require_database(dsn)
            _say(f"Using the database at {place_of(dsn)} of DATABASE_URL.")
        if is_set("REDIS_URL"):
            redis = read_settings(RedisSettings)
            await require_redis(str(redis.redis_url), cluster=redis.redis_cluster)

    def _start_servers(self, steps: Steps, servers: ExitStack, *, reset: bool) -> dict[str, str]:
        """In the main thread and outside of any event loop: servers die with the thread that started them."""
        given = {}
        if not is_set("DATABASE_URL"):
            with steps.step("Starting PostgreSQL"):
                postgres = EmbeddedPostgres(self._folder.postgres)
                if reset:
                    postgres.erase()
                servers.enter_context(postgres)
                given["DATABASE_URL"] = postgres.dsn(_DATABASE)
        if not is_set("REDIS_URL"):
            with steps.step("Starting Valkey"):
                valkey = EmbeddedValkey(self._folder.valkey)
                if reset:
                    valkey.erase()
                servers.enter_context(valkey)
                given["REDIS_URL"] = valkey.url()
        return given

    def _settings(self, given: dict[str, str]) -> Settings:
        """The environment, completed for development: own keys, own issuer, text queries and GraphiQL."""
        jwks = ensure_keys(self._folder.keys)
        defaults: dict[str, object] = {
            "profile": "open",
            "token_jwks_file": jwks,
            "identity_hash_keys": self._folder.identity_key("hash"),
            "identity_encryption_keys": self._folder.identity_key("encryption"),
        }
        absent = {name: value for name, value in defaults.items() if not is_set(f"MEMBERSHIP_{name.upper()}")}
        return read_settings(Settings, **absent, **given, host=HOST, port=self._port)

    async def _prepare(self, settings: Settings, steps: Steps, *, embedded: bool) -> None:
        dsn = str(settings.database_url)
        if embedded:
            await _create_database(dsn)
        conn = await connect(dsn)
        try:
            with steps.step("Migrating") as report:
                plan = migrations()
                applied = iter(range(1, len(plan) + 1))
                try:
                    await migrate(dsn, plan=plan, on_applied=lambda _: report(next(applied), len(plan)))
                except MigrationDrift as drift:
                    way_out = "; or start anew with --reset (make: ARGS=--reset)" if embedded else ""
                    raise CommandFailed(f"{drift}{way_out}.") from None
            await require_keys_of(settings, way_out=self._way_to_keys())
            empty = await is_empty(conn)
            self._offset = await self._move_clock(conn, may_move=embedded or empty)
            if self._size is not None and empty:
                with steps.step(f"Loading the sample {self._sample}") as report:
                    await load(settings, self._size, report, now=SystemClock(self._offset).now())
                # The moment asked for is the one at which the service begins to serve.
                self._offset = await self._move_clock(conn, may_move=True)
        finally:
            await conn.close()

    def _way_to_keys(self) -> str:
        """Where this service takes its keys from."""
        if any(is_set(variable) for variable in VARIABLES.values()):
            return IN_SETTINGS
        files = f"{self._folder.keys_file('hash')} and {self._folder.keys_file('encryption')}"
        return f'Add it to the keys that are kept here, {files}, as in {{"1": "…", "2": "…"}}.'

    async def _move_clock(self, conn: Conn, *, may_move: bool) -> timedelta:
        """To `--today` where it is given. Returns the offset that holds."""
        stored = await read_offset(conn)
        if self._today is None:
            return stored
        now = SystemClock().now()
        offset = beginning(self._today, now) - now
        if offset and not stored and not may_move:
            raise CommandFailed(
                "--today would move the clock of a database of yours that lives in real time: point DATABASE_URL at an "
                "empty one."
            )
        await store_offset(conn, offset)
        return offset

    async def _serve(self, settings: Settings, listener: socket.socket) -> None:
        with self._folder.open_log() as log:
            logging.configure(settings.log_level, log)
            stop = asyncio.Event()
            stop_on_signals(stop)
            try:
                async with tracing_of(settings, WORKER) as tracing, asyncio.TaskGroup() as group:
                    group.create_task(run_worker(settings, stop=stop, tracing=tracing))
                    group.create_task(
                        serve_until(
                            stop,
                            settings,
                            listener,
                            grace_seconds=_GRACE_SECONDS,
                            on_ready=self._greet,
                            monitoring=bind_monitoring(settings),
                        )
                    )
            except* Exception as failures:
                structlog.get_logger(__name__).error("a part of the service ended", exc_info=failures)
                raise CommandFailed(f"The service ended by a fault; see {self._folder.log_file}.") from None

    @property
    def _url(self) -> str:
        return f"http://{HOST}:{self._port}/graphql"

    def _write_environment(self, settings: Settings) -> None:
        """For another terminal, so that the command and the tours of README find this service."""
        self._tokens = tokens_of(self._folder.keys) if self._size is not None else []
        secrets = {
            "MEMBERSHIP_IDENTITY_HASH_KEYS": settings.identity_hash_keys,
            "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS": settings.identity_encryption_keys,
        }
        self._folder.write_environment(
            {
                "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
                "URL": self._url,
                **({SHOP: str(self._folder.shop_file)} if self._size is not None else {}),
                "DATABASE_URL": str(settings.database_url),
                "REDIS_URL": str(settings.redis_url),
                **{
                    name: json.dumps({str(version): key.get_secret_value() for version, key in keys.items()})
                    for name, keys in secrets.items()
                },
                "MEMBERSHIP_TOKEN_JWKS_FILE": str(
                    (settings.token_jwks_file or self._folder.keys / "jwks.json").absolute()
                ),
                **{caller.variable: token for caller, token in self._tokens},
            }
        )

    async def _write_shop(self, settings: Settings) -> None:
        shop = await sample_shop(settings, self._folder.keys)
        self._folder.write_shop(shop.model_dump_json())

    def _greet(self) -> None:
        url = self._url
        print(f"\nGraphiQL   {url}")
        print(f"Schema     {url.removesuffix('/graphql')}/schema")
        print(f"Logs       {self._folder.log_file}")
        if self._offset:
            print(f"Clock      {told(self._offset, SystemClock().now())}")
        if self._size is not None:
            print("\nTokens of the development issuer, good for 30 days. Paste each pair of lines elsewhere:\n")
            print_callers(url, self._tokens)
        print("For another terminal, with these tokens and the `membership` command:")
        print(f". {shlex.quote(str(self._folder.environment_file))}\n")
        print("Ctrl-C stops everything.", flush=True)


def _say(line: str) -> None:
    print(f"membership: {line}", file=sys.stderr, flush=True)


async def _create_database(dsn: str) -> None:
    server, _, name = dsn.rpartition("/")
    conn = await connect(f"{server}/postgres")
    try:
        if not await conn.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name):
            await conn.execute(f'CREATE DATABASE "{name}"')
    finally:
        await conn.close()
