"""Facts about visits that others may react to: ids and moments. What becomes of its stops is told of them."""

from membership.appointments.model import Appointment
from membership.postgres.transaction import Event
from membership.visits.model import Visit


def made(visit: Visit, first: Appointment) -> Event:
    """`first`: one of its stops, which says whose it is."""
    member = first.membership
    return Event(
        "visits.made",
        member.member_id,
        {
            "visit_id": str(visit.visit_id),
            "member_id": str(member.member_id),
            "programme_id": str(member.programme_id),
            "store_id": str(visit.store_id),
            "campaign_id": str(visit.campaign_id) if visit.campaign_id else None,
            "source": visit.source.value,
        },
    )
