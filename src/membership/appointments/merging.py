"""Two accounts of one person become one: the winner has the appointments of both, in every programme.

Where one of each overlap, the one that was booked later is cancelled by the house, so that nobody is in two places
(A9); one that has begun is kept, and what is only held is given up first. Its event tells the winner. Its place is free
for everybody: nobody who waits is asked here, in the middle of a merge.
"""

from membership.appointments import store
from membership.appointments.changing import change_all
from membership.appointments.lapsing import end_lapsed
from membership.appointments.model import AppointmentState, resource_of
from membership.appointments.rules.merging import given_up
from membership.members.model import MemberId
from membership.postgres.transaction import Transaction


async def merge(tx: Transaction, *, loser: MemberId, winner: MemberId) -> None:
    """The last step of a merge, which has locked every membership of both: a booking has committed or meets the winner.

    Last, because whoever waits for an appointment that is locked here may have what a merge waits for before: offers,
    pools.
    """
    live = await store.lock_live_of_members(tx.conn, [loser, winner])
    await store.move_appointments(tx.conn, loser=loser, winner=winner)
    over = {
        entry.appointment_id: entry.state for entry in live if entry.lapses_at is not None and entry.lapses_at <= tx.now
    }
    await end_lapsed(tx, over)
    conflicts = given_up(entry for entry in live if entry.appointment_id not in over)
    await change_all(tx, [(entry, AppointmentState.CANCELLED) for entry in conflicts.cancelled])
    beside = [entry.appointment_id for entry in conflicts.beside]
    await store.move_occupied(tx.conn, loser=resource_of(loser), winner=resource_of(winner), beside=beside)
