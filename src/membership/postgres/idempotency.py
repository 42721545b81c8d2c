"""Every write that moves points, money, stock or time is keyed: a repeat gets the recorded answer.

The key row is inserted first in the use case's own transaction. Of concurrent repeats one inserts it and
the others wait on the unique constraint until that one commits (they then read its answer) or rolls back
(one of them goes on). What is recorded are facts, never a rendered answer.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from membership.kernel.actor import Actor
from membership.kernel.errors import DomainError
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.json import Json, digest, from_json, to_json
from membership.postgres.transaction import KeyedOutcome, Transaction

LONGEST_KEY = 200
"""In characters. Scope and key are indexed, and an entry of an index has an end."""

SQL = queries_of("platform")
Result = TypeVar("Result")


@dataclass(eq=False)
class IdempotencyConflict(DomainError):
    """The key was used before, with another input."""

    code = "IDEMPOTENCY_CONFLICT"
    field = "idempotencyKey"
    key: str

    @property
    def message(self) -> str:
        return f"The idempotency key {self.key} was used for another request. Send a new key for a new request."


def is_key(text: str) -> bool:
    return 0 < len(text) <= LONGEST_KEY and not text.isspace()


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request under its idempotency key. `request` is any JSON-able value that tells two requests apart.

    `otherwise`: the same request as it was told under another key of the keyring, for what holds a keyed hash: the
    first of two repeats may have come before a rotation.
    """

    operation: str
    key: str
    request: object
    otherwise: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        if not is_key(self.key):
            raise ValueError(f"an idempotency key has 1 to {LONGEST_KEY} characters, not all of them spaces")

    def request_hash(self) -> bytes:
        return digest([self.operation, self.request])

    def is_hash(self, recorded: bytes) -> bool:
        """Whether this request was recorded like that."""
        return any(digest([self.operation, told]) == recorded for told in (self.request, *self.otherwise))


class _Replay(Exception):
    def __init__(self, outcome: Json) -> None:
        self.outcome = outcome


async def once(
    database: Database,
    actor: Actor,
    now: datetime,
    keyed: Keyed,
    *,
    work: Callable[[Transaction], Awaitable[Result]],
    facts: Callable[[Result], object],
    restore: Callable[[Conn, Json], Awaitable[Result]],
) -> Result:
    """Run `work` at most once for this actor and key, and give every repeat the same answer.

    `facts` says what to record of a result and `restore` makes the result of it again. A final refusal is
    recorded too, after its transaction rolled back; a retryable one is not.
    Raises IdempotencyConflict when the key was used with another input, and whatever `work` refuses.
    """
    scope = actor.idempotency_scope
    try:
        async with database.engine(actor, now) as transaction:
            recorded = await _claim(transaction.conn, scope, keyed, now)
            if recorded is not None:
                raise _Replay(recorded)
            result = await work(transaction)
            transaction.keyed_outcome = KeyedOutcome(scope, keyed.key, to_json({"result": facts(result)}))
            return result
    except _Replay as replay:
        outcome = replay.outcome
    except IdempotencyConflict:
        raise
    except DomainError as refusal:
        if refusal.retryable:
            raise
        recorded = await _record_refusal(database, actor, now, refusal, keyed)
        if recorded is None:
            raise
        outcome = recorded
    return await _answer_again(database, actor, now, outcome, restore)


async def _claim(conn: Conn, scope: str, keyed: Keyed, now: datetime) -> Json | None:
    """None when this transaction now owns the key; the recorded outcome when another one finished with it."""
    if await SQL.insert_idempotency_key.maybe(conn, scope, keyed.key, keyed.request_hash(), now) is not None:
        return None
    row = await SQL.get_idempotency_key.one(conn, scope, keyed.key)
    if not keyed.is_hash(row["request_hash"]):
        raise IdempotencyConflict(keyed.key)
    return from_json(row["outcome"])


async def _record_refusal(
    database: Database, actor: Actor, now: datetime, refusal: DomainError, keyed: Keyed
) -> Json | None:
    """None when recorded; the outcome of a repeat that got in between otherwise."""
    scope = actor.idempotency_scope
    async with database.engine(actor, now) as transaction:
        recorded = await _claim(transaction.conn, scope, keyed, now)
        if recorded is None:
            outcome = {"refusal": refusal.code, "facts": refusal.facts()}
            transaction.keyed_outcome = KeyedOutcome(scope, keyed.key, to_json(outcome))
        return recorded


async def _answer_again(
    database: Database, actor: Actor, now: datetime, outcome: Json, restore: Callable[[Conn, Json], Awaitable[Result]]
) -> Result:
    if "refusal" in outcome:
        raise DomainError.restore(str(outcome["refusal"]), outcome["facts"])  # type: ignore[arg-type]
    async with database.engine(actor, now) as transaction:
        return await restore(transaction.conn, outcome["result"])  # type: ignore[arg-type]
