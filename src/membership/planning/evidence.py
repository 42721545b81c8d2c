"""What explanations read of other slices, as it is recorded."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from membership.campaigns.model import CampaignId, RevisionId
from membership.gifts.model import DayLine, GiftOfferId, GiftPoolId
from membership.members.model import MembershipKey
from membership.planning.offer_story import CouponRecord, GiftChange, GiftRecord, Stock
from membership.planning.store import SQL
from membership.postgres.connection import Conn
from membership.stores.model import StoreId

HOLD_SECONDS = 30
"""For about so long a unit is held for whoever is about to get it."""


@dataclass(frozen=True, slots=True)
class MemberStanding:
    """`tier` None: the lowest."""

    home_store_id: StoreId
    enrolled_at: datetime
    tier: str | None


@dataclass(frozen=True, slots=True)
class GiftOfDay:
    gift: GiftRecord
    revision_id: RevisionId
    rule_code: str


@dataclass(frozen=True, slots=True)
class DayInStore:
    """A member's business day in a store, as it was known at a moment."""

    membership: MembershipKey
    store_id: StoreId
    day: date
    at: datetime


async def find_standing(conn: Conn, membership: MembershipKey, *, day: date, at: datetime) -> MemberStanding | None:
    """The tier is that of the standing where it has not changed since, and otherwise of the grants of then: a tier that
    was only kept until its review shows as the one below it."""
    row = await SQL.find_standing.maybe(conn, membership.member_id, membership.programme_id, day, at)
    return None if row is None else MemberStanding(row["home_store_id"], row["enrolled_at"], row["tier"])


async def list_coupons(
    conn: Conn, campaign_id: CampaignId, offer: str, membership: MembershipKey
) -> list[CouponRecord]:
    rows = await SQL.list_coupons_of_offer.many(conn, campaign_id, offer, membership.member_id, membership.programme_id)
    return [CouponRecord(**dict(row)) for row in rows]


async def find_coupon_offer(conn: Conn, campaign_id: CampaignId, offer: str) -> tuple[int, int | None]:
    """How many of its coupons are issued, and at most."""
    row = await SQL.find_coupon_offer.maybe(conn, campaign_id, offer)
    return (0, None) if row is None else (row["issued"], row["quota"])


async def list_gifts(conn: Conn, offer_id: GiftOfferId, membership: MembershipKey) -> list[GiftRecord]:
    rows = await SQL.list_gifts_of_offer.many(conn, offer_id, membership.member_id, membership.programme_id)
    return [GiftRecord(**dict(row)) for row in rows]


async def list_gifts_of_day(conn: Conn, day: DayInStore) -> list[GiftOfDay]:
    """Those that hang on the day's spend."""
    rows = await SQL.list_gifts_of_day.many(
        conn, day.membership.member_id, day.membership.programme_id, day.store_id, day.day
    )
    found = [dict(row) for row in rows]
    return [
        GiftOfDay(revision_id=entry.pop("revision_id"), rule_code=entry.pop("rule_code"), gift=GiftRecord(**entry))
        for entry in found
    ]


async def list_gift_changes(conn: Conn, gift_ids: Collection[UUID], *, until: datetime) -> list[GiftChange]:
    return [GiftChange(**dict(row)) for row in await SQL.list_gift_changes.many(conn, list(gift_ids), until)]


async def find_stock(conn: Conn, pool_id: GiftPoolId, at: datetime) -> Stock | None:
    row = await SQL.find_stock_at.maybe(conn, pool_id, at, HOLD_SECONDS)
    return None if row is None else Stock(**dict(row))


async def list_day_lines(conn: Conn, day: DayInStore, group: str) -> list[DayLine]:
    rows = await SQL.list_day_lines.many(
        conn, day.membership.member_id, day.membership.programme_id, day.store_id, day.day, day.at, group
    )
    return [DayLine(**dict(row)) for row in rows]
