"""May this member claim of this pool now? What is asked first costs least: only a member's tier has to be read."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from membership.campaigns.content import GiftOffer, GiftPool, Scope
from membership.campaigns.model import CampaignRevision, CampaignState, ResolvedCalendar
from membership.gifts.errors import (
    GiftBlackout,
    GiftEnded,
    GiftNotDropped,
    GiftNotEligible,
    GiftNotStarted,
    GiftPaused,
)
from membership.gifts.model import Threshold
from membership.gifts.rules.moments import ClaimWindow, claim_window, collect_until
from membership.kernel.wording import local_moment
from membership.stores.model import Store


@dataclass(frozen=True, slots=True)
class Offered:
    """A pool with all that was said about it: the revision in force, and the campaign's stored state."""

    revision: CampaignRevision
    state: CampaignState
    rule: GiftOffer
    pool: GiftPool
    store: Store
    day: date
    window: ClaimWindow

    @property
    def calendar(self) -> ResolvedCalendar:
        return self.revision.calendars[self.store.store_id]

    @property
    def collect_until(self) -> datetime:
        return collect_until(self.store, self.rule.collection, self.day)

    @property
    def asks_tier(self) -> bool:
        """Whether the answer differs between tiers."""
        scope = self.rule.scope
        return bool(scope.tiers or scope.excluded_tiers or self.pool.tiers or self.calendar.preview_opens_at)


def offered(
    revision: CampaignRevision, state: CampaignState, rule: GiftOffer, pool: GiftPool, *, store: Store, day: date
) -> Offered:
    return Offered(revision, state, rule, pool, store, day, claim_window(store, revision, rule, day))


def check_open(entry: Offered, now: datetime) -> None:
    """Everything that holds for whichever tier. Raises GiftPaused, GiftEnded, GiftBlackout, GiftNotDropped."""
    check_issuing(entry.state, now, entry.store.zone)
    if entry.day in entry.calendar.blackout:
        raise GiftBlackout(entry.day.isoformat())
    if entry.day not in entry.calendar.days_of(entry.rule.code):
        raise GiftEnded(_said(entry, now))
    if now >= entry.window.closes_at:
        raise GiftEnded(_said(entry, entry.window.closes_at))
    if now < entry.window.drops_at:
        raise GiftNotDropped(_said(entry, entry.window.drops_at))
    if not entry.asks_tier and now < entry.calendar.opens_at:
        raise GiftNotStarted(_said(entry, entry.calendar.opens_at))


def check_issuing(state: CampaignState, now: datetime, zone: tzinfo) -> None:
    """Whether the campaign gives out anything, by its stored state. Raises GiftPaused, GiftEnded."""
    if state is CampaignState.PAUSED:
        raise GiftPaused
    if state is not CampaignState.SCHEDULED:
        raise GiftEnded(local_moment(now, zone))


def check_tier(entry: Offered, tier: str, now: datetime) -> None:
    """Raises GiftNotEligible, GiftNotStarted."""
    if not is_for(entry.rule.scope, entry.pool, tier):
        wanted = entry.pool.tiers or entry.rule.scope.tiers
        raise GiftNotEligible("TIER", tier, [code for code in wanted if code not in entry.rule.scope.excluded_tiers])
    opens_at = entry.calendar.opens_for(tier)
    if now < opens_at:
        raise GiftNotStarted(_said(entry, opens_at))


def is_for(scope: Scope, pool: GiftPool, tier: str) -> bool:
    if tier in scope.excluded_tiers:
        return False
    return (not scope.tiers or tier in scope.tiers) and (not pool.tiers or tier in pool.tiers)


def threshold_of(campaign_code: str, rule: GiftOffer) -> Threshold | None:
    """What a gift of this rule takes of its day's spend.

    Without an exclusive group the offer is a group of its own: an amount buys one of its gifts, not two.
    """
    if rule.threshold is None:
        return None
    return Threshold(rule.threshold.minimum_spend_minor, rule.exclusive_group or f"{campaign_code}/{rule.code}")


def _said(entry: Offered, moment: datetime) -> str:
    """A moment as people of the store read it."""
    return local_moment(moment, entry.store.zone)
