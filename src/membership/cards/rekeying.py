"""Key rotation for the secrets of rotating codes; see members.rekeying."""

from collections.abc import Mapping
from dataclasses import dataclass

from membership.cards.service import CODE_SECRET
from membership.cards.store import SQL
from membership.members.keyring import Keyring, Sealed
from membership.postgres.connection import Conn
from membership.postgres.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Step:
    """One batch: how many rows were rewritten, and the serial to go on after (None: the walk is over)."""

    rewritten: int
    after: str | None


async def count_code_seeds(conn: Conn) -> Mapping[int, int]:
    """By key version."""
    return {row["key_version"]: row["rows"] for row in await SQL.list_code_seeds_by_key.many(conn)}


async def rekey_code_seeds(tx: Transaction, *, keyring: Keyring, after: str | None, limit: int) -> Step:
    rows = await SQL.lock_code_seeds_after.many(tx.conn, after or "", limit, keyring.encryption_version)
    old = [Sealed(row["secret_encrypted"], row["key_version"]) for row in rows]
    sealed = [keyring.seal(CODE_SECRET, keyring.open(CODE_SECRET, secret)) for secret in old]
    if rows:
        await SQL.rekey_code_seeds.exec(
            tx.conn,
            [row["serial"] for row in rows],
            [entry.ciphertext for entry in sealed],
            [entry.key_version for entry in sealed],
        )
    return Step(len(rows), rows[-1]["serial"] if len(rows) == limit else None)
