"""The spend behind gifts with a threshold: read under the member's lock, shared out, written as amounts used (C6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import GiftOffer, Scope
from membership.gifts import store
from membership.gifts.model import Gift, GiftId
from membership.gifts.rules.cover import Cover, Taker, lines_in_scope, share_out
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.receipts.amounts import free_amounts, use_amounts
from membership.receipts.model import AmountUse, UsedBy
from membership.stores.model import StoreId
from membership.stores.rules import business_day_ends
from membership.stores.service import Directory


@dataclass(frozen=True, slots=True)
class Day:
    """A member's business day in a store."""

    membership: MembershipKey
    store_id: StoreId
    day: date


@dataclass(frozen=True, slots=True)
class Coverage:
    """How the amounts of a day are shared out among its gifts of one exclusive group."""

    group: str
    covers: dict[GiftId, Cover]

    def uses(self) -> list[AmountUse]:
        return [
            AmountUse(cover.gift_id, sale_id, line_no, self.group, amount_minor)
            for cover in self.covers.values()
            for (sale_id, line_no), amount_minor in cover.amounts.items()
        ]


@dataclass(frozen=True, slots=True)
class Coverer:
    """Knows the rules that gifts were claimed under. One per process."""

    campaigns: CampaignCache

    async def cover(self, conn: Conn, day: Day, directory: Directory, *, group: str, gifts: Sequence[Gift]) -> Coverage:
        """Share the day's amounts out among these gifts of a group, in their order. Reads; writes nothing."""
        lines = await store.list_day_lines(
            conn,
            day.membership,
            day.store_id,
            day.day,
            ends_at=business_day_ends(directory.store(day.store_id), day.day),
            group=group,
            shared_out_anew=[gift.gift_id for gift in gifts],
        )
        scopes = await self._scopes(gifts)
        takers = [
            Taker(
                gift.gift_id,
                gift.state,
                0 if gift.threshold is None else gift.threshold.minimum_spend_minor,
                lines_in_scope(lines, scopes[gift.gift_id], directory),
            )
            for gift in gifts
        ]
        return Coverage(group, share_out(lines, takers))

    async def _scopes(self, gifts: Iterable[Gift]) -> dict[GiftId, Scope]:
        """Of the rule at the revision that each gift was claimed under: a later one does not change what it took."""
        gifts = list(gifts)
        revisions = await self.campaigns.revisions({gift.revision_id for gift in gifts})
        return {
            gift.gift_id: next(
                rule.scope
                for rule in revisions[gift.revision_id].content.rules_of(GiftOffer)
                if rule.code == gift.rule_code
            )
            for gift in gifts
        }


async def write(conn: Conn, coverage: Coverage, *, before: Sequence[Gift], now: datetime) -> None:
    """Two statements; one where no gift of the group had amounts before. The member's lock is held."""
    if before:
        await free_amounts(conn, UsedBy.GIFT, [gift.gift_id for gift in before])
    await use_amounts(conn, UsedBy.GIFT, coverage.uses(), now)
