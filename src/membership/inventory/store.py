"""Rows of schema `inventory` to model, and the one home of their locks.

Order: member counts, offer, pools (by id). A claim locks its members' counts and one pool; a loader the offer and all
its pools; whoever gives back the counts and the pools. The pool comes last because everybody wants it: it is held for
one statement, the owner's rows and the commit.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import asyncpg

from membership.inventory.model import (
    ClaimId,
    ClaimRequest,
    ClaimState,
    EndedClaim,
    Limits,
    Load,
    Mode,
    NewPool,
    Offer,
    OfferId,
    Pool,
    PoolId,
    Shelf,
)
from membership.inventory.rules import Counts, counted_periods, day_of
from membership.kernel.errors import DomainError
from membership.members.model import MemberId, MembershipKey
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.postgres.json import from_json, to_json
from membership.stores.model import ProgrammeId

SQL = queries_of("inventory")

STOPPED_COMMITTER_MS: Final = "3000"
"""After so long without a statement PostgreSQL ends a transaction that holds a pool."""


# ---- offers and pools


async def insert_offer(conn: Conn, offer: Offer, *, at: datetime) -> None:
    limits = offer.limits
    await SQL.insert_offer.exec(conn, offer.offer_id, offer.programme_id, limits.per_member, limits.per_member_day, at)


async def insert_pools(conn: Conn, offer_id: OfferId, pools: Sequence[NewPool], *, at: datetime) -> None:
    await SQL.insert_pools.exec(
        conn,
        offer_id,
        [pool.pool_id for pool in pools],
        [pool.store_id for pool in pools],
        [pool.day for pool in pools],
        [pool.total for pool in pools],
        at,
    )


async def lock_offer(conn: Conn, offer_id: OfferId) -> tuple[Offer, list[Pool]] | None:
    """Lock an offer and then all its pools, until the transaction ends. None: there is no such offer.

    The offer first: of two loaders the second waits here and not with half of the pools in its hands.
    """
    row = await SQL.lock_offer.maybe(conn, offer_id)
    if row is None:
        return None
    return _offer(row), [_pool(pool) for pool in await SQL.lock_pools_of_offer.many(conn, offer_id)]


async def lock_pools(conn: Conn, pool_ids: Collection[PoolId]) -> dict[PoolId, Pool]:
    """Lock some pools, by id: two that give back to two pools never hold what the other waits for."""
    return {row["pool_id"]: _pool(row) for row in await SQL.lock_pools.many(conn, list(pool_ids))}


async def lock_pool_to_claim(conn: Conn, pool_id: PoolId) -> Pool | None:
    row = await SQL.lock_pool_to_claim.maybe(conn, pool_id, STOPPED_COMMITTER_MS)
    return None if row is None else _pool(row)


async def find_shelf(conn: Conn, pool_id: PoolId) -> Shelf | None:
    """The offer that a pool belongs to, with all its pools."""
    rows = await SQL.list_offer_with_pools.many(conn, pool_id)
    if not rows:
        return None
    pools = [_pool(row) for row in rows]
    return Shelf(_offer(rows[0]), Load(pools[0].epoch, pools[0].mode), {pool.pool_id: pool for pool in pools})


async def list_pools(conn: Conn, pool_ids: Collection[PoolId]) -> dict[PoolId, Pool]:
    return {row["pool_id"]: _pool(row) for row in await SQL.list_pools.many(conn, list(pool_ids))}


async def update_pool(conn: Conn, pool: Pool) -> None:
    await SQL.update_pool.exec(conn, pool.pool_id, pool.total, pool.confirmed, pool.voided, pool.closed_at)


async def next_epoch(conn: Conn) -> int:
    return int((await SQL.get_next_epoch.one(conn))["epoch"])


async def epoch_after(conn: Conn, epoch: int) -> int:
    return int((await SQL.get_epoch_after.one(conn, epoch))["epoch"])


async def set_epoch(conn: Conn, offer_id: OfferId, load: Load, *, run_id: str | None, at: datetime) -> None:
    await SQL.set_epoch.exec(conn, offer_id, load.epoch, load.mode.value, run_id, at)


async def finish_rebuild(conn: Conn, offer_id: OfferId) -> None:
    await SQL.finish_rebuild.exec(conn, offer_id)


@dataclass(frozen=True, slots=True)
class KeptOffer:
    """An offer with an open pool."""

    offer_id: OfferId
    a_pool_id: PoolId
    mode: Mode
    mode_since: datetime
    rebuild_due: bool


async def list_kept_offers(conn: Conn) -> list[KeptOffer]:
    return [
        KeptOffer(row["offer_id"], row["a_pool_id"], Mode(row["mode"]), row["mode_since"], row["rebuild_due"])
        for row in await SQL.list_kept_offers.many(conn)
    ]


@dataclass(frozen=True, slots=True)
class WatchedPool:
    pool_id: PoolId
    offer_id: OfferId
    mode: Mode
    open: int
    """How many pools are open altogether."""


async def list_watched_pools(conn: Conn, *, most: int) -> list[WatchedPool]:
    """Open pools, of the latest offers first."""
    return [
        WatchedPool(row["pool_id"], row["offer_id"], Mode(row["mode"]), row["open"])
        for row in await SQL.list_watched_pools.many(conn, most)
    ]


# ---- claims


async def lock_member_counts(conn: Conn, shelf: Shelf, pool: Pool, requests: Sequence[ClaimRequest]) -> Counts:
    """Lock what these members have claimed. Nothing to lock where there is no limit."""
    periods = [
        (request.member.member_id, day, most)
        for request in requests
        for day, most in counted_periods(shelf.offer.limits, day_of(pool, request))
    ]
    if not periods:
        return {}
    members, days, most = zip(*periods, strict=True)
    offer = shelf.offer
    rows = await SQL.lock_member_counts.many(
        conn, offer.offer_id, offer.programme_id, list(members), list(days), list(most)
    )
    return _counts(rows)


async def list_counts_of_members(conn: Conn, offer_id: OfferId, members: Collection[MemberId]) -> Counts:
    return _counts(await SQL.list_counts_of_members.many(conn, offer_id, list(members)))


async def write_claims(
    conn: Conn, offer: Offer, pool: Pool, requests: Sequence[ClaimRequest], *, claimed_at: Sequence[datetime]
) -> set[ClaimId]:
    """Confirm claims: their rows, their members' counts and the pool. Returns those that had not come to an end."""
    rows = await SQL.write_claims.many(
        conn,
        pool.pool_id,
        offer.offer_id,
        offer.programme_id,
        [request.claim_id for request in requests],
        [request.member.member_id for request in requests],
        [day_of(pool, request) for request in requests],
        [request.fingerprint for request in requests],
        list(claimed_at),
        offer.limits.per_member,
        offer.limits.per_member_day,
    )
    return {row["claim_id"] for row in rows}


@dataclass(frozen=True, slots=True)
class End:
    """How a claim ends that gets no unit: REFUSED with a refusal, EXPIRED without."""

    claim_id: ClaimId
    pool_id: PoolId
    member_id: MemberId
    day: date | None
    fingerprint: bytes
    refusal: DomainError | None = None


async def insert_ends(conn: Conn, offer: Offer, ends: Sequence[End], *, at: datetime) -> set[ClaimId]:
    """Returns those that ended so; the others had come to another end, for which a writer was waited."""
    states = [ClaimState.EXPIRED if end.refusal is None else ClaimState.REFUSED for end in ends]
    rows = await SQL.insert_ends.many(
        conn,
        offer.offer_id,
        offer.programme_id,
        at,
        [end.claim_id for end in ends],
        [end.pool_id for end in ends],
        [end.member_id for end in ends],
        [end.day for end in ends],
        [state.value for state in states],
        [end.fingerprint for end in ends],
        [None if end.refusal is None else _refusal_document(end.refusal) for end in ends],
    )
    return {row["claim_id"] for row in rows}


async def delete_ends(conn: Conn, *, before: datetime, limit: int) -> int:
    """Forget claims that came to nothing. Returns how many."""
    return int((await SQL.delete_ends_before.one(conn, before, limit))["deleted"])


async def list_claims(conn: Conn, claim_ids: Collection[ClaimId]) -> dict[ClaimId, EndedClaim]:
    return {row["claim_id"]: _claim(row) for row in await SQL.list_claims.many(conn, list(claim_ids))}


async def lock_claims(conn: Conn, claim_ids: Collection[ClaimId]) -> list[EndedClaim]:
    """Before their counts and pools: of two that give the same unit back the second finds it given back."""
    return [_claim(row) for row in await SQL.lock_claims.many(conn, list(claim_ids))]


async def return_claims(conn: Conn, claims: Sequence[EndedClaim], *, still_count: bool, at: datetime) -> None:
    """Give back locked claims, whose members' counts are locked too."""
    await SQL.return_claims.exec(conn, [claim.claim_id for claim in claims], still_count, at)
    if not still_count:
        await SQL.lower_member_counts.exec(
            conn,
            [claim.offer_id for claim in claims],
            [claim.member.member_id for claim in claims],
            [claim.day for claim in claims],
        )


async def lock_counts_of_members(conn: Conn, programme_id: ProgrammeId, members: Collection[MemberId]) -> None:
    await SQL.lock_counts_of_members.many(conn, programme_id, list(members))


async def move_member(conn: Conn, *, loser: MembershipKey, winner: MembershipKey) -> list[OfferId]:
    """Claims and counts become the winner's. Returns the offers."""
    programme_id = loser.programme_id
    rows = await SQL.move_claims.many(conn, programme_id, loser.member_id, winner.member_id)
    await lock_counts_of_members(conn, programme_id, [loser.member_id, winner.member_id])
    await SQL.move_member_counts.exec(conn, programme_id, loser.member_id, winner.member_id)
    return [row["offer_id"] for row in rows]


async def ask_for_rebuild(conn: Conn, offer_ids: Collection[OfferId]) -> None:
    await SQL.ask_for_rebuild.exec(conn, list(offer_ids))


# ---- loads and checks


@dataclass(frozen=True, slots=True)
class LoadedClaim:
    """A confirmed claim, as Redis is to know it."""

    claim_id: ClaimId
    pool_id: PoolId
    member_id: MemberId
    day: date | None
    fingerprint: bytes


async def list_confirmed_claims(conn: Conn, offer_id: OfferId) -> list[LoadedClaim]:
    return [
        LoadedClaim(row["claim_id"], row["pool_id"], row["member_id"], row["day"], row["request_hash"])
        for row in await SQL.list_confirmed_claims.many(conn, offer_id)
    ]


async def list_member_counts(conn: Conn, offer_id: OfferId) -> Counts:
    return _counts(await SQL.list_member_counts.many(conn, offer_id))


async def list_miscounted_pools(conn: Conn, offer_id: OfferId) -> list[tuple[PoolId, int, int]]:
    """Each with what it says was confirmed, and how many claims there are."""
    rows = await SQL.list_miscounted_pools.many(conn, offer_id)
    return [(row["pool_id"], row["confirmed"], row["claims"]) for row in rows]


async def count_wrong_member_counts(conn: Conn, offer_id: OfferId) -> int:
    return int((await SQL.count_wrong_member_counts.one(conn, offer_id))["members"])


def _counts(rows: Iterable[asyncpg.Record]) -> Counts:
    return {(row["member_id"], row["day"]): row["claimed"] for row in rows}


def _offer(row: asyncpg.Record) -> Offer:
    limits = Limits(row["limit_per_member"], row["limit_per_member_day"])
    return Offer(row["offer_id"], row["programme_id"], limits)


def _pool(row: asyncpg.Record) -> Pool:
    return Pool(
        pool_id=row["pool_id"],
        offer_id=row["offer_id"],
        store_id=row["store_id"],
        day=row["day"],
        total=row["total"],
        confirmed=row["confirmed"],
        voided=row["voided"],
        mode=Mode(row["mode"]),
        epoch=row["epoch"],
        run_id=row["run_id"],
        mode_since=row["mode_since"],
        closed_at=row["closed_at"],
    )


def _claim(row: asyncpg.Record) -> EndedClaim:
    return EndedClaim(
        claim_id=row["claim_id"],
        pool_id=row["pool_id"],
        offer_id=row["offer_id"],
        member=MembershipKey(row["member_id"], row["programme_id"]),
        day=row["day"],
        state=ClaimState(row["state"]),
        counts=row["counts"],
        fingerprint=row["request_hash"],
        refusal=None if row["refusal"] is None else _refusal(row["refusal"]),
        claimed_at=row["claimed_at"],
    )


def _refusal_document(refusal: DomainError) -> str:
    return to_json({"code": refusal.code, "facts": refusal.facts()})


def _refusal(document: str) -> DomainError:
    recorded = from_json(document)
    return DomainError.restore(str(recorded["code"]), recorded["facts"])  # type: ignore[arg-type]
