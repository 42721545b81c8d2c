"""Cards through their lives, each step on record."""

import pytest

from membership.accounts.context import AccountWorkings
from membership.accounts.model import Enrolled
from membership.cards import service
from membership.cards import store as card_store
from membership.cards.changes import Cards
from membership.cards.errors import CardChangeRefused, CardKindTaken, UnknownCard
from membership.cards.model import BlockReason, Card, CardId, CardKind, CardStatus
from membership.cards.rules import card_number
from membership.kernel.actor import Actor
from membership.kernel.ids import new_id
from membership.members.errors import UnknownMember
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.json import from_json
from sample_store import World, load_world
from support.clock import StoppedClock
from support.people import Given, account_workings, join, member_of, services_of


@pytest.fixture
async def world(conn: Conn) -> World:
    return await load_world(conn)


@pytest.fixture
def workings(database: Database) -> AccountWorkings:
    return account_workings(database)


@pytest.fixture
def cards(workings: AccountWorkings) -> Cards:
    return Cards(workings.database, workings.new_id, workings.random_bytes)


@pytest.fixture
async def member(workings: AccountWorkings, world: World, clock: StoppedClock) -> Enrolled:
    return await join(workings, world.chaoyang, now=clock.now())


@pytest.fixture
def desk(world: World) -> Actor:
    return services_of(world.chaoyang)


async def card_now(conn: Conn, card_id: CardId) -> Card:
    card = await card_store.find_card(conn, card_id)
    assert card is not None
    return card


async def test_a_card_is_blocked_unblocked_and_replaced_and_each_step_is_on_record(
    conn: Conn, cards: Cards, desk: Actor, member: Enrolled, clock: StoppedClock
) -> None:
    card_id = member.card.card_id
    blocked = await cards.block(desk, clock.now(), card_id, BlockReason.LOST, key="1")
    assert (blocked.status, blocked.blocked_reason) == (CardStatus.BLOCKED, BlockReason.LOST)
    unblocked = await cards.unblock(desk, clock.now(), card_id, key="2")
    assert (unblocked.status, unblocked.blocked_reason) == (CardStatus.ACTIVE, None)
    new = await cards.replace(desk, clock.now(), card_id, key="3")
    assert (new.status, new.kind, new.membership) == (CardStatus.ACTIVE, CardKind.VIRTUAL, member.membership.key)
    old = await card_now(conn, card_id)
    assert (old.status, old.replaced_by) == (CardStatus.REPLACED, new.card_id)
    closed = await cards.close(desk, clock.now(), new.card_id, key="4")
    assert closed.status is CardStatus.CLOSED
    entries = await conn.fetch(
        "SELECT action, actor, subject_id, before, after FROM platform.audit_entries"
        " WHERE action LIKE 'cards.%' ORDER BY audit_id"
    )
    assert [entry["action"] for entry in entries] == ["cards.block", "cards.unblock", "cards.replace", "cards.close"]
    assert {entry["actor"] for entry in entries} == {"wang.fang"}
    assert [(from_json(entry["before"])["status"], from_json(entry["after"])["status"]) for entry in entries] == [
        ("ACTIVE", "BLOCKED"),
        ("BLOCKED", "ACTIVE"),
        ("ACTIVE", "REPLACED"),
        ("ACTIVE", "CLOSED"),
    ]
    assert member.card.number not in str([dict(entry) for entry in entries])
    names = await conn.fetch("SELECT name FROM platform.outbox WHERE name LIKE 'cards.%' ORDER BY sequence")
    assert [row["name"] for row in names] == [
        "cards.issued", "cards.blocked", "cards.unblocked", "cards.issued", "cards.replaced", "cards.closed",
    ]  # fmt: skip


async def test_a_repeat_changes_nothing_twice(
    conn: Conn, cards: Cards, desk: Actor, member: Enrolled, clock: StoppedClock
) -> None:
    first = await cards.replace(desk, clock.now(), member.card.card_id, key="1")
    assert await cards.replace(desk, clock.now(), member.card.card_id, key="1") == first
    assert await conn.fetchval("SELECT count(*) FROM cards.cards") == 2


async def test_a_final_card_is_refused_and_stays_as_it_is(
    conn: Conn, cards: Cards, desk: Actor, member: Enrolled, clock: StoppedClock
) -> None:
    await cards.close(desk, clock.now(), member.card.card_id, key="1")
    before = await card_now(conn, member.card.card_id)
    with pytest.raises(CardChangeRefused):
        await cards.replace(desk, clock.now(), member.card.card_id, key="2")
    assert await card_now(conn, member.card.card_id) == before
    assert await conn.fetchval("SELECT count(*) FROM cards.cards") == 1


async def test_a_second_card_of_a_kind_is_a_replacement(
    cards: Cards, desk: Actor, member: Enrolled, clock: StoppedClock
) -> None:
    key = member.membership.key
    plastic = await cards.issue(desk, clock.now(), key, CardKind.PHYSICAL, key="1")
    assert plastic.kind is CardKind.PHYSICAL
    with pytest.raises(CardKindTaken) as refused:
        await cards.issue(desk, clock.now(), key, CardKind.PHYSICAL, key="2")
    assert plastic.last_digits in refused.value.message
    await cards.close(desk, clock.now(), plastic.card_id, key="3")
    again = await cards.issue(desk, clock.now(), key, CardKind.PHYSICAL, key="4")
    assert again.number != plastic.number


async def test_staff_reach_the_cards_of_their_own_programme_and_members_their_own(
    world: World, workings: AccountWorkings, cards: Cards, member: Enrolled, clock: StoppedClock
) -> None:
    other = await join(workings, world.chaoyang, now=clock.now())
    card_id, key = member.card.card_id, member.membership.key
    for stranger in (services_of(world.hangang), member_of(world.chaoyang, other.membership.key.member_id)):
        with pytest.raises(UnknownCard):
            await cards.block(stranger, clock.now(), card_id, BlockReason.LOST, key="1")
        with pytest.raises(UnknownMember):
            await cards.issue(stranger, clock.now(), key, CardKind.PHYSICAL, key="2")
    with pytest.raises(UnknownCard):
        await cards.unblock(services_of(world.chaoyang), clock.now(), CardId(new_id()), key="3")
    themself = member_of(world.chaoyang, key.member_id)
    blocked = await cards.block(themself, clock.now(), card_id, BlockReason.LOST, key="4")
    assert blocked.status is CardStatus.BLOCKED


async def test_what_a_member_does_with_their_own_card_is_no_act_of_staff(
    conn: Conn, world: World, cards: Cards, member: Enrolled, clock: StoppedClock
) -> None:
    before = await conn.fetchval("SELECT count(*) FROM platform.audit_entries")
    themself = member_of(world.chaoyang, member.membership.key.member_id)
    await cards.block(themself, clock.now(), member.card.card_id, BlockReason.LOST, key="1")
    assert await conn.fetchval("SELECT count(*) FROM platform.audit_entries") == before


async def test_a_number_that_is_taken_is_drawn_again(
    database: Database, desk: Actor, member: Enrolled, clock: StoppedClock
) -> None:
    taken = int(member.card.number[:-1]).to_bytes(8)
    async with database.engine(desk, clock.now()) as tx:
        issued = await service.issue(
            tx,
            member.membership.key,
            CardKind.PHYSICAL,
            new_id=new_id,
            random_bytes=Given([taken, taken, (4_711).to_bytes(8)]),
        )
    assert issued.number == card_number(4_711)


async def test_a_serial_that_is_taken_is_drawn_again(
    conn: Conn, database: Database, workings: AccountWorkings, desk: Actor, member: Enrolled, clock: StoppedClock
) -> None:
    taken = int(await conn.fetchval("SELECT serial FROM cards.code_seeds")).to_bytes(8)
    async with database.engine(desk, clock.now()) as tx:
        given = Given([b"secret", b"nonce"])
        given.chosen = [b"secret", taken, (4_711).to_bytes(8)]
        await service.issue_code_seed(tx, member.membership.key, keyring=workings.keyring, random_bytes=given)
    assert await conn.fetchval("SELECT count(*) FROM cards.code_seeds WHERE serial = '0000004711'") == 1
