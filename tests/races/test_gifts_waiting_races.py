"""A gift that waits for a visit, and everybody who wants something of it at once: one has their way, the unit stays."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import permutations

import pytest

from membership.gifts import store
from membership.gifts.changes import apply
from membership.gifts.errors import GiftAtAnotherDesk, GiftChangeRefused, GiftCollectedAlready, GiftWaitsForVisit
from membership.gifts.model import Gift, GiftCause, GiftState
from membership.gifts.rules.changing import forfeit, hand_over
from membership.gifts.rules.waiting import Placing
from membership.kernel.actor import Actor, Role
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from service.test_gifts_waiting import at, claimed, log_of
from support.blocked import until_blocked
from support.gift_desk import BRAND, GiftDesk, open_gift_desk
from support.patience import open_patiently

HOLDER = Actor(Role.SERVICE, "holder")
Act = Callable[[GiftDesk, Gift], Awaitable[object]]


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def gifts(database: Database, conn: Conn, client: RedisClient, keyring: Keyring) -> GiftDesk:
    return await open_gift_desk(database, conn, client, keyring)


async def away(gifts: GiftDesk) -> Gift:
    """Waits at the brand for a visit this afternoon."""
    taken = await claimed(gifts)
    return await gifts.send(taken, gifts.stop(at(15)))


async def in_turn(gifts: GiftDesk, conn: Conn, taken: Gift, *acts: Act) -> list[object]:
    """Each waits for the gift before the next one begins, so that they have it in this order."""
    async with gifts.database.engine(HOLDER, gifts.now) as tx:
        await store.lock_gift(tx.conn, taken.gift_id)
        tasks = []
        for number, act in enumerate(acts, 1):
            tasks.append(asyncio.ensure_future(act(gifts, taken)))
            await until_blocked(conn, count=number)
    return await asyncio.gather(*tasks, return_exceptions=True)


async def collect(gifts: GiftDesk, taken: Gift) -> Gift:
    return await gifts.collect_at(BRAND, taken)


async def collect_at_desk(gifts: GiftDesk, taken: Gift) -> Gift:
    return await gifts.collect(taken)


async def untie(gifts: GiftDesk, taken: Gift) -> Gift:
    return await gifts.untie(taken)


async def cancel_visit(gifts: GiftDesk, taken: Gift) -> None:
    assert taken.wait is not None
    await gifts.follow(taken.wait.uid, None)


async def cancel(gifts: GiftDesk, taken: Gift) -> Gift:
    return await gifts.cancel(taken)


async def move_visit(gifts: GiftDesk, taken: Gift) -> None:
    assert taken.wait is not None
    await gifts.follow(taken.wait.uid, gifts.stop(at(18, days=2), uid=taken.wait.uid))


async def test_who_collects_first_has_it_and_who_unties_first_sends_it_home(gifts: GiftDesk, conn: Conn) -> None:
    taken = await away(gifts)
    collected, untied = await in_turn(gifts, conn, taken, collect, untie)
    assert isinstance(collected, Gift) and isinstance(untied, GiftCollectedAlready)
    assert await log_of(conn, taken) == ["SENT_TO_COUNTER", "PACKED", "HANDED_OVER"]


@pytest.mark.parametrize("ends", [untie, cancel_visit])
async def test_the_counter_hands_over_nothing_that_was_sent_home_a_moment_ago(
    gifts: GiftDesk, conn: Conn, ends: Act
) -> None:
    """The counter has seen it waiting; what decides is the gift as it is once locked."""
    taken = await away(gifts)
    ended, collected = await in_turn(gifts, conn, taken, ends, collect)
    assert not isinstance(ended, BaseException) and isinstance(collected, GiftAtAnotherDesk)
    assert await gifts.state(taken) is GiftState.CONFIRMED
    assert (await gifts.collect(taken)).state is GiftState.COLLECTED


async def test_a_desk_hands_over_nothing_that_was_sent_to_a_visit_a_moment_ago(gifts: GiftDesk, conn: Conn) -> None:
    taken = await claimed(gifts)

    async def send(gifts: GiftDesk, taken: Gift) -> Gift:
        return await gifts.send(taken, gifts.stop(at(15)))

    sent, collected = await in_turn(gifts, conn, taken, send, collect_at_desk)
    assert isinstance(sent, Gift) and isinstance(collected, GiftWaitsForVisit)
    assert (await gifts.collect_at(BRAND, taken)).state is GiftState.COLLECTED


async def test_of_two_counters_one_hands_over(gifts: GiftDesk, conn: Conn) -> None:
    taken = await away(gifts)
    first, second = await in_turn(gifts, conn, taken, collect, collect)
    assert isinstance(first, Gift) and isinstance(second, GiftCollectedAlready)
    assert (await gifts.level()).confirmed == 1


@pytest.mark.parametrize("order", list(permutations([collect, untie, cancel])))
async def test_in_any_order_the_gift_ends_once_and_the_unit_with_it(
    gifts: GiftDesk, conn: Conn, order: tuple[Act, ...]
) -> None:
    taken = await away(gifts)
    await in_turn(gifts, conn, taken, *order)
    found, level = await gifts.gift(taken.gift_id), await gifts.level()
    log = await log_of(conn, taken)
    assert len(log) == found.step - 1
    if order.index(collect) < min(order.index(untie), order.index(cancel)):
        assert (found.state, level.confirmed) == (GiftState.COLLECTED, 1)
    else:
        assert (found.state, found.wait, level.confirmed) == (GiftState.CANCELLED, None, 0)
    assert level.total == level.confirmed + level.available + level.held + level.voided == 2


async def test_a_visit_that_is_moved_while_the_counter_hands_over(gifts: GiftDesk, conn: Conn) -> None:
    taken = await away(gifts)
    collected, _ = await in_turn(gifts, conn, taken, collect, move_visit)
    assert isinstance(collected, Gift)
    assert await gifts.gift(taken.gift_id) == collected
    assert await log_of(conn, taken) == ["SENT_TO_COUNTER", "PACKED", "HANDED_OVER"]


async def test_a_forfeit_leaves_a_gift_that_a_counter_is_at(gifts: GiftDesk, conn: Conn) -> None:
    taken = await away(gifts)
    gifts.clock.set(taken.collect_until)
    async with gifts.database.engine(HOLDER, gifts.now) as tx:
        await store.lock_gift(tx.conn, taken.gift_id)
        assert await gifts.forfeit() == 0
    assert await gifts.forfeit() == 1
    assert (await gifts.gift(taken.gift_id)).wait is None


@pytest.mark.parametrize("late", [collect, untie, cancel_visit, move_visit])
async def test_who_waits_for_the_forfeit_gets_nothing(gifts: GiftDesk, conn: Conn, late: Act) -> None:
    """Each began in time, and waits for the gift until it is forfeited."""
    taken = await away(gifts)
    async with gifts.database.engine(HOLDER, taken.collect_until) as tx:
        [overdue] = await store.lock_overdue(tx.conn, taken.store_id, taken.collect_until, limit=10)
        rival = asyncio.ensure_future(late(gifts, taken))
        await until_blocked(conn)
        await apply(tx, [overdue], forfeit(overdue))
        await gifts.jobs.judge.units.give_back(tx, [overdue], frees_limit=False)
    [outcome] = await asyncio.gather(rival, return_exceptions=True)
    assert outcome is None or isinstance(outcome, (GiftChangeRefused, GiftAtAnotherDesk))
    assert (await gifts.state(taken), (await gifts.level()).confirmed) == (GiftState.FORFEITED, 0)
    assert await log_of(conn, taken) == ["SENT_TO_COUNTER", "NOT_COLLECTED"]


async def test_without_the_lock_the_step_still_lets_one_through(gifts: GiftDesk, conn: Conn) -> None:
    """The lock gives the right refusal; the step that was seen is the net below it."""
    taken = await away(gifts)
    home = Placing(taken.gift_id, taken.step, GiftCause.BACK_AT_DESK, None, taken.collect_until)
    async with gifts.database.engine(gifts.associate(), gifts.now) as first:
        changes = hand_over(taken, gifts.now)
        assert await store.write_changes(first.conn, changes, actor=first.actor, now=first.now) == {taken.gift_id}

        async def untie_too() -> set[object]:
            async with gifts.database.engine(gifts.services, gifts.now) as second:
                return set(await store.write_placings(second.conn, [home], actor=second.actor, now=second.now))

        rival = asyncio.create_task(untie_too())
        await until_blocked(conn)
    assert await rival == set()
