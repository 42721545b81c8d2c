"""What a counter is told of the members whom it expects."""

import strawberry

from membership.members import rules
from membership.stores.model import ActivationLevel
from membership.visits.guests import GuestFacts


@strawberry.type(
    description="What a counter is told of a member whom it expects: never what identifies them elsewhere. Beyond the "
    "initials it takes the member's consent to share data with the brand, and a brand that may use it."
)
class BoardGuest:
    name: str | None = strawberry.field(
        description="The name that the member chose, where the brand may use it, else its initials to greet with; null "
        "if the member gave none."
    )
    tier: str | None = strawberry.field(description="Code of the tier that holds today; null where that is not told.")
    gift_waits: bool = strawberry.field(description="Whether a gift waits here for the member, for this appointment.")
    missed: int = strawberry.field(
        description="How often in 90 days the member did not come or cancelled late, where the caller sees it."
    )


def shown_guest(level: ActivationLevel, facts: GuestFacts) -> BoardGuest:
    """A TRADITIONAL brand uses no member data, a SELECTIVE one the name and an ACTIVE one the tier too, none of them
    without the member's consent. That a gift waits is no data about the member but work of the counter."""
    named = facts.consents and level is not ActivationLevel.TRADITIONAL
    initials = None if facts.display_name is None else rules.masked_name(facts.display_name)
    return BoardGuest(
        name=facts.display_name if named else initials,
        tier=facts.tier if facts.consents and level is ActivationLevel.ACTIVE else None,
        gift_waits=facts.gift_waits,
        missed=facts.missed,
    )
