"""Tills taken out of service (lost, stolen, misused, worn out) and put back.

A till that is revoked is refused at every door: wherever a token is recognised, within `REFUSED_WITHIN` of the commit
in every process, for each keeps its directory no longer than that; in the process that revoked it, at once.

No paid receipt is lost by it. What the till has reported outlives it: other tills return it and members look at it.
What it has sold and not reported yet stays in its own journal, for being turned away is not an answer to a sale:
nothing is recorded under the sale's key. Once the till is reinstated it reports the same sales under the same keys,
each is posted once, dated when it was sold, and a receipt whose customer was not named is attached to a member as ever.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from membership.kernel.actor import Actor
from membership.kernel.errors import Fact
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores import store
from membership.stores.errors import TillAlreadyRevoked, TillInService, UnknownStore, UnknownTill
from membership.stores.model import ProgrammeId, RevocationReason, Till, TillId
from membership.stores.rules import keeps_tills
from membership.stores.service import LONGEST_AGE, DirectoryCache

REFUSED_WITHIN = LONGEST_AGE
"""After a till was revoked no process lets it in later than this."""

Work = Callable[[Transaction], Awaitable[Till]]


@dataclass(frozen=True, slots=True)
class TillRegister:
    """Use cases under an idempotency key: a repeat is answered with the till as it is by then."""

    database: Database
    directories: DirectoryCache

    async def revoke(self, actor: Actor, now: datetime, till_id: TillId, reason: RevocationReason, *, key: str) -> Till:
        """Out of service. Raises UnknownTill, TillAlreadyRevoked."""

        async def work(tx: Transaction) -> Till:
            before, programme_id = await self._locked(tx, till_id)
            if before.revoked_at is not None:
                raise TillAlreadyRevoked(before.code)
            after = replace(before, revoked_at=tx.now)
            await store.revoke_till(tx.conn, till_id, at=tx.now)
            tx.audit(_entry("stores.revoke_till", before, after, programme_id, reason=reason.value))
            return after

        return await self._once(actor, now, Keyed("stores.revoke_till", key, [str(till_id), reason.value]), work)

    async def reinstate(self, actor: Actor, now: datetime, till_id: TillId, *, key: str) -> Till:
        """Back in service. Raises UnknownTill, TillInService."""

        async def work(tx: Transaction) -> Till:
            before, programme_id = await self._locked(tx, till_id)
            if before.revoked_at is None:
                raise TillInService(before.code)
            after = replace(before, revoked_at=None)
            await store.reinstate_till(tx.conn, till_id)
            tx.audit(_entry("stores.reinstate_till", before, after, programme_id))
            return after

        return await self._once(actor, now, Keyed("stores.reinstate_till", key, str(till_id)), work)

    async def _locked(self, tx: Transaction, till_id: TillId) -> tuple[Till, ProgrammeId]:
        """The row's lock decides which of two comes first; whoever does not keep the till is told there is none."""
        till = await store.lock_till(tx.conn, till_id)
        if till is not None:
            try:
                kept_in = (await self.directories.directory(tx.now)).store(till.store_id)
            except UnknownStore:
                raise UnknownTill(str(till_id)) from None
            if keeps_tills(tx.actor, kept_in):
                return till, kept_in.programme_id
        raise UnknownTill(str(till_id))

    async def _once(self, actor: Actor, now: datetime, keyed: Keyed, work: Work) -> Till:
        till = await once(self.database, actor, now, keyed, work=work, facts=_facts, restore=_restore)
        await self.directories.reload(now)
        return till


def _entry(action: str, before: Till, after: Till, programme_id: ProgrammeId, **facts: Fact) -> AuditEntry:
    return AuditEntry(
        action,
        "till",
        str(after.till_id),
        programme_id=programme_id,
        before=_state(before),
        after={**_state(after), **facts},
    )


def _state(till: Till) -> dict[str, Fact]:
    return {"code": till.code, "revoked_at": till.revoked_at.isoformat() if till.revoked_at else None}


def _facts(till: Till) -> Json:
    return {"till_id": str(till.till_id)}


async def _restore(conn: Conn, facts: Json) -> Till:
    till = await store.find_till(conn, TillId(UUID(str(facts["till_id"]))))
    if till is None:
        raise LookupError(f"till {facts['till_id']} is recorded in an answer and gone")
    return till
