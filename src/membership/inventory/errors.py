"""Refusals about limited units."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError


@dataclass(eq=False)
class SoldOut(DomainError):
    """Every unit of the pool has been given out."""

    code = "SOLD_OUT"

    @property
    def message(self) -> str:
        return "This is sold out: the last unit has been given out. Look at the other days and desks of the offer."


@dataclass(eq=False)
class AllHeld(DomainError):
    """Every unit that is left is just being claimed by somebody."""

    code = "ALL_HELD"
    retryable = True
    retry_after_seconds: int

    @property
    def message(self) -> str:
        return (
            "Every unit that is left is being claimed at this moment, and some may come back. "
            f"Try the same request again in {self.retry_after_seconds} seconds."
        )


@dataclass(eq=False)
class MemberLimitReached(DomainError):
    """The member has claimed as many of this offer as one member may."""

    code = "MEMBER_LIMIT_REACHED"
    limit: int
    per: str

    @property
    def message(self) -> str:
        if self.per == "DAY":
            return f"The member has had {self.limit} of this today, the most for one day. Come back tomorrow."
        return (
            f"The member has had {self.limit} of this in the campaign, the most for one member. "
            "There is no more of it to claim; look at the other offers."
        )


@dataclass(eq=False)
class AnotherClaimPending(DomainError):
    """Another claim of this member, not decided yet, takes up what one member may have."""

    code = "ANOTHER_CLAIM_PENDING"
    retryable = True
    retry_after_seconds: int

    @property
    def message(self) -> str:
        return (
            "Another claim of this member is not decided yet, and both together would be more than one member may "
            f"have. Look at what the member has, or try again in {self.retry_after_seconds} seconds."
        )


@dataclass(eq=False)
class ClaimExpired(DomainError):
    """The claim took too long, and what was held for it went back."""

    code = "CLAIM_EXPIRED"
    field = "idempotencyKey"

    @property
    def message(self) -> str:
        return "This claim took too long to complete, and its unit went back. Claim again, with a new idempotency key."


@dataclass(eq=False)
class OutcomeUnknown(DomainError):
    """The connection was lost before it was known whether the claim was recorded."""

    code = "OUTCOME_UNKNOWN"
    retryable = True
    retry_after_seconds: int

    @property
    def message(self) -> str:
        return (
            "It is not known yet whether the claim was recorded. Send the same request, with the same idempotency "
            f"key, again in {self.retry_after_seconds} seconds: it will say. Do not use a new key."
        )


@dataclass(eq=False)
class UnknownPool(DomainError):
    """There is no such pool of units in this programme."""

    code = "UNKNOWN_POOL"

    @property
    def message(self) -> str:
        return "There is nothing like this to claim in this programme. Read the offer again and choose from it."


@dataclass(eq=False)
class PoolClosed(DomainError):
    """Nothing is given out of this pool any more."""

    code = "POOL_CLOSED"

    @property
    def message(self) -> str:
        return "Claiming from here has ended. Look at the other days and desks of the offer."


@dataclass(eq=False)
class StockBelowConfirmed(DomainError):
    """A pool cannot have fewer units than were given out of it."""

    code = "STOCK_BELOW_CONFIRMED"
    field = "total"
    confirmed: int
    asked: int

    @property
    def message(self) -> str:
        return (
            f"{self.confirmed} units of this pool are given out or voided, so its total cannot be {self.asked}. "
            f"Ask for at least {self.confirmed}."
        )
