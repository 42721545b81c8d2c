"""Which keys of identities are needed for what is stored, and which of them settings lack.

A process without a key that rows are under finds nobody by them: it would tell tills that members do not exist, and
enrol them a second time. So none starts without (`require_keys`), and one that has served for long enough to fall
behind a rotation is not ready (`lacking_lately`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from membership.cards.rekeying import count_code_seeds
from membership.coupons.store import count_codes_under_keys
from membership.members.keyring import Keyring, KeyringError
from membership.members.rekeying import UnderKey, count_under_keys, list_versions_lately
from membership.postgres.connection import Conn

VARIABLES: Final[Mapping[str, str]] = {
    "HASH": "MEMBERSHIP_IDENTITY_HASH_KEYS",
    "ENCRYPTION": "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS",
}
"""Where settings have the keys of each purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Lacking:
    """One version that something is under and that settings do not have."""

    purpose: str
    version: int

    def __str__(self) -> str:
        return f"{VARIABLES[self.purpose]} has no version {self.version}, which stored rows need"


async def under_keys(conn: Conn, now: datetime) -> Sequence[UnderKey]:
    """Everything that a key is still needed for, by kind and version."""
    found = list(await count_under_keys(conn, now))
    found += [UnderKey("code seeds", "ENCRYPTION", *entry) for entry in (await count_code_seeds(conn)).items()]
    codes = await count_codes_under_keys(conn, now)
    found += [UnderKey("coupon codes", "HASH", *entry) for entry in codes.items()]
    return sorted(found, key=lambda entry: (entry.what, entry.purpose, entry.key_version))


def lacking(found: Sequence[UnderKey], keyring: Keyring) -> Sequence[Lacking]:
    """Each version once, in order."""
    return _lacking({(entry.purpose, entry.key_version) for entry in found}, keyring)


async def lacking_lately(conn: Conn, keyring: Keyring) -> Sequence[Lacking]:
    """The same of a few rows at both ends of all identities, for one who asks again and again.

    A rotation begins at the first of them, and whoever joins is the last.
    """
    return _lacking(await list_versions_lately(conn), keyring)


async def require_keys(conn: Conn, keyring: Keyring, now: datetime) -> None:
    """Raises KeyringError naming every version that settings lack."""
    if missing := lacking(await under_keys(conn, now), keyring):
        raise KeyringError("; ".join(map(str, missing)))


def _lacking(needed: set[tuple[str, int]], keyring: Keyring) -> Sequence[Lacking]:
    known = {"HASH": keyring.hash_versions, "ENCRYPTION": keyring.encryption_versions}
    return sorted(Lacking(purpose, version) for purpose, version in needed if version not in known[purpose])
