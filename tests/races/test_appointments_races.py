"""Many at once about the same slots: exactly one winner each, nobody in two places, no deadlock."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations

import asyncpg
import pytest

from membership.appointments import store
from membership.appointments.errors import (
    AppointmentStepRefused,
    HoldExpired,
    MemberElsewhere,
    SlotTaken,
)
from membership.appointments.holding import hold_stops
from membership.appointments.model import (
    Appointment,
    ResourceKind,
    Stop,
)
from membership.appointments.rules.states import HOLD
from membership.appointments.rules.steps import Step
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.service import DirectoryCache
from sample_store import add_member, load_world
from support.appointment_contest import HOLDER, assert_nobody_twice, hold_rows, services_of
from support.appointment_desk import (
    AppointmentDesk,
    at,
    new_key,
    open_appointment_desk,
)
from support.blocked import until_blocked

CLIENTS = 40


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def contest(
    desk: AppointmentDesk, asked: Sequence[tuple[MembershipKey, Sequence[Stop]]]
) -> list[list[Appointment] | BaseException]:
    """All at once, each a visit."""
    return await asyncio.gather(*(desk.book(member, *stops) for member, stops in asked), return_exceptions=True)


async def test_of_forty_visits_to_the_same_three_slots_one_wins(desk: AppointmentDesk, conn: Conn) -> None:
    """A1, A4: asked for in every order."""
    services = await services_of(desk, 3)
    stops = [Stop(service.service_id, at(14 + place)) for place, service in enumerate(services)]
    orders = list(permutations(stops))
    asked = [(await desk.join(), orders[number % len(orders)]) for number in range(CLIENTS)]
    answers = await contest(desk, asked)
    assert Counter(type(answer).__name__ for answer in answers) == {"list": 1, "SlotTaken": CLIENTS - 1}
    assert await desk.states() == ["CONFIRMED"] * 3
    await assert_nobody_twice(conn)


async def test_a_storm_over_visits_in_mixed_order_fills_and_never_overlaps(desk: AppointmentDesk, conn: Conn) -> None:
    """A1, A4, A9: whoever lost would still lose."""
    services = await services_of(desk, 3)
    asked = []
    for number in range(CLIENTS):
        order = list(permutations(services))[number % 6]
        stops = [Stop(service.service_id, at(14 + place)) for place, service in enumerate(order)]
        asked.append((await desk.join(), stops if number % 2 else stops[::-1]))
    answers = await contest(desk, asked)
    kinds = Counter(type(answer).__name__ for answer in answers)
    assert set(kinds) == {"list", "SlotTaken"}
    assert len(await desk.states()) == 3 * kinds["list"]
    await assert_nobody_twice(conn)
    lost = [entry for entry, answer in zip(asked, answers, strict=True) if isinstance(answer, SlotTaken)]
    for member, stops in lost:
        with pytest.raises(SlotTaken):
            await desk.book(member, *stops)


async def test_a_capacity_is_filled_and_never_passed(desk: AppointmentDesk) -> None:
    """A3."""
    tasting = await desk.service("TASTING", units=7)
    answers = await contest(desk, [(await desk.join(), [Stop(tasting.service_id, at(15))]) for _ in range(CLIENTS)])
    kinds = Counter(type(answer).__name__ for answer in answers)
    assert kinds == {"list": 7, "CapacityReached": CLIENTS - 7}


async def test_opposite_visits_wait_in_line(desk: AppointmentDesk, conn: Conn) -> None:
    """Both need what the other one begins with; the locks are taken by id, whatever the order of the stops."""
    first, second = await services_of(desk, 2)
    there = [Stop(first.service_id, at(14)), Stop(second.service_id, at(16))]
    back = [Stop(second.service_id, at(14)), Stop(first.service_id, at(16))]
    members = [await desk.join(), await desk.join()]
    every = sorted(first.resource_ids | second.resource_ids)
    async with desk.database.engine(HOLDER, desk.now) as tx:
        await store.lock_resources(tx.conn, every)
        visits = [
            asyncio.create_task(desk.book(member, *stops)) for member, stops in zip(members, (there, back), strict=True)
        ]
        await until_blocked(conn, count=2)
    assert [len(await visit) for visit in visits] == [2, 2]
    await assert_nobody_twice(conn)


async def test_a_member_books_two_counters_at_once_and_is_at_one(desk: AppointmentDesk, conn: Conn) -> None:
    """A9."""
    first, second = await services_of(desk, 2)
    member = await desk.join()
    async with desk.database.engine(HOLDER, desk.now) as tx:
        await lock_memberships(tx.conn, [member])
        both = [asyncio.create_task(desk.book(member, Stop(service.service_id, at(14)))) for service in (first, second)]
        await until_blocked(conn, count=2)
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["MemberElsewhere", "list"]
    await assert_nobody_twice(conn)


async def test_a_member_of_two_programmes_is_one_person(database: Database, conn: Conn) -> None:
    """A9, where no common lock is taken: the constraint decides."""
    desk = await open_appointment_desk(database, conn)
    abroad = AppointmentDesk(database, conn, (await load_world(conn)).brompton, desk.appointments)
    here = await desk.join()
    there = await add_member(conn, abroad.store, member_id=here.member_id, card_number="999999999999")
    fitting = await desk.service("FITTING", units=1)
    code = next(iter(abroad.store.counters))
    viewing = await abroad.service("VIEWING", units=1, counter=code)
    async with desk.database.engine(desk.member(here), desk.now) as tx:
        directory = await DirectoryCache(database.pool).directory(desk.now)
        await hold_stops(tx, directory, here, [Stop(fitting.service_id, at(19))], new_id=new_id)
        rival = asyncio.create_task(abroad.book(there, Stop(viewing.service_id, at(19))))
        await until_blocked(conn)
    with pytest.raises(MemberElsewhere):
        await rival
    await assert_nobody_twice(conn)


async def test_two_move_to_one_slot_and_the_loser_keeps_the_old(desk: AppointmentDesk, conn: Conn) -> None:
    """A5."""
    [service] = await services_of(desk, 1)
    members = [await desk.join(), await desk.join()]
    booked = [
        (await desk.book(member, Stop(service.service_id, at(14 + place))))[0] for place, member in enumerate(members)
    ]
    [associate] = service.candidates[ResourceKind.ASSOCIATE]
    async with desk.database.engine(HOLDER, desk.now) as tx:
        await store.lock_resources(tx.conn, [associate])
        moves = [
            asyncio.create_task(desk.move(member, entry, at(18))) for member, entry in zip(members, booked, strict=True)
        ]
        await until_blocked(conn, count=2)
    answers = await asyncio.gather(*moves, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Appointment", "SlotTaken"]
    loser = next(place for place, answer in enumerate(answers) if isinstance(answer, SlotTaken))
    assert await store.list_appointments(conn, [booked[loser].appointment_id]) == [booked[loser]]
    assert Counter(await desk.states()) == {"CONFIRMED": 2, "SUPERSEDED": 1}
    await assert_nobody_twice(conn)


async def test_confirming_beside_whoever_clears_the_hold(desk: AppointmentDesk, conn: Conn) -> None:
    """A10 against its limit: one has the slot, whichever came first."""
    [service] = await services_of(desk, 1)
    owner, other = await desk.join(), await desk.join()
    stop = Stop(service.service_id, at(18))
    [held] = await desk.hold(owner, stop)
    in_time, over = desk.now + HOLD - timedelta(seconds=1), desk.now + HOLD
    async with desk.database.engine(HOLDER, desk.now) as tx:
        await hold_rows(tx, [held.appointment_id])
        confirm = asyncio.create_task(
            desk.appointments.confirm(desk.member(owner), in_time, [held.appointment_id], key=new_key())
        )
        await until_blocked(conn)
        book = asyncio.create_task(desk.appointments.book(desk.member(other), over, other, [stop], key=new_key()))
        await until_blocked(conn, count=2)
    answers = await asyncio.gather(confirm, book, return_exceptions=True)
    won = [answer for answer in answers if isinstance(answer, list)]
    assert len(won) == 1
    [refused] = [answer for answer in answers if not isinstance(answer, list)]
    assert isinstance(refused, SlotTaken | HoldExpired | AppointmentStepRefused)
    assert await desk.live() == 3
    await assert_nobody_twice(conn)


async def test_bookings_that_clear_the_same_holds_wait_in_line(desk: AppointmentDesk, conn: Conn) -> None:
    """A hold of a visit lies on the resources of both counters; whoever comes second finds it cleared."""
    first, second = await services_of(desk, 2)
    for _ in range(2):
        await desk.hold(await desk.join(), Stop(first.service_id, at(18)), Stop(second.service_id, at(20)))
        desk.clock.advance(HOLD)
    held = [row["appointment_id"] for row in await conn.fetch("SELECT appointment_id FROM appointments.appointments")]
    members = [await desk.join(), await desk.join()]
    async with desk.database.engine(HOLDER, desk.now) as tx:
        await hold_rows(tx, held)
        books = [
            asyncio.create_task(desk.book(member, Stop(service.service_id, at(18))))
            for member, service in zip(members, (first, second), strict=True)
        ]
        await until_blocked(conn, count=2)
    assert [len(await book) for book in books] == [1, 1]
    assert Counter(await desk.states()) == {"EXPIRED": 4, "CONFIRMED": 2}


async def test_cancelled_once_by_two(desk: AppointmentDesk, conn: Conn) -> None:
    [service] = await services_of(desk, 1)
    member = await desk.join()
    [booked] = await desk.book(member, Stop(service.service_id, at(18)))
    async with desk.database.engine(HOLDER, desk.now) as tx:
        await lock_memberships(tx.conn, [member])
        both = [asyncio.create_task(desk.step(booked, Step.CANCEL)) for _ in range(2)]
        await until_blocked(conn, count=2)
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Appointment", "AppointmentStepRefused"]


async def test_below_the_locks_the_database_refuses_an_overlap(desk: AppointmentDesk, conn: Conn) -> None:
    """A1 for whoever forgets them."""
    [service] = await services_of(desk, 1)
    booked = [(await desk.book(await desk.join(), Stop(service.service_id, at(hour))))[0] for hour in (14, 16)]
    with pytest.raises(asyncpg.ExclusionViolationError, match="occupied_once"):
        await conn.execute(
            "UPDATE appointments.occupied SET during = (SELECT during FROM appointments.occupied"
            " WHERE appointment_id = $1 AND resource_id = $2) WHERE appointment_id = $3 AND resource_id = $2",
            booked[0].appointment_id,
            booked[0].associate_id,
            booked[1].appointment_id,
        )
