"""What members wait for, and what is offered to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NewType
from uuid import UUID

from membership.appointments.model import AppointmentId, ResourceId, ServiceId
from membership.members.model import MembershipKey
from membership.stores.model import CounterId, StoreId

EntryId = NewType("EntryId", UUID)


class EntryState(StrEnum):
    WAITING = "WAITING"
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    LAPSED = "LAPSED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True, slots=True)
class Wish:
    """When a member would come: in openings that begin on these days, both included, and by the store's clock within
    these times, all of the appointment; None: from the opening, to the closing. An end that is not after the beginning
    is of the date after, and so is a time before the cut-over, where the opening lasts past midnight."""

    first_day: date
    last_day: date
    from_time: time | None = None
    until_time: time | None = None

    @property
    def days(self) -> Sequence[date]:
        return [self.first_day + timedelta(days=place) for place in range((self.last_day - self.first_day).days + 1)]


@dataclass(frozen=True, slots=True)
class JoinWaitlist:
    """What is waited for: a service, when, and with an associate of choice or any."""

    service_id: ServiceId
    wish: Wish
    associate_id: ResourceId | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A place that is held for the member. `level`: of the tier by which it was their turn."""

    appointment_id: AppointmentId
    offered_at: datetime
    until: datetime
    level: int


@dataclass(frozen=True, slots=True)
class Entry:
    """`lapses_at` is set while it lives: when the last wished place is gone, or when the offer is."""

    entry_id: EntryId
    membership: MembershipKey
    store_id: StoreId
    counter_id: CounterId
    service_id: ServiceId
    associate_id: ResourceId | None
    wish: Wish
    state: EntryState
    step: int
    joined_at: datetime
    waits_until: datetime
    lapses_at: datetime | None
    offer: Offer | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who waits, and the level of their tier at this moment."""

    entry: Entry
    level: int
