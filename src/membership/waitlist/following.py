"""What events of appointments do to the waitlist.

The appointment of an offer can be booked and cancelled like any other: its entry follows. And whatever comes free makes
the worker look at once at the days that are waited for.
"""

from datetime import datetime
from uuid import UUID

from membership.appointments.locking import lock_member
from membership.appointments.model import AppointmentId, ServiceId
from membership.appointments.rules.hours import opening_days
from membership.postgres.outbox import Delivery, Handlers
from membership.postgres.transaction import Transaction
from membership.stores.model import StoreId
from membership.waitlist import store
from membership.waitlist.context import WAITLIST
from membership.waitlist.model import EntryState
from membership.waitlist.offering import Offering

BOOKED = ("appointments.pending", "appointments.confirmed")
FREED = (
    "appointments.cancelled",
    "appointments.late_cancelled",
    "appointments.declined",
    "appointments.expired",
    "appointments.no_show",
    "appointments.superseded",
)


def follow_appointments(handlers: Handlers, offering: Offering) -> None:
    """Each of these is about one appointment, and comes in the order in which it happened."""

    async def follow(tx: Transaction, delivery: Delivery) -> None:
        tx.actor = WAITLIST
        entry = await store.find_entry_by_appointment(
            tx.conn, AppointmentId(UUID(str(delivery.payload["appointment_id"])))
        )
        if entry is None or entry.state is not EntryState.OFFERED:
            return
        await lock_member(tx, entry.membership)
        [entry] = (await store.list_entries(tx.conn, [entry.entry_id])).values()
        await offering.settle(tx, entry)

    async def wake(tx: Transaction, delivery: Delivery) -> None:
        """The groups last: whoever waits for them has a member in hand."""
        payload, directory = delivery.payload, await offering.workings.directories.directory(tx.now)
        shop = directory.store(StoreId(UUID(str(payload["store_id"]))))
        days = opening_days(shop, datetime.fromisoformat(str(payload["starts_at"])))
        await store.wake_groups(tx.conn, ServiceId(UUID(str(payload["service_id"]))), days, tx.now)

    for name in (*BOOKED, *FREED):
        handlers.on(name, follow)
    for name in FREED:
        handlers.on(name, wake)
