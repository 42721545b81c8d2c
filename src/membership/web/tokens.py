"""Bearer tokens: a JSON Web Token becomes the Actor that calls.

A signature costs more than a whole cached request, so a token that was verified is remembered for a while. What
is checked anew each time is its expiry.

Expiry is judged by the machine's clock, never by the service's, which a demonstration may move: an issuer knows nothing
of that, and whoever may move the service's clock shall not thereby bring expired tokens back to life.
"""

import base64
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
from graphql import GraphQLError
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError

from membership.graph.operations.faults import FaultCode, fault
from membership.kernel.actor import Actor, Role
from membership.settings import Settings
from membership.web.keys import PublicKeys

_REMEMBERED_TOKENS = 10_000
_REMEMBERED_FOR = timedelta(minutes=5)
_MAX_LENGTH = 4_096

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
    """What a verified token says of its bearer."""

    role: Role
    subject: str
    ids: Mapping[str, UUID]
    expires_at: float

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


@dataclass(frozen=True, slots=True)
class _Remembered:
    claims: Claims
    until: float


class TokenExpired(GraphQLError):
    """Its issuer did sign it: whoever sends it is late, and guesses nothing."""


class Tokens:
    """Verifies tokens of the configured issuer for the configured audience, with the one pinned algorithm."""

    def __init__(self, settings: Settings, keys: PublicKeys) -> None:
        self._keys = keys
        self._algorithm = settings.token_algorithm
        self._issuer = settings.token_issuer
        self._audience = settings.token_audience
        self._leeway = settings.token_leeway_seconds
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()

    async def verify(self, authorization: str, now: datetime) -> Claims:
        """The claims behind an Authorization header; `now` is real time.

        Raises UNAUTHENTICATED, saying what is wrong with it.
        """
        moment = now.timestamp()
        known = self._remembered.get(authorization)
        if known is not None and moment < known.until:
            self._remembered.move_to_end(authorization)
            return known.claims
        claims = await self._read(_token(authorization), now)
        until = min(self.good_until(claims), moment + _REMEMBERED_FOR.total_seconds())
        self._remembered[authorization] = _Remembered(claims, until)
        if len(self._remembered) > _REMEMBERED_TOKENS:
            self._remembered.popitem(last=False)
        return claims

    def good_until(self, claims: Claims) -> float:
        """In seconds of Unix time, real time, with the leeway for clocks that differ."""
        return claims.expires_at + self._leeway

    async def _read(self, token: str, now: datetime) -> Claims:
        key = await self._keys.find(_key_id(token), now)
        if key is None:
            raise _refused("The token is signed with a key that its issuer does not list.")
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
            decoded = jwt.decode(token, key, algorithms=[self._algorithm])
            registry.validate(decoded.claims)
        except ExpiredTokenError:
            raise TokenExpired(
                "The token has expired. Get a new one.", extensions={"code": FaultCode.UNAUTHENTICATED.value}
            ) from None
        except MissingClaimError as error:
            raise _refused(f"The token lacks a claim: {error.claim}.") from None
        except InvalidClaimError as error:
            raise _refused(f"The token's claim {error.claim} is not what is expected here.") from None
        except (JoseError, ValueError):
            raise _refused("The token's signature is not good.") from None
        return _claims(decoded.claims)


def _token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > _MAX_LENGTH:
        raise _refused("The Authorization header takes `Bearer` and a token.")
    return token.strip()


def _key_id(token: str) -> str:
    header, _, _ = token.partition(".")
    try:
        kid = orjson.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))).get("kid")
    except (ValueError, AttributeError):
        kid = None
    if not isinstance(kid, str):
        raise _refused("The token is not a JSON Web Token with a key id.")
    return kid


def _claims(claims: Mapping[str, object]) -> Claims:
    if damaged := [name for name, value in claims.items() if isinstance(value, str) and "\0" in value]:
        # PostgreSQL keeps no such text, and the subject is written to every trail.
        raise _refused(f"The token's claim {damaged[0]} holds the character U+0000.")
    try:
        role = Role(str(claims["role"]))
    except ValueError:
        raise _refused("The token's claim role names no role of this service.") from None
    ids = {name: _uuid(name, claims[name]) for name in _CLAIMS if claims.get(name) is not None}
    if missing := [name for name in NEEDED_CLAIMS[role] if name not in ids]:
        raise _refused(f"A token with the role {role.value} needs the claim {missing[0]}.")
    expires_at = claims["exp"]
    if not isinstance(expires_at, int | float):
        raise _refused("The token's claim exp is not a time.")
    return Claims(role=role, subject=str(claims["sub"]), ids=ids, expires_at=float(expires_at))


def _uuid(name: str, value: object) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise _refused(f"The token's claim {name} is not an id.") from None


def _refused(message: str) -> GraphQLError:
    return fault(FaultCode.UNAUTHENTICATED, message)
