"""What has lapsed is written down, by whoever needs its place or by the job, and its member hears of it."""

import asyncio
from datetime import timedelta

import pytest

from membership.appointments import store
from membership.appointments.lapsing import end_due
from membership.appointments.model import Appointment, AppointmentState, Service, Stop
from membership.appointments.rules.states import HOLD
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import RELAY
from support.appointment_desk import AppointmentDesk, at, open_appointment_desk, rules

State = AppointmentState


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def asked(desk: AppointmentDesk) -> tuple[Service, MembershipKey, list[Appointment]]:
    """A viewing that waits for its answer until 13:05, and a hold until 12:05."""
    viewing, member = await desk.service("VIEWING", rooms=1, given=rules(answer_minutes=60)), await desk.join()
    booked = await desk.book(member, Stop(viewing.service_id, at(17)))
    return viewing, member, [*booked, *await desk.hold(member, Stop(viewing.service_id, at(19)))]


async def told(conn: Conn) -> list[tuple[str, str, int]]:
    rows = await conn.fetch(
        "SELECT name, payload->>'appointment_id' AS id, (payload->>'sequence')::integer AS sequence,"
        " ordering_key::text = payload->>'member_id' AS own FROM platform.outbox"
        " WHERE name IN ('appointments.expired', 'appointments.declined') ORDER BY event_id"
    )
    assert all(row["own"] for row in rows)
    return [(row["name"], row["id"], row["sequence"]) for row in rows]


async def run(desk: AppointmentDesk, *, limit: int = 500) -> int:
    return await end_due(desk.database, RELAY, desk.now, limit=limit)


async def test_the_job_ends_what_has_lapsed_and_tells_it_once(desk: AppointmentDesk, conn: Conn) -> None:
    _, _, [request, hold] = await asked(desk)
    desk.clock.advance(HOLD - timedelta(microseconds=1))
    assert (await run(desk), await told(conn)) == (0, [])
    desk.clock.advance(timedelta(microseconds=1))
    assert [await run(desk), await run(desk)] == [1, 0]
    expired = ("appointments.expired", str(hold.appointment_id), 0)
    assert await told(conn) == [expired]
    desk.clock.advance(timedelta(hours=1))
    assert [await run(desk), await run(desk)] == [1, 0]
    assert await told(conn) == [expired, ("appointments.declined", str(request.appointment_id), 1)]
    assert (await desk.states(), await desk.live()) == (["DECLINED", "EXPIRED"], 0)
    rows = await conn.fetch(
        "SELECT from_state, to_state, actor_role, actor FROM appointments.changes WHERE actor = 'clock' ORDER BY at"
    )
    assert [tuple(row) for row in rows] == [
        ("HELD", "EXPIRED", "service", "clock"),
        ("PENDING", "DECLINED", "service", "clock"),
    ]


async def test_whoever_needs_the_place_tells_it_and_does_not_say_who(desk: AppointmentDesk, conn: Conn) -> None:
    viewing, _, [request, hold] = await asked(desk)
    desk.clock.advance(HOLD + timedelta(hours=1))
    other = await desk.join()
    await desk.book(other, Stop(viewing.service_id, at(20)))
    assert sorted(await told(conn)) == [
        ("appointments.declined", str(request.appointment_id), 1),
        ("appointments.expired", str(hold.appointment_id), 0),
    ]
    seen = await store.list_changes(conn, request.uid)
    assert [(change.to_state, change.subject) for change in seen][-1] == (State.DECLINED, "clock")
    assert str(other.member_id) not in {change.subject for change in seen}
    assert await run(desk) == 0


async def test_two_workers_share_the_work_and_wait_for_nobody(desk: AppointmentDesk, conn: Conn) -> None:
    tasting = await desk.service("TASTING", units=5)
    held = [(await desk.hold(await desk.join(), Stop(tasting.service_id, at(18))))[0] for _ in range(5)]
    desk.clock.advance(HOLD)
    async with desk.database.engine(RELAY, desk.now) as tx:
        assert len(await store.lock_lapsed_batch(tx.conn, now=desk.now, limit=2)) == 2
        assert await asyncio.wait_for(run(desk, limit=2), 5) == 2
        assert await asyncio.wait_for(run(desk), 5) == 1
    assert (await run(desk), await run(desk)) == (2, 0)
    ended = [("appointments.expired", str(entry.appointment_id), 0) for entry in held]
    assert sorted(await told(conn)) == sorted(ended)
