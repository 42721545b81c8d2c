"""The gift code: short enough to be read out at a desk, with a check character.

Nine characters of Crockford's alphabet (no I, L, O, U), of 45 bits that nobody can guess, and one that checks them by
Luhn's method in base 32: every single wrong character and nearly every swap of neighbours is seen before anything is
looked up.
"""

from membership.gifts.errors import MalformedGiftCode

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # pragma: allowlist secret
LENGTH = 10
_BASE = len(ALPHABET)
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def code_of(secret: bytes) -> str:
    """From a keyed digest of the claim, so that its repeat has the same one."""
    number = int.from_bytes(secret) % _BASE ** (LENGTH - 1)
    body = "".join(ALPHABET[number // _BASE**place % _BASE] for place in range(LENGTH - 1))
    return body + _check_character(body)


def read_code(text: str) -> str:
    """A code as it was typed or scanned, in its one spelling. Raises MalformedGiftCode."""
    code = text.upper().translate(_ALIKE)
    well_formed = len(code) == LENGTH and all(character in ALPHABET for character in code)
    if not well_formed or _check_character(code[:-1]) != code[-1]:
        raise MalformedGiftCode
    return code


def _check_character(body: str) -> str:
    total, doubled = 0, True
    for character in reversed(body):
        value = ALPHABET.index(character) * (2 if doubled else 1)
        total += value // _BASE + value % _BASE
        doubled = not doubled
    return ALPHABET[-total % _BASE]
