"""Facts about gifts that others may react to, such as who tells the member. A claim of thousands a second is none."""

from membership.gifts.model import Gift, GiftCause, GiftState
from membership.postgres.transaction import Event

QUIET = frozenset({GiftCause.PACKED, GiftCause.HANDED_OVER})
"""The desk and the member are both there: nobody has to be told."""


def changed(gift: Gift, to_state: GiftState, cause: GiftCause) -> Event:
    """A gift that is to be brought back, is covered again, was cancelled, forfeited, returned or waived."""
    return Event(
        f"gifts.{to_state.value.lower()}",
        gift.membership.member_id,
        {"gift_id": str(gift.gift_id), "offer_id": str(gift.offer_id), "state": to_state.value, "cause": cause.value},
    )


def back_at_desk(gift: Gift) -> Event:
    """A visit for which it waited was cancelled, moved too far, or nobody came."""
    return Event(
        "gifts.back_at_desk",
        gift.membership.member_id,
        {
            "gift_id": str(gift.gift_id),
            "offer_id": str(gift.offer_id),
            "collect_until": gift.collect_until.isoformat(),
        },
    )
