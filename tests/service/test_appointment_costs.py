"""How many statements listing, booking and stepping cost: as many for one service as for ten, for one associate as for
twenty, for one stop as for five."""

from collections.abc import Awaitable
from typing import TypeVar

import pytest

from membership.appointments.model import Stop
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_desk import COUNTER, OTHER_COUNTER, TODAY, AppointmentDesk, at, open_appointment_desk

Result = TypeVar("Result")

LISTING, BOOKING, MOVING, CANCELLING = 2, 12, 17, 7
"""Of all tables, with the key and the member's locks; BEGIN and COMMIT come on top."""


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def stops_at(desk: AppointmentDesk, number: int, associates: int) -> list[Stop]:
    counters = [COUNTER, OTHER_COUNTER]
    made = [
        await desk.service(f"S{number}-{place}", associates=associates, rooms=1, counter=counters[place % 2])
        for place in range(number)
    ]
    return [Stop(service.service_id, at(13 + place)) for place, service in enumerate(made)]


@pytest.mark.parametrize(("number", "associates"), [(1, 1), (1, 20), (5, 1), (5, 4)])
async def test_a_booking_costs_the_same_whatever_it_looks_at(
    desk: AppointmentDesk, statements: list[str], number: int, associates: int
) -> None:
    stops, member = await stops_at(desk, number, associates), await desk.join()

    services = [stop.service_id for stop in stops]

    async def cost(of: Awaitable[Result]) -> tuple[int, Result]:
        statements.clear()
        result = await of
        return sum(not text.startswith(("BEGIN", "COMMIT")) for text in statements), result

    # The directory is read once.
    await desk.book(await desk.join(), Stop(services[0], at(20)))
    listing, _ = await cost(desk.appointments.availability(desk.actor(), desk.now, services, [TODAY]))
    own, _ = await cost(
        desk.appointments.availability(desk.member(member), desk.now, services, [TODAY], membership=member)
    )
    assert own == listing + 1
    booking, [first, *_] = await cost(desk.book(member, *stops))
    moving, moved = await cost(desk.move(member, first, at(21)))
    cancelling, _ = await cost(desk.cancel(member, moved))
    assert (listing, booking, moving, cancelling) == (LISTING, BOOKING, MOVING, CANCELLING)


async def test_a_visit_that_was_held_is_booked_by_as_many_statements_as_one_stop(
    desk: AppointmentDesk, statements: list[str]
) -> None:
    costs = []
    for number in (1, 5):
        member = await desk.join()
        held = await desk.hold(member, *await stops_at(desk, number, 1))
        statements.clear()
        await desk.confirm(member, *held)
        costs.append(len(statements))
    assert costs[0] == costs[1]
