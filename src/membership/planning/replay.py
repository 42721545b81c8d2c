"""Past receipts through a draft, member by member. Pure.

Each receipt becomes a `SaleFacts` under the draft and is decided by the engine. Receipts that were decided under this
very revision are decided again on their recorded facts, untouched, so that their awards come out as recorded (law P5):
that is what makes simulating last year's own campaign exact.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NamedTuple

from membership.campaigns.content import EarnRule
from membership.campaigns.engine import POINTS_TENDER
from membership.campaigns.model import (
    CampaignRevision,
    EarnedBefore,
    LineFacts,
    MemberFacts,
    SaleDecision,
    SaleFacts,
    TenderFacts,
    rule_name,
)
from membership.kernel.shares import BASIS_POINTS, largest_remainder
from membership.members.model import MemberId
from membership.planning.entitled import EntitledGifts, ThresholdGift
from membership.planning.mapping import DayMap, moved, wall_time
from membership.planning.tally import Tally
from membership.planning.wallets import OfferPlan, Wallet
from membership.points.model import BASE_RULE
from membership.receipts.model import SaleId
from membership.stores.model import Store, StoreId

_UNSPECIFIED_TENDER = "UNSPECIFIED"

Decide = Callable[[SaleFacts], SaleDecision]
Label = Callable[[LineFacts], LineFacts]
"""Gives a line that was recorded before campaigns the codes that rules ask for."""


@dataclass(frozen=True, slots=True)
class PastSale:
    """A receipt as recorded, its returns left aside."""

    sale_id: SaleId
    store_id: StoreId
    business_date: date
    sold_at: datetime
    facts: SaleFacts
    decision: SaleDecision


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """`as_recorded`: the draft is what was in force then, and every day stands for itself."""

    revision: CampaignRevision
    days: Mapping[StoreId, DayMap]
    stores: Mapping[StoreId, Store]
    as_recorded: bool
    decide: Decide
    label: Label
    offers: tuple[OfferPlan, ...] = ()
    gifts: tuple[ThresholdGift, ...] = ()

    @property
    def own_rules(self) -> str:
        return f"{self.revision.code}/"


class _Given(NamedTuple):
    day: date
    day_points: int
    points: int


@dataclass(slots=True)
class _Capped:
    """What the draft's capped rules have given the member so far."""

    rules: tuple[str, ...]
    given: dict[str, _Given] = field(default_factory=dict)

    def before(self, day: date) -> tuple[EarnedBefore, ...]:
        found = ((rule, self.given.get(rule)) for rule in self.rules)
        return tuple(
            EarnedBefore(rule, given.day_points if given.day == day else 0, given.points)
            for rule, given in found
            if given is not None
        )

    def count(self, day: date, decision: SaleDecision) -> None:
        for award in decision.awards:
            if award.rule in self.rules:
                last = self.given.get(award.rule, _Given(day, 0, 0))
                today = last.day_points if last.day == day else 0
                self.given[award.rule] = _Given(day, today + award.points, last.points + award.points)


class Replay:
    """Feeds members' receipts, in order of time, into a tally."""

    def __init__(self, plan: ReplayPlan, tally: Tally) -> None:
        self._plan = plan
        self._tally = tally
        self._capped = tuple(
            rule_name(plan.revision.code, rule.code)
            for rule in plan.revision.content.rules_of(EarnRule)
            if rule.cap_points_per_member or rule.cap_points_per_member_day
        )

    def member(self, member_id: MemberId, sales: Iterable[PastSale]) -> None:
        plan = self._plan
        wallet = Wallet(plan.revision.revision_id, member_id, plan.offers)
        capped = _Capped(self._capped)
        entitled = EntitledGifts(member_id, plan.gifts)
        days: set[date] = set()
        for sale in sorted(sales, key=lambda sale: (sale.sold_at, sale.sale_id)):
            day = plan.days[sale.store_id].draft_day.get(sale.business_date) if sale.store_id in plan.days else None
            if day is None:
                continue
            facts = self._facts(sale, day, wallet, capped)
            decision = plan.decide(facts)
            wallet.use(decision.coupons)
            capped.count(day, decision)
            days.add(day)
            self._count(sale, day, facts, decision)
            if facts.member is not None and facts.at is not None:
                entitled.count(self._tally, plan.stores[sale.store_id], day, facts, decision)
        self._tally.members += bool(days)
        for day in days:
            self._tally.days[day].members += 1

    def anonymous(self, store_id: StoreId, business_date: date, *, receipts: int, net_minor: int) -> None:
        """Receipts of nobody: they earn nothing and use no coupon."""
        day = self._plan.days[store_id].draft_day.get(business_date) if store_id in self._plan.days else None
        if day is None:
            return
        self._tally.receipts += receipts
        self._tally.anonymous_receipts += receipts
        self._tally.days[day].receipts += receipts
        self._tally.days[day].net_minor += net_minor

    def _facts(self, sale: PastSale, day: date, wallet: Wallet, capped: _Capped) -> SaleFacts:
        if self._plan.as_recorded:
            return sale.facts
        store = self._plan.stores[sale.store_id]
        member = None
        if sale.facts.member is not None:
            recorded = sale.facts.member
            member = MemberFacts(
                recorded.tier, recorded.days_from_birthday, wallet.coupons(recorded.tier), capped.before(day)
            )
        return replace(
            sale.facts,
            business_date=day,
            member=member,
            lines=tuple(self._plan.label(line) for line in sale.facts.lines),
            tenders=undiscounted(sale.facts.tenders, sale.facts.net_minor),
            store_id=store.store_id,
            store=store.code,
            at=moved(store, sale.sold_at, past_day=sale.business_date, draft_day=day),
            local_time=wall_time(store.zone, sale.sold_at),
            issuing=(self._plan.revision.revision_id,),
            coupons_wanted=None,
        )

    def _count(self, sale: PastSale, day: date, facts: SaleFacts, decision: SaleDecision) -> None:
        tally, today = self._tally, self._tally.days[day]
        tier = "" if facts.member is None else facts.member.tier
        own = list(self._own_points(decision))
        bonus = sum(points for _, _, points in own)
        coupons = [coupon for coupon in decision.coupons if coupon.rule.startswith(self._plan.own_rules)]
        discount = sum(coupon.discount_minor for coupon in coupons)
        tally.receipts += 1
        tally.base_points[tier] += decision.base_points
        tally.differing_receipts += decision != sale.decision
        brands = {line.line_no: line.brand for line in facts.lines}
        for rule, line_no, points in own:
            tally.points[rule, brands[line_no], tier] += points
        for coupon in coupons:
            code = coupon.rule.removeprefix(self._plan.own_rules)
            tally.coupons_redeemed[code] += 1
            for share in coupon.shares:
                tally.discounts[code, brands[share.line_no]] += share.discount_minor
        today.receipts += 1
        today.net_minor += facts.net_minor
        today.base_points += decision.base_points
        today.bonus_points += bonus
        today.coupons_redeemed += len(coupons)
        today.discount_minor += discount
        self._count_recorded(sale.decision)

    def _count_recorded(self, decision: SaleDecision) -> None:
        self._tally.recorded_base_points += decision.base_points
        self._tally.recorded_bonus_points += decision.points - decision.base_points
        self._tally.recorded_coupons += len(decision.coupons)
        self._tally.recorded_discount_minor += decision.discount_minor

    def _own_points(self, decision: SaleDecision) -> Iterator[tuple[str, int, int]]:
        for award in decision.awards:
            if award.rule != BASE_RULE and award.rule.startswith(self._plan.own_rules):
                yield award.rule.removeprefix(self._plan.own_rules), award.line_no, award.points


def undiscounted(tenders: Sequence[TenderFacts], net_minor: int) -> tuple[TenderFacts, ...]:
    """The means of payment as if no coupon had been used: the payments grow in proportion to fill the total. The engine
    cuts them again to what a coupon of the draft leaves to pay."""
    payments = [tender for tender in tenders if tender.tender_type != POINTS_TENDER]
    others = [tender for tender in tenders if tender.tender_type == POINTS_TENDER]
    due = net_minor - sum(tender.amount_minor for tender in others)
    paid = [tender.amount_minor for tender in payments]
    if due <= sum(paid):
        return tuple(tenders)
    if not sum(paid):
        # All of it was taken off: how the rest would have been paid nobody knows.
        return (TenderFacts(_UNSPECIFIED_TENDER, due, BASIS_POINTS, BASIS_POINTS), *others)
    amounts = largest_remainder(due, paid)
    grown = [replace(tender, amount_minor=amount) for tender, amount in zip(payments, amounts, strict=True)]
    return (*grown, *others)


def by_member(sales: Iterable[tuple[MemberId, PastSale]]) -> dict[MemberId, list[PastSale]]:
    grouped: defaultdict[MemberId, list[PastSale]] = defaultdict(list)
    for member_id, sale in sales:
        grouped[member_id].append(sale)
    return dict(grouped)
