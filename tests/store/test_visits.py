"""Rows of visits: what is written is read again, by whoever sees a stop of theirs and by nobody else."""

from datetime import timedelta

import asyncpg
import pytest

from membership.appointments.model import Period
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.visits import store
from membership.visits.model import Made
from support.visit_desk import COUNTERS, VisitDesk, one_after_another, open_visit_desk


@pytest.fixture
async def desk(database: Database, conn: Conn) -> VisitDesk:
    return await open_visit_desk(database, conn)


async def seen_by(desk: VisitDesk, actor: Actor) -> int:
    """Of the table itself: whatever a query forgets to ask for."""
    async with desk.visits.database.reader(actor) as conn:
        number: int = await conn.fetchval("SELECT count(*) FROM visits.visits")
    return number


async def test_a_visit_is_seen_by_whoever_sees_a_stop_of_it(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    await desk.book(member, *one_after_another(services))
    actor = desk.appointments.actor
    assert await seen_by(desk, desk.member(member)) == 1
    assert await seen_by(desk, desk.member(await desk.join())) == 0
    for role in (Role.DESK, Role.MEMBER_SERVICES, Role.SERVICE, Role.ADMIN):
        assert await seen_by(desk, actor(role)) == 1
    assert await seen_by(desk, actor(Role.ASSOCIATE, counter=COUNTERS[1])) == 1
    assert await seen_by(desk, actor(Role.ASSOCIATE, counter=COUNTERS[4])) == 0
    assert await seen_by(desk, Actor(Role.DESK, "elsewhere", store_id=new_id())) == 0
    assert await seen_by(desk, Actor(Role.MEMBER_SERVICES, "elsewhere", programme_id=new_id())) == 0
    for role in (Role.TILL, Role.PLANNER, Role.APPROVER):
        assert await seen_by(desk, actor(role)) == 0


async def test_what_is_written_is_read_again(desk: VisitDesk, conn: Conn) -> None:
    member, services = await desk.join(), await desk.services()
    made = await desk.hold(member, *one_after_another(services), note="Silk.")
    assert await store.list_records(conn, [made.record.visit.visit_id, new_id()]) == [made.record]
    assert await store.find_visit(conn, made.record.visit.visit_id) == made.record.visit


async def test_a_members_visits_come_by_when_they_begin(desk: VisitDesk, conn: Conn) -> None:
    member, [service] = await desk.join(), await desk.services(1)
    made = [await desk.book(member, *one_after_another([service], hour)) for hour in (16, 20, 13)]
    by_start = [made[place].record for place in (1, 0, 2)]

    async def page(after: Made | None, limit: int) -> list[object]:
        position = (None, None) if after is None else (after.record.stops[0].period.start, after.record.visit.visit_id)
        found = await store.list_records_of_member(conn, member.member_id, before=position, limit=limit)
        return [record for _, record in found]

    assert await page(None, 2) == by_start[:2]
    assert await page(made[0], 2) == by_start[2:]


async def test_a_visit_begins_with_the_first_stop_that_takes_place(desk: VisitDesk, conn: Conn) -> None:
    member, services = await desk.join(), await desk.services(3)
    long = await desk.book(member, *one_after_another(services[:2], 16))  # 16:00, 17:30
    short = await desk.book(member, *one_after_another(services[2:], 13))
    longer = await desk.cancel(member, long, long.record.stops[0])
    found = await store.list_records_of_member(conn, member.member_id, before=(None, None), limit=5)
    assert [begins for begins, _ in found] == [long.record.stops[1].period.start, short.record.stops[0].period.start]
    await desk.cancel(member, longer)
    [(begins, _), _] = await store.list_records_of_member(conn, member.member_id, before=(None, None), limit=5)
    assert begins == long.record.stops[0].period.start


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [("source", "NOBODY", "visits_source"), ("note", "", "visits_note"), ("note", "x" * 501, "visits_note")],
)
async def test_the_table_refuses_what_makes_no_sense(
    desk: VisitDesk, conn: Conn, column: str, value: str, constraint: str
) -> None:
    member, services = await desk.join(), await desk.services(1)
    await desk.book(member, *one_after_another(services))
    with pytest.raises(asyncpg.CheckViolationError, match=constraint):
        await conn.execute(f"UPDATE visits.visits SET {column} = $1", value)


async def test_a_stores_visits_begin_with_their_first_stop_of_the_window(desk: VisitDesk, conn: Conn) -> None:
    member, services = await desk.join(), await desk.services(2)
    made = await desk.book(member, *one_after_another(services))
    first, second = made.record.stops
    window = Period(second.period.start, second.period.start + timedelta(hours=1))
    [(begins, record)] = await store.list_records_of_store(conn, first.store_id, window, after=(None, None), limit=5)
    assert (begins, record) == (second.period.start, made.record)
