"""What reasons are told with: the names, dates and conditions behind the codes of facts and decisions. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from membership.campaigns.content import CouponOffer, EarnRule, GiftOffer, Multiple, RuleBase
from membership.campaigns.model import CampaignRevision, LineFacts, ResolvedCalendar, SaleFacts
from membership.planning.why import Fact
from membership.stores.model import CategoryId, CounterId, Names, Programme, Store
from membership.stores.service import Directory
from membership.tiers.model import Ladder


@dataclass(frozen=True, slots=True)
class Codex:
    """`revisions`: by campaign code, as they were at the moment that is explained."""

    directory: Directory
    programme: Programme
    ladder: Ladder
    store: Store
    revisions: Mapping[str, CampaignRevision]

    def tier(self, code: str) -> Names:
        return next((tier.names for tier in self.ladder.tiers if tier.code == code), {"en": code})

    def tiers(self, codes: tuple[str, ...]) -> tuple[Names, ...]:
        return tuple(self.tier(code) for code in codes)

    def brand(self, line: LineFacts) -> Names:
        counter = self.directory.counter(CounterId(line.counter_id))
        return self.directory.brand(counter.brand_id).names

    def bought(self, facts: SaleFacts) -> tuple[Names, ...]:
        """What a receipt is of, each brand and floor once."""
        counters = {self.directory.counter(CounterId(line.counter_id)) for line in facts.lines}
        brands = {counter.brand_id for counter in counters}
        floors = {counter.floor_id for counter in counters}
        return (
            *(self.directory.brand(brand_id).names for brand_id in sorted(brands)),
            *(self.directory.floor(floor_id).names for floor_id in sorted(floors)),
        )

    def category(self, line: LineFacts) -> Names:
        return self.directory.category(CategoryId(line.category_id)).names

    def tender(self, code: str) -> Names:
        found = self.directory.tender_types(self.programme.programme_id).get(code)
        return {"en": code} if found is None else found.names

    def rule(self, name: str | None) -> RuleBase | None:
        """By its name in decisions: `CAMPAIGN/RULE`."""
        campaign, _, code = (name or "").partition("/")
        revision = self.revisions.get(campaign)
        if revision is None:
            return None
        return next((rule for rule in revision.content.rules if rule.code == code), None)

    def of_rule(self, name: str, tier: str | None) -> dict[str, Fact]:
        """What sentences about a campaign's rule are filled with."""
        campaign, _, code = name.partition("/")
        revision, rule = self.revisions.get(campaign), self.rule(name)
        facts: dict[str, Fact] = {"rule_names": {"en": code} if rule is None else rule.names}
        if revision is not None:
            facts["campaign_names"] = revision.content.names
            calendar = revision.calendars.get(self.store.store_id)
            if calendar is not None:
                facts |= _dates(calendar, code, tier)
        if rule is not None:
            facts |= self._conditions(rule)
        return facts

    def _conditions(self, rule: RuleBase) -> dict[str, Fact]:
        eligible = rule.scope.tiers or tuple(tier.code for tier in self.ladder.tiers)
        facts: dict[str, Fact] = {
            "tiers": self.tiers(tuple(code for code in eligible if code not in rule.scope.excluded_tiers))
        }
        if isinstance(rule, EarnRule) and isinstance(rule.effect, Multiple):
            facts["times_basis_points"] = rule.effect.basis_points
        if isinstance(rule, CouponOffer):
            facts["minimum_minor"] = rule.minimum_spend_minor
        if isinstance(rule, GiftOffer) and rule.threshold is not None:
            facts["minimum_minor"] = rule.threshold.minimum_spend_minor
        return facts


def _dates(calendar: ResolvedCalendar, code: str, tier: str | None) -> dict[str, Fact]:
    return {
        "opens_at": calendar.opens_at if tier is None else calendar.opens_for(tier),
        "closes_at": calendar.closes_at,
        "days": calendar.days_of(code),
    }


def of_sale(facts: SaleFacts, codex: Codex) -> dict[str, Fact]:
    """What sentences about a receipt are filled with, whatever the reason."""
    tier = None if facts.member is None else facts.member.tier
    return {"on": facts.business_date, "tier": None if tier is None else codex.tier(tier)}
