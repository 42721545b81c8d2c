"""A claim, from its hold in Redis to its answer.

    hold in Redis → write to PostgreSQL, with the owner's rows → confirm in Redis → the member is told

Each step is done together with the same step of other claims (`gathering`). A claim is finished whether or not its
caller still waits: one that was cancelled leaves nothing half done, and its repeat gets the answer.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from membership.inventory import rules, store
from membership.inventory.errors import AllHeld, AnotherClaimPending, ClaimExpired, PoolClosed, UnknownPool
from membership.inventory.gathering import Gathering
from membership.inventory.holding import Holding
from membership.inventory.loading import KEEPER, Loading
from membership.inventory.model import (
    FINGERPRINT_BYTES,
    ClaimId,
    ClaimRequest,
    ClaimState,
    EndedClaim,
    GrantedClaim,
    Mode,
    PoolId,
    Shelf,
)
from membership.inventory.refusing import Doubtful, Refused, Refusing
from membership.inventory.shelves import Shelves
from membership.inventory.stock import UNREACHABLE, Fenced, Held, ToHold
from membership.inventory.writing import Call, Outdated, Wanting, Writing, Written, is_lost, unknown
from membership.kernel.errors import DomainError
from membership.kernel.time_limits import apart
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict

_TRIES = 5
"""A claim begins again when the offer was loaded anew under it. Loads are rare; so many in one claim are not."""

RETRY_SECONDS: Final = 2
_GRANTED: Final = "GRANTED"
_REPEATED: Final = "REPEATED"
"""The same answer as before, to who asked again."""
_FAILED: Final = "FAILED"
_NOBODY: Final = "NONE"
_MOST_AT_ONCE = 500


class Claiming:
    """One per process."""

    def __init__(
        self,
        database: Database,
        *,
        shelves: Shelves,
        loading: Loading,
        holding: Holding,
        writing: Writing,
        refusing: Refusing,
    ) -> None:
        self._database = database
        self._shelves = shelves
        self._loading = loading
        self._holding = holding
        self._writing = writing
        self._refusing = refusing
        self._rows = Gathering[None, tuple[ClaimId, datetime], EndedClaim | None](self._read, most=_MOST_AT_ONCE)
        self._running: dict[ClaimId, tuple[ClaimRequest, asyncio.Task[GrantedClaim]]] = {}
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """What claims came to, in this process, and who decided: `("GRANTED", "REDIS")`."""

    async def claim(self, call: Call) -> GrantedClaim:
        """Repeats that meet in this process share one run."""
        request = call.request
        if request.claim_id in self._running:
            running, task = self._running[request.claim_id]
            if not _same(request, running.fingerprint, running.pool_id):
                raise _conflict(request)
        else:
            task = apart(self._settle(call))
            self._running[request.claim_id] = (request, task)
            task.add_done_callback(lambda done: self._finished(request.claim_id, done))
        return await asyncio.shield(task)

    async def has_granted(self, now: datetime, claim_id: ClaimId, *, request_hash: bytes, key: str) -> bool:
        row = await self._rows.ask(None, (claim_id, now))
        if row is None:
            return False
        if row.fingerprint != request_hash[:FINGERPRINT_BYTES]:
            raise IdempotencyConflict(key)
        _refuse_again(row)
        return True

    async def finish(self) -> None:
        """Wait until every claim that is under way has its answer."""
        await asyncio.gather(*(task for _, task in self._running.values()), return_exceptions=True)

    def _finished(self, claim_id: ClaimId, task: asyncio.Task[GrantedClaim]) -> None:
        del self._running[claim_id]
        if not task.cancelled():
            task.exception()  # looked at, since its caller may have gone

    async def _settle(self, call: Call) -> GrantedClaim:
        decided_by = _NOBODY
        try:
            for _ in range(_TRIES):
                shelf = await self._shelf(call.request)
                decided_by = shelf.load.mode.value
                granted = await self._attempt(call, shelf)
                if granted is not None:
                    self.outcomes[_REPEATED if granted.is_repeat else _GRANTED, decided_by] += 1
                    return granted
            raise AllHeld(RETRY_SECONDS)
        except DomainError as refusal:
            self.outcomes[refusal.code, decided_by] += 1
            raise
        except Exception as failure:
            if is_lost(failure):
                lost = unknown(failure)
                self.outcomes[lost.code, decided_by] += 1
                raise lost from failure
            self.outcomes[_FAILED, decided_by] += 1
            raise

    async def _shelf(self, request: ClaimRequest) -> Shelf:
        shelf = await self._shelves.of(request.pool_id)
        if shelf is None or shelf.offer.programme_id != request.member.programme_id:
            raise UnknownPool
        return shelf

    async def _attempt(self, call: Call, shelf: Shelf) -> GrantedClaim | None:
        """None: the offer was loaded anew meanwhile, so begin again. Raises every refusal."""
        if shelf.pools[call.request.pool_id].closed_at is not None:
            return await self._after_closing(call)
        if shelf.load.mode is Mode.REDIS:
            try:
                held = await self._holding.hold(shelf, _to_hold(call, shelf))
            except Fenced:
                await self._loading.renew(shelf, call.now)
                return None
            except UNREACHABLE:
                await self._loading.leave_redis(shelf, call.now)
                return None
            if held is not Held.HELD:
                return await self._not_held(call, shelf, held)
        try:
            written = await self._writing.write(call, shelf)
        except DomainError as refusal:
            if refusal.retryable:
                raise  # what is held stays so until its deadline: the repeat goes on with it
            return await self._end(Doubtful(call, shelf, because=refusal))
        return await self._answer(call, shelf, written)

    async def _not_held(self, call: Call, shelf: Shelf, held: Held) -> GrantedClaim | None:
        if held is Held.CONFLICT:
            raise _conflict(call.request)
        if held in (Held.CONFIRMED, Held.RETURNED):
            row = await self._row(call)
            if row is not None:
                return _follow(call, row)
        if held in (Held.CONFIRMED, Held.RETURNED, Held.NO_POOL):
            # PostgreSQL does not know what Redis says: it was restored from a backup, and it is right.
            await self._loading.renew(shelf, call.now)
            return None
        granted = await self._end(Doubtful(call, shelf))
        if granted is not None:
            return granted
        raise AllHeld(RETRY_SECONDS) if held is Held.EMPTY else AnotherClaimPending(RETRY_SECONDS)

    async def _answer(self, call: Call, shelf: Shelf, written: Written) -> GrantedClaim | None:
        match written:
            case GrantedClaim():
                await self._holding.confirm(shelf, call.request.claim_id)
                return written
            case EndedClaim():
                return await self._ended_before(call, shelf, written)
            case Outdated():
                await self._shelves.read(call.request.pool_id)
                return None
            case Wanting():
                granted = await self._end(Doubtful(call, shelf))
                if granted is None and shelf.load.mode is Mode.REDIS:
                    # Redis gave what PostgreSQL does not have: it drifted.
                    await self._loading.renew(shelf, call.now)
                return granted

    async def _end(self, doubtful: Doubtful) -> GrantedClaim | None:
        """Raise the final refusal that a claim has come to, if it has, and free what it held."""
        call, shelf = doubtful.call, doubtful.shelf
        ended = await self._refusing.refusal(doubtful)
        match ended:
            case None:
                return None
            case EndedClaim():
                return await self._ended_before(call, shelf, ended)
            case Refused(refusal):
                await self._holding.release(shelf, call.request.claim_id)
                raise refusal

    async def _ended_before(self, call: Call, shelf: Shelf, row: EndedClaim) -> GrantedClaim:
        """Redis may not know yet what the claim had come to."""
        settle = self._holding.confirm if row.state is ClaimState.CONFIRMED else self._holding.release
        await settle(shelf, row.claim_id)
        return _follow(call, row)

    async def _after_closing(self, call: Call) -> GrantedClaim:
        row = await self._row(call)
        if row is None:
            raise PoolClosed
        return _follow(call, row)

    async def _row(self, call: Call) -> EndedClaim | None:
        return await self._rows.ask(None, (call.request.claim_id, call.now))

    async def _read(self, _: None, asked: list[tuple[ClaimId, datetime]]) -> Sequence[EndedClaim | None]:
        async with self._database.engine(KEEPER, max(now for _, now in asked)) as tx:
            found = await store.list_claims(tx.conn, [claim_id for claim_id, _ in asked])
        return [found.get(claim_id) for claim_id, _ in asked]


def _follow(call: Call, row: EndedClaim) -> GrantedClaim:
    """The same answer as the first time."""
    request = call.request
    if not _same(request, row.fingerprint, row.pool_id):
        raise _conflict(request)
    _refuse_again(row)
    return GrantedClaim(
        row.claim_id, row.pool_id, row.offer_id, row.member, row.claimed_at, request, call.actor, is_repeat=True
    )


def _refuse_again(row: EndedClaim) -> None:
    if row.state is ClaimState.EXPIRED:
        raise ClaimExpired
    if row.refusal is not None:
        raise row.refusal


def _same(request: ClaimRequest, fingerprint: bytes, pool_id: PoolId) -> bool:
    return (request.fingerprint, request.pool_id) == (fingerprint, pool_id)


def _conflict(request: ClaimRequest) -> IdempotencyConflict:
    return IdempotencyConflict(request.key or str(request.claim_id))


def _to_hold(call: Call, shelf: Shelf) -> ToHold:
    request = call.request
    day = rules.day_of(shelf.pools[request.pool_id], request)
    rules.counted_periods(shelf.offer.limits, day)  # a limit per day without a day is a bug of the caller
    return ToHold(
        claim_id=request.claim_id,
        pool_id=request.pool_id,
        member_id=request.member.member_id,
        day=day,
        fingerprint=request.fingerprint,
        deadline=rules.deadline_of(call.now),
    )
