"""Rows of schema `coupons` to model, and named constraints to refusals."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from uuid import UUID

import asyncpg

from membership.campaigns.model import CampaignId, CampaignRevision, CouponId, RevisionId
from membership.coupons.errors import CouponLimitReached, OfferPaused, OfferSoldOut, QuotaBelowIssued
from membership.coupons.model import (
    BatchId,
    Channel,
    Coupon,
    CouponState,
    IssueRun,
    NewCoupon,
    Offer,
    OfferId,
    OfferState,
    Redeemed,
    Validity,
)
from membership.inventory.model import PoolId
from membership.members.model import MemberId, MembershipKey
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.receipts.model import QuoteId, SaleId
from membership.stores.model import ProgrammeId

SQL = queries_of("coupons")
_FIRST = UUID(int=0)


async def write_offers(
    conn: Conn, revision: CampaignRevision, offers: Sequence[Offer], now: datetime
) -> dict[str, OfferId]:
    """The offers of a revision that comes into force; ids by code. Raises QuotaBelowIssued."""
    try:
        rows = await SQL.write_offers.many(
            conn,
            revision.campaign_id,
            revision.programme_id,
            revision.code,
            revision.revision_id,
            now,
            [offer.offer_id for offer in offers],
            [offer.code for offer in offers],
            [offer.channel.value for offer in offers],
            [offer.quota for offer in offers],
            [offer.quota_per_day for offer in offers],
            [offer.member_limit for offer in offers],
            [offer.opens_at for offer in offers],
            [offer.closes_at for offer in offers],
        )
    except asyncpg.CheckViolationError as violation:
        if violation.constraint_name == "offers_quota":
            raise QuotaBelowIssued from violation
        raise
    return {row["code"]: OfferId(row["offer_id"]) for row in rows}


async def set_offer_states(
    conn: Conn, campaign_id: CampaignId, state: OfferState, now: datetime, *, instead_of: Collection[OfferState]
) -> None:
    """Of those offers of a campaign that are in one of the states `instead_of`."""
    await SQL.set_offer_states.exec(conn, campaign_id, state.value, now, [before.value for before in instead_of])


async def start_issue_runs(conn: Conn, offer_ids: Collection[OfferId], now: datetime) -> None:
    await SQL.start_issue_runs.exec(conn, list(offer_ids), now)


async def list_offers(
    conn: Conn, programme_id: ProgrammeId, now: datetime, *, after: OfferId | None, limit: int
) -> list[Offer]:
    """Those that are not over, the newest first."""
    return [offer_of(row) for row in await SQL.list_offers.many(conn, programme_id, now, after, limit)]


async def list_offers_by_id(conn: Conn, offer_ids: Collection[UUID]) -> list[Offer]:
    return [offer_of(row) for row in await SQL.list_offers_by_id.many(conn, list(offer_ids))]


async def find_offer(conn: Conn, offer_id: OfferId) -> Offer | None:
    found = await list_offers_by_id(conn, [offer_id])
    return found[0] if found else None


async def get_offer(conn: Conn, offer_id: OfferId) -> Offer:
    """An offer that is known to exist."""
    (found,) = await list_offers_by_id(conn, [offer_id])
    return found


async def list_offers_of_campaign(conn: Conn, code: str, programme_id: ProgrammeId | None = None) -> list[Offer]:
    return [offer_of(row) for row in await SQL.list_offers_of_campaign.many(conn, code, programme_id)]


async def list_offers_to_all(conn: Conn, now: datetime) -> list[Offer]:
    return [offer_of(row) for row in await SQL.list_offers_to_all.many(conn, now)]


async def list_offers_due(conn: Conn, now: datetime) -> list[Offer]:
    return [offer_of(row) for row in await SQL.list_offers_due.many(conn, now)]


async def lock_issue_run(conn: Conn, offer_id: OfferId) -> IssueRun | None:
    """None while somebody else takes a step of it, or where there is none."""
    row = await SQL.lock_issue_run.maybe(conn, offer_id)
    return None if row is None else _run(row)


async def list_issue_runs(conn: Conn, offer_ids: Collection[OfferId]) -> dict[OfferId, IssueRun]:
    return {row["offer_id"]: _run(row) for row in await SQL.list_issue_runs.many(conn, list(offer_ids))}


async def count_memberships(conn: Conn, programme_id: ProgrammeId) -> int:
    row = await SQL.count_memberships.one(conn, programme_id)
    found: int = row["memberships"]
    return found


async def issue_batch(
    conn: Conn,
    offer: Offer,
    *,
    now: datetime,
    today: date,
    size: int,
    lowest_tier: str,
    validities: Mapping[str, Validity],
    after: MemberId | None,
    next_at: datetime | None,
) -> tuple[int, int]:
    """The next step of a run that is locked: how many were looked at, how many coupons were issued."""
    milliseconds = f"{int(now.timestamp() * 1000):012x}"
    row = await SQL.issue_batch.one(
        conn,
        offer.offer_id,
        offer.programme_id,
        now,
        today,
        size,
        lowest_tier,
        offer.member_limit,
        offer.revision_id,
        next_at,
        list(validities),
        [validity.starts_at for validity in validities.values()],
        [validity.ends_at for validity in validities.values()],
        f"{milliseconds[:8]}-{milliseconds[8:]}",
        after or _FIRST,
    )
    return row["looked_at"], row["issued"]


async def void_strays(conn: Conn, offer_id: OfferId, now: datetime) -> None:
    await SQL.void_strays.exec(conn, offer_id, now)


async def issue_to_member(
    conn: Conn, membership: MembershipKey, coupons: Sequence[tuple[CouponId, Offer, Validity]], now: datetime
) -> list[tuple[CouponId, OfferId]]:
    """Those that were issued: not the ones the member had."""
    rows = await SQL.issue_to_member.many(
        conn,
        membership.member_id,
        membership.programme_id,
        now,
        [coupon_id for coupon_id, _, _ in coupons],
        [offer.offer_id for _, offer, _ in coupons],
        [offer.revision_id for _, offer, _ in coupons],
        [offer.member_limit for _, offer, _ in coupons],
        [validity.starts_at for _, _, validity in coupons],
        [validity.ends_at for _, _, validity in coupons],
    )
    return [(row["coupon_id"], row["offer_id"]) for row in rows]


async def lock_offers(conn: Conn, offer_ids: Collection[OfferId]) -> dict[OfferId, Offer]:
    """In the order of their ids, after members and before pools."""
    return {row["offer_id"]: offer_of(row) for row in await SQL.lock_offers.many(conn, list(offer_ids))}


async def list_pools_of(conn: Conn, offer_id: OfferId) -> dict[PoolId, int]:
    """The open pools of a drop with their totals."""
    return {PoolId(row["pool_id"]): row["total"] for row in await SQL.list_pools_of.many(conn, offer_id)}


async def issue_granted(conn: Conn, coupons: Sequence[NewCoupon], issued_at: Sequence[datetime]) -> None:
    """Coupons for units that `inventory` has granted."""
    await SQL.issue_granted.exec(
        conn,
        [coupon.coupon_id for coupon in coupons],
        [coupon.membership.member_id for coupon in coupons],
        [coupon.membership.programme_id for coupon in coupons],
        [coupon.offer.offer_id for coupon in coupons],
        [coupon.cause for coupon in coupons],
        [coupon.validity.starts_at for coupon in coupons],
        [coupon.validity.ends_at for coupon in coupons],
        list(issued_at),
    )


class IssuedBefore(Exception):
    """A request was repeated after its key had been forgotten."""


async def issue_one(conn: Conn, coupon: NewCoupon, day: date, now: datetime) -> None:
    """Issue and count. Raises OfferPaused for an offer that does not issue any more, OfferSoldOut, CouponLimitReached,
    IssuedBefore for a cause that has its coupon; the transaction must roll back then."""
    with _refusals(coupon.offer):
        row = await SQL.issue_one.maybe(
            conn,
            coupon.coupon_id,
            coupon.membership.member_id,
            coupon.membership.programme_id,
            coupon.offer.offer_id,
            day,
            coupon.cause,
            coupon.validity.starts_at,
            coupon.validity.ends_at,
            now,
        )
    if row is None:
        raise OfferPaused


@contextmanager
def _refusals(offer: Offer) -> Iterator[None]:
    """What the constraints of C1 refuse."""
    try:
        yield
    except (asyncpg.CheckViolationError, asyncpg.UniqueViolationError) as violation:
        match violation.constraint_name:
            case "offers_quota":
                raise OfferSoldOut(of_the_day=False) from violation
            case "offer_days_quota":
                raise OfferSoldOut(of_the_day=True) from violation
            case "coupons_member_limit":
                raise CouponLimitReached(offer.member_limit) from violation
            case "coupons_cause_key":
                raise IssuedBefore from violation
            case _:
                raise


async def counts_of_member(conn: Conn, member_id: MemberId, offer_ids: Collection[OfferId]) -> dict[OfferId, int]:
    """How many of each offer a member has or had; none: left out."""
    rows = await SQL.list_counts_of_member.many(conn, member_id, list(offer_ids))
    return {row["offer_id"]: row["issued"] for row in rows}


async def list_issued_on(conn: Conn, offer_ids: Collection[OfferId], day: date) -> dict[OfferId, int]:
    """Of offers with a quota per day, how many were issued on it."""
    return {row["offer_id"]: row["issued"] for row in await SQL.list_issued_on.many(conn, list(offer_ids), day)}


async def list_coupons(
    conn: Conn, membership: MembershipKey, now: datetime, *, open_only: bool, after: CouponId | None, limit: int
) -> list[Coupon]:
    """The latest issued first."""
    rows = await SQL.list_coupons.many(
        conn, membership.member_id, membership.programme_id, now, open_only, after, limit
    )
    return [coupon_of(row) for row in rows]


async def list_coupons_by_id(conn: Conn, coupon_ids: Collection[UUID]) -> list[Coupon]:
    return [coupon_of(row) for row in await SQL.list_coupons_by_id.many(conn, list(coupon_ids))]


async def find_coupon(conn: Conn, coupon_id: CouponId) -> Coupon | None:
    found = await list_coupons_by_id(conn, [coupon_id])
    return found[0] if found else None


async def get_coupon(conn: Conn, coupon_id: CouponId) -> Coupon:
    """A coupon that is known to exist."""
    (found,) = await list_coupons_by_id(conn, [coupon_id])
    return found


async def find_coupon_by_cause(conn: Conn, offer_id: OfferId, cause: UUID) -> Coupon | None:
    row = await SQL.find_coupon_by_cause.maybe(conn, offer_id, cause)
    return None if row is None else coupon_of(row)


async def tie(conn: Conn, coupon_id: CouponId, appointment_uid: UUID, now: datetime) -> None:
    await SQL.tie_coupon.exec(conn, coupon_id, appointment_uid, now)


async def untie(conn: Conn, coupon_id: CouponId) -> None:
    await SQL.untie_coupon.exec(conn, coupon_id)


async def untie_all_of(conn: Conn, appointment_uids: Collection[UUID]) -> None:
    await SQL.untie_coupons_of.exec(conn, list(appointment_uids))


async def list_coupons_of_stops(conn: Conn, appointment_uids: Collection[UUID]) -> dict[UUID, list[Coupon]]:
    """What is meant for stops of visits, by their UIDs: for boards and itineraries, in one statement."""
    found: dict[UUID, list[Coupon]] = {}
    for row in await SQL.list_coupons_of_stops.many(conn, list(appointment_uids)):
        found.setdefault(row["appointment_uid"], []).append(coupon_of(row))
    return found


async def reserve(
    conn: Conn,
    member_id: MemberId,
    quote_id: QuoteId,
    coupon_ids: Collection[CouponId],
    *,
    now: datetime,
    until: datetime,
) -> set[CouponId]:
    """Those that the quote holds now."""
    rows = await SQL.reserve.many(conn, quote_id, now, until, list(coupon_ids), member_id)
    return {row["coupon_id"] for row in rows}


async def renew(
    conn: Conn, quote_id: QuoteId, coupon_ids: Collection[CouponId], now: datetime, until: datetime
) -> set[CouponId]:
    rows = await SQL.renew.many(conn, quote_id, now, until, list(coupon_ids))
    return {row["coupon_id"] for row in rows}


async def release(conn: Conn, quote_id: QuoteId, coupon_ids: Collection[CouponId], now: datetime) -> None:
    await SQL.release.exec(conn, quote_id, now, list(coupon_ids))


async def redeem(
    conn: Conn,
    member_id: MemberId,
    sale_id: SaleId,
    coupons: Sequence[Redeemed],
    *,
    quote_id: QuoteId | None,
    sold_at: datetime,
    now: datetime,
) -> set[CouponId]:
    """Those that were redeemed."""
    rows = await SQL.redeem.many(
        conn,
        member_id,
        sale_id,
        quote_id,
        sold_at,
        now,
        [coupon.coupon_id for coupon in coupons],
        [coupon.discount_minor for coupon in coupons],
    )
    return {row["coupon_id"] for row in rows}


async def reverse(conn: Conn, sale_id: SaleId, now: datetime) -> dict[CouponId, CouponState]:
    """The coupons that a sale had redeemed, with the state of each now."""
    rows = await SQL.reverse.many(conn, sale_id, now)
    return {row["coupon_id"]: CouponState(row["state"]) for row in rows}


async def void(conn: Conn, coupon_id: CouponId, now: datetime) -> bool:
    return await SQL.void.maybe(conn, coupon_id, now) is not None


async def void_batch(conn: Conn, offer_id: OfferId, now: datetime, *, after: MemberId | None, size: int) -> int:
    """The next step of withdrawing an offer's coupons; how many members were looked at. Its run is locked."""
    row = await SQL.void_batch.one(conn, offer_id, now, size, after or _FIRST)
    return int(row["looked_at"])


async def expire(conn: Conn, now: datetime, *, limit: int) -> int:
    row = await SQL.expire.one(conn, now, limit)
    return int(row["expired"])


async def merge_member(conn: Conn, *, loser_id: MemberId, winner_id: MemberId, programme_id: ProgrammeId) -> None:
    await SQL.merge_member.exec(conn, loser_id, winner_id, programme_id)


async def insert_codes(
    conn: Conn,
    offer_id: OfferId,
    batch_id: BatchId,
    hashes: Sequence[bytes],
    last_characters: Sequence[str],
    *,
    key_version: int,
    now: datetime,
) -> int:
    """How many of them were new."""
    row = await SQL.insert_codes.one(conn, offer_id, batch_id, key_version, now, list(hashes), list(last_characters))
    return int(row["inserted"])


async def count_codes(conn: Conn, hashes: Sequence[bytes]) -> int:
    """How many of these are known, with nobody adding any until the transaction ends."""
    await SQL.lock_codes.exec(conn)
    return int((await SQL.count_codes.one(conn, list(hashes)))["known"])


async def count_codes_under_keys(conn: Conn, now: datetime) -> Mapping[int, int]:
    """Codes that still may be used, by the version of their hash key."""
    return {row["key_version"]: row["rows"] for row in await SQL.list_codes_by_key.many(conn, now)}


async def lock_code(conn: Conn, hashes: Sequence[bytes]) -> tuple[bytes, OfferId, CouponId | None] | None:
    """The stored hash, the offer, and the coupon it gave if it was used."""
    row = await SQL.lock_code.maybe(conn, list(hashes))
    return None if row is None else (row["code_hash"], row["offer_id"], row["coupon_id"])


async def use_code(conn: Conn, code_hash: bytes, coupon_id: CouponId, now: datetime) -> None:
    """Raises RowNotFound for a code that was used: its lock was not held."""
    await SQL.use_code.one(conn, code_hash, coupon_id, now)


def offer_of(row: asyncpg.Record) -> Offer:
    """A row of the offer queries."""
    return Offer(
        offer_id=row["offer_id"],
        programme_id=row["programme_id"],
        campaign_id=row["campaign_id"],
        campaign_code=row["campaign_code"],
        code=row["code"],
        revision_id=RevisionId(row["revision_id"]),
        channel=Channel(row["channel"]),
        state=OfferState(row["state"]),
        quota=row["quota"],
        quota_per_day=row["quota_per_day"],
        member_limit=row["member_limit"],
        issued=row["issued"],
        opens_at=row["opens_at"],
        closes_at=row["closes_at"],
    )


def coupon_of(row: asyncpg.Record) -> Coupon:
    """A row of the coupon queries."""
    return Coupon(
        coupon_id=row["coupon_id"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        offer_id=row["offer_id"],
        campaign_code=row["campaign_code"],
        offer=row["offer"],
        ordinal=row["ordinal"],
        revision_id=row["revision_id"],
        channel=Channel(row["channel"]),
        state=CouponState(row["state"]),
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
        issued_at=row["issued_at"],
        reserved_by=row["reserved_by"],
        reserved_until=row["reserved_until"],
        sale_id=row["sale_id"],
    )


def _run(row: asyncpg.Record) -> IssueRun:
    return IssueRun(
        offer_id=row["offer_id"],
        pass_no=row["pass"],
        after_member_id=row["after_member_id"],
        looked_at=row["looked_at"],
        issued=row["issued"],
        started_at=row["started_at"],
        changed_at=row["changed_at"],
        next_at=row["next_at"],
        finished_at=row["finished_at"],
    )
