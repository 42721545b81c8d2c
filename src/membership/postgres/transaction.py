"""One use case's transaction, and what is written with it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from membership.kernel.actor import STAFF, Actor
from membership.kernel.errors import Fact
from membership.postgres.connection import Conn


@dataclass(frozen=True, slots=True)
class Event:
    """A fact others may react to. Handed on in order per `ordering_key` (the member, as a rule)."""

    name: str
    ordering_key: UUID
    payload: dict[str, Fact]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What a member of staff did: to what, with the state before and after. No personal values."""

    action: str
    subject_kind: str
    subject_id: str
    member_id: UUID | None = None
    programme_id: UUID | None = None
    before: dict[str, Fact] | None = None
    after: dict[str, Fact] | None = None


@dataclass(frozen=True, slots=True)
class KeyedOutcome:
    """The answer to record under an idempotency key that this transaction has claimed."""

    scope: str
    key: str
    outcome: str


@dataclass(slots=True)
class Transaction:
    """Passed down to every service that takes part. Events, audit entries and the keyed outcome are
    written when the block that opened it ends, so a use case pays one round trip for all events."""

    conn: Conn
    actor: Actor
    now: datetime
    events: list[Event] = field(default_factory=list)
    audit_entries: list[AuditEntry] = field(default_factory=list)
    keyed_outcome: KeyedOutcome | None = None
    after: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def after_commit(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do this once the transaction has committed, and not at all if it rolls back. A process that dies in between
        never does it, and what it raises reaches a caller whose writes stand: it must be something that is repaired
        when it is missing, and deal with its own failures."""
        self.after.append(step)

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def audit(self, entry: AuditEntry) -> None:
        self.audit_entries.append(entry)

    def audit_staff(self, entry: AuditEntry) -> None:
        """For what members may do too: their own acts on their own data leave no entry."""
        if self.actor.role in STAFF:
            self.audit(entry)
