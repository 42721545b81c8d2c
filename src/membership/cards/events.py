"""Facts about cards that others may react to. No card numbers: ids."""

from membership.cards.model import Card, SpendConfirmation
from membership.postgres.transaction import Event


def issued(card: Card) -> Event:
    return _event("cards.issued", card, kind=card.kind.value)


def blocked(card: Card) -> Event:
    return _event("cards.blocked", card, reason=card.blocked_reason.value if card.blocked_reason else None)


def unblocked(card: Card) -> Event:
    return _event("cards.unblocked", card)


def replaced(card: Card) -> Event:
    return _event("cards.replaced", card, replaced_by=str(card.replaced_by))


def closed(card: Card) -> Event:
    return _event("cards.closed", card)


def spending_confirmed(confirmation: SpendConfirmation) -> Event:
    member = confirmation.membership
    return Event(
        "cards.spending_confirmed",
        member.member_id,
        {
            "confirmation_id": str(confirmation.confirmation_id),
            "member_id": str(member.member_id),
            "programme_id": str(member.programme_id),
            "store_id": str(confirmation.store_id),
            "most_points": confirmation.most_points,
            "expires_at": confirmation.expires_at.isoformat(),
        },
    )


def _event(name: str, card: Card, **facts: str | None) -> Event:
    member = card.membership
    ids = {
        "card_id": str(card.card_id),
        "member_id": str(member.member_id),
        "programme_id": str(member.programme_id),
    }
    return Event(name, member.member_id, {**ids, **facts})
