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
from membership.inventory.model import ClaimId, Mode, Offer, OfferId, Pool, PoolId
from membership.inventory.stock import UNREACHABLE, Stock
from membership.postgres.database import Database
from membership.postgres.snapshot import snapshot
from membership.postgres.transaction import Transaction

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

        May be repeated: what was held back is known to PostgreSQL then, and no longer to Redis once that is loaded.
        """
        async with self._database.engine(KEEPER, now) as tx:
            await store.epoch_after(tx.conn, (real_now - _EPOCH) // timedelta(milliseconds=1))
        async with snapshot(self._database.pool) as conn:
            kept = await store.list_kept_offers(conn)
        return [await self._anew(offer.offer_id, now, hold_back=hold_back) for offer in kept]

    async def _anew(self, offer_id: OfferId, now: datetime, *, hold_back: bool) -> Recovered:
        """What is held back is committed before Redis is loaded: from then on nobody knows what was promised. Whoever
        stops in between and repeats it holds the same units back again, which is too many and never too few."""
        there = await self._confirmed_in_redis(offer_id)
        promised, held_back = await self._hold_back(offer_id, there or {}, now, hold_back=hold_back)
        async with self._database.engine(KEEPER, now) as tx:
            shelf = await self._loading.load(tx, *await _locked(tx, offer_id))
        return Recovered(offer_id, shelf.load.mode, None if there is None else promised, held_back)

    async def _hold_back(
        self, offer_id: OfferId, there: Mapping[ClaimId, PoolId], now: datetime, *, hold_back: bool
    ) -> tuple[Mapping[PoolId, int], int]:
        """What was promised of each pool, and how much of it is held back."""
        held_back = 0
        async with self._database.engine(KEEPER, now) as tx:
            _, pools = await _locked(tx, offer_id)
            known = await store.list_claims(tx.conn, list(there))
            promised = Counter(pool_id for claim_id, pool_id in there.items() if claim_id not in known)
            for pool in pools if hold_back else ():
                units = min(promised[pool.pool_id], pool.free) if pool.closed_at is None else 0
                if units:
                    await store.update_pool(tx.conn, replace(pool, voided=pool.voided + units))
                    held_back += units
        return dict(promised), held_back

    async def _confirmed_in_redis(self, offer_id: OfferId) -> Mapping[ClaimId, PoolId] | None:
        """None: it cannot be asked."""
        try:
            return await self._stock.confirmed(offer_id)
        except UNREACHABLE as failure:
            _log.warning("Redis cannot be asked what was promised", offer_id=str(offer_id), why=type(failure).__name__)
            return None


async def _locked(tx: Transaction, offer_id: OfferId) -> tuple[Offer, list[Pool]]:
    found = await store.lock_offer(tx.conn, offer_id)
    if found is None:
        raise LookupError(f"offer {offer_id} is gone")
    return found
