"""Facts that others may react to: ids and moments, in no language."""

from uuid import UUID

from membership.calendars.model import Reminder
from membership.postgres.transaction import Event


def reminder_due(reminder: Reminder) -> Event:
    """Tell the member now: after a pause of the service later than `minutes_before`, but never after the start."""
    member = reminder.membership
    return Event(
        "calendars.reminder_due",
        member.member_id,
        {
            "minutes_before": reminder.minutes_before,
            "appointment_id": str(reminder.appointment_id),
            "uid": str(reminder.uid),
            "sequence": reminder.sequence,
            "visit_id": _text(reminder.visit_id),
            "member_id": str(member.member_id),
            "programme_id": str(member.programme_id),
            "store_id": str(reminder.store_id),
            "counter_id": str(reminder.counter_id),
            "service_id": str(reminder.service_id),
            "associate_id": _text(reminder.associate_id),
            "starts_at": reminder.period.start.isoformat(),
            "ends_at": reminder.period.end.isoformat(),
        },
    )


def _text(key: UUID | None) -> str | None:
    return None if key is None else str(key)
