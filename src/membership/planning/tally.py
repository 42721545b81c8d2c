"""What a replay has counted so far. It grows with rules, brands, tiers and days, never with members or receipts."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date

from membership.stores.model import StoreId

RuleCode = str
Brand = str
Tier = str
Minute = int
"""Of a business day, from its beginning."""

PoolDay = tuple[RuleCode, str, StoreId, date]
"""Rule, pool, store and day of the draft."""


@dataclass(slots=True)
class DayTally:
    receipts: int = 0
    members: int = 0
    net_minor: int = 0
    base_points: int = 0
    bonus_points: int = 0
    coupons_redeemed: int = 0
    discount_minor: int = 0


@dataclass(slots=True)
class Tally:
    """`points` and `discounts` by rule and brand of the line; points by tier too, since tiers value them differently.

    `wanted`: by pool and day of a gift with a threshold, the minutes at which members became entitled to a unit.
    `earned_on`: by rule of such a gift, the spend of each brand that entitled them.
    """

    receipts: int = 0
    anonymous_receipts: int = 0
    members: int = 0
    differing_receipts: int = 0
    base_points: Counter[Tier] = field(default_factory=Counter)
    points: Counter[tuple[RuleCode, Brand, Tier]] = field(default_factory=Counter)
    discounts: Counter[tuple[RuleCode, Brand]] = field(default_factory=Counter)
    coupons_redeemed: Counter[RuleCode] = field(default_factory=Counter)
    days: defaultdict[date, DayTally] = field(default_factory=lambda: defaultdict(DayTally))
    wanted: defaultdict[PoolDay, Counter[Minute]] = field(default_factory=lambda: defaultdict(Counter))
    earned_on: Counter[tuple[RuleCode, Brand]] = field(default_factory=Counter)
    recorded_base_points: int = 0
    recorded_bonus_points: int = 0
    recorded_coupons: int = 0
    recorded_discount_minor: int = 0
