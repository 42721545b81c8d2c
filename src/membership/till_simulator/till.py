"""One till: asks, keeps what it was told in the book, and sends again what got no answer."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from membership.kernel.ids import new_id
from membership.till_client import Busy, NoAnswer, Refusal, TillClient
from membership.till_client.generated.attach_sale import AttachSaleAttachSalePayload
from membership.till_client.generated.commit_sale import CommitSaleCommitSalePayload
from membership.till_client.generated.exchange_lines import ExchangeLinesReturnPayload
from membership.till_client.generated.identify_member import IdentifyMemberRecognisedMember
from membership.till_client.generated.input_types import (
    AttachSaleInput,
    BasketInput,
    CommitSaleInput,
    ExchangeLinesInput,
    MemberLookup,
    QuoteInput,
    QuoteSaleInput,
    ReturnLineInput,
    ReturnLinesInput,
    SaleLineInput,
    SaleLookup,
)
from membership.till_client.generated.quote_sale import QuoteSaleQuoteSalePayload
from membership.till_client.generated.return_lines import ReturnLinesReturnPayload
from membership.till_simulator.baskets import basket_of, lines_for, total_of
from membership.till_simulator.book import Book, Numbers, Receipt
from membership.till_simulator.clock import ServiceTime
from membership.till_simulator.shop import Shop, TillPlace

AnswerType = TypeVar("AnswerType")


@dataclass(frozen=True, slots=True)
class Customer:
    """How they are recognised, and as whom."""

    lookup: MemberLookup
    member_id: str


@dataclass(frozen=True, slots=True)
class Till:
    """Several may stand for the same till: then they share its numbers. `lines`: what everybody buys here, if not
    something by chance."""

    client: TillClient
    shop: Shop
    place: TillPlace
    store_id: str
    numbers: Numbers
    time: ServiceTime
    book: Book
    lines: Sequence[SaleLineInput] = ()

    def things(self, rng: Random) -> list[SaleLineInput]:
        """What a customer brings."""
        return list(self.lines) or lines_for(self.shop, self.place, rng)

    async def identify(self, lookup: MemberLookup) -> IdentifyMemberRecognisedMember | Refusal:
        answer = await self.client.identify_member(lookup)
        if isinstance(answer, Refusal):
            self.book.refused("IdentifyMember", answer)
        return answer

    async def quote(
        self,
        lines: Sequence[SaleLineInput],
        lookup: MemberLookup | None,
        *,
        tender: str | None = None,
        points: int = 0,
        training: bool = False,
    ) -> QuoteSaleQuoteSalePayload | Refusal:
        """`tender`: how it will be paid, where that is known. Some means of payment earn no points: a quote that does
        not know of them promises what the receipt will not have (NUMBERS_CHANGED)."""
        # What points pay is the quote's to say, and so is what is left for the other payment.
        due_minor = total_of(lines) if tender and not points else None
        basket = basket_of(self.shop, lines, tender=tender or "", due_minor=due_minor, points=points)
        asked = QuoteSaleInput(idempotency_key=_key(), basket=basket, member=lookup, training=training)
        answer = await self.client.quote_sale(asked)
        if isinstance(answer, Refusal):
            self.book.refused("QuoteSale", answer)
        else:
            self.time.learn(answer.expires_at)
        return answer

    async def abandon(self, quote: QuoteSaleQuoteSalePayload) -> None:
        if quote.quote_id is not None:
            answer = await self.client.abandon_quote(QuoteInput(quote_id=quote.quote_id))
            if isinstance(answer, Refusal):
                self.book.refused("AbandonQuote", answer)
            else:
                self.book.abandoned += 1

    async def commit(
        self, quote: QuoteSaleQuoteSalePayload, basket: BasketInput, customer: Customer | None
    ) -> CommitSaleCommitSalePayload | Refusal | None:
        """None: no answer yet; see `Book.unsettled`."""
        asked = CommitSaleInput(
            idempotency_key=_key(),
            basket=basket,
            sequence=next(self.numbers),
            sold_at=self.time.now(),
            quote_id=quote.quote_id,
        )
        return await self._surely(lambda: self._commit(asked, customer))

    async def take_back(self, receipt: Receipt, lines: dict[int, int]) -> ReturnLinesReturnPayload | Refusal | None:
        """`lines`: quantities by line number."""
        asked = ReturnLinesInput(
            idempotency_key=_key(),
            sale=SaleLookup(id=receipt.sale_id),
            lines=_returned(lines),
            sequence=next(self.numbers),
            returned_at=self.time.now(),
        )
        return await self._surely(lambda: self._take_back(asked, receipt, lines))

    async def exchange(
        self, receipt: Receipt, lines: dict[int, int], sold: Sequence[SaleLineInput]
    ) -> ExchangeLinesReturnPayload | Refusal | None:
        asked = ExchangeLinesInput(
            idempotency_key=_key(),
            sale=SaleLookup(id=receipt.sale_id),
            lines=_returned(lines),
            sequence=next(self.numbers),
            returned_at=self.time.now(),
            basket=basket_of(self.shop, sold, tender=self.shop.tenders[0], due_minor=total_of(sold)),
            sale_sequence=next(self.numbers),
        )
        return await self._surely(lambda: self._exchange(asked, receipt, lines))

    async def attach(self, receipt: Receipt, customer: Customer) -> AttachSaleAttachSalePayload | Refusal | None:
        """A receipt that was sold without a card."""
        asked = AttachSaleInput(
            idempotency_key=_key(),
            store_id=self.store_id,
            till=receipt.till,
            business_date=receipt.business_date,
            sequence=receipt.sequence,
            net_minor=receipt.net_minor,
            member=customer.lookup,
        )
        return await self._surely(lambda: self._attach(asked, receipt, customer))

    async def _surely(self, send: Callable[[], Awaitable[AnswerType]]) -> AnswerType | None:
        """What got no answer may have been done or not: it stays as it is, to be sent again."""
        try:
            return await send()
        except (Busy, NoAnswer) as failure:
            self.book.given_up[failure.label] += 1
            self.book.unsettled.append(send)
            return None

    async def _commit(self, asked: CommitSaleInput, customer: Customer | None) -> CommitSaleCommitSalePayload | Refusal:
        answer = await self.client.commit_sale(asked)
        if isinstance(answer, Refusal):
            self.book.refused("CommitSale", answer)
            return answer
        self.book.exceptions.update(entry.code.value for entry in answer.exceptions)
        self._believe(asked.basket, answer, customer.member_id if customer and answer.member else None)
        return answer

    def _believe(self, basket: BasketInput, answer: CommitSaleCommitSalePayload, member_id: str | None) -> None:
        self.book.receipts.append(
            Receipt(
                till=self.place.code,
                business_date=answer.business_date,
                sequence=answer.sequence,
                sale_id=answer.sale_id or "",
                net_minor=total_of(basket.lines),
                discount_minor=answer.discount.amount_minor,
                quantities={line.line_no: line.quantity for line in basket.lines},
                member_id=member_id,
            )
        )
        if member_id is not None:
            self.book.points[member_id] += answer.points_earned - answer.points_redeemed

    async def _take_back(
        self, asked: ReturnLinesInput, receipt: Receipt, lines: dict[int, int]
    ) -> ReturnLinesReturnPayload | Refusal:
        answer = await self.client.return_lines(asked)
        if isinstance(answer, Refusal):
            self.book.refused("ReturnLines", answer)
            return answer
        self._believe_return(answer, receipt, lines)
        return answer

    async def _exchange(
        self, asked: ExchangeLinesInput, receipt: Receipt, lines: dict[int, int]
    ) -> ExchangeLinesReturnPayload | Refusal:
        answer = await self.client.exchange_lines(asked)
        if isinstance(answer, Refusal):
            self.book.refused("ExchangeLines", answer)
            return answer
        self._believe_return(answer, receipt, lines)
        new = answer.exchanged_for
        # A till that was not told of the new sale believes in it all the same: it has handed out the goods.
        self.book.receipts.append(
            Receipt(
                till=self.place.code,
                business_date=receipt.business_date,
                sequence=asked.sale_sequence,
                sale_id=new.sale_id or "" if new else "",
                net_minor=total_of(asked.basket.lines),
                discount_minor=new.discount.amount_minor if new else 0,
                quantities={line.line_no: line.quantity for line in asked.basket.lines},
                member_id=receipt.member_id,
            )
        )
        if receipt.member_id is not None and new is not None:
            self.book.points[receipt.member_id] += new.points_earned
        return answer

    def _believe_return(
        self, answer: ReturnLinesReturnPayload | ExchangeLinesReturnPayload, receipt: Receipt, lines: dict[int, int]
    ) -> None:
        receipt.returned += Counter(lines)
        if receipt.member_id is not None:
            taken = answer.points_clawed_back + answer.points_shortfall
            self.book.points[receipt.member_id] += answer.points_given_back - taken

    async def _attach(
        self, asked: AttachSaleInput, receipt: Receipt, customer: Customer
    ) -> AttachSaleAttachSalePayload | Refusal:
        answer = await self.client.attach_sale(asked)
        if isinstance(answer, Refusal):
            self.book.refused("AttachSale", answer)
            return answer
        receipt.member_id = customer.member_id
        self.book.points[customer.member_id] += answer.points_earned
        return answer


def _returned(lines: dict[int, int]) -> list[ReturnLineInput]:
    return [ReturnLineInput(line_no=number, quantity=quantity) for number, quantity in lines.items()]


def _key() -> str:
    return str(new_id())
