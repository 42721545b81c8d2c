"""From what a replay counted to what the planner is told. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain

from membership.campaigns.content import CouponOffer, EarnRule, GiftOffer, RuleBase
from membership.planning.arrivals import ArrivalModel
from membership.planning.assuming import assumptions
from membership.planning.costing import (
    PointValue,
    discount_costs,
    gift_costs,
    payer_costs,
    point_value,
    points_costs,
    points_worth,
    summed,
)
from membership.planning.handouts import issued, members_of
from membership.planning.model import (
    DayForecast,
    Forecast,
    PoolForecast,
    Recorded,
    RuleForecast,
    RuleKind,
)
from membership.planning.pools import GiftPlan, arriving, entitled
from membership.planning.replay import ReplayPlan
from membership.planning.tally import DayTally, Tally
from membership.stores.model import ProgrammeTerms, StoreId


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a forecast needs beside the receipts. `members`: by tier, of the programme, and by home store and tier.
    `desk_brands`: by store code and desk, whose brand pays the brands' share of a gift that no receipt earned."""

    members: Mapping[str, int]
    members_of_store: Mapping[StoreId, Mapping[str, int]]
    terms: ProgrammeTerms
    model: ArrivalModel
    gifts: Sequence[GiftPlan]
    desk_brands: Mapping[tuple[str, str], str]


def forecast(plan: ReplayPlan, around: Surroundings, tally: Tally) -> Forecast:
    pools = tuple(_pools(around, tally))
    value = point_value(around.terms.redemption)
    rules = tuple(_rules(plan, around, tally, pools, value))
    days = tuple(_days(plan, tally, pools))
    mapping = next(iter(plan.days.values())).kind
    return Forecast(
        mapping=mapping,
        receipts=tally.receipts,
        anonymous_receipts=tally.anonymous_receipts,
        members=tally.members,
        net_minor=sum(day.net_minor for day in days),
        base_points=tally.base_points.total(),
        base_points_minor=points_worth(tally.base_points, value),
        bonus_points=sum(rule.points for rule in rules),
        coupons_issued=sum(rule.coupons_issued for rule in rules),
        coupons_redeemed=sum(rule.coupons_redeemed for rule in rules),
        discount_minor=sum(rule.discount_minor for rule in rules),
        gifts_wanted=sum(pool.wanted for pool in pools),
        gifts_claimed=sum(pool.claimed for pool in pools),
        rules=rules,
        days=days,
        pools=pools,
        costs=summed(chain.from_iterable(rule.costs for rule in rules)),
        arrivals=around.model,
        recorded=Recorded(
            tally.recorded_base_points,
            tally.recorded_bonus_points,
            tally.recorded_coupons,
            tally.recorded_discount_minor,
        ),
        differing_receipts=tally.differing_receipts if plan.as_recorded else None,
        assumptions=assumptions(plan, around.model, value),
    )


def _pools(around: Surroundings, tally: Tally) -> Iterator[PoolForecast]:
    for gift in around.gifts:
        if gift.offer.threshold is None:
            yield from arriving(gift, around.members_of_store.get(gift.store.store_id, {}), around.model)
        else:
            yield from entitled(gift, tally)


def _rules(
    plan: ReplayPlan, around: Surroundings, tally: Tally, pools: Sequence[PoolForecast], value: PointValue
) -> Iterator[RuleForecast]:
    coupons = {offer.offer.code: issued(offer, around.members) for offer in plan.offers}
    for rule in plan.revision.content.rules:
        match rule:
            case EarnRule():
                yield _earn_rule(rule, tally, value)
            case CouponOffer():
                number = coupons.get(rule.code, sum(members_of(rule, around.members).values()))
                yield _coupon_offer(rule, tally, number)
            case GiftOffer():
                yield _gift_offer(rule, around, tally, [pool for pool in pools if pool.rule == rule.code])
            case _:
                continue  # who may book when costs nothing


def _earn_rule(rule: EarnRule, tally: Tally, value: PointValue) -> RuleForecast:
    points = {
        (brand, tier): number for (code, brand, tier), number in tally.points.items() if code == rule.code and number
    }
    return RuleForecast(
        rule=rule.code,
        kind=RuleKind.EARN,
        names=rule.names,
        points=sum(points.values()),
        costs=payer_costs(discounts={}, points=points_costs(rule.funding, points, value), gifts={}),
    )


def _coupon_offer(rule: CouponOffer, tally: Tally, number: int) -> RuleForecast:
    by_brand = _of(rule, tally.discounts)
    return RuleForecast(
        rule=rule.code,
        kind=RuleKind.COUPON,
        names=rule.names,
        coupons_issued=number,
        coupons_redeemed=tally.coupons_redeemed[rule.code],
        discount_minor=sum(by_brand.values()),
        costs=payer_costs(discounts=discount_costs(rule.funding, by_brand), points={}, gifts={}),
    )


def _gift_offer(rule: GiftOffer, around: Surroundings, tally: Tally, pools: Sequence[PoolForecast]) -> RuleForecast:
    claimed = sum(pool.claimed for pool in pools)
    by_brand = _of(rule, tally.earned_on)
    if rule.threshold is None:
        desks = {pool.code: pool.desk for pool in rule.pools}
        by_brand = Counter[str]()
        for pool in pools:
            by_brand[around.desk_brands[pool.store, desks[pool.pool]]] += pool.claimed
    costs = gift_costs(rule.funding, claimed * rule.unit_cost_minor, by_brand)
    return RuleForecast(
        rule=rule.code,
        kind=RuleKind.GIFT,
        names=rule.names,
        gifts_wanted=sum(pool.wanted for pool in pools),
        gifts_claimed=claimed,
        costs=payer_costs(discounts={}, points={}, gifts=costs),
    )


def _of(rule: RuleBase, amounts: Mapping[tuple[str, str], int]) -> Counter[str]:
    """By brand, those of one rule."""
    return Counter({brand: amount for (code, brand), amount in amounts.items() if code == rule.code and amount})


def _days(plan: ReplayPlan, tally: Tally, pools: Iterable[PoolForecast]) -> Iterator[DayForecast]:
    past: defaultdict[date, set[date]] = defaultdict(set)
    for store_days in plan.days.values():
        for past_day, day in store_days.draft_day.items():
            past[day].add(past_day)
    gifts: Counter[date] = Counter()
    for pool in pools:
        gifts[pool.day] += pool.claimed
    everyday = {day for calendar in plan.revision.calendars.values() for day in calendar.days}
    for day in sorted({*everyday, *tally.days}):
        counted = tally.days.get(day, DayTally())
        yield DayForecast(
            day=day,
            past_days=tuple(sorted(past[day])),
            receipts=counted.receipts,
            members=counted.members,
            net_minor=counted.net_minor,
            base_points=counted.base_points,
            bonus_points=counted.bonus_points,
            coupons_redeemed=counted.coupons_redeemed,
            discount_minor=counted.discount_minor,
            gifts_claimed=gifts[day],
        )
