"""Hold, book, move and cancel an appointment, and every step at the counter."""

import strawberry

from membership.appointments import errors, model
from membership.appointments.model import AppointmentState
from membership.appointments.rules.steps import Step
from membership.campaigns import errors as campaigns
from membership.graph.appointments.inputs import (
    AppointmentStepInput,
    BookAppointmentInput,
    BookWalkInInput,
    CancelAppointmentInput,
    ConfirmAppointmentsInput,
    HoldAppointmentInput,
    RescheduleAppointmentInput,
    appointment_key,
    associate_key,
)
from membership.graph.appointments.types import Appointment, appointment_nodes
from membership.graph.kit.callers import membership_meant
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.fields import mutation
from membership.members.errors import UnknownMember
from membership.postgres.idempotency import IdempotencyConflict

SLOT_REFUSALS = (
    errors.SlotTaken,
    errors.CapacityReached,
    errors.OutsideHours,
    errors.MemberElsewhere,
    errors.AssociateNotSkilled,
    errors.AssociateOffShift,
)
"""Why a time cannot be had, by whoever asks for it."""
AHEAD_REFUSALS = (
    errors.NoSuchSlot,
    errors.TooLateToBook,
    errors.TooEarlyToBook,
    errors.BookingSuspended,
    campaigns.TooEarlyForTier,
    campaigns.BookingNotForTier,
    campaigns.BookingPaused,
)
"""Why it cannot be booked ahead."""
BOOK_REFUSALS = (IdempotencyConflict, UnknownMember, errors.UnknownService, *SLOT_REFUSALS, *AHEAD_REFUSALS)
STEP_REFUSALS = (IdempotencyConflict, UnknownMember, errors.UnknownAppointment, errors.AppointmentStepRefused)


@strawberry.type(description="A time that is kept for some minutes.")
class HoldAppointmentPayload:
    appointment: Appointment = strawberry.field(description="The appointment, HELD until `heldUntil`.")


@strawberry.type(description="What was held and is booked now.")
class ConfirmAppointmentsPayload:
    appointments: list[Appointment] = strawberry.field(
        description="The appointments, by start: CONFIRMED, or PENDING where the brand has to accept."
    )


@strawberry.type(description="What was booked.")
class BookAppointmentPayload:
    appointment: Appointment = strawberry.field(
        description="The appointment: CONFIRMED, or PENDING where the brand has to accept."
    )


@strawberry.type(description="Who is served from now on.")
class BookWalkInPayload:
    appointment: Appointment = strawberry.field(description="The appointment, CHECKED_IN.")


@strawberry.type(description="The appointment at its new time.")
class RescheduleAppointmentPayload:
    appointment: Appointment = strawberry.field(
        description="The new appointment, with the same `uid` and a higher `sequence`. The old one is SUPERSEDED."
    )


@strawberry.type(description="What was cancelled.")
class CancelAppointmentPayload:
    appointment: Appointment = strawberry.field(description="The appointment as it ended.")
    was_late: bool = strawberry.field(
        description="Whether it was past the time of free cancellation. It is allowed then, and marked."
    )


@strawberry.type(description="The appointment after a step.")
class AppointmentStepPayload:
    appointment: Appointment = strawberry.field(description="The appointment.")


@strawberry.type
class AppointmentsMutation:
    @mutation(*BOOK_REFUSALS, description="Keep a time for five minutes, so that nobody else takes it meanwhile.")
    async def hold_appointment(self, info: Info, input: HoldAppointmentInput) -> HoldAppointmentPayload:  # noqa: A002
        context = info.context
        [held] = await context.services.appointments.hold(
            context.actor,
            context.now,
            membership_meant(context, input.member_id),
            [input.stop.to_model()],
            key=input.idempotency_key,
        )
        return HoldAppointmentPayload(appointment=await _node(context, held))

    @mutation(*STEP_REFUSALS, errors.HoldExpired, description="Book what was held, all of it or nothing.")
    async def confirm_appointments(
        self,
        info: Info,
        input: ConfirmAppointmentsInput,  # noqa: A002
    ) -> ConfirmAppointmentsPayload:
        context = info.context
        booked = await context.services.appointments.confirm(
            context.actor, context.now, input.keys(), key=input.idempotency_key
        )
        return ConfirmAppointmentsPayload(appointments=await appointment_nodes(context, booked))

    @mutation(*BOOK_REFUSALS, description="Book a time at once.")
    async def book_appointment(self, info: Info, input: BookAppointmentInput) -> BookAppointmentPayload:  # noqa: A002
        context = info.context
        [booked] = await context.services.appointments.book(
            context.actor,
            context.now,
            membership_meant(context, input.member_id),
            [input.stop.to_model()],
            key=input.idempotency_key,
        )
        return BookAppointmentPayload(appointment=await _node(context, booked))

    @mutation(
        IdempotencyConflict,
        UnknownMember,
        errors.UnknownService,
        *SLOT_REFUSALS,
        description="Serve somebody who stands at the counter, with a card or without, from this minute on. They "
        "occupy like anybody who booked.",
    )
    async def book_walk_in(self, info: Info, input: BookWalkInInput) -> BookWalkInPayload:  # noqa: A002
        context = info.context
        served = await context.services.appointments.walk_in(
            context.actor,
            context.now,
            None if input.member_id is None else membership_meant(context, input.member_id),
            input.service_key(),
            associate_id=associate_key(input.associate_id),
            key=input.idempotency_key,
        )
        return BookWalkInPayload(appointment=await _node(context, served))

    @mutation(
        *STEP_REFUSALS,
        errors.UnknownService,
        errors.HoldExpired,
        *SLOT_REFUSALS,
        *AHEAD_REFUSALS,
        description="Move an appointment to another time. If that cannot be had, it stays where it is.",
    )
    async def reschedule_appointment(
        self,
        info: Info,
        input: RescheduleAppointmentInput,  # noqa: A002
    ) -> RescheduleAppointmentPayload:
        context = info.context
        moved = await context.services.appointments.reschedule(
            context.actor,
            context.now,
            appointment_key(input.appointment_id),
            input.starts_at,
            associate_id=associate_key(input.associate_id),
            key=input.idempotency_key,
        )
        return RescheduleAppointmentPayload(appointment=await _node(context, moved))

    @mutation(
        *STEP_REFUSALS,
        errors.AppointmentLeftToStaff,
        description="Give up an appointment, or what was held or asked for. Once the member is late for it, only the "
        "counter ends it.",
    )
    async def cancel_appointment(
        self,
        info: Info,
        input: CancelAppointmentInput,  # noqa: A002
    ) -> CancelAppointmentPayload:
        context = info.context
        cancelled = await context.services.appointments.take_step(
            context.actor,
            context.now,
            appointment_key(input.appointment_id),
            Step.CANCEL,
            members_wish=input.members_wish,
            key=input.idempotency_key,
        )
        return CancelAppointmentPayload(
            appointment=await _node(context, cancelled),
            was_late=cancelled.state is AppointmentState.LATE_CANCELLED,
        )


@strawberry.type
class CounterMutation:
    @mutation(*STEP_REFUSALS, description="Accept an appointment that a member asked for.")
    async def accept_appointment(self, info: Info, input: AppointmentStepInput) -> AppointmentStepPayload:  # noqa: A002
        return await _step(info.context, input, Step.ACCEPT)

    @mutation(*STEP_REFUSALS, description="Decline an appointment that a member asked for; the time is free again.")
    async def decline_appointment(self, info: Info, input: AppointmentStepInput) -> AppointmentStepPayload:  # noqa: A002
        return await _step(info.context, input, Step.DECLINE)

    @mutation(*STEP_REFUSALS, errors.AppointmentStepTooEarly, description="The member is there.")
    async def check_in_appointment(
        self,
        info: Info,
        input: AppointmentStepInput,  # noqa: A002
    ) -> AppointmentStepPayload:
        return await _step(info.context, input, Step.CHECK_IN)

    @mutation(*STEP_REFUSALS, description="The appointment begins.")
    async def start_appointment(self, info: Info, input: AppointmentStepInput) -> AppointmentStepPayload:  # noqa: A002
        return await _step(info.context, input, Step.START)

    @mutation(*STEP_REFUSALS, description="The appointment has taken place; whoever served is free.")
    async def complete_appointment(
        self,
        info: Info,
        input: AppointmentStepInput,  # noqa: A002
    ) -> AppointmentStepPayload:
        return await _step(info.context, input, Step.COMPLETE)

    @mutation(*STEP_REFUSALS, errors.AppointmentStepTooEarly, description="The member did not come.")
    async def mark_no_show(self, info: Info, input: AppointmentStepInput) -> AppointmentStepPayload:  # noqa: A002
        return await _step(info.context, input, Step.NO_SHOW)


async def _step(context: RequestContext, wanted: AppointmentStepInput, step: Step) -> AppointmentStepPayload:
    changed = await context.services.appointments.take_step(
        context.actor, context.now, appointment_key(wanted.appointment_id), step, key=wanted.idempotency_key
    )
    return AppointmentStepPayload(appointment=await _node(context, changed))


async def _node(context: RequestContext, appointment: model.Appointment) -> Appointment:
    [node] = await appointment_nodes(context, [appointment])
    return node
