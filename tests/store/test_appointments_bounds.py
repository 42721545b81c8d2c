"""What looking at a day reads follows that day, however long the past is: counted in EXPLAIN, with a hundred times as
much of it."""

import json
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from membership.appointments import store
from membership.appointments.model import Period, Service, Stop
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_desk import AppointmentDesk, at, open_appointment_desk

SERVICES, ASSOCIATES, DAYS = 3, 4, 2
NOTHING_LEFT_OUT: list[UUID] = []

# Four appointments of each associate on each of the last days; one in ten was never ended, and is live for good.
PAST = """
    WITH past AS MATERIALIZED (
        SELECT gen_random_uuid() AS id, gen_random_uuid() AS member_id, service.programme_id, service.store_id,
            service.counter_id, service.service_id, link.resource_id, (passed + turn) % 10 = 0 AS live,
            $1::timestamptz - make_interval(days => passed, hours => -2 * turn) AS start
        FROM appointments.services service JOIN appointments.service_resources link USING (service_id),
            generate_series($2::integer, $3::integer) AS passed, generate_series(0, 3) AS turn
    ), made AS (
        INSERT INTO appointments.appointments (
            appointment_id, uid, sequence, member_id, programme_id, store_id, counter_id, service_id, associate_id,
            starts_at, ends_at, state, step, held_until, free_until, no_show_from, booked_at, changed_at
        )
        SELECT id, id, 0, member_id, programme_id, store_id, counter_id, service_id, resource_id, start,
            start + interval '1 hour', CASE WHEN live THEN 'CONFIRMED' ELSE 'COMPLETED' END, 3,
            start - interval '1 day', start - interval '1 day', start, start - interval '1 day', start
        FROM past
        RETURNING *
    ), worked AS (
        INSERT INTO appointments.shifts (shift_id, resource_id, during)
        SELECT gen_random_uuid(), resource_id, tstzrange(start - interval '1 hour', start + interval '9 hours')
        FROM appointments.resources, generate_series($2::integer, $3::integer) AS passed,
            LATERAL (SELECT $1::timestamptz - make_interval(days => passed) AS start) dated
    )
    INSERT INTO appointments.occupied (appointment_id, resource_id, during, live)
    SELECT appointment_id, associate_id, tstzrange(starts_at, ends_at), state = 'CONFIRMED' FROM made
    UNION ALL
    SELECT appointment_id, member_id, tstzrange(starts_at, ends_at), state = 'CONFIRMED' FROM made
"""


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def opened(desk: AppointmentDesk) -> list[Service]:
    """Services with associates, each with one appointment on the day that is looked at."""
    services = [await desk.service(f"SERVICE-{number}", associates=ASSOCIATES) for number in range(SERVICES)]
    for service in services:
        for _ in range(ASSOCIATES):
            await desk.book(await desk.join(), Stop(service.service_id, at(14)))
    return services


async def add_past(conn: Conn, first: int, last: int) -> None:
    await conn.execute(PAST, at(11), first, last)
    await conn.execute("ANALYZE appointments.occupied; ANALYZE appointments.shifts; ANALYZE appointments.appointments")


async def rows_read(conn: Conn, sql: str, *arguments: object) -> int:
    """From tables and indexes, with those that were dropped again."""
    plan = json.loads(await conn.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments))
    return _rows(plan[0]["Plan"])


def _rows(node: dict[str, object]) -> int:
    children = node.get("Plans", [])
    assert isinstance(children, list)
    read = sum(_rows(child) for child in children)
    if "Relation Name" in node:
        names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
        each = sum(float(str(node.get(name, 0))) for name in names)
        read += round(each * float(str(node["Actual Loops"])))
    return read


async def test_free_times_of_a_day_cost_as_much_beside_a_long_past(desk: AppointmentDesk, conn: Conn) -> None:
    resources = [resource for service in await opened(desk) for resource in service.resource_ids]
    window = Period(at(0), at(23))
    asked = (resources, window.start, window.end, desk.now, NOTHING_LEFT_OUT)
    await add_past(conn, 1, DAYS)
    before = await store.list_taken(conn, resources, window, now=desk.now)
    short = await rows_read(conn, store.SQL.list_taken.text, *asked)
    await add_past(conn, DAYS + 1, 100 * DAYS)
    long = await rows_read(conn, store.SQL.list_taken.text, *asked)
    assert await store.list_taken(conn, resources, window, now=desk.now) == before
    assert long <= short
    # An appointment and a shift of each.
    assert long == 2 * len(resources)


async def test_a_board_costs_as_much_beside_a_long_past(desk: AppointmentDesk, conn: Conn) -> None:
    services = await opened(desk)
    counter = services[0].counter_id
    board = store.SQL.list_board.text
    asked = (counter, at(0), at(23), desk.now, 100)
    await add_past(conn, 1, DAYS)
    shown = len(await conn.fetch(board, *asked))
    short = await rows_read(conn, board, *asked)
    await add_past(conn, DAYS + 1, 100 * DAYS)
    assert len(await conn.fetch(board, *asked)) == shown == SERVICES * ASSOCIATES
    long = await rows_read(conn, board, *asked)
    assert long <= short
    # Each appointment, with what it takes: an associate and the member.
    assert long <= 3 * shown


async def test_more_days_cost_more(desk: AppointmentDesk, conn: Conn) -> None:
    """What grows is the time that is asked for."""
    resources = [resource for service in await opened(desk) for resource in service.resource_ids]
    await add_past(conn, 1, 100 * DAYS)

    async def read(days: int) -> int:
        start: datetime = at(0) - timedelta(days=days - 1)
        return await rows_read(conn, store.SQL.list_taken.text, resources, start, at(23), desk.now, NOTHING_LEFT_OUT)

    one, ten = await read(1), await read(10)
    # Of each associate and day a shift, and of forty appointments in nine days the four that nobody ended.
    assert one < ten <= one + 9 * len(resources) * 2
