"""Who calls, by the token they bear: recognised when they come, and looked at again for as long as they stay.

A token of a till that was taken out of service is refused like one that has expired. That is known from the directory
which every process keeps in memory, so it costs no round trip, and is true LONGEST_AGE after the till was revoked at
the latest; at what is open already the vigil looks every few seconds more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graphql import GraphQLError

from membership.graph.operations.faults import FaultCode, code_of, present
from membership.kernel.actor import Actor, Role
from membership.kernel.clock import Clock
from membership.stores.model import TillId
from membership.stores.service import DirectoryCache
from membership.web.requests import Malformed
from membership.web.streams import End
from membership.web.tokens import Claims, GenuineToken, Tokens

TILL_REVOKED: Final = (
    "This till is out of service. Call the store's service desk; keep unreported sales, they stay good."
)
"""Short enough for the reason of a close frame. What becomes of the sales: stores/tills.py."""

_NOT_GOOD: Final = frozenset({FaultCode.UNAUTHENTICATED.value, FaultCode.TILL_REVOKED.value})


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who calls, and for how many seconds more their token is good."""

    actor: Actor
    seconds_left: float
    claims: Claims


class Bearers:
    """`host_clock` judges tokens, `clock` how old the directory is."""

    def __init__(self, tokens: Tokens, directories: DirectoryCache, clock: Clock, host_clock: Clock) -> None:
        self._tokens = tokens
        self._directories = directories
        self._clock = clock
        self._host_clock = host_clock

    async def recognise(self, authorization: str, *, origin: str | None, correlation_id: str) -> Bearer:
        """Raises UNAUTHENTICATED or TILL_REVOKED for a token that is not good, UNAVAILABLE where that cannot be known:
        nobody is let in on a guess."""
        now = self._host_clock.now()
        claims = await self._tokens.verify(authorization, now)
        actor = claims.actor(origin=origin, correlation_id=correlation_id)
        try:
            is_revoked = await self._is_revoked(actor)
        except Exception as error:
            (masked,) = present([GraphQLError("", original_error=error)], correlation_id=correlation_id)
            raise GenuineToken(masked.message, extensions=masked.extensions) from error
        if is_revoked:
            raise GenuineToken(TILL_REVOKED, extensions={"code": FaultCode.TILL_REVOKED.value})
        return Bearer(actor, self._tokens.good_until(claims) - now.timestamp(), claims)

    async def verdict(self, bearer: Bearer) -> End | None:
        """Why a connection of somebody who was recognised has to end, if it has to. Its expiry has a timer of its
        own."""
        if not await self._tokens.is_still_good(bearer.claims, self._host_clock.now()):
            return End.TOKEN_WITHDRAWN
        return End.TILL_REVOKED if await self._is_revoked(bearer.actor) else None

    async def _is_revoked(self, actor: Actor) -> bool:
        if actor.role is not Role.TILL or actor.till_id is None:
            return False
        directory = await self._directories.directory(self._clock.now())
        return directory.is_revoked(TillId(actor.till_id))


def as_malformed(error: GraphQLError, headers: Mapping[str, str]) -> Malformed:
    """The HTTP answer to somebody who was not recognised, with these headers beside its own."""
    if code_of(error) in _NOT_GOOD:
        return Malformed(401, error, {"WWW-Authenticate": 'Bearer error="invalid_token"', **headers})
    return Malformed(503, error, {**headers, "Retry-After": "5"})


def close_code(error: GraphQLError) -> int:
    """The same by WebSocket: clients of graphql-ws come again after either, with a new token after the first."""
    return 4403 if code_of(error) in _NOT_GOOD else 1013
