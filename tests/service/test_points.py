"""The ledger's use cases on real PostgreSQL: what is written, in how many round trips, and what is refused."""

from datetime import timedelta

import pytest

from membership.kernel.ids import new_id
from membership.points import service, store
from membership.points.errors import AlreadyPosted, NotEnoughPoints
from membership.points.model import EntryKind, HoldId
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.model import ReturnPolicy
from support.clock import StoppedClock
from support.ledger import ACTOR, LINE_MINOR, LedgerDesk, open_ledger


@pytest.fixture
async def ledger(database: Database, conn: Conn, clock: StoppedClock) -> LedgerDesk:
    return await open_ledger(database, conn, clock)


async def test_a_sale_earns_a_lot_per_award(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    sold = await ledger.sell(member, {1: 70, 3: 30}, active_in_days=14, expires_in_days=365)
    assert (sold.posted.earned, sold.posted.available, sold.posted.pending) == (100, 0, 100)
    assert await ledger.account(member) == sold.posted.account
    lots = await store.list_lots_of_lines(ledger.conn, sold.sale_id, [1, 3])
    assert [(lot.line_no, lot.points, lot.remaining) for lot in lots] == [(1, 70, 70), (3, 30, 30)]
    assert {lot.expires_at for lot in lots} == {ledger.now + timedelta(days=365)}
    await ledger.check()


@pytest.mark.parametrize("lines", [1, 30])
async def test_a_sale_without_redemption_is_one_statement(
    ledger: LedgerDesk, statements: list[str], lines: int
) -> None:
    member = await ledger.join()
    async with ledger.locked(member) as tx:
        posting = await ledger.sale_posting(tx, member, dict.fromkeys(range(1, lines + 1), 5))
        statements.clear()
        await service.post_sale(tx, member, posting)
        assert len(statements) == 1


@pytest.mark.parametrize("lines", [1, 30])
async def test_a_sale_with_redemption_is_two_statements(ledger: LedgerDesk, statements: list[str], lines: int) -> None:
    member = await ledger.join()
    for _ in range(5):
        await ledger.sell(member, {1: 10})
    async with ledger.locked(member) as tx:
        posting = await ledger.sale_posting(tx, member, dict.fromkeys(range(1, lines + 1), 5), redeem=45)
        statements.clear()
        await service.post_sale(tx, member, posting)
        assert len(statements) == 2
    await ledger.check()


async def test_redemption_takes_the_earliest_expiry_first(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    for days in (None, 20, 10):
        await ledger.sell(member, {1: 100}, expires_in_days=days)
    posted = (await ledger.sell(member, {}, redeem=150)).posted
    assert (posted.redeemed, posted.available) == (150, 150)
    left = await store.list_lots_with_points(ledger.conn, member)
    assert sorted((lot.expires_at is None, lot.remaining) for lot in left) == [(False, 50), (True, 100)]
    await ledger.check()


async def test_l8_redemption_stops_at_what_is_available_beside_other_holds(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    await ledger.sell(member, {1: 50}, active_in_days=1)
    await ledger.hold(member, 30)
    assert (await ledger.sell(member, {}, redeem=100)).posted.redeemed == 70
    await ledger.check()


async def test_l8_nothing_is_redeemed_in_debt(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    sold = await ledger.sell(member, {1: 100})
    await ledger.sell(member, {}, redeem=100)
    await ledger.take_back(sold, {1: LINE_MINOR})
    posted = (await ledger.sell(member, {1: 60}, redeem=10)).posted
    assert (posted.redeemed, posted.account.owed, posted.available) == (0, 40, 0)
    await ledger.check()


async def test_l8_points_that_became_active_pay_a_debt_before_they_can_be_spent(
    ledger: LedgerDesk, clock: StoppedClock
) -> None:
    """Nothing was posted in between: the clock alone settles it."""
    member = await ledger.join()
    sold = await ledger.sell(member, {1: 100})
    await ledger.sell(member, {1: 130}, redeem=100, active_in_days=3, expires_in_days=9)
    await ledger.take_back(sold, {1: LINE_MINOR})
    assert ((await ledger.account(member)).owed, (await ledger.account(member)).pending) == (100, 130)
    clock.advance(timedelta(days=3))
    assert ((await ledger.account(member)).owed, (await ledger.account(member)).available) == (0, 30)
    with pytest.raises(NotEnoughPoints):
        await ledger.hold(member, 31)
    assert (await ledger.sell(member, {}, redeem=50)).posted.redeemed == 30
    clock.advance(timedelta(days=6))
    assert await ledger.post_expiries() == 1
    account = await ledger.account(member)
    assert (account.balance, account.debt, account.owed) == (0, 0, 0)
    await ledger.check()


async def test_a_hold_sets_points_aside_until_it_lapses(ledger: LedgerDesk, clock: StoppedClock) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    await ledger.hold(member, 80)
    assert ((await ledger.account(member)).available, (await ledger.account(member)).held) == (20, 80)
    with pytest.raises(NotEnoughPoints) as refusal:
        await ledger.hold(member, 21)
    assert refusal.value.available_points == 20
    clock.advance(timedelta(seconds=120))
    assert ((await ledger.account(member)).available, (await ledger.account(member)).held) == (100, 0)
    await ledger.hold(member, 100)


async def test_a_hold_is_renewed_beside_itself(ledger: LedgerDesk, clock: StoppedClock) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    hold_id = await ledger.hold(member, 100)
    clock.advance(timedelta(seconds=100))
    async with ledger.locked(member) as tx:
        await service.hold(tx, member, hold_id, points=100, expires_at=ledger.now + timedelta(seconds=120))
    clock.advance(timedelta(seconds=100))
    assert (await ledger.account(member)).held == 100


async def test_a_hold_that_ended_is_never_renewed(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    hold_id = await ledger.hold(member, 60)
    await ledger.sell(member, {}, redeem=60, hold_id=hold_id)
    with pytest.raises(ValueError, match="has ended"):
        async with ledger.locked(member) as tx:
            await service.hold(tx, member, hold_id, points=40, expires_at=ledger.now + timedelta(seconds=120))


async def test_letting_go_of_a_hold_frees_its_points(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    hold_id = await ledger.hold(member, 60)
    async with ledger.locked(member) as tx:
        await service.end_hold(tx, hold_id)
    assert (await ledger.account(member)).available == 100


async def test_a_commit_spends_what_its_own_hold_set_aside_and_ends_it(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    hold_id = await ledger.hold(member, 100)
    posted = (await ledger.sell(member, {}, redeem=100, hold_id=hold_id)).posted
    assert (posted.redeemed, posted.account.held) == (100, 0)
    assert (await ledger.account(member)) == posted.account
    await ledger.check()


async def test_points_that_expire_under_a_live_hold_can_still_be_spent_by_it(
    ledger: LedgerDesk, clock: StoppedClock
) -> None:
    """Quote, then commit within the reservation, gives the same numbers, over midnight too."""
    member = await ledger.join()
    await ledger.sell(member, {1: 100}, expires_in_days=1)
    clock.advance(timedelta(days=1, seconds=-60))
    hold_id = await ledger.hold(member, 100)
    clock.advance(timedelta(seconds=90))
    assert await ledger.post_expiries() == 0, "left alone while a quote may spend it"
    assert (await ledger.sell(member, {}, redeem=100)).posted.redeemed == 0, "not for another quote"
    assert (await ledger.sell(member, {}, redeem=100, hold_id=hold_id)).posted.redeemed == 100
    await ledger.check()


async def test_what_a_lapsed_hold_had_set_aside_expires(ledger: LedgerDesk, clock: StoppedClock) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100}, expires_in_days=1)
    clock.advance(timedelta(days=1, seconds=-60))
    hold_id = await ledger.hold(member, 100)
    clock.advance(timedelta(seconds=180))
    assert (await ledger.sell(member, {}, redeem=100, hold_id=hold_id)).posted.redeemed == 0
    assert await ledger.post_expiries() == 1
    await ledger.check()


async def test_l2_a_repeated_sale_is_refused_and_moves_nothing(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    sold = await ledger.sell(member, {1: 100})
    before = await ledger.account(member)
    with pytest.raises(AlreadyPosted):
        await ledger.sell(member, {1: 100}, sale_id=sold.sale_id)
    assert await ledger.account(member) == before
    await ledger.check()


async def test_a_posting_decided_on_an_account_that_moved_is_not_written(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    async with ledger.locked(member) as tx:
        stale = await ledger.sale_posting(tx, member, {1: 5})
    await ledger.sell(member, {1: 10})
    with pytest.raises(store.LedgerMoved):
        async with ledger.locked(member) as tx:
            await service.post_sale(tx, member, stale)
    assert (await ledger.account(member)).balance == 110
    await ledger.check()


async def test_a_return_gives_back_and_claws_back(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100}, expires_in_days=30)
    sold = await ledger.sell(member, {1: 40, 2: 60}, redeem=80)
    posted = await ledger.take_back(sold, {1: LINE_MINOR, 2: LINE_MINOR // 2}, give_back=50)
    assert (posted.given_back, dict(posted.clawed_back_by_line), posted.shortfall) == (50, {1: 40, 2: 30}, 0)
    assert await ledger.account(member) == posted.account
    assert (posted.account.balance, posted.account.lifetime_earned) == (100, 130)
    await ledger.check()


@pytest.mark.parametrize(
    ("policy", "shortfall", "owed", "balance"),
    [
        (ReturnPolicy.ALLOW_NEGATIVE, 0, 70, -70),
        (ReturnPolicy.WITHIN_BALANCE, 70, 0, 0),
        (ReturnPolicy.ONLY_PENDING, 100, 0, 30),
    ],
)
async def test_what_cannot_be_clawed_back_is_owed_or_recorded(
    ledger: LedgerDesk, policy: ReturnPolicy, shortfall: int, owed: int, balance: int
) -> None:
    ledger.policy = policy
    member = await ledger.join()
    sold = await ledger.sell(member, {1: 100})
    await ledger.sell(member, {1: 30}, redeem=100)
    posted = await ledger.take_back(sold, {1: LINE_MINOR})
    assert (posted.shortfall, posted.account.owed, posted.account.balance) == (shortfall, owed, balance)
    assert await ledger.account(member) == posted.account
    await ledger.check()


async def test_l2_a_repeated_return_is_refused_and_moves_nothing(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    sold = await ledger.sell(member, {1: 50}, redeem=60)
    return_id = new_id()
    await ledger.take_back(sold, {1: LINE_MINOR // 2}, give_back=20, return_id=return_id)
    before = await ledger.account(member)
    with pytest.raises(AlreadyPosted):
        await ledger.take_back(sold, {1: LINE_MINOR // 2}, give_back=20, return_id=return_id)
    assert await ledger.account(member) == before
    await ledger.check()


async def test_l5_what_came_back_already_is_undone_once(ledger: LedgerDesk, conn: Conn) -> None:
    """Lots know what was undone of them, so the same cumulative amount undoes nothing more."""
    member = await ledger.join()
    sold = await ledger.sell(member, {1: 100})
    await ledger.take_back(sold, {1: LINE_MINOR})
    sold.returned_minor.clear()
    repeated = await ledger.take_back(sold, {1: LINE_MINOR})
    assert (repeated.clawed_back, repeated.account.balance) == (0, 0)
    assert await conn.fetchval("SELECT count(*) FROM points.entries WHERE kind = 'REVERSE'") == 1


async def test_a_refund_to_an_expired_lot_lives_on_for_the_grace_period(
    ledger: LedgerDesk, clock: StoppedClock
) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100}, expires_in_days=10)
    paid = await ledger.sell(member, {}, redeem=60)
    clock.advance(timedelta(days=15))
    posted = await ledger.take_back(paid, {}, give_back=60, grace_days=30)
    assert posted.account.available == 60
    assert await ledger.account(member) == posted.account
    clock.advance(timedelta(days=30))
    assert (await ledger.account(member)).available == 0
    assert await ledger.post_expiries() == 1
    assert (await ledger.account(member)).balance == 0
    await ledger.check()


async def test_expiries_are_posted_in_batches_dated_when_they_happened(
    ledger: LedgerDesk, conn: Conn, clock: StoppedClock
) -> None:
    members = [await ledger.join() for _ in range(3)]
    for days, member in enumerate(members, start=1):
        await ledger.sell(member, {1: 10 * days}, expires_in_days=days)
    start = ledger.now
    clock.advance(timedelta(days=30))
    before = [(await ledger.account(member)).current_balance for member in members]
    assert [await ledger.post_expiries(limit=2) for _ in range(3)] == [2, 1, 0]
    assert [(await ledger.account(member)).current_balance for member in members] == before == [0, 0, 0]
    rows = await conn.fetch(
        """
        SELECT points, occurred_at - $1 AS after, recorded_at FROM points.entries
        WHERE kind = 'EXPIRE' ORDER BY points
        """,
        start,
    )
    assert [(row["points"], row["after"].days) for row in rows] == [(10, 1), (20, 2), (30, 3)]
    assert {row["recorded_at"] for row in rows} == {ledger.now}
    events = await conn.fetch("SELECT ordering_key FROM platform.outbox WHERE name = 'points.expired'")
    assert {event["ordering_key"] for event in events} == {member.member_id for member in members}
    await ledger.check()


async def test_a_batch_of_expiries_is_a_fixed_number_of_statements(
    ledger: LedgerDesk, statements: list[str], clock: StoppedClock
) -> None:
    counts = []
    for members in (1, 12):
        for _ in range(members):
            await ledger.sell(await ledger.join(), {1: 5, 2: 5}, expires_in_days=1)
        clock.advance(timedelta(days=2))
        statements.clear()
        assert await ledger.post_expiries() == 2 * members
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_a_merge_moves_lots_holds_and_debts(ledger: LedgerDesk, clock: StoppedClock) -> None:
    loser, winner = await ledger.join(), await ledger.join()
    await ledger.sell(loser, {1: 100}, expires_in_days=10)
    await ledger.sell(loser, {1: 7}, expires_in_days=1)
    await ledger.sell(winner, {1: 20})
    clock.advance(timedelta(days=2))
    await ledger.hold(loser, 40)
    await ledger.merge(loser, winner)
    account = await ledger.account(winner)
    assert (account.available, account.held, account.balance, account.lifetime_earned) == (80, 40, 120, 127)
    assert (await ledger.account(loser)).balance == 0
    entries = await store.list_entries(ledger.conn, winner, before=None, limit=10)
    assert [recorded.entry.kind for recorded in entries][:1] == [EntryKind.TRANSFER]
    await ledger.check()


async def test_a_loser_s_late_return_reaches_the_winner(ledger: LedgerDesk) -> None:
    loser, winner = await ledger.join(), await ledger.join()
    sold = await ledger.sell(loser, {1: 100})
    paid = await ledger.sell(loser, {}, redeem=60)
    await ledger.merge(loser, winner)
    sold.membership = paid.membership = winner
    assert (await ledger.take_back(paid, {}, give_back=60)).account.balance == 100
    assert (await ledger.take_back(sold, {1: LINE_MINOR})).account.balance == 0
    await ledger.check()


async def test_a_sale_that_moves_no_points_writes_nothing(ledger: LedgerDesk, statements: list[str]) -> None:
    member = await ledger.join()
    async with ledger.locked(member) as tx:
        posting = await ledger.sale_posting(tx, member, {1: 0})
        statements.clear()
        posted = await service.post_sale(tx, member, posting)
        assert (statements, posted.account) == ([], posting.account)


async def test_a_hold_of_another_member_is_not_overwritten(ledger: LedgerDesk) -> None:
    mine, theirs = await ledger.join(), await ledger.join()
    for member in (mine, theirs):
        await ledger.sell(member, {1: 100})
    hold_id = await ledger.hold(mine, 50)
    with pytest.raises(ValueError, match="another member"):
        async with ledger.locked(theirs) as tx:
            await service.hold(tx, theirs, hold_id, points=50, expires_at=ledger.now + timedelta(seconds=120))
    assert (await ledger.account(mine)).held == 50


async def test_an_unknown_hold_ends_quietly(ledger: LedgerDesk) -> None:
    async with ledger.database.engine(ACTOR, ledger.now) as tx:
        await service.end_hold(tx, HoldId(new_id()))
    assert await ledger.conn.fetchval("SELECT count(*) FROM points.holds") == 0
