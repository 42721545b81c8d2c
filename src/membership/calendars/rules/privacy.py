"""What an associate's calendar tells of whom they serve. It leaves the house, so it never tells a full name, and of who
did not consent to sharing data with the brand not even initials: it never tells more than the counter's board.

    ACTIVE           masked name and tier
    SELECTIVE        masked name
    TRADITIONAL      nothing, whatever the consent
"""

from typing import assert_never

from membership.calendars.model import Guest
from membership.members.rules import masked_name
from membership.stores.model import ActivationLevel


def guest_shown(level: ActivationLevel, *, consented: bool, display_name: str | None, tier: str | None) -> Guest:
    """`tier`: its name in the reader's language. Nothing at all reads as "Member"."""
    if not consented:
        return Guest()
    name = masked_name(display_name) if display_name else None
    match level:
        case ActivationLevel.ACTIVE:
            return Guest(name, tier)
        case ActivationLevel.SELECTIVE:
            return Guest(name)
        case ActivationLevel.TRADITIONAL:
            return Guest()
        case _:
            assert_never(level)
