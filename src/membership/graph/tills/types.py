"""What a till is told, and how an answer of the journey becomes it."""

from collections.abc import Sequence
from datetime import date, datetime

import strawberry

import membership.graph.tills.enums  # noqa: F401 - describes the enums used below
from membership.campaigns.model import CouponApplied, LineDecision, Reason, ReasonGiven
from membership.graph.kit.cost import many
from membership.graph.kit.money import Money, money
from membership.graph.kit.relay import global_id
from membership.graph.kit.scalars import Points
from membership.graph.tills.inputs import MOST_COUPONS
from membership.receipts.model import MOST_LINES, ExceptionNoted, ReturnKind, SaleException
from membership.stores.model import Programme
from membership.tills import model
from membership.tills.model import AttachAnswer

MOST_REASONS = 5 * MOST_LINES
"""There are seldom more than one for a line."""


@strawberry.type(description="What a line counts for.")
class LineEarning:
    line_no: int = strawberry.field(description="Number of the line.")
    points: Points = strawberry.field(description="Points of all rules together.")
    tier_spend: Money = strawberry.field(description="What counts for the tier.")
    discount: Money = strawberry.field(description="What all coupons take off it.")


@strawberry.type(description="What a coupon takes off one line.")
class CouponLineShare:
    line_no: int = strawberry.field(description="Number of the line.")
    discount: Money = strawberry.field(description="What it takes off.")


@strawberry.type(description="A coupon that applies. Its shares sum to its discount.")
class AppliedCoupon:
    coupon_id: strawberry.ID = strawberry.field(description="The coupon.")
    rule: str = strawberry.field(description="Campaign and offer by their codes.")
    discount: Money = strawberry.field(description="What it takes off.")
    lines: list[CouponLineShare] = strawberry.field(description="Over the lines.", directives=many(MOST_LINES))


@strawberry.type(description="Why something did not earn, or earned otherwise than at the plain rate.")
class EarningReason:
    reason: Reason = strawberry.field(description="The reason.")
    line_no: int | None = strawberry.field(description="The line it holds for; null for the whole basket.")
    rule: str | None = strawberry.field(description="The rule, offer or tender type it is about, where there is one.")
    coupon_id: strawberry.ID | None = strawberry.field(description="The coupon it is about, where there is one.")
    amount: Money | None = strawberry.field(
        description="How much: what is missing to a minimum spend or in an exclusive group, what a coupon takes off."
    )
    points: Points | None = strawberry.field(description="How many points a cap left.")


@strawberry.type(description="A loyalty fault noted on a posted receipt.")
class NotedException:
    code: SaleException = strawberry.field(description="What it was.")
    points: Points | None = strawberry.field(description="Points that were asked for and not taken.")
    because: str | None = strawberry.field(description="Code of the refusal or reason behind it, where there was one.")
    coupon_id: strawberry.ID | None = strawberry.field(description="The coupon it is about, where there is one.")
    amount: Money | None = strawberry.field(description="What the till granted more than was due; below zero: less.")


@strawberry.type(description="The member's numbers, as they stand after the request.")
class MemberNumbers:
    tier: str = strawberry.field(description="Code of the tier.")
    tier_changed: bool = strawberry.field(description="Whether the request changed the tier.")
    available: Points = strawberry.field(description="Points that can be spent now.")
    pending: Points = strawberry.field(description="Points that can be spent later.")
    balance: Points = strawberry.field(description="All points of the member, those set aside included.")
    debt: Points = strawberry.field(description="Points owed after a return; new ones pay it first.")


@strawberry.type(description="What a basket would earn, kept for a short time.")
class QuoteSalePayload:
    quote_id: strawberry.ID | None = strawberry.field(description="For commitSale; null in training.")
    expires_at: datetime = strawberry.field(description="Until when the numbers hold and the points are set aside.")
    points: Points = strawberry.field(description="Points that the basket would earn.")
    lines: list[LineEarning] = strawberry.field(description="What each line counts for.", directives=many(MOST_LINES))
    reasons: list[EarningReason] = strawberry.field(
        description="Why something earns less or more.", directives=many(MOST_REASONS)
    )
    discount: Money = strawberry.field(description="What all coupons take off.")
    coupons: list[AppliedCoupon] = strawberry.field(
        description="The coupons that apply. They are held for this quote as long as it lives.",
        directives=many(MOST_COUPONS),
    )
    points_value: Money = strawberry.field(description="What the points to be spent pay for.")
    due: Money = strawberry.field(description="What remains to be paid.")
    member: MemberNumbers | None = strawberry.field(description="The member's numbers now; null if anonymous.")
    card_status: str | None = strawberry.field(description="State of the card that was shown, where one was.")
    terms_revision: int = strawberry.field(description="Revision of the programme's terms that decided.")
    ladder_revision: int = strawberry.field(description="Revision of the ladder of tiers that decided.")


@strawberry.type(description="A posted receipt, in the numbers of its moment.")
class CommitSalePayload:
    sale_id: strawberry.ID | None = strawberry.field(description="Global id of the sale; null in training.")
    business_date: date = strawberry.field(description="The business day it belongs to.")
    sequence: int = strawberry.field(description="The receipt's number.")
    net: Money = strawberry.field(description="The total before coupons and points.")
    discount: Money = strawberry.field(description="What the till granted for coupons.")
    coupons: list[AppliedCoupon] = strawberry.field(
        description="The coupons that apply.", directives=many(MOST_COUPONS)
    )
    points_earned: Points = strawberry.field(description="Points earned by all lines.")
    points_redeemed: Points = strawberry.field(description="Points spent.")
    lines: list[LineEarning] = strawberry.field(description="What each line counts for.", directives=many(MOST_LINES))
    reasons: list[EarningReason] = strawberry.field(
        description="Why something earned less or more.", directives=many(MOST_REASONS)
    )
    exceptions: list[NotedException] = strawberry.field(description="Loyalty faults that did not stop the posting.")
    member: MemberNumbers | None = strawberry.field(description="The member's numbers afterwards; null if anonymous.")


@strawberry.type(description="What a void, a return or an exchange moved.")
class ReturnPayload:
    return_id: strawberry.ID = strawberry.field(description="Global id of the return.")
    sale_id: strawberry.ID = strawberry.field(description="Global id of the sale.")
    kind: ReturnKind = strawberry.field(description="Void, return or exchange.")
    amount: Money = strawberry.field(description="What the returned goods were sold for.")
    discount: Money = strawberry.field(description="What coupons had taken off them.")
    refund: Money = strawberry.field(description="What the customer gets back: the amount less the discount.")
    coupon_ids: list[strawberry.ID] = strawberry.field(
        description="Coupons that were given back because nothing of their sale is kept."
    )
    points_clawed_back: Points = strawberry.field(description="Earned points taken back.")
    points_given_back: Points = strawberry.field(description="Spent points given back.")
    points_shortfall: Points = strawberry.field(description="Points due that could not be taken back.")
    member: MemberNumbers | None = strawberry.field(description="The member's numbers afterwards; null if anonymous.")
    exchanged_for: CommitSalePayload | None = strawberry.field(description="The new sale of an exchange.")


@strawberry.type(description="A quote with more time.")
class RenewQuotePayload:
    quote_id: strawberry.ID = strawberry.field(description="The quote.")
    expires_at: datetime = strawberry.field(description="Until when it holds now.")


@strawberry.type(description="An ended quote.")
class AbandonQuotePayload:
    quote_id: strawberry.ID = strawberry.field(description="The quote.")


@strawberry.type(description="A receipt credited to a member.")
class AttachSalePayload:
    sale_id: strawberry.ID = strawberry.field(description="Global id of the sale.")
    points_earned: Points = strawberry.field(description="Points that the receipt gave.")
    lines: list[LineEarning] = strawberry.field(description="What each line counts for.", directives=many(MOST_LINES))
    reasons: list[EarningReason] = strawberry.field(
        description="Why something earned less or more.", directives=many(MOST_REASONS)
    )
    member: MemberNumbers = strawberry.field(description="The member's numbers afterwards.")


def quote_payload(answer: model.QuoteAnswer, programme: Programme) -> QuoteSalePayload:
    return QuoteSalePayload(
        quote_id=None if answer.quote_id is None else global_id("Quote", answer.quote_id),
        expires_at=answer.expires_at,
        points=Points(answer.decision.points),
        lines=_lines(answer.decision.lines, programme),
        reasons=_reasons(answer.decision.reasons, programme),
        discount=money(answer.decision.discount_minor, programme),
        coupons=_coupons(answer.decision.coupons, programme),
        points_value=money(answer.facts.points_value_minor, programme),
        due=money(answer.due_minor, programme),
        member=_member(answer.member),
        card_status=answer.card_status,
        terms_revision=answer.facts.terms_revision,
        ladder_revision=answer.facts.ladder_revision,
    )


def sale_payload(answer: model.SaleAnswer, programme: Programme) -> CommitSalePayload:
    return CommitSalePayload(
        sale_id=None if answer.sale_id is None else global_id("Sale", answer.sale_id),
        business_date=answer.business_date,
        sequence=answer.sequence,
        net=money(answer.net_minor, programme),
        discount=money(answer.discount_minor, programme),
        coupons=_coupons(answer.decision.coupons, programme),
        points_earned=Points(answer.points_earned),
        points_redeemed=Points(answer.points_redeemed),
        lines=_lines(answer.decision.lines, programme),
        reasons=_reasons(answer.decision.reasons, programme),
        exceptions=[_exception(entry, programme) for entry in answer.exceptions],
        member=_member(answer.member),
    )


def return_payload(answer: model.ReturnAnswer, programme: Programme) -> ReturnPayload:
    return ReturnPayload(
        return_id=global_id("Return", answer.return_id),
        sale_id=global_id("Sale", answer.sale_id),
        kind=answer.kind,
        amount=money(answer.amount_minor, programme),
        discount=money(answer.discount_minor, programme),
        refund=money(answer.amount_minor - answer.discount_minor, programme),
        coupon_ids=[global_id("Coupon", coupon_id) for coupon_id in answer.coupons],
        points_clawed_back=Points(answer.points_clawed_back),
        points_given_back=Points(answer.points_given_back),
        points_shortfall=Points(answer.points_shortfall),
        member=_member(answer.member),
        exchanged_for=None if answer.exchanged_for is None else sale_payload(answer.exchanged_for, programme),
    )


def _lines(lines: Sequence[LineDecision], programme: Programme) -> list[LineEarning]:
    return [
        LineEarning(
            line_no=line.line_no,
            points=Points(line.points),
            tier_spend=money(line.tier_minor, programme),
            discount=money(line.discount_minor, programme),
        )
        for line in lines
    ]


def _coupons(coupons: Sequence[CouponApplied], programme: Programme) -> list[AppliedCoupon]:
    return [
        AppliedCoupon(
            coupon_id=global_id("Coupon", coupon.coupon_id),
            rule=coupon.rule,
            discount=money(coupon.discount_minor, programme),
            lines=[
                CouponLineShare(line_no=share.line_no, discount=money(share.discount_minor, programme))
                for share in coupon.shares
                if share.discount_minor
            ],
        )
        for coupon in coupons
    ]


def _reasons(reasons: Sequence[ReasonGiven], programme: Programme) -> list[EarningReason]:
    return [
        EarningReason(
            reason=entry.reason,
            line_no=entry.line_no,
            rule=entry.rule,
            coupon_id=None if entry.coupon_id is None else global_id("Coupon", entry.coupon_id),
            amount=None if entry.minor is None else money(entry.minor, programme),
            points=None if entry.points is None else Points(entry.points),
        )
        for entry in reasons
    ]


def _exception(entry: ExceptionNoted, programme: Programme) -> NotedException:
    return NotedException(
        code=entry.code,
        points=None if entry.points is None else Points(entry.points),
        because=entry.because,
        coupon_id=None if entry.coupon_id is None else global_id("Coupon", entry.coupon_id),
        amount=None if entry.minor is None else money(entry.minor, programme),
    )


def attach_payload(answer: AttachAnswer, programme: Programme) -> AttachSalePayload:
    return AttachSalePayload(
        sale_id=global_id("Sale", answer.sale_id),
        points_earned=Points(answer.points_earned),
        lines=_lines(answer.decision.lines, programme),
        reasons=_reasons(answer.decision.reasons, programme),
        member=_numbers(answer.member),
    )


def _member(member: model.MemberAfter | None) -> MemberNumbers | None:
    return None if member is None else _numbers(member)


def _numbers(member: model.MemberAfter) -> MemberNumbers:
    return MemberNumbers(
        tier=member.tier,
        tier_changed=member.tier_changed,
        available=Points(member.available),
        pending=Points(member.pending),
        balance=Points(member.balance),
        debt=Points(member.debt),
    )
