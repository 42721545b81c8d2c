"""P8 and its sibling: a code step and a confirmation spend once."""

from datetime import timedelta

import asyncpg
import pytest

from membership.accounts.context import AccountWorkings
from membership.accounts.model import Enrolled
from membership.cards import service
from membership.cards.codes import MemberCodes
from membership.cards.errors import PointsOutOfRange, SpentCode
from membership.cards.model import ByCardNumber, ByCode, Identified, SpendConfirmation
from membership.cards.service import CardReader
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.errors import UnknownStore
from sample_store import SampleStore, World, load_world
from support.clock import StoppedClock
from support.people import KEYRING, account_workings, join, member_of, till_of

READER = CardReader(KEYRING)


@pytest.fixture
async def world(conn: Conn) -> World:
    return await load_world(conn)


@pytest.fixture
def store(world: World) -> SampleStore:
    return world.chaoyang


@pytest.fixture
def workings(database: Database) -> AccountWorkings:
    return account_workings(database)


@pytest.fixture
async def member(workings: AccountWorkings, store: SampleStore, clock: StoppedClock) -> Enrolled:
    return await join(workings, store, now=clock.now())


@pytest.fixture
def codes(workings: AccountWorkings) -> MemberCodes:
    return MemberCodes(workings.database, workings.directory, KEYRING, new_id)


async def shown(codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock) -> Identified:
    """The member as a till sees them that scanned the code of this minute."""
    key = member.membership.key
    code = (await codes.show(member_of(store, key.member_id), clock.now(), key)).code
    async with codes.database.engine(till_of(store), clock.now()) as tx:
        return await READER.resolve(tx.conn, ByCode(code), programme_id=store.programme_id, now=clock.now())


async def test_p8_a_code_step_spends_once_and_its_repeat_for_the_same_quote_is_the_same_answer(
    database: Database, codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock, conn: Conn
) -> None:
    identified, quote, till = await shown(codes, store, member, clock), new_id(), store.central_cashier
    for _ in range(2):
        async with database.engine(till_of(store), clock.now()) as tx:
            await service.spend_code(tx, identified, till_id=till, spent_for=quote)
    other_till = next(iter(store.tills.values()))
    assert other_till != till
    for till_id, spent_for in ((till, new_id()), (other_till, quote), (other_till, new_id())):
        with pytest.raises(SpentCode) as refused:
            async with database.engine(till_of(store), clock.now()) as tx:
                await service.spend_code(tx, identified, till_id=till_id, spent_for=spent_for)
        assert 0 < refused.value.valid_again_seconds <= 60
    assert await conn.fetchval("SELECT count(*) FROM cards.code_spends") == 1


async def test_p8_earning_may_use_a_spent_code_again_and_the_next_minute_spends_again(
    database: Database, codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    identified = await shown(codes, store, member, clock)
    async with database.engine(till_of(store), clock.now()) as tx:
        await service.spend_code(tx, identified, till_id=store.central_cashier, spent_for=new_id())
    assert await shown(codes, store, member, clock) == identified
    clock.advance(timedelta(minutes=1))
    fresh = await shown(codes, store, member, clock)
    async with database.engine(till_of(store), clock.now()) as tx:
        await service.spend_code(tx, fresh, till_id=store.central_cashier, spent_for=new_id())


async def test_p8_a_spend_that_is_rolled_back_was_none(
    database: Database, codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    identified = await shown(codes, store, member, clock)
    with pytest.raises(ZeroDivisionError):
        async with database.engine(till_of(store), clock.now()) as tx:
            await service.spend_code(tx, identified, till_id=store.central_cashier, spent_for=new_id())
            raise ZeroDivisionError
    async with database.engine(till_of(store), clock.now()) as tx:
        await service.spend_code(tx, identified, till_id=store.central_cashier, spent_for=new_id())


async def test_p8_a_spent_step_cannot_be_rewritten(
    database: Database, codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    identified = await shown(codes, store, member, clock)
    async with database.engine(till_of(store), clock.now()) as tx:
        await service.spend_code(tx, identified, till_id=store.central_cashier, spent_for=new_id())
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.engine(till_of(store), clock.now()) as tx:
            await tx.conn.execute("UPDATE cards.code_spends SET spent_for = $1", new_id())


async def test_a_card_number_has_no_step_to_spend(
    database: Database, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    async with database.engine(till_of(store), clock.now()) as tx:
        by_card = await READER.resolve(
            tx.conn, ByCardNumber(member.card.number), programme_id=store.programme_id, now=clock.now()
        )
        with pytest.raises(ValueError, match="only a code"):
            await service.spend_code(tx, by_card, till_id=store.central_cashier, spent_for=new_id())


async def confirm(
    codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock, most_points: int, key: str = ""
) -> SpendConfirmation:
    membership = member.membership.key
    return await codes.confirm_spending(
        member_of(store, membership.member_id),
        clock.now(),
        membership,
        store_id=store.store_id,
        most_points=most_points,
        key=key or str(new_id()),
    )


async def uses(
    database: Database, store: SampleStore, member: Enrolled, clock: StoppedClock, points: int, quote: object = None
) -> bool:
    async with database.engine(till_of(store), clock.now()) as tx:
        return await service.use_confirmation(
            tx,
            member.membership.key,
            store_id=store.store_id,
            points=points,
            spent_for=quote if quote is not None else new_id(),  # type: ignore[arg-type]
        )


async def test_a_confirmation_spends_once_and_its_repeat_for_the_same_quote_is_the_same_answer(
    database: Database, codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    assert not await uses(database, store, member, clock, 1)
    await confirm(codes, store, member, clock, 500)
    quote = new_id()
    assert await uses(database, store, member, clock, 500, quote)
    assert await uses(database, store, member, clock, 500, quote)
    assert not await uses(database, store, member, clock, 1)


async def test_a_confirmation_is_for_so_many_points_at_most(
    database: Database, codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    await confirm(codes, store, member, clock, 500)
    assert not await uses(database, store, member, clock, 501)
    assert await uses(database, store, member, clock, 500)


async def test_a_confirmation_lasts_five_minutes(
    database: Database, codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    given = await confirm(codes, store, member, clock, 500)
    assert given.expires_at == clock.now() + timedelta(minutes=5)
    clock.set(given.expires_at)
    assert not await uses(database, store, member, clock, 1)
    clock.set(given.expires_at - timedelta(microseconds=1))
    assert await uses(database, store, member, clock, 1)


async def test_a_confirmation_is_for_one_store_and_one_member(
    database: Database, codes: MemberCodes, workings: AccountWorkings, world: World, member: Enrolled,
    clock: StoppedClock,
) -> None:  # fmt: skip
    await confirm(codes, world.chaoyang, member, clock, 500)
    other = await join(workings, world.chaoyang, now=clock.now())
    assert not await uses(database, world.hangang, member, clock, 1)
    assert not await uses(database, world.chaoyang, other, clock, 1)
    assert await uses(database, world.chaoyang, member, clock, 1)


async def test_the_members_last_word_counts(
    database: Database, codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    await confirm(codes, store, member, clock, 500)
    await confirm(codes, store, member, clock, 50)
    assert not await uses(database, store, member, clock, 500)
    assert await uses(database, store, member, clock, 50)
    assert not await uses(database, store, member, clock, 50)


async def test_a_repeat_of_a_confirmation_is_the_same_confirmation(
    conn: Conn, codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    first = await confirm(codes, store, member, clock, 500, key="1")
    clock.advance(timedelta(minutes=1))
    assert await confirm(codes, store, member, clock, 500, key="1") == first
    assert await conn.fetchval("SELECT count(*) FROM cards.spend_confirmations") == 1


@pytest.mark.parametrize("points", [0, -1, 2**53])
async def test_points_out_of_range_are_refused(
    codes: MemberCodes, store: SampleStore, member: Enrolled, clock: StoppedClock, points: int
) -> None:
    with pytest.raises(PointsOutOfRange):
        await confirm(codes, store, member, clock, points)


async def test_a_store_of_another_programme_is_refused(
    codes: MemberCodes, world: World, member: Enrolled, clock: StoppedClock
) -> None:
    with pytest.raises(UnknownStore):
        await confirm(codes, world.hangang, member, clock, 1)
