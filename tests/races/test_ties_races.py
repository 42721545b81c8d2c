"""Appointments and the gifts that wait at them, at once: nobody waits in a circle, and a gift is where it is said to
be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random

import pytest

from membership.appointments.errors import AppointmentStepRefused
from membership.appointments.model import Appointment, AppointmentState
from membership.appointments.rules.steps import Step
from membership.appointments.store import list_current
from membership.gifts import store
from membership.gifts.errors import GiftAtAnotherDesk
from membership.gifts.model import Gift, GiftState
from membership.gifts.rules.states import WAITING
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import DomainError
from membership.members.keyring import Keyring
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from membership.stores.rules import business_date, business_day_ends
from support.blocked import until_blocked
from support.gift_desk import BRAND
from support.patience import open_patiently
from support.tie_desk import TieDesk, at, open_tie_desk
from unit.gifts.shops import shop

HOLDER = Actor(Role.SERVICE, "holder")
MEMBERS, ROUNDS = 6, 8
SHOP = shop()
"""With the clock and the cut-over of Chaoyang Galleria."""


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def desk(database: Database, conn: Conn, client: RedisClient, keyring: Keyring) -> TieDesk:
    return await open_tie_desk(database, conn, client, keyring)


async def tied(desk: TieDesk) -> tuple[Gift, Appointment]:
    taken = await desk.claimed()
    booked = await desk.booked(taken.membership, at(15))
    return await desk.tie(taken, booked), booked


async def test_a_cancellation_beside_the_counter(desk: TieDesk, conn: Conn) -> None:
    """The cancellation comes first to the gift: the counter, which saw it waiting, hands nothing over."""
    taken, booked = await tied(desk)
    async with desk.gifts.database.engine(HOLDER, desk.gifts.now) as tx:
        await store.lock_gift(tx.conn, taken.gift_id)
        cancel = asyncio.create_task(desk.step(booked, Step.CANCEL, by_member=True))
        await until_blocked(conn)
        collect = asyncio.create_task(desk.gifts.collect_at(BRAND, taken))
        await until_blocked(conn, count=2)
    assert (await cancel).state is AppointmentState.CANCELLED
    with pytest.raises(GiftAtAnotherDesk):
        await collect
    assert (await desk.gifts.collect(taken)).state is GiftState.COLLECTED


async def test_the_counter_beside_a_cancellation(desk: TieDesk, conn: Conn) -> None:
    """The counter comes first: what was handed over stays so, whatever becomes of the appointment."""
    taken, booked = await tied(desk)
    async with desk.gifts.database.engine(HOLDER, desk.gifts.now) as tx:
        await store.lock_gift(tx.conn, taken.gift_id)
        collect = asyncio.create_task(desk.gifts.collect_at(BRAND, taken))
        await until_blocked(conn)
        cancel = asyncio.create_task(desk.step(booked, Step.CANCEL, by_member=True))
        await until_blocked(conn, count=2)
    assert (await collect).state is GiftState.COLLECTED
    assert (await cancel).state is AppointmentState.CANCELLED
    assert (await desk.gifts.gift(taken.gift_id)).wait == taken.wait


async def test_a_gift_is_not_tied_to_what_is_cancelled_meanwhile(desk: TieDesk, conn: Conn) -> None:
    """Both wait for the member; whoever is second sees what the first has done."""
    taken = await desk.claimed()
    booked = await desk.booked(taken.membership, at(15))
    async with desk.gifts.database.engine(HOLDER, desk.gifts.now) as tx:
        await lock_memberships(tx.conn, [taken.membership])
        cancel = asyncio.create_task(desk.step(booked, Step.CANCEL, by_member=True))
        await until_blocked(conn)
        tie = asyncio.create_task(desk.tie(taken, booked))
        await until_blocked(conn, count=2)
    await cancel
    with pytest.raises(AppointmentStepRefused):
        await tie
    assert (await desk.gifts.gift(taken.gift_id)).wait is None


async def test_a_gift_that_is_tied_first_goes_home_with_the_cancellation(desk: TieDesk, conn: Conn) -> None:
    taken = await desk.claimed()
    booked = await desk.booked(taken.membership, at(15))
    async with desk.gifts.database.engine(HOLDER, desk.gifts.now) as tx:
        await lock_memberships(tx.conn, [taken.membership])
        tie = asyncio.create_task(desk.tie(taken, booked))
        await until_blocked(conn)
        cancel = asyncio.create_task(desk.step(booked, Step.CANCEL, by_member=True))
        await until_blocked(conn, count=2)
    assert (await tie).wait is not None
    await cancel
    assert (await desk.gifts.gift(taken.gift_id)).wait is None


async def test_a_storm_of_moves_ties_and_collections_ends_without_a_circle(desk: TieDesk, conn: Conn) -> None:
    """Everybody moves within the same few places, while desks, counters and members are at their gifts. A deadlock
    would rise here: only refusals are part of it."""
    taken = [await desk.claimed(units=2 * MEMBERS) for _ in range(MEMBERS)]
    booked = {one.membership: await desk.booked(one.membership, at(13 + place % 3)) for place, one in enumerate(taken)}
    taken += [await desk.gifts.claim(one.membership) for one in taken]
    random = Random(7)

    async def act(one: Gift) -> None:
        member = one.membership
        for _ in range(ROUNDS):
            with suppress(DomainError):
                match random.randrange(8):
                    case 0 | 1:
                        await desk.tie(one, booked[member])
                    case 2 | 3:
                        to = at(13 + random.randrange(4), days=random.randrange(3))
                        booked[member] = await desk.diary.move(member, booked[member], to)
                    case 4:
                        await desk.gifts.untie(one)
                    case 5:
                        await desk.gifts.collect_at(BRAND, one)
                    case 6 if random.random() < 0.3:
                        await desk.gifts.cancel(one)
                    case _:
                        await desk.gifts.forfeit()

    await asyncio.gather(*(act(one) for one in taken))
    states = [await check_where_it_is(desk, conn, one) for one in taken]
    level = await desk.gifts.level()
    confirmed = len(states) - states.count(GiftState.CANCELLED)
    assert (level.total, level.confirmed, level.available) == (len(states), confirmed, len(states) - confirmed)


async def check_where_it_is(desk: TieDesk, conn: Conn, given: Gift) -> GiftState:
    """What waits for a visit waits where that is by now, until its day ends."""
    found = await desk.gifts.gift(given.gift_id)
    if found.wait is not None and found.state in WAITING:
        [stop] = await list_current(conn, [found.wait.uid])
        ends = business_day_ends(SHOP, business_date(SHOP, stop.period.start))
        assert (found.wait.counter_id, found.wait.until) == (stop.counter_id, ends)
    return found.state
