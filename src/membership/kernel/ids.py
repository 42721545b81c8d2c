"""Ids: UUID version 7 (RFC 9562), so that rows written later sort later."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

NewId = Callable[[], UUID]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_COUNTER_BITS = 12
_last_tick = 0
_ahead_ns = 0


def new_id() -> UUID:
    """A fresh, time-ordered id.

    Within one process ids never go backwards: the 12 bits behind the millisecond count quarter
    microseconds, and two calls inside one tick step it on. Source: RFC 9562, 6.2, method 3.
    """
    global _last_tick  # noqa: PLW0603 - the order of ids is a promise of the whole process
    tick = ((time.time_ns() + _ahead_ns) << _COUNTER_BITS) // 1_000_000
    if tick <= _last_tick:
        tick = _last_tick + 1
    _last_tick = tick
    milliseconds, counter = tick >> _COUNTER_BITS, tick & ((1 << _COUNTER_BITS) - 1)
    tail = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return UUID(int=(milliseconds << 80) | _VERSION_7 | (counter << 64) | _VARIANT | tail)


def move_ids(offset: timedelta) -> None:
    """Ids of this process begin with the moved clock's time: what is written in a demonstration's future sorts after
    the sample that was made for it. A step back changes nothing until time has caught up: ids only go up."""
    global _ahead_ns  # noqa: PLW0603 - one clock and one order of ids in a process
    _ahead_ns = offset // timedelta(microseconds=1) * 1_000


def first_id_at(moment: datetime) -> UUID:
    """Below every id that `new_id` gives from this millisecond on, above those it gave before."""
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    return UUID(int=(milliseconds << 80) | _VERSION_7 | _VARIANT)


def derived_id(*parts: object) -> UUID:
    """The same id for the same parts, always: for rows whose repeat must meet a unique constraint."""
    # Escaped, or a part that holds the separator could pass for two.
    escaped = (str(part).replace("\x1e", "\x1eE").replace("\x1f", "\x1eF") for part in parts)
    digest = sha256("\x1f".join(escaped).encode()).digest()[:16]
    value = int.from_bytes(digest)
    value &= ~(0xF << 76) & ~(0b11 << 62)
    return UUID(int=value | (0x8 << 76) | _VARIANT)
