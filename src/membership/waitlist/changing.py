"""One step of an entry, under its member's lock."""

from membership.postgres.transaction import AuditEntry, Transaction
from membership.waitlist import events, store
from membership.waitlist.errors import WaitlistStepRefused
from membership.waitlist.model import Entry, EntryState, Offer
from membership.waitlist.rules import TRANSITIONS


async def change(tx: Transaction, seen: Entry, to: EntryState, *, offer: Offer | None = None) -> Entry:
    """Raises WaitlistStepRefused when the state does not allow it, or the entry is no longer as it was seen."""
    if to not in TRANSITIONS[seen.state]:
        raise WaitlistStepRefused(seen.state.value)
    changed = await store.change_entry(tx.conn, seen, to, offer=offer, actor=tx.actor, now=tx.now)
    if changed is None:
        raise WaitlistStepRefused(seen.state.value)
    tx.emit(events.changed(changed))
    return changed


def audit(tx: Transaction, action: str, entry: Entry) -> None:
    """For what a member may do too and staff did."""
    tx.audit_staff(
        AuditEntry(
            f"waitlist.{action}",
            "waitlist_entry",
            str(entry.entry_id),
            member_id=entry.membership.member_id,
            programme_id=entry.membership.programme_id,
            after={"state": entry.state.value},
        )
    )
