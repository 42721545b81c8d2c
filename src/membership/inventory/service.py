"""Live inventory as other slices use it: one `Inventory` per process."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from membership.inventory.claiming import Claiming
from membership.inventory.holding import Holding
from membership.inventory.keeping import SETTLE_SECONDS, Keeping
from membership.inventory.levels import Levels
from membership.inventory.loading import Loading
from membership.inventory.model import (
    Admit,
    CheckReport,
    ClaimId,
    ClaimRequest,
    GiveBackTo,
    GrantedClaim,
    NewPool,
    Offer,
    OfferId,
    Owner,
    PoolId,
    PoolLevel,
    Record,
    Shelf,
)
from membership.inventory.recovering import Recovered, Recovering
from membership.inventory.refusing import Refusing
from membership.inventory.shelves import Shelves
from membership.inventory.stock import Stock
from membership.inventory.stocking import Stocking
from membership.inventory.writing import Batching, Call, Writing
from membership.kernel.actor import Actor
from membership.members.model import MembershipKey
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction
from membership.redis.client import RedisClient
from membership.stores.model import ProgrammeId


class Inventory:
    """`database` and `redis` are the process's own; Redis may be away at any time, also now."""

    def __init__(self, database: Database, redis: RedisClient, *, batching: Batching | None = None) -> None:
        stock = Stock(redis)
        shelves = Shelves(database)
        loading = Loading(database, stock, shelves)
        self._loading = loading
        self._stocking = Stocking(stock, loading)
        self._levels = Levels(database, stock, shelves)
        self._keeping = Keeping(database, stock=stock, shelves=shelves, loading=loading)
        self._recovering = Recovering(database, stock, loading)
        self._claiming = Claiming(
            database,
            shelves=shelves,
            loading=loading,
            holding=Holding(stock),
            writing=Writing(database, batching or Batching()),
            refusing=Refusing(database),
        )

    # ---- claims

    async def claim(
        self, actor: Actor, now: datetime, request: ClaimRequest, record: Record, *, admit: Admit | None = None
    ) -> GrantedClaim:
        """One unit of a pool for a member, and the owner's rows for it, in one transaction of our own.

        The same claim_id has one effect and one answer, whoever sends it, in whatever process, after whatever crash.
        A caller that is cancelled leaves the claim running; its repeat gets the answer. What `record` or `admit` refuse
        for good is told to every repeat too.
        Raises SoldOut, MemberLimitReached, ClaimExpired, PoolClosed, UnknownPool, IdempotencyConflict; AllHeld,
        AnotherClaimPending, OutcomeUnknown, after which the same claim may be sent again; and what the owner raises.
        """
        return await self._claiming.claim(Call(actor, now, request, Owner(record, admit)))

    @property
    def outcomes(self) -> Mapping[tuple[str, str], int]:
        """How many claims of this process came to what (GRANTED, REPEATED, FAILED, or the code of a refusal), by who
        decided: REDIS, POSTGRES, or NONE where there is no such pool."""
        return self._claiming.outcomes

    async def has_granted(self, now: datetime, claim_id: ClaimId, *, request_hash: bytes, key: str) -> bool:
        """Whether the same claim was granted before, of whichever pool it was: for owners who choose the pool by what
        holds at the moment. False: it has no answer yet.

        Raises IdempotencyConflict, ClaimExpired, and what the claim was refused with for good.
        """
        return await self._claiming.has_granted(now, claim_id, request_hash=request_hash, key=key)

    async def finish(self) -> None:
        """Before the process ends: wait for the claims that are under way."""
        await self._claiming.finish()

    async def give_back(
        self, tx: Transaction, claim_ids: Sequence[ClaimId], *, to: GiveBackTo | PoolId, frees_limit: bool = True
    ) -> Sequence[ClaimId]:
        """Units of confirmed claims come back: to their pool, to another one of the offer, or for nobody.

        Returns the claims that had not been given back before. `frees_limit`: the members may claim once more.
        Raises UnknownPool.
        """
        return await self._stocking.give_back(tx, claim_ids, to=to, frees_limit=frees_limit)

    async def levels(self, pool_ids: Collection[PoolId], now: datetime) -> Mapping[PoolId, PoolLevel]:
        """How much is left in pools, those that exist. Cheap: those who ask at the same time share a call to Redis."""
        return await self._levels.levels(pool_ids, now)

    async def programmes(self, pool_ids: Collection[PoolId]) -> Mapping[PoolId, ProgrammeId]:
        """Whose pools these are, those that exist."""
        return await self._levels.programmes(pool_ids)

    # ---- stock

    async def open_offer(self, tx: Transaction, offer: Offer, pools: Sequence[NewPool]) -> None:
        """An offer and its pools, loaded and ready to be claimed from."""
        await self._stocking.open_offer(tx, offer, pools)

    async def open_pools(self, tx: Transaction, offer_id: OfferId, pools: Sequence[NewPool]) -> None:
        """More pools of an offer. Raises UnknownPool for an offer that there is not."""
        await self._stocking.open_pools(tx, offer_id, pools)

    async def change_total(self, tx: Transaction, pool_id: PoolId, total: int) -> None:
        """Raises StockBelowConfirmed, UnknownPool."""
        await self._stocking.change_total(tx, pool_id, total)

    async def void_units(self, tx: Transaction, pool_id: PoolId, units: int) -> None:
        """Free units that nobody gets. Raises StockBelowConfirmed, UnknownPool."""
        await self._stocking.void_units(tx, pool_id, units)

    async def close_pool(self, tx: Transaction, pool_id: PoolId) -> None:
        """Nothing is given out of it any more; what was given can still come back. Raises UnknownPool."""
        await self._stocking.close_pool(tx, pool_id, tx.now)

    async def move_member(self, tx: Transaction, *, loser: MembershipKey, winner: MembershipKey) -> Sequence[OfferId]:
        """Merge, in one programme: claims and counts become the winner's. Both memberships are locked."""
        return await self._stocking.move_member(tx, loser=loser, winner=winner)

    # ---- care

    async def sweep(self, now: datetime) -> int:
        """Settle overdue holds, load what is not loaded. Returns how many holds. Every second, by the worker."""
        return await self._keeping.sweep(now)

    async def probe(self, now: datetime) -> int:
        """Return to Redis what left it. Returns how many offers. Every second, by the worker."""
        return await self._keeping.probe(now)

    async def check(self, now: datetime, *, repair: bool = True, settle_seconds: float = SETTLE_SECONDS) -> CheckReport:
        """Prove that total = free + held + confirmed + voided, or say which pool drifts, and repair by rebuild."""
        return await self._keeping.check(now, repair=repair, settle_seconds=settle_seconds)

    async def rebuild(self, offer_id: OfferId, now: datetime) -> Shelf | None:
        """Load an offer into Redis anew. None: there is no such offer."""
        return await self._loading.rebuild(offer_id, now)

    async def begin_anew(self, now: datetime, *, real_now: datetime, hold_back: bool = True) -> Sequence[Recovered]:
        """After PostgreSQL was restored from a backup, before any process serves. See `recovering`."""
        return await self._recovering.begin_anew(now, real_now=real_now, hold_back=hold_back)
