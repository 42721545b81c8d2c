"""Who acts: the caller as the token says it, carried into every transaction."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    MEMBER = "member"
    TILL = "till"
    ASSOCIATE = "associate"
    DESK = "desk"
    MEMBER_SERVICES = "member_services"
    PLANNER = "planner"
    APPROVER = "approver"
    ADMIN = "admin"
    SERVICE = "service"


STAFF = frozenset(Role) - {Role.MEMBER}

OPERATOR_PREFIX = "operator:"
"""Of the subject of somebody who works at the command line, where no token says who it is."""


def person_of(subject: str) -> str:
    """The same for a person at the command line and by token: what needs two people needs two of these."""
    return subject.removeprefix(OPERATOR_PREFIX)


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller. Fields beside `role` and `subject` are set where the role needs them."""

    role: Role
    subject: str
    member_id: UUID | None = None
    programme_id: UUID | None = None
    store_id: UUID | None = None
    counter_id: UUID | None = None
    till_id: UUID | None = None
    brand_id: UUID | None = None
    origin: str | None = None
    correlation_id: str | None = None

    @property
    def idempotency_scope(self) -> str:
        """Idempotency keys of different callers never meet."""
        if self.role is Role.TILL:
            return f"till:{self.till_id}"
        if self.role is Role.MEMBER:
            return f"member:{self.member_id}"
        if self.role is Role.ASSOCIATE:
            # The subject is a staff number, which each counter gives out by itself.
            return f"associate:{self.counter_id or self.brand_id}:{self.subject}"
        return f"{self.role.value}:{self.subject}"

    @property
    def client(self) -> str:
        """Whom limits count as one, whatever their tokens: tills of a store may share a subject, and so may associates
        of different counters."""
        place = self.till_id if self.role is Role.TILL else None
        if self.role is Role.ASSOCIATE:
            place = self.counter_id or self.brand_id
        return f"{self.subject}\0{place or ''}"
