"""Refusals about tiers and ladders."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError


@dataclass(eq=False)
class UnknownTier(DomainError):
    """The programme's ladder has no such tier."""

    code = "UNKNOWN_TIER"
    field = "tier"
    tier: str
    tiers: list[str]

    @property
    def message(self) -> str:
        return f"There is no tier {self.tier}. Choose one of {', '.join(self.tiers)}."


@dataclass(eq=False)
class TierNotGivenByHand(DomainError):
    """The tier is everybody's, or goes by rank: it cannot be given by hand."""

    code = "TIER_NOT_GIVEN_BY_HAND"
    field = "tier"
    tier: str
    ranked: bool

    @property
    def message(self) -> str:
        why = "goes to the best spenders of a period only" if self.ranked else "is everybody's from the beginning"
        return f"{self.tier} cannot be given by hand: it {why}. Choose another tier."


@dataclass(eq=False)
class TierTermOutOfRange(DomainError):
    """A tier given by hand ends after today, and no later than the ladder allows."""

    code = "TIER_TERM_OUT_OF_RANGE"
    field = "endsOn"
    earliest: str
    latest: str

    @property
    def message(self) -> str:
        if self.latest < self.earliest:
            return "This programme gives no tiers by hand."
        return f"A tier given by hand must end between {self.earliest} and {self.latest}. Choose a day in between."


@dataclass(eq=False)
class TierAlreadyHeld(DomainError):
    """The member holds the tier, or a better one, for at least as long."""

    code = "TIER_ALREADY_HELD"
    tier: str
    ends_on: str | None

    @property
    def message(self) -> str:
        until = "" if self.ends_on is None else f" until {self.ends_on}"
        return f"The member holds {self.tier} already{until}. Choose a better tier or a later end."


@dataclass(eq=False)
class TierGivenToday(DomainError):
    """The same tier was given for the same reason today: take that grant back before giving another."""

    code = "TIER_GIVEN_TODAY"
    tier: str
    reason: str

    @property
    def message(self) -> str:
        return (
            f"{self.tier} was given to this member for {self.reason} today. "
            "To change its end, take that grant back first."
        )


@dataclass(eq=False)
class UnknownTierGrant(DomainError):
    """No live grant by hand has this id: it never existed, was taken back, or was not given by hand."""

    code = "UNKNOWN_TIER_GRANT"
    field = "grantId"

    @property
    def message(self) -> str:
        return (
            "This grant cannot be taken back: it is none given by hand, or it was taken back before. Reload the list."
        )


@dataclass(eq=False)
class LadderTooEarly(DomainError):
    """A revision takes effect in the future, after the revisions before it."""

    code = "LADDER_TOO_EARLY"
    field = "effectiveFrom"
    earliest: str

    @property
    def message(self) -> str:
        return f"A new ladder cannot take effect before {self.earliest}. Choose that day or a later one."


@dataclass(eq=False)
class LadderLosesTier(DomainError):
    """Every tier of the ladder before must stand in the new one or be replaced by one of its tiers."""

    code = "LADDER_LOSES_TIER"
    field = "tiers"
    lost_tiers: list[str]

    @property
    def message(self) -> str:
        return (
            f"Members may stand on {', '.join(self.lost_tiers)}, which the new ladder does not have. "
            "Name each under `replaces` of the tier its members are to have."
        )


@dataclass(eq=False)
class LadderReordersTiers(DomainError):
    """Tiers keep their order from one revision to the next, or members would fall without a review."""

    code = "LADDER_REORDERS_TIERS"
    field = "tiers"
    lower: str
    higher: str

    @property
    def message(self) -> str:
        return f"{self.lower} stood below {self.higher} so far and must not stand above it. Keep their order."


@dataclass(eq=False)
class LadderPublishedMeanwhile(DomainError):
    """Somebody else published a ladder at the same time."""

    code = "LADDER_PUBLISHED_MEANWHILE"
    retryable = True

    @property
    def message(self) -> str:
        return "Somebody else has just published a ladder for this programme. Look at it, then publish yours again."
