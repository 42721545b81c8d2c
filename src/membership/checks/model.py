"""Laws, how each is looked at, and what was found."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from membership.checks.knowledge import Knowledge
from membership.postgres.connection import Conn


class Area(StrEnum):
    """What `--only` chooses from, in the order in which it is looked at."""

    SCHEMA = "schema"
    LEDGER = "ledger"
    RECEIPTS = "receipts"
    TIERS = "tiers"
    COUPONS = "coupons"
    GIFTS = "gifts"
    INVENTORY = "inventory"
    BOOKINGS = "bookings"
    OUTBOX = "outbox"
    IDENTITIES = "identities"


class Key(StrEnum):
    """What is walked along: the singular names the queries of `checks.sql`."""

    MEMBER = "member"
    LOT = "lot"
    ENTRY = "entry"
    SALE = "sale"
    COUPON = "coupon"
    GIFT = "gift"
    CLAIM = "claim"
    APPOINTMENT = "appointment"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Keys after one and up to another, that one included. `now`: by the database's clock."""

    after: UUID
    until: UUID
    now: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """One row that drifts: which, what is stored, and what should be."""

    subject: str
    stored: str
    due: str


Look: TypeAlias = Callable[[Conn, Stretch, Knowledge], Awaitable[Sequence[Found]]]
"""Everything in a stretch that breaks a law. Of what is not walked along, the stretch says only when."""


@dataclass(frozen=True, slots=True)
class Law:
    """`code`: a law's name (L1, C6), or a word. `along` None: one look is enough. `way_out`: what mends it."""

    code: str
    says: str
    along: Key | None
    look: Look
    way_out: str


@dataclass(slots=True)
class Verdict:
    """What became of one law. `examples`: the first few of `drifts`."""

    area: Area
    law: Law
    drifts: int = 0
    examples: list[Found] = field(default_factory=list)

    def add(self, found: Sequence[Found], *, examples: int) -> None:
        self.drifts += len(found)
        self.examples += found[: max(0, examples - len(self.examples))]


@dataclass(frozen=True, slots=True)
class Report:
    """`looked_at`: rows walked along, by area. `unseen`: what could not be looked at, and why."""

    verdicts: Sequence[Verdict]
    looked_at: dict[Area, int]
    unseen: Sequence[str] = ()

    @property
    def drifting(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.drifts]

    @property
    def holds(self) -> bool:
        return not self.drifting
