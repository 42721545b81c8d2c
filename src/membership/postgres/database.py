"""The pool, and the two ways to use it: a use case runs as `membership_engine`, a resolver's read as
`membership_reader`.

Everything set here is local to the transaction, so that it is safe behind PgBouncer in transaction mode.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Final

import asyncpg

from membership.kernel.actor import Actor, Role
from membership.kernel.recording import Step, System, noted
from membership.kernel.time_limits import one_read, seconds_left
from membership.postgres.connection import Conn, Pool
from membership.postgres.finish import write_pending
from membership.postgres.schema_level import asking, begin
from membership.postgres.transaction import Transaction

SERVER_SETTINGS: Final[Mapping[str, str]] = {
    "application_name": "membership",
    "jit": "off",
    # Left to itself, PostgreSQL plans the posting of points anew for every sale: a third of that statement's time.
    "plan_cache_mode": "force_generic_plan",
}
"""Of every connection of a pool. A PgBouncer in between has to ignore them (ignore_startup_parameters)."""


_PART_OF_TILLS: Final = 5
"""One of so many connections."""
IDLE_TIMEOUT_MS: Final = 30_000
"""Between two statements of a transaction, far above what any takes: a process that is stopped in the middle, with the
locks of a member in hand, is fenced off. PostgreSQL ends its transaction, others go on, and when it wakes up it finds
its connection gone and has changed nothing."""
_LAST_SECONDS: Final = 1.0
"""For a server to end what a caller who has gone left behind; then the connection is cut."""


class TransactionAborted(Exception):
    """The transaction could not commit: a bug in the use case that ran in it."""


@dataclass(slots=True)
class Waits:
    """For a connection, of one kind of callers: how many wait now; how many have waited, and how long altogether."""

    now: int = 0
    over: int = 0
    seconds: float = 0.0


class Database:
    """Opens transactions on a pool. `on_events` is called after a commit that wrote to the outbox.

    `beside`: another pool, for what a process remembers. Transactions ask for that; were it read on their own pool,
    they could all hold a connection and wait for one, for ever.

    A fifth of the pool is for tills alone: where everybody else waits for something slow, or for a lock, sales go on.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        beside: Pool | None = None,
        statement_timeout_ms: int = 10_000,
        idle_timeout_ms: int = IDLE_TIMEOUT_MS,
        on_events: Callable[[], None] = lambda: None,
    ) -> None:
        self._pool = pool
        self._beside = beside or pool
        most = pool.get_max_size()
        self._places_of_others = asyncio.Semaphore(most - most // _PART_OF_TILLS)
        self.waits: Mapping[str, Waits] = {"till": Waits(), "other": Waits()}
        self._on_events = on_events
        self._statement_timeout_ms = statement_timeout_ms
        self._fence = f"SET LOCAL idle_in_transaction_session_timeout = {idle_timeout_ms}"

    @property
    def pool(self) -> Pool:
        return self._pool

    @property
    def beside(self) -> Pool:
        """To read what is remembered."""
        return self._beside

    @asynccontextmanager
    async def engine(self, actor: Actor, now: datetime) -> AsyncIterator[Transaction]:
        """A read-write transaction for a use case: commits when the block ends, rolls back when it raises."""
        async with self._transaction(_begin_engine(), actor) as conn:
            transaction = Transaction(conn, actor, now)
            yield transaction
            await write_pending(transaction)
        if transaction.events:
            self._on_events()
        for step in transaction.after:
            await step()

    @asynccontextmanager
    async def reader(self, actor: Actor) -> AsyncIterator[Conn]:
        """A read-only transaction that sees only what row-level security grants the actor."""
        async with self._transaction(_begin_reader(actor), actor) as conn:
            yield conn

    @asynccontextmanager
    async def _transaction(self, opening: str, actor: Actor) -> AsyncIterator[Conn]:
        is_till = actor.role is Role.TILL
        place = nullcontext() if is_till else self._places_of_others
        wait = _Wait(self.waits["till" if is_till else "other"])
        async with one_read(), wait, place, self._pool.acquire() as conn:
            wait.end()
            try:
                with noted(BEGIN):
                    limit = f"SET LOCAL statement_timeout = {self._statement_timeout()}"
                    await begin(conn, f"{opening}; {limit}; {self._fence}")
                yield conn
                with noted(COMMIT):
                    await _commit(conn)
            except BaseException as error:
                # A cancelled caller must not leave the connection inside its transaction.
                await roll_back(conn)
                if isinstance(error, asyncpg.InterfaceError) and _is_lost(conn):
                    raise ConnectionError("the server has ended the connection") from error
                raise

    def _statement_timeout(self) -> int:
        """In milliseconds: a little more than the operation has left. As a rule its statement is cancelled first; this
        ends what nobody cancels any more, and bounds a COMMIT, which nobody may."""
        left = seconds_left()
        if left is None:
            return self._statement_timeout_ms
        # In steps, for a server that counts statements tells them apart by their text.
        return (int(left * 10) + 2) * 100


class _Wait:
    """One, which ends when there is a connection, or nobody wants it any more."""

    __slots__ = ("_began", "_waits")

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._began: float | None = None

    async def __aenter__(self) -> None:
        self._began = perf_counter()
        self._waits.now += 1

    async def __aexit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        if self._began is not None:
            self._waits.now -= 1
            self._waits.over += 1
            self._waits.seconds += perf_counter() - self._began
            self._began = None


BEGIN: Final = Step(System.POSTGRESQL, "BEGIN", "BEGIN")
COMMIT: Final = Step(System.POSTGRESQL, "COMMIT", "COMMIT")
SAVEPOINT: Final = Step(System.POSTGRESQL, "SAVEPOINT", "SAVEPOINT")
RELEASE: Final = Step(System.POSTGRESQL, "RELEASE SAVEPOINT", "RELEASE SAVEPOINT")
ROLLBACK: Final = Step(System.POSTGRESQL, "ROLLBACK", "ROLLBACK")


def _begin_engine() -> str:
    return f"BEGIN; SET LOCAL ROLE membership_engine; SELECT {asking()}"


def _begin_reader(actor: Actor) -> str:
    context = {
        "app.role": actor.role.value,
        "app.member": actor.member_id,
        "app.programme": actor.programme_id,
        "app.store": actor.store_id,
        "app.counter": actor.counter_id,
        "app.till": actor.till_id,
        "app.brand": actor.brand_id,
    }
    # Values are an enum's or a UUID's, so they cannot hold a quote.
    settings = ", ".join(f"set_config('{name}', '{value or ''}', true)" for name, value in context.items())
    return f"BEGIN READ ONLY; SET LOCAL ROLE membership_reader; SELECT {asking()}, {settings}"


async def open_pool(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    statement_cache_size: int = 1024,
    command_timeout: float = 15,
    connection_class: "type[asyncpg.Connection[asyncpg.Record]]" = asyncpg.Connection,
) -> Pool:
    """A pool whose connections need no reset: only transaction-local settings are ever used.

    `statement_cache_size=0` is for PgBouncer before 1.21 in transaction mode.
    """
    return await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        statement_cache_size=statement_cache_size,
        command_timeout=command_timeout,
        reset=_no_reset,
        connection_class=connection_class,
        server_settings=dict(SERVER_SETTINGS),
    )


async def _no_reset(conn: Conn) -> None:
    """Saves the round trip of asyncpg's default reset."""


def _is_lost(conn: Conn) -> bool:
    """Then the pool has taken it from its holder, and asyncpg speaks as of a mistake of ours."""
    try:
        return conn.is_closed()
    except asyncpg.InterfaceError:
        return True


async def _commit(conn: Conn) -> None:
    committing = asyncio.ensure_future(conn.execute("COMMIT"))
    try:
        answer = await asyncio.shield(committing)
    except asyncio.CancelledError:
        # Whether it came through could not be known if it were cancelled too: it is given a moment to end.
        await asyncio.wait((committing,), timeout=_LAST_SECONDS)
        if not committing.cancel():
            committing.exception()  # looked at: what the caller is told is that they gave up
        raise
    # After a failed statement whose exception somebody swallowed, PostgreSQL answers COMMIT with ROLLBACK and no error.
    if answer != "COMMIT":
        raise TransactionAborted("a statement failed, its error was swallowed, and so nothing was written")


async def roll_back(conn: Conn) -> None:
    """Never raises for a connection that is lost: that is given up, and the pool replaces it.

    Returns when it is done, also to a caller who is cancelled meanwhile: the pool would hand on, or wait to close, a
    connection that is still at it.
    """
    ending = asyncio.ensure_future(_roll_back(conn))
    cancelled = False
    while not ending.done():
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


async def _roll_back(conn: Conn) -> None:
    try:
        with noted(ROLLBACK):
            await conn.execute("ROLLBACK", timeout=_LAST_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        # The last but one is what asyncpg says of a connection that the server has ended while nothing was sent.
        # A lost connection was taken from its holder by the pool and answers every call with InterfaceError.
        with suppress(asyncpg.InterfaceError):
            conn.terminate()
