"""Traces as tests look at them: kept in memory, or received as a collector receives them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from membership.tracing.otlp import OpenTelemetry


@dataclass(frozen=True, slots=True)
class Told:
    """A span, however it came."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, object]
    is_error: bool
    links: Sequence[str]
    began: int
    ended: int
    kind: int
    words: str
    """Whatever else it says: of its state, in its events."""


class Recorder:
    """Traces of an application under test. `chance`: what each operation throws; 0.0 is always recorded."""

    def __init__(self, *, ratio: float = 1.0, chance: Callable[[], float] = lambda: 0.0) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing = OpenTelemetry(
            SimpleSpanProcessor(self._exporter), service="membership-test", ratio=ratio, chance=chance
        )

    def spans(self) -> list[Told]:
        return [_of_sdk(span) for span in self._exporter.get_finished_spans()]

    def operations(self) -> list[Told]:
        return roots(self.spans())

    def only(self) -> tuple[Told, list[Told]]:
        """The only operation, and its steps in their order."""
        return only_trace(self.spans())


def roots(spans: Sequence[Told]) -> list[Told]:
    return [span for span in spans if not span.parent_id]


def only_trace(spans: Sequence[Told]) -> tuple[Told, list[Told]]:
    (root,) = roots(spans)
    steps = [span for span in spans if span.parent_id]
    for step in steps:
        assert (step.trace_id, step.parent_id) == (root.trace_id, root.span_id)
        assert root.began <= step.began <= step.ended <= root.ended
    return root, sorted(steps, key=lambda step: step.began)


def summaries(steps: Sequence[Told]) -> list[str]:
    """What was asked, of whom."""
    return [f"{step.attributes['db.system.name']}: {step.attributes['db.query.summary']}" for step in steps]


@dataclass(slots=True)
class Collector:
    """Another party's service, faked at the wire. `status`: what it answers; `may_answer` unset: it takes its time."""

    endpoint: str
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def spans(self) -> list[Told]:
        return [
            _of_wire(span)
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def resources(self) -> list[dict[str, object]]:
        return [_values(resource.resource.attributes) for r in self.requests for resource in r.resource_spans]

    async def take(self, request: Request) -> Response:
        body = await request.body()
        assert request.headers["content-type"] == "application/x-protobuf"
        self.asked.set()
        await self.may_answer.wait()
        if self.status == 200:
            self.bodies.append(body)
            self.requests.append(ExportTraceServiceRequest.FromString(body))
        return Response(
            ExportTraceServiceResponse().SerializeToString(), self.status, media_type="application/x-protobuf"
        )


@asynccontextmanager
async def collecting(*, status: int = 200, answers: bool = True) -> AsyncIterator[Collector]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        collector = Collector(f"http://127.0.0.1:{listener.getsockname()[1]}", status)
        if answers:
            collector.may_answer.set()
        app = Starlette(routes=[Route("/v1/traces", collector.take, methods=["POST"])])
        server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield collector
        finally:
            collector.may_answer.set()
            server.should_exit = True
            await running


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """They are the test runner's."""


def _of_sdk(span: ReadableSpan) -> Told:
    context, parent = span.get_span_context(), span.parent
    assert context is not None
    return Told(
        name=span.name,
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        parent_id="" if parent is None else format_span_id(parent.span_id),
        attributes=dict(span.attributes or {}),
        is_error=not span.status.is_ok and not span.status.is_unset,
        links=[format_trace_id(link.context.trace_id) for link in span.links],
        began=span.start_time or 0,
        ended=span.end_time or 0,
        kind=span.kind.value + 1,
        words=f"{span.status.description or ''}{[(event.name, dict(event.attributes or {})) for event in span.events]}",
    )


def _of_wire(span: Span) -> Told:
    return Told(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_values(span.attributes),
        is_error=span.status.code == 2,
        links=[link.trace_id.hex() for link in span.links],
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        kind=span.kind,
        words=f"{span.status.message}{[(event.name, _values(event.attributes)) for event in span.events]}",
    )


def _values(attributes: Sequence[KeyValue]) -> dict[str, object]:
    return {entry.key: _value(entry.value) for entry in attributes}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)
