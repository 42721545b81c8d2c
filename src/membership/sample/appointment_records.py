"""What can be booked, who works when, and appointments, as records."""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

from asyncpg import Range

from membership.appointments.model import Appointment, Period, ResourceId, ShiftId
from membership.appointments.rules.deciding import occupations
from membership.appointments.rules.states import LIVE
from membership.campaigns.model import CampaignId
from membership.postgres.json import to_json
from membership.sample.copying import Batch, Record
from membership.sample.offered import Offered
from membership.sample.stories import Booking, Story
from membership.sample.tables import (
    APPOINTMENT_CHANGES,
    APPOINTMENTS,
    OCCUPIED,
    RESOURCES,
    SERVICE_RESOURCES,
    SERVICES,
    SHIFTS,
    VISITS,
)
from membership.visits.making import source_of


def add_offered(batch: Batch, offered: Offered) -> None:
    for resource in offered.resources:
        batch.add(
            RESOURCES,
            (
                resource.resource_id,
                resource.store_id,
                resource.counter_id,
                resource.kind.value,
                resource.code,
                to_json(dict(resource.names)),
            ),
        )
    for service in offered.services:
        batch.add(
            SERVICES,
            (
                service.service_id,
                service.programme_id,
                service.store_id,
                service.counter_id,
                service.code,
                to_json(dict(service.names)),
                [kind.value for kind in service.candidates],
                service.rules.model_dump_json(),
            ),
        )
        batch.add(
            SERVICE_RESOURCES, *((service.service_id, resource_id) for resource_id in sorted(service.resource_ids))
        )


def add_shifts(batch: Batch, shifts: Iterable[tuple[ShiftId, ResourceId, Period]]) -> None:
    batch.add(SHIFTS, *((shift_id, resource_id, _range(period)) for shift_id, resource_id, period in shifts))


def add_visit(batch: Batch, first: Booking, campaign_id: CampaignId | None) -> None:
    """The visit of this stop and those that follow it."""
    store_id, source = first.chosen.service.store_id, source_of(first.booker.role)
    batch.add(VISITS, (first.visit_id, store_id, campaign_id, source.value, None, first.booked_at))


def add_appointment(batch: Batch, booking: Booking, story: Story) -> None:
    appointment = story.appointment
    batch.add(APPOINTMENTS, _record(appointment))
    live, lapses_at = appointment.state in LIVE, appointment.lapses_at
    taken = occupations(booking.chosen, ResourceId(appointment.membership.member_id))
    batch.add(
        OCCUPIED,
        *((appointment.appointment_id, resource, _range(period), live, lapses_at) for resource, period in taken),
    )
    first, *_ = story.steps
    number = 1
    batch.add(
        APPOINTMENT_CHANGES,
        (
            appointment.appointment_id,
            number,
            None,
            first.state.value,
            first.at,
            first.who.role.value,
            first.who.subject,
        ),
    )
    for before, step in pairwise(story.steps):
        number += 1
        batch.add(
            APPOINTMENT_CHANGES,
            (
                appointment.appointment_id,
                number,
                before.state.value,
                step.state.value,
                step.at,
                step.who.role.value,
                step.who.subject,
            ),
        )


def _record(appointment: Appointment) -> Record:
    return (
        appointment.appointment_id,
        appointment.uid,
        appointment.sequence,
        appointment.visit_id,
        appointment.membership.member_id,
        appointment.membership.programme_id,
        appointment.store_id,
        appointment.counter_id,
        appointment.service_id,
        appointment.associate_id,
        appointment.period.start,
        appointment.period.end,
        appointment.state.value,
        appointment.step,
        appointment.lapses_at,
        appointment.held_until,
        appointment.answer_until,
        appointment.free_until,
        appointment.no_show_from,
        appointment.replaces,
        appointment.booked_at,
        appointment.changed_at,
    )


def _range(period: Period) -> "Range[datetime]":
    return Range(period.start, period.end)
