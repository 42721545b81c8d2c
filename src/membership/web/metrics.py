"""What an API process shows to Prometheus, put together."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from membership.graph.operations.documents import Manifest
from membership.inventory.service import Inventory
from membership.monitoring.operations import OperationMetrics, operations_in
from membership.monitoring.process import ProcessMetrics
from membership.monitoring.readings import Kind, Reading, Readings, Values, open_registry
from membership.monitoring.servers import RedisSight, pool_readings
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from membership.web.rates import Rates
from membership.web.refused_answers import RefusedAnswers
from membership.web.streams import Streams


class ApplicationMetrics:
    """Of one application, in a registry of its own."""

    def __init__(self, database: Database, redis: RedisClient, manifest: Manifest) -> None:
        self.registry = open_registry()
        self.operations = OperationMetrics(self.registry, known=operations_in(manifest.values()))
        self.refused = RefusedAnswers()
        self._process = ProcessMetrics(self.registry)
        self._redis = RedisSight(redis)
        self._readings = [
            Readings(self.registry, [*pool_readings(database), self._redis.reading(), _refused(self.refused)])
        ]

    def show(self, streams: Streams, rates: Rates, inventory: Inventory) -> None:
        """What is made after the operations are."""
        self._readings.append(Readings(self.registry, [*_stream_readings(streams), *_rate_readings(rates)]))
        self._readings.append(Readings(self.registry, [_claims(inventory)]))

    async def look(self) -> None:
        """Before a scrape, in the event loop."""
        await self._redis.look()
        for readings in self._readings:
            readings.take()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        async with self._process.watching():
            yield


def _stream_readings(streams: Streams) -> list[Reading]:
    return [
        Reading(
            "graphql_streams_open",
            "WebSockets and event streams that are open.",
            Kind.GAUGE,
            lambda: {(transport.value,): count for transport, count in streams.by_transport.items()},
            ("transport",),
        ),
        Reading(
            "membership_streams_limit",
            "How many of them the process bears.",
            Kind.GAUGE,
            lambda: {(): streams.limits.connections},
        ),
    ]


def _rate_readings(rates: Rates) -> list[Reading]:
    return [
        Reading(
            "membership_rate_limited",
            "Requests refused by a rate limit, by the kind of client.",
            Kind.COUNTER,
            lambda: _by_one(rates.refused),
            ("client",),
        ),
        Reading(
            "membership_rates_shared",
            "1 while Redis counts requests for all processes; 0 while this one counts by itself: the breaker is open.",
            Kind.GAUGE,
            lambda: {(): float(rates.counts_together)},
        ),
    ]


def _refused(refused: RefusedAnswers) -> Reading:
    return Reading(
        "membership_http_refusals",
        "Answers with a status of 400 or more, whoever refused: the edge, GraphQL, a calendar.",
        Kind.COUNTER,
        lambda: dict(refused.counted.items()),
        ("path", "status"),
    )


def _claims(inventory: Inventory) -> Reading:
    return Reading(
        "membership_claims",
        "Claims of limited units by what they came to (GRANTED, REPEATED, FAILED, or why not), and who decided.",
        Kind.COUNTER,
        lambda: dict(inventory.outcomes.items()),
        ("outcome", "decided_by"),
    )


def _by_one(counts: Mapping[str, int]) -> Values:
    return {(name,): count for name, count in counts.items()}
