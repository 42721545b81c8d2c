"""What a campaign's types cannot say: whether its codes exist, its shares are whole and its times fall on a clock."""

from collections import Counter as Tally
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from membership.campaigns.content import (
    AmountOff,
    BookingWindow,
    CampaignContent,
    ClaimedInApp,
    CouponOffer,
    EarnRule,
    GiftOffer,
    Rule,
    RuleBase,
)
from membership.campaigns.errors import (
    DailyQuotaAboveQuota,
    DuplicateCode,
    FaceAboveMinimumSpend,
    FundingNotWhole,
    OverlappingExclusiveGroups,
    ScopeHoldsNothing,
    UnknownCode,
)
from membership.campaigns.model import CampaignRevision, ResolvedCalendar
from membership.campaigns.rules.calendar import (
    closing_moment,
    drop_moment,
    issue_days,
    refuse_impossible_hours,
    resolve,
    wall_moment,
)
from membership.kernel.shares import BASIS_POINTS
from membership.stores.model import ProgrammeId, Store, StoreId
from membership.stores.service import Directory

_KINDS = ("tiers", "stores", "floors", "brands", "categories", "counters")
_SINGULAR = {
    "tiers": "tier",
    "stores": "store",
    "floors": "floor",
    "brands": "brand",
    "categories": "category",
    "counters": "counter",
}


@dataclass(frozen=True, slots=True)
class Codebook:
    """The codes that a campaign of a programme may name, and its stores by code."""

    stores_by_code: Mapping[str, Store]
    tiers: frozenset[str]
    brands: frozenset[str]
    categories: frozenset[str]
    floors: Mapping[str, frozenset[str]]  # by store code
    counters: Mapping[str, frozenset[str]]  # by store code

    def known(self, kind: str, stores: Collection[str]) -> Collection[str]:
        """The codes of a kind; floors and counters are those of any of the stores."""
        match kind:
            case "tiers":
                return self.tiers
            case "stores":
                return stores
            case "brands":
                return self.brands
            case "categories":
                return self.categories
            case "floors":
                return frozenset[str]().union(*(self.floors[store] for store in stores))
            case "counters":
                return frozenset[str]().union(*(self.counters[store] for store in stores))
            case _:
                raise ValueError(kind)


def codebook_of(directory: Directory, programme_id: ProgrammeId, tiers: Iterable[str]) -> Codebook:
    """`tiers`: the codes of the programme's ladder."""
    known = directory.configuration
    stores = {store.code: store for store in known.stores if store.programme_id == programme_id}
    return Codebook(
        stores_by_code=stores,
        tiers=frozenset(tiers),
        brands=frozenset(brand.code for brand in known.brands if brand.programme_id == programme_id),
        categories=frozenset(entry.code for entry in known.categories if entry.programme_id == programme_id),
        floors={
            code: frozenset(floor.code for floor in known.floors if floor.store_id == store.store_id)
            for code, store in stores.items()
        },
        counters={
            code: frozenset(counter.code for counter in known.counters if counter.store_id == store.store_id)
            for code, store in stores.items()
        },
    )


def check(content: CampaignContent, codes: Codebook) -> dict[StoreId, ResolvedCalendar]:
    """The campaign's calendar in each of its stores, if everything it says makes sense.

    Raises UnknownCode, DuplicateCode, FundingNotWhole, ScopeHoldsNothing, FaceAboveMinimumSpend, DailyQuotaAboveQuota
    and what rules.calendar refuses, here for the times of the rules too.
    """
    for code in content.stores:
        if code not in codes.stores_by_code:
            raise UnknownCode(None, "store", code)
    _refuse_duplicates(content)
    for preview in content.calendar.previews:
        _refuse_unknown(None, "tiers", preview.tiers, codes.tiers)
    for rule in content.rules:
        _check_rule(rule, content, codes)
    resolved: dict[StoreId, ResolvedCalendar] = {}
    for code in content.stores:
        store = codes.stores_by_code[code]
        resolved[store.store_id] = resolve(content, store)
        _check_times(content, resolved[store.store_id], store)
    return resolved


def refuse_overlapping_groups(
    content: CampaignContent,
    calendars: Mapping[StoreId, ResolvedCalendar],
    others: Iterable[CampaignRevision],
    codes: Codebook,
) -> None:
    """An exclusive group belongs to one campaign at a time in a store: in two at once, a receipt amount that the one
    has used would silently be lost to the other. Within a campaign its offers share groups on purpose.

    Raises OverlappingExclusiveGroups.
    """
    mine = dict(_groups(content))
    for other in others:
        for group, their_rule in _groups(other.content):
            if group in mine:
                for store in codes.stores_by_code.values():
                    own, theirs = calendars.get(store.store_id), other.calendars.get(store.store_id)
                    if own is not None and theirs is not None and _overlap(own, theirs):
                        raise OverlappingExclusiveGroups(group, mine[group], store.code, other.code, their_rule)


def _groups(content: CampaignContent) -> Iterator[tuple[str, str]]:
    for rule in content.rules:
        if isinstance(rule, CouponOffer | GiftOffer) and rule.exclusive_group is not None:
            yield rule.exclusive_group, rule.code


def _overlap(one: ResolvedCalendar, other: ResolvedCalendar) -> bool:
    return one.first_opens_at < other.closes_at and other.first_opens_at < one.closes_at


def _refuse_duplicates(content: CampaignContent) -> None:
    named = {
        "rule": [rule.code for rule in content.rules],
        "store": list(content.stores),
        "stacking group": [group.code for group in content.stacking_groups],
    }
    for offer in content.rules_of(GiftOffer):
        named[f"pool of {offer.code}"] = [pool.code for pool in offer.pools]
    for kind, codes in named.items():
        for code, count in Tally(codes).items():
            if count > 1:
                raise DuplicateCode(kind, code)


def _check_rule(rule: Rule, content: CampaignContent, codes: Codebook) -> None:
    total = rule.funding.mall_basis_points + rule.funding.brand_basis_points
    if total != BASIS_POINTS:
        raise FundingNotWhole(rule.code, total)
    _check_scope(rule, content, codes)
    match rule:
        case CouponOffer():
            _check_coupon(rule, content)
        case GiftOffer():
            desks = codes.known("counters", rule.scope.stores or content.stores)
            _refuse_unknown(rule.code, "counters", [pool.desk for pool in rule.pools], desks)
            _refuse_unknown(rule.code, "tiers", [tier for pool in rule.pools for tier in pool.tiers], codes.tiers)
        case BookingWindow():
            openings = [tier for opening in rule.openings for tier in opening.tiers]
            _refuse_unknown(rule.code, "tiers", openings, codes.tiers)
        case EarnRule():
            pass
        case _:
            assert_never(rule)


def _check_scope(rule: RuleBase, content: CampaignContent, codes: Codebook) -> None:
    scope = rule.scope
    _refuse_unknown(rule.code, "stores", scope.stores, content.stores)
    for kind in _KINDS:
        included: Collection[str] = getattr(scope, kind)
        excluded: Collection[str] = getattr(scope, f"excluded_{kind}", ())
        _refuse_unknown(rule.code, kind, [*included, *excluded], codes.known(kind, scope.stores or content.stores))
        if included and set(excluded).issuperset(included):
            raise ScopeHoldsNothing(rule.code, _SINGULAR[kind])


def _check_coupon(offer: CouponOffer, content: CampaignContent) -> None:
    if offer.stacking_group is not None:
        declared = [group.code for group in content.stacking_groups]
        if offer.stacking_group not in declared:
            raise UnknownCode(offer.code, "stacking group", offer.stacking_group)
    # Without a minimum the discount ends with the amount: a voucher. With one, a face above it is a slip of the pen.
    face = offer.face
    if isinstance(face, AmountOff) and 0 < offer.minimum_spend_minor < face.amount_minor:
        raise FaceAboveMinimumSpend(offer.code, face.amount_minor, offer.minimum_spend_minor)
    if offer.quota is not None and offer.quota_per_day is not None and offer.quota_per_day > offer.quota:
        raise DailyQuotaAboveQuota(offer.code, offer.quota_per_day, offer.quota)


def _check_times(content: CampaignContent, resolved: ResolvedCalendar, store: Store) -> None:
    """Every time of day that a rule names exists in the store on each day it is named for."""
    if content.calendar.daily_window is not None:
        refuse_impossible_hours(content.calendar.daily_window, resolved.days, store)
    for rule in content.rules:
        if rule.scope.stores and store.code not in rule.scope.stores:
            continue
        days = issue_days(resolved, rule)
        if rule.daily_window is not None:
            refuse_impossible_hours(rule.daily_window, days, store, rule=rule.code)
        match rule:
            case CouponOffer(issue=ClaimedInApp(drop_time=drop_time)):
                for day in days:
                    drop_moment(store, day, drop_time, rule=rule.code)
            case GiftOffer():
                for day in days:
                    drop_moment(store, day, rule.drop_time, rule=rule.code)
                    collected_on = day + timedelta(days=rule.collection.days_after)
                    closing_moment(store, collected_on, rule.collection.until, rule=rule.code)
            case BookingWindow():
                for opening in rule.openings:
                    day = resolved.days[0] - timedelta(days=opening.days_before)
                    wall_moment(store, day, opening.at, rule=rule.code)
            case CouponOffer() | EarnRule():
                pass
            case _:
                assert_never(rule)


def _refuse_unknown(rule: str | None, kind: str, named: Iterable[str], known: Collection[str]) -> None:
    for code in named:
        if code not in known:
            raise UnknownCode(rule, _SINGULAR[kind], code)
