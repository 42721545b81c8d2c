"""From what planning says to what clients see."""

from membership.graph.kit.localisation import localised
from membership.graph.kit.money import money
from membership.graph.kit.relay import global_id
from membership.graph.kit.scalars import Points
from membership.graph.planning.types import (
    Arrivals,
    ArrivalWave,
    Forecast,
    ForecastOfDay,
    ForecastOfPool,
    ForecastOfRule,
    PayerCosts,
    RecordedFigures,
    Simulation,
    StatedAssumption,
    StatedReason,
    TierParticipation,
)
from membership.planning import model
from membership.planning.arrivals import ArrivalModel
from membership.planning.model import PayerCost
from membership.planning.why import Remark
from membership.planning.wording import Voice, speak
from membership.stores.model import Programme, Store


def voice_of(programme: Programme, store: Store, locale: str) -> Voice:
    return Voice(
        locale=locale,
        zone=store.zone,
        currency=programme.currency,
        minor_unit_exponent=programme.minor_unit_exponent,
        name_of=lambda names: localised(names, locale),
    )


def reason_of(remark: Remark, voice: Voice) -> StatedReason:
    return StatedReason(
        code=remark.why,
        text=speak(remark.why.value, remark.facts, voice),
        line_no=remark.line_no,
        rule=remark.rule,
        coupon_id=None if remark.coupon_id is None else global_id("Coupon", remark.coupon_id),
    )


def simulation_node(simulation: model.Simulation, programme: Programme, voice: Voice) -> Simulation:
    return Simulation(
        id=global_id("Simulation", simulation.simulation_id),
        campaign=simulation.campaign_code,
        revision=simulation.revision_number,
        period_first=simulation.period_first,
        period_last=simulation.period_last,
        state=simulation.state,
        progress_percent=simulation.progress_percent,
        requested_by=simulation.requested_by,
        requested_at=simulation.requested_at,
        finished_at=simulation.finished_at,
        failure=simulation.failure,
        forecast=None if simulation.forecast is None else _forecast(simulation.forecast, programme, voice),
    )


def _forecast(forecast: model.Forecast, programme: Programme, voice: Voice) -> Forecast:
    recorded = forecast.recorded
    return Forecast(
        mapping=forecast.mapping,
        receipts=forecast.receipts,
        anonymous_receipts=forecast.anonymous_receipts,
        members=forecast.members,
        net=money(forecast.net_minor, programme),
        base_points=Points(forecast.base_points),
        base_points_worth=money(forecast.base_points_minor, programme),
        bonus_points=Points(forecast.bonus_points),
        coupons_issued=forecast.coupons_issued,
        coupons_redeemed=forecast.coupons_redeemed,
        discount=money(forecast.discount_minor, programme),
        gifts_wanted=forecast.gifts_wanted,
        gifts_claimed=forecast.gifts_claimed,
        cost=money(forecast.cost_minor, programme),
        costs=[_payer(cost, programme) for cost in forecast.costs],
        rules=[_rule(rule, programme, voice) for rule in forecast.rules],
        days=[_day(day, programme) for day in forecast.days],
        pools=[_pool(pool) for pool in forecast.pools],
        arrivals=_arrivals(forecast.arrivals),
        recorded=RecordedFigures(
            base_points=Points(recorded.base_points),
            bonus_points=Points(recorded.bonus_points),
            coupons_redeemed=recorded.coupons_redeemed,
            discount=money(recorded.discount_minor, programme),
        ),
        differing_receipts=forecast.differing_receipts,
        assumptions=[
            StatedAssumption(code=stated.assumption, text=speak(stated.assumption.value, stated.facts, voice))
            for stated in forecast.assumptions
        ],
    )


def _payer(cost: PayerCost, programme: Programme) -> PayerCosts:
    return PayerCosts(
        payer=cost.payer,
        discounts=money(cost.discounts_minor, programme),
        points=money(cost.points_minor, programme),
        gifts=money(cost.gifts_minor, programme),
        total=money(cost.total_minor, programme),
    )


def _rule(rule: model.RuleForecast, programme: Programme, voice: Voice) -> ForecastOfRule:
    return ForecastOfRule(
        rule=rule.rule,
        name=voice.name_of(rule.names),
        kind=rule.kind,
        points=Points(rule.points),
        coupons_issued=rule.coupons_issued,
        coupons_redeemed=rule.coupons_redeemed,
        discount=money(rule.discount_minor, programme),
        gifts_wanted=rule.gifts_wanted,
        gifts_claimed=rule.gifts_claimed,
        costs=[_payer(cost, programme) for cost in rule.costs],
    )


def _day(day: model.DayForecast, programme: Programme) -> ForecastOfDay:
    return ForecastOfDay(
        day=day.day,
        past_days=list(day.past_days),
        receipts=day.receipts,
        members=day.members,
        net=money(day.net_minor, programme),
        base_points=Points(day.base_points),
        bonus_points=Points(day.bonus_points),
        coupons_redeemed=day.coupons_redeemed,
        discount=money(day.discount_minor, programme),
        gifts_claimed=day.gifts_claimed,
    )


def _pool(pool: model.PoolForecast) -> ForecastOfPool:
    return ForecastOfPool(
        rule=pool.rule,
        pool=pool.pool,
        store=pool.store,
        day=pool.day,
        units=pool.units,
        wanted=pool.wanted,
        claimed=pool.claimed,
        opens_at=pool.opens_at,
        sold_out_at=pool.sold_out_at,
        sold_out_after_seconds=pool.sold_out_after_seconds,
    )


def _arrivals(arrivals: ArrivalModel) -> Arrivals:
    return Arrivals(
        learned_from=arrivals.learned_from,
        past_drops=arrivals.past_drops,
        past_claims=arrivals.past_claims,
        waves=[
            ArrivalWave(
                begins_after_seconds=wave.begins_after_ms // 1000,
                mean_delay_seconds=round(wave.mean_delay_ms / 1000),
                participation_basis_points=wave.others_basis_points,
                participation_by_tier=[
                    TierParticipation(tier=tier, basis_points=share)
                    for tier, share in wave.participation_basis_points.items()
                ],
            )
            for wave in arrivals.waves
        ],
    )
