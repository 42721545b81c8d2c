"""What whoever begins an operation says of it, and what there is where traces are off."""

from collections.abc import Mapping
from enum import Enum, auto
from types import TracebackType
from typing import Final, Protocol, Self, TypeAlias

Facts: TypeAlias = Mapping[str, str | int | None]
"""Attributes of a span, from closed sets only; None for what there is not."""

NO_FACTS: Final[Facts] = {}


class Origin(Enum):
    """Where an operation comes from."""

    REQUEST = auto()
    EVENT = auto()
    """Of the outbox."""
    SCHEDULE = auto()


class Traced(Protocol):
    """One operation: `with` it around all that is done for it. Over when the block ends, or when it was answered."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def tell(self, facts: Facts, *, name: str | None = None) -> None:
        """What is known of it by now; `name`: a better one."""

    def answered(self, code: str | None, *, is_fault: bool = False) -> None:
        """It is over. `code`: why it was refused or failed. `is_fault`: something is wrong with the service."""

    def forget(self) -> None:
        """It came to nothing that anybody wants to see."""


class Tracing(Protocol):
    """One per process and application."""

    def operation(
        self,
        origin: Origin,
        name: str,
        *,
        correlation_id: str | None = None,
        facts: Facts = NO_FACTS,
        traceparent: str = "",
    ) -> Traced:
        """`traceparent`: as a caller sent it, unread; empty without one."""

    async def close(self) -> None:
        """Sends what is left, within a bound. Never raises."""


class _Untraced:
    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def tell(self, facts: Facts, *, name: str | None = None) -> None:
        pass

    def answered(self, code: str | None, *, is_fault: bool = False) -> None:
        pass

    def forget(self) -> None:
        pass


UNTRACED: Final[Traced] = _Untraced()
"""An operation that nobody records."""


class _Off:
    __slots__ = ()

    def operation(
        self,
        origin: Origin,
        name: str,
        *,
        correlation_id: str | None = None,
        facts: Facts = NO_FACTS,
        traceparent: str = "",
    ) -> Traced:
        return UNTRACED

    async def close(self) -> None:
        pass


OFF: Final[Tracing] = _Off()
