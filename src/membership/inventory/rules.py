"""What is decided about claims and pools, from facts alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TypeAlias

from membership.inventory.errors import MemberLimitReached, SoldOut, StockBelowConfirmed
from membership.inventory.model import (
    ClaimId,
    ClaimRequest,
    Disagreement,
    Drift,
    Limits,
    Mode,
    OfferId,
    Pool,
    PoolId,
    PoolLevel,
    Shelf,
)
from membership.kernel.errors import DomainError
from membership.kernel.ids import derived_id
from membership.members.model import MemberId, MembershipKey

HOLD_FOR = timedelta(seconds=10)
"""How long a unit waits in Redis for its claim to be written: milliseconds as a rule; what takes so long has died."""

RETURN_TO_REDIS_AFTER = timedelta(seconds=10)
"""How long PostgreSQL decides at least once Redis was lost: were it shorter, a process that cannot reach Redis and one
that can would pass the offer to and fro."""

Counts: TypeAlias = Mapping[tuple[MemberId, date | None], int]
"""Claims that count, of members on days; under None those of the whole campaign."""


def claim_id_of(member: MembershipKey, key: str) -> ClaimId:
    """The claim that a member makes under an idempotency key: every repeat is the same claim."""
    return ClaimId(derived_id("inventory.claim", member.member_id, member.programme_id, key))


def deadline_of(now: datetime) -> datetime:
    return now + HOLD_FOR


def day_of(pool: Pool, request: ClaimRequest) -> date | None:
    """The day that a claim counts on."""
    return pool.day or request.day


def counted_periods(limits: Limits, day: date | None) -> list[tuple[date | None, int]]:
    """Each period that a claim counts in, with its limit. Raises ValueError when a limit per day has no day."""
    periods: list[tuple[date | None, int]] = []
    if limits.per_member is not None:
        periods.append((None, limits.per_member))
    if limits.per_member_day is not None:
        if day is None:
            raise ValueError("a limit per day needs a day: of the pool, or of the claim")
        periods.append((day, limits.per_member_day))
    return periods


def reached_limit(limits: Limits, counts: Counts, member_id: MemberId, day: date | None) -> MemberLimitReached | None:
    """The limit that a member is at, if any."""
    for period, most in counted_periods(limits, day):
        if counts.get((member_id, period), 0) >= most:
            return MemberLimitReached(most, "CAMPAIGN" if period is None else "DAY")
    return None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a batch of claims comes to: who gets a unit, and who does not; a refusal is then looked at singly."""

    granted: tuple[ClaimRequest, ...]
    wanting: tuple[ClaimRequest, ...]


def judge(pool: Pool, limits: Limits, requests: Sequence[ClaimRequest], counts: Counts) -> Verdicts:
    """Grant up to what is free, in order of arrival. Each member occurs once; the pool and the counts are locked."""
    granted: list[ClaimRequest] = []
    wanting: list[ClaimRequest] = []
    for request in requests:
        limit = reached_limit(limits, counts, request.member.member_id, day_of(pool, request))
        (granted if limit is None and len(granted) < pool.free else wanting).append(request)
    return Verdicts(tuple(granted), tuple(wanting))


def final_refusal(pool: Pool, limits: Limits, request: ClaimRequest, counts: Counts) -> DomainError | None:
    """Why this claim can get nothing, by what PostgreSQL said after the claim was made (I9). None: it may still."""
    limit = reached_limit(limits, counts, request.member.member_id, day_of(pool, request))
    if limit is not None:
        return limit
    return SoldOut() if pool.free == 0 else None


def with_total(pool: Pool, total: int) -> Pool:
    """Raises StockBelowConfirmed."""
    if total < pool.confirmed + pool.voided:
        raise StockBelowConfirmed(pool.confirmed + pool.voided, total)
    return replace(pool, total=total)


def with_voided(pool: Pool, units: int) -> Pool:
    """So many more units that nobody will get. Raises StockBelowConfirmed."""
    if units > pool.free:
        raise StockBelowConfirmed(pool.confirmed + pool.voided, pool.total - units)
    return replace(pool, voided=pool.voided + units)


def recorded_level(pool: Pool) -> PoolLevel:
    """The level as PostgreSQL knows it, without holds."""
    return PoolLevel(
        pool_id=pool.pool_id,
        total=pool.total,
        confirmed=pool.confirmed,
        voided=pool.voided,
        held=0,
        available=0 if pool.closed_at else pool.free,
        sold_out=pool.free == 0,
    )


@dataclass(frozen=True, slots=True)
class LiveStock:
    """A pool as Redis has it."""

    total: int
    free: int
    held: int
    confirmed: int
    voided: int

    def level(self, pool_id: PoolId) -> PoolLevel:
        return PoolLevel(
            pool_id=pool_id,
            total=self.total,
            confirmed=self.confirmed,
            voided=self.voided,
            held=self.held,
            available=max(self.free, 0),
            sold_out=self.confirmed + self.voided >= self.total,
        )


def drift_of(pool: Pool, live: LiveStock, unconfirmed: int) -> Drift | None:
    """How far Redis is from PostgreSQL. `unconfirmed`: holds whose claim PostgreSQL has, on their way to confirmed."""
    drift = Drift(
        pool_id=pool.pool_id,
        offer_id=pool.offer_id,
        free_and_held=live.free + live.held - unconfirmed - pool.free,
        confirmed=live.confirmed + unconfirmed - pool.confirmed,
        voided=live.voided - pool.voided,
        total=live.total - pool.total,
        unaccounted=live.total - live.free - live.held - live.confirmed - live.voided,
    )
    parts = (drift.free_and_held, drift.confirmed, drift.voided, drift.total, drift.unaccounted)
    return drift if any(parts) or live.free < 0 or live.held < 0 else None


def disagreements_of(
    offer_id: OfferId, miscounted: Iterable[tuple[PoolId, int, int]], wrong_member_counts: int
) -> list[Disagreement]:
    """Where PostgreSQL's own sums are not the sums of its claims."""
    found = [
        Disagreement(offer_id, pool_id, f"{confirmed} confirmed, but {claims} claims")
        for pool_id, confirmed, claims in miscounted
    ]
    if wrong_member_counts:
        detail = f"the counts of {wrong_member_counts} members differ from their claims"
        found.append(Disagreement(offer_id, None, detail))
    return found


def is_current(shelf: Shelf, pool: Pool | None) -> bool:
    """Whether a claim may still be written as it was begun (I7)."""
    return pool is not None and (pool.epoch, pool.mode) == (shelf.load.epoch, shelf.load.mode)


def may_return(mode: Mode, mode_since: datetime, now: datetime) -> bool:
    """Whether an offer that PostgreSQL decides may go back to Redis."""
    return mode is Mode.POSTGRES and now - mode_since >= RETURN_TO_REDIS_AFTER
