"""What tells that a board has changed, in one statement for all boards that are watched."""

from datetime import timedelta

import pytest

from membership.appointments.boards import Boards, board_day
from membership.appointments.catalogue import CatalogueCache
from membership.appointments.model import BoardDay, Period, Stop
from membership.appointments.rules.states import HOLD
from membership.appointments.rules.steps import Step
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_desk import COUNTER, OTHER_COUNTER, TODAY, AppointmentDesk, at, open_appointment_desk


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def day_of(desk: AppointmentDesk, counter: str = COUNTER, *, later: int = 0) -> BoardDay:
    directory = await desk.appointments.directories.directory(desk.now)
    place = directory.counter(desk.counter(counter))
    return board_day(place, directory.store(place.store_id), TODAY + timedelta(days=later))


async def test_every_change_is_seen_and_nothing_else(desk: AppointmentDesk) -> None:
    boards, day = Boards(desk.database, desk.clock), await day_of(desk)
    fitting = await desk.service("FITTING", associates=1)
    elsewhere = await desk.service("WATCHES", associates=1, counter=OTHER_COUNTER)
    seen = [(await boards.versions([day]))[day]]

    async def changed() -> bool:
        version = (await boards.versions([day]))[day]
        is_new = version not in seen
        seen.append(version)
        return is_new

    assert not await changed()
    [held] = await desk.hold(await desk.join(), Stop(fitting.service_id, at(14)))
    assert await changed()
    desk.clock.advance(HOLD)  # nobody wrote anything down
    assert await changed()
    member = await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    assert await changed()
    for step in (Step.CHECK_IN, Step.START, Step.COMPLETE):
        await desk.step(booked, step)
        assert await changed()
    [other] = await desk.book(member, Stop(fitting.service_id, at(16)))
    assert await changed()
    await desk.move(member, other, at(16, days=1))
    assert await changed()
    await desk.merge(loser=member, winner=await desk.join())
    assert await changed()
    await desk.work(booked.associate_id or held.service_id, Period(at(23), at(23, 30)))  # type: ignore[arg-type]
    assert await changed()
    await desk.book(await desk.join(), Stop(fitting.service_id, at(18, days=2)))
    await desk.book(await desk.join(), Stop(elsewhere.service_id, at(18)))
    assert not await changed()


async def test_many_boards_are_one_statement(desk: AppointmentDesk, statements: list[str]) -> None:
    boards = Boards(desk.database, desk.clock)
    days = [await day_of(desk, counter, later=later) for counter in (COUNTER, OTHER_COUNTER) for later in range(5)]
    counts = []
    for asked in (days[:1], days):
        statements.clear()
        assert set(await boards.versions(asked)) == set(asked)
        counts.append(len([text for text in statements if "appointments." in text]))
    assert counts == [1, 1]


async def test_what_was_set_up_a_moment_ago_is_named(desk: AppointmentDesk, statements: list[str]) -> None:
    cache = CatalogueCache(desk.database.pool)
    assert (await cache.catalogue(desk.now)).services == {}
    fitting = await desk.service("FITTING", associates=1)
    [booked] = await desk.book(await desk.join(), Stop(fitting.service_id, at(14)))
    known = await cache.catalogue(desk.now, [booked])
    assert known.service(fitting.service_id) == fitting
    assert [service.code for service in known.offered_at([desk.counter()])] == ["FITTING"]
    statements.clear()
    assert await cache.catalogue(desk.now, [booked], resource_ids=fitting.resource_ids) is known
    assert statements == []
