"""Two at once: who joins, who locks whom, who spends."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TypeVar

import pytest

from membership.accounts.context import AccountWorkings
from membership.accounts.enrolment import enrol
from membership.accounts.model import Enrol, Enrolled, GivenIdentity
from membership.cards import service as cards
from membership.cards.codes import MemberCodes
from membership.cards.errors import SpentCode
from membership.cards.model import ByCode, Identified
from membership.cards.service import CardReader
from membership.kernel.ids import new_id
from membership.members import store
from membership.members.errors import IdentityTaken, InvitationUsed, MemberBeingMerged
from membership.members.invitations import Invitations
from membership.members.model import (
    IdentityId,
    IdentityKind,
    IdentityValue,
    MemberId,
    Membership,
    MembershipKey,
    Profile,
)
from membership.members.service import add_identities, lock_membership, lock_person
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from sample_store import SampleStore, add_member, load_world
from support.blocked import until_blocked
from support.clock import StoppedClock
from support.people import (
    CONSENT,
    KEYRING,
    account_workings,
    app_of,
    fresh_phone,
    join,
    member_of,
    services_of,
    till_of,
)

Result = TypeVar("Result")


@pytest.fixture
async def shop(conn: Conn) -> SampleStore:
    return (await load_world(conn)).chaoyang


@pytest.fixture
def workings(database: Database) -> AccountWorkings:
    return account_workings(database)


async def outcome(work: Coroutine[object, object, Result]) -> Result | Exception:
    try:
        return await work
    except Exception as error:
        return error


def command_for(shop: SampleStore, *values: tuple[IdentityKind, str]) -> Enrol:
    identities = tuple(GivenIdentity(kind, value) for kind, value in values)
    return Enrol(str(new_id()), shop.store_id, (CONSENT,), identities)


async def test_of_two_who_join_with_one_phone_number_one_does(
    conn: Conn, database: Database, shop: SampleStore, workings: AccountWorkings, clock: StoppedClock
) -> None:
    phone = fresh_phone()
    async with database.engine(app_of(shop), clock.now()) as tx:
        first = MemberId(new_id())
        await store.insert_member(tx.conn, first, Profile(), at=tx.now, keyring=KEYRING)
        await add_identities(tx, first, [IdentityValue(IdentityKind.PHONE, phone)], keyring=KEYRING, new_id=new_id)
        second = asyncio.create_task(outcome(join(workings, shop, phone=phone, now=clock.now())))
        await until_blocked(conn)
    assert isinstance(await second, IdentityTaken)
    assert [row["member_id"] for row in await conn.fetch("SELECT member_id FROM members.members")] == [first]


@pytest.mark.parametrize("round_", range(6))
async def test_two_who_join_with_the_same_two_identities_do_not_wait_in_a_circle(
    conn: Conn, shop: SampleStore, workings: AccountWorkings, clock: StoppedClock, round_: int
) -> None:
    """Both insert in the order of the index, whatever order they were given in.

    The address is held until both wait. Were they to insert in their own order, one would hold the number by then,
    and in about half of the rounds the other would get the address first.
    """
    phone, mail = (IdentityKind.PHONE, fresh_phone()), (IdentityKind.EMAIL, f"li.wei.{round_}@example.com")
    given = IdentityValue(*mail)
    async with workings.database.pool.acquire() as holder:
        held = holder.transaction()
        await held.start()
        stranger = MemberId(new_id())
        await store.insert_member(holder, stranger, Profile(), at=clock.now(), keyring=KEYRING)
        await store.insert_identities(holder, stranger, {IdentityId(new_id()): given}, at=clock.now(), keyring=KEYRING)
        both = [
            asyncio.create_task(outcome(enrol(workings, app_of(shop), clock.now(), command_for(shop, *values))))
            for values in ((mail, phone), (phone, mail))
        ]
        await until_blocked(conn, count=2)
        await held.rollback()
    assert sorted(type(entry).__name__ for entry in await asyncio.gather(*both)) == ["Enrolled", "IdentityTaken"]


async def test_of_two_who_take_up_one_invitation_one_joins(
    conn: Conn, shop: SampleStore, workings: AccountWorkings, clock: StoppedClock
) -> None:
    invitations = Invitations(workings.database, workings.directory, KEYRING, new_id)
    issued = await invitations.invite(till_of(shop), clock.now(), store_id=shop.store_id, phone=None, key="1")
    async with conn.transaction():
        await conn.execute("SELECT FROM members.invitations FOR UPDATE")
        both = [
            asyncio.create_task(
                outcome(
                    enrol(
                        workings,
                        app_of(shop),
                        clock.now(),
                        replace(command_for(shop, (IdentityKind.PHONE, fresh_phone())), invitation_token=issued.token),
                    )
                )
            )
            for _ in range(2)
        ]
        await until_blocked_elsewhere(workings.database, count=2)
    outcomes = await asyncio.gather(*both)
    assert sorted(type(entry).__name__ for entry in outcomes) == ["Enrolled", InvitationUsed.__name__]
    assert await conn.fetchval("SELECT count(*) FROM members.members") == 1


async def until_blocked_elsewhere(database: Database, *, count: int) -> None:
    """As `until_blocked`, on a connection that holds no lock itself."""
    async with database.pool.acquire() as watcher:
        await until_blocked(watcher, count=count)


async def locking(database: Database, shop: SampleStore, clock: StoppedClock, keys: list[MembershipKey]) -> int:
    async with database.engine(services_of(shop), clock.now()) as tx:
        return len(await store.lock_memberships(tx.conn, keys))


async def test_two_who_lock_the_same_members_in_opposite_order_both_get_them(
    conn: Conn, database: Database, shop: SampleStore, clock: StoppedClock
) -> None:
    low, high = sorted([await add_member(conn, shop), await add_member(conn, shop)])
    async with conn.transaction():
        await store.lock_memberships(conn, [low])
        # The one that asks in the good order waits first, and gets `low` first: the other must not hold `high` then.
        one = asyncio.create_task(locking(database, shop, clock, [low, high]))
        await until_blocked_elsewhere(database, count=1)
        other = asyncio.create_task(locking(database, shop, clock, [high, low]))
        await until_blocked_elsewhere(database, count=2)
    assert [await one, await other] == [2, 2]


async def test_who_waits_for_a_member_while_they_are_merged_gets_the_winner(
    conn: Conn, database: Database, shop: SampleStore, clock: StoppedClock
) -> None:
    loser, winner = await add_member(conn, shop), await add_member(conn, shop)

    async def late() -> Membership:
        async with database.engine(services_of(shop), clock.now()) as tx:
            return await lock_membership(tx.conn, loser)

    async with conn.transaction():
        await store.lock_memberships(conn, [loser, winner])
        waiting = asyncio.create_task(late())
        await until_blocked_elsewhere(database, count=1)
        await store.point_at(conn, loser.member_id, winner.member_id)
    assert (await waiting).key == winner


async def test_who_waits_for_a_person_while_they_are_merged_is_asked_to_try_again(
    conn: Conn, database: Database, shop: SampleStore, clock: StoppedClock
) -> None:
    loser, winner = (await add_member(conn, shop)).member_id, (await add_member(conn, shop)).member_id

    async def late() -> MemberId:
        async with database.engine(services_of(shop), clock.now()) as tx:
            return (await lock_person(tx.conn, loser, keyring=KEYRING)).member_id

    async with conn.transaction():
        await store.lock_members(conn, [loser, winner], keyring=KEYRING)
        waiting = asyncio.create_task(outcome(late()))
        await until_blocked_elsewhere(database, count=1)
        await store.point_at(conn, loser, winner)
    refused = await waiting
    assert isinstance(refused, MemberBeingMerged)
    assert refused.retryable
    assert await late() == winner


@pytest.fixture
async def member(workings: AccountWorkings, shop: SampleStore, clock: StoppedClock) -> Enrolled:
    return await join(workings, shop, now=clock.now())


@pytest.fixture
async def shown(
    conn: Conn, workings: AccountWorkings, shop: SampleStore, member: Enrolled, clock: StoppedClock
) -> Identified:
    """The member as a till sees them that scanned the code of this minute."""
    key = member.membership.key
    codes = MemberCodes(workings.database, workings.directory, KEYRING, new_id)
    code = await codes.show(member_of(shop, key.member_id), clock.now(), key)
    return await CardReader(KEYRING).resolve(conn, ByCode(code.code), programme_id=shop.programme_id, now=clock.now())


@pytest.fixture
def spend(
    database: Database, shop: SampleStore, shown: Identified, clock: StoppedClock
) -> Callable[[], Coroutine[object, object, bool]]:
    async def spend_for_a_new_quote() -> bool:
        async with database.engine(till_of(shop), clock.now()) as tx:
            await cards.spend_code(tx, shown, till_id=shop.central_cashier, spent_for=new_id())
            return True

    return spend_for_a_new_quote


async def test_p8_a_till_waits_for_another_that_is_spending_the_step_and_is_refused(
    conn: Conn, database: Database, shop: SampleStore, shown: Identified, clock: StoppedClock,
    spend: Callable[[], Coroutine[object, object, bool]],
) -> None:  # fmt: skip
    async with database.engine(till_of(shop), clock.now()) as tx:
        await cards.spend_code(tx, shown, till_id=shop.central_cashier, spent_for=new_id())
        second = asyncio.create_task(outcome(spend()))
        await until_blocked(conn)
    assert isinstance(await second, SpentCode)


async def test_p8_a_till_that_waited_for_a_spend_which_failed_may_spend(
    conn: Conn, database: Database, shop: SampleStore, shown: Identified, clock: StoppedClock,
    spend: Callable[[], Coroutine[object, object, bool]],
) -> None:  # fmt: skip
    with pytest.raises(ZeroDivisionError):
        async with database.engine(till_of(shop), clock.now()) as tx:
            await cards.spend_code(tx, shown, till_id=shop.central_cashier, spent_for=new_id())
            second = asyncio.create_task(outcome(spend()))
            await until_blocked(conn)
            raise ZeroDivisionError
    assert await second is True


async def test_p8_of_20_tills_that_spend_one_step_at_once_one_does(
    conn: Conn, spend: Callable[[], Coroutine[object, object, bool]]
) -> None:
    outcomes = await asyncio.gather(*(outcome(spend()) for _ in range(20)))
    assert outcomes.count(True) == 1
    assert sum(isinstance(entry, SpentCode) for entry in outcomes) == 19
    assert await conn.fetchval("SELECT count(*) FROM cards.code_spends") == 1


@pytest.fixture
async def confirmed(
    database: Database, workings: AccountWorkings, shop: SampleStore, member: Enrolled, clock: StoppedClock
) -> MembershipKey:
    """A member who has confirmed a spending of 100 points."""
    key = member.membership.key
    codes = MemberCodes(database, workings.directory, KEYRING, new_id)
    await codes.confirm_spending(
        member_of(shop, key.member_id), clock.now(), key, store_id=shop.store_id, most_points=100, key="1"
    )
    return key


async def use(database: Database, shop: SampleStore, clock: StoppedClock, key: MembershipKey) -> bool:
    """For a quote of its own."""
    async with database.engine(till_of(shop), clock.now()) as tx:
        return await cards.use_confirmation(tx, key, store_id=shop.store_id, points=100, spent_for=new_id())


async def test_a_confirmation_that_another_till_is_using_is_not_there(
    database: Database, shop: SampleStore, clock: StoppedClock, confirmed: MembershipKey
) -> None:
    async with database.engine(till_of(shop), clock.now()) as tx:
        assert await cards.use_confirmation(tx, confirmed, store_id=shop.store_id, points=100, spent_for=new_id())
        async with asyncio.timeout(5):
            assert not await use(database, shop, clock, confirmed)
    assert not await use(database, shop, clock, confirmed)


async def test_of_20_tills_that_use_one_confirmation_at_once_one_does(
    database: Database, shop: SampleStore, clock: StoppedClock, confirmed: MembershipKey
) -> None:
    outcomes = await asyncio.gather(*(use(database, shop, clock, confirmed) for _ in range(20)))
    assert sorted(outcomes) == [False] * 19 + [True]
