"""What a visit is asked to be, what could be had, and what was made."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from membership.appointments.model import (
    Appointment,
    AppointmentId,
    Chosen,
    Period,
    ResourceId,
    ServiceId,
    Stop,
    VisitId,
)
from membership.campaigns.model import CampaignId
from membership.stores.model import StoreId
from membership.visits.errors import UnavailableStop

MOST_STOPS = 8
MOST_DAYS = 7
MOST_PROPOSALS = 20
LONGEST_NOTE = 500


class StopOrder(StrEnum):
    """Whether the stops are gone to in any order, or as they were named."""

    ANY = "ANY"
    GIVEN = "GIVEN"


class VisitMode(StrEnum):
    """ALL_OR_NOTHING: every stop, or nothing is done. BEST_EFFORT: those that can be had."""

    ALL_OR_NOTHING = "ALL_OR_NOTHING"
    BEST_EFFORT = "BEST_EFFORT"


class VisitSource(StrEnum):
    """Who made it. COUNTER: an associate or a desk. SYSTEM: another system, or an administrator."""

    MEMBER = "MEMBER"
    COUNTER = "COUNTER"
    MEMBER_SERVICES = "MEMBER_SERVICES"
    SYSTEM = "SYSTEM"


class VisitState(StrEnum):
    """Read from its stops: see `rules.itinerary.visit_state`."""

    HELD = "HELD"
    REQUESTED = "REQUESTED"
    BOOKED = "BOOKED"
    UNDER_WAY = "UNDER_WAY"
    COMPLETED = "COMPLETED"
    MISSED = "MISSED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Standing:
    """A stop that there is and that is to be moved: its appointment, and what that takes of whom."""

    appointment: Appointment
    occupied: tuple[tuple[ResourceId, Period], ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """A service that a member wants in a visit, with an associate of choice or any; or other times for what stands."""

    service_id: ServiceId
    associate_id: ResourceId | None = None
    standing: Standing | None = None


@dataclass(frozen=True, slots=True)
class VisitWish:
    """`earliest` and `latest` bound each day by the store's clock; a time before the cut-over is past midnight.
    `others`: stops that stay where they are, which are walked from and to."""

    wishes: tuple[Wish, ...]
    first_day: date
    days: int = 1
    order: StopOrder = StopOrder.ANY
    earliest: time | None = None
    latest: time | None = None
    most: int = 10
    others: tuple[Appointment, ...] = ()

    @property
    def dates(self) -> tuple[date, ...]:
        return tuple(self.first_day + timedelta(days=offset) for offset in range(self.days))


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """A stop of a proposal. `place`: which of the wishes it is. `walking` and `waiting` lie between it and the next.
    `moves`: the appointment that takes place then instead of when it was."""

    place: int
    stop: Stop
    chosen: Chosen
    walking: timedelta
    waiting: timedelta
    moves: AppointmentId | None = None

    @property
    def period(self) -> Period:
        return self.chosen.period


@dataclass(frozen=True, slots=True)
class Proposal:
    """A visit that could be booked, its stops by time."""

    day: date
    stops: tuple[PlannedStop, ...]

    @property
    def period(self) -> Period:
        return Period(self.stops[0].period.start, self.stops[-1].period.end)

    @property
    def walking(self) -> timedelta:
        return sum((stop.walking for stop in self.stops), timedelta())

    @property
    def waiting(self) -> timedelta:
        return sum((stop.waiting for stop in self.stops), timedelta())


@dataclass(frozen=True, slots=True)
class Proposals:
    """The best first. `complete`: every possibility was looked at, so that there is none better. `unavailable`: where
    nothing was found, the stops that cannot be had even by themselves."""

    found: tuple[Proposal, ...]
    complete: bool
    unavailable: tuple[UnavailableStop, ...] = ()

    @property
    def why_none(self) -> str | None:
        """Why nothing was found, and what to do about it."""
        if self.found:
            return None
        if self.unavailable:
            said = " ".join(dict.fromkeys(stop.reason_text for stop in self.unavailable))
            return f"{said} Ask for other days or times, or without what cannot be had."
        if not self.complete:
            return "There were too many possibilities to look at all of them. Ask for fewer days, or fewer stops."
        return (
            "Each stop can be had by itself, but not all of them one after the other on one day. "
            "Ask for more days, for a longer part of the day, or for fewer stops."
        )


@dataclass(frozen=True, slots=True)
class Visit:
    """Whose it is, its stops say: a member who was merged has them under another name."""

    visit_id: VisitId
    store_id: StoreId
    campaign_id: CampaignId | None
    source: VisitSource
    note: str | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """A visit with its stops by time, as the reader may see them; those that were moved are left out."""

    visit: Visit
    stops: tuple[Appointment, ...]


@dataclass(frozen=True, slots=True)
class NewTime:
    """To when a stop of a visit is to be moved, with an associate of choice or any."""

    appointment_id: AppointmentId
    starts_at: datetime
    associate_id: ResourceId | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A visit as it was made or changed; `missing`: with BEST_EFFORT, the stops that are not part of it."""

    record: VisitRecord
    missing: tuple[UnavailableStop, ...] = ()
