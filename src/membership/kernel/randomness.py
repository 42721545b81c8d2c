"""Randomness from the operating system: secrets, nonces, card numbers."""

import os
import random
from collections.abc import Callable

RandomBytes = Callable[[int], bytes]


def random_bytes(count: int) -> bytes:
    """Fit for secrets."""
    return os.urandom(count)


def random_below(limit: int, source: RandomBytes) -> int:
    """A whole number from 0 to `limit` - 1. The 8 extra bytes make the bias of the remainder less than 2^-64."""
    width = (limit.bit_length() + 7) // 8 + 8
    return int.from_bytes(source(width)) % limit


def chance() -> float:
    """From 0 up to 1. For samples, not for secrets."""
    return random.random()  # noqa: S311
