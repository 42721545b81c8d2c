"""One membership in last year's anniversary: its coupons, its gifts, and what capped rules have given it."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from random import Random

from membership.campaigns.content import EarnRule
from membership.campaigns.model import (
    CampaignRevision,
    CouponId,
    EarnedBefore,
    RevisionId,
    SaleDecision,
    rule_name,
)
from membership.gifts.model import DayLine, GiftId
from membership.members.model import MembershipKey
from membership.receipts.model import SaleId
from membership.sample.anniversary import Anniversary
from membership.sample.arrivals import Won
from membership.sample.moments import MomentIds
from membership.sample.place import Place
from membership.sample.presents import Presents
from membership.sample.stock import Stock, Withdrawals
from membership.sample.wallets import Wallet

_USES_COUPONS_PERCENT = 78
_ISSUED_AFTER = timedelta(minutes=5)


class Part:
    """Asked before a sale, told after it. Everything is told in order of time."""

    def __init__(
        self,
        anniversary: Anniversary,
        place: Place,
        membership: MembershipKey,
        *,
        rng: Random,
        stock: Stock,
        won: Sequence[Won],
        lines_of: Callable[[date], list[DayLine]],
        code_of: Callable[[GiftId], str],
    ) -> None:
        revision = anniversary.revision
        self._anniversary, self._rng = anniversary, rng
        self._issued = False
        self._capped = {
            rule_name(revision.code, rule.code)
            for rule in revision.content.rules_of(EarnRule)
            if rule.cap_points_per_member is not None or rule.cap_points_per_member_day is not None
        }
        self._given: Counter[tuple[str, date | None]] = Counter()
        self._withdrawals = Withdrawals(stock)
        self.wallet = Wallet(revision, place.store, membership, MomentIds(rng))
        self.presents = Presents(
            revision,
            anniversary.offers,
            place=place,
            membership=membership,
            withdrawals=self._withdrawals,
            rng=rng,
            lines_of=lines_of,
            code_of=code_of,
        )
        self.presents.wins(anniversary.daily_gift.code, won)

    @property
    def revisions(self) -> dict[RevisionId, CampaignRevision]:
        return {self._anniversary.revision.revision_id: self._anniversary.revision}

    @property
    def issues_at(self) -> datetime:
        return self._anniversary.approved_at + _ISSUED_AFTER

    def pass_time(self, now: datetime, tier_then: Callable[[datetime], str]) -> None:
        if not self._issued and self.issues_at <= now:
            self._issued = True
            self.wallet.issue(tier_then(self.issues_at), self.issues_at)
        self.presents.pass_time(now)
        self.wallet.pass_time(now)

    def issuing(self, at: datetime) -> tuple[CampaignRevision, ...]:
        return (self._anniversary.revision,) if self._anniversary.is_open(at) else ()

    def wants_to_use_coupons(self, at: datetime) -> bool:
        usable = any(coupon.valid_from <= at for coupon in self.wallet.facts(at))
        return usable and self._rng.randrange(100) < _USES_COUPONS_PERCENT

    def earned_before(self, day: date) -> tuple[EarnedBefore, ...]:
        return tuple(
            EarnedBefore(rule, self._given[rule, day], self._given[rule, None])
            for rule in sorted(self._capped)
            if self._given[rule, None]
        )

    def sold(self, sale_id: SaleId, decision: SaleDecision, day: date, *, tier: str, now: datetime) -> None:
        """`tier`: after the sale."""
        self.wallet.redeem(decision.coupons, sale_id, now)
        for award in decision.awards:
            if award.rule in self._capped:
                self._given[award.rule, day] += award.points
                self._given[award.rule, None] += award.points
        if not self._anniversary.approved_at <= now < self._anniversary.calendar.closes_at:
            return
        self.wallet.issue(tier, now)
        if day in self._anniversary.calendar.days:
            self.presents.spent(day, tier, now)

    def came_back(
        self, sale_id: SaleId, sold_on: date, returned_on: date, *, wholly: bool, now: datetime
    ) -> tuple[CouponId, ...]:
        """The coupons that can be used again, or have expired."""
        self.presents.came_back(sold_on, returned_on, now)
        return self.wallet.reverse(sale_id, now) if wholly else ()

    def undo(self) -> None:
        """The history is made anew."""
        self._withdrawals.undo()
