"""Appointments of members with the sample's associate, booked and cancelled through the API."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from membership.graph.kit.relay import global_id
from membership.sample.loading import demo_ids
from support.appointment_graph import part, rows
from support.deployment import Development

_LATER = "2026-11-17"
_FREE = """
    query ($service: ID!, $from: LocalDate!, $associate: ID!) {
      availability(of: {serviceIds: [$service]}, from: $from, days: 7, associateId: $associate) {
        ... on AvailabilityPayload { slots { startsAt endsAt day } }
        ... on Refusal { code message }
      }
    }
"""
_BOOK = """
    mutation ($input: BookAppointmentInput!) {
      bookAppointment(input: $input) {
        ... on BookAppointmentPayload { appointment { id } }
        ... on Refusal { code message }
      }
    }
"""
_CANCEL = """
    mutation ($input: CancelAppointmentInput!) {
      cancelAppointment(input: $input) {
        ... on CancelAppointmentPayload { appointment { state } }
        ... on Refusal { code message }
      }
    }
"""

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Fittings:
    """Times of one day at which the associate is free, and those that were booked, by appointment."""

    development: Development
    service: str
    associate: str
    day: str
    free: list[str]
    booked: dict[str, str] = field(default_factory=dict)

    def shown(self, field: str = "associateDay") -> dict[object, object]:
        """The state of every appointment that `associateDay` or `counterBoard` has: by a request of its own."""
        shown = f"... on {field[0].upper()}{field[1:]} {{ appointments {{ appointment {{ id state }} }} }}"
        document = f"query ($day: LocalDate) {{ {field}(day: $day) {{ {shown} }} }}"
        return states(part(self.development.ask("ASSOCIATE", document, day=self.day), field))

    def book(self) -> str:
        """Gives the appointment's id."""
        starts_at = self.free.pop(0)
        stop = {"serviceId": self.service, "startsAt": starts_at, "associateId": self.associate}
        taken = self.development.ask("MEMBER", _BOOK, input={"idempotencyKey": _key(), "stop": stop})
        appointment = str(part(taken, "bookAppointment", "appointment")["id"])
        self.booked[appointment] = starts_at
        return appointment

    def cancel(self, appointment: str) -> None:
        given = {"idempotencyKey": _key(), "appointmentId": appointment}
        part(self.development.ask("MEMBER", _CANCEL, input=given), "cancelAppointment", "appointment")
        self.free.insert(0, self.booked.pop(appointment))

    def tidy(self) -> None:
        """So that a test that failed does not fail the next one: there are only so many times."""
        for appointment in list(self.booked):
            self.cancel(appointment)


def states(board: object) -> dict[object, object]:
    """By the appointments' ids."""
    shown = (part(row, "appointment") for row in rows(board, "appointments"))
    return {row["id"]: row["state"] for row in shown}


def open_fittings(development: Development) -> Fittings:
    asked = "{ associateDay { ... on AssociateDay { associate { id } } } }"
    associate = str(part(development.ask("ASSOCIATE", asked), "associateDay", "associate")["id"])
    service = global_id("Service", demo_ids().popular_service_id)
    given = {"service": service, "associate": associate, "from": _LATER}
    slots = rows(development.ask("MEMBER", _FREE, **given), "availability", "slots")
    day = str(slots[0]["day"])
    return Fittings(development, service, associate, day, list(_apart(slots, day)))


def _apart(slots: list[dict[str, object]], day: str) -> Iterator[str]:
    """Times that leave each other alone, buffers and all."""
    until: datetime | None = None
    for slot in slots:
        starts, ends = (datetime.fromisoformat(str(slot[name])) for name in ("startsAt", "endsAt"))
        if slot["day"] == day and (until is None or starts >= until):
            until = ends + timedelta(minutes=30)
            yield str(slot["startsAt"])


def _key() -> str:
    return f"fitting-{next(_numbers)}"
