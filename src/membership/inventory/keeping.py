"""What the worker does so that nothing is stranded: settle overdue holds, return to Redis, prove I2 or repair it.

Each may run in several workers at once, and be repeated.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from membership.inventory import rules, store
from membership.inventory.loading import KEEPER, Loading
from membership.inventory.model import (
    CheckReport,
    ClaimId,
    ClaimState,
    Disagreement,
    Drift,
    Load,
    Mode,
    Offer,
    OfferId,
    Pool,
    PoolId,
    Shelf,
)
from membership.inventory.shelves import Shelves
from membership.inventory.stock import UNREACHABLE, Fenced, HeldClaim, Stock
from membership.inventory.store import End, KeptOffer
from membership.postgres.database import Database
from membership.postgres.snapshot import snapshot
from membership.postgres.transaction import Transaction

_AT_ONCE = 500
SETTLE_SECONDS: Final = 1.0
"""How long a difference may be a confirmation that is still on its way."""


class Keeping:
    """One per process."""

    def __init__(self, database: Database, *, stock: Stock, shelves: Shelves, loading: Loading) -> None:
        self._database = database
        self._stock = stock
        self._shelves = shelves
        self._loading = loading

    async def _kept(self) -> list[KeptOffer]:
        async with snapshot(self._database.pool) as conn:
            return await store.list_kept_offers(conn)

    # ---- sweep

    async def sweep(self, now: datetime) -> int:
        """Settle every hold whose deadline has passed, and load what is not loaded. Returns how many holds."""
        swept = 0
        for kept in await self._kept():
            if kept.rebuild_due:
                await self._loading.rebuild(kept.offer_id, now)
            if kept.mode is Mode.REDIS:
                swept += await self._sweep_offer(kept, now)
        return swept

    async def _sweep_offer(self, kept: KeptOffer, now: datetime) -> int:
        shelf = await self._shelves.read(kept.a_pool_id)
        if shelf is None or shelf.load.mode is Mode.POSTGRES:
            return 0
        swept = 0
        try:
            while overdue := await self._stock.overdue(kept.offer_id, shelf.load.epoch, until=now, most=_AT_ONCE):
                await self._settle(shelf, overdue, now)
                swept += len(overdue)
                if len(overdue) < _AT_ONCE:
                    break
        except Fenced:
            await self._loading.renew(shelf, now)
        except UNREACHABLE:
            pass  # a claim will find that out, and leave Redis
        return swept

    async def _settle(self, shelf: Shelf, overdue: Sequence[HeldClaim], now: datetime) -> None:
        """I6. First the row says EXPIRED, then the unit is free: who commits late meets that row and is refused.

        Reading whether the claim has a row would not do: its writer may not have committed yet. The insert waits.
        """
        ends = [End(hold.claim_id, hold.pool_id, hold.member_id, hold.day, hold.fingerprint) for hold in overdue]
        async with self._database.engine(KEEPER, now) as tx:
            expired = await store.insert_ends(tx.conn, shelf.offer, ends, at=now)
            rows = await store.list_claims(tx.conn, {end.claim_id for end in ends} - expired)
        confirmed = [row.claim_id for row in rows.values() if row.state is ClaimState.CONFIRMED]
        over = [row.claim_id for row in rows.values() if row.state is not ClaimState.CONFIRMED]
        offer_id, epoch = shelf.offer.offer_id, shelf.load.epoch
        if confirmed:
            await self._stock.confirm(offer_id, epoch, confirmed)
        await self._stock.release(offer_id, epoch, [*expired, *over])

    # ---- probe

    async def probe(self, now: datetime) -> int:
        """Return to Redis what left it at least ten seconds ago, if it answers. Returns how many offers."""
        returned = 0
        for kept in await self._kept():
            if not rules.may_return(kept.mode, kept.mode_since, now):
                continue
            shelf = await self._shelves.read(kept.a_pool_id)
            # Asked before the load, which would make everybody wait for a server that hangs.
            if shelf is not None and await self._loading.answers(shelf):
                loaded = await self._loading.rebuild(kept.offer_id, now, instead_of=shelf.load)
                returned += loaded is not None and loaded.load.mode is Mode.REDIS
        return returned

    # ---- check

    async def check(self, now: datetime, *, repair: bool = True, settle_seconds: float = SETTLE_SECONDS) -> CheckReport:
        """Prove I2 for every offer with an open pool, or say which pool drifts and by how much; `repair` by rebuild."""
        await self.sweep(now)
        pools, drifts, unchecked = 0, list[Drift](), list[OfferId]()
        disagreements: list[Disagreement] = []
        kept_offers = await self._kept()
        for kept in kept_offers:
            seen = await self._compare(kept.offer_id, now)
            if seen.drifts:
                await asyncio.sleep(settle_seconds)
                seen = await self._compare(kept.offer_id, now)
            pools += seen.pools
            drifts += seen.drifts
            disagreements += seen.disagreements
            if not seen.compared:
                unchecked.append(kept.offer_id)
            if seen.drifts and repair:
                await self._loading.rebuild(kept.offer_id, now)
        return CheckReport(len(kept_offers), pools, tuple(drifts), tuple(disagreements), tuple(unchecked))

    async def _compare(self, offer_id: OfferId, now: datetime) -> "_Seen":
        """With all pools locked nothing is committed meanwhile, so that both sides are of one moment, but for
        confirmations on their way: those are holds whose claim has a row."""
        async with self._database.engine(KEEPER, now) as tx:
            miscounted = await store.list_miscounted_pools(tx.conn, offer_id)
            wrong = await store.count_wrong_member_counts(tx.conn, offer_id)
            disagreements = rules.disagreements_of(offer_id, miscounted, wrong)
            found = await store.lock_offer(tx.conn, offer_id)
            if found is None:
                return _Seen(0)
            drifts = await self._drifts(tx, found[0], [pool for pool in found[1] if pool.closed_at is None])
        return _Seen(len(found[1]), drifts or [], disagreements, compared=drifts is not None)

    async def _drifts(self, tx: Transaction, offer: Offer, pools: Sequence[Pool]) -> list[Drift] | None:
        """None: PostgreSQL decides, or Redis cannot be asked."""
        if not pools or pools[0].mode is Mode.POSTGRES:
            return None
        load = Load(pools[0].epoch, pools[0].mode)
        try:
            holds = await self._stock.overdue(offer.offer_id, load.epoch, until=None, most=-1)
            live = await self._stock.levels(offer.offer_id, load.epoch, [pool.pool_id for pool in pools])
        except Fenced:
            return [_all_of(pool) for pool in pools]
        except UNREACHABLE:
            return None
        unconfirmed = await _unconfirmed(tx, holds)
        drifts = []
        for pool in pools:
            stock = live.get(pool.pool_id)
            drift = _all_of(pool) if stock is None else rules.drift_of(pool, stock, unconfirmed.get(pool.pool_id, 0))
            if drift is not None:
                drifts.append(drift)
        return drifts


@dataclass(frozen=True, slots=True)
class _Seen:
    pools: int
    drifts: Sequence[Drift] = ()
    disagreements: Sequence[Disagreement] = ()
    compared: bool = True


async def _unconfirmed(tx: Transaction, holds: Sequence[HeldClaim]) -> dict[PoolId, int]:
    """Holds whose claim is confirmed in PostgreSQL, by pool."""
    rows = await store.list_claims(tx.conn, [hold.claim_id for hold in holds])
    confirmed: set[ClaimId] = {row.claim_id for row in rows.values() if row.state is ClaimState.CONFIRMED}
    counted: dict[PoolId, int] = {}
    for hold in holds:
        if hold.claim_id in confirmed:
            counted[hold.pool_id] = counted.get(hold.pool_id, 0) + 1
    return counted


def _all_of(pool: Pool) -> Drift:
    """Redis has nothing of this pool."""
    return Drift(pool.pool_id, pool.offer_id, -pool.free, -pool.confirmed, -pool.voided, -pool.total, 0)
