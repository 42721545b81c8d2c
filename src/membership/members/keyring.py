"""How personal values are kept: a keyed hash to look them up, and an encrypted value to show them.

Keys have versions, and rows say which version they were written with. New values use the version in use (the highest,
unless the settings name another); reading and looking up work with every version that is configured. So a key is
rotated while everything runs: make the new one known to every process, then let it be used, let `rekeying` rewrite the
rows, remove the old one. `membership keys` says so step by step.

Hash: HMAC-SHA256 of kind and normalised value. Encryption: AES-256-GCM, the 12-byte nonce before the ciphertext;
the associated data name the kind of row, so that a ciphertext copied into another column does not decrypt.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from membership.kernel.randomness import RandomBytes

_NONCE_BYTES = 12
_KEY_BYTES = 32


class KeyringError(Exception):
    """Keys are missing or wrong: a fault of the configuration or of the data, never of a caller."""


class KeyMissing(KeyringError):
    """The settings have no key of a version that is needed."""


@dataclass(frozen=True, slots=True)
class KeyedHash:
    digest: bytes
    key_version: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """Nonce and ciphertext, and the version of the key that opens them."""

    ciphertext: bytes
    key_version: int


class Keyring:
    """The keys of one process."""

    def __init__(
        self,
        *,
        hash_keys: Mapping[int, bytes],
        encryption_keys: Mapping[int, bytes],
        random_bytes: RandomBytes,
        hash_version: int | None = None,
        encryption_version: int | None = None,
    ) -> None:
        """The versions are those in use for new values. Raises KeyringError for no keys, one that is not 32 bytes long,
        or a version in use that there is no key of."""
        _check("identity_hash_keys", hash_keys)
        _check("identity_encryption_keys", encryption_keys)
        self.hash_version = _in_use("identity_hash_key_in_use", hash_version, hash_keys)
        self.encryption_version = _in_use("identity_encryption_key_in_use", encryption_version, encryption_keys)
        # What is in use first: nearly every row is found with it.
        self._hash_keys = dict(sorted(hash_keys.items(), key=lambda entry: entry[0] != self.hash_version))
        self._ciphers = {version: AESGCM(key) for version, key in encryption_keys.items()}
        self._random_bytes = random_bytes

    @classmethod
    def from_settings(
        cls,
        hash_keys: Mapping[int, SecretStr],
        encryption_keys: Mapping[int, SecretStr],
        *,
        random_bytes: RandomBytes,
        hash_version: int | None = None,
        encryption_version: int | None = None,
    ) -> Self:
        """Keys as settings hold them: hexadecimal, by version. Raises KeyringError."""
        return cls(
            hash_keys=_decoded("identity_hash_keys", hash_keys),
            encryption_keys=_decoded("identity_encryption_keys", encryption_keys),
            random_bytes=random_bytes,
            hash_version=hash_version,
            encryption_version=encryption_version,
        )

    @property
    def is_rotating(self) -> bool:
        """A value may be stored under several hashes: a unique index alone does not see that two are the same."""
        return len(self._hash_keys) > 1

    @property
    def hash_versions(self) -> frozenset[int]:
        return frozenset(self._hash_keys)

    @property
    def encryption_versions(self) -> frozenset[int]:
        return frozenset(self._ciphers)

    def keyed_hash(self, kind: str, value: str) -> KeyedHash:
        """The hash to store with a new value, which is normalised before."""
        return KeyedHash(self._digest(self.hash_version, kind, value), self.hash_version)

    def lookup_hashes(self, kind: str, value: str) -> list[bytes]:
        """The hashes a normalised value may be stored under, for one query with `= ANY`; that of `keyed_hash` first."""
        return [self._digest(version, kind, value) for version in self._hash_keys]

    def token_of(self, purpose: str, key: UUID, *, key_version: int) -> str:
        """A secret that can be made again from an id, so that an answer is repeated without ever storing it."""
        return self._digest(key_version, f"token:{purpose}", str(key)).hex()

    def seal(self, row_kind: str, value: bytes) -> Sealed:
        nonce = self._random_bytes(_NONCE_BYTES)
        cipher = self._ciphers[self.encryption_version]
        return Sealed(nonce + cipher.encrypt(nonce, value, row_kind.encode()), self.encryption_version)

    def open(self, row_kind: str, sealed: Sealed) -> bytes:
        """Raises KeyringError when the key is gone, or the value was sealed for another kind of row or altered."""
        cipher = self._ciphers.get(sealed.key_version)
        if cipher is None:
            raise KeyMissing(f"identity_encryption_keys has no version {sealed.key_version}")
        nonce, ciphertext = sealed.ciphertext[:_NONCE_BYTES], sealed.ciphertext[_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, ciphertext, row_kind.encode())
        except (InvalidTag, ValueError) as error:
            raise KeyringError(f"a value of {row_kind} does not open with key {sealed.key_version}") from error

    def seal_text(self, row_kind: str, text: str) -> Sealed:
        return self.seal(row_kind, text.encode())

    def open_text(self, row_kind: str, sealed: Sealed) -> str:
        return self.open(row_kind, sealed).decode()

    def _digest(self, version: int, kind: str, value: str) -> bytes:
        key = self._hash_keys.get(version)
        if key is None:
            raise KeyMissing(f"identity_hash_keys has no version {version}")
        # A zero byte cannot occur in a kind, so no kind and value read like another kind and value.
        return hmac.digest(key, f"{kind}\0{value}".encode(), hashlib.sha256)


def _decoded(name: str, keys: Mapping[int, SecretStr]) -> dict[int, bytes]:
    try:
        return {version: bytes.fromhex(key.get_secret_value()) for version, key in keys.items()}
    except ValueError:
        raise KeyringError(f"{name}: keys are written as hexadecimal digits") from None


def _in_use(name: str, version: int | None, keys: Mapping[int, bytes]) -> int:
    if version is None:
        return max(keys)
    if version not in keys:
        raise KeyringError(f"{name} is {version}, and there is no key of that version")
    return version


def _check(name: str, keys: Mapping[int, bytes]) -> None:
    if not keys:
        raise KeyringError(f"{name}: at least one key is needed")
    for version, key in keys.items():
        if len(key) != _KEY_BYTES:
            raise KeyringError(f"{name}: key {version} is {len(key)} bytes long, and {_KEY_BYTES} are needed")
        if not 0 < version < 2**15:
            raise KeyringError(f"{name}: versions are from 1 to 32767, and one is {version}")
