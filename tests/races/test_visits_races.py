"""Many members about the same visits: whoever has one has all of it, nobody deadlocks, nobody is in two places."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import permutations

import pytest

from membership.appointments import store as appointments
from membership.appointments.errors import HoldExpired
from membership.appointments.lapsing import end_lapsed
from membership.appointments.model import AppointmentState, Service, Stop
from membership.appointments.rules.states import HOLD
from membership.kernel.actor import Actor, Role
from membership.members.model import MembershipKey
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.visits import store
from membership.visits.errors import VisitPartlyUnavailable, VisitStepRefused
from membership.visits.model import Made, NewTime
from support.appointment_desk import at
from support.blocked import until_blocked
from support.visit_desk import VisitDesk, one_after_another, open_visit_desk

HOLDER = Actor(Role.SERVICE, "holder")
CLIENTS = 40
OVERLAPS = """
    SELECT count(*) FROM appointments.occupied one JOIN appointments.occupied other
        ON one.resource_id = other.resource_id AND one.during && other.during
        AND one.appointment_id < other.appointment_id
    WHERE one.live AND other.live
"""
BROKEN = """
    SELECT count(*) FROM (
        SELECT visit_id, count(*) FILTER (WHERE state = 'CONFIRMED') AS live
        FROM appointments.appointments GROUP BY visit_id
    ) visit
    WHERE live NOT IN (0, $1)
"""
"""Visits that have some of their stops and not the others."""


@pytest.fixture
async def desk(database: Database, conn: Conn) -> VisitDesk:
    return await open_visit_desk(database, conn)


async def contest(desk: VisitDesk, asked: Sequence[tuple[MembershipKey, Sequence[Stop]]]) -> list[Made | BaseException]:
    return await asyncio.gather(*(desk.book(member, *stops) for member, stops in asked), return_exceptions=True)


def kinds(answers: Sequence[object]) -> Counter[str]:
    return Counter(type(answer).__name__ for answer in answers)


async def assert_whole(conn: Conn, stops: int) -> None:
    assert await conn.fetchval(OVERLAPS) == 0
    assert await conn.fetchval(BROKEN, stops) == 0


async def test_of_forty_in_mixed_order_one_has_the_visit(desk: VisitDesk, conn: Conn) -> None:
    """A1, A4."""
    orders = list(permutations(one_after_another(await desk.services())))
    asked = [(await desk.join(), orders[number % len(orders)]) for number in range(CLIENTS)]
    answers = await contest(desk, asked)
    assert kinds(answers) == {"Made": 1, "VisitPartlyUnavailable": CLIENTS - 1}
    assert await conn.fetchval("SELECT count(*) FROM visits.visits") == 1
    await assert_whole(conn, 3)


async def test_a_storm_over_many_visits_fills_what_can_be_had(desk: VisitDesk, conn: Conn) -> None:
    """Each slot has one winner at most; whoever has nothing finds a stop of theirs taken."""
    services = await desk.services(5)
    asked = [(await desk.join(), _visit(services, number)) for number in range(CLIENTS)]
    answers = await contest(desk, asked)
    assert kinds(answers).keys() <= {"Made", "VisitPartlyUnavailable"}
    assert kinds(answers)["Made"] >= 5
    await assert_whole(conn, 3)
    taken = {
        (stop.service_id, stop.period.start)
        for answer in answers
        if isinstance(answer, Made)
        for stop in answer.record.stops
    }
    assert len(taken) == 3 * kinds(answers)["Made"]
    for (_, stops), answer in zip(asked, answers, strict=True):
        if isinstance(answer, VisitPartlyUnavailable):
            named = {(stops[entry.place].service_id, stops[entry.place].starts_at) for entry in answer.stops}
            assert named <= taken


def _visit(services: Sequence[Service], number: int) -> list[Stop]:
    """Three of five services at six times, turned about."""
    chosen = [services[(number + by * (1 + number % 2)) % 5] for by in range(3)]
    stops = [Stop(service.service_id, at(13 + number % 6 + place)) for place, service in enumerate(chosen)]
    return stops if number % 3 else stops[::-1]


async def test_a_storm_of_moves_and_cancellations_leaves_every_visit_whole(desk: VisitDesk, conn: Conn) -> None:
    """A4, A5: each move frees what others ask for at the same moment."""
    services = await desk.services()
    members = [await desk.join() for _ in range(6)]
    made = [
        await desk.book(member, *one_after_another(services, 12 + place, days=place))
        for place, member in enumerate(members)
    ]
    moves = [
        desk.move(
            member, visit, *_times(visit, one_after_another(services, 12 + (place + by) % 6, days=(place + by) % 6))
        )
        for by in (1, 2, 3, 4, 5)
        for place, (member, visit) in enumerate(zip(members, made, strict=True))
    ]
    cancels = [desk.cancel(members[place], made[place]) for place in (1, 4)]
    books = [
        desk.book(await desk.join(), *one_after_another(services, 12 + place, days=place)[::-1]) for place in range(6)
    ]
    answers = await asyncio.gather(*moves, *cancels, *books, return_exceptions=True)
    assert kinds(answers).keys() <= {
        "Made",
        "VisitPartlyUnavailable",
        "UnknownAppointment",  # moved by another of these: its stops have other ids
        "AppointmentStepRefused",
        "VisitStepRefused",
    }
    await assert_whole(conn, 3)
    records = await store.list_records(conn, [visit.record.visit.visit_id for visit in made])
    assert [len(record.stops) for record in records] == [3] * 6


def _times(visit: Made, stops: Sequence[Stop]) -> list[NewTime]:
    return [NewTime(old.appointment_id, stop.starts_at) for old, stop in zip(visit.record.stops, stops, strict=True)]


async def test_two_visits_move_to_one_place_and_the_loser_keeps_the_old(desk: VisitDesk, conn: Conn) -> None:
    """A5, deterministic: both have judged nothing yet when the resources are let go."""
    services = await desk.services(2)
    members = [await desk.join(), await desk.join()]
    made = [
        await desk.book(member, *one_after_another(services, 12 + 4 * place)) for place, member in enumerate(members)
    ]
    target = one_after_another(services, 18, days=1)
    every = sorted(resource for service in services for resource in service.resource_ids)
    async with desk.visits.database.engine(HOLDER, desk.now) as tx:
        await appointments.lock_resources(tx.conn, every)
        moves = [
            asyncio.create_task(desk.move(member, visit, *_times(visit, target)))
            for member, visit in zip(members, made, strict=True)
        ]
        await until_blocked(conn, count=2)
    answers = await asyncio.gather(*moves, return_exceptions=True)
    assert kinds(answers) == {"Made": 1, "VisitPartlyUnavailable": 1}
    loser = next(place for place, answer in enumerate(answers) if not isinstance(answer, Made))
    [kept] = await store.list_records(conn, [made[loser].record.visit.visit_id])
    assert kept == made[loser].record
    assert [len(stops) for stops in desk.freed] == [2]
    await assert_whole(conn, 2)


async def test_a_move_beside_a_cancellation_of_the_visit(desk: VisitDesk, conn: Conn) -> None:
    """One waits for the other at the member; whichever is second finds what the first has left."""
    member, services = await desk.join(), await desk.services(2)
    made = await desk.book(member, *one_after_another(services))
    async with desk.visits.database.engine(HOLDER, desk.now) as tx:
        await lock_memberships(tx.conn, [member])
        cancel = asyncio.create_task(desk.cancel(member, made))
        await until_blocked(conn)
        move = asyncio.create_task(desk.move(member, made, *_times(made, one_after_another(services, 18))))
        await until_blocked(conn, count=2)
    answers = await asyncio.gather(cancel, move, return_exceptions=True)
    assert kinds(answers)["Made"] >= 1
    assert kinds(answers).keys() <= {"Made", "AppointmentStepRefused", "UnknownAppointment"}
    [record] = await store.list_records(conn, [made.record.visit.visit_id])
    assert len({stop.state for stop in record.stops}) == 1
    await assert_whole(conn, 2)


async def test_a_visit_is_confirmed_once_by_two(desk: VisitDesk, conn: Conn) -> None:
    member, services = await desk.join(), await desk.services(2)
    held = await desk.hold(member, *one_after_another(services))
    async with desk.visits.database.engine(HOLDER, desk.now) as tx:
        await lock_memberships(tx.conn, [member])
        both = [asyncio.create_task(desk.confirm(member, held)) for _ in range(2)]
        await until_blocked(conn, count=2)
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert kinds(answers) == {"Made": 1, "VisitStepRefused": 1}
    assert any(isinstance(answer, VisitStepRefused) and answer.state == "BOOKED" for answer in answers)
    await assert_whole(conn, 2)


async def test_a_repeat_at_the_same_moment_makes_no_second_visit(desk: VisitDesk, conn: Conn) -> None:
    member, services = await desk.join(), await desk.services()
    stops = one_after_another(services)
    answers = await asyncio.gather(*(desk.book(member, *stops, key="once") for _ in range(10)))
    assert len({answer.record.visit.visit_id for answer in answers}) == 1
    assert await conn.fetchval("SELECT count(*) FROM visits.visits") == 1


async def test_a_hold_that_is_ended_while_it_is_confirmed_has_expired(desk: VisitDesk, conn: Conn) -> None:
    """Confirmed in its last moment, and ended by whoever came a moment later and was faster."""
    member, services = await desk.join(), await desk.services(2)
    held = await desk.hold(member, *one_after_another(services))
    async with desk.visits.database.engine(HOLDER, desk.now + HOLD) as tx:
        await end_lapsed(tx, {held.record.stops[0].appointment_id: AppointmentState.HELD})
        confirming = asyncio.create_task(desk.confirm(member, held))
        await until_blocked(conn)
    with pytest.raises(HoldExpired):
        await confirming
    assert sorted(await desk.appointments.states()) == ["EXPIRED", "HELD"]
