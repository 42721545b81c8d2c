"""The till's use cases, as the GraphQL API calls them."""

from dataclasses import dataclass
from datetime import datetime

from membership.kernel.actor import Actor
from membership.receipts.model import QuoteId
from membership.tills import attaching, committing, quoting, returning
from membership.tills.context import Workings
from membership.tills.model import (
    AttachAnswer,
    AttachSale,
    CommitSale,
    ExchangeLines,
    QuoteAnswer,
    QuoteSale,
    ReturnAnswer,
    ReturnLines,
    SaleAnswer,
    VoidSale,
)


@dataclass(frozen=True, slots=True)
class Tills:
    """Each method is one transaction, safe to repeat under its idempotency key."""

    workings: Workings

    async def quote(self, actor: Actor, command: QuoteSale, now: datetime) -> QuoteAnswer:
        return await quoting.quote(self.workings, actor, command, now)

    async def renew_quote(self, actor: Actor, quote_id: QuoteId, now: datetime) -> datetime:
        return await quoting.renew(self.workings, actor, quote_id, now)

    async def abandon_quote(self, actor: Actor, quote_id: QuoteId, now: datetime) -> None:
        await quoting.abandon(self.workings, actor, quote_id, now)

    async def commit(self, actor: Actor, command: CommitSale, now: datetime) -> SaleAnswer:
        return await committing.commit(self.workings, actor, command, now)

    async def void(self, actor: Actor, command: VoidSale, now: datetime) -> ReturnAnswer:
        return await returning.void(self.workings, actor, command, now)

    async def return_lines(self, actor: Actor, command: ReturnLines, now: datetime) -> ReturnAnswer:
        return await returning.return_lines(self.workings, actor, command, now)

    async def exchange(self, actor: Actor, command: ExchangeLines, now: datetime) -> ReturnAnswer:
        return await returning.exchange(self.workings, actor, command, now)

    async def attach(self, actor: Actor, command: AttachSale, now: datetime) -> AttachAnswer:
        return await attaching.attach(self.workings, actor, command, now)
