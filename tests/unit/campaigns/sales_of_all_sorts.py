"""Campaigns, wallets and baskets of all sorts, small enough to get into each other's way.

Made from a seed: drawn piece by piece they took a hundred times as long as the decisions they are for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from membership.campaigns.content import (
    CampaignDay,
    CouponOffer,
    EarnRule,
    EarnStacking,
    PercentOff,
    Scope,
    StackingGroup,
    StackingPolicy,
)
from membership.campaigns.model import (
    CampaignRevision,
    CouponFacts,
    CouponStanding,
    EarnedBefore,
    LineFacts,
    SaleFacts,
    TenderFacts,
)
from membership.kernel.shares import largest_remainder
from unit.campaigns.anniversary import (
    CLOSES,
    OPENS,
    a_bonus,
    a_campaign,
    a_coupon,
    a_line,
    a_multiple,
    a_sale,
    an_offer,
)

NOT_IN_SCOPE = "NO-OFFER-IS-FOR-IT"
"""A brand that every offer excludes."""

Some = TypeVar("Some")

GROUPS = (
    StackingGroup(code="ALL", policy=StackingPolicy.STACKABLE),
    StackingGroup(code="BEST", policy=StackingPolicy.BEST_FOR_MEMBER),
    StackingGroup(code="FIRST", policy=StackingPolicy.FIRST),
)
AT = OPENS + timedelta(hours=8)


@dataclass(frozen=True)
class Case:
    """A sale with the revisions it names."""

    facts: SaleFacts
    revisions: tuple[CampaignRevision, ...]


def cases() -> st.SearchStrategy[Case]:
    return st.integers(0, 2**64 - 1).map(lambda seed: _Maker(Random(seed)).case())


class _Maker:
    def __init__(self, random: Random) -> None:
        self._random = random

    def case(self) -> Case:
        revisions = tuple(self._campaign(code) for code in ("ONE", "TWO")[: self._number(1, 2)])
        wallet = self._wallet(revisions)
        lines = self._lines()
        facts = a_sale(
            lines,
            *revisions,
            tier=self._one_of("GOLD", "BLACK"),
            coupons=wallet,
            before=[entry for revision in revisions for entry in self._earned_before(revision)],
            tenders=self._tenders(sum(line.net_minor for line in lines)),
            at=AT,
            wanted=self._random.sample(wallet, self._number(0, len(wallet))) if self._rarely() else None,
        )
        return Case(facts, revisions)

    def _number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def _one_of(self, *choices: Some) -> Some:
        return self._random.choice(choices)

    def _rarely(self) -> bool:
        return self._random.random() < 0.2

    def _codes(self, *known: str) -> tuple[str, ...]:
        return (self._one_of(*known),) if self._rarely() else ()

    def _scope(self) -> Scope:
        return Scope(
            tiers=self._codes("GOLD", "BLACK"),
            excluded_tiers=self._codes("GOLD") if self._rarely() else (),
            floors=self._codes("B1", "F1"),
            excluded_floors=self._codes("F1"),
            brands=self._codes("LUMEN", "ALVA"),
            excluded_brands=(NOT_IN_SCOPE,),
            categories=self._codes("FASHION", "JEWELLERY"),
        )

    def _earn_rule(self, code: str) -> EarnRule:
        scope, stacking = self._scope(), self._one_of(*EarnStacking)
        cap = self._number(1, 500) if self._rarely() else None
        cap_day = self._number(1, 300) if self._rarely() else None
        if self._one_of(True, False):
            times = self._number(2, 10)
            return a_multiple(code, times, scope=scope, stacking=stacking, cap=cap, cap_day=cap_day)
        return a_bonus(
            code,
            self._number(1, 300),
            self._number(1, 40_000),
            per_amount=self._one_of(True, False),
            scope=scope,
            stacking=stacking,
            cap=cap,
            cap_day=cap_day,
        )

    def _offer(self, code: str) -> CouponOffer:
        percent = PercentOff(basis_points=self._number(1, 10_000), most_minor=self._number(1, 20_000))
        return an_offer(
            code,
            percent if self._rarely() else self._number(1, 20_000),
            minimum=self._one_of(0, self._number(0, 30_000)),
            scope=self._scope(),
            exclusive=self._one_of(None, "X", "X", "Y"),
            stacking=self._one_of(None, None, "ALL", "BEST", "FIRST"),
            priority=self._number(0, 2),
            blackout=(CampaignDay(day=self._number(1, 3)),) if self._rarely() else (),
            days=(CampaignDay(day=self._number(1, 2)), CampaignDay(day=9)) if self._rarely() else (),
        )

    def _campaign(self, code: str) -> CampaignRevision:
        rules = [self._earn_rule(f"E{number}") for number in range(self._number(0, 3))]
        offers = [self._offer(f"C{number}") for number in range(self._number(0, 4))]
        blackout = (CampaignDay(day=1),) if self._rarely() and self._rarely() else ()
        return a_campaign([*rules, *offers], code=code, blackout=blackout, groups=GROUPS)

    def _wallet(self, revisions: tuple[CampaignRevision, ...]) -> list[CouponFacts]:
        known = [(revision, offer.code) for revision in revisions for offer in revision.content.rules_of(CouponOffer)]
        return [self._coupon(number, *self._one_of(*known)) for number in range(self._number(0, 7) if known else 0)]

    def _coupon(self, number: int, revision: CampaignRevision, offer: str) -> CouponFacts:
        soon = AT + timedelta(seconds=1)
        return a_coupon(
            revision,
            offer,
            f"{revision.code} {number}",
            valid_from=self._one_of(AT, soon) if self._rarely() else OPENS,
            valid_until=self._one_of(AT, soon) if self._rarely() else CLOSES,
            standing=self._one_of(*CouponStanding) if self._rarely() else CouponStanding.USABLE,
        )

    def _earned_before(self, revision: CampaignRevision) -> Iterator[EarnedBefore]:
        for rule in revision.content.rules_of(EarnRule):
            if self._one_of(True, False):
                day_points = self._number(0, 300)
                yield EarnedBefore(f"{revision.code}/{rule.code}", day_points, day_points + self._number(0, 300))

    def _lines(self) -> list[LineFacts]:
        """Some are alike, so that what is decided for them together has to be cut up."""
        lines = [self._line(1)]
        for line_no in range(2, self._number(2, 6)):
            like = self._line(line_no)
            if self._one_of(True, False):
                like = replace(lines[-1], line_no=line_no, net_minor=like.net_minor)
            lines.append(like)
        return lines

    def _line(self, line_no: int) -> LineFacts:
        return a_line(
            line_no,
            self._number(0, 3) if self._rarely() else self._number(0, 30_000),
            brand=self._one_of("LUMEN", "ALVA", "BRIO"),
            floor=self._one_of("B1", "F1"),
            category=self._one_of("FASHION", "JEWELLERY"),
            rate=self._one_of(1, 100, 100, 2_000),
            earns=not self._rarely(),
            counts=not self._rarely(),
        )

    def _tenders(self, net: int) -> list[TenderFacts]:
        """Of the whole or, as after a discount, of less; in part with a card that counts in part, in part by points."""
        paid = self._number(0, net) if self._rarely() else net
        by_card, by_points, in_cash = largest_remainder(paid, [self._number(0, 3), self._one_of(0, 0, 2), 1])
        return [
            TenderFacts("OTHER_CARD", by_card, self._one_of(0, 3_333, 10_000), 5_000),
            TenderFacts("POINTS", by_points, 0, 0),
            TenderFacts("CASH", in_cash, 10_000, 10_000),
        ]
