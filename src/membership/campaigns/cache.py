"""Campaigns as each process knows them: which revisions issue in a store at a moment, without a query."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from membership.campaigns import store
from membership.campaigns.errors import UnknownRevision
from membership.campaigns.model import CampaignId, CampaignRevision, CampaignState, RevisionId
from membership.campaigns.records import Timeline
from membership.campaigns.rules.states import IN_FORCE
from membership.kernel.remembering import Remembered
from membership.postgres.connection import Conn, Pool
from membership.postgres.snapshot import snapshot
from membership.stores.model import StoreId

LATE_REPORTS = timedelta(days=35)
"""For how long after its last closing a campaign is kept at hand: reports of sales arrive up to 30 days late."""


@dataclass(frozen=True, slots=True)
class _Known:
    """One moment's timelines; replaced whole."""

    by_campaign: Mapping[CampaignId, Timeline]
    by_store: Mapping[StoreId, tuple[Timeline, ...]]


class CampaignCache:
    """Gives timelines at most `max_age` old, so that a pause is felt within that time everywhere. Callers that find
    them stale wait for one shared reload. Frozen revisions never change and are kept for good."""

    def __init__(self, pool: Pool, *, max_age: timedelta = timedelta(seconds=2)) -> None:
        self._pool = pool
        self._remembered: Remembered[_Known] = Remembered(max_age)
        self._revisions: dict[RevisionId, CampaignRevision] = {}

    async def issuing(self, store_id: StoreId, at: datetime, now: datetime) -> tuple[CampaignRevision, ...]:
        """The revisions that issue in a store at a moment, in the order of their campaigns' codes.

        Those whose campaign was SCHEDULED then, neither paused nor ended, and open for one tier at least: whether a
        member's own tier may come already, blackout days and daily hours are for the rules to judge, which give the
        reason. For a past moment the log of states decides, and the revision is the one in force then.
        """
        known = await self._timelines(now)
        found = self._in_state(known, store_id, at, frozenset({CampaignState.SCHEDULED}))
        return tuple(
            revision
            for revision in found
            if revision.calendars[store_id].first_opens_at <= at < revision.calendars[store_id].closes_at
        )

    async def upcoming(self, store_id: StoreId, now: datetime) -> tuple[CampaignRevision, ...]:
        """The revisions in force in a store that are open or will open: for drops, bookings and previews. What is
        paused is not among them."""
        known = await self._timelines(now)
        found = self._in_state(known, store_id, now, frozenset({CampaignState.SCHEDULED}))
        return tuple(revision for revision in found if now < revision.calendars[store_id].closes_at)

    async def paused(self, store_id: StoreId, at: datetime, now: datetime) -> tuple[CampaignRevision, ...]:
        """The revisions that would issue, were their campaign not paused: for the reason why they do not."""
        known = await self._timelines(now)
        found = self._in_state(known, store_id, at, frozenset({CampaignState.PAUSED}))
        return tuple(
            revision
            for revision in found
            if revision.calendars[store_id].first_opens_at <= at < revision.calendars[store_id].closes_at
        )

    async def not_closed(self, store_id: StoreId, now: datetime) -> tuple[tuple[CampaignRevision, CampaignState], ...]:
        """The revisions in force in a store that are open or will open, with whether their campaign is SCHEDULED or
        PAUSED: for what is decided days ahead."""
        known = await self._timelines(now)
        return tuple(
            (revision, state)
            for state in sorted(IN_FORCE)
            for revision in self._in_state(known, store_id, now, frozenset({state}))
            if now < revision.calendars[store_id].closes_at
        )

    async def latest(self, store_id: StoreId, now: datetime) -> tuple[CampaignRevision, ...]:
        """Of every campaign that was scheduled in a store the latest revision, whatever has become of the campaign.
        Those that closed long ago are not among them."""
        known = await self._timelines(now)
        found = (timeline.revision_at(now) for timeline in known.by_store.get(store_id, ()))
        revisions = (self._revisions[revision_id] for revision_id in found if revision_id is not None)
        return tuple(revision for revision in revisions if store_id in revision.calendars)

    async def in_force(self, campaign_id: CampaignId, now: datetime) -> CampaignRevision | None:
        """A campaign's latest scheduled revision while the campaign is SCHEDULED or PAUSED; None otherwise, or when it
        closed long ago."""
        timeline = (await self._timelines(now)).by_campaign.get(campaign_id)
        if timeline is None or timeline.state_at(now) not in IN_FORCE:
            return None
        revision_id = timeline.revision_at(now)
        return None if revision_id is None else self._revisions[revision_id]

    async def state(self, campaign_id: CampaignId, at: datetime, now: datetime) -> CampaignState | None:
        """A campaign's state at a moment. None: it was not there yet, was never scheduled or closed long ago."""
        timeline = (await self._timelines(now)).by_campaign.get(campaign_id)
        return None if timeline is None else timeline.state_at(at)

    async def revision(self, revision_id: RevisionId) -> CampaignRevision:
        """Any frozen revision. Raises UnknownRevision."""
        found = (await self.revisions([revision_id])).get(revision_id)
        if found is None:
            raise UnknownRevision
        return found

    async def revisions(
        self, revision_ids: Collection[RevisionId], conn: Conn | None = None
    ) -> Mapping[RevisionId, CampaignRevision]:
        """Frozen revisions by id; no query for those seen before. Unknown ones are left out.

        Whoever holds a connection gives it: to wait for a second one with the first in hand can empty the pool.
        """
        missing = [revision_id for revision_id in revision_ids if revision_id not in self._revisions]
        if missing and conn is not None:
            self._revisions |= await store.load_frozen(conn, missing)
        elif missing:
            async with snapshot(self._pool) as own:
                self._revisions |= await store.load_frozen(own, missing)
        return {
            revision_id: self._revisions[revision_id] for revision_id in revision_ids if revision_id in self._revisions
        }

    async def reload(self, now: datetime) -> None:
        """Read the timelines now, whatever their age: after a change that this process made itself."""
        await self._remembered.renew(now, lambda: self._read(now))

    async def _timelines(self, now: datetime) -> _Known:
        return await self._remembered.value(now, lambda: self._read(now))

    async def _read(self, now: datetime) -> _Known:
        async with snapshot(self._pool) as conn:
            timelines = await store.load_timelines(conn, now - LATE_REPORTS)
            await self._load_revisions(conn, timelines)
        return _Known(
            by_campaign={timeline.campaign_id: timeline for timeline in timelines},
            by_store=self._by_store(timelines),
        )

    async def _load_revisions(self, conn: Conn, timelines: Collection[Timeline]) -> None:
        named = {revision_id for timeline in timelines for _, revision_id in timeline.revisions}
        if missing := named - self._revisions.keys():
            self._revisions |= await store.load_frozen(conn, missing)

    def _by_store(self, timelines: Collection[Timeline]) -> dict[StoreId, tuple[Timeline, ...]]:
        found: dict[StoreId, list[Timeline]] = defaultdict(list)
        for timeline in timelines:
            revisions = [self._revisions[revision_id] for _, revision_id in timeline.revisions]
            for store_id in {store_id for revision in revisions for store_id in revision.calendars}:
                found[store_id].append(timeline)
        return {store_id: tuple(entries) for store_id, entries in found.items()}

    def _in_state(
        self, known: _Known, store_id: StoreId, at: datetime, states: Collection[CampaignState]
    ) -> Iterator[CampaignRevision]:
        for timeline in known.by_store.get(store_id, ()):
            revision_id = timeline.revision_at(at)
            if revision_id is not None and timeline.state_at(at) in states:
                revision = self._revisions[revision_id]
                if store_id in revision.calendars:
                    yield revision
