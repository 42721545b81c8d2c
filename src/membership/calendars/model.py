"""What calendars show, and to whom."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from membership.appointments.model import AppointmentId, AppointmentState, Period, ResourceId, ServiceId, VisitId
from membership.members.model import MemberId, MembershipKey
from membership.stores.model import CounterId, Names, ProgrammeId, StoreId

FeedId = NewType("FeedId", UUID)


@dataclass(frozen=True, slots=True)
class FeedOwner:
    """Whose appointments a feed shows: a member's in a programme, or an associate's at a counter. Asked for without an
    associate's id, it is the caller's own there."""

    programme_id: ProgrammeId
    member_id: MemberId | None = None
    associate_id: ResourceId | None = None
    counter_id: CounterId | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """`locale`: the language that it was created in, since calendars ask in none. `token_key_version`: the hash key
    that the secret of its address was made with."""

    feed_id: FeedId
    owner: FeedOwner
    locale: str
    token_key_version: int
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Guest:
    """What may be told to a brand of whom it serves, as far as it is allowed: see rules.privacy. `name` is masked.
    `walk_in`: somebody without a card."""

    name: str | None = None
    tier: str | None = None
    walk_in: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An appointment as calendars need it. `asked`: it was booked, and not only held for some minutes. `guest`: for
    associates. `taken_over`: for an associate, somebody else serves it now."""

    appointment_id: AppointmentId
    uid: UUID
    sequence: int
    state: AppointmentState
    lapses_at: datetime | None
    period: Period
    booked_at: datetime
    changed_at: datetime
    membership: MembershipKey
    store_id: StoreId
    counter_id: CounterId
    service_names: Names
    associate_names: Names | None
    asked: bool = True
    taken_over: bool = False
    guest: Guest | None = None


class EntryStatus(StrEnum):
    """STATUS of RFC 5545, 3.8.1.11."""

    TENTATIVE = "TENTATIVE"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


class Method(StrEnum):
    """METHOD of RFC 5546: a feed is published; a single appointment is asked for, or called off."""

    PUBLISH = "PUBLISH"
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """UTF-8 with CRLF. `file_name` is ASCII."""

    file_name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Reminder:
    """What became due: so many minutes before its start, an appointment that stands."""

    appointment_id: AppointmentId
    minutes_before: int
    uid: UUID
    sequence: int
    visit_id: VisitId | None
    membership: MembershipKey
    store_id: StoreId
    counter_id: CounterId
    service_id: ServiceId
    associate_id: ResourceId | None
    period: Period
