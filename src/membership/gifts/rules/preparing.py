"""Which offers and pools a revision needs, and what a later one changes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from membership.campaigns.content import GiftOffer, ThresholdPer
from membership.campaigns.model import CampaignId, CampaignRevision
from membership.gifts.errors import UnknownGiftDesk
from membership.gifts.model import GiftOfferId, GiftPoolId, PreparedOffer, PreparedPool
from membership.kernel.ids import derived_id
from membership.stores.model import Store, StoreId
from membership.stores.service import Directory


@dataclass(frozen=True, slots=True)
class PlannedPool:
    pool: PreparedPool
    units: int


@dataclass(frozen=True, slots=True)
class PlannedOffer:
    """An offer with its limits and all of its pools."""

    offer: PreparedOffer
    limit_per_member: int | None
    limit_per_member_day: int | None
    pools: tuple[PlannedPool, ...]


def offer_id_of(campaign_id: CampaignId, rule_code: str) -> GiftOfferId:
    return GiftOfferId(derived_id("gifts.offer", campaign_id, rule_code))


def pool_id_of(offer_id: GiftOfferId, store_id: StoreId, day: date, code: str) -> GiftPoolId:
    return GiftPoolId(derived_id("gifts.pool", offer_id, store_id, day.isoformat(), code))


def plan(revision: CampaignRevision, directory: Directory) -> tuple[PlannedOffer, ...]:
    """All that the gift rules of a revision say. Raises UnknownGiftDesk for a desk that no store has."""
    return tuple(_plan_offer(revision, rule, directory) for rule in revision.content.rules_of(GiftOffer))


def limit_per_day(rule: GiftOffer) -> int:
    """A threshold that gives ONCE gives one a day, whatever limit is said beside it."""
    if rule.threshold is not None and rule.threshold.per is ThresholdPer.ONCE:
        return 1
    return rule.limit_per_member_day


def dropped(
    planned: Collection[PlannedOffer], existing: Mapping[GiftPoolId, PreparedPool], *, today: Mapping[StoreId, date]
) -> list[GiftPoolId]:
    """Open pools that the revision no longer has; those of days gone by stay as they are."""
    kept = {entry.pool.pool_id for offer in planned for entry in offer.pools}
    return [
        pool.pool_id
        for pool in existing.values()
        if pool.pool_id not in kept and pool.closed_at is None and pool.day >= today[pool.store_id]
    ]


def _plan_offer(revision: CampaignRevision, rule: GiftOffer, directory: Directory) -> PlannedOffer:
    offer = PreparedOffer(
        offer_id=offer_id_of(revision.campaign_id, rule.code),
        programme_id=revision.programme_id,
        campaign_id=revision.campaign_id,
        revision_id=revision.revision_id,
        rule_code=rule.code,
    )
    stores = [directory.store(store_id) for store_id in revision.calendars]
    in_scope = [store for store in stores if not rule.scope.stores or store.code in rule.scope.stores]
    for pool in rule.pools:
        if all(directory.find_counter_by_code(store.store_id, pool.desk) is None for store in in_scope):
            raise UnknownGiftDesk(rule.code, pool.desk)
    pools = tuple(entry for store in in_scope for entry in _pools_of(revision, rule, offer, store, directory))
    return PlannedOffer(offer, rule.limit_per_member, limit_per_day(rule), pools)


def _pools_of(
    revision: CampaignRevision, rule: GiftOffer, offer: PreparedOffer, store: Store, directory: Directory
) -> Iterator[PlannedPool]:
    """Of a store, those whose desk it has: a campaign of several stores names the desks of each."""
    for pool in rule.pools:
        counter = directory.find_counter_by_code(store.store_id, pool.desk)
        if counter is None:
            continue
        for day in revision.calendars[store.store_id].days_of(rule.code):
            pool_id = pool_id_of(offer.offer_id, store.store_id, day, pool.code)
            prepared = PreparedPool(pool_id, offer, store.store_id, day, pool.code, counter.counter_id)
            yield PlannedPool(prepared, pool.units_per_day)
