"""What refusals tell people: when, how much, and the way out."""

import pytest

from membership.gifts.errors import GiftBelowThreshold
from membership.inventory.errors import MemberLimitReached
from membership.kernel.errors import DomainError
from membership.members.errors import MalformedIdentity
from membership.receipts.errors import NONE_NAMED, UnknownCounter
from membership.tills.errors import PointsExceedTotal

SAID: list[tuple[DomainError, str]] = [
    (
        MemberLimitReached(2, "DAY"),
        "The member has had 2 of this today, the most for one day. Come back tomorrow.",
    ),
    (
        MemberLimitReached(2, "CAMPAIGN"),
        "The member has had 2 of this in the campaign, the most for one member. "
        "There is no more of it to claim; look at the other offers.",
    ),
    (
        GiftBelowThreshold(2_000_000, 2_000_000, "CNY", 2),
        "CNY 20,000.00 of today's spend is missing to CNY 20,000.00. Receipts without a card can be added today.",
    ),
    (
        PointsExceedTotal(700, 39_000, "KRW", 0),
        "These points are worth KRW 39,000, more than the total of KRW 700. Spend fewer points.",
    ),
    (
        UnknownCounter(NONE_NAMED),
        "This till sells for every counter, and a line names none. Name the counter on each line.",
    ),
    (
        UnknownCounter("2F-NONE"),
        "This till does not sell for counter 2F-NONE. Use that counter's till or a central cashier.",
    ),
    (
        MalformedIdentity("PHONE"),
        "This is not a valid phone. Enter a phone number with its country code, such as +86 138 0013 8000.",
    ),
]


@pytest.mark.parametrize(("refusal", "message"), SAID, ids=[refusal.code for refusal, _ in SAID])
def test_a_message_says_the_way_out(refusal: DomainError, message: str) -> None:
    assert refusal.message == message
