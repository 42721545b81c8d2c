"""The issuer's public keys, kept in memory and read again when they rotate.

    a new key       is known as soon as a token names it, or 10 s after the reading before: whoever makes key ids up
                    causes one reading in that time, and pushes nothing out
    a removed key   is good for 10 minutes more at the most, and with it every token that it signed
    issuer away     what it listed last serves on until it answers again. It is asked every 10 s, and the only ones who
                    wait for that are tokens whose key nobody knows

Readings are shared: however many callers want one, there is one at a time. One of them takes 5 s at the most.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

import orjson
import structlog
from joserfc.jwk import DictKey, JWKRegistry, Key

from membership.settings import Settings
from membership.web.key_sources import FetchKeySet, KeysAway, from_address, from_file, from_nowhere

log = structlog.get_logger("membership.web")

FRESH_FOR: Final = timedelta(minutes=5)
"""After that they are read again beside the requests, which do not wait."""
LONGEST_AGE: Final = timedelta(minutes=10)
"""Older ones are used only while their issuer does not answer."""
LEAST_PAUSE: Final = timedelta(seconds=10)
MOST_KEYS: Final = 100

_LEAST_RSA_BITS: Final = 2_048
_FITS: Final[Mapping[str, Callable[[Mapping[str, object]], bool]]] = {
    "ES256": lambda entry: (entry.get("kty"), entry.get("crv")) == ("EC", "P-256"),
    "RS256": lambda entry: entry.get("kty") == "RSA" and len(str(entry.get("n", ""))) * 6 >= _LEAST_RSA_BITS,
    "EdDSA": lambda entry: entry.get("kty") == "OKP" and entry.get("crv") in ("Ed25519", "Ed448"),
}
"""Which kind of key belongs to the pinned algorithm. A shared secret among public keys fits none: with it, anybody who
can read them could sign."""


@dataclass(frozen=True, slots=True)
class _Listed:
    entry: Mapping[str, object]
    key: Key


class PublicKeys:
    """Keys by `kid`, those that may sign with the pinned algorithm."""

    def __init__(self, fetch: FetchKeySet, algorithm: str) -> None:
        self._fetch = fetch
        self._fits = _FITS[algorithm]
        self._algorithm = algorithm
        self._listed: Mapping[str, _Listed] = {}
        self._read_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._is_away = False
        self._reading: asyncio.Task[None] | None = None

    async def find(self, kid: str, now: datetime) -> Key | None:
        """The same object for as long as the issuer lists the same key; `now` is real time."""
        known = self._listed.get(kid)
        if known is not None and not _is_past(self._read_at, FRESH_FOR, now):
            return known.key
        reading = self._shared_reading(now)
        has_to_wait = known is None or (_is_past(self._read_at, LONGEST_AGE, now) and not self._is_away)
        if reading is not None and has_to_wait:
            # The reading is everybody's: a caller who gives up does not end it.
            await asyncio.shield(reading)
            known = self._listed.get(kid)
        return None if known is None else known.key

    def _shared_reading(self, now: datetime) -> "asyncio.Task[None] | None":
        """The one on its way, or a new one unless somebody has just asked."""
        if self._reading is None and _is_past(self._asked_at, LEAST_PAUSE, now):
            self._asked_at = now
            self._reading = asyncio.get_running_loop().create_task(self._read(now))
        return self._reading

    async def _read(self, now: datetime) -> None:
        try:
            self._listed = self._keys_in(await self._fetch())
            self._read_at = now
            self._is_away = False
        except (KeysAway, ValueError) as error:
            self._is_away = True
            log.warning("issuer keys not read", reason=str(error), keys_kept=len(self._listed))
        finally:
            self._reading = None

    def _keys_in(self, text: bytes) -> Mapping[str, _Listed]:
        """Of one key id the first that fits. Raises ValueError for what is no key set."""
        document = orjson.loads(text)
        entries = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(entries, list) or len(entries) > MOST_KEYS:
            raise ValueError(f"not a JSON Web Key Set of at most {MOST_KEYS} keys")
        found: dict[str, _Listed] = {}
        for entry in entries:
            if isinstance(entry, dict) and self._may_sign(entry) and entry["kid"] not in found:
                kid = entry["kid"]
                before = self._listed.get(kid)
                listed = before if before is not None and before.entry == entry else _imported(entry)
                if listed is not None:
                    found[kid] = listed
        return found

    def _may_sign(self, entry: Mapping[str, object]) -> bool:
        operations = entry.get("key_ops", ["verify"])
        return (
            isinstance(entry.get("kid"), str)
            and entry.get("use", "sig") == "sig"
            and entry.get("alg", self._algorithm) == self._algorithm
            and isinstance(operations, list)
            and "verify" in operations
            and self._fits(entry)
        )


def public_keys(settings: Settings) -> PublicKeys:
    """From the address or the file in the settings; without either, no token is good."""
    if settings.token_jwks_url is not None:
        fetch = from_address(settings.token_jwks_url)
    elif settings.token_jwks_file is not None:
        fetch = from_file(settings.token_jwks_file)
    else:
        fetch = from_nowhere
    return PublicKeys(fetch, settings.token_algorithm)


def _imported(entry: Mapping[str, object]) -> _Listed | None:
    """None for a key that is damaged: the others of the set are good all the same (RFC 7517, 5)."""
    try:
        return _Listed(entry, JWKRegistry.import_key(cast(DictKey, entry)))
    except Exception as error:
        # Whatever a library makes of a number that is a text, or of a point that is not on the curve.
        log.warning("an issuer key is damaged", reason=type(error).__name__)
        return None


def _is_past(since: datetime | None, span: timedelta, now: datetime) -> bool:
    """Never, or so long ago. A clock that was set back makes it past too: else it would not be for that long."""
    return since is None or abs(now - since) >= span
