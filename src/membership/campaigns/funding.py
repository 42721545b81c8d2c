"""What rules cost and who pays it: the mall and the brands of the lines concerned, by each rule's funding shares. Pure.

A rule's cost on a sale is split between the mall and the brands as a whole, then the brands' part over the brands by
what the rule gave on their lines; both by largest remainder, so that every cost sums to the minor unit whatever the
lines. Points are an estimate: what the redemption they can buy is worth, at a rate that whoever asks gives. The plain
rate and the standing rules of the programme have no funding shares: they cost nobody anything here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from membership.campaigns.content import Funding, GiftOffer
from membership.campaigns.model import CampaignRevision, RevisionId, SaleDecision, SaleFacts, revision_label, rule_name
from membership.kernel.shares import largest_remainder


@dataclass(frozen=True, slots=True)
class Cost:
    """Minor units by payer. `brands_minor` by brand code, without those that pay nothing."""

    mall_minor: int = 0
    brands_minor: Mapping[str, int] = field(default_factory=dict)

    @property
    def total_minor(self) -> int:
        return self.mall_minor + sum(self.brands_minor.values())


@dataclass(frozen=True, slots=True)
class PointsWorth:
    """`points` points are worth `value_minor`, as a programme redeems them."""

    points: int
    value_minor: int

    def of(self, points: int) -> int:
        return points * self.value_minor // self.points


@dataclass(frozen=True, slots=True)
class RuleCost:
    """What a rule cost on a sale: discounts, and points valued."""

    discounts: Cost = Cost()
    points: Cost = Cost()

    @property
    def total(self) -> Cost:
        return sum_of((self.discounts, self.points))

    def __add__(self, other: "RuleCost") -> "RuleCost":
        return RuleCost(sum_of((self.discounts, other.discounts)), sum_of((self.points, other.points)))


def costs_of_sale(
    facts: SaleFacts,
    decision: SaleDecision,
    revisions: Mapping[RevisionId, CampaignRevision],
    worth: PointsWorth,
) -> Mapping[str, RuleCost]:
    """By rule, what a decision costs. `revisions` hold those that the facts name, as for the decision itself.

    Each is funded as its own revision says: a coupon by that of its offer, points by the one that issued them.
    """
    brand_of = {line.line_no: line.brand for line in facts.lines}
    issuing = {revision_label(revisions[revision_id]): revisions[revision_id] for revision_id in facts.issuing}
    costs: dict[str, RuleCost] = defaultdict(RuleCost)
    for coupon in decision.coupons:
        by_brand: dict[str, int] = defaultdict(int)
        for share in coupon.shares:
            by_brand[brand_of[share.line_no]] += share.discount_minor
        funding = _funding(revisions[coupon.revision_id], coupon.rule)
        costs[coupon.rule] += RuleCost(discounts=split(coupon.discount_minor, funding, by_brand))
    for (label, rule), points in _points_by_brand(decision, brand_of).items():
        value_minor = worth.of(sum(points.values()))
        costs[rule] += RuleCost(points=split(value_minor, _funding(issuing[label], rule), points))
    return dict(sorted(costs.items()))


def _points_by_brand(
    decision: SaleDecision, brand_of: Mapping[int, str]
) -> Mapping[tuple[str, str], Mapping[str, int]]:
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for award in decision.awards:
        if award.revision is not None:
            found[award.revision, award.rule][brand_of[award.line_no]] += award.points
    return found


def cost_of_gifts(offer: GiftOffer, units: int, spend_by_brand: Mapping[str, int]) -> Cost:
    """What units of a gift cost. The brands' part is spread over the spend that the gifts were given for; for a gift
    that takes no spend there are no brands, and the mall pays it."""
    return split(offer.unit_cost_minor * units, offer.funding, spend_by_brand)


def split(minor: int, funding: Funding, by_brand: Mapping[str, int]) -> Cost:
    """An amount by payer: the brands' part is spread over them by weight. Where none has weight the mall pays all."""
    weights = {brand: weight for brand, weight in sorted(by_brand.items()) if weight}
    if not weights:
        return Cost(mall_minor=minor)
    mall_minor, brand_minor = largest_remainder(minor, [funding.mall_basis_points, funding.brand_basis_points])
    parts = largest_remainder(brand_minor, list(weights.values()))
    return Cost(mall_minor, {brand: part for brand, part in zip(weights, parts, strict=True) if part})


def sum_of(costs: Iterable[Cost]) -> Cost:
    mall_minor, brands_minor = 0, defaultdict[str, int](int)
    for cost in costs:
        mall_minor += cost.mall_minor
        for brand, minor in cost.brands_minor.items():
            brands_minor[brand] += minor
    return Cost(mall_minor, dict(sorted(brands_minor.items())))


def _funding(revision: CampaignRevision, name: str) -> Funding:
    return next(rule.funding for rule in revision.content.rules if rule_name(revision.code, rule.code) == name)
