"""When, for whom and on which lines a rule holds, and every reason why it does not. Revisions are compiled once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from membership.campaigns.content import Codes, CouponOffer, DailyWindow, EarnRule, Scope, StackingPolicy
from membership.campaigns.engine.basket import BundledBasket
from membership.campaigns.model import (
    CampaignRevision,
    LineFacts,
    MemberFacts,
    Reason,
    RevisionId,
    SaleFacts,
    revision_label,
    rule_name,
)
from membership.campaigns.rules.calendar import is_within_hours
from membership.stores.model import StoreId

Revisions = Mapping[RevisionId, CampaignRevision]

_MOST_COMPILED = 256
_compiled: dict[RevisionId, "CompiledRevision"] = {}


@dataclass(frozen=True, slots=True)
class Moment:
    """Where and when a sale is judged, and for whom."""

    at: datetime
    local_time: time
    business_date: date
    store_id: StoreId
    store: str
    tier: str


def moment_of(facts: SaleFacts, member: MemberFacts) -> Moment | None:
    """None: facts of a time before campaigns, which name no instant and no store."""
    if facts.at is None or facts.local_time is None or facts.store_id is None:
        return None
    return Moment(facts.at, facts.local_time, facts.business_date, facts.store_id, facts.store, member.tier)


class LineScope:
    """The lines of a scope. Within each kind of code one must match; an excluded code wins."""

    __slots__ = ("_excluded", "_included", "_key")

    def __init__(self, scope: Scope) -> None:
        included = (scope.brands, scope.floors, scope.categories, scope.counters)
        excluded = (
            scope.excluded_brands,
            scope.excluded_floors,
            scope.excluded_categories,
            scope.excluded_counters,
        )
        self._included = tuple((place, frozenset(codes)) for place, codes in enumerate(included) if codes)
        self._excluded = tuple((place, frozenset(codes)) for place, codes in enumerate(excluded) if codes)
        self._key = self._included, self._excluded

    def holds(self, line: LineFacts) -> bool:
        return self.covers(line.brand, line.floor, line.category, line.counter)

    def covers(self, brand: str, floor: str, category: str, counter: str) -> bool:
        codes = (brand, floor, category, counter)
        return all(codes[place] in included for place, included in self._included) and all(
            codes[place] not in excluded for place, excluded in self._excluded
        )

    def places(self, basket: BundledBasket) -> tuple[int, ...]:
        """The bundles in scope on which anything was spent."""
        found = basket.places_by_scope.get(self._key)
        if found is None:
            found = basket.places_by_scope[self._key] = tuple(
                place for place, bundle in enumerate(basket.bundles) if bundle.net_minor and self.holds(bundle.like)
            )
        return found


@dataclass(frozen=True, slots=True)
class CompiledEarnRule:
    rule: EarnRule
    name: str
    lines: LineScope


@dataclass(frozen=True, slots=True)
class CompiledOffer:
    offer: CouponOffer
    name: str
    lines: LineScope


@dataclass(frozen=True, slots=True)
class CompiledRevision:
    """A revision with its scopes as sets. `earn_rules_anywhere` name no brand; the others are found by theirs."""

    source: CampaignRevision
    label: str
    earn_rules_anywhere: tuple[CompiledEarnRule, ...]
    earn_rules_of_brand: Mapping[str, tuple[CompiledEarnRule, ...]]
    offers: Mapping[str, CompiledOffer]
    stacking: Mapping[str, StackingPolicy]

    def earn_rules_for(self, brands: frozenset[str]) -> Iterator[CompiledEarnRule]:
        """The earn rules that could concern lines of these brands, each once."""
        yield from self.earn_rules_anywhere
        seen: set[str] = set()
        for brand in brands:
            for entry in self.earn_rules_of_brand.get(brand, ()):
                if entry.name not in seen:
                    seen.add(entry.name)
                    yield entry

    def earn_rule(self, code: str) -> CompiledEarnRule | None:
        brands = frozenset(self.earn_rules_of_brand)
        return next((entry for entry in self.earn_rules_for(brands) if entry.rule.code == code), None)


def compiled(revision: CampaignRevision) -> CompiledRevision:
    """Made once for each revision in memory. Another object under the same id (a draft) is compiled anew."""
    found = _compiled.get(revision.revision_id)
    if found is None or found.source is not revision:
        if len(_compiled) >= _MOST_COMPILED:
            _compiled.clear()
        found = _compiled[revision.revision_id] = _compile(revision)
    return found


def _compile(revision: CampaignRevision) -> CompiledRevision:
    anywhere: list[CompiledEarnRule] = []
    of_brand: dict[str, list[CompiledEarnRule]] = {}
    for rule in revision.content.rules_of(EarnRule):
        entry = CompiledEarnRule(rule, rule_name(revision.code, rule.code), LineScope(rule.scope))
        if not rule.scope.brands:
            anywhere.append(entry)
        for brand in rule.scope.brands:
            of_brand.setdefault(brand, []).append(entry)
    return CompiledRevision(
        source=revision,
        label=revision_label(revision),
        earn_rules_anywhere=tuple(anywhere),
        earn_rules_of_brand={brand: tuple(entries) for brand, entries in of_brand.items()},
        offers={
            offer.code: CompiledOffer(offer, rule_name(revision.code, offer.code), LineScope(offer.scope))
            for offer in revision.content.rules_of(CouponOffer)
        },
        stacking={group.code: group.policy for group in revision.content.stacking_groups},
    )


def campaign_faults(revision: CampaignRevision, moment: Moment) -> Iterator[Reason]:
    """Why nothing of a campaign is issued here and now, whatever its rules say."""
    calendar = revision.calendars.get(moment.store_id)
    if calendar is None:
        yield Reason.WRONG_STORE
        return
    if moment.at < calendar.opens_for(moment.tier):
        yield Reason.NOT_STARTED
    if moment.at >= calendar.closes_at:
        yield Reason.ENDED
    if moment.business_date in calendar.blackout:
        yield Reason.BLACKOUT
    if not within(revision.content.calendar.daily_window, moment.local_time):
        yield Reason.OUTSIDE_DAILY_WINDOW


def earn_rule_faults(rule: EarnRule, revision: CampaignRevision, moment: Moment) -> Iterator[Reason]:
    """Why an earn rule does not hold, its campaign being open. A preview day is a day of every rule without days."""
    calendar = revision.calendars.get(moment.store_id)
    if calendar is not None and rule.days and moment.business_date not in calendar.rule_days.get(rule.code, ()):
        yield Reason.NOT_THIS_DAY
    if not within(rule.daily_window, moment.local_time):
        yield Reason.OUTSIDE_DAILY_WINDOW
    yield from _scope_faults(rule.scope, moment)


def offer_faults(offer: CouponOffer, revision: CampaignRevision, moment: Moment) -> Iterator[Reason]:
    """Why coupons of an offer cannot be used here and now.

    The end of the campaign and its daily window stop issuing, not redeeming: a coupon has a validity of its own. Days
    of the offer's own are days of the campaign; its blackout days may lie after it.
    """
    calendar = revision.calendars.get(moment.store_id)
    if calendar is None:
        yield Reason.WRONG_STORE
        return
    day = moment.business_date
    if day in calendar.blackout or day in calendar.rule_blackout.get(offer.code, ()):
        yield Reason.BLACKOUT
    if offer.days and day not in calendar.rule_days.get(offer.code, ()):
        yield Reason.NOT_THIS_DAY
    if not within(offer.daily_window, moment.local_time):
        yield Reason.OUTSIDE_DAILY_WINDOW
    yield from _scope_faults(offer.scope, moment)


def _scope_faults(scope: Scope, moment: Moment) -> Iterator[Reason]:
    if not admits(moment.tier, scope.tiers, scope.excluded_tiers):
        yield Reason.TIER_NOT_ELIGIBLE
    if not admits(moment.store, scope.stores, ()):
        yield Reason.WRONG_STORE


def admits(code: str, included: Codes, excluded: Codes) -> bool:
    """No included code: every one but those excluded."""
    return (not included or code in included) and code not in excluded


def within(window: DailyWindow | None, at: time) -> bool:
    return window is None or is_within_hours(window, at)
