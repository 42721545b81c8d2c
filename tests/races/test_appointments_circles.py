"""Circles that the order of locks leaves no room for: see membership.appointments.locking."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from membership.appointments import store
from membership.appointments.changing import book_held, change, lock_own
from membership.appointments.errors import CapacityReached, MemberElsewhere, SlotTaken
from membership.appointments.holding import hold_stops
from membership.appointments.locking import lock_services, try_lock_member
from membership.appointments.model import Appointment, AppointmentState, ResourceKind, Stop
from membership.appointments.rules.states import HOLD
from membership.appointments.rules.steps import Step
from membership.kernel.ids import new_id
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction
from membership.stores.service import DirectoryCache
from sample_store import add_member, load_world
from support.appointment_contest import HOLDER, assert_nobody_twice, hold_rows, services_of
from support.appointment_desk import AppointmentDesk, at, new_key, open_appointment_desk, rules
from support.blocked import until_blocked


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def test_whoever_waits_for_a_person_has_nobodys_time_in_hand(database: Database, conn: Conn) -> None:
    """A person books in two programmes at once: the second waits before it locks a resource, or it would wait inside
    the constraint, where two can wait for each other, and keep everybody else from the counter."""
    desk = await open_appointment_desk(database, conn)
    abroad = AppointmentDesk(database, conn, (await load_world(conn)).brompton, desk.appointments)
    here = await desk.join()
    there = await add_member(conn, abroad.store, member_id=here.member_id, card_number="999999999999")
    fitting = await desk.service("FITTING", units=1)
    viewing = await abroad.service("VIEWING", units=1, counter=next(iter(abroad.store.counters)))
    directory = await DirectoryCache(database.pool).directory(desk.now)
    async with desk.database.engine(desk.member(here), desk.now) as tx:
        await hold_stops(tx, directory, here, [Stop(fitting.service_id, at(19))], new_id=new_id)
        rival = asyncio.create_task(abroad.book(there, Stop(viewing.service_id, at(19))))
        await until_blocked(conn)
        somebody = await add_member(conn, abroad.store, card_number="999999999998")
        assert len(await asyncio.wait_for(abroad.book(somebody, Stop(viewing.service_id, at(21))), 5)) == 1
    with pytest.raises(MemberElsewhere):
        await rival


async def test_whoever_waits_for_a_lapsed_hold_has_nothing_that_its_owner_may_want(
    desk: AppointmentDesk, conn: Conn
) -> None:
    """The owner gives up a hold in time and tells who waits, who wants the resource; the other, by whose clock the hold
    has lapsed, waits for it."""
    [service] = await services_of(desk, 1)
    owner, other = await desk.join(), await desk.join()
    [held] = await desk.hold(owner, Stop(service.service_id, at(18)))
    over = desk.now + HOLD
    async with desk.database.engine(desk.member(owner), desk.now) as tx:
        [seen] = await lock_own(tx, [held.appointment_id])
        await change(tx, seen, AppointmentState.CANCELLED)
        book = asyncio.create_task(
            desk.appointments.book(desk.member(other), over, other, [Stop(service.service_id, at(18))], key=new_key())
        )
        await until_blocked(conn)
        assert set(await lock_services(tx, [service.service_id])) == {service.service_id}
    assert len(await book) == 1
    assert await desk.states() == ["CANCELLED", "CONFIRMED"]


async def test_a_request_made_in_time_is_not_ended_by_whoever_waited_for_it(desk: AppointmentDesk, conn: Conn) -> None:
    """What has lapsed is looked at again once its lock is there: it was booked meanwhile, and waits for its answer."""
    viewing = await desk.service("VIEWING", units=1, given=rules(answer_minutes=60))
    owner, other = await desk.join(), await desk.join()
    stop = Stop(viewing.service_id, at(18))
    [held] = await desk.hold(owner, stop)
    directory = await DirectoryCache(desk.database.pool).directory(desk.now)
    async with desk.database.engine(desk.member(owner), desk.now) as tx:
        await book_held(tx, directory, await lock_own(tx, [held.appointment_id]))
        book = asyncio.create_task(
            desk.appointments.book(desk.member(other), desk.now + HOLD, other, [stop], key=new_key())
        )
        await until_blocked(conn)
    with pytest.raises(CapacityReached):
        await book
    assert await desk.states() == ["PENDING"]


async def test_a_hook_leaves_what_is_in_other_hands(desk: AppointmentDesk, conn: Conn) -> None:
    """Neither a member who is busy nor a hold that somebody is ending is waited for; what was left counts as taken."""
    [service] = await services_of(desk, 1)
    owner, busy, waiting = [await desk.join() for _ in range(3)]
    stop = Stop(service.service_id, at(18))
    [held] = await desk.hold(owner, stop)
    desk.clock.advance(HOLD)
    directory = await DirectoryCache(desk.database.pool).directory(desk.now)
    async with desk.database.engine(HOLDER, desk.now) as holder, desk.database.engine(HOLDER, desk.now) as hook:
        await lock_memberships(holder.conn, [busy])
        await hold_rows(holder, [held.appointment_id])
        async with asyncio.timeout(5):
            await lock_services(hook, [service.service_id])
            assert [await try_lock_member(hook, member) for member in (busy, waiting)] == [False, True]
            refused = await hold_stops(hook, directory, waiting, [stop], new_id=new_id, waits=False)
        assert (refused.appointments, [type(why) for why in refused.refusals.values()]) == ({}, [SlotTaken])
    async with desk.database.engine(HOLDER, desk.now) as hook:
        await lock_services(hook, [service.service_id])
        assert await try_lock_member(hook, waiting)
        offered = await hold_stops(hook, directory, waiting, [stop], new_id=new_id, waits=False)
    assert len(offered.appointments) == 1
    assert await desk.states() == ["EXPIRED", "HELD"]


async def test_two_who_free_a_place_offer_it_to_each_other(desk: AppointmentDesk, conn: Conn) -> None:
    """Each has cancelled, has its own member in hand and offers the place to the other one's."""
    [service] = await services_of(desk, 1)
    members = [await desk.join(), await desk.join()]
    booked = [
        (await desk.book(member, Stop(service.service_id, at(14 + 2 * place))))[0]
        for place, member in enumerate(members)
    ]
    directory = await DirectoryCache(desk.database.pool).directory(desk.now)
    offers: list[bool] = []

    async def offer(tx: Transaction, freed: Sequence[Appointment]) -> None:
        await lock_services(tx, {entry.service_id for entry in freed})
        for entry in freed:
            [other] = [member for member in members if member != entry.membership]
            free = await try_lock_member(tx, other)
            if free:
                stop = Stop(entry.service_id, entry.period.start)
                await hold_stops(tx, directory, other, [stop], new_id=new_id, waits=False)
            offers.append(free)

    hooked = replace(desk.appointments, on_freed=offer)
    [associate] = service.candidates[ResourceKind.ASSOCIATE]
    async with desk.database.engine(HOLDER, desk.now) as tx:
        await store.lock_resources(tx.conn, [associate])
        cancels = [
            asyncio.create_task(
                hooked.take_step(
                    desk.member(entry.membership), desk.now, entry.appointment_id, Step.CANCEL, key=new_key()
                )
            )
            for entry in booked
        ]
        await until_blocked(conn, count=2)
    done = await asyncio.gather(*cancels)
    assert {entry.state for entry in done} <= {AppointmentState.CANCELLED, AppointmentState.LATE_CANCELLED}
    # The first to get there finds the other one busy; the second finds the first gone or still committing.
    assert offers[0] is False
    await assert_nobody_twice(conn)


@pytest.mark.parametrize("confirm_first", [False, True])
async def test_steps_and_whoever_ends_what_has_lapsed_lock_in_one_order(
    desk: AppointmentDesk, conn: Conn, confirm_first: bool
) -> None:
    """A visit is booked in time beside somebody by whose clock it has lapsed: one of them has it, all of it."""
    services = await services_of(desk, 2)
    owner, other = await desk.join(), await desk.join()
    stops = [Stop(service.service_id, at(18 + 2 * place)) for place, service in enumerate(services)]
    held = [entry.appointment_id for entry in await desk.hold(owner, *stops)]
    confirm = desk.appointments.confirm(desk.member(owner), desk.now, held, key=new_key())
    book = desk.appointments.book(desk.member(other), desk.now + HOLD, other, stops, key=new_key())
    async with desk.database.engine(HOLDER, desk.now) as tx:
        await hold_rows(tx, [min(held)])
        tasks: list[asyncio.Task[list[Appointment]]] = []
        for work in (confirm, book) if confirm_first else (book, confirm):
            tasks.append(asyncio.create_task(work))
            await until_blocked(conn, count=len(tasks))
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == [
        "list",
        "SlotTaken" if confirm_first else "HoldExpired",
    ]
    assert await desk.live() == 6
    await assert_nobody_twice(conn)
