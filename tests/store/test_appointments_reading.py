"""What screens read of appointments costs what they show, whatever the history behind it."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest

from membership.appointments import reading
from membership.appointments.model import AppointmentState, BoardDay, Period, Stop
from membership.appointments.rules.states import LIVE
from membership.appointments.rules.steps import Step
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_desk import OTHER_COUNTER, AppointmentDesk, at, open_appointment_desk

TODAY = Period(at(4), at(4, days=1))
_LIVE = sorted(state.value for state in LIVE)


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def test_pages_follow_each_other_without_a_gap(desk: AppointmentDesk, conn: Conn) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    booked = [(await desk.book(member, Stop(fitting.service_id, at(13 + hour))))[0] for hour in range(5)]

    async def pages(now_hour: int, *, past: bool) -> list[object]:
        seen: list[object] = []
        key: tuple[object, object] = (None, None)
        while True:
            read = reading.list_past if past else reading.list_upcoming
            place = {"before" if past else "after": key}
            found = await read(conn, [member.member_id], at(now_hour), limit=2, **place)  # type: ignore[arg-type]
            if not found:
                return seen
            seen += [entry.appointment_id for entry in found]
            key = (found[-1].period.start, found[-1].appointment_id)

    ids = [entry.appointment_id for entry in booked]
    assert await pages(12, past=False) == ids
    assert await pages(12, past=True) == []
    assert await pages(15, past=False) == ids[2:]
    assert await pages(15, past=True) == ids[1::-1]


async def test_a_board_names_what_serves_and_how_long_it_is_busy(desk: AppointmentDesk, conn: Conn) -> None:
    viewing = await desk.service("VIEWING", associates=1, rooms=1)
    await desk.service("OTHER", associates=1, counter=OTHER_COUNTER)
    [first] = await desk.book(await desk.join(), Stop(viewing.service_id, at(14)))
    [second] = await desk.book(await desk.join(), Stop(viewing.service_id, at(16)))
    gone = await desk.step(second, Step.CANCEL)
    day = BoardDay(desk.counter(), TODAY)
    board = await reading.list_board(conn, day, now=desk.now, limit=10)
    assert [(entry.appointment, entry.busy) for entry in board] == [(first, first.period), (gone, None)]
    assert all(set(entry.resources) == viewing.resource_ids for entry in board)
    assert set(await reading.list_shifts_at(conn, day)) == {first.associate_id}


async def history(conn: Conn, member: MembershipKey, days: int) -> None:
    """As many days before today, each with five appointments that took place."""
    await conn.execute(
        "INSERT INTO appointments.appointments (appointment_id, uid, sequence, member_id, programme_id, store_id,"
        " counter_id, service_id, associate_id, starts_at, ends_at, state, step, held_until, free_until, no_show_from,"
        " booked_at, changed_at)"
        " SELECT made.id, made.id, 0, member_id, programme_id, store_id, counter_id, service_id, associate_id,"
        " starts_at - made.ago, ends_at - made.ago, $2, 5, starts_at, starts_at - made.ago, starts_at - made.ago,"
        " booked_at - made.ago, changed_at - made.ago"
        " FROM appointments.appointments, LATERAL ("
        "   SELECT gen_random_uuid() AS id, make_interval(days => day, mins => number) AS ago"
        "   FROM generate_series(1, $1) day, generate_series(1, 5) number) made"
        " WHERE member_id = $3 AND step < 5",
        days,
        AppointmentState.COMPLETED.value,
        member.member_id,
    )
    await conn.execute("ANALYZE appointments.appointments")


def _scans(node: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    if node.get("Relation Name") == "appointments":
        yield node
    plans = node.get("Plans", ())
    assert isinstance(plans, list | tuple)
    for below in plans:
        yield from _scans(below)


async def rows_read(conn: Conn, text: str, *arguments: object) -> float:
    """Rows of appointments that a statement looks at, those that it throws away too."""
    async with conn.transaction():
        await conn.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        [[plan]] = await conn.fetch(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {text}", *arguments)
    total = 0.0
    for scan in _scans(json.loads(plan)[0]["Plan"]):
        kept, removed, loops = (float(str(scan.get(name, 0))) for name in _COUNTED)
        total += (kept + removed) * loops
    return total


_COUNTED = ("Actual Rows", "Rows Removed by Filter", "Actual Loops")


async def test_what_is_read_grows_with_what_is_shown_and_not_with_the_history(
    desk: AppointmentDesk, conn: Conn
) -> None:
    fitting, member = await desk.service("FITTING", associates=3), await desk.join()
    for hour in range(5):
        await desk.book(member, Stop(fitting.service_id, at(13 + hour)))
    sql, day = reading.SQL, (desk.counter(), TODAY.start, TODAY.end)
    asked: dict[str, tuple[str, list[object]]] = {
        "board": (sql.list_board.text, [*day, desk.now, 500]),
        "versions": (sql.list_board_versions.text, [*([part] for part in day), desk.now]),
        "upcoming": (sql.list_upcoming.text, [[member.member_id], desk.now, _LIVE, None, None, 21]),
    }
    before = {name: await rows_read(conn, text, *arguments) for name, (text, arguments) in asked.items()}
    await history(conn, member, 300)
    assert await conn.fetchval("SELECT count(*) FROM appointments.appointments") > 5_000
    after = {name: await rows_read(conn, text, *arguments) for name, (text, arguments) in asked.items()}
    assert before == after == {"board": 5.0, "versions": 5.0, "upcoming": 5.0}
    now = desk.now + timedelta(hours=3)
    # A page, and what has not begun yet.
    assert await rows_read(conn, sql.list_past.text, [member.member_id], now, _LIVE, None, None, 21) <= 21 + 5
