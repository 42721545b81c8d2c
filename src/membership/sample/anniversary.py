"""Last year's anniversary, as history: planned, approved, run by its calendar and settled.

It is the last one that lies wholly in the past. Its file is that of 2025, read in whichever year that is.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pydantic import TypeAdapter

from membership.campaigns.content import GiftOffer
from membership.campaigns.model import CampaignRevision, CampaignState, ResolvedCalendar
from membership.campaigns.records import RevisionStatus
from membership.campaigns.rules.calendar import resolve
from membership.gifts.model import PreparedPool
from membership.gifts.rules.preparing import PlannedOffer, plan
from membership.kernel.actor import Role
from membership.sample import identifiers as ids
from membership.sample.campaign_files import campaign_content
from membership.sample.copying import Batch, Record
from membership.sample.place import Place
from membership.sample.tables import CALENDARS, CAMPAIGNS, REVISIONS, STATE_CHANGES
from membership.stores.model import Store
from membership.stores.rules import business_day_ends

ANNIVERSARY_OF = "CHAOYANG"
"""The programme that has one."""
PLANNER, APPROVER = "sample.planner", "sample.approver"
_CALENDAR = TypeAdapter(ResolvedCalendar)
_FILE = "anniversary-2025"
_DRAFTED_BEFORE, _SUBMITTED_BEFORE, _APPROVED_BEFORE = timedelta(days=24), timedelta(days=16), timedelta(days=14)
_JOB_DELAY = timedelta(minutes=3)
_SETTLED_AFTER, _CLOSED_AFTER = timedelta(hours=1), timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Anniversary:
    """The campaign in its one revision, with the offers and pools of its gifts."""

    store: Store
    revision: CampaignRevision
    calendar: ResolvedCalendar
    offers: tuple[PlannedOffer, ...]

    @property
    def approved_at(self) -> datetime:
        return self.revision.scheduled_at

    @property
    def settled_at(self) -> datetime:
        return self.calendar.closes_at + _SETTLED_AFTER

    @property
    def daily_gift(self) -> GiftOffer:
        """The gift that drops at an hour and asks for no spend."""
        (found,) = (rule for rule in self.revision.content.rules_of(GiftOffer) if rule.drop_time is not None)
        return found

    def pool_closed_at(self, pool: PreparedPool) -> datetime:
        """When the job did it: after the pool's business day."""
        return business_day_ends(self.store, pool.day) + _JOB_DELAY

    def is_open(self, at: datetime) -> bool:
        """For anybody: whether a member's own tier may come already is for the engine to say."""
        return self.calendar.first_opens_at <= at < self.calendar.closes_at

    def log(self, now: datetime) -> list[tuple[datetime, Role, str, CampaignState]]:
        """What was done until now, by whom, and the state after it."""
        first, last = self.calendar.first_opens_at, self.calendar.closes_at
        steps = [
            (first - _DRAFTED_BEFORE, Role.PLANNER, PLANNER, CampaignState.DRAFT),
            (first - _SUBMITTED_BEFORE, Role.PLANNER, PLANNER, CampaignState.REVIEW),
            (self.approved_at, Role.APPROVER, APPROVER, CampaignState.SCHEDULED),
            (self.settled_at, Role.PLANNER, PLANNER, CampaignState.SETTLING),
            (last + _CLOSED_AFTER, Role.PLANNER, PLANNER, CampaignState.CLOSED),
        ]
        return [step for step in steps if step[0] <= now]


def last_anniversary(place: Place, first_day: date, now: datetime) -> Anniversary | None:
    """The last one that was settled by now. None: there was none since `first_day`."""
    for year in (now.year, now.year - 1):
        found = anniversary_of(place, year)
        if found.settled_at <= now:
            return found if found.calendar.days[0] > first_day else None
    return None


def anniversary_of(place: Place, year: int) -> Anniversary:
    content = campaign_content(_FILE, year)
    calendar = resolve(content, place.store)
    code = f"ANNIVERSARY-{year}"
    revision = CampaignRevision(
        revision_id=ids.revision_id(place.programme.code, code, 1),
        campaign_id=ids.campaign_id(place.programme.code, code),
        programme_id=place.programme.programme_id,
        code=code,
        number=1,
        content=content,
        calendars={place.store.store_id: calendar},
        scheduled_at=calendar.first_opens_at - _APPROVED_BEFORE,
    )
    return Anniversary(place.store, revision, calendar, plan(revision, place.directory))


def add_campaign(batch: Batch, anniversary: Anniversary, now: datetime) -> None:
    revision, calendar, log = anniversary.revision, anniversary.calendar, anniversary.log(now)
    drafted_at, submitted_at = log[0][0], log[1][0]
    batch.add(
        CAMPAIGNS,
        (
            revision.campaign_id,
            revision.programme_id,
            revision.code,
            log[-1][3].value,
            calendar.first_opens_at,
            calendar.closes_at,
            calendar.closes_at,
            PLANNER,
            drafted_at,
        ),
    )
    batch.add(REVISIONS, _revision_record(revision, drafted_at, submitted_at))
    for store_id, resolved in revision.calendars.items():
        batch.add(CALENDARS, (revision.revision_id, store_id, _CALENDAR.dump_json(resolved).decode()))
    before: CampaignState | None = None
    for number, (at, role, subject, state) in enumerate(log, start=1):
        came_from = None if before is None else before.value
        batch.add(STATE_CHANGES, (revision.campaign_id, number, at, role.value, subject, came_from, state.value))
        before = state


def _revision_record(revision: CampaignRevision, drafted_at: datetime, submitted_at: datetime) -> Record:
    return (
        revision.revision_id,
        revision.campaign_id,
        revision.number,
        RevisionStatus.SCHEDULED.value,
        1,
        revision.content.model_dump_json(),
        PLANNER,
        drafted_at,
        [PLANNER],
        PLANNER,
        submitted_at,
        APPROVER,
        revision.scheduled_at,
    )
