"""Bearer tokens: a JSON Web Token becomes the Actor that calls.

A signature costs more than a whole cached request, so a token that was verified is remembered, by its digest: no
more than so many, and never beyond its expiry or its key. Both are looked at anew each time.

Expiry is judged by the machine's clock, never by the service's, which a demonstration may move: an issuer knows nothing
of that, and whoever may move the service's clock shall not thereby bring expired tokens back to life. Clocks may differ
by the leeway of the settings, either way: a token is good until `exp` and so long after, and from `nbf` and `iat` and
so long before.
"""

import hashlib
import unicodedata
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from graphql import GraphQLError
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, InvalidPayloadError, JoseError, MissingClaimError
from joserfc.jwk import Key

from membership.graph.operations.faults import FaultCode, fault
from membership.kernel.actor import Actor, Role
from membership.settings import Settings
from membership.web.keys import PublicKeys
from membership.web.token_headers import StrictDecoder, UnfitHeader, key_id_of

MOST_REMEMBERED: Final = 10_000
LONGEST_TOKEN: Final = 4_096
LONGEST_SUBJECT: Final = 200
_LAST_MOMENT: Final = 253_402_300_799
"""The end of the year 9999: no later time is one."""

NEEDED_CLAIMS: Final[Mapping[Role, tuple[str, ...]]] = {
    Role.MEMBER: ("member", "programme"),
    Role.TILL: ("programme", "store", "till"),
    Role.ASSOCIATE: ("programme", "brand"),
    Role.DESK: ("programme", "store"),
    Role.MEMBER_SERVICES: ("programme",),
    Role.PLANNER: ("programme",),
    Role.APPROVER: ("programme",),
    Role.ADMIN: (),
    Role.SERVICE: (),
}
_CLAIMS = ("member", "programme", "store", "counter", "till", "brand")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says of its bearer, and which key it was verified with."""

    role: Role
    subject: str
    ids: Mapping[str, UUID]
    expires_at: float
    key_id: str
    key: Key

    def actor(self, *, origin: str | None, correlation_id: str) -> Actor:
        ids = self.ids
        return Actor(
            self.role,
            self.subject,
            ids.get("member"),
            ids.get("programme"),
            ids.get("store"),
            ids.get("counter"),
            ids.get("till"),
            ids.get("brand"),
            origin,
            correlation_id,
        )


class GenuineToken(GraphQLError):
    """Why a token is refused that its issuer did sign: whoever sends it guesses nothing."""


class Tokens:
    """Verifies tokens of the configured issuer for the configured audience, with the one pinned algorithm."""

    def __init__(self, settings: Settings, keys: PublicKeys) -> None:
        self._keys = keys
        self._algorithm = settings.token_algorithm
        self._issuer = settings.token_issuer
        self._audience = settings.token_audience
        self._leeway = settings.token_leeway_seconds
        self._remembered: OrderedDict[bytes, Claims] = OrderedDict()

    async def verify(self, authorization: str, now: datetime) -> Claims:
        """The claims behind an Authorization header; `now` is real time.

        Raises UNAUTHENTICATED, saying what is wrong with it.
        """
        token = _token(authorization)
        # Of the token alone: its scheme can be written in many ways, each of which would take a place.
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known is not None and await self.is_still_good(known, now):
            self._remembered.move_to_end(digest)
            return known
        self._remembered.pop(digest, None)
        claims = await self._read(token, now)
        self._remembered[digest] = claims
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return claims

    async def is_still_good(self, claims: Claims, now: datetime) -> bool:
        """Whether a token that was good has not expired and its issuer still lists its key."""
        return now.timestamp() < self.good_until(claims) and claims.key is await self._keys.find(claims.key_id, now)

    def good_until(self, claims: Claims) -> float:
        """In seconds of Unix time, real time, with the leeway for clocks that differ."""
        return claims.expires_at + self._leeway

    async def _read(self, token: str, now: datetime) -> Claims:
        try:
            key_id = key_id_of(token, self._algorithm)
        except UnfitHeader as unfit:
            raise _refused(str(unfit)) from None
        key = await self._keys.find(key_id, now)
        if key is None:
            raise _refused("The token is signed with a key that its issuer does not list.")
        claims = _verified(token, key, self._algorithm)
        self._check(claims, now)
        return _claims(claims, key_id, key)

    def _check(self, claims: dict[str, object], now: datetime) -> None:
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=self._leeway,
            exp={"essential": True},
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            sub={"essential": True},
            role={"essential": True},
        )
        try:
            registry.validate(claims)
        except ExpiredTokenError:
            raise GenuineToken(
                "The token has expired. Get a new one.", extensions={"code": FaultCode.UNAUTHENTICATED.value}
            ) from None
        except MissingClaimError as error:
            raise _refused(f"The token lacks a claim: {error.claim}.") from None
        except InvalidClaimError as error:
            raise _refused(f"The token's claim {error.claim} is not what is expected here.") from None


def _verified(token: str, key: Key, algorithm: str) -> dict[str, object]:
    try:
        return jwt.decode(token, key, algorithms=[algorithm], decoder_cls=StrictDecoder).claims
    except InvalidPayloadError:
        raise _refused("The token's claims are not an object of JSON.") from None
    except (JoseError, ValueError, RecursionError):
        # The last but one is what cryptography says of a signature that is none, the last of claims nested too deep.
        raise _refused("The token's signature is not good.") from None


def _token(authorization: str) -> str:
    scheme, _, given = authorization.partition(" ")
    token = given.strip(" ")
    if scheme.lower() != "bearer" or not token:
        raise _refused("The Authorization header takes `Bearer` and a token.")
    if len(token) > LONGEST_TOKEN:
        raise _refused(f"A token may have {LONGEST_TOKEN} characters; this one has more.")
    if not token.isascii():
        raise _refused("The token is not a JSON Web Token with a key id.")
    return token


def _claims(claims: Mapping[str, object], key_id: str, key: Key) -> Claims:
    if damaged := [name for name, value in claims.items() if isinstance(value, str) and "\0" in value]:
        # PostgreSQL keeps no such text, and the subject is written to every trail.
        raise _refused(f"The token's claim {damaged[0][:40]} holds the character U+0000.")
    try:
        role = Role(str(claims["role"]))
    except ValueError:
        raise _refused("The token's claim role names no role of this service.") from None
    ids = {name: _uuid(name, claims[name]) for name in _CLAIMS if claims.get(name) is not None}
    if missing := [name for name in NEEDED_CLAIMS[role] if name not in ids]:
        raise _refused(f"A token with the role {role.value} needs the claim {missing[0]}.")
    return Claims(role, _subject(claims["sub"]), ids, _moment(claims["exp"]), key_id, key)


def _subject(value: object) -> str:
    is_text = isinstance(value, str) and len(value.strip()) > 0 and len(value) <= LONGEST_SUBJECT
    # Neither control characters nor halves of a character: it is written to logs and to the audit trail.
    if not is_text or any(unicodedata.category(character) in ("Cc", "Cs") for character in str(value)):
        raise _refused(f"The token's claim sub is not a plain text of 1 to {LONGEST_SUBJECT} characters.")
    return str(value)


def _moment(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= _LAST_MOMENT:
        raise _refused("The token's claim exp is not a time.")
    return float(value)


def _uuid(name: str, value: object) -> UUID:
    try:
        found = UUID(str(value))
    except ValueError:
        found = None
    # Python reads an id in more ways than one, and with a prefix.
    if found is None or str(found) != str(value).lower():
        raise _refused(f"The token's claim {name} is not an id.")
    return found


def _refused(message: str) -> GraphQLError:
    return fault(FaultCode.UNAUTHENTICATED, message)
