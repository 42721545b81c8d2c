"""The issuer's public keys, from a file or an address, kept in memory and fetched again when they rotate."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from membership.settings import Settings

log = structlog.get_logger("membership.web")

FetchKeySet = Callable[[], Awaitable[bytes]]

_MAX_AGE = timedelta(minutes=10)
_LEAST_PAUSE = timedelta(seconds=10)
_TIMEOUT_SECONDS = 5
_MAX_BYTES = 1_000_000


class PublicKeys:
    """Keys by `kid`. An unknown `kid` makes it fetch, but not more often than every few seconds."""

    def __init__(self, fetch: FetchKeySet) -> None:
        self._fetch = fetch
        self._keys: dict[str, Key] = {}
        self._asked_at: datetime | None = None
        self._fetching = asyncio.Lock()

    async def find(self, kid: str, now: datetime) -> Key | None:
        if kid not in self._keys or self._older_than(_MAX_AGE, now):
            await self._refresh(now)
        return self._keys.get(kid)

    async def _refresh(self, now: datetime) -> None:
        async with self._fetching:
            if not self._older_than(_LEAST_PAUSE, now):
                return  # another caller has just done it, or somebody sends made-up key ids
            self._asked_at = now
            try:
                self._keys = _read(await self._fetch())
            except (OSError, ValueError, JoseError) as error:
                # Keys that were good a moment ago serve on while the issuer is away.
                log.warning("issuer keys not read", reason=type(error).__name__, keys_kept=len(self._keys))

    def _older_than(self, age: timedelta, now: datetime) -> bool:
        return self._asked_at is None or now - self._asked_at >= age


def public_keys(settings: Settings) -> PublicKeys:
    """From the address or the file in the settings; without either, no token is good."""
    if settings.token_jwks_url is not None:
        return PublicKeys(_from_address(settings.token_jwks_url))
    if settings.token_jwks_file is not None:
        return PublicKeys(_from_file(settings.token_jwks_file))
    return PublicKeys(_from_nowhere)


def _read(text: bytes) -> dict[str, Key]:
    document = orjson.loads(text)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("not a JSON Web Key Set")
    # A shared secret among public keys would let anybody sign who can read them.
    public = [entry for entry in entries if isinstance(entry, dict) and entry.get("kty") != "oct" and entry.get("kid")]
    return {str(entry["kid"]): JWKRegistry.import_key(entry) for entry in public}


def _from_file(path: Path) -> FetchKeySet:
    async def fetch() -> bytes:
        return await asyncio.to_thread(path.read_bytes)

    return fetch


def _from_address(url: str) -> FetchKeySet:
    def get() -> bytes:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - settings allow https only
            body: bytes = answer.read(_MAX_BYTES)
            return body

    async def fetch() -> bytes:
        return await asyncio.to_thread(get)

    return fetch


async def _from_nowhere() -> bytes:
    return b'{"keys": []}'
