"""Key rotation for the secrets of rotating codes; see members.rekeying."""

from dataclasses import dataclass

from membership.cards.service import CODE_SECRET
from membership.cards.store import SQL
from membership.members.keyring import Keyring, Sealed
from membership.postgres.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Step:
    """One batch: how many rows were rewritten, and the serial to go on after (None: the walk is over)."""

    rewritten: int
    after: str | None


async def rekey_code_seeds(tx: Transaction, *, keyring: Keyring, after: str | None, limit: int) -> Step:
    rows = await SQL.lock_code_seeds_after.many(tx.conn, after or "", limit)
    stale = {
        row["serial"]: Sealed(row["secret_encrypted"], row["key_version"])
        for row in rows
        if row["key_version"] != keyring.encryption_version
    }
    sealed = [keyring.seal(CODE_SECRET, keyring.open(CODE_SECRET, secret)) for secret in stale.values()]
    if stale:
        await SQL.rekey_code_seeds.exec(
            tx.conn, list(stale), [entry.ciphertext for entry in sealed], [entry.key_version for entry in sealed]
        )
    return Step(len(stale), rows[-1]["serial"] if len(rows) == limit else None)
