"""Card numbers, member codes, and what may be done to a card in each state.

A card:

    ACTIVE   → BLOCKED, REPLACED, CLOSED
    BLOCKED  → ACTIVE, REPLACED, CLOSED
    REPLACED and CLOSED are final

A member code is `88`, the seed's 10-digit serial and an 8-digit one-time password of the minute (RFC 6238: SHA-1,
step 60 s). 20 digits that begin with 88 are no payment code: WeChat's have 18 digits and begin with 10 to 15,
Alipay's 16 to 24 and begin with 25 to 30, UnionPay's 19 and begin with 62.
"""

import base64
import hmac
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyotp

from membership.cards.errors import (
    CardChangeRefused,
    MalformedCardNumber,
    MalformedCode,
    PointsOutOfRange,
    WrongCheckDigit,
)
from membership.cards.model import Card, CardAction, CardStatus

CARD_PREFIXES = 10**11
"""A card number is one of so many prefixes and its check digit."""

SERIALS = 10**10
SECRET_BYTES = 20
STEP_SECONDS = 60
CONFIRMATION_TTL = timedelta(minutes=5)
MOST_POINTS = 2**53 - 1

_CODE = re.compile(r"88([0-9]{10})([0-9]{8})")
_CARD_NUMBER = re.compile(r"[0-9]{12}")
_SEPARATORS = re.compile(r"[ -]")
# The member's present minute first; then the one before (slow to show), then the one after (a fast clock).
_ACCEPTED_STEPS = (0, -1, 1)

TRANSITIONS: Mapping[tuple[CardStatus, CardAction], CardStatus] = {
    (CardStatus.ACTIVE, CardAction.BLOCK): CardStatus.BLOCKED,
    (CardStatus.ACTIVE, CardAction.REPLACE): CardStatus.REPLACED,
    (CardStatus.ACTIVE, CardAction.CLOSE): CardStatus.CLOSED,
    (CardStatus.BLOCKED, CardAction.UNBLOCK): CardStatus.ACTIVE,
    (CardStatus.BLOCKED, CardAction.REPLACE): CardStatus.REPLACED,
    (CardStatus.BLOCKED, CardAction.CLOSE): CardStatus.CLOSED,
}


def next_status(card: Card, action: CardAction) -> CardStatus:
    """Raises CardChangeRefused."""
    try:
        return TRANSITIONS[card.status, action]
    except KeyError:
        raise CardChangeRefused(card.last_digits, card.status.value, action.value) from None


def status_at_till(presented: CardStatus, current: CardStatus) -> CardStatus:
    """What a card counts as, when `current` is the state of the card at the end of its replacements."""
    if presented is CardStatus.REPLACED and current in (CardStatus.BLOCKED, CardStatus.CLOSED):
        return current
    return presented


def check_digit(prefix: str) -> str:
    """The digit that makes `prefix` and it a number of Luhn's formula (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(prefix)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card_number(prefix: int) -> str:
    """The card number of a prefix from 0 to CARD_PREFIXES - 1."""
    digits = f"{prefix:011d}"
    return digits + check_digit(digits)


def checked_card_number(text: str) -> str:
    """A card number as typed, without spaces and hyphens. Raises MalformedCardNumber, WrongCheckDigit."""
    number = _SEPARATORS.sub("", text)
    if _CARD_NUMBER.fullmatch(number) is None:
        raise MalformedCardNumber
    if check_digit(number[:-1]) != number[-1]:
        raise WrongCheckDigit(number[-4:])
    return number


@dataclass(frozen=True, slots=True)
class ScannedCode:
    serial: str
    password: str


def scanned_code(text: str) -> ScannedCode:
    """The parts of a member code. Raises MalformedCode."""
    match = _CODE.fullmatch(text)
    if match is None:
        raise MalformedCode
    return ScannedCode(match[1], match[2])


def step_at(now: datetime) -> int:
    """The number of the minute, counted from 1970."""
    return int(now.timestamp()) // STEP_SECONDS


def step_ends(step: int) -> datetime:
    return datetime.fromtimestamp((step + 1) * STEP_SECONDS, UTC)


def seconds_until_fresh(step: int, now: datetime) -> int:
    """How long until the app shows another code than that of `step`."""
    return max(0, math.ceil((step_ends(step) - now).total_seconds()))


def member_code(serial: str, secret: bytes, step: int) -> str:
    return f"88{serial}{_password(secret, step)}"


def matching_step(secret: bytes, password: str, now: datetime) -> int | None:
    """The step that a password belongs to, if it is the present one or one beside it."""
    present = step_at(now)
    for offset in _ACCEPTED_STEPS:
        if hmac.compare_digest(_password(secret, present + offset), password):
            return present + offset
    return None


def _password(secret: bytes, step: int) -> str:
    generator = pyotp.TOTP(base64.b32encode(secret).decode(), digits=8, interval=STEP_SECONDS)
    return generator.generate_otp(step)


def check_most_points(points: int) -> None:
    """Raises PointsOutOfRange."""
    if not 0 < points <= MOST_POINTS:
        raise PointsOutOfRange(MOST_POINTS)
