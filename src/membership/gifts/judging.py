"""After a return: are the gifts of that day still covered? Same-day returns wait for the end of the day, since an
exchange must not cost the gift; a later one is judged at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from membership.gifts import store
from membership.gifts.changes import apply
from membership.gifts.covering import Coverage, Coverer, Day, write
from membership.gifts.model import Gift, Judgement
from membership.gifts.rules import changing
from membership.gifts.rules.changing import Change
from membership.gifts.rules.states import WAITING
from membership.gifts.units import Units
from membership.members.service import lock_membership
from membership.postgres.database import Database
from membership.postgres.outbox import RELAY, Delivery, Handlers
from membership.postgres.transaction import Transaction
from membership.receipts.model import ReturnId, SaleId
from membership.stores.rules import business_day_ends
from membership.stores.service import DirectoryCache


@dataclass(frozen=True, slots=True)
class Judge:
    """One per worker."""

    directories: DirectoryCache
    coverer: Coverer
    units: Units

    def react(self, handlers: Handlers) -> None:
        handlers.on("sales.returned", self.after_return)
        handlers.on("sales.voided", self.after_return)
        handlers.on("sales.committed", self.after_sale)
        handlers.on("sales.attached", self.after_sale)

    async def after_return(self, tx: Transaction, delivery: Delivery) -> None:
        found = await store.find_returned_day(tx.conn, ReturnId(UUID(str(delivery.payload["return_id"]))))
        if found is None:
            return
        membership, store_id, day, returned_on = found
        shop = (await self.directories.directory(tx.now)).store(store_id)
        judgement = Judgement(membership, store_id, day, business_day_ends(shop, day))
        if returned_on == day:
            await store.insert_judgement(tx.conn, judgement)
        else:
            await self._judge(tx, judgement)

    async def after_sale(self, tx: Transaction, delivery: Delivery) -> None:
        """A receipt that was reported late may cover a gift again that is to be brought back."""
        found = await store.find_day_to_win_back(tx.conn, SaleId(UUID(str(delivery.payload["sale_id"]))))
        if found is not None:
            membership, store_id, day = found
            await self._judge(tx, Judgement(membership, store_id, day, tx.now))

    async def judge(self, database: Database, judgement: Judgement, now: datetime) -> None:
        """A day that has ended, in a transaction of its own. Harmless to repeat."""
        async with database.engine(RELAY, now) as tx:
            await self._judge(tx, judgement)
            await store.delete_judgement(tx.conn, judgement)

    async def _judge(self, tx: Transaction, judgement: Judgement) -> None:
        """Under the member's lock, then the gifts', then the pools' of those that are cancelled."""
        owner = (await lock_membership(tx.conn, judgement.membership)).key
        day = Day(owner, judgement.store_id, judgement.day)
        gifts = await store.lock_day_gifts(tx.conn, day.membership, day.store_id, day.day)
        by_group: dict[str, list[Gift]] = defaultdict(list)
        for gift in gifts:
            if gift.threshold is not None:
                by_group[gift.threshold.group].append(gift)
        cancelled: list[Gift] = []
        for group, of_group in sorted(by_group.items()):
            cancelled += await self._judge_group(tx, day, group, of_group)
        await self.units.give_back(tx, cancelled, frees_limit=True)

    async def _judge_group(self, tx: Transaction, day: Day, group: str, gifts: Sequence[Gift]) -> list[Gift]:
        """Those that are cancelled."""
        directory = await self.directories.directory(tx.now)
        coverage = await self.coverer.cover(tx.conn, day, directory, group=group, gifts=gifts)
        await write(tx.conn, coverage, before=gifts, now=tx.now)
        changes = _changes(gifts, coverage)
        if not changes:
            return []
        await apply(tx, gifts, changes)
        changed = {change.gift_id for change in changes}
        return [gift for gift in gifts if gift.state in WAITING and gift.gift_id in changed]


def _changes(gifts: Sequence[Gift], coverage: Coverage) -> list[Change]:
    return [
        change for gift in gifts for change in changing.judge(gift, is_covered=coverage.covers[gift.gift_id].is_covered)
    ]
