"""Gifts that wait at the counter of a visit, as journeys ask for it inside their transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import GiftOffer
from membership.gifts import events, store
from membership.gifts.errors import GiftCannotWaitSoLong, GiftStaysAtDesk, GiftVisitOver, GiftWrongStore, UnknownGift
from membership.gifts.model import Gift, GiftId, Gone, Occasion
from membership.gifts.rules import waiting
from membership.gifts.rules.waiting import Placing
from membership.members.model import MembershipKey
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.service import Directory, DirectoryCache

_CANNOT_FOLLOW = (GiftWrongStore, GiftStaysAtDesk, GiftCannotWaitSoLong, GiftVisitOver)


@dataclass(frozen=True, slots=True)
class GiftWaits:
    """One per process. The lock of the gifts' member is held, and of the appointments; those of gifts come after."""

    campaigns: CampaignCache
    directories: DirectoryCache

    async def send(self, tx: Transaction, owner: MembershipKey, gift_id: GiftId, stop: Occasion) -> Gift:
        """To the counter of a stop. Raises UnknownGift, and what rules.waiting.send refuses."""
        gift = await store.lock_gift(tx.conn, gift_id)
        if gift is None or gift.membership != owner:
            raise UnknownGift
        return await write_placing(tx, gift, await self._sent(tx, gift, stop))

    async def follow(self, tx: Transaction, stops: Mapping[UUID, Occasion | Gone]) -> None:
        """What becomes of gifts when stops, by their UIDs, were moved or are no more: they go along, or back to their
        desk."""
        directory = await self.directories.directory(tx.now)
        for gift in await store.lock_gifts_of_visits(tx.conn, stops.keys()):
            if gift.collect_until <= tx.now or gift.wait is None:
                continue  # nobody came in time: it is about to be forfeited
            stop = stops[gift.wait.uid]
            if isinstance(stop, Gone) or not await self._goes_along(tx, gift, stop):
                by_house = isinstance(stop, Gone) and stop.by_house
                await self._bring_home(tx, gift, directory, by_house=by_house)

    async def _goes_along(self, tx: Transaction, gift: Gift, stop: Occasion) -> bool:
        try:
            placing = await self._sent(tx, gift, stop)
        except _CANNOT_FOLLOW:
            return False
        await write_placing(tx, gift, placing)
        return True

    async def _sent(self, tx: Transaction, gift: Gift, stop: Occasion) -> Placing | None:
        """By the rule that it was claimed under."""
        directory = await self.directories.directory(tx.now)
        revision = await self.campaigns.revision(gift.revision_id)
        rule = next(rule for rule in revision.content.rules_of(GiftOffer) if rule.code == gift.rule_code)
        return waiting.send(
            gift,
            stop,
            rule.collection,
            store=directory.store(gift.store_id),
            desk=directory.counter(gift.counter_id).code,
            now=tx.now,
        )

    async def _bring_home(self, tx: Transaction, gift: Gift, directory: Directory, *, by_house: bool) -> None:
        placing = waiting.bring_home(gift, tx.now, directory.store(gift.store_id), by_house=by_house)
        tx.emit(events.back_at_desk(await write_placing(tx, gift, placing)))


async def write_placing(tx: Transaction, gift: Gift, placing: Placing | None) -> Gift:
    """The gift as it stands then. It is locked. None: as it is."""
    if placing is None:
        return gift
    if not await store.write_placings(tx.conn, [placing], actor=tx.actor, now=tx.now):
        raise RuntimeError("a gift was sent that was not locked")
    tx.audit_staff(
        AuditEntry(
            f"gifts.{placing.cause.value.lower()}",
            "gift",
            str(gift.gift_id),
            member_id=gift.membership.member_id,
            programme_id=gift.membership.programme_id,
            after={"counter_id": str(gift.counter_id if placing.wait is None else placing.wait.counter_id)},
        )
    )
    return waiting.placed(gift, placing)
