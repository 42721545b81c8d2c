"""The way to a collector: OTLP by HTTP, in the background.

No operation ever waits for it. Spans go to a queue of bounded length, of which the oldest are dropped when it is full;
a thread sends them. Imported only where a collector is set: these libraries take a sixth of a second to load.

They read what OpenTelemetry calls its environment too: OTEL_EXPORTER_OTLP_HEADERS, say, where the collector wants a
token, or OTEL_RESOURCE_ATTRIBUTES for the pod's name.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import version
from time import monotonic
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, SpanKind, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from membership.kernel.randomness import chance
from membership.logging import without_personal_text
from membership.tracing.calls import NO_FACTS, UNTRACED, Facts, Origin, Traced
from membership.tracing.sampled import Sampled, given

EXPORT_SECONDS: Final = 3.0
"""For one batch, with every repetition."""
CLOSE_SECONDS: Final = 3.0
"""For what is left when the process ends."""

_QUEUE: Final = 4_096
_BATCH: Final = 128
"""Spans. A batch is encoded in some 5 ms, which an operation may have to wait for its turn on the processor."""
_SEND_EVERY_MS: Final = 2_000

_KINDS: Final = {
    Origin.REQUEST: SpanKind.SERVER,
    Origin.EVENT: SpanKind.CONSUMER,
    Origin.SCHEDULE: SpanKind.INTERNAL,
}
_PROPAGATOR: Final = TraceContextTextMapPropagator()

log = structlog.get_logger("membership.tracing")


def open_tracing(endpoint: str, *, service: str, ratio: float) -> "OpenTelemetry":
    """`endpoint`: the collector's address, such as http://collector:4318. Connects when there is something to send."""
    # Of an unreachable collector they would tell several times a second, each in words of its own: we do, once.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter = Patient(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS))
    processor = BatchSpanProcessor(
        exporter, max_queue_size=_QUEUE, max_export_batch_size=_BATCH, schedule_delay_millis=_SEND_EVERY_MS
    )
    return OpenTelemetry(processor, service=service, ratio=ratio, before_close=exporter.give_up_soon)


class OpenTelemetry:
    """Records one operation in so many, and hands its spans to `processor`. No state is shared with another one."""

    def __init__(
        self,
        processor: SpanProcessor,
        *,
        service: str,
        ratio: float,
        chance: Callable[[], float] = chance,
        before_close: Callable[[], None] = lambda: None,
    ) -> None:
        resource = Resource.create({"service.name": service, "service.version": version("membership")})
        # Which operations, is our throw: otherwise OTEL_TRACES_SAMPLER would have a say too.
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("membership")
        self._ratio = ratio
        self._chance = chance
        self._before_close = before_close

    def operation(
        self,
        origin: Origin,
        name: str,
        *,
        correlation_id: str | None = None,
        facts: Facts = NO_FACTS,
        traceparent: str = "",
    ) -> Traced:
        if self._chance() >= self._ratio:
            return UNTRACED
        # In an empty context: what a caller sent decides nothing, and neither does another operation around this one.
        attributes = given(facts)
        if correlation_id is not None:
            attributes["membership.correlation_id"] = without_personal_text(correlation_id)
        root = self._tracer.start_span(name, Context(), _KINDS[origin], attributes, _links(traceparent))
        return Sampled(self._tracer, root)

    async def close(self) -> None:
        self._before_close()
        # A daemon, since a collector that answers a byte at a time holds up its sender however long it likes.
        closing = threading.Thread(target=self._provider.shutdown, name="traces-closing", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_SECONDS)


class Patient(SpanExporter):
    """Tells once that the collector does not take what it is sent, and once that it does again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_away = False
        self._ends_at: float | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._ends_at is not None and monotonic() >= self._ends_at:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        is_away = result is not SpanExportResult.SUCCESS
        if is_away and not self._is_away:
            log.warning("traces are not taken and are dropped", spans=len(spans))
        elif self._is_away and not is_away:
            log.info("traces are taken again")
        self._is_away = is_away
        return result

    def give_up_soon(self) -> None:
        """No batch is begun any more after the time for closing."""
        self._ends_at = monotonic() + CLOSE_SECONDS

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _links(traceparent: str) -> list[Link]:
    """To the caller's own span; none for what is not one."""
    if not traceparent:
        return []
    context = get_current_span(_PROPAGATOR.extract({"traceparent": traceparent}, Context())).get_span_context()
    return [Link(context)] if context.is_valid else []
