"""Payment-card numbers are not ours to hold: found in free text, masked where a receipt was paid, refused elsewhere."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from membership.kernel.errors import DomainError

_FEWEST, _MOST = 14, 19
_LAST_SHOWN = 4
# Spaces of every kind, hyphens and dashes, and what else people and tills put between the groups of a number.
_SEPARATOR = r"[\s\u2010-\u2015\u2212\u00b7\uff0d.,_/\\-]"
_DIGITS = re.compile(r"\d+")
_CHAIN = re.compile(rf"\d(?:{_SEPARATOR}{{0,3}}\d){{{_FEWEST - 1},}}")


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
    """Every number of 14–19 digits that starts with 2–6 and passes Luhn, down to its last four digits.

    A number is one group of digits or several with separators between, whatever groups stand beside it. A longer
    unbroken group is none: of the 28 digits of a wallet's payment every second would hold one by chance.
    """
    while (masked := _CHAIN.sub(_masked, text)) != text:
        # Four digits that are left may begin a number with what follows them. Each round leaves fewer digits.
        text = masked
    return text


def _masked(chain: re.Match[str]) -> str:
    text = chain.group()
    kept: list[str] = []
    end = 0
    for first, last in _merged(_numbers_in(text)):
        digits = [character for character in text[first:last] if character.isdecimal()]
        kept += [text[end:first], "*" * (len(digits) - _LAST_SHOWN), *digits[-_LAST_SHOWN:]]
        end = last
    return "".join([*kept, text[end:]])


def _numbers_in(chain: str) -> Iterator[tuple[int, int]]:
    """Where whole groups make a number, in order of their beginnings: at most 19 are tried from each."""
    groups = list(_DIGITS.finditer(chain))
    for number, first in enumerate(groups):
        if int(first.group()[0]) not in range(2, 7):
            continue
        digits: list[int] = []
        for group in groups[number:]:
            if len(digits) + len(group.group()) > _MOST:
                break
            digits += map(int, group.group())
            if len(digits) >= _FEWEST and _luhn_sum(digits) % 10 == 0:
                yield first.start(), group.end()


def _merged(spans: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Numbers that share digits as one, so that masking one shows no part of the other."""
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first < merged[-1][1]:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged


def _luhn_sum(digits: Sequence[int]) -> int:
    """Source: ISO/IEC 7812-1, annex B."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if position % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total
