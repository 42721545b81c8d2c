"""Coupons and offers as clients see them."""

from collections.abc import Mapping
from datetime import datetime

import strawberry

import membership.graph.tills.enums  # noqa: F401 - describes the reasons used below
from membership.campaigns.content import AmountOff, BoughtWithPoints, CouponOffer, PercentOff
from membership.campaigns.model import CampaignRevision, Reason, RevisionId, rule_name
from membership.coupons import model, rules
from membership.coupons.browsing import Outlook, not_now
from membership.coupons.codes import coupon_number
from membership.coupons.context import said_by
from membership.coupons.model import Channel, CouponState, OfferState
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.errors import Refusal, as_refusal
from membership.graph.kit.localisation import localised
from membership.graph.kit.money import Money, money
from membership.graph.kit.relay import Node, global_id
from membership.graph.kit.scalars import Points
from membership.stores.model import Programme
from membership.stores.service import Directory

describe_enum(
    CouponState,
    "What has become of a coupon, by the clock.",
    {
        CouponState.ISSUED: "The member has it; its time has not begun.",
        CouponState.ACTIVE: "It can be used.",
        CouponState.RESERVED: "A till holds it for a sale that is being paid.",
        CouponState.REDEEMED: "It was used.",
        CouponState.EXPIRED: "Its time is over.",
        CouponState.VOIDED: "It was withdrawn.",
    },
)
describe_enum(
    Channel,
    "How an offer is issued.",
    {
        Channel.TO_ALL: "Every eligible member has it.",
        Channel.CLAIM: "Members claim it in the app.",
        Channel.POINTS: "Members buy it with points.",
        Channel.CODE: "By a code that is good once.",
    },
)
describe_enum(
    OfferState,
    "Whether an offer issues.",
    {
        OfferState.OPEN: "It does, within its times.",
        OfferState.PAUSED: "Not for the moment. Coupons that are there stay good.",
        OfferState.ENDED: "Not any more. Coupons that are there stay good.",
        OfferState.CANCELLED: "The campaign does not take place; its coupons are withdrawn.",
    },
)


@strawberry.type(description="What a coupon takes off: an amount, or a part of the spend that counts.")
class CouponValue:
    amount: Money | None = strawberry.field(description="The amount; null for a percentage.")
    basis_points: int | None = strawberry.field(description="The part in hundredths of a percent; null for an amount.")
    most: Money | None = strawberry.field(description="The most that a percentage takes off; null for an amount.")


@strawberry.type(description="On what and by whom a coupon can be used: codes. An empty list sets no limit.")
class CouponScope:
    tiers: list[str] = strawberry.field(description="Tiers.")
    excluded_tiers: list[str] = strawberry.field(description="Tiers that it is not for.")
    stores: list[str] = strawberry.field(description="Stores.")
    floors: list[str] = strawberry.field(description="Floors.")
    excluded_floors: list[str] = strawberry.field(description="Floors on which it does not hold.")
    brands: list[str] = strawberry.field(description="Brands.")
    excluded_brands: list[str] = strawberry.field(description="Brands that do not take it.")
    categories: list[str] = strawberry.field(description="Categories of goods.")
    excluded_categories: list[str] = strawberry.field(description="Categories that are left out.")
    counters: list[str] = strawberry.field(description="Counters.")
    excluded_counters: list[str] = strawberry.field(description="Counters that do not take it.")


@strawberry.type(description="What a coupon is worth and where it can be used.")
class CouponTerms:
    name: str = strawberry.field(description="In the request's language.")
    rule: str = strawberry.field(description="Campaign and offer by their codes, as a till's reasons name them.")
    face: CouponValue = strawberry.field(description="What it takes off.")
    minimum_spend: Money = strawberry.field(description="The spend that counts has to reach it.")
    scope: CouponScope = strawberry.field(description="On what and by whom it can be used.")


@strawberry.type(description="A member's coupon.")
class Coupon(Node):
    member_id: strawberry.ID = strawberry.field(description="Whose it is.")
    number: str = strawberry.field(description="As it is printed or shown to a scanner: a till takes it for the id.")
    terms: CouponTerms = strawberry.field(description="What it is worth and where it can be used.")
    state: CouponState = strawberry.field(description="What has become of it.")
    not_now: list[Reason] = strawberry.field(
        description="Why it cannot be used at this moment, whatever is bought. Empty: some store takes it now."
    )
    channel: Channel = strawberry.field(description="How it was issued.")
    issued_at: datetime = strawberry.field(description="When it was issued.")
    valid_from: datetime = strawberry.field(description="From when on it can be used.")
    valid_until: datetime = strawberry.field(description="From when on it can be used no more.")
    held_until: datetime | None = strawberry.field(description="Until when a till holds it; null while none does.")
    sale_id: strawberry.ID | None = strawberry.field(description="The sale in which it was used.")


@strawberry.type(description="A coupon offer, as it stands for the member who asks.")
class CouponOfferView:
    offer_id: strawberry.ID = strawberry.field(description="For claiming or buying it.")
    terms: CouponTerms = strawberry.field(description="What a coupon of it is worth and where it can be used.")
    channel: Channel = strawberry.field(description="How it is issued.")
    price: Points | None = strawberry.field(description="How many points it costs; null unless it is bought.")
    opens_at: datetime = strawberry.field(description="When it opens for the first store and tier.")
    closes_at: datetime = strawberry.field(description="When it closes in the last store.")
    taken: int = strawberry.field(description="How many coupons of it the member has or had.")
    limit_per_member: int = strawberry.field(description="How many a member may have in the campaign.")
    may_have: bool = strawberry.field(description="Whether the member may have one now.")
    why_not: Refusal | None = strawberry.field(description="What a request would be refused for; null if it may.")


def terms_of(revision: CampaignRevision, offer: CouponOffer, programme: Programme, locale: str) -> CouponTerms:
    scope = offer.scope
    return CouponTerms(
        name=localised(offer.names, locale),
        rule=rule_name(revision.code, offer.code),
        face=_face(offer.face, programme),
        minimum_spend=money(offer.minimum_spend_minor, programme),
        scope=CouponScope(
            tiers=list(scope.tiers),
            excluded_tiers=list(scope.excluded_tiers),
            stores=list(scope.stores or sorted(revision.content.stores)),
            floors=list(scope.floors),
            excluded_floors=list(scope.excluded_floors),
            brands=list(scope.brands),
            excluded_brands=list(scope.excluded_brands),
            categories=list(scope.categories),
            excluded_categories=list(scope.excluded_categories),
            counters=list(scope.counters),
            excluded_counters=list(scope.excluded_counters),
        ),
    )


def _face(face: AmountOff | PercentOff, programme: Programme) -> CouponValue:
    if isinstance(face, AmountOff):
        return CouponValue(amount=money(face.amount_minor, programme), basis_points=None, most=None)
    return CouponValue(amount=None, basis_points=face.basis_points, most=money(face.most_minor, programme))


def coupon_node(
    coupon: model.Coupon,
    revisions: Mapping[RevisionId, CampaignRevision],
    directory: Directory,
    *,
    locale: str,
    now: datetime,
) -> Coupon:
    """`revisions` hold that of the coupon."""
    revision = revisions[coupon.revision_id]
    said = said_by(directory, revision, coupon.offer)
    programme = directory.programme(coupon.membership.programme_id)
    state = rules.state_at(coupon, now)
    return Coupon(
        id=global_id("Coupon", coupon.coupon_id),
        member_id=global_id("Member", coupon.membership.member_id),
        number=coupon_number(coupon.coupon_id),
        terms=terms_of(revision, said.offer, programme, locale),
        state=state,
        not_now=not_now(coupon, said, now),
        channel=coupon.channel,
        issued_at=coupon.issued_at,
        valid_from=coupon.valid_from,
        valid_until=coupon.valid_until,
        held_until=coupon.reserved_until if state is CouponState.RESERVED else None,
        sale_id=None if coupon.sale_id is None else global_id("Sale", coupon.sale_id),
    )


def offer_view(outlook: Outlook, directory: Directory, locale: str) -> CouponOfferView:
    offer, said = outlook.offer, outlook.said
    issue = said.offer.issue
    return CouponOfferView(
        offer_id=global_id("CouponOffer", offer.offer_id),
        terms=terms_of(said.revision, said.offer, directory.programme(offer.programme_id), locale),
        channel=offer.channel,
        price=Points(issue.points) if isinstance(issue, BoughtWithPoints) else None,
        opens_at=offer.opens_at,
        closes_at=offer.closes_at,
        taken=outlook.taken,
        limit_per_member=1 if offer.channel is Channel.TO_ALL else offer.member_limit,
        may_have=outlook.refusal is None,
        why_not=None if outlook.refusal is None else as_refusal(outlook.refusal),
    )
