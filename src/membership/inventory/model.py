"""Offers, pools, claims."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NewType, TypeAlias
from uuid import UUID

from membership.kernel.actor import Actor
from membership.kernel.errors import DomainError
from membership.members.model import MembershipKey
from membership.postgres.transaction import Transaction
from membership.stores.model import ProgrammeId, StoreId

OfferId = NewType("OfferId", UUID)
PoolId = NewType("PoolId", UUID)
ClaimId = NewType("ClaimId", UUID)

FINGERPRINT_BYTES = 16
"""What is kept of a request's hash: enough to tell two requests apart, in PostgreSQL and in Redis."""


class Mode(StrEnum):
    """Who decides about the stock of an offer. POSTGRES: Redis could not be reached."""

    REDIS = "REDIS"
    POSTGRES = "POSTGRES"


class ClaimState(StrEnum):
    """What a claim came to. A claim without a row is under way, or was never made."""

    CONFIRMED = "CONFIRMED"
    RETURNED = "RETURNED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many claims of an offer a member may have, over all its pools. None: any number."""

    per_member: int | None = None
    per_member_day: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    offer_id: OfferId
    programme_id: ProgrammeId
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class NewPool:
    """`day`: the business date that a limit per day counts on; None: each claim says its own. `store_id` None: any."""

    pool_id: PoolId
    total: int
    store_id: StoreId | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool as PostgreSQL has it: `free` says what nobody has been given for good."""

    pool_id: PoolId
    offer_id: OfferId
    store_id: StoreId | None
    day: date | None
    total: int
    confirmed: int
    voided: int
    mode: Mode
    epoch: int
    run_id: str | None
    mode_since: datetime
    closed_at: datetime | None

    @property
    def free(self) -> int:
        return self.total - self.confirmed - self.voided


@dataclass(frozen=True, slots=True)
class Load:
    """What an offer was loaded as: all its pools have it in common."""

    epoch: int
    mode: Mode


@dataclass(frozen=True, slots=True)
class Shelf:
    """An offer with its pools, as it was at one epoch."""

    offer: Offer
    load: Load
    pools: Mapping[PoolId, Pool]


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """A member asks for one unit of a pool.

    `claim_id` comes from the member and the idempotency key (`rules.claim_id_of`), `request_hash` from the request
    (`postgres.json.digest`). `day` is for pools that have none. `key` is what a conflict names. `detail` is the
    owner's own: handed back in `record`.
    """

    claim_id: ClaimId
    pool_id: PoolId
    member: MembershipKey
    request_hash: bytes
    day: date | None = None
    key: str | None = None
    detail: object = None

    @property
    def fingerprint(self) -> bytes:
        return self.request_hash[:FINGERPRINT_BYTES]


@dataclass(frozen=True, slots=True)
class GrantedClaim:
    """A unit that a member was given. `actor` and `now` are those of the call that was granted. `is_repeat`: it had
    been granted before, and this is the answer to who asked again."""

    claim_id: ClaimId
    pool_id: PoolId
    offer_id: OfferId
    member: MembershipKey
    claimed_at: datetime
    request: ClaimRequest
    actor: Actor
    is_repeat: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class EndedClaim:
    """A row of inventory.claims."""

    claim_id: ClaimId
    pool_id: PoolId
    offer_id: OfferId
    member: MembershipKey
    day: date | None
    state: ClaimState
    counts: bool
    fingerprint: bytes
    refusal: DomainError | None
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class PoolLevel:
    """A pool at one moment. `held` is 0 where PostgreSQL had to answer: it does not know of holds."""

    pool_id: PoolId
    total: int
    confirmed: int
    voided: int
    held: int
    available: int
    sold_out: bool


class GiveBackTo(StrEnum):
    """Where a unit goes that is given back: it can be had again, or never. Another pool is named by its id."""

    SAME_POOL = "SAME_POOL"
    VOID = "VOID"


Record: TypeAlias = Callable[[Transaction, Sequence[GrantedClaim]], Awaitable[None]]
"""Writes the owner's rows for claims that are granted, in the transaction that grants them. The pool is locked: take no
lock of a member or an offer in it (`Admit` may). Claims of several calls with an equal `record` come together."""

Admit: TypeAlias = Callable[[Transaction, Sequence[ClaimRequest]], Awaitable[Mapping[ClaimId, DomainError]]]
"""Comes first in that transaction, to lock members (by id) and to refuse some of the claims. Without it a merge of a
member whose claim is just being written may miss that claim."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose claim it is: what the owner does inside the transaction."""

    record: Record
    admit: Admit | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a pool in Redis is from what PostgreSQL says: Redis less PostgreSQL, in units."""

    pool_id: PoolId
    offer_id: OfferId
    free_and_held: int
    confirmed: int
    voided: int
    total: int
    unaccounted: int
    """total − free − held − confirmed − voided, in Redis alone: not 0 breaks I2."""

    def __str__(self) -> str:
        parts = {
            "free or held": self.free_and_held,
            "confirmed": self.confirmed,
            "voided": self.voided,
            "total": self.total,
            "unaccounted": self.unaccounted,
        }
        told = ", ".join(f"{name} {units:+d}" for name, units in parts.items() if units)
        return f"pool {self.pool_id} of offer {self.offer_id}: {told or 'less than nothing is free or held'}"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """PostgreSQL disagrees with itself about an offer: a bug or a hand in the tables. No rebuild repairs that."""

    offer_id: OfferId
    pool_id: PoolId | None
    detail: str

    def __str__(self) -> str:
        where = f"pool {self.pool_id} of " if self.pool_id else ""
        return f"{where}offer {self.offer_id}: {self.detail}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """`unchecked`: offers that PostgreSQL decides for now, so that there is nothing in Redis to compare."""

    offers: int
    pools: int
    drifts: tuple[Drift, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    unchecked: tuple[OfferId, ...] = ()

    @property
    def clean(self) -> bool:
        return not self.drifts and not self.disagreements
