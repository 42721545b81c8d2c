"""What each event does to an account and its lots, case by case."""

from dataclasses import replace

import pytest

from membership.points.errors import NotEnoughPoints
from membership.points.model import EntryKind, LedgerAccount, LineAward, LotState
from membership.points.rules import lot_state
from membership.stores.model import ReturnPolicy
from support.books import LINE_MINOR, Books


def test_earned_points_are_available_once_they_are_active() -> None:
    books = Books()
    member = books.open()
    books.sell(member, {1: 100}, active_in_days=14)
    assert (books.account(member).available, books.account(member).pending) == (0, 100)
    books.advance(14)
    assert (books.account(member).available, books.account(member).pending) == (100, 0)
    books.check()


def test_spending_takes_the_earliest_expiry_first_and_what_never_expires_last() -> None:
    books = Books()
    member = books.open()
    for days in (None, 20, 10):
        books.sell(member, {1: 100}, expires_in_days=days)
    books.sell(member, {}, redeem=150)
    assert sorted((lot.expires_at is None, lot.remaining) for lot in books.lots_of(member)) == [
        (False, 0),
        (False, 50),
        (True, 100),
    ]
    books.check()


def test_l8_a_redemption_takes_no_more_than_is_available() -> None:
    books = Books()
    member = books.open()
    books.sell(member, {1: 100})
    books.sell(member, {1: 50}, active_in_days=1)
    assert books.sell(member, {}, redeem=120).redeemed == 100
    assert books.account(member).available == 0
    books.check()


def test_l1_an_account_that_promises_more_than_its_lots_hold_is_an_error() -> None:
    """Nothing is redeemed that no lot answers for, whatever the caller says of the account."""
    books = Books()
    member = books.open()
    books.sell(member, {1: 100})
    books.accounts[member] = replace(books.accounts[member], balance=150)
    with pytest.raises(ValueError, match="hold 100 points of 150"):
        books.sell(member, {}, redeem=150)


def test_a_sale_cannot_be_paid_with_the_points_it_gives() -> None:
    books = Books()
    assert books.sell(books.open(), {1: 100}, redeem=100).redeemed == 0


def test_an_expired_lot_is_unspendable_before_any_job_runs_and_balances_read_the_same_after_it() -> None:
    books = Books()
    member = books.open()
    books.sell(member, {1: 100}, expires_in_days=10)
    books.sell(member, {1: 30})
    books.advance(10)
    before = books.account(member)
    assert (before.available, before.current_balance, before.balance) == (30, 30, 130)
    books.post_expiries()
    after = books.account(member)
    assert (after.available, after.current_balance, after.balance) == (30, 30, 30)
    (expiry,) = [entry for entry in books.entries.values() if entry.kind is EntryKind.EXPIRE]
    assert expiry.occurred_at == books.now, "dated when it expired"
    books.check()


def test_expiries_posted_twice_move_nothing_the_second_time() -> None:
    books = Books()
    member = books.open()
    books.sell(member, {1: 100}, expires_in_days=10)
    books.advance(11)
    books.post_expiries()
    entries = len(books.entries)
    books.post_expiries()
    assert len(books.entries) == entries


def test_a_clawback_takes_the_sales_own_points_first() -> None:
    books = Books()
    member = books.open()
    other = books.sell(member, {1: 100}, expires_in_days=1)
    sold = books.sell(member, {1: 100}, expires_in_days=20)
    posted = books.take_back(sold, {1: LINE_MINOR})
    assert (posted.clawed_back, posted.shortfall) == (100, 0)
    remaining = {lot.sale_id: lot.remaining for lot in books.lots_of(member)}
    assert remaining == {other.sale_id: 100, sold.sale_id: 0}
    books.check()


@pytest.mark.parametrize(
    ("policy", "clawed_back", "shortfall", "owed", "available", "pending"),
    [
        pytest.param(ReturnPolicy.ALLOW_NEGATIVE, 100, 0, 40, 0, 25, id="what is not there is owed"),
        pytest.param(ReturnPolicy.WITHIN_BALANCE, 85, 15, 0, 0, 0, id="the whole balance, pending points too"),
        pytest.param(ReturnPolicy.ONLY_PENDING, 0, 100, 0, 60, 25, id="active points are the member's"),
    ],
)
def test_what_a_clawback_may_take_when_its_points_are_spent(
    policy: ReturnPolicy, clawed_back: int, shortfall: int, owed: int, available: int, pending: int
) -> None:
    books = Books(policy=policy)
    member = books.open()
    sold = books.sell(member, {1: 100})
    books.sell(member, {1: 60}, redeem=100)
    books.sell(member, {1: 25}, active_in_days=5)
    posted = books.take_back(sold, {1: LINE_MINOR})
    account = books.account(member)
    assert (posted.clawed_back, posted.shortfall) == (clawed_back, shortfall)
    assert (account.owed, account.available, account.pending) == (owed, available, pending)
    books.check()


def test_only_pending_takes_back_what_is_pending_still() -> None:
    books = Books(policy=ReturnPolicy.ONLY_PENDING)
    member = books.open()
    sold = books.sell(member, {1: 100}, active_in_days=14)
    posted = books.take_back(sold, {1: LINE_MINOR // 2})
    books.advance(14)
    late = books.take_back(sold, {1: LINE_MINOR // 2})
    assert (posted.clawed_back, late.clawed_back, late.shortfall) == (50, 0, 50)
    assert books.account(member).available == 50
    books.check()


def in_debt() -> Books:
    """One member who spent 100 points, and then returned what had given them."""
    books = Books()
    member = books.open()
    sold = books.sell(member, {1: 100})
    books.sell(member, {}, redeem=100)
    books.take_back(sold, {1: LINE_MINOR})
    assert books.account(member).owed == 100
    return books


def test_the_next_earnings_pay_a_debt_first() -> None:
    books = in_debt()
    (member,) = books.accounts
    books.sell(member, {1: 60, 2: 70})
    account = books.account(member)
    assert (account.balance, account.owed, account.available) == (30, 0, 30)
    books.check()


def test_l8_nothing_is_redeemed_in_debt() -> None:
    books = in_debt()
    (member,) = books.accounts
    books.sell(member, {1: 60})
    assert books.sell(member, {}, redeem=10).redeemed == 0
    books.check()


def test_pending_points_pay_a_debt_once_they_are_active_without_any_posting() -> None:
    books = in_debt()
    (member,) = books.accounts
    books.sell(member, {1: 130}, active_in_days=14)
    assert (books.account(member).owed, books.account(member).pending) == (100, 130)
    books.advance(14)
    assert (books.account(member).owed, books.account(member).available) == (0, 30)
    assert books.sell(member, {}, redeem=100).redeemed == 30
    books.check()


def test_points_that_had_to_pay_a_debt_did_not_expire() -> None:
    books = in_debt()
    (member,) = books.accounts
    books.sell(member, {1: 130}, active_in_days=1, expires_in_days=10)
    books.advance(10)
    before = books.account(member)
    books.post_expiries()
    after = books.account(member)
    assert (before.owed, before.current_balance) == (after.owed, after.current_balance) == (0, 0)
    breakage = sum(-e.member_points for e in books.entries.values() if LedgerAccount.BREAKAGE in (e.debit, e.credit))
    assert breakage == 30
    books.check()


def test_a_refund_goes_back_to_the_lots_it_came_from_the_last_to_expire_first() -> None:
    books = Books()
    member = books.open()
    early = books.sell(member, {1: 100}, expires_in_days=10)
    late = books.sell(member, {1: 100}, expires_in_days=20)
    paid = books.sell(member, {}, redeem=150)
    books.take_back(paid, {}, give_back=70)
    remaining = {lot.sale_id: lot.remaining for lot in books.lots_of(member)}
    assert remaining == {early.sale_id: 20, late.sale_id: 100}
    books.check()


def test_a_refund_to_a_lot_that_has_expired_can_be_spent_in_the_grace_period() -> None:
    books = Books()
    member = books.open()
    books.sell(member, {1: 100}, expires_in_days=10)
    paid = books.sell(member, {}, redeem=60)
    books.advance(15)
    books.take_back(paid, {}, give_back=60, grace_days=30)
    account = books.account(member)
    assert (account.available, account.balance) == (60, 60), "what was left when the lot expired does not come back"
    books.check()
    books.advance(30)
    assert books.account(member).available == 0
    books.post_expiries()
    assert books.account(member).balance == 0
    books.check()


def test_without_a_grace_period_a_refund_to_an_expired_lot_is_gone_at_once() -> None:
    books = Books()
    member = books.open()
    books.sell(member, {1: 100}, expires_in_days=10)
    paid = books.sell(member, {}, redeem=60)
    books.advance(15)
    books.take_back(paid, {}, give_back=60)
    books.post_expiries()
    assert (books.account(member).available, books.account(member).balance) == (0, 0)
    books.check()


def test_a_refund_pays_for_the_clawback_of_the_same_return() -> None:
    books = Books()
    member = books.open()
    books.sell(member, {1: 100})
    sold = books.sell(member, {1: 40}, redeem=100)
    books.sell(member, {}, redeem=40)
    posted = books.take_back(sold, {1: LINE_MINOR}, give_back=100)
    assert (posted.given_back, posted.clawed_back) == (100, 40)
    assert (books.account(member).available, books.account(member).debt) == (60, 0)
    books.check()


def test_a_refund_of_more_than_was_redeemed_is_an_error() -> None:
    books = Books()
    member = books.open()
    books.sell(member, {1: 100})
    paid = books.sell(member, {}, redeem=60)
    books.take_back(paid, {}, give_back=50)
    with pytest.raises(ValueError, match="more than its sale redeemed"):
        books.take_back(paid, {}, give_back=11)


def test_what_expired_unspent_is_not_clawed_back_from_other_points() -> None:
    books = Books()
    member = books.open()
    sold = books.sell(member, {1: 100}, expires_in_days=10)
    books.sell(member, {1: 500}, redeem=30)
    books.advance(10)
    posted = books.take_back(sold, {1: LINE_MINOR})
    assert (posted.clawed_back, posted.lapsed, posted.shortfall) == (30, 70, 0)
    assert books.account(member).available == 470
    books.check()


def test_an_adjustment_gives_points_that_pay_a_debt_first() -> None:
    books = in_debt()
    (member,) = books.accounts
    books.adjust(member, 130)
    assert (books.account(member).available, books.account(member).debt) == (30, 0)
    assert books.account(member).lifetime_earned == 0, "given, not earned"
    books.check()


def test_an_adjustment_takes_points_as_spending_does_and_pending_ones_last() -> None:
    books = Books()
    member = books.open()
    pending = books.sell(member, {1: 100}, active_in_days=5, expires_in_days=6)
    active = books.sell(member, {1: 100}, expires_in_days=20)
    books.adjust(member, -130)
    remaining = {lot.sale_id: lot.remaining for lot in books.lots_of(member)}
    assert remaining == {pending.sale_id: 70, active.sale_id: 0}
    books.check()


def test_an_adjustment_takes_no_more_than_there_is() -> None:
    books = Books()
    member = books.open()
    books.sell(member, {1: 100})
    with pytest.raises(NotEnoughPoints) as refusal:
        books.adjust(member, -101)
    assert refusal.value.available_points == 100


def test_a_merge_moves_points_with_their_expiry_and_source_in_pairs() -> None:
    books = Books()
    loser, winner = books.open(), books.open()
    sold = books.sell(loser, {1: 100}, expires_in_days=10, active_in_days=1)
    books.sell(winner, {1: 5})
    before = {lot.lot_id: (lot.remaining, lot.sale_id, lot.expires_at, lot.activates_at) for lot in books.lots.values()}
    books.merge(loser, winner)
    after = {lot.lot_id: (lot.remaining, lot.sale_id, lot.expires_at, lot.activates_at) for lot in books.lots.values()}
    assert after == before
    assert {lot.membership for lot in books.lots.values()} == {winner}
    account = books.account(winner)
    assert (account.balance, account.pending, account.lifetime_earned) == (105, 100, 105)
    assert (books.account(loser).balance, books.account(loser).lifetime_earned) == (0, 0)
    transfers = [entry for entry in books.entries.values() if entry.kind is EntryKind.TRANSFER]
    assert sorted(entry.member_points for entry in transfers) == [-100, 100]
    books.check()
    sold.membership = winner
    assert books.take_back(sold, {1: LINE_MINOR}).clawed_back == 100
    books.check()


def test_a_merge_lets_the_points_of_one_pay_the_debt_of_the_other() -> None:
    books = in_debt()
    (indebted,) = books.accounts
    rich = books.open()
    books.sell(rich, {1: 150})
    books.merge(indebted, rich)
    assert (books.account(rich).available, books.account(rich).debt) == (50, 0)
    assert (books.account(indebted).balance, books.account(indebted).debt) == (0, 0)
    books.check()


def test_a_refund_after_a_merge_reaches_the_winner() -> None:
    books = Books()
    loser, winner = books.open(), books.open()
    books.sell(loser, {1: 100})
    paid = books.sell(loser, {}, redeem=100)
    books.merge(loser, winner)
    paid.membership = winner
    books.take_back(paid, {}, give_back=100)
    assert books.account(winner).available == 100
    books.check()


def test_a_posting_never_touches_points_of_another_member() -> None:
    books = Books()
    owner, stranger = books.open(), books.open()
    books.sell(owner, {1: 100})
    paid = books.sell(owner, {}, redeem=40)
    paid.membership = stranger
    with pytest.raises(ValueError, match="another member"):
        books.take_back(paid, {}, give_back=40)


def test_the_life_of_a_lot() -> None:
    """PENDING → AVAILABLE → SPENT | EXPIRED, any → REVERSED; a refund brings SPENT back."""
    books = Books()
    member = books.open()
    states: list[LotState] = []

    def note() -> None:
        (lot,) = books.lots_of(member)
        states.append(lot_state(lot, books.now))

    sold = books.sell(member, {1: 100}, active_in_days=1, expires_in_days=10)
    note()
    books.advance(1)
    note()
    paid = books.sell(member, {}, redeem=100)
    note()
    books.take_back(paid, {}, give_back=100)
    note()
    books.advance(9)
    note()
    books.take_back(sold, {1: LINE_MINOR})
    note()
    assert states == [
        LotState.PENDING,
        LotState.AVAILABLE,
        LotState.SPENT,
        LotState.AVAILABLE,
        LotState.EXPIRED,
        LotState.REVERSED,
    ]


def test_what_a_campaign_gives_is_booked_under_its_revision_and_comes_back_with_its_line() -> None:
    books = Books()
    member = books.open()
    bonus = LineAward(1, "ANNIVERSARY/BRAND-DAY", 900, "campaign:ANNIVERSARY:3")
    sold = books.sell(member, {1: 100}, more=(bonus,))
    booked = {(entry.kind, entry.cause_item, entry.cause_revision, entry.points) for entry in books.entries.values()}
    assert booked == {
        (EntryKind.EARN, "1/BASE", "1", 100),
        (EntryKind.BONUS, "1/ANNIVERSARY/BRAND-DAY", "campaign:ANNIVERSARY:3", bonus.points),
    }
    assert {(lot.rule, lot.revision) for lot in books.lots_of(member)} == {
        ("BASE", "1"),
        ("ANNIVERSARY/BRAND-DAY", "campaign:ANNIVERSARY:3"),
    }
    books.check()
    assert [books.take_back(sold, {1: minor}).clawed_back for minor in (LINE_MINOR // 2, LINE_MINOR // 2)] == [500, 500]
    assert (books.account(member).available, books.account(member).lifetime_earned) == (0, 0)
    books.check()
