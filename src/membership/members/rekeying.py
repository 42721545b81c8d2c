"""Key rotation: rewrites what was hashed or encrypted with an older key, in small batches, while tills work.

Walk from `None` until it gives None; whatever another transaction held at that moment is met in the next walk. Two
walks at once share the rows: what one has locked the other passes over, and what one has rewritten the other does not
find. Once nothing is left under the old key it may be taken out of the settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from membership.members.keyring import KeyedHash, KeyMissing, Keyring, KeyringError, Sealed
from membership.members.model import IdentityKind, IdentityValue, MemberId
from membership.members.store import NAME, SQL, identity_row, sealed_name
from membership.postgres.connection import Conn
from membership.postgres.transaction import Transaction

_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Step:
    """One batch: how many rows were rewritten, and where to go on (None: the walk is over)."""

    rewritten: int
    after: UUID | None


@dataclass(frozen=True, slots=True)
class UnderKey:
    """How many rows of a kind are under one version of a key; `purpose` is HASH or ENCRYPTION."""

    what: str
    purpose: str
    key_version: int
    rows: int


async def count_under_keys(conn: Conn, now: datetime) -> Sequence[UnderKey]:
    """Of people, and of invitations that still may be taken up."""
    return [UnderKey(*row) for row in await SQL.list_under_keys.many(conn, now)]


async def list_versions_lately(conn: Conn) -> set[tuple[str, int]]:
    """Purposes and versions that the first and the last identities are under."""
    rows = await SQL.list_versions_lately.many(conn)
    return {("HASH", row["hash_key_version"]) for row in rows} | {
        ("ENCRYPTION", row["encryption_key_version"]) for row in rows
    }


async def rekey_identities(tx: Transaction, *, keyring: Keyring, after: UUID | None, limit: int) -> Step:
    rows, values = await _identities_after(tx.conn, keyring, after, limit)
    sealed = [keyring.seal_text(identity_row(value.kind), value.value) for value in values]
    hashes = _hashes(keyring, values)
    if rows:
        await SQL.rekey_identities.exec(
            tx.conn,
            [row["identity_id"] for row in rows],
            [entry.digest for entry in hashes],
            [entry.key_version for entry in hashes],
            [entry.ciphertext for entry in sealed],
            [entry.key_version for entry in sealed],
            tx.now,
        )
    return Step(len(rows), rows[-1]["identity_id"] if len(rows) == limit else None)


async def list_twins(conn: Conn, *, keyring: Keyring, after: UUID | None, limit: int) -> set[tuple[MemberId, MemberId]]:
    """Members of the same batch who have an identity that another member has under the key in use: with them."""
    rows, values = await _identities_after(conn, keyring, after, limit)
    digests = [entry.digest for entry in _hashes(keyring, values)]
    found = await SQL.list_twins.many(conn, [row["identity_id"] for row in rows], digests)
    return {(MemberId(row["member_id"]), MemberId(row["twin_id"])) for row in found}


async def _identities_after(
    conn: Conn, keyring: Keyring, after: UUID | None, limit: int
) -> tuple[Sequence[asyncpg.Record], list[IdentityValue]]:
    newest = (keyring.hash_version, keyring.encryption_version)
    rows = await SQL.lock_identities_after.many(conn, after or _FIRST, limit, *newest)
    kinds = [IdentityKind(row["kind"]) for row in rows]
    sealed = [Sealed(row["value_encrypted"], row["encryption_key_version"]) for row in rows]
    return rows, [
        IdentityValue(kind, _opened(keyring, identity_row(kind), entry, of=row["identity_id"]).decode())
        for kind, entry, row in zip(kinds, sealed, rows, strict=True)
    ]


def _hashes(keyring: Keyring, values: Sequence[IdentityValue]) -> list[KeyedHash]:
    return [keyring.keyed_hash(entry.kind.value, entry.value) for entry in values]


async def rekey_names(tx: Transaction, *, keyring: Keyring, after: UUID | None, limit: int) -> Step:
    rows = await SQL.lock_names_after.many(tx.conn, after or _FIRST, limit, keyring.encryption_version)
    names = {row["member_id"]: name for row in rows if (name := sealed_name(row)) is not None}
    sealed = [keyring.seal(NAME, _opened(keyring, NAME, name, of=member_id)) for member_id, name in names.items()]
    if names:
        await SQL.rekey_names.exec(
            tx.conn, list(names), [entry.ciphertext for entry in sealed], [entry.key_version for entry in sealed]
        )
    return Step(len(names), rows[-1]["member_id"] if len(rows) == limit else None)


def _opened(keyring: Keyring, row_kind: str, sealed: Sealed, *, of: UUID) -> bytes:
    """Raises KeyringError, which says whose row it is where the key is there and does not open it."""
    try:
        return keyring.open(row_kind, sealed)
    except KeyMissing:
        raise
    except KeyringError as error:
        raise KeyringError(f"{error} (row {of})") from None
