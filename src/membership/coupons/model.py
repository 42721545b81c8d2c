"""Offers as they are issued, coupons, runs that issue to everybody."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from membership.campaigns.model import CampaignId, CouponId, RevisionId
from membership.members.model import MemberId, MembershipKey
from membership.receipts.model import QuoteId, SaleId
from membership.stores.model import ProgrammeId

OfferId = NewType("OfferId", UUID)
BatchId = NewType("BatchId", UUID)
"""Of codes that were made or imported together."""


class CouponState(StrEnum):
    ISSUED = "ISSUED"
    ACTIVE = "ACTIVE"
    RESERVED = "RESERVED"
    REDEEMED = "REDEEMED"
    EXPIRED = "EXPIRED"
    VOIDED = "VOIDED"


class Channel(StrEnum):
    """How an offer is issued: by the kind of its `issue` in campaigns.content."""

    TO_ALL = "TO_ALL"
    CLAIM = "CLAIM"
    POINTS = "POINTS"
    CODE = "CODE"


class OfferState(StrEnum):
    """Whether an offer issues. PAUSED and ENDED touch no coupon that is there (law C5); of a campaign that is CANCELLED
    before its opening, the coupons are withdrawn."""

    OPEN = "OPEN"
    PAUSED = "PAUSED"
    ENDED = "ENDED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Offer:
    """A coupon rule of a campaign, with its counters. `opens_at` is of the store and tier that are first."""

    offer_id: OfferId
    programme_id: ProgrammeId
    campaign_id: CampaignId
    campaign_code: str
    code: str
    revision_id: RevisionId
    channel: Channel
    state: OfferState
    quota: int | None
    quota_per_day: int | None
    member_limit: int
    issued: int
    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Coupon:
    """As stored; `rules.state_at` reads the clock into the state. `valid_until` is excluded."""

    coupon_id: CouponId
    membership: MembershipKey
    offer_id: OfferId
    campaign_code: str
    offer: str
    ordinal: int
    revision_id: RevisionId
    channel: Channel
    state: CouponState
    valid_from: datetime
    valid_until: datetime
    issued_at: datetime
    reserved_by: QuoteId | None
    reserved_until: datetime | None
    sale_id: SaleId | None


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when (excluded) a coupon can be used."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class NewCoupon:
    """A coupon to issue. `cause` keys it: the same cause never issues twice."""

    coupon_id: CouponId
    membership: MembershipKey
    offer: Offer
    cause: UUID
    validity: Validity


@dataclass(frozen=True, slots=True)
class IssueRun:
    """How far an offer has been issued to everybody. `looked_at` of this pass, `issued` of all."""

    offer_id: OfferId
    pass_no: int
    after_member_id: MemberId | None
    looked_at: int
    issued: int
    started_at: datetime
    changed_at: datetime
    next_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class CodeBatch:
    """Codes in the clear: told once, to whoever had them made."""

    batch_id: BatchId
    offer_id: OfferId
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a sale did with a coupon. `discount_minor`: what it took off."""

    coupon_id: CouponId
    discount_minor: int
