"""Every pair of state and action."""

from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest

from membership.cards.errors import CardChangeRefused
from membership.cards.model import BlockReason, Card, CardAction, CardId, CardKind, CardStatus
from membership.cards.rules import card_number, next_status, status_at_till
from membership.members.model import MemberId, MembershipKey
from membership.stores.model import ProgrammeId

A, B, R, C = CardStatus.ACTIVE, CardStatus.BLOCKED, CardStatus.REPLACED, CardStatus.CLOSED
NOW = datetime(2026, 5, 20, tzinfo=UTC)

ALLOWED = {
    (A, CardAction.BLOCK): B,
    (A, CardAction.REPLACE): R,
    (A, CardAction.CLOSE): C,
    (B, CardAction.UNBLOCK): A,
    (B, CardAction.REPLACE): R,
    (B, CardAction.CLOSE): C,
}


def card_in(status: CardStatus) -> Card:
    return Card(
        card_id=CardId(UUID(int=1)),
        membership=MembershipKey(MemberId(UUID(int=2)), ProgrammeId(UUID(int=3))),
        number=card_number(12345678901),
        kind=CardKind.PHYSICAL,
        status=status,
        blocked_reason=BlockReason.LOST if status is B else None,
        replaced_by=CardId(UUID(int=4)) if status is R else None,
        issued_at=NOW,
        changed_at=NOW,
    )


@pytest.mark.parametrize(("status", "action"), list(product(CardStatus, CardAction)))
def test_every_pair_of_state_and_action(status: CardStatus, action: CardAction) -> None:
    card = card_in(status)
    if (status, action) in ALLOWED:
        assert next_status(card, action) is ALLOWED[status, action]
        return
    with pytest.raises(CardChangeRefused) as refused:
        next_status(card, action)
    assert card.last_digits in refused.value.message
    assert card.number not in refused.value.message


@pytest.mark.parametrize(
    ("presented", "current", "counts_as"),
    [
        (A, A, A),
        (B, B, B),
        (C, C, C),
        (R, A, R),
        (R, B, B),
        (R, C, C),
    ],
)
def test_a_replaced_card_counts_as_the_card_that_replaced_it_is_able_to(
    presented: CardStatus, current: CardStatus, counts_as: CardStatus
) -> None:
    assert status_at_till(presented, current) is counts_as
