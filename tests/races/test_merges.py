"""Merges beside merges, and beside what members and tills do meanwhile."""

import asyncio
from collections.abc import Awaitable
from itertools import permutations
from typing import TypeVar

import pytest

from membership.accounts.context import AccountWorkings
from membership.accounts.enrolment import enrol
from membership.accounts.errors import MemberAlreadyMerged
from membership.accounts.merge import merge, take_over
from membership.accounts.model import Enrol, Enrolled, Merged, MergeMembers
from membership.cards.model import ByCardNumber
from membership.kernel.ids import new_id
from membership.members import store as member_store
from membership.members.errors import MemberBeingMerged
from membership.members.keyring import Keyring
from membership.members.model import MemberId
from membership.members.service import lock_membership
from membership.points import service as points_service
from membership.points import store as points
from membership.points.model import LineAward, SalePosting
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.receipts.errors import SaleChangedMeanwhile
from support.blocked import until_blocked
from support.clock import StoppedClock
from support.people import CONSENT, KEYRING, account_workings, join, member_of, services_of
from support.till_world import TillWorld, open_world, quote_id_of, sale_id_of

Result = TypeVar("Result")


@pytest.fixture
def keyring() -> Keyring:

    return KEYRING


@pytest.fixture
async def till(conn: Conn, database: Database, clock: StoppedClock, keyring: Keyring) -> TillWorld:
    return await open_world(conn, database, clock, keyring)


@pytest.fixture
def workings(till: TillWorld, database: Database, keyring: Keyring) -> AccountWorkings:
    return account_workings(database, keyring)


@pytest.fixture
async def first(till: TillWorld, workings: AccountWorkings) -> Enrolled:
    return await join(workings, till.store, now=till.now)


@pytest.fixture
async def second(till: TillWorld, workings: AccountWorkings) -> Enrolled:
    return await join(workings, till.store, now=till.now)


def id_of(enrolled: Enrolled) -> MemberId:
    return enrolled.membership.key.member_id


async def outcome(work: Awaitable[Result]) -> Result | Exception:
    try:
        return await work
    except Exception as error:
        return error


def merging(
    workings: AccountWorkings, till: TillWorld, winner: MemberId, loser: MemberId
) -> "asyncio.Task[Merged | Exception]":
    command = MergeMembers(str(new_id()), winner, loser)
    return asyncio.create_task(outcome(merge(workings, services_of(till.store), till.now, command)))


async def until_blocked_elsewhere(database: Database, *, count: int) -> None:
    """As `until_blocked`, on a connection that holds no lock itself."""
    async with database.pool.acquire() as watcher:
        await until_blocked(watcher, count=count)


async def test_of_merge_a_b_and_merge_b_a_one_takes_place_and_the_other_is_refused(
    conn: Conn, till: TillWorld, workings: AccountWorkings, first: Enrolled, second: Enrolled
) -> None:
    """Both want both people; were each to lock its winner first, they would wait for each other."""
    people = [id_of(first), id_of(second)]
    async with conn.transaction():
        await member_store.lock_members(conn, [min(people)], keyring=workings.keyring)
        both = [merging(workings, till, *people), merging(workings, till, *reversed(people))]
        await until_blocked_elsewhere(workings.database, count=2)
    outcomes = await asyncio.gather(*both)
    assert [type(entry) for entry in outcomes if isinstance(entry, Exception)] == [MemberAlreadyMerged]
    (done,) = [entry for entry in outcomes if isinstance(entry, Merged)]
    pointers = await conn.fetch("SELECT member_id, merged_into FROM members.members WHERE merged_into IS NOT NULL")
    assert [tuple(row) for row in pointers] == [(done.loser_id, done.winner_id)]


async def test_merges_of_three_in_every_direction_leave_one_member_and_all_points(
    conn: Conn, till: TillWorld, workings: AccountWorkings, first: Enrolled, second: Enrolled
) -> None:
    third = await join(workings, till.store, now=till.now)
    everybody = [first, second, third]
    for entry in everybody:
        await till.sell(1_000_00, member=ByCardNumber(entry.card.number))
    tasks = [merging(workings, till, id_of(one), id_of(other)) for one, other in permutations(everybody, 2)]
    outcomes = await asyncio.gather(*tasks)
    assert {type(entry) for entry in outcomes} == {Merged, MemberAlreadyMerged}
    merged = [entry for entry in outcomes if isinstance(entry, Merged)]
    currents = {await member_store.find_current_member(conn, id_of(entry)) for entry in everybody}
    assert (len(merged), len(currents)) == (2, 1)
    (last,) = currents
    balances = await conn.fetch("SELECT member_id, balance FROM points.accounts WHERE balance <> 0")
    assert {row["member_id"]: row["balance"] for row in balances} == {last: 3_000}


async def test_a_sale_that_waits_while_its_member_is_merged_lands_on_the_winner(
    conn: Conn, till: TillWorld, workings: AccountWorkings, first: Enrolled, second: Enrolled
) -> None:
    card = ByCardNumber(second.card.number)
    async with workings.database.engine(services_of(till.store), till.now) as tx:
        await take_over(workings, tx, MergeMembers("1", id_of(first), id_of(second)))
        selling = asyncio.create_task(till.sell(1_000_00, member=card))
        await until_blocked(conn)
    answer = await selling
    assert answer.member is not None
    assert answer.member.member_id == id_of(first)
    balances = await conn.fetch("SELECT member_id, balance FROM points.accounts WHERE balance <> 0")
    assert {row["member_id"]: row["balance"] for row in balances} == {id_of(first): 1_000}


async def test_a_merge_that_waits_for_a_sale_takes_its_points_along(
    conn: Conn, till: TillWorld, workings: AccountWorkings, first: Enrolled, second: Enrolled
) -> None:
    """It must not read the loser's account before it has the lock: the sale would be left behind."""
    loser = second.membership.key
    async with workings.database.engine(till.actor, till.now) as tx:
        await lock_membership(tx.conn, loser)
        merge_task = merging(workings, till, id_of(first), id_of(second))
        await until_blocked(conn)
        posting = SalePosting(
            sale_id=new_id(),
            business_date=till.now.date(),
            occurred_at=till.now,
            revision="terms:1",
            awards=(LineAward(1, "BASE", 1_000),),
            activates_at=till.now,
            expires_at=None,
            redeem_points=0,
            hold_id=None,
            account=await points_service.get_account(tx, loser),
        )
        await points_service.post_sale(tx, loser, posting)
    assert isinstance(await merge_task, Merged)
    assert (await points.get_account(conn, first.membership.key, till.now)).balance == 1_000
    assert (await points.get_account(conn, loser, till.now)).balance == 0


async def test_a_quoted_sale_that_waits_while_its_member_is_merged_lands_on_the_winner(
    conn: Conn, till: TillWorld, workings: AccountWorkings, first: Enrolled, second: Enrolled
) -> None:
    """And under the winner's lock: a sale of theirs at the same moment makes it wait again."""
    quoted = await till.quote(till.basket(1_000_00), member=ByCardNumber(second.card.number))
    command = till.commit_of(till.basket(1_000_00))
    winner = first.membership.key
    async with workings.database.engine(services_of(till.store), till.now) as other:
        async with workings.database.engine(services_of(till.store), till.now) as tx:
            await take_over(workings, tx, MergeMembers("1", id_of(first), id_of(second)))
            selling = asyncio.create_task(till.commit_quoted(command, quote_id_of(quoted)))
            await until_blocked(conn)
            waiting = asyncio.create_task(lock_membership(other.conn, winner))
            await until_blocked(conn, count=2)
        await waiting
        await until_blocked(conn)
    answer = await selling
    assert answer.exceptions == ()
    assert answer.member is not None
    assert answer.member.member_id == id_of(first)


async def test_a_return_that_waits_while_its_member_is_merged_is_taken_from_the_winner_when_asked_again(
    conn: Conn, till: TillWorld, workings: AccountWorkings, first: Enrolled, second: Enrolled
) -> None:
    sale = await till.sell(1_000_00, member=ByCardNumber(second.card.number))
    async with workings.database.engine(services_of(till.store), till.now) as tx:
        await take_over(workings, tx, MergeMembers("1", id_of(first), id_of(second)))
        returning = asyncio.create_task(outcome(till.take_back(sale_id_of(sale), (1, 1))))
        await until_blocked(conn)
    refused = await returning
    assert isinstance(refused, SaleChangedMeanwhile)
    assert refused.retryable
    answer = await till.take_back(sale_id_of(sale), (1, 1))
    assert (answer.points_clawed_back, answer.points_shortfall) == (1_000, 0)
    account = await points.get_account(conn, first.membership.key, till.now)
    assert (account.balance, account.debt) == (0, 0)


async def test_a_member_who_joins_a_programme_while_they_are_merged_is_asked_to_try_again(
    conn: Conn, till: TillWorld, workings: AccountWorkings, first: Enrolled, second: Enrolled
) -> None:
    """Were the person not locked, the loser would get a membership that no merge knows of."""
    command = Enrol(str(new_id()), till.world.hangang.store_id, (CONSENT,))
    actor = member_of(till.store, id_of(second))
    async with workings.database.engine(services_of(till.store), till.now) as tx:
        await take_over(workings, tx, MergeMembers("1", id_of(first), id_of(second)))
        joining = asyncio.create_task(outcome(enrol(workings, actor, till.now, command)))
        await until_blocked(conn)
    assert isinstance(await joining, MemberBeingMerged)
    joined = await enrol(workings, actor, till.now, command)
    assert id_of(joined) == id_of(first)
