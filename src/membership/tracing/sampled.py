"""One recorded operation: its steps are kept as plain values, and made into spans when it is over.

Making a span costs some 20 µs. This way nobody waits for that, as the answer has gone by then, and what came to nothing
is forgotten as a whole. What still runs on behalf of an operation that is over (a task it started) is not recorded.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from time import time_ns
from types import TracebackType
from typing import Final, Self, TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, format_trace_id, set_span_in_context

from membership.kernel.recording import UNRECORDED, Outer, Step, record, unrecord
from membership.tracing.calls import Facts

MOST_STEPS: Final = 256
"""Of one operation: a periodic job may take thousands. Those after it are counted."""

ERROR_TYPE: Final = "error.type"

Taken: TypeAlias = tuple[Step, int, int, BaseException | None]
"""A step with its begin and end, in nanoseconds since 1970, and what it raised."""


class Sampled:
    """`root` has begun. Implements `Traced` for whoever begins the operation, `Recording` for what it calls."""

    def __init__(self, tracer: Tracer, root: Span) -> None:
        self._tracer = tracer
        self._root = root
        self._id: str | None = format_trace_id(root.get_span_context().trace_id)
        self._taken: list[Taken] = []
        self._more = 0
        self._outer: Outer | None = None

    @property
    def trace_id(self) -> str | None:
        return self._id

    def __enter__(self) -> Self:
        self._outer = record(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outer is not None:
            unrecord(self._outer)
        self.answered(None if error is None else type(error).__name__, is_fault=isinstance(error, Exception))

    def tell(self, facts: Facts, *, name: str | None = None) -> None:
        if self._id is None:
            return
        self._root.set_attributes(given(facts))
        if name is not None:
            self._root.update_name(name)

    def answered(self, code: str | None, *, is_fault: bool = False) -> None:
        if self._id is None:
            return
        self._id = None
        if code is not None:
            self._root.set_attribute(ERROR_TYPE, code)
        if is_fault:
            self._root.set_status(Status(StatusCode.ERROR))
        if self._more:
            self._root.set_attribute("membership.steps_left_out", self._more)
        self._make_spans()
        self._root.end()

    def forget(self) -> None:
        """A span that never ends is sent to nobody."""
        self._id = None
        self._taken.clear()

    def step(self, step: Step) -> AbstractContextManager[object]:
        if self._id is None:
            return UNRECORDED
        if len(self._taken) >= MOST_STEPS:
            self._more += 1
            return UNRECORDED
        return _Timed(step, self._take)

    def _take(self, taken: Taken) -> None:
        if self._id is not None:
            self._taken.append(taken)

    def _make_spans(self) -> None:
        parent = set_span_in_context(self._root, Context())
        for step, began, ended, error in self._taken:
            attributes = _attributes(step)
            if error is not None:
                attributes = {**attributes, **_failure(error)}
            span = self._tracer.start_span(step.name, parent, SpanKind.CLIENT, attributes, start_time=began)
            if error is not None:
                span.set_status(Status(StatusCode.ERROR))
            span.end(ended)
        self._taken.clear()


class _Timed:
    __slots__ = ("_began", "_step", "_take")

    def __init__(self, step: Step, take: Callable[[Taken], None]) -> None:
        self._step = step
        self._take = take

    def __enter__(self) -> None:
        self._began = time_ns()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._take((self._step, self._began, time_ns(), error))


def given(facts: Facts) -> dict[str, str | int]:
    """Without what there is not."""
    return {fact: value for fact, value in facts.items() if value is not None}


@cache
def _attributes(step: Step) -> dict[str, str]:
    """By the semantic conventions for databases."""
    return {
        "db.system.name": step.system.value,
        "db.operation.name": step.operation,
        "db.query.summary": step.name,
    }


def _failure(error: BaseException) -> dict[str, str]:
    """Without its message, which quotes values."""
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return {ERROR_TYPE: state, "db.response.status_code": state}
    return {ERROR_TYPE: type(error).__name__}
