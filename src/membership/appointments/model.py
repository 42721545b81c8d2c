"""What can be booked, what is free, and what was booked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NewType, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from membership.kernel.actor import Role
from membership.members.model import MemberId, MembershipKey
from membership.stores.model import CounterId, Names, OpeningHours, ProgrammeId, StoreId

ServiceId = NewType("ServiceId", UUID)
ResourceId = NewType("ResourceId", UUID)
"""An associate, a room, a place, or a member (by the member's id)."""
AppointmentId = NewType("AppointmentId", UUID)
VisitId = NewType("VisitId", UUID)
ShiftId = NewType("ShiftId", UUID)


class ResourceKind(StrEnum):
    """A UNIT is one of the N places of a service with capacity N."""

    ASSOCIATE = "ASSOCIATE"
    ROOM = "ROOM"
    UNIT = "UNIT"


class AppointmentState(StrEnum):
    HELD = "HELD"
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    CHECKED_IN = "CHECKED_IN"
    IN_SERVICE = "IN_SERVICE"
    COMPLETED = "COMPLETED"
    EXPIRED = "EXPIRED"
    DECLINED = "DECLINED"
    CANCELLED = "CANCELLED"
    LATE_CANCELLED = "LATE_CANCELLED"
    NO_SHOW = "NO_SHOW"
    SUPERSEDED = "SUPERSEDED"


class ServiceRules(BaseModel):
    """How a service is booked. Minutes, unless the name says days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    duration_minutes: int = Field(ge=5, le=720)
    every_minutes: int = Field(ge=5, le=720)
    before_minutes: int = Field(default=0, ge=0, le=240)
    after_minutes: int = Field(default=0, ge=0, le=240)
    notice_minutes: int = Field(default=0, ge=0, le=43_200)
    horizon_days: int = Field(default=60, ge=1, le=366)
    free_cancellation_minutes: int = Field(default=1_440, ge=0, le=43_200)
    no_show_minutes: int = Field(default=15, ge=0, le=720)
    answer_minutes: int | None = Field(default=None, ge=5, le=43_200)
    offer_minutes: int = Field(default=15, ge=5, le=1_440)
    """How long a place is kept for a member who waited for it."""
    no_show_limit: int | None = Field(default=None, ge=1, le=50)
    no_show_days: int = Field(default=90, ge=1, le=366)
    hours: OpeningHours | None = None
    """The service's own, within those of the store. `answer_minutes` None: the brand need not accept a booking.
    `no_show_limit`: who did not come, or cancelled late, so often within `no_show_days` asks staff to book."""
    reminder_minutes: tuple[Annotated[int, Field(ge=5, le=10_080)], ...] = Field(default=(1_440, 120), max_length=4)
    """How long before its start members are reminded of it, each time; none: never."""

    @property
    def duration(self) -> timedelta:
        return timedelta(minutes=self.duration_minutes)

    @property
    def every(self) -> timedelta:
        return timedelta(minutes=self.every_minutes)

    @property
    def before(self) -> timedelta:
        return timedelta(minutes=self.before_minutes)

    @property
    def after(self) -> timedelta:
        return timedelta(minutes=self.after_minutes)


@dataclass(frozen=True, slots=True)
class Resource:
    resource_id: ResourceId
    store_id: StoreId
    counter_id: CounterId
    kind: ResourceKind
    code: str
    names: Names


@dataclass(frozen=True, slots=True)
class Service:
    """Something a counter does for a member. One resource of each kind in `candidates` is occupied by it."""

    service_id: ServiceId
    programme_id: ProgrammeId
    store_id: StoreId
    counter_id: CounterId
    code: str
    names: Names
    rules: ServiceRules
    candidates: Mapping[ResourceKind, tuple[ResourceId, ...]]

    @property
    def resource_ids(self) -> frozenset[ResourceId]:
        return frozenset(resource for kind in self.candidates.values() for resource in kind)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """`[start, end)`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """What of some resources is occupied, and when associates work: per resource by time, without overlaps."""

    busy: Mapping[ResourceId, Sequence[Period]] = field(default_factory=dict)
    shifts: Mapping[ResourceId, Sequence[Period]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slot:
    """A start at which a service can be booked, and who and what is free for it, by kind."""

    period: Period
    free: Mapping[ResourceKind, tuple[ResourceId, ...]]


@dataclass(frozen=True, slots=True)
class Stop:
    """What a member asks for: a service at a time, with an associate of choice or any. A walk-in stands at the counter:
    they begin between the times that can be booked ahead, and neither notice nor booking windows keep them out.
    `rather_id`: who serves if free, and anybody else if not: whoever the member had so far."""

    service_id: ServiceId
    starts_at: datetime
    associate_id: ResourceId | None = None
    walk_in: bool = False
    rather_id: ResourceId | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A stop that can be booked: when, and with whom and what."""

    service: Service
    period: Period
    resources: Mapping[ResourceKind, ResourceId]


@dataclass(frozen=True, slots=True)
class Appointment:
    """`uid` stays through every rescheduling; `sequence` rises with what calendars show. `lapses_at` is set while HELD
    (it expires) and PENDING (it counts as declined)."""

    appointment_id: AppointmentId
    uid: UUID
    sequence: int
    visit_id: VisitId | None
    membership: MembershipKey
    store_id: StoreId
    counter_id: CounterId
    service_id: ServiceId
    associate_id: ResourceId | None
    period: Period
    state: AppointmentState
    step: int
    lapses_at: datetime | None
    held_until: datetime
    answer_until: datetime | None
    free_until: datetime
    no_show_from: datetime
    replaces: AppointmentId | None
    booked_at: datetime
    changed_at: datetime

    @property
    def is_guest(self) -> bool:
        """Whether it is somebody's without a card. The member's place is taken by the appointment's own UID, which is
        nobody's id: so all that is said of a person's time holds for them too, and no member has to be made up."""
        return self.membership.member_id == self.uid


@dataclass(frozen=True, slots=True)
class NextStep:
    """What becomes of an appointment that was seen: `rises` with what calendars show, `live` while it occupies."""

    seen: Appointment
    to: AppointmentState
    rises: bool
    live: bool
    lapses_at: datetime | None


@dataclass(frozen=True, slots=True)
class Occupation:
    """A range of one resource that an appointment takes, until it lapses."""

    appointment_id: AppointmentId
    resource_id: ResourceId
    period: Period
    lapses_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """One line of an appointment's story: what it became, when, and by whom (a token's role and subject)."""

    appointment_id: AppointmentId
    step: int
    from_state: AppointmentState | None
    to_state: AppointmentState
    at: datetime
    role: Role
    subject: str


@dataclass(frozen=True, slots=True)
class LiveAppointment:
    """An appointment that occupies, and whom and what, with its buffers; without the member."""

    appointment: Appointment
    served_by: Mapping[ResourceId, Period]


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """A service as a planner says it; the code tells which of the counter's it is. It needs one of each kind that is
    not None, of these or of so many places."""

    counter_id: CounterId
    code: str
    names: Names
    rules: ServiceRules
    associates: tuple[ResourceId, ...] | None = None
    rooms: tuple[ResourceId, ...] | None = None
    places: int | None = None


@dataclass(frozen=True, slots=True)
class ResourceEntry:
    """An associate or a room as a planner says it, and which of the counter's services it serves. The code of an
    associate is the staff number, by which a token knows itself: its subject."""

    counter_id: CounterId
    kind: ResourceKind
    code: str
    names: Names
    services: tuple[ServiceId, ...] = ()


@dataclass(frozen=True, slots=True)
class BoardDay:
    """A counter's business day."""

    counter_id: CounterId
    window: Period


@dataclass(frozen=True, slots=True)
class BoardEntry:
    """An appointment on a board, who and what serves it, and how long these are busy with it, buffers included: None
    when they are no more."""

    appointment: Appointment
    resources: tuple[ResourceId, ...]
    busy: Period | None


@dataclass(frozen=True, slots=True)
class Board:
    """Appointments by time, and when the counter's associates work."""

    entries: tuple[BoardEntry, ...]
    shifts: Mapping[ResourceId, tuple[Period, ...]]


BoardVersion: TypeAlias = tuple[int, int, int]
"""Another one when something on the board has changed."""


def resource_of(member_id: MemberId) -> ResourceId:
    """The member as a resource: nobody is in two places (A9), whatever programme they booked in."""
    return ResourceId(member_id)
