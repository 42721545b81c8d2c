"""Two accounts of one person become one: the winner waits for what either waited for."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from membership.appointments.rules.states import state_at as appointment_state_at
from membership.appointments.store import list_appointments
from membership.members.model import MembershipKey
from membership.postgres.transaction import Transaction
from membership.waitlist import store
from membership.waitlist.changing import change
from membership.waitlist.model import Entry, EntryState
from membership.waitlist.rules import followed, state_at


async def merge(tx: Transaction, *, loser: MembershipKey, winner: MembershipKey) -> None:
    """Inside the merge, which has locked both memberships.

    Of two entries for a service on a day one stays. A place that was offered to both and is given up here stays held
    until its time is over: the merge waits for nobody who books it.
    """
    known = await store.list_live(tx.conn, [loser.member_id, winner.member_id], winner.programme_id)
    for entry in duplicates(await _without_ended(tx, known)):
        await change(tx, entry, EntryState.WITHDRAWN if entry.offer is None else EntryState.DECLINED)
    await store.move_member(tx.conn, loser=loser, winner=winner)


async def _without_ended(tx: Transaction, known: Sequence[Entry]) -> list[Entry]:
    """What is over is written down and makes nothing needless. The hold of an offer ends by itself."""
    offers = [entry.offer.appointment_id for entry in known if entry.offer is not None]
    appointments = {entry.appointment_id: entry for entry in await list_appointments(tx.conn, offers)}
    live: list[Entry] = []
    for entry in known:
        is_over = state_at(entry, tx.now) is EntryState.LAPSED
        ended = EntryState.LAPSED if is_over else None
        if entry.offer is not None:
            appointment = appointments[entry.offer.appointment_id]
            ended = followed(appointment_state_at(appointment, tx.now), is_over=is_over)
        if ended is None:
            live.append(entry)
        else:
            await change(tx, entry, ended)
    return live


def duplicates(live: Sequence[Entry]) -> list[Entry]:
    """Those that another one makes needless: an offer before a wait, then what was offered first, or joined. Where two
    offers overlap, the appointment of the later one is given up, too."""
    kept: list[Entry] = []
    gone: list[Entry] = []
    for entry in sorted(live, key=_turn):
        (gone if any(_meet(entry, other) for other in kept) else kept).append(entry)
    return gone


def _turn(entry: Entry) -> tuple[bool, datetime, UUID]:
    if entry.offer is None:
        return True, entry.joined_at, entry.entry_id
    return False, entry.offer.offered_at, entry.offer.appointment_id


def _meet(one: Entry, other: Entry) -> bool:
    return (
        one.service_id == other.service_id
        and one.wish.first_day <= other.wish.last_day
        and other.wish.first_day <= one.wish.last_day
    )
