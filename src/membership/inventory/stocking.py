"""What changes an offer's stock: opening, changing, giving back, merging. Inside the owner's transaction.

Whatever changes a total is a load of the whole offer, never arithmetic in Redis. Locks: claims, member counts, offer,
pools.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from membership.inventory import rules, store
from membership.inventory.errors import UnknownPool
from membership.inventory.loading import Loading
from membership.inventory.model import (
    ClaimId,
    ClaimState,
    EndedClaim,
    GiveBackTo,
    Mode,
    NewPool,
    Offer,
    OfferId,
    Pool,
    PoolId,
)
from membership.inventory.stock import UNREACHABLE, Fenced, Freed, Stock
from membership.members.model import MembershipKey
from membership.postgres.transaction import Transaction

_log = structlog.get_logger(__name__)


class Stocking:
    """One per process."""

    def __init__(self, stock: Stock, loading: Loading) -> None:
        self._stock = stock
        self._loading = loading

    async def open_offer(self, tx: Transaction, offer: Offer, pools: Sequence[NewPool]) -> None:
        await store.insert_offer(tx.conn, offer, at=tx.now)
        await self.open_pools(tx, offer.offer_id, pools)

    async def open_pools(self, tx: Transaction, offer_id: OfferId, pools: Sequence[NewPool]) -> None:
        """Raises UnknownPool for an offer that there is not."""
        offer, _ = await _lock_offer(tx, offer_id)
        await store.insert_pools(tx.conn, offer_id, pools, at=tx.now)
        await self._loading.load(tx, *await _lock_offer(tx, offer.offer_id))

    async def change_total(self, tx: Transaction, pool_id: PoolId, total: int) -> None:
        """Raises StockBelowConfirmed, UnknownPool."""
        await self._change(tx, pool_id, lambda pool: rules.with_total(pool, total))

    async def void_units(self, tx: Transaction, pool_id: PoolId, units: int) -> None:
        """Free units that nobody gets: broken, kept for guests. Raises StockBelowConfirmed, UnknownPool."""
        await self._change(tx, pool_id, lambda pool: rules.with_voided(pool, units))

    async def close_pool(self, tx: Transaction, pool_id: PoolId, at: datetime) -> None:
        """Nothing is given out of it any more; what was given can still come back. Raises UnknownPool."""
        await self._change(tx, pool_id, lambda pool: replace(pool, closed_at=pool.closed_at or at))

    async def _change(self, tx: Transaction, pool_id: PoolId, change: Callable[[Pool], Pool]) -> None:
        offer, pools = await _lock_offer(tx, await _offer_of(tx, pool_id))
        changed = [change(pool) if pool.pool_id == pool_id else pool for pool in pools]
        for pool in changed:
            if pool.pool_id == pool_id:
                await store.update_pool(tx.conn, pool)
        await self._loading.load(tx, offer, changed)

    async def give_back(
        self, tx: Transaction, claim_ids: Sequence[ClaimId], *, to: GiveBackTo | PoolId, frees_limit: bool = True
    ) -> Sequence[ClaimId]:
        """Units of confirmed claims come back. Returns the claims that had not been given back before.

        `to` another pool must be one of the same offer. `frees_limit`: the member may claim once more. Redis hears of
        it after the commit. Raises UnknownPool.
        """
        claims = await store.lock_claims(tx.conn, claim_ids)
        confirmed = [claim for claim in claims if claim.state is ClaimState.CONFIRMED]
        for offer_id in sorted({claim.offer_id for claim in confirmed}):
            of_offer = [claim for claim in confirmed if claim.offer_id == offer_id]
            await self._give_back(tx, offer_id, of_offer, to=to, frees_limit=frees_limit)
        return [claim.claim_id for claim in confirmed]

    async def _give_back(
        self,
        tx: Transaction,
        offer_id: OfferId,
        claims: Sequence[EndedClaim],
        *,
        to: GiveBackTo | PoolId,
        frees_limit: bool,
    ) -> None:
        members = {claim.member.member_id for claim in claims}
        if frees_limit:
            await store.lock_counts_of_members(tx.conn, claims[0].member.programme_id, members)
        units = _units_of(claims)
        if isinstance(to, GiveBackTo):
            pools = await store.lock_pools(tx.conn, units)
            for pool_id, count in units.items():
                await store.update_pool(tx.conn, _given_back(pools[pool_id], count, to))
            await store.return_claims(tx.conn, claims, still_count=not frees_limit, at=tx.now)
            self._tell_redis(tx, offer_id, pools, claims, to=to, frees_limit=frees_limit)
            return
        offer, locked = await _lock_offer(tx, offer_id)
        changed = _moved(locked, units, to)
        for pool in changed:
            await store.update_pool(tx.conn, pool)
        await store.return_claims(tx.conn, claims, still_count=not frees_limit, at=tx.now)
        await self._loading.load(tx, offer, changed)

    def _tell_redis(
        self,
        tx: Transaction,
        offer_id: OfferId,
        pools: Mapping[PoolId, Pool],
        claims: Sequence[EndedClaim],
        *,
        to: GiveBackTo,
        frees_limit: bool,
    ) -> None:
        """After the commit, under the epoch that was read under the pools' locks. All pools of an offer have one."""
        pool = next(iter(pools.values()))
        if pool.mode is Mode.POSTGRES:
            return
        claim_ids = [claim.claim_id for claim in claims]
        freed = Freed.FREE if to is GiveBackTo.SAME_POOL else Freed.VOIDED

        async def tell() -> None:
            try:
                await self._stock.give_back(offer_id, pool.epoch, claim_ids, to=freed, frees_limit=frees_limit)
            except Fenced:
                pass  # loaded since, and so counted
            except UNREACHABLE as failure:
                _log.warning(
                    "units given back are left to the check", units=len(claim_ids), reason=type(failure).__name__
                )

        tx.after_commit(tell)

    async def move_member(self, tx: Transaction, *, loser: MembershipKey, winner: MembershipKey) -> Sequence[OfferId]:
        """See the function of that name."""
        return await move_member(tx, loser=loser, winner=winner)


async def move_member(tx: Transaction, *, loser: MembershipKey, winner: MembershipKey) -> Sequence[OfferId]:
    """Merge: the loser's claims and counts become the winner's. Both memberships are locked.

    Redis counts the two apart until the worker has loaded these offers anew; PostgreSQL counts them together at
    once. The locks of offers come after those of counts.
    """
    offer_ids = await store.move_member(tx.conn, loser=loser, winner=winner)
    if offer_ids:
        await store.ask_for_rebuild(tx.conn, offer_ids)
    return offer_ids


async def _offer_of(tx: Transaction, pool_id: PoolId) -> OfferId:
    """Read before any lock: a pool never changes its offer."""
    found = await store.list_pools(tx.conn, [pool_id])
    if pool_id not in found:
        raise UnknownPool
    return found[pool_id].offer_id


async def _lock_offer(tx: Transaction, offer_id: OfferId) -> tuple[Offer, list[Pool]]:
    found = await store.lock_offer(tx.conn, offer_id)
    if found is None:
        raise UnknownPool
    return found


def _units_of(claims: Sequence[EndedClaim]) -> dict[PoolId, int]:
    units: dict[PoolId, int] = {}
    for claim in claims:
        units[claim.pool_id] = units.get(claim.pool_id, 0) + 1
    return units


def _given_back(pool: Pool, units: int, to: GiveBackTo) -> Pool:
    voided = units if to is GiveBackTo.VOID else 0
    return replace(pool, confirmed=pool.confirmed - units, voided=pool.voided + voided)


def _moved(pools: Sequence[Pool], units: Mapping[PoolId, int], to: PoolId) -> list[Pool]:
    """Units leave their pools for another one of the offer. Raises UnknownPool."""
    if to not in {pool.pool_id for pool in pools}:
        raise UnknownPool
    moved = []
    for pool in pools:
        gone = units.get(pool.pool_id, 0)
        come = sum(units.values()) if pool.pool_id == to else 0
        moved.append(replace(pool, confirmed=pool.confirmed - gone, total=pool.total - gone + come))
    return moved
