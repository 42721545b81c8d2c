"""What a forecast takes for granted: which assumptions hold for a plan, with their numbers. Pure."""

from collections.abc import Iterator

from membership.campaigns.content import ByCode, CouponOffer, GiftOffer, ToAllEligible
from membership.kernel.shares import BASIS_POINTS
from membership.planning.arrivals import ArrivalModel, ParametersFrom
from membership.planning.costing import WORTHLESS, PointValue
from membership.planning.handouts import take_up
from membership.planning.mapping import DayMapping
from membership.planning.model import Assumption, Stated
from membership.planning.replay import ReplayPlan

_OF_MAPPING = {
    DayMapping.SAME_DAYS: Assumption.DAYS_STAND_FOR_THEMSELVES,
    DayMapping.DAY_BY_DAY: Assumption.DAYS_PAIRED_IN_ORDER,
    DayMapping.BY_WEEKDAY: Assumption.DAYS_PAIRED_BY_WEEKDAY,
}


def assumptions(plan: ReplayPlan, model: ArrivalModel, value: PointValue) -> tuple[Stated, ...]:
    return (
        *_of_days(plan),
        *(_of_recorded_facts() if plan.as_recorded else _of_a_draft(plan, model)),
        *_of_gifts(plan, model),
        *_of_costs(plan, value),
    )


def _of_days(plan: ReplayPlan) -> Iterator[Stated]:
    maps = list(plan.days.values())
    yield Stated(_OF_MAPPING[maps[0].kind])
    if maps[0].kind is DayMapping.BY_WEEKDAY:
        # Stores whose days of the campaign differ are paired each by its own.
        for past, draft in sorted({next(iter(days.draft_day.items())) for days in maps if days.draft_day}):
            yield Stated(Assumption.FIRST_DAYS_PAIRED, {"past_day": past.isoformat(), "draft_day": draft.isoformat()})
    if unused := max(len(days.unused_days) for days in maps):
        yield Stated(Assumption.DAYS_UNUSED, {"days": unused})
    if empty := max(len(days.empty_days) for days in maps):
        yield Stated(Assumption.DAYS_WITHOUT_RECEIPTS, {"days": empty})


def _of_recorded_facts() -> Iterator[Stated]:
    yield Stated(Assumption.RECORDED_FACTS)
    yield Stated(Assumption.VOIDED_LEFT_OUT)
    yield Stated(Assumption.RETURNS_NOT_FORESEEN)
    yield Stated(Assumption.TIERS_OF_TODAY)


def _of_a_draft(plan: ReplayPlan, model: ArrivalModel) -> Iterator[Stated]:
    yield Stated(Assumption.SAME_SHOPPING)
    yield Stated(Assumption.VOIDED_LEFT_OUT)
    yield Stated(Assumption.RETURNS_NOT_FORESEEN)
    yield Stated(Assumption.TERMS_OF_THE_RECEIPT)
    yield Stated(Assumption.OTHER_CAMPAIGNS_LEFT_OUT)
    offers = list(plan.revision.content.rules_of(CouponOffer))
    if offers or any(gift.threshold is None for gift in plan.revision.content.rules_of(GiftOffer)):
        yield Stated(Assumption.TIERS_OF_TODAY)
    if offers:
        yield Stated(Assumption.VIRTUAL_WALLETS)
        yield Stated(Assumption.PAYMENT_SCALED)
    if any(not isinstance(offer.issue, ToAllEligible | ByCode) for offer in offers):
        yield Stated(Assumption.COUPON_TAKE_UP, {"percent": round(take_up(model) * 100)})
    if any(isinstance(offer.issue, ByCode) for offer in offers):
        yield Stated(Assumption.CODES_NOT_FORESEEN)


def _of_gifts(plan: ReplayPlan, model: ArrivalModel) -> Iterator[Stated]:
    offers = list(plan.revision.content.rules_of(GiftOffer))
    contested = [offer for offer in offers if offer.threshold is None]
    if contested:
        rush, later = model.waves
        facts: dict[str, int | str | None] = {
            "rush_delay_seconds": round(rush.mean_delay_ms / 1000),
            "rush_percent": round(rush.others_basis_points * 100 / BASIS_POINTS),
            "later_delay_minutes": round(later.mean_delay_ms / 60_000),
            "later_percent": round(later.others_basis_points * 100 / BASIS_POINTS),
            "drops": model.past_drops,
            "claims": model.past_claims,
        }
        learned = model.learned_from is ParametersFrom.PAST_CLAIMS
        yield Stated(Assumption.ARRIVALS_LEARNED if learned else Assumption.ARRIVALS_BY_DEFAULT, facts)
    if any(offer.limit_per_member for offer in contested):
        yield Stated(Assumption.GIFT_LIMIT_IN_EXPECTATION)
    if any(offer.threshold for offer in offers):
        yield Stated(Assumption.GIFTS_AT_THE_THRESHOLD)
    if offers:
        yield Stated(Assumption.GIFTS_NOT_RETURNED)


def _of_costs(plan: ReplayPlan, value: PointValue) -> Iterator[Stated]:
    if value == WORTHLESS:
        yield Stated(Assumption.POINTS_WITHOUT_VALUE)
    else:
        facts = {"block_points": value.block_points, "value_minor": value.value_minor}
        yield Stated(Assumption.POINTS_VALUED, facts)
    if any(offer.funding.brand_basis_points for offer in plan.revision.content.rules_of(GiftOffer)):
        yield Stated(Assumption.BRAND_SHARE_OF_GIFTS)
