"""Facts about appointments that others may react to: ids and moments."""

from membership.appointments.model import Appointment
from membership.postgres.transaction import Event


def changed(appointment: Appointment) -> Event:
    """Named after the state that was reached."""
    member = appointment.membership
    return Event(
        f"appointments.{appointment.state.value.lower()}",
        member.member_id,
        {
            "appointment_id": str(appointment.appointment_id),
            "uid": str(appointment.uid),
            "sequence": appointment.sequence,
            "visit_id": str(appointment.visit_id) if appointment.visit_id else None,
            "member_id": str(member.member_id),
            "programme_id": str(member.programme_id),
            "store_id": str(appointment.store_id),
            "service_id": str(appointment.service_id),
            "starts_at": appointment.period.start.isoformat(),
            "ends_at": appointment.period.end.isoformat(),
        },
    )
