"""One customer, told as a cashier sees it."""

from collections.abc import Sequence
from random import Random

from rich.console import Console
from rich.markup import escape

from membership.cli.till_text import WHY
from membership.kernel.clock import Clock
from membership.till_client import Refusal
from membership.till_client.generated.commit_sale import CommitSaleCommitSalePayload
from membership.till_client.generated.input_types import MemberLookup, SaleLineInput
from membership.till_client.generated.quote_sale import QuoteSaleQuoteSalePayload
from membership.till_client.generated.return_lines import ReturnLinesReturnPayload
from membership.till_simulator.baskets import basket_of, total_of
from membership.till_simulator.opening import Line, opened
from membership.till_simulator.shop import Shop
from membership.till_simulator.till import Customer, Till


class Showing:
    def __init__(self, shop: Shop, console: Console) -> None:
        self._shop = shop
        self._console = console

    async def sale(
        self,
        line: Line,
        clock: Clock,
        lookups: Sequence[MemberLookup],
        lines: Sequence[SaleLineInput],
        *,
        points: int,
        seed: int,
    ) -> bool:
        """Whether it was sold. Raises NoShop, TillClientError."""
        rng = Random(seed)  # noqa: S311 - the same things every time
        async with opened(self._shop, line, tills=1, clock=clock, rng=rng, lines=lines) as doors:
            (till,), (self._cutter,) = doors.tills, doors.cutters
            customer = None
            for lookup in lookups[:1]:
                customer = await self._recognise(till, lookup)
                if customer is None:
                    return False
            return await self._serve(till, customer, till.things(rng), points)

    async def _recognise(self, till: Till, lookup: MemberLookup) -> Customer | None:
        found = await till.identify(lookup)
        if isinstance(found, Refusal):
            self._refused("Not recognised", found)
            return None
        status = f", card {found.card_status.value}" if found.card_status else ""
        self._say(
            "Customer", f"{found.masked_name or 'a member'}, tier {found.tier}, {found.available:,} points{status}"
        )
        return Customer(lookup, found.member_id)

    async def _serve(self, till: Till, customer: Customer | None, lines: list[SaleLineInput], points: int) -> bool:
        sold = ", ".join(f"{line.quantity} × {line.category} {self._shop.amount(line.net_minor)}" for line in lines)
        self._say("Basket", f"{sold}; {self._shop.amount(total_of(lines))} in all")
        lookup, tender = customer.lookup if customer else None, self._shop.tenders[0]
        quote = await till.quote(lines, lookup, tender=tender, points=points)
        if isinstance(quote, Refusal):
            self._refused("No quote", quote)
            return False
        self._quoted(quote)
        basket = basket_of(self._shop, lines, tender=tender, due_minor=quote.due.amount_minor, points=points)
        self._cutter.cut_next()
        answer = await till.commit(quote, basket, customer)
        self._say("Line", "cut while the receipt was on its way; sent again with the same key, and booked once")
        if answer is None or isinstance(answer, Refusal):
            self._refused("Not booked", answer)
            return False
        self._sold(answer)
        receipt = till.book.receipts[-1]
        earned = {line.line_no: line.points for line in answer.lines}
        # Some brands give no points: what shows something is the line that earned most.
        best = max(lines, key=lambda line: earned.get(line.line_no, 0))
        back = await till.take_back(receipt, {best.line_no: 1})
        if back is None or isinstance(back, Refusal):
            self._refused("Not taken back", back)
            return False
        self._returned(back)
        return True

    def _quoted(self, quote: QuoteSaleQuoteSalePayload) -> None:
        for coupon in quote.coupons:
            self._say("Coupon", f"{coupon.rule} takes off {self._shop.amount(coupon.discount.amount_minor)}")
        reasons = sorted({entry.reason.value + (f" {entry.rule}" if entry.rule else "") for entry in quote.reasons})
        self._say(
            "Quote",
            f"{self._shop.amount(quote.due.amount_minor)} to pay, earns {quote.points:,} points"
            + (f" ({', '.join(reasons)})" if reasons else "")
            + f"; good until {quote.expires_at:%H:%M:%S %Z}",
        )

    def _sold(self, answer: CommitSaleCommitSalePayload) -> None:
        self._say("Receipt", f"no. {answer.sequence} of {answer.business_date}, {answer.points_earned:,} points earned")
        for noted in answer.exceptions:
            self._say("Noted", f"{noted.code.value}{f' ({noted.because})' if noted.because else ''}")
            if noted.code.value in WHY:
                self._say("", WHY[noted.code.value])
        if answer.member is not None:
            changed = " (new!)" if answer.member.tier_changed else ""
            self._say(
                "Member",
                f"tier {answer.member.tier}{changed}, {answer.member.available:,} points, "
                f"{answer.member.pending:,} more to come",
            )

    def _returned(self, back: ReturnLinesReturnPayload) -> None:
        self._say(
            "Return",
            f"one piece back: {self._shop.amount(back.refund.amount_minor)} refunded, "
            f"{back.points_clawed_back:,} points taken back",
        )

    def _say(self, what: str, text: str) -> None:
        self._console.print(f"[bold]{what:<10}[/] {escape(text)}")

    def _refused(self, what: str, refusal: Refusal | None) -> None:
        """The message says the way out."""
        if refusal is None:
            self._console.print(f"[red]{what}[/]: no answer. Send it again as it was: nothing is done twice.")
        else:
            self._console.print(f"[red]{what}[/]: {escape(refusal.message)} [dim]({escape(refusal.code)})[/]")
