"""When each pool of a gift would be sold out, by the arrival model or by the receipts that reach a threshold. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from membership.campaigns.content import GiftOffer, GiftPool
from membership.campaigns.model import CampaignRevision
from membership.gifts.rules.claiming import is_for
from membership.gifts.rules.moments import ClaimWindow, claim_window
from membership.planning.arrivals import ArrivalModel, Crowd
from membership.planning.model import PoolForecast
from membership.planning.tally import Tally
from membership.stores.model import Store, StoreId
from membership.stores.rules import business_day_starts

_MILLISECOND = timedelta(milliseconds=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class GiftPlan:
    """An offer in one store: its pools there, and when they can be claimed on which days."""

    offer: GiftOffer
    store: Store
    pools: tuple[GiftPool, ...]
    windows: Mapping[date, ClaimWindow]


def gift_plans(
    revision: CampaignRevision, stores: Iterable[Store], desks: Mapping[StoreId, frozenset[str]]
) -> list[GiftPlan]:
    """`desks`: the codes of each store's counters; a pool whose desk a store has not is none of its."""
    plans: list[GiftPlan] = []
    for store in stores:
        for offer in revision.content.rules_of(GiftOffer):
            pools = tuple(pool for pool in offer.pools if pool.desk in desks[store.store_id])
            if pools and (not offer.scope.stores or store.code in offer.scope.stores):
                days = revision.calendars[store.store_id].days_of(offer.code)
                windows = {day: claim_window(store, revision, offer, day) for day in days}
                plans.append(GiftPlan(offer, store, pools, windows))
    return plans


def arriving(plan: GiftPlan, members: Mapping[str, int], model: ArrivalModel) -> Iterator[PoolForecast]:
    """A gift that members contest from its drop on. `members`: of the store, by tier."""
    may = {
        tier: number for tier, number in members.items() if any(is_for(plan.offer.scope, p, tier) for p in plan.pools)
    }
    crowd = Crowd(may, plan.offer.limit_per_member)
    for day in plan.windows:
        eligible = crowd.eligible()
        claimed: defaultdict[str, float] = defaultdict(float)
        for pool in plan.pools:
            forecast, by_tier = _arriving_at(plan, pool, _choosing(plan, pool, eligible), day=day, model=model)
            for tier, number in by_tier.items():
                claimed[tier] += number
            yield forecast
        crowd.claim(claimed)


def _arriving_at(
    plan: GiftPlan, pool: GiftPool, eligible: Mapping[str, float], *, day: date, model: ArrivalModel
) -> tuple[PoolForecast, Mapping[str, float]]:
    window = plan.windows[day]
    open_ms = max(0, (window.closes_at - window.drops_at) // _MILLISECOND)
    wanted = model.claims_within(eligible, open_ms)
    after_ms = model.sold_out_after_ms(eligible, pool.units_per_day, open_ms=open_ms)
    until = open_ms if after_ms is None else after_ms
    by_tier = {tier: model.claims_within({tier: number}, until) for tier, number in eligible.items()}
    sold_out_at = None if after_ms is None else window.drops_at + after_ms * _MILLISECOND
    return _forecast(plan, pool, day, wanted=int(wanted), sold_out_at=sold_out_at), by_tier


def _choosing(plan: GiftPlan, pool: GiftPool, eligible: Mapping[str, float]) -> dict[str, float]:
    """Of each tier, those who come to this pool: members spread over the pools open to them as the units do."""
    found: dict[str, float] = {}
    for tier, number in eligible.items():
        pools = [other for other in plan.pools if is_for(plan.offer.scope, other, tier)]
        if pool in pools:
            found[tier] = number * pool.units_per_day / sum(other.units_per_day for other in pools)
    return found


def entitled(plan: GiftPlan, tally: Tally) -> Iterator[PoolForecast]:
    """A gift with a threshold: wanted by whoever reaches it, at that moment."""
    for day in plan.windows:
        starts_at = business_day_starts(plan.store, day)
        for pool in plan.pools:
            minutes = tally.wanted.get((plan.offer.code, pool.code, plan.store.store_id, day), Counter[int]())
            minute = _minute_of(minutes, pool.units_per_day)
            sold_out_at = None if minute is None else starts_at + (minute + 1) * _MINUTE
            yield _forecast(plan, pool, day, wanted=minutes.total(), sold_out_at=sold_out_at)


def _minute_of(minutes: Counter[int], units: int) -> int | None:
    """The minute in which the last unit goes."""
    left = units
    for minute in sorted(minutes):
        left -= minutes[minute]
        if left <= 0:
            return minute
    return None


def _forecast(plan: GiftPlan, pool: GiftPool, day: date, *, wanted: int, sold_out_at: datetime | None) -> PoolForecast:
    return PoolForecast(
        rule=plan.offer.code,
        pool=pool.code,
        store=plan.store.code,
        day=day,
        units=pool.units_per_day,
        wanted=wanted,
        claimed=pool.units_per_day if sold_out_at is not None else min(wanted, pool.units_per_day),
        opens_at=plan.windows[day].drops_at,
        sold_out_at=sold_out_at,
    )
