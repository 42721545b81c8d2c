"""A merge beside bookings, and beside whoever ends what has lapsed: the appointment is the winner's, whichever came
first, and nobody is in two places."""

import asyncio

import pytest

from membership.accounts.merge import take_over
from membership.accounts.model import MergeMembers
from membership.appointments import store
from membership.appointments.errors import MemberElsewhere
from membership.appointments.holding import hold_stops
from membership.appointments.lapsing import end_due, end_lapsed
from membership.appointments.model import Service, Stop
from membership.appointments.rules.states import HOLD
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import RELAY
from support.appointment_contest import HOLDER, hold_rows
from support.appointment_desk import AppointmentDesk, at, new_key, open_appointment_desk
from support.blocked import until_blocked
from support.people import account_workings, services_of


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


@pytest.fixture
async def fitting(desk: AppointmentDesk) -> Service:
    return await desk.service("FITTING", units=3)


@pytest.fixture
async def two(desk: AppointmentDesk) -> tuple[MembershipKey, MembershipKey]:
    """A winner and a loser to be."""
    return await desk.join(), await desk.join()


async def owners(conn: Conn) -> set[object]:
    rows = await conn.fetch(
        "SELECT a.member_id, o.resource_id FROM appointments.appointments a JOIN appointments.occupied o"
        " USING (appointment_id) LEFT JOIN appointments.resources r USING (resource_id) WHERE r.resource_id IS NULL"
    )
    return {value for row in rows for value in row}


async def test_a_booking_that_came_first_is_moved(
    desk: AppointmentDesk, conn: Conn, fitting: Service, two: tuple[MembershipKey, MembershipKey]
) -> None:
    winner, loser = two
    await desk.book(winner, Stop(fitting.service_id, at(14)))
    directory = await desk.appointments.directories.directory(desk.now)
    async with desk.database.engine(desk.member(loser), desk.now) as tx:
        await hold_stops(tx, directory, loser, [Stop(fitting.service_id, at(14))], new_id=new_id)
        merging = asyncio.create_task(desk.merge(loser, winner))
        await until_blocked(conn)
    await merging
    assert await owners(conn) == {winner.member_id}
    assert await desk.states() == ["CONFIRMED", "CANCELLED"]


@pytest.mark.parametrize("hour", [14, 16])
async def test_a_booking_that_waited_for_the_merge_is_the_winners(
    desk: AppointmentDesk, conn: Conn, fitting: Service, two: tuple[MembershipKey, MembershipKey], hour: int
) -> None:
    """And meets what the winner has."""
    winner, loser = two
    await desk.book(winner, Stop(fitting.service_id, at(14)))
    command = MergeMembers(new_key(), winner_id=winner.member_id, loser_id=loser.member_id)
    async with desk.database.engine(services_of(desk.store), desk.now) as tx:
        await take_over(account_workings(desk.database), tx, command)
        booking = asyncio.create_task(desk.book(loser, Stop(fitting.service_id, at(hour))))
        await until_blocked(conn)
    if hour == 14:
        with pytest.raises(MemberElsewhere):
            await booking
    else:
        assert [entry.membership for entry in await booking] == [winner]
    assert await owners(conn) == {winner.member_id}


async def test_a_merge_waits_for_whoever_ends_what_has_lapsed(
    desk: AppointmentDesk, conn: Conn, fitting: Service, two: tuple[MembershipKey, MembershipKey]
) -> None:
    winner, loser = two
    await desk.hold(loser, Stop(fitting.service_id, at(14)))
    desk.clock.advance(HOLD)
    async with desk.database.engine(RELAY, desk.now) as tx:
        await end_lapsed(tx, await store.lock_lapsed_batch(tx.conn, now=desk.now, limit=1))
        merging = asyncio.create_task(desk.merge(loser, winner))
        await until_blocked(conn)
    await merging
    assert (await owners(conn), await desk.states(), await desk.live()) == ({winner.member_id}, ["EXPIRED"], 0)


async def test_a_booking_that_needs_a_place_of_the_merged_waits_and_has_it(
    desk: AppointmentDesk, conn: Conn, two: tuple[MembershipKey, MembershipKey]
) -> None:
    """The merge locks what is held by id, as the booking does that ends it."""
    single, (winner, loser) = await desk.service("SINGLE", units=1), two
    for hour in (14, 16):
        await desk.hold(loser, Stop(single.service_id, at(hour)))
    command = MergeMembers(new_key(), winner_id=winner.member_id, loser_id=loser.member_id)
    other = await desk.join()
    async with desk.database.engine(services_of(desk.store), desk.now) as tx:
        await take_over(account_workings(desk.database), tx, command)
        desk.clock.advance(HOLD)
        booking = asyncio.create_task(desk.book(other, Stop(single.service_id, at(14))))
        await until_blocked(conn)
        assert await asyncio.wait_for(end_due(desk.database, RELAY, desk.now, limit=9), 5) == 0
    assert [entry.membership for entry in await booking] == [other]
    assert await desk.states() == ["EXPIRED", "EXPIRED", "CONFIRMED"]
    assert await owners(conn) == {winner.member_id, other.member_id}


@pytest.mark.parametrize("merge_first", [False, True])
async def test_a_merge_and_a_booking_lock_what_is_held_in_one_order(
    desk: AppointmentDesk, conn: Conn, two: tuple[MembershipKey, MembershipKey], merge_first: bool
) -> None:
    """Whoever comes second waits at the first of the holds, with nothing in hand."""
    single, (winner, loser) = await desk.service("SINGLE", units=1), two
    held = [(await desk.hold(loser, Stop(single.service_id, at(hour))))[0].appointment_id for hour in (14, 16)]
    other = await desk.join()
    desk.clock.advance(HOLD)
    both = [desk.book(other, Stop(single.service_id, at(14))), desk.merge(loser, winner)]
    async with desk.database.engine(HOLDER, desk.now) as tx:
        await hold_rows(tx, [min(held)])
        tasks = []
        for work in reversed(both) if merge_first else both:
            tasks.append(asyncio.create_task(work))
            await until_blocked(conn, count=len(tasks))
    for task in tasks:
        await task
    assert await desk.states() == ["EXPIRED", "EXPIRED", "CONFIRMED"]
    assert await owners(conn) == {winner.member_id, other.member_id}
