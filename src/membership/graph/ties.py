"""What a member wants to find at an appointment: gifts that wait there, coupons that the associate has applied."""

from collections.abc import Collection
from typing import Annotated
from uuid import UUID

import strawberry

from membership.appointments import errors as appointments
from membership.appointments.model import Appointment, AppointmentId
from membership.appointments.store import list_appointments
from membership.campaigns.model import CouponId
from membership.coupons import errors as coupons
from membership.coupons.store import list_coupons_of_stops
from membership.gifts import errors as gifts
from membership.gifts.model import GiftId
from membership.gifts.store import list_gifts_of_visits
from membership.graph.coupons.fields import CouponPayload, coupon_nodes
from membership.graph.coupons.types import Coupon
from membership.graph.gifts.types import Gift, gift_node, gift_nodes
from membership.graph.kit.callers import find_own
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import many
from membership.graph.kit.fields import field, mutation
from membership.graph.kit.relay import global_id, key_of
from membership.graph.operations.faults import bad_user_input
from membership.graph.tills.inputs import KEY
from membership.members.errors import UnknownMember
from membership.postgres.idempotency import IdempotencyConflict

MOST_APPOINTMENTS = 50

TIE_REFUSALS = (
    IdempotencyConflict,
    UnknownMember,
    appointments.UnknownAppointment,
    appointments.AppointmentStepRefused,
)


@strawberry.input(description="A gift that is to wait at the counter of an appointment.")
class TieGiftToVisitInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    gift_id: strawberry.ID = strawberry.field(description="The gift.")
    appointment_id: strawberry.ID = strawberry.field(description="The appointment, which is booked.")


@strawberry.input(description="A gift that is to wait at its desk again.")
class UntieGiftFromVisitInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    gift_id: strawberry.ID = strawberry.field(description="The gift.")


@strawberry.input(description="A coupon that the member means to use at an appointment.")
class TieCouponToVisitInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    coupon_id: strawberry.ID = strawberry.field(description="The coupon.")
    appointment_id: strawberry.ID = strawberry.field(description="The appointment, which is booked.")


@strawberry.input(description="A coupon that is meant for no appointment any more.")
class UntieCouponFromVisitInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    coupon_id: strawberry.ID = strawberry.field(description="The coupon.")


@strawberry.type(description="The gift, and where it waits now.")
class TieGiftToVisitPayload:
    gift: Gift = strawberry.field(description="The gift: `desk` is the counter of the appointment.")


@strawberry.type(description="The gift, at its desk again.")
class UntieGiftFromVisitPayload:
    gift: Gift = strawberry.field(description="The gift.")


@strawberry.type(description="What is tied to an appointment.")
class AppointmentTies:
    appointment_id: strawberry.ID = strawberry.field(description="The appointment.")
    gifts: list[Gift] = strawberry.field(
        description="Gifts that wait there, and those that were collected there; as many as the member has: a few.",
        directives=many(20),
    )
    coupons: list[Coupon] = strawberry.field(
        description="Coupons that the member means to use there, those that end first at the top: a few.",
        directives=many(20),
    )


async def gifts_tied(context: RequestContext, uids: Collection[UUID]) -> dict[UUID, list[Gift]]:
    """What waits, or was collected, at appointments, by their UIDs: in one statement, for boards and itineraries. Of
    what waits at other counters row-level security shows an associate nothing."""
    async with context.reader() as conn:
        found = await list_gifts_of_visits(conn, uids)
    some = [gift for of_stop in found.values() for gift in of_stop]
    nodes = dict(zip((gift.gift_id for gift in some), await gift_nodes(context, some), strict=True))
    return {uid: [nodes[gift.gift_id] for gift in of_stop] for uid, of_stop in found.items()}


async def coupons_tied(context: RequestContext, uids: Collection[UUID]) -> dict[UUID, list[Coupon]]:
    """What is meant to be used at appointments, by their UIDs: in one statement. Row-level security shows it to whoever
    sees the appointment and may read the coupon."""
    async with context.reader() as conn:
        found = await list_coupons_of_stops(conn, uids)
    some = [coupon for of_stop in found.values() for coupon in of_stop]
    nodes = dict(zip((coupon.coupon_id for coupon in some), await coupon_nodes(context, some), strict=True))
    return {uid: [nodes[coupon.coupon_id] for coupon in of_stop] for uid, of_stop in found.items()}


@strawberry.type
class TiesQuery:
    @field(
        description="What is tied to appointments that the caller sees: those that have nothing are left out.",
        directives=many(MOST_APPOINTMENTS, by="appointmentIds"),
    )
    async def appointment_ties(
        self,
        info: Info,
        appointment_ids: Annotated[
            list[strawberry.ID], strawberry.argument(description="The appointments, 50 at most.")
        ],
    ) -> list[AppointmentTies]:
        context = info.context
        if len(appointment_ids) > MOST_APPOINTMENTS:
            raise bad_user_input(f"At most {MOST_APPOINTMENTS} appointments are asked for at a time.")
        keys = [_appointment_key(value) for value in appointment_ids]

        async def find() -> list[Appointment]:
            async with context.reader() as conn:
                return await list_appointments(conn, keys)

        seen = await find_own(context, find)
        uids = {appointment.uid for appointment in seen}
        gifts_there, coupons_there = await gifts_tied(context, uids), await coupons_tied(context, uids)
        return [
            AppointmentTies(
                appointment_id=global_id("Appointment", appointment.appointment_id),
                gifts=gifts_there.get(appointment.uid, []),
                coupons=coupons_there.get(appointment.uid, []),
            )
            for appointment in seen
            if appointment.uid in gifts_there or appointment.uid in coupons_there
        ]


@strawberry.type
class TiesMutation:
    @mutation(
        *TIE_REFUSALS,
        gifts.UnknownGift,
        gifts.GiftWrongStore,
        gifts.GiftStaysAtDesk,
        gifts.GiftCannotWaitSoLong,
        gifts.GiftVisitOver,
        gifts.GiftCollectedAlready,
        gifts.GiftNotCollectedInTime,
        gifts.GiftChangeRefused,
        description="Let a gift wait at the counter of an appointment until that business day ends, instead of at its "
        "desk or for another appointment. It goes along when the appointment is moved.",
    )
    async def tie_gift_to_visit(self, info: Info, input: TieGiftToVisitInput) -> TieGiftToVisitPayload:  # noqa: A002
        context = info.context
        gift = await context.services.ties.tie_gift(
            context.actor,
            context.now,
            _gift_key(input.gift_id),
            _appointment_key(input.appointment_id),
            key=input.idempotency_key,
        )
        return TieGiftToVisitPayload(gift=await gift_node(context, gift))

    @mutation(
        IdempotencyConflict,
        UnknownMember,
        gifts.UnknownGift,
        gifts.GiftWrongStore,
        gifts.GiftAtAnotherDesk,
        gifts.GiftWaitsForVisit,
        gifts.GiftCollectedAlready,
        gifts.GiftNotCollectedInTime,
        gifts.GiftChangeRefused,
        description="Let a gift wait at its desk again: as long as its offer says, and in any case until this business "
        "day ends.",
    )
    async def untie_gift_from_visit(self, info: Info, input: UntieGiftFromVisitInput) -> UntieGiftFromVisitPayload:  # noqa: A002
        context = info.context
        gift = await context.services.gifts.changes.untie(
            context.actor, context.now, _gift_key(input.gift_id), key=input.idempotency_key
        )
        return UntieGiftFromVisitPayload(gift=await gift_node(context, gift))

    @mutation(
        *TIE_REFUSALS,
        coupons.UnknownCoupon,
        coupons.CouponNotOpen,
        coupons.CouponNotForVisit,
        description="Have the associate of an appointment see a coupon, so that the till applies it. It reserves "
        "nothing, and the till judges it as any other.",
    )
    async def tie_coupon_to_visit(self, info: Info, input: TieCouponToVisitInput) -> CouponPayload:  # noqa: A002
        context = info.context
        coupon = await context.services.ties.tie_coupon(
            context.actor,
            context.now,
            _coupon_key(input.coupon_id),
            _appointment_key(input.appointment_id),
            key=input.idempotency_key,
        )
        return CouponPayload(coupon=(await coupon_nodes(context, [coupon]))[0])

    @mutation(
        IdempotencyConflict,
        UnknownMember,
        coupons.UnknownCoupon,
        description="Have a coupon meant for no appointment any more. It stays what it is.",
    )
    async def untie_coupon_from_visit(self, info: Info, input: UntieCouponFromVisitInput) -> CouponPayload:  # noqa: A002
        context = info.context
        coupon = await context.services.ties.untie_coupon(
            context.actor, context.now, _coupon_key(input.coupon_id), key=input.idempotency_key
        )
        return CouponPayload(coupon=(await coupon_nodes(context, [coupon]))[0])


def _gift_key(value: strawberry.ID) -> GiftId:
    return GiftId(key_of(value, "Gift"))


def _coupon_key(value: strawberry.ID) -> CouponId:
    return CouponId(key_of(value, "Coupon"))


def _appointment_key(value: strawberry.ID) -> AppointmentId:
    return AppointmentId(key_of(value, "Appointment"))
