"""What a till is told, and how an answer of the journey becomes it."""

from collections.abc import Sequence
from datetime import date, datetime

import strawberry

import membership.graph.tills_enums  # noqa: F401 - describes the enums used below
from membership.campaigns.model import LineDecision, Reason, ReasonGiven
from membership.graph.money import Money, money
from membership.graph.relay import global_id
from membership.graph.scalars import Points
from membership.receipts.model import ExceptionNoted, ReturnKind, SaleException
from membership.stores.model import Programme
from membership.tills import model
from membership.tills.model import AttachAnswer


@strawberry.type(description="What a line counts for.")
class LineEarning:
    line_no: int = strawberry.field(description="Number of the line.")
    points: Points = strawberry.field(description="Points of all rules together.")
    tier_spend: Money = strawberry.field(description="What counts for the tier.")


@strawberry.type(description="Why something did not earn, or earned otherwise than at the plain rate.")
class EarningReason:
    reason: Reason = strawberry.field(description="The reason.")
    line_no: int | None = strawberry.field(description="The line it holds for; null for the whole basket.")
    rule: str | None = strawberry.field(description="The rule or tender type it is about, where there is one.")


@strawberry.type(description="A loyalty fault noted on a posted receipt.")
class NotedException:
    code: SaleException = strawberry.field(description="What it was.")
    points: Points | None = strawberry.field(description="Points that were asked for and not taken.")
    because: str | None = strawberry.field(description="Code of the refusal behind it, where there was one.")


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
    lines: list[LineEarning] = strawberry.field(description="What each line counts for.")
    reasons: list[EarningReason] = strawberry.field(description="Why something earns less or more.")
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
    net: Money = strawberry.field(description="The total.")
    points_earned: Points = strawberry.field(description="Points earned by all lines.")
    points_redeemed: Points = strawberry.field(description="Points spent.")
    lines: list[LineEarning] = strawberry.field(description="What each line counts for.")
    reasons: list[EarningReason] = strawberry.field(description="Why something earned less or more.")
    exceptions: list[NotedException] = strawberry.field(description="Loyalty faults that did not stop the posting.")
    member: MemberNumbers | None = strawberry.field(description="The member's numbers afterwards; null if anonymous.")


@strawberry.type(description="What a void, a return or an exchange moved.")
class ReturnPayload:
    return_id: strawberry.ID = strawberry.field(description="Global id of the return.")
    sale_id: strawberry.ID = strawberry.field(description="Global id of the sale.")
    kind: ReturnKind = strawberry.field(description="Void, return or exchange.")
    amount: Money = strawberry.field(description="What the returned goods were sold for.")
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
    lines: list[LineEarning] = strawberry.field(description="What each line counts for.")
    reasons: list[EarningReason] = strawberry.field(description="Why something earned less or more.")
    member: MemberNumbers = strawberry.field(description="The member's numbers afterwards.")


def quote_payload(answer: model.QuoteAnswer, programme: Programme) -> QuoteSalePayload:
    return QuoteSalePayload(
        quote_id=None if answer.quote_id is None else global_id("Quote", answer.quote_id),
        expires_at=answer.expires_at,
        points=Points(answer.decision.points),
        lines=_lines(answer.decision.lines, programme),
        reasons=_reasons(answer.decision.reasons),
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
        points_earned=Points(answer.points_earned),
        points_redeemed=Points(answer.points_redeemed),
        lines=_lines(answer.decision.lines, programme),
        reasons=_reasons(answer.decision.reasons),
        exceptions=[_exception(entry) for entry in answer.exceptions],
        member=_member(answer.member),
    )


def return_payload(answer: model.ReturnAnswer, programme: Programme) -> ReturnPayload:
    return ReturnPayload(
        return_id=global_id("Return", answer.return_id),
        sale_id=global_id("Sale", answer.sale_id),
        kind=answer.kind,
        amount=money(answer.amount_minor, programme),
        points_clawed_back=Points(answer.points_clawed_back),
        points_given_back=Points(answer.points_given_back),
        points_shortfall=Points(answer.points_shortfall),
        member=_member(answer.member),
        exchanged_for=None if answer.exchanged_for is None else sale_payload(answer.exchanged_for, programme),
    )


def _lines(lines: Sequence[LineDecision], programme: Programme) -> list[LineEarning]:
    return [
        LineEarning(line_no=line.line_no, points=Points(line.points), tier_spend=money(line.tier_minor, programme))
        for line in lines
    ]


def _reasons(reasons: Sequence[ReasonGiven]) -> list[EarningReason]:
    return [EarningReason(reason=entry.reason, line_no=entry.line_no, rule=entry.rule) for entry in reasons]


def _exception(entry: ExceptionNoted) -> NotedException:
    return NotedException(
        code=entry.code, points=None if entry.points is None else Points(entry.points), because=entry.because
    )


def attach_payload(answer: AttachAnswer, programme: Programme) -> AttachSalePayload:
    return AttachSalePayload(
        sale_id=global_id("Sale", answer.sale_id),
        points_earned=Points(answer.points_earned),
        lines=_lines(answer.decision.lines, programme),
        reasons=_reasons(answer.decision.reasons),
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
