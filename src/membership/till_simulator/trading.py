"""Customers come, one after the other at each till, until the time or their number is up."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random

from membership.till_client import Busy, NoAnswer, Refusal, TillClientError
from membership.till_client.generated.input_types import SaleLineInput
from membership.till_client.generated.quote_sale import QuoteSaleQuoteSalePayload
from membership.till_simulator.baskets import basket_of
from membership.till_simulator.book import PURCHASE, Receipt, printed
from membership.till_simulator.opening import Doors
from membership.till_simulator.till import Customer, Till

Advance = Callable[[float], None]
"""Called with the seconds that have passed."""
IsOpen = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Mix:
    """Of each hundred customers so many; returns, exchanges, look-ups and forgotten cards are shares of what was
    sold."""

    anonymous: float = 0.1
    quoted_twice: float = 0.3
    abandoned: float = 0.1
    returned: float = 0.05
    exchanged: float = 0.2
    """Of what is returned."""
    looked_up: float = 0.05
    attached: float = 0.3
    """Of what was sold without a card."""


class Day:
    """`most`: customers in all, whatever the time. Once `is_open` says no, nobody comes in any more.
    `goes_on`: also after what no repeat would mend, such as a bug; the customer is gone then."""

    def __init__(
        self,
        doors: Doors,
        rng: Random,
        *,
        seconds: float,
        most: int,
        mix: Mix = Mix(),
        is_open: IsOpen = lambda: True,
        goes_on: bool = False,
    ) -> None:
        self._doors = doors
        self._rng = rng
        self._seconds = seconds
        self._most = most
        self._mix = mix
        self._is_open = is_open
        self._lets_go: tuple[type[TillClientError], ...] = (TillClientError,) if goes_on else (Busy, NoAnswer)
        self._served = count(1)

    async def trade(self, advance: Advance = lambda _seconds: None) -> float:
        """Returns how many seconds it took. Raises TillClientError for what no repeat would mend."""
        clock = asyncio.get_running_loop().time
        began = clock()
        ends_at = began + self._seconds

        async def stand_at(till: Till) -> None:
            own: list[Receipt] = []
            while clock() < ends_at and self._is_open() and next(self._served) <= self._most:
                await self._serve(till, own)
                advance(clock() - began)

        async with asyncio.TaskGroup() as group:
            for till in self._doors.tills:
                group.create_task(stand_at(till))
        return clock() - began

    async def _serve(self, till: Till, own: list[Receipt]) -> None:
        """What is asked without a promise is given up when it gets no answer: the customer is gone."""
        try:
            await self._sell(till, own)
            if own and self._is(self._mix.returned):
                await self._bring_back(till, own)
            if own and self._is(self._mix.looked_up):
                await self._look_up(till, self._rng.choice(own))
        except self._lets_go as failure:
            till.book.given_up[failure.label] += 1

    async def _sell(self, till: Till, own: list[Receipt]) -> None:
        clock = asyncio.get_running_loop().time
        began, lines = clock(), till.things(self._rng)
        customer = await self._customer(till)
        tender = self._rng.choice(till.shop.tenders)
        quote = await self._quote(till, lines, customer, tender)
        if quote is None:
            return
        if self._is(self._mix.abandoned):
            await till.abandon(quote)
            return
        basket = basket_of(till.shop, lines, tender=tender, due_minor=quote.due.amount_minor)
        answer = await till.commit(quote, basket, customer)
        if answer is None or isinstance(answer, Refusal):
            return
        till.book.seconds[PURCHASE].append(clock() - began)
        receipt = next(entry for entry in reversed(till.book.receipts) if entry.sale_id == answer.sale_id)
        own.append(receipt)
        may_attach = customer is None and self._doors.customers and receipt.till
        if may_attach and self._is(self._mix.attached):
            await till.attach(receipt, self._rng.choice(self._doors.customers))

    async def _customer(self, till: Till) -> Customer | None:
        if not self._doors.customers or self._is(self._mix.anonymous):
            return None
        customer = self._rng.choice(self._doors.customers)
        return None if isinstance(await till.identify(customer.lookup), Refusal) else customer

    async def _quote(
        self, till: Till, lines: list[SaleLineInput], customer: Customer | None, tender: str
    ) -> QuoteSaleQuoteSalePayload | None:
        """The customer thinks twice now and then: the first quote is ended, and lets go of its coupons."""
        lookup = customer.lookup if customer else None
        if self._is(self._mix.quoted_twice):
            first = await till.quote(lines, lookup, tender=tender)
            if not isinstance(first, Refusal):
                await till.abandon(first)
        quote = await till.quote(lines, lookup, tender=tender)
        return None if isinstance(quote, Refusal) else quote

    async def _bring_back(self, till: Till, own: list[Receipt]) -> None:
        """One piece of one line of a receipt of this till, if there is one left."""
        receipt = self._rng.choice(own)
        left = [number for number, sold in receipt.quantities.items() if sold > receipt.returned[number]]
        if not left:
            return
        line = {self._rng.choice(left): 1}
        if self._is(self._mix.exchanged):
            await till.exchange(receipt, line, till.things(self._rng))
        else:
            await till.take_back(receipt, line)

    async def _look_up(self, till: Till, receipt: Receipt) -> None:
        await till.client.find_sale(printed(receipt.till, receipt.business_date, receipt.sequence))

    def _is(self, share: float) -> bool:
        return self._rng.random() < share
