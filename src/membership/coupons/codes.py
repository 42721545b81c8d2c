"""Codes that give a coupon, and the number of a coupon as it is printed or shown to a scanner.

A code is a bearer value: whoever has it may use it once. It is kept as a keyed hash of its normal form (capitals, no
spaces or hyphens), and its last characters. A coupon's number is its id in another spelling; it is good only with the
member whose coupon it is.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

from membership.campaigns.model import CouponId
from membership.coupons.errors import TooManyCodes, UnusableCode

MOST_CODES = 10_000
MOST_IMPORTED = 2_000
"""In one request of GraphQL, whose body has an end."""
MOST_CHARACTERS = 40
HASH_KIND = "coupons.code"

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # pragma: allowlist secret
"""Crockford's base 32: no letter that is taken for a digit."""
_CODE_CHARACTERS = 12
_NUMBER_CHARACTERS = 26
_WRITTEN = re.compile(r"[A-Z0-9]+")
_VALUES = {character: value for value, character in enumerate(_ALPHABET)} | {"O": 0, "I": 1, "L": 1}


def normal_form(code: str) -> str:
    """How a code is hashed, however it was typed."""
    return re.sub(r"[\s-]+", "", code).upper()


def is_code(text: str) -> bool:
    """Whether it could be one at all: what nobody could have been given is not even looked up."""
    normal = normal_form(text)
    return len(normal) <= MOST_CHARACTERS and _WRITTEN.fullmatch(normal) is not None


def last_characters(code: str) -> str:
    """What a code is recognised by: at most a third of it."""
    normal = normal_form(code)
    return normal[-min(4, len(normal) // 3) :] if len(normal) >= 3 else ""


def derived_codes(seed: str, count: int) -> tuple[str, ...]:
    """Codes of 60 bits, written XXXX-XXXX-XXXX: the same for the same secret seed, so that an answer that was lost can
    be given again though no code is stored. Raises TooManyCodes."""
    if not 1 <= count <= MOST_CODES:
        raise TooManyCodes(MOST_CODES)
    found: dict[str, None] = {}
    position = 0
    while len(found) < count:
        digest = sha256(f"{seed}/{position}".encode()).digest()
        text = _written(int.from_bytes(digest) % len(_ALPHABET) ** _CODE_CHARACTERS, _CODE_CHARACTERS)
        found["-".join(text[at : at + 4] for at in range(0, _CODE_CHARACTERS, 4))] = None
        position += 1
    return tuple(found)


def check_imported(codes: Sequence[str]) -> None:
    """Raises TooManyCodes, UnusableCode for the first that cannot be used."""
    if not 1 <= len(codes) <= MOST_IMPORTED:
        raise TooManyCodes(MOST_IMPORTED)
    seen: set[str] = set()
    for position, code in enumerate(codes, 1):
        normal = normal_form(code)
        if normal in seen or not is_code(code):
            raise UnusableCode(position, MOST_CHARACTERS)
        seen.add(normal)


def coupon_number(coupon_id: CouponId) -> str:
    """As it is printed under the coupon, in groups."""
    text = _written(coupon_id.int, _NUMBER_CHARACTERS)
    return "-".join((text[:6], text[6:11], text[11:16], text[16:21], text[21:]))


def find_coupon_id(number: str) -> CouponId | None:
    """The coupon of a printed number; None for what is none."""
    text = normal_form(number)
    if len(text) != _NUMBER_CHARACTERS or any(character not in _VALUES for character in text):
        return None
    value = 0
    for character in text:
        value = value * len(_ALPHABET) + _VALUES[character]
    return CouponId(UUID(int=value)) if value < 2**128 else None


def _written(number: int, characters: int) -> str:
    text = ""
    for _ in range(characters):
        number, digit = divmod(number, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text
