"""What became of each operation, over whatever transport it came, and how long it took.

The label `operation` is the name of a trusted document's operation. Whatever else somebody sends is "other": what
comes in from outside must not make labels.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from graphql import GraphQLError
from prometheus_client import CollectorRegistry, Counter, Histogram

from membership.graph.kit.errors import REFUSALS
from membership.graph.operations.faults import FaultCode, code_of
from membership.kernel.actor import Actor

OTHER: Final = "other"
ANONYMOUS: Final = "anonymous"

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
"""Seconds: where most answers are, and the limits of tills, queries and mutations."""

_FAILED: Final = frozenset({FaultCode.INTERNAL, FaultCode.UNAVAILABLE, FaultCode.OPERATION_TIMED_OUT})
_LIMITED: Final = frozenset({FaultCode.RATE_LIMITED, FaultCode.TOO_MANY_CONNECTIONS, FaultCode.TOO_MANY_OPERATIONS})
_CODES: Final = frozenset(FaultCode)
_OPERATION = re.compile(r"^(?:query|mutation|subscription)\s+([A-Za-z_]\w*)", re.MULTILINE)


class Outcome:
    """Of an operation. REFUSED: answered with what the business refuses. REJECTED: the request was at fault. LIMITED:
    too many at once. FAILED: our fault. CUT_OFF: a stream whose client did not read."""

    OK = "ok"
    REFUSED = "refused"
    REJECTED = "rejected"
    LIMITED = "limited"
    FAILED = "failed"
    CUT_OFF = "cut_off"


def operations_in(documents: Iterable[str]) -> frozenset[str]:
    """The names of operations in trusted documents."""
    return frozenset(name for text in documents for name in _OPERATION.findall(text))


class OperationMetrics:
    """One for all transports of an application."""

    def __init__(self, registry: CollectorRegistry, *, known: Collection[str]) -> None:
        self._known = known
        self._operations = Counter(
            "graphql_operations",
            "Operations by their document, who asked, and what became of them.",
            ("operation", "role", "outcome"),
            registry=registry,
        )
        self._durations = Histogram(
            "graphql_operation_duration_seconds",
            "From the arrival of a request to its answer; not of subscriptions, which are open for hours.",
            ("operation", "role"),
            buckets=BUCKETS,
            registry=registry,
        )
        self._errors = Counter("graphql_errors", "Errors told to clients, by code.", ("code",), registry=registry)
        self._refusals = Counter(
            "membership_refusals", "What the business refused, by code.", ("code",), registry=registry
        )
        self._counters: dict[tuple[str, str, str], Counter] = {}
        self._histograms: dict[tuple[str, str], Histogram] = {}

    def ended(
        self,
        operation: str | None,
        caller: Actor | None,
        *,
        code: str | None,
        refusals: Sequence[str] = (),
        seconds: float | None,
    ) -> None:
        """`code`: of the first error, if there was one. `seconds` None: a subscription, which is not measured."""
        name = operation if operation in self._known and operation is not None else OTHER
        role = ANONYMOUS if caller is None else caller.role.value
        self._counter(name, role, _outcome(code, refusals)).inc()
        if seconds is not None:
            self._histogram(name, role).observe(seconds)
        for refusal in refusals:
            self._refusals.labels(refusal if refusal in REFUSALS else OTHER).inc()

    def told(self, errors: Iterable[GraphQLError]) -> None:
        """Errors that go out to a client."""
        for error in errors:
            code = code_of(error)
            self._errors.labels(code if code in _CODES else OTHER).inc()

    def _counter(self, name: str, role: str, outcome: str) -> Counter:
        """Kept, for to find it among its like costs more than to count."""
        key = (name, role, outcome)
        if (found := self._counters.get(key)) is None:
            found = self._counters[key] = self._operations.labels(*key)
        return found

    def _histogram(self, name: str, role: str) -> Histogram:
        key = (name, role)
        if (found := self._histograms.get(key)) is None:
            found = self._histograms[key] = self._durations.labels(*key)
        return found


def _outcome(code: str | None, refusals: Sequence[str]) -> str:
    if code is None:
        return Outcome.REFUSED if refusals else Outcome.OK
    if code in _FAILED:
        return Outcome.FAILED
    if code in _LIMITED:
        return Outcome.LIMITED
    return Outcome.REJECTED if code in _CODES else Outcome.CUT_OFF
