"""Rotation of the keys of identities, of all slices together: how much is under which key, and the walk over it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar
from uuid import UUID

import asyncpg

from membership.accounts.keys_needed import under_keys
from membership.cards.rekeying import rekey_code_seeds
from membership.cli.failures import CommandFailed
from membership.cli.steps import Report
from membership.graph.kit.relay import global_id
from membership.kernel.actor import Actor
from membership.members.keyring import Keyring
from membership.members.rekeying import UnderKey, list_twins, rekey_identities, rekey_names
from membership.postgres.database import Database
from membership.postgres.transaction import AuditEntry, Transaction

BATCH: Final = 200
"""A batch holds its rows for some milliseconds: nobody at a till waits longer."""

_WALKS: Final = 5
"""What others hold is passed over; so often it is looked for again."""

REWRITTEN: Final = frozenset({"identities", "names", "code seeds"})
"""The others keep their key until they are over: of them only a hash is kept."""

Place = TypeVar("Place")
Place_co = TypeVar("Place_co", covariant=True)


class Batch(Protocol[Place_co]):
    @property
    def rewritten(self) -> int: ...
    @property
    def after(self) -> Place_co | None: ...


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many rows were rewritten, and how many are still under another key since others held them."""

    rewritten: int
    left: int


def stale(found: Sequence[UnderKey], keyring: Keyring) -> int:
    """Rows to be rewritten; one that is under two older keys counts twice."""
    in_use = {"HASH": keyring.hash_version, "ENCRYPTION": keyring.encryption_version}
    return sum(entry.rows for entry in found if entry.what in REWRITTEN and entry.key_version != in_use[entry.purpose])


async def rotate(
    database: Database,
    actor: Actor,
    now: Callable[[], datetime],
    *,
    keyring: Keyring,
    report: Report,
    batch: int = BATCH,
) -> Rotated:
    """Rewrite everything that can be under the keys in use, batch by batch, each in a transaction of its own.

    Stopped at any moment, it goes on where it was when it is run again. Safe beside the running service and beside
    another rotation. Raises CommandFailed where a key that rows need is not in the settings, or two members have the
    same identity.
    """
    async with database.pool.acquire() as conn:
        before = stale(await under_keys(conn, now()), keyring)
    walk = _Walk(database, actor, now, keyring, batch, before, report)
    await walk.tell("keys.begin_rotation", {"stale": before})
    for _ in range(_WALKS):
        await walk.over_all()
        async with database.pool.acquire() as conn:
            left = stale(await under_keys(conn, now()), keyring)
        if not left:
            break
    await walk.tell("keys.end_rotation", {"rewritten": walk.rewritten, "stale": left})
    return Rotated(walk.rewritten, left)


@dataclass(slots=True)
class _Walk:
    database: Database
    actor: Actor
    now: Callable[[], datetime]
    keyring: Keyring
    batch: int
    total: int
    report: Report
    rewritten: int = 0

    async def over_all(self) -> None:
        await self._over(lambda tx, after: rekey_identities(tx, keyring=self.keyring, after=after, limit=self.batch))
        await self._over(lambda tx, after: rekey_names(tx, keyring=self.keyring, after=after, limit=self.batch))
        await self._over(lambda tx, after: rekey_code_seeds(tx, keyring=self.keyring, after=after, limit=self.batch))

    async def tell(self, action: str, counted: dict[str, int]) -> None:
        """In the audit trail."""
        versions = {"hash_key": self.keyring.hash_version, "encryption_key": self.keyring.encryption_version}
        async with self.database.engine(self.actor, self.now()) as tx:
            tx.audit(AuditEntry(action, "keys", "identities", after={**versions, **counted}))

    async def _over(self, step: Callable[[Transaction, Place | None], Awaitable[Batch[Place]]]) -> None:
        after: Place | None = None
        while True:
            done = await self._one(step, after)
            self.rewritten, after = self.rewritten + done.rewritten, done.after
            self.report(min(self.rewritten, self.total), self.total)
            if after is None:
                return

    async def _one(
        self, step: Callable[[Transaction, Place | None], Awaitable[Batch[Place]]], after: Place | None
    ) -> Batch[Place]:
        try:
            async with self.database.engine(self.actor, self.now()) as tx:
                return await step(tx, after)
        except asyncpg.UniqueViolationError:
            raise CommandFailed(
                "Two members have the same identity, one under each key: some process did not know both keys while it "
                f"served. Merge those members, then rotate again: {await self._twins(after)}."
            ) from None

    async def _twins(self, after: object) -> str:
        """Those of this batch, by the ids that the API knows them by."""
        since = after if isinstance(after, UUID) else None
        async with self.database.engine(self.actor, self.now()) as tx:
            found = await list_twins(tx.conn, keyring=self.keyring, after=since, limit=self.batch)
        return ", ".join(" and ".join(global_id("Member", member) for member in pair) for pair in sorted(found))
