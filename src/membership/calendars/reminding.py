"""Reminders: what is due is found and told once, however many look for it."""

from datetime import datetime, timedelta

from membership.appointments.model import ServiceRules
from membership.calendars import events, store
from membership.kernel.actor import Actor
from membership.postgres.database import Database

BY_DEFAULT: tuple[int, ...] = ServiceRules.model_fields["reminder_minutes"].default
"""For a service that was written before services said so."""
LONGEST_BEFORE = timedelta(days=7)
"""As long before an appointment as a service may remind of it."""
KEPT_AFTER = timedelta(days=1)


async def remind_due(database: Database, actor: Actor, now: datetime, *, limit: int) -> int:
    """Tell of what has become due, `limit` at most, in one statement and the outbox. Returns how many.

    What became due while nobody looked is told late, unless the appointment has begun by then; of one appointment only
    the nearest, which makes those before it needless.
    """
    async with database.engine(actor, now) as tx:
        due = await store.remind(tx.conn, now, by_default=BY_DEFAULT, within=LONGEST_BEFORE, limit=limit)
        for reminder in due:
            tx.emit(events.reminder_due(reminder))
    return len(due)


async def forget_reminders(database: Database, actor: Actor, now: datetime, *, limit: int) -> int:
    """Returns how many were forgotten."""
    async with database.engine(actor, now) as tx:
        return await store.delete_reminders_begun_before(tx.conn, now - KEPT_AFTER, limit=limit)
