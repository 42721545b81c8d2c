"""Who pays how much: each rule's amounts by its funding shares. Pure.

Shares are taken of sums and spread by largest remainder, so that payers sum to the total exactly; what is settled with
brands receipt by receipt may differ from that by the odd minor unit.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from membership.campaigns.content import Funding
from membership.kernel.shares import BASIS_POINTS, largest_remainder
from membership.planning.model import MALL, PayerCost
from membership.stores.model import Redemption


@dataclass(frozen=True, slots=True)
class PointValue:
    """What a point costs whoever gives it: `value_minor` for a block of `block_points`, more for some tiers."""

    block_points: int
    value_minor: int
    value_minor_by_tier: Mapping[str, int]

    def of(self, tier: str) -> int:
        return self.value_minor_by_tier.get(tier, self.value_minor)


WORTHLESS = PointValue(1, 0, {})
"""Of a programme whose points cannot be spent."""


def point_value(redemption: Redemption | None) -> PointValue:
    if redemption is None:
        return WORTHLESS
    return PointValue(redemption.block_points, redemption.value_minor, redemption.value_minor_by_tier)


def by_payer(total_minor: int, weights: Mapping[str, int]) -> dict[str, int]:
    """An amount spread over payers by their weights; nothing for nobody."""
    payers = sorted(weights)
    if not total_minor or not any(weights.values()):
        return {}
    shares = largest_remainder(total_minor, [weights[payer] for payer in payers])
    return {payer: share for payer, share in zip(payers, shares, strict=True) if share}


def discount_costs(funding: Funding, by_brand: Mapping[str, int]) -> dict[str, int]:
    """Of what coupons of an offer took off lines of each brand."""
    return by_payer(sum(by_brand.values()), _weights(funding, by_brand))


def points_costs(funding: Funding, points: Mapping[tuple[str, str], int], value: PointValue) -> dict[str, int]:
    """Of a rule's points by brand and tier, at what they are worth when spent."""
    worth: Counter[str] = Counter()
    for (brand, tier), number in points.items():
        worth[brand] += number * value.of(tier)
    return by_payer(worth.total() // value.block_points, _weights(funding, worth))


def gift_costs(funding: Funding, cost_minor: int, by_brand: Mapping[str, int]) -> dict[str, int]:
    """Of an offer's units. The brands' share is spread over them by `by_brand`; without any, the mall pays it."""
    spend = sum(by_brand.values())
    if not spend:
        return {MALL: cost_minor} if cost_minor else {}
    return by_payer(cost_minor, _weights(funding, by_brand))


def points_worth(points: Mapping[str, int], value: PointValue) -> int:
    """Points by tier, in minor units."""
    return sum(number * value.of(tier) for tier, number in points.items()) // value.block_points


def _weights(funding: Funding, by_brand: Mapping[str, int]) -> dict[str, int]:
    weights: Counter[str] = Counter()
    for brand, amount in by_brand.items():
        # A line of a brand that nobody knows is the mall's own.
        weights[brand or MALL] += amount * funding.brand_basis_points
        weights[MALL] += amount * (BASIS_POINTS - funding.brand_basis_points)
    return dict(weights)


def payer_costs(
    *, discounts: Mapping[str, int], points: Mapping[str, int], gifts: Mapping[str, int]
) -> tuple[PayerCost, ...]:
    """One entry for each payer, the mall first."""
    payers = sorted({*discounts, *points, *gifts}, key=lambda payer: (payer != MALL, payer))
    return tuple(
        PayerCost(payer, discounts.get(payer, 0), points.get(payer, 0), gifts.get(payer, 0)) for payer in payers
    )


def summed(costs: Iterable[PayerCost]) -> tuple[PayerCost, ...]:
    """All rules' costs by payer."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for cost in costs:
        sums["discounts"][cost.payer] += cost.discounts_minor
        sums["points"][cost.payer] += cost.points_minor
        sums["gifts"][cost.payer] += cost.gifts_minor
    return payer_costs(discounts=sums["discounts"], points=sums["points"], gifts=sums["gifts"])
