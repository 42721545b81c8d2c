"""Writing claims to PostgreSQL: several of one pool in one transaction, with their owners' rows.

Everybody who claims from a pool waits for its row, so the fewer transactions the better; what arrives while one is
under way is written by the next. A claim that fails there never fails its neighbours: each is then written alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

import asyncpg

from membership.inventory import rules, store
from membership.inventory.errors import OutcomeUnknown
from membership.inventory.gathering import Gathering
from membership.inventory.loading import KEEPER
from membership.inventory.model import ClaimId, ClaimRequest, EndedClaim, GrantedClaim, Load, Owner, PoolId, Shelf
from membership.kernel.actor import Actor
from membership.kernel.errors import DomainError
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction

_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, or cancelled by a time-out
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # said of a connection that the server has ended while nothing was sent
    OSError,
    TimeoutError,
)


@dataclass(frozen=True, slots=True)
class Batching:
    """`most` claims in one transaction, `lanes` transactions of a pool under way at a time in this process.

    The default was measured: see `membership.bench.drop`. One by one is `Batching(most=1, lanes=…)`.
    """

    most: int = 100
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Call:
    actor: Actor
    now: datetime
    request: ClaimRequest
    owner: Owner


@dataclass(frozen=True, slots=True)
class Outdated:
    """The offer was loaded anew since the unit was held: nothing was written."""


@dataclass(frozen=True, slots=True)
class Wanting:
    """PostgreSQL has no unit for this claim, or the member is at a limit: nothing was written."""


Written: TypeAlias = GrantedClaim | EndedClaim | Outdated | Wanting
_Key: TypeAlias = tuple[PoolId, Load]
_Item: TypeAlias = tuple[Call, Shelf]
_Answers: TypeAlias = dict[ClaimId, "Written | Exception"]


class Writing:
    """One per process."""

    def __init__(self, database: Database, batching: Batching) -> None:
        self._database = database
        self._writing: Gathering[_Key, _Item, Written] = Gathering(
            self._write_all, most=batching.most, lanes=batching.lanes
        )

    async def write(self, call: Call, shelf: Shelf) -> Written:
        """Write a claim that is held, or that needs no hold. Raises what its owner raises, and OutcomeUnknown."""
        return await self._writing.ask((call.request.pool_id, shelf.load), (call, shelf))

    async def _write_all(self, key: _Key, items: list[_Item]) -> list[Written | Exception]:
        shelf = items[0][1]
        answers: _Answers = {}
        for calls in _once_a_member([call for call, _ in items]):
            answers |= await self._write_apart(key, shelf, calls)
        return [answers[call.request.claim_id] for call, _ in items]

    async def _write_apart(self, key: _Key, shelf: Shelf, calls: Sequence[Call]) -> _Answers:
        """Together if that goes well, else each alone. When the connection is lost nobody can say what was written:
        nothing is released, and the sweeper settles it."""
        try:
            return await self._write(key, shelf, calls)
        except Exception as failure:
            if is_lost(failure):
                return {call.request.claim_id: unknown(failure) for call in calls}
            if len(calls) == 1:
                return {calls[0].request.claim_id: failure}
        alone: _Answers = {}
        for call in calls:
            alone |= await self._write_apart(key, shelf, [call])
        return alone

    async def _write(self, key: _Key, shelf: Shelf, calls: Sequence[Call]) -> _Answers:
        pool_id, _ = key
        async with self._database.engine(_actor_of(calls), max(call.now for call in calls)) as tx:
            refused = await _refused_by_owners(tx, calls)
            asking = [call for call in calls if call.request.claim_id not in refused]
            requests = [call.request for call in asking]
            # Counts before the pool: many claims wait for the pool, and none of them for a member who is slow.
            counts = await store.lock_member_counts(tx.conn, shelf, shelf.pools[pool_id], requests)
            pool = await store.lock_pool_to_claim(tx.conn, pool_id)
            if pool is None or not rules.is_current(shelf, pool):
                return refused | {request.claim_id: Outdated() for request in requests}
            verdicts = rules.judge(pool, shelf.offer.limits, requests, counts)
            answers: _Answers = {request.claim_id: Wanting() for request in verdicts.wanting}
            granted = [call for call in asking if call.request.claim_id not in answers]
            if granted:
                answers |= await _grant(tx, shelf, pool_id, granted)
        return refused | answers


async def _refused_by_owners(tx: Transaction, calls: Sequence[Call]) -> _Answers:
    refused: _Answers = {}
    for owner, claims in _by_owner(calls).items():
        if owner.admit is not None:
            refused |= await owner.admit(tx, [call.request for call in claims])
    return refused


async def _grant(tx: Transaction, shelf: Shelf, pool_id: PoolId, calls: Sequence[Call]) -> _Answers:
    """Write the claims and what their owners make of them."""
    requests = [call.request for call in calls]
    written = await store.write_claims(
        tx.conn, shelf.offer, shelf.pools[pool_id], requests, claimed_at=[call.now for call in calls]
    )
    answers: _Answers = {}
    for owner, claims in _by_owner([call for call in calls if call.request.claim_id in written]).items():
        granted = [_granted(call, shelf) for call in claims]
        await owner.record(tx, granted)
        answers |= {claim.claim_id: claim for claim in granted}
    if others := [request.claim_id for request in requests if request.claim_id not in written]:
        answers |= await store.list_claims(tx.conn, others)
    return answers


def _granted(call: Call, shelf: Shelf) -> GrantedClaim:
    request = call.request
    return GrantedClaim(
        request.claim_id, request.pool_id, shelf.offer.offer_id, request.member, call.now, request, call.actor
    )


def _by_owner(calls: Sequence[Call]) -> dict[Owner, list[Call]]:
    claims: dict[Owner, list[Call]] = {}
    for call in calls:
        claims.setdefault(call.owner, []).append(call)
    return claims


def _once_a_member(calls: Sequence[Call]) -> Iterator[list[Call]]:
    """Batches in which no member occurs twice: each claim is judged by a count that the one before has raised."""
    left = list(calls)
    while left:
        batch: dict[object, Call] = {}
        for call in left:
            batch.setdefault(call.request.member, call)
        yield list(batch.values())
        left = [call for call in left if batch[call.request.member] is not call]


def _actor_of(calls: Sequence[Call]) -> Actor:
    """Whoever called, where it is one."""
    return calls[0].actor if all(call.actor == calls[0].actor for call in calls) else KEEPER


def is_lost(failure: Exception) -> bool:
    """Whether PostgreSQL could not be reached, or not to the end."""
    # asyncpg calls a wrong argument an InterfaceError too: that is a bug, and stays one.
    return isinstance(failure, _LOST) and not isinstance(failure, asyncpg.DataError | DomainError)


def unknown(failure: Exception) -> OutcomeUnknown:
    refusal = OutcomeUnknown(int(rules.HOLD_FOR.total_seconds()))
    refusal.__cause__ = failure
    return refusal
