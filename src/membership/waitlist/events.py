"""Facts about the waitlist that others may react to: ids and moments."""

from membership.kernel.errors import Fact
from membership.postgres.transaction import Event
from membership.waitlist.model import Entry, EntryState


def joined(entry: Entry) -> Event:
    return _event("waitlist.joined", entry)


def changed(entry: Entry) -> Event:
    """Named after the state that was reached."""
    if entry.state is EntryState.WAITING:
        raise ValueError("nobody comes back to waiting")
    return _event(f"waitlist.{entry.state.value.lower()}", entry)


def _event(name: str, entry: Entry) -> Event:
    member, offer = entry.membership, entry.offer
    payload: dict[str, Fact] = {
        "entry_id": str(entry.entry_id),
        "member_id": str(member.member_id),
        "programme_id": str(member.programme_id),
        "store_id": str(entry.store_id),
        "service_id": str(entry.service_id),
        "appointment_id": str(offer.appointment_id) if offer else None,
        "offer_until": offer.until.isoformat() if offer else None,
    }
    return Event(name, member.member_id, payload)
