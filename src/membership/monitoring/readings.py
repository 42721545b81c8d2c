"""Plain numbers that parts of a process keep, as metrics: read where they are kept, in the moment of a scrape.

A part that counts needs to know nothing of Prometheus, and nobody has to be told when something changes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Labels: TypeAlias = tuple[str, ...]
Values: TypeAlias = Mapping[Labels, float]
"""By the values of the labels: a mapping of the empty tuple for a metric without any."""


def open_registry() -> CollectorRegistry:
    """An empty one. When each series began is not told: a line more for each, that nobody asks for."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    return CollectorRegistry()


class Kind(Enum):
    """COUNTER: only ever goes up, until the process ends. GAUGE: goes up and down."""

    COUNTER = CounterMetricFamily
    GAUGE = GaugeMetricFamily


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric. `read` is called in the event loop and answers at once."""

    name: str
    help: str
    kind: Kind
    read: Callable[[], Values]
    labels: Sequence[str] = ()


class Readings(Collector):
    """Registers itself. `take` is for the event loop, which alone changes what is read; `collect` may be called from
    any thread."""

    def __init__(self, registry: CollectorRegistry, readings: Iterable[Reading]) -> None:
        self._readings = tuple(readings)
        self._taken: Sequence[Metric] = ()
        registry.register(self)

    def take(self) -> None:
        self._taken = [_family(reading, reading.read()) for reading in self._readings]

    def collect(self) -> Iterator[Metric]:
        yield from self._taken

    def describe(self) -> Iterator[Metric]:
        """So that a name that is taken is refused when it is registered, without reading anything."""
        for reading in self._readings:
            yield _family(reading, {})


def _family(reading: Reading, values: Values) -> Metric:
    family: CounterMetricFamily | GaugeMetricFamily = reading.kind.value(
        reading.name, reading.help, labels=tuple(reading.labels)
    )
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
