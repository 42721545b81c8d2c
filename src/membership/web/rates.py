"""How often each client may ask: one place for all transports, asked before any work is done for a request.

What counts: each POST and GET to /graphql, event streams included; each `connection_init` and each operation of a
WebSocket; each fetch of a calendar. A client is a role and a subject, and a till or an associate's counter besides:
none waits behind another. Who brings no token is known by their address, and so are those whose token is not good and
calendar programmes. Those limits are wide, as a whole store has one address, and a caller with a good token is never
held to one of them: nobody can lock the store out by what they send from its network.

A limit is a bucket (web/buckets.py) of so many requests, which come back evenly over so many seconds:
settings.RateSettings says how many and why. Answers tell what is left in RateLimit and RateLimit-Policy
(draft-ietf-httpapi-ratelimit-headers-11); `t` is the time in which so many requests come back, so that a client that
spreads what is left over `t` is never refused.

What becomes of each limit while Redis is away:

    limit                                        kept in              while Redis is away
    rate limits, failed authentications,         Redis                each process counts by itself, with full buckets:
    calendar fetches                                                  a client gets at most so many times as much as
                                                                      there are processes, and never less
    open streams, streams of one caller,         the process          the same
    operations of one WebSocket
    body, documents, tokens, depth, lists,       the request itself   the same
    aliases, directives, cost, introspection
    time limits                                  process, PostgreSQL  the same
    limited units: live inventory                Redis, PostgreSQL    PostgreSQL gives them out alone, slower, and never
                                                                      more than there are
    limits per member, idempotency keys,         PostgreSQL           the same
    codes that spend once

A request waits for Redis at most a tenth of a second, and only if it was under way when Redis went away: then a
circuit breaker (redis/breaker.py) spares all others, and tries again in the background. While a node of a cluster is
away, the processes count everything.

Keys of Redis hold a keyed hash: neither a subject nor an address can be read from them, or guessed.
"""

import ipaddress
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import ceil
from typing import Final

from graphql import GraphQLError

from membership.graph.operations.faults import FaultCode
from membership.kernel.actor import Actor
from membership.redis.client import RedisClient
from membership.settings import Rate, Settings
from membership.web.buckets import PATIENCE_SECONDS, Buckets, Taken
from membership.web.requests import Malformed
from membership.web.tokens import GenuineToken

ANONYMOUS: Final = "anonymous"
AUTHENTICATION: Final = "authentication"
CALENDAR: Final = "calendar"

_DIGEST_BYTES = 16
_IPV6_SITE = 64
"""Bits: who has one address of IPv6 has as many as they like below these."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a client has left under the limit that its request was counted under."""

    policy: str
    rate: Rate
    left: Taken

    @property
    def headers(self) -> Mapping[str, str]:
        requests, seconds = self.rate.requests, self.rate.seconds
        back_in = self.left.wait_seconds or max(1, self.left.left) * seconds / requests
        return {
            "RateLimit": f'"{self.policy}";r={self.left.left};t={ceil(back_in)}',
            "RateLimit-Policy": f'"{self.policy}";q={requests};w={seconds}',
        }


class RateLimited(Malformed):
    """The client has asked too often. `retry_after_seconds`: a whole number, when there is room again."""

    def __init__(self, allowance: Allowance) -> None:
        self.retry_after_seconds = ceil(allowance.left.wait_seconds)
        error = GraphQLError(
            _message(allowance, self.retry_after_seconds),
            extensions={"code": FaultCode.RATE_LIMITED.value, "retryAfterSeconds": self.retry_after_seconds},
        )
        super().__init__(429, error, {"Retry-After": str(self.retry_after_seconds), **allowance.headers})


class Rates:
    """One per process. Everything it has raises RateLimited, having taken nothing, from an empty bucket."""

    def __init__(self, rates: Mapping[str, Rate], buckets: Buckets, *, secret: bytes) -> None:
        self._rates = rates
        self._buckets = buckets
        self._secret = secret
        self.refused: Counter[str] = Counter()
        """How many requests, by client type."""

    @property
    def counts_together(self) -> bool:
        """Whether Redis counts for all processes; else each counts by itself."""
        return self._buckets.are_shared

    async def take(self, caller: Actor | None, address: str | None) -> Allowance:
        """For a request of a caller with a good token, or of somebody at an address."""
        if caller is None:
            return await self._take(ANONYMOUS, site_of(address))
        return await self._take(caller.role.value, caller.client)

    async def take_for_refusal(self, refused: GraphQLError, address: str | None) -> Allowance:
        """For a request with a token that is not good: refused anyway, but who guesses is not told so for ever."""
        policy = ANONYMOUS if isinstance(refused, GenuineToken) else AUTHENTICATION
        return await self._take(policy, site_of(address))

    async def take_for_calendar(self, address: str | None) -> Allowance:
        return await self._take(CALENDAR, site_of(address))

    async def close(self) -> None:
        await self._buckets.close()

    async def _take(self, policy: str, client: str) -> Allowance:
        rate = self._rates[policy]
        digest = blake2b(client.encode(), digest_size=_DIGEST_BYTES, key=self._secret).hexdigest()
        left = await self._buckets.take(f"rate:{policy}:{digest}", rate)
        allowance = Allowance(policy, rate, left)
        if left.wait_seconds:
            self.refused[policy] += 1
            raise RateLimited(allowance)
        return allowance


def open_rates(settings: Settings, redis: RedisClient, *, patience_seconds: float = PATIENCE_SECONDS) -> Rates:
    """The limits of the settings, counted together by all processes that share a Redis and the keys of identities."""
    newest = settings.identity_hash_keys[max(settings.identity_hash_keys)].get_secret_value()
    secret = blake2b(newest.encode(), person=b"rate limits").digest()
    return Rates(settings.rates, Buckets(redis, patience_seconds=patience_seconds), secret=secret)


@lru_cache(maxsize=4_096)
def site_of(address: str | None) -> str:
    """What of an address tells one client from another."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""  # a socket of the machine itself has none
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), _IPV6_SITE), strict=False))
    return str(parsed)


def _message(allowance: Allowance, retry_after_seconds: int) -> str:
    whom = "One address" if allowance.policy in (ANONYMOUS, AUTHENTICATION, CALENDAR) else "One caller"
    what = {AUTHENTICATION: "tokens that are not good", CALENDAR: "calendars"}.get(allowance.policy, "requests")
    rate, verb = allowance.rate, "fetch" if allowance.policy == CALENDAR else "send"
    plural = "" if retry_after_seconds == 1 else "s"
    return (
        f"{whom} may {verb} {rate.requests} {what} in {rate.seconds} seconds, and that is used up. "
        f"Come again in {retry_after_seconds} second{plural}."
    )
