"""After PostgreSQL was restored from a backup: nothing that Redis or a process remembers of its later life may count.

The sequence of epochs went back with everything else, so that it would draw numbers anew under which other loads are
still in Redis. It is first set past every number that can ever have been drawn: to the milliseconds since 1970, of
which there are more than loads. Then every offer is loaded under a new one.

Members were told "yours" after the backup, and PostgreSQL does not know of it. Where the Redis of that time is still
there, it does: those units are held back (voided), so that nobody else is promised them too.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from membership.inventory import store
from membership.inventory.loading import KEEPER, Loading
from membership.inventory.model import ClaimId, Mode, OfferId, PoolId
from membership.inventory.stock import UNREACHABLE, Stock
from membership.postgres.database import Database
from membership.postgres.snapshot import snapshot

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """One offer. `promised`: claims, by pool, that Redis has as confirmed and PostgreSQL does not know; None where
    Redis cannot be asked. `held_back`: so many of their units were free, and are voided."""

    offer_id: OfferId
    mode: Mode
    promised: Mapping[PoolId, int] | None
    held_back: int


class Recovering:
    """For one command; no process of the service runs beside it."""

    def __init__(self, database: Database, stock: Stock, loading: Loading) -> None:
        self._database = database
        self._stock = stock
        self._loading = loading

    async def begin_anew(self, now: datetime, *, real_now: datetime, hold_back: bool = True) -> Sequence[Recovered]:
        """Every offer with an open pool, loaded anew. `real_now`: by the machine's clock, which no demonstration moves.

        May be repeated: what was held back is known to PostgreSQL then, and not to Redis.
        """
        async with self._database.engine(KEEPER, now) as tx:
            await store.epoch_after(tx.conn, (real_now - _EPOCH) // timedelta(milliseconds=1))
        async with snapshot(self._database.pool) as conn:
            kept = await store.list_kept_offers(conn)
        return [await self._anew(offer.offer_id, now, hold_back=hold_back) for offer in kept]

    async def _anew(self, offer_id: OfferId, now: datetime, *, hold_back: bool) -> Recovered:
        there = await self._confirmed_in_redis(offer_id)
        async with self._database.engine(KEEPER, now) as tx:
            found = await store.lock_offer(tx.conn, offer_id)
            if found is None:
                raise LookupError(f"offer {offer_id} is gone")
            offer, pools = found
            known = await store.list_claims(tx.conn, list(there or ()))
            promised = Counter(pool_id for claim_id, pool_id in (there or {}).items() if claim_id not in known)
            held_back = 0
            if hold_back:
                for place, pool in enumerate(pools):
                    units = min(promised[pool.pool_id], pool.free) if pool.closed_at is None else 0
                    if units:
                        pools[place] = replace(pool, voided=pool.voided + units)
                        await store.update_pool(tx.conn, pools[place])
                        held_back += units
            shelf = await self._loading.load(tx, offer, pools)
        return Recovered(offer_id, shelf.load.mode, None if there is None else dict(promised), held_back)

    async def _confirmed_in_redis(self, offer_id: OfferId) -> Mapping[ClaimId, PoolId] | None:
        """None: it cannot be asked."""
        try:
            return await self._stock.confirmed(offer_id)
        except UNREACHABLE as failure:
            _log.warning("Redis cannot be asked what was promised", offer_id=str(offer_id), why=type(failure).__name__)
            return None
