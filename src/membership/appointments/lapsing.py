"""Ending what has lapsed: a hold expires, a request that nobody answered in time counts as declined.

The clock has ended them already: nothing that reads or books counts them (A10). Here it is written down, by whoever
needs their place or, for the others, by a job that comes every minute, so that a member hears of it.
"""

from collections.abc import Mapping
from datetime import datetime

from membership.appointments import events, store
from membership.appointments.model import Appointment, AppointmentId, AppointmentState
from membership.appointments.rules.states import lapsed
from membership.kernel.actor import Actor, Role
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction

CLOCK = Actor(Role.SERVICE, "clock")
"""Who ends what has lapsed. Not the member who needs the place: that would tell one member of another."""


async def end_lapsed(tx: Transaction, over: Mapping[AppointmentId, AppointmentState]) -> list[Appointment]:
    """`over`: what they are, whose locks are held and whose time is over; as they are then."""
    if not over:
        return []
    ended = {appointment_id: lapsed(state) for appointment_id, state in over.items()}
    gone = await store.clear_lapsed(tx.conn, ended, actor=CLOCK, now=tx.now)
    for appointment in gone:
        tx.emit(events.changed(appointment))
    return gone


async def end_due(database: Database, actor: Actor, now: datetime, *, limit: int) -> int:
    """End at most `limit` of what has lapsed anywhere; how many. Waits for nobody; run until it gives 0."""
    async with database.engine(actor, now) as tx:
        return len(await end_lapsed(tx, await store.lock_lapsed_batch(tx.conn, now=now, limit=limit)))
