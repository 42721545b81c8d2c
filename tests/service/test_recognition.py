"""Who is recognised at a till, by what, and in one round trip."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from membership.accounts.context import AccountWorkings
from membership.accounts.model import Enrolled
from membership.cards.changes import Cards
from membership.cards.codes import MemberCodes
from membership.cards.errors import (
    ClosedCard,
    MalformedCardNumber,
    MalformedCode,
    StaleCode,
    UnknownCard,
    WrongCheckDigit,
)
from membership.cards.model import (
    BlockReason,
    ByCardNumber,
    ByCode,
    ByPhone,
    CardKind,
    CardStatus,
    IdentifiedBy,
    MemberLookup,
)
from membership.cards.rules import card_number
from membership.cards.service import CardReader
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.members.errors import MalformedIdentity, UnknownMember
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from sample_store import SampleStore, load_world
from support.clock import StoppedClock
from support.people import KEYRING, account_workings, fresh_phone, join, member_of, services_of

READER = CardReader(KEYRING)


@pytest.fixture
async def store(conn: Conn) -> SampleStore:
    return (await load_world(conn)).chaoyang


@pytest.fixture
def workings(database: Database) -> AccountWorkings:
    return account_workings(database)


@pytest.fixture
def cards(workings: AccountWorkings) -> Cards:
    return Cards(workings.database, workings.new_id, workings.random_bytes)


@pytest.fixture
async def member(workings: AccountWorkings, store: SampleStore, clock: StoppedClock) -> AsyncIterator[Enrolled]:
    yield await join(workings, store, now=clock.now())


async def code_of(workings: AccountWorkings, store: SampleStore, member: Enrolled, clock: StoppedClock) -> str:
    key = member.membership.key
    codes = MemberCodes(workings.database, workings.directory, KEYRING, new_id)
    return (await codes.show(member_of(store, key.member_id), clock.now(), key)).code


async def test_a_look_up_is_one_round_trip(
    database: Database, statements: list[str], workings: AccountWorkings, store: SampleStore, clock: StoppedClock
) -> None:
    phone = fresh_phone()
    member = await join(workings, store, phone=phone, now=clock.now())
    lookups: list[MemberLookup] = [
        ByPhone(phone),
        ByCardNumber(member.card.number),
        ByCode(await code_of(workings, store, member, clock)),
    ]
    for lookup in lookups:
        async with database.engine(services_of(store), clock.now()) as tx:
            statements.clear()
            await READER.resolve(tx.conn, lookup, programme_id=store.programme_id, now=clock.now())
            assert len(statements) == 1


async def test_a_code_gives_its_serial_and_step_so_that_it_can_be_spent(
    conn: Conn, workings: AccountWorkings, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    code = await code_of(workings, store, member, clock)
    found = await READER.resolve(conn, ByCode(code), programme_id=store.programme_id, now=clock.now())
    assert found.by is IdentifiedBy.CODE
    assert found.code_serial == code[2:12]
    assert found.code_step == int(clock.now().timestamp()) // 60


@pytest.mark.parametrize(("minutes", "is_valid"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_code_is_valid_for_its_minute_and_the_ones_beside_it(
    conn: Conn, workings: AccountWorkings, store: SampleStore, member: Enrolled, clock: StoppedClock,
    *, minutes: int, is_valid: bool,
) -> None:  # fmt: skip
    code = await code_of(workings, store, member, clock)
    later = clock.advance(timedelta(minutes=minutes))
    if is_valid:
        found = await READER.resolve(conn, ByCode(code), programme_id=store.programme_id, now=later)
        assert found.membership == member.membership.key
    else:
        with pytest.raises(StaleCode):
            await READER.resolve(conn, ByCode(code), programme_id=store.programme_id, now=later)


async def test_the_app_is_told_when_its_code_changes(
    workings: AccountWorkings, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    codes = MemberCodes(workings.database, workings.directory, KEYRING, new_id)
    key = member.membership.key
    actor = member_of(store, key.member_id)
    shown = await codes.show(actor, clock.now(), key)
    assert clock.now() < shown.changes_at <= clock.now() + timedelta(minutes=1)
    just_before = shown.changes_at - timedelta(microseconds=1)
    assert (await codes.show(actor, just_before, key)).code == shown.code
    assert (await codes.show(actor, shown.changes_at, key)).code != shown.code


@pytest.mark.parametrize(
    ("lookup", "refusal"),
    [
        (ByCardNumber("12345678901"), MalformedCardNumber),
        (ByCardNumber(card_number(1)[:-1] + "0"), WrongCheckDigit),
        (ByCardNumber(card_number(1)), UnknownCard),
        (ByPhone("123", "CN"), MalformedIdentity),
        (ByPhone("+8613800000000"), UnknownMember),
        (ByCode("88123"), MalformedCode),
        (ByCode("88" + "0" * 18), UnknownMember),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
async def test_nobody_is_recognised_by_something_wrong(
    conn: Conn, store: SampleStore, member: Enrolled, clock: StoppedClock, lookup: MemberLookup,
    refusal: type[DomainError],
) -> None:  # fmt: skip
    assert member.card.number != card_number(1)
    with pytest.raises(refusal):
        await READER.resolve(conn, lookup, programme_id=store.programme_id, now=clock.now())


async def test_another_programmes_members_are_unknown(
    conn: Conn, workings: AccountWorkings, clock: StoppedClock
) -> None:
    world = await load_world(conn)
    phone = fresh_phone()
    member = await join(workings, world.hangang, phone=phone, now=clock.now())
    code = await code_of(workings, world.hangang, member, clock)
    for lookup, refusal in (
        (ByPhone(phone), UnknownMember),
        (ByCardNumber(member.card.number), UnknownCard),
        (ByCode(code), UnknownMember),
    ):
        with pytest.raises(refusal):
            await READER.resolve(conn, lookup, programme_id=world.chaoyang.programme_id, now=clock.now())


async def test_a_blocked_card_still_says_who_it_is(
    conn: Conn, workings: AccountWorkings, cards: Cards, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    code = await code_of(workings, store, member, clock)
    await cards.block(services_of(store), clock.now(), member.card.card_id, BlockReason.STOLEN, key="block")
    for lookup in (ByCardNumber(member.card.number), ByCode(code)):
        found = await READER.resolve(conn, lookup, programme_id=store.programme_id, now=clock.now())
        assert (found.membership, found.card_status) == (member.membership.key, CardStatus.BLOCKED)


async def test_a_replaced_card_earns_for_as_long_as_its_successor_and_a_closed_one_is_refused(
    conn: Conn, cards: Cards, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    actor, now, old = services_of(store), clock.now(), ByCardNumber(member.card.number)

    async def status_of(lookup: ByCardNumber) -> CardStatus | None:
        found = await READER.resolve(conn, lookup, programme_id=store.programme_id, now=now)
        assert found.membership == member.membership.key
        return found.card_status

    second = await cards.replace(actor, now, member.card.card_id, key="1")
    third = await cards.replace(actor, now, second.card_id, key="2")
    assert await status_of(old) is CardStatus.REPLACED
    assert await status_of(ByCardNumber(second.number)) is CardStatus.REPLACED
    assert await status_of(ByCardNumber(third.number)) is CardStatus.ACTIVE
    await cards.block(actor, now, third.card_id, BlockReason.LOST, key="3")
    assert await status_of(old) is CardStatus.BLOCKED
    await cards.close(actor, now, third.card_id, key="4")
    for number in (member.card.number, second.number, third.number):
        with pytest.raises(ClosedCard):
            await READER.resolve(conn, ByCardNumber(number), programme_id=store.programme_id, now=now)


async def test_a_code_is_the_face_of_the_virtual_card_whatever_the_plastic_one_is(
    conn: Conn, workings: AccountWorkings, cards: Cards, store: SampleStore, member: Enrolled, clock: StoppedClock
) -> None:
    actor, key = services_of(store), member.membership.key
    plastic = await cards.issue(actor, clock.now(), key, CardKind.PHYSICAL, key="1")
    await cards.block(actor, clock.now(), plastic.card_id, BlockReason.LOST, key="2")
    code = ByCode(await code_of(workings, store, member, clock))
    found = await READER.resolve(conn, code, programme_id=store.programme_id, now=clock.now())
    assert found.card_status is CardStatus.ACTIVE


async def test_look_ups_read_few_rows_by_index(conn: Conn, member: Enrolled) -> None:
    """However many cards there are: no query of the hot path reads a table from end to end."""
    from membership.cards.store import SQL

    await conn.execute("SET enable_seqscan = off")
    for query, arguments in (
        (SQL.find_member_by_serial, ["0000000001"]),
        (SQL.find_member_by_number, [member.card.number, member.membership.key.programme_id]),
        (SQL.find_member_by_phone, [[b"x"], member.membership.key.programme_id]),
        (
            SQL.use_spend_confirmation,
            [*_key(member), new_id(), 1, member.membership.enrolled_at, new_id()],
        ),
    ):
        plan = await conn.fetch(f"EXPLAIN {query.text}", *arguments)
        assert not [line[0] for line in plan if "Seq Scan" in line[0]]


def _key(member: Enrolled) -> list[object]:
    return [member.membership.key.member_id, member.membership.key.programme_id]
