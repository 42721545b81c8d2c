"""What an operation does, step by step, for whoever records it; carried beside its calls, as its time limit is.

As a rule nobody does, and a step costs one look at a variable. A step is known by a name of ours: a query's, a
script's. There is no way to tell a value with it.
"""

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, TypeAlias


class System(StrEnum):
    """Whom a step asks, by the names of OpenTelemetry."""

    POSTGRESQL = "postgresql"
    REDIS = "redis"


@dataclass(frozen=True, slots=True)
class Step:
    """One round trip, or a script of two. `name` says what for (`points.lock_account`), `operation` what is sent."""

    system: System
    name: str
    operation: str


class Recording(Protocol):
    """Of one operation."""

    @property
    def trace_id(self) -> str | None:
        """As 32 hexadecimal digits; None when the operation is over."""

    def step(self, step: Step) -> AbstractContextManager[object]:
        """From its beginning to its end."""


class _Unrecorded:
    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


UNRECORDED: Final[AbstractContextManager[object]] = _Unrecorded()
_current: ContextVar[Recording | None] = ContextVar("recording", default=None)

Outer: TypeAlias = Token[Recording | None]


def record(recording: Recording) -> Outer:
    """From now on, in this task and those it starts. Give back what was before with `unrecord`."""
    return _current.set(recording)


def unrecord(outer: Outer) -> None:
    _current.reset(outer)


def noted(step: Step) -> AbstractContextManager[object]:
    """`with` it around the step."""
    recording = _current.get()
    return UNRECORDED if recording is None else recording.step(step)


def trace_id() -> str | None:
    """Of the operation on whose behalf this runs, if it is recorded."""
    recording = _current.get()
    return None if recording is None else recording.trace_id
