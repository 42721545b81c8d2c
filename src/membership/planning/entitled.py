"""Gifts with a threshold, in a replay: at which receipt a member becomes entitled to how many, in which pool. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from membership.campaigns.content import GiftOffer, GiftPool, SpendThreshold, ThresholdPer
from membership.campaigns.engine.scoping import LineScope
from membership.campaigns.model import SaleDecision, SaleFacts
from membership.gifts.rules.claiming import is_for
from membership.gifts.rules.moments import ClaimWindow
from membership.gifts.rules.preparing import limit_per_day
from membership.members.model import MemberId
from membership.planning.tally import Tally
from membership.planning.wallets import lot
from membership.stores.model import Store, StoreId
from membership.stores.rules import business_day_starts


@dataclass(frozen=True, slots=True)
class ThresholdGift:
    """`windows`: when it can be claimed, by store and day of the draft."""

    offer: GiftOffer
    threshold: SpendThreshold
    lines: LineScope
    own_group: str
    windows: Mapping[tuple[StoreId, date], ClaimWindow]

    @property
    def group(self) -> str:
        """In which an amount counts once: the offer's own where none is said."""
        return self.offer.exclusive_group or self.own_group


class EntitledGifts:
    """One member's spend towards the thresholds, per store and day."""

    def __init__(self, member_id: MemberId, gifts: Iterable[ThresholdGift]) -> None:
        self._member_id = member_id
        self._gifts = tuple(gifts)
        self._spent: Counter[tuple[str, StoreId, date]] = Counter()
        self._unrewarded: defaultdict[tuple[str, StoreId, date], Counter[str]] = defaultdict(Counter)
        self._had: Counter[tuple[str, date | None]] = Counter()

    def count(self, tally: Tally, store: Store, day: date, facts: SaleFacts, decision: SaleDecision) -> None:
        """A receipt: what it adds, and the gifts that it takes over their threshold."""
        if facts.member is None or facts.at is None:
            return
        for gift in self._gifts:
            window = gift.windows.get((store.store_id, day))
            pools = [pool for pool in gift.offer.pools if is_for(gift.offer.scope, pool, facts.member.tier)]
            if window is None or not pools or facts.at >= window.closes_at:
                continue
            place = (gift.offer.code, store.store_id, day)
            by_brand = _spend(gift, facts, decision)
            self._spent[place] += by_brand.total()
            self._unrewarded[place] += by_brand
            pool, new = self._pool(gift, pools), self._new(gift, place)
            if new:
                for brand, minor in self._unrewarded.pop(place).items():
                    tally.earned_on[gift.offer.code, brand] += minor
            for _ in range(new):
                minute = _minute(store, day, max(facts.at, window.drops_at))
                tally.wanted[gift.offer.code, pool.code, store.store_id, day][minute] += 1

    def _new(self, gift: ThresholdGift, place: tuple[str, StoreId, date]) -> int:
        code, _, day = place
        reached = self._spent[place] // gift.threshold.minimum_spend_minor
        if gift.threshold.per is ThresholdPer.ONCE:
            reached = min(reached, 1)
        most = [reached, *_limits(gift.offer, self._had[code, None] - self._had[code, day])]
        new = max(0, min(most) - self._had[code, day])
        self._had[code, day] += new
        self._had[code, None] += new
        return new

    def _pool(self, gift: ThresholdGift, pools: list[GiftPool]) -> GiftPool:
        """Where a member may choose: members spread over the pools as their units do."""
        place = lot(self._member_id, gift.offer.code) % sum(pool.units_per_day for pool in pools)
        for pool in pools:
            place -= pool.units_per_day
            if place < 0:
                return pool
        return pools[-1]


def _limits(offer: GiftOffer, had_on_other_days: int) -> Iterable[int]:
    if (most := limit_per_day(offer)) is not None:
        yield most
    if offer.limit_per_member is not None:
        yield offer.limit_per_member - had_on_other_days


def _spend(gift: ThresholdGift, facts: SaleFacts, decision: SaleDecision) -> Counter[str]:
    """By brand, what of the receipt counts: paid, in scope, and not used by a coupon of the same exclusive group."""
    used: Counter[int] = Counter({line.line_no: line.discount_minor for line in decision.lines})
    for coupon in decision.coupons:
        if coupon.exclusive_group == gift.group:
            used.update({share.line_no: share.used_minor for share in coupon.shares})
    spend: Counter[str] = Counter()
    for line in facts.lines:
        if gift.lines.holds(line):
            spend[line.brand] += line.net_minor - used[line.line_no]
    return spend


def _minute(store: Store, day: date, at: datetime) -> int:
    return int((at - business_day_starts(store, day)).total_seconds()) // 60
