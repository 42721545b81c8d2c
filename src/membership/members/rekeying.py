"""Key rotation: rewrites what was hashed or encrypted with an older key, in small batches, while tills work.

Walk from `None` until it gives None; whatever another transaction held at that moment is met in the next walk.
Once a walk has changed nothing, the old key may be taken out of the settings.
"""

from dataclasses import dataclass
from uuid import UUID

from membership.members.keyring import Keyring, Sealed
from membership.members.model import IdentityKind
from membership.members.store import NAME, SQL, identity_row, sealed_name
from membership.postgres.transaction import Transaction

_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Step:
    """One batch: how many rows were rewritten, and where to go on (None: the walk is over)."""

    rewritten: int
    after: UUID | None


async def rekey_identities(tx: Transaction, *, keyring: Keyring, after: UUID | None, limit: int) -> Step:
    newest = (keyring.hash_version, keyring.encryption_version)
    rows = await SQL.lock_identities_after.many(tx.conn, after or _FIRST, limit)
    stale = [row for row in rows if (row["hash_key_version"], row["encryption_key_version"]) != newest]
    kinds = [IdentityKind(row["kind"]) for row in stale]
    values = [
        keyring.open_text(identity_row(kind), Sealed(row["value_encrypted"], row["encryption_key_version"]))
        for kind, row in zip(kinds, stale, strict=True)
    ]
    hashes = [keyring.keyed_hash(kind.value, value) for kind, value in zip(kinds, values, strict=True)]
    sealed = [keyring.seal_text(identity_row(kind), value) for kind, value in zip(kinds, values, strict=True)]
    if stale:
        await SQL.rekey_identities.exec(
            tx.conn,
            [row["identity_id"] for row in stale],
            [entry.digest for entry in hashes],
            [entry.key_version for entry in hashes],
            [entry.ciphertext for entry in sealed],
            [entry.key_version for entry in sealed],
        )
    return Step(len(stale), rows[-1]["identity_id"] if len(rows) == limit else None)


async def rekey_names(tx: Transaction, *, keyring: Keyring, after: UUID | None, limit: int) -> Step:
    rows = await SQL.lock_names_after.many(tx.conn, after or _FIRST, limit)
    names = {row["member_id"]: sealed_name(row) for row in rows}
    stale = {
        member_id: keyring.seal(NAME, keyring.open(NAME, name))
        for member_id, name in names.items()
        if name is not None and name.key_version != keyring.encryption_version
    }
    if stale:
        await SQL.rekey_names.exec(
            tx.conn,
            list(stale),
            [entry.ciphertext for entry in stale.values()],
            [entry.key_version for entry in stale.values()],
        )
    return Step(len(stale), rows[-1]["member_id"] if len(rows) == limit else None)
