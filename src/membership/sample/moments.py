"""Ids as of a moment of the sample: version 7 like the service's own, so that they sort by the sample's time."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from membership.kernel.ids import NewId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_COUNTER_BITS = 12
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


class MomentIds:
    """Makes one member's ids. They never go back, even if two moments are the same. Layout: RFC 9562, 5.7."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._last_tick = 0

    def at(self, moment: datetime) -> NewId:
        tick = ((moment - _EPOCH) // _MILLISECOND) << _COUNTER_BITS

        def new_id() -> UUID:
            self._last_tick = max(self._last_tick + 1, tick)
            milliseconds, counter = self._last_tick >> _COUNTER_BITS, self._last_tick & ((1 << _COUNTER_BITS) - 1)
            return UUID(int=(milliseconds << 80) | _VERSION_7 | (counter << 64) | _VARIANT | self._rng.getrandbits(62))

        return new_id
