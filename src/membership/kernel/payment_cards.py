"""Payment-card numbers are not ours to hold: found in free text, masked where a receipt was paid, refused elsewhere."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from membership.kernel.errors import DomainError

_DIGIT_RUN = re.compile(r"(?<!\d)\d(?:[ -]?\d){13,18}(?!\d)")


@dataclass(eq=False)
class PaymentCardNumber(DomainError):
    """A field holds what looks like a payment-card number, which this service must not hold."""

    code = "PAYMENT_CARD_NUMBER"

    @property
    def message(self) -> str:
        return "A text field holds what looks like a payment-card number. Send its last four digits at most."


def refuse_payment_card_numbers(*texts: str | None) -> None:
    """Raises PaymentCardNumber where a text looks as if it held one."""
    if any(text and mask_payment_cards(text) != text for text in texts):
        raise PaymentCardNumber


def mask_payment_cards(text: str) -> str:
    """Every run of 14–19 digits that starts with 2–6 and passes Luhn, down to its last four digits."""
    return _DIGIT_RUN.sub(lambda run: _masked(run.group()), text)


def _masked(run: str) -> str:
    if not _looks_like_payment_card(run):
        return run
    return "*" * (sum(character.isdigit() for character in run) - 4) + run[-4:]


def _looks_like_payment_card(run: str) -> bool:
    digits = [int(character) for character in run if character.isdigit()]
    return digits[0] in range(2, 7) and _luhn_sum(digits) % 10 == 0


def _luhn_sum(digits: Sequence[int]) -> int:
    """Source: ISO/IEC 7812-1, annex B."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if position % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total
