"""Bringing a revision into force: checked once more under lock, its dates resolved for good, the slices above told."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias
from zoneinfo import ZoneInfo

from membership.campaigns import store
from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import CampaignContent
from membership.campaigns.errors import CampaignOver
from membership.campaigns.model import CampaignRevision, CampaignState, ResolvedCalendar
from membership.campaigns.records import Campaign, Revision, RevisionStatus
from membership.campaigns.rules import checking
from membership.campaigns.rules.calendar import first_day
from membership.campaigns.rules.checking import Codebook, codebook_of
from membership.kernel.wording import local_moment
from membership.postgres.transaction import Transaction
from membership.stores.model import StoreId
from membership.stores.service import DirectoryCache
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.service import LadderCache

ScheduleHook: TypeAlias = Callable[[Transaction, CampaignRevision, CampaignRevision | None], Awaitable[None]]
"""Called inside the transaction that brings a revision into force, with the one in force before. May refuse."""

StateHook: TypeAlias = Callable[[Transaction, CampaignRevision, CampaignState, CampaignState], Awaitable[None]]
"""Called inside the transaction that moves a campaign in force: the revision in force, from, to."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What slices above do when campaigns move, each in the order given. The row of the campaign is locked then;
    offers, pools and coupons are locked after it."""

    on_schedule: Sequence[ScheduleHook] = ()
    on_state_change: Sequence[StateHook] = ()


@dataclass(frozen=True, slots=True)
class Scheduler:
    directory: DirectoryCache
    ladders: LadderCache
    cache: CampaignCache
    hooks: Hooks

    async def check(
        self, tx: Transaction, campaign: Campaign, content: CampaignContent
    ) -> dict[StoreId, ResolvedCalendar]:
        """The resolved calendars of what may come into force now. Raises what rules.checking refuses, CampaignOver."""
        codes = await self.codes(tx, campaign, content)
        calendars = checking.check(content, codes)
        closes_at, last = max((calendar.closes_at, store_id) for store_id, calendar in calendars.items())
        if closes_at <= tx.now:
            zone = (await self.directory.directory(tx.now)).store(last).zone
            raise CampaignOver(local_moment(closes_at, zone))
        # Coupons of a group outlive their campaign, but their amounts are used in its stores and times above all.
        opens_at = min(calendar.first_opens_at for calendar in calendars.values())
        others = await store.list_in_force_between(tx.conn, campaign, opens_at=opens_at, closes_at=closes_at)
        known = await store.load_frozen(tx.conn, others)
        checking.refuse_overlapping_groups(content, calendars, known.values(), codes)
        return calendars

    async def codes(self, tx: Transaction, campaign: Campaign, content: CampaignContent) -> Codebook:
        """What the campaign may name: the ladder is that of its first day."""
        directory = await self.directory.directory(tx.now)
        ladders = await self.ladders.find(campaign.programme_id, tx.now)
        tiers = ladder_at(ladders, first_day(content.calendar)).ladder.tiers if ladders else ()
        return codebook_of(directory, campaign.programme_id, (tier.code for tier in tiers))

    async def zone_of(self, tx: Transaction, campaign: Campaign) -> ZoneInfo:
        """By whose clock the campaign as a whole is spoken of: that of the first of the programme's stores."""
        stores = (await self.directory.directory(tx.now)).configuration.stores
        own = [store for store in stores if store.programme_id == campaign.programme_id]
        return min(own, key=lambda store: store.code).zone

    async def schedule(self, tx: Transaction, campaign: Campaign, revision: Revision) -> Revision:
        """The revision, in force from now on. The campaign is locked."""
        # One campaign of the programme at a time, or two could come into force that do not see each other's groups.
        await store.lock_schedule(tx.conn, campaign.programme_id)
        calendars = await self.check(tx, campaign, revision.content)
        before = await self.in_force(tx, campaign)
        scheduled = replace(
            revision, status=RevisionStatus.SCHEDULED, approved_by=tx.actor.subject, scheduled_at=tx.now
        )
        await store.update_revision(tx.conn, scheduled)
        await store.insert_calendars(tx.conn, scheduled.revision_id, calendars)
        opens_at = min(calendar.first_opens_at for calendar in calendars.values())
        closes_at = max(calendar.closes_at for calendar in calendars.values())
        if campaign.opens_at is not None and campaign.opens_at <= tx.now:
            # It was open, whatever the revision says: it can be ended, and not be cancelled any more.
            opens_at = min(campaign.opens_at, opens_at)
        await store.update_opening(tx.conn, campaign.campaign_id, opens_at, closes_at)
        for hook in self.hooks.on_schedule:
            await hook(tx, scheduled.frozen(campaign, calendars), before)
        return scheduled

    async def tell(self, tx: Transaction, campaign: Campaign, to_state: CampaignState) -> None:
        """Of a campaign that was in force and moves to another state."""
        if not self.hooks.on_state_change:
            return
        revision = await self.in_force(tx, campaign)
        if revision is not None:
            for hook in self.hooks.on_state_change:
                await hook(tx, revision, campaign.state, to_state)

    async def in_force(self, tx: Transaction, campaign: Campaign) -> CampaignRevision | None:
        """The latest scheduled revision of a campaign that is locked."""
        revisions = (await store.list_revisions(tx.conn, [campaign.campaign_id])).get(campaign.campaign_id, ())
        scheduled = [revision for revision in revisions if revision.status is RevisionStatus.SCHEDULED]
        if not scheduled:
            return None
        latest = scheduled[-1].revision_id
        return (await store.load_frozen(tx.conn, [latest]))[latest]
