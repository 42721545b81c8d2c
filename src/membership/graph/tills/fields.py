"""The till's conversation: quote, commit, void, return, exchange; and a forgotten receipt."""

import strawberry

from membership.cards.errors import SpentCode
from membership.coupons.errors import CouponHeldElsewhere
from membership.graph.cards.fields import IDENTIFY_REFUSALS
from membership.graph.kit.context import Info
from membership.graph.kit.fields import mutation
from membership.graph.tills.inputs import (
    AttachSaleInput,
    CommitSaleInput,
    ExchangeLinesInput,
    QuoteInput,
    QuoteSaleInput,
    ReturnLinesInput,
    VoidSaleInput,
)
from membership.graph.tills.types import (
    AbandonQuotePayload,
    AttachSalePayload,
    CommitSalePayload,
    QuoteSalePayload,
    RenewQuotePayload,
    ReturnPayload,
    attach_payload,
    quote_payload,
    return_payload,
    sale_payload,
)
from membership.kernel.payment_cards import PaymentCardNumber
from membership.points.errors import NotEnoughPoints
from membership.postgres.idempotency import IdempotencyConflict
from membership.receipts import errors as receipts
from membership.stores.errors import UnknownStore, UnknownTill
from membership.stores.model import Programme, StoreId
from membership.tills import errors

TILL_REFUSALS = (UnknownTill, UnknownStore)
BASKET_REFUSALS = (
    *TILL_REFUSALS,
    IdempotencyConflict,
    receipts.EmptyBasket,
    receipts.TooManyLines,
    receipts.DuplicateLineNumber,
    receipts.QuantityOutOfRange,
    receipts.AmountOutOfRange,
    receipts.WrongCurrency,
    receipts.UnknownCategory,
    receipts.UnknownCounter,
    receipts.UnknownTenderType,
    receipts.TendersDoNotAddUp,
)
COMMIT_REFUSALS = (
    *BASKET_REFUSALS,
    receipts.SequenceOutOfRange,
    receipts.SoldAtOutOfRange,
    receipts.NaturalKeyConflict,
)
RETURN_REFUSALS = (
    *TILL_REFUSALS,
    IdempotencyConflict,
    receipts.UnknownSale,
    receipts.SaleIsVoided,
    receipts.SaleChangedMeanwhile,
)
LINES_REFUSALS = (
    *RETURN_REFUSALS,
    receipts.EmptyBasket,
    receipts.DuplicateLineNumber,
    receipts.QuantityOutOfRange,
    receipts.UnknownLine,
    receipts.ReturnExceedsSale,
    receipts.ReturnedBeforeSold,
    receipts.SequenceOutOfRange,
    receipts.SoldAtOutOfRange,
    receipts.NaturalKeyConflict,
)


@strawberry.type
class TillsMutation:
    @mutation(
        *BASKET_REFUSALS,
        *IDENTIFY_REFUSALS,
        SpentCode,
        PaymentCardNumber,
        errors.SpendingNeedsMember,
        errors.SpendingNotConfirmed,
        errors.RedemptionNotOffered,
        errors.PointsNotInBlocks,
        errors.ShortBalance,
        errors.MemberInDebt,
        errors.PointsExceedTotal,
        errors.CardIsBlocked,
        NotEnoughPoints,
        CouponHeldElsewhere,
        description="What a basket would earn, which coupons apply, and why, kept for 120 s; sets aside the points to "
        "be spent and holds the coupons.",
    )
    async def quote_sale(self, info: Info, input: QuoteSaleInput) -> QuoteSalePayload:  # noqa: A002
        context = info.context
        answer = await context.services.tills.quote(context.actor, input.to_model(), context.now)
        return quote_payload(answer, await _programme(info))

    @mutation(
        *TILL_REFUSALS,
        receipts.UnknownQuote,
        receipts.QuoteNotOpen,
        NotEnoughPoints,
        description="Give an open quote another 120 s.",
    )
    async def renew_quote(self, info: Info, input: QuoteInput) -> RenewQuotePayload:  # noqa: A002
        context = info.context
        expires_at = await context.services.tills.renew_quote(context.actor, input.key(), context.now)
        return RenewQuotePayload(quote_id=input.quote_id, expires_at=expires_at)

    @mutation(
        *TILL_REFUSALS,
        receipts.UnknownQuote,
        receipts.QuoteNotOpen,
        description="End a quote without a sale, and set its points free.",
    )
    async def abandon_quote(self, info: Info, input: QuoteInput) -> AbandonQuotePayload:  # noqa: A002
        context = info.context
        await context.services.tills.abandon_quote(context.actor, input.key(), context.now)
        return AbandonQuotePayload(quote_id=input.quote_id)

    @mutation(
        *COMMIT_REFUSALS,
        errors.AnswerChanged,
        description="Post a receipt that was paid. Loyalty faults never refuse it: they are noted in `exceptions`.",
    )
    async def commit_sale(self, info: Info, input: CommitSaleInput) -> CommitSalePayload:  # noqa: A002
        context = info.context
        answer = await context.services.tills.commit(context.actor, input.to_model(), context.now)
        return sale_payload(answer, await _programme(info))

    @mutation(
        *RETURN_REFUSALS,
        receipts.VoidAfterReturn,
        receipts.VoidAfterCutover,
        description="Undo a whole sale on its own business day.",
    )
    async def void_sale(self, info: Info, input: VoidSaleInput) -> ReturnPayload:  # noqa: A002
        context = info.context
        answer = await context.services.tills.void(context.actor, input.to_model(), context.now)
        return return_payload(answer, await _programme(info))

    @mutation(*LINES_REFUSALS, description="Take lines of a sale back, in any number of parts.")
    async def return_lines(self, info: Info, input: ReturnLinesInput) -> ReturnPayload:  # noqa: A002
        context = info.context
        answer = await context.services.tills.return_lines(context.actor, input.to_model(), context.now)
        return return_payload(answer, await _programme(info))

    @mutation(
        *dict.fromkeys((*LINES_REFUSALS, *COMMIT_REFUSALS)),
        description="Take lines of a sale back and sell others, both or neither.",
    )
    async def exchange_lines(self, info: Info, input: ExchangeLinesInput) -> ReturnPayload:  # noqa: A002
        context = info.context
        answer = await context.services.tills.exchange(context.actor, input.to_model(), context.now)
        return return_payload(answer, await _programme(info))

    @mutation(
        UnknownStore,
        IdempotencyConflict,
        *IDENTIFY_REFUSALS,
        receipts.UnknownSale,
        receipts.AlreadyAttached,
        receipts.AttachTooLate,
        receipts.SaleChangedMeanwhile,
        description="Credit a receipt that was sold without a card, once, by the rules of the sale's time.",
    )
    async def attach_sale(self, info: Info, input: AttachSaleInput) -> AttachSalePayload:  # noqa: A002
        context = info.context
        command = input.to_model()
        answer = await context.services.tills.attach(context.actor, command, context.now)
        directory = await context.directory()
        return attach_payload(answer, directory.programme(directory.store(command.store_id).programme_id))


async def _programme(info: Info) -> Programme:
    directory = await info.context.directory()
    actor = info.context.actor
    if actor.store_id is None:
        raise UnknownStore("(none in the token)")
    return directory.programme(directory.store(StoreId(actor.store_id)).programme_id)
