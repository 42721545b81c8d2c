"""What can happen to a request besides an answer.

A refusal of the business is an answer: see `Refusal`. These are raised, each with the correlation id by which the
service's log knows the request.
"""

from dataclasses import dataclass


class TillClientError(Exception):
    """A request that got no answer to work with. `label`: what happened, in a word, to be counted."""

    @property
    def label(self) -> str:
        return type(self).__name__


@dataclass(eq=False)
class Fault(TillClientError):
    """The service said that it did not do it. `code` is stable: match on it. `retry_after`: seconds, where told."""

    code: str
    message: str
    status: int
    correlation_id: str
    retry_after: float | None = None

    @property
    def label(self) -> str:
        return self.code

    def __str__(self) -> str:
        return f"{self.code}: {self.message} (correlation id {self.correlation_id})"


class SignedOut(Fault):
    """UNAUTHENTICATED: there is no token, or it is not good any more. Get a new one; the same request may follow."""


class TillRevoked(Fault):
    """TILL_REVOKED: the service desk has taken this till's token back, and a new one from the same login is refused
    like it. Nothing that the till can do helps: the store calls the service desk, which opens the till again."""


class NotAllowed(Fault):
    """FORBIDDEN: the token's role may not do this."""


class ClientTooOld(Fault):
    """TRUSTED_DOCUMENT_UNKNOWN: the service does not know this document any more, or not yet."""


class Busy(Fault):
    """RATE_LIMITED, UNAVAILABLE, OPERATION_TIMED_OUT, after as many attempts as are made: send the same again later."""


@dataclass(eq=False)
class NoAnswer(TillClientError):
    """The line was cut, or time ran out, at every attempt. Whether it was done is not known: send the same again, what
    changes something with the same idempotency key, and the answer will tell."""

    operation: str
    attempts: int
    reason: str
    correlation_id: str
    has_key: bool = True
    """Whether the request has an idempotency key: one that only reads has none."""

    @property
    def label(self) -> str:
        return self.reason

    def __str__(self) -> str:
        again = "send the same again" + (" with the same key" if self.has_key else "")
        return (
            f"{self.operation}: no answer in {self.attempts} attempts ({self.reason}); "
            f"{again} (correlation id {self.correlation_id})"
        )


@dataclass(eq=False)
class Unreadable(TillClientError):
    """An answer that is no GraphQL, or does not fit this client's types: something else answers there, or the client
    is too old."""

    operation: str
    status: int
    reason: str
    correlation_id: str

    def __str__(self) -> str:
        return (
            f"{self.operation}: the answer with status {self.status} cannot be read: {self.reason} "
            f"(correlation id {self.correlation_id})"
        )


_BY_CODE = {
    "UNAUTHENTICATED": SignedOut,
    "TILL_REVOKED": TillRevoked,
    "FORBIDDEN": NotAllowed,
    "TRUSTED_DOCUMENT_UNKNOWN": ClientTooOld,
    "RATE_LIMITED": Busy,
    "UNAVAILABLE": Busy,
    "OPERATION_TIMED_OUT": Busy,
}


def fault_of(code: str, message: str, *, status: int, correlation_id: str, retry_after: float | None) -> Fault:
    """Of the class that its code has, or of `Busy` where the status says that it will pass."""
    kind = _BY_CODE.get(code, Busy if status in PASSING else Fault)
    return kind(code, message, status, correlation_id, retry_after)


PASSING = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may succeed."""
