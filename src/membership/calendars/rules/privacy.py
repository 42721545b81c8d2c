"""What an associate's calendar tells of whom they serve. It leaves the house, so never a full name.

brand            consented to sharing with it    not consented
ACTIVE           masked name and tier            tier
SELECTIVE        masked name and tier            nothing
TRADITIONAL      nothing                         nothing
"""

from typing import assert_never

from membership.calendars.model import Guest
from membership.members.rules import masked_name
from membership.stores.model import ActivationLevel


def guest_shown(level: ActivationLevel, *, consented: bool, display_name: str | None, tier: str | None) -> Guest:
    """`tier`: its name in the reader's language. Nothing at all reads as "Member"."""
    name = masked_name(display_name) if display_name and consented else None
    match level:
        case ActivationLevel.ACTIVE:
            return Guest(name, tier)
        case ActivationLevel.SELECTIVE:
            return Guest(name, tier) if consented else Guest()
        case ActivationLevel.TRADITIONAL:
            return Guest()
        case _:
            assert_never(level)
