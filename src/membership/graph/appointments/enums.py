"""The closed choices of appointments, described."""

from membership.appointments.model import AppointmentState, ResourceKind
from membership.graph.kit.enums import describe_enum
from membership.kernel.actor import Role

describe_enum(
    ResourceKind,
    "What an appointment takes, beside the member's time.",
    {
        ResourceKind.ASSOCIATE: "Somebody who is skilled and at work.",
        ResourceKind.ROOM: "A room.",
        ResourceKind.UNIT: "One of the places of a service that takes several members at a time.",
    },
)
describe_enum(
    AppointmentState,
    "How far an appointment is, by the clock.",
    {
        AppointmentState.HELD: "The time is kept for some minutes; it is not booked yet.",
        AppointmentState.PENDING: "It was asked for, and the brand has to accept it.",
        AppointmentState.CONFIRMED: "It is booked.",
        AppointmentState.CHECKED_IN: "The member is there.",
        AppointmentState.IN_SERVICE: "It has begun.",
        AppointmentState.COMPLETED: "It has taken place.",
        AppointmentState.EXPIRED: "It was held and not booked in time; the time is free for others.",
        AppointmentState.DECLINED: "The brand did not accept it, or did not answer in time.",
        AppointmentState.CANCELLED: "It was cancelled in time, or by the house.",
        AppointmentState.LATE_CANCELLED: "The member cancelled it past the time of free cancellation.",
        AppointmentState.NO_SHOW: "The member did not come.",
        AppointmentState.SUPERSEDED: "It was moved: another appointment with the same `uid` took its place.",
    },
)
describe_enum(
    Role,
    "Whose token it was.",
    {
        Role.MEMBER: "The member.",
        Role.TILL: "A till.",
        Role.ASSOCIATE: "An associate of the brand.",
        Role.DESK: "A desk of the store.",
        Role.MEMBER_SERVICES: "Who looks after members.",
        Role.PLANNER: "A planner.",
        Role.APPROVER: "An approver.",
        Role.ADMIN: "An administrator.",
        Role.SERVICE: "The service itself, or another system: what the clock has ended, for one.",
    },
)
