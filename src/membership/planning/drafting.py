"""From what a planner asks to a draft with its days: which revision, in which stores, and which past day is which."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from membership.campaigns import store as campaigns
from membership.campaigns.content import CampaignContent
from membership.campaigns.errors import UnknownCampaign, UnknownRevision
from membership.campaigns.model import CampaignId, CampaignRevision, RevisionId
from membership.campaigns.records import Campaign, Revision, RevisionStatus
from membership.campaigns.rules.calendar import first_day
from membership.campaigns.rules.checking import check, codebook_of
from membership.kernel.ids import NewId
from membership.planning.errors import PastCampaignNeverOpened, PeriodNotOver, PeriodOutOfOrder, PeriodTooLong
from membership.planning.mapping import DayMap, by_weekday, day_by_day, days_between, open_days, same_days
from membership.planning.model import PastCampaign, PastDays, SimulateCampaign, StoredDraft, UnsavedDraft
from membership.postgres.connection import Conn
from membership.stores.model import ProgrammeId, StoreId
from membership.stores.service import Directory
from membership.tiers.model import LadderRevision
from membership.tiers.rules.qualification import ladder_at

MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Period:
    """Whose receipts of which business days, both included."""

    programme_id: ProgrammeId
    first: date
    last: date
    store_ids: tuple[StoreId, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A simulation as it is stored to be run: the draft as it was when asked for. `number` None: it is unsaved.

    `as_recorded`: the draft was in force then, and its receipts are decided again on their recorded facts. `asked_at`:
    what is learned from was over by then, however long the simulation waits for a worker.
    """

    revision: CampaignRevision
    number: int | None
    days: Mapping[StoreId, DayMap]
    as_recorded: bool
    asked_at: datetime

    @property
    def period(self) -> Period:
        days = [day for entry in self.days.values() for day in (*entry.draft_day, *entry.unused_days)]
        return Period(self.revision.programme_id, min(days), max(days), tuple(self.days))


@dataclass(frozen=True, slots=True)
class Drafting:
    """What a request is read against."""

    conn: Conn
    directory: Directory
    ladders: tuple[LadderRevision, ...]
    now: datetime
    today: date
    new_id: NewId

    async def read(self, command: SimulateCampaign) -> Request:
        """Raises UnknownCampaign, UnknownRevision, what campaigns.rules.checking refuses, PeriodOutOfOrder,
        PeriodNotOver, PeriodTooLong, PastCampaignNeverOpened."""
        revision, number = await self._draft(command.programme_id, command.draft)
        was_in_force = number is not None and await self._is_frozen(revision.revision_id)
        match command.period:
            case PastDays():
                days, is_own = self._by_dates(revision, command.period, was_in_force=was_in_force)
            case PastCampaign():
                past = await self._past(command.programme_id, command.period.code)
                is_own = was_in_force and past.campaign_id == revision.campaign_id
                days = self._by_campaign(revision, revision if is_own else past, is_own=is_own)
        self._refuse_future(max(day for entry in days.values() for day in (*entry.draft_day, *entry.unused_days)))
        return Request(revision, number, days, is_own, self.now)

    async def _draft(
        self, programme_id: ProgrammeId, draft: StoredDraft | UnsavedDraft
    ) -> tuple[CampaignRevision, int | None]:
        if isinstance(draft, UnsavedDraft):
            ids = RevisionId(self.new_id()), CampaignId(self.new_id())
            return self._resolved(programme_id, draft.code, draft.content, ids=ids, number=1), None
        campaign = await self._campaign(programme_id, draft.code)
        found = await self._revision(campaign, draft.number)
        frozen = await campaigns.load_frozen(self.conn, [found.revision_id])
        if found.revision_id in frozen:
            return frozen[found.revision_id], found.number
        ids = found.revision_id, campaign.campaign_id
        return self._resolved(programme_id, draft.code, found.content, ids=ids, number=found.number), found.number

    def _resolved(
        self,
        programme_id: ProgrammeId,
        code: str,
        content: CampaignContent,
        *,
        ids: tuple[RevisionId, CampaignId],
        number: int,
    ) -> CampaignRevision:
        tiers = ladder_at(self.ladders, first_day(content.calendar)).ladder.tiers
        codes = codebook_of(self.directory, programme_id, (tier.code for tier in tiers))
        calendars = check(content, codes)
        return CampaignRevision(ids[0], ids[1], programme_id, code, number, content, calendars, self.now)

    async def _campaign(self, programme_id: ProgrammeId, code: str) -> Campaign:
        campaign = await campaigns.find_campaign_by_code(self.conn, programme_id, code)
        if campaign is None:
            raise UnknownCampaign
        return campaign

    async def _revision(self, campaign: Campaign, number: int | None) -> Revision:
        """The one asked for; else the one being worked on, or the latest that is not discarded."""
        revisions = (await campaigns.list_revisions(self.conn, [campaign.campaign_id])).get(campaign.campaign_id, ())
        found = [revision for revision in revisions if number in (None, revision.number)]
        live = [revision for revision in found if revision.status is not RevisionStatus.DISCARDED]
        if not found:
            raise UnknownRevision
        return (live or found)[-1]

    async def _is_frozen(self, revision_id: UUID) -> bool:
        return bool(await campaigns.load_frozen(self.conn, [RevisionId(revision_id)]))

    async def _past(self, programme_id: ProgrammeId, code: str) -> CampaignRevision:
        """The last revision of a campaign that was in force."""
        campaign = await self._campaign(programme_id, code)
        revisions = (await campaigns.list_revisions(self.conn, [campaign.campaign_id])).get(campaign.campaign_id, ())
        frozen = await campaigns.load_frozen(self.conn, [revision.revision_id for revision in revisions])
        if not frozen:
            raise PastCampaignNeverOpened(code)
        return max(frozen.values(), key=lambda revision: revision.number)

    def _by_campaign(self, draft: CampaignRevision, past: CampaignRevision, *, is_own: bool) -> dict[StoreId, DayMap]:
        days: dict[StoreId, DayMap] = {}
        for store_id in draft.calendars.keys() & past.calendars.keys():
            store, calendar = self.directory.store(store_id), past.calendars[store_id]
            days[store_id] = (
                same_days(open_days(store, calendar))
                if is_own
                else day_by_day(calendar, draft.calendars[store_id], store)
            )
        if not days:
            raise PastCampaignNeverOpened(past.code)
        return days

    def _by_dates(
        self, draft: CampaignRevision, period: PastDays, *, was_in_force: bool
    ) -> tuple[dict[StoreId, DayMap], bool]:
        if period.last < period.first:
            raise PeriodOutOfOrder(period.first.isoformat(), period.last.isoformat())
        if (count := (period.last - period.first).days + 1) > MOST_DAYS:
            raise PeriodTooLong(count, MOST_DAYS)
        past = days_between(period.first, period.last)
        stores = {store_id: self.directory.store(store_id) for store_id in draft.calendars}
        is_own = was_in_force and all(
            set(past) <= set(open_days(store, draft.calendars[store_id])) for store_id, store in stores.items()
        )
        return {
            store_id: same_days(past) if is_own else by_weekday(past, draft.calendars[store_id], store)
            for store_id, store in stores.items()
        }, is_own

    def _refuse_future(self, last: date) -> None:
        if last >= self.today:
            raise PeriodNotOver(last.isoformat(), self.today.isoformat())
