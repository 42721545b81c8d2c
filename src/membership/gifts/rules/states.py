"""The states of a gift.

    CONFIRMED → READY → COLLECTED ; CONFIRMED | READY → CANCELLED | FORFEITED
    COLLECTED → CLAWBACK_DUE → RETURNED | WAIVED | COLLECTED (covered again)

A unit that is only HELD, and its end as EXPIRED or RELEASED, is a claim of `inventory`: a gift begins CONFIRMED. What
makes it READY is the desk's choice: packing it beforehand, or handing it over at once, which takes both steps.
"""

from membership.gifts.model import GiftState

TRANSITIONS: dict[GiftState, frozenset[GiftState]] = {
    GiftState.CONFIRMED: frozenset({GiftState.READY, GiftState.CANCELLED, GiftState.FORFEITED}),
    GiftState.READY: frozenset({GiftState.COLLECTED, GiftState.CANCELLED, GiftState.FORFEITED}),
    GiftState.COLLECTED: frozenset({GiftState.CLAWBACK_DUE}),
    GiftState.CLAWBACK_DUE: frozenset({GiftState.COLLECTED, GiftState.RETURNED, GiftState.WAIVED}),
    GiftState.CANCELLED: frozenset(),
    GiftState.FORFEITED: frozenset(),
    GiftState.RETURNED: frozenset(),
    GiftState.WAIVED: frozenset(),
}
"""The states that may follow each."""

WAITING = frozenset({GiftState.CONFIRMED, GiftState.READY})
"""Promised and not handed over yet."""
HANDED_OVER = frozenset({GiftState.COLLECTED, GiftState.CLAWBACK_DUE})
JUDGED = WAITING | HANDED_OVER
"""What the spend of its day still has to cover."""


def may_follow(state: GiftState, to: GiftState) -> bool:
    return to in TRANSITIONS[state]


def is_over(state: GiftState) -> bool:
    return not TRANSITIONS[state]
