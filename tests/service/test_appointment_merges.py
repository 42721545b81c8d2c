"""Two accounts of one person become one, and the person has the appointments of both and is in one place (A9)."""

from collections.abc import Sequence

import pytest

from membership.appointments import reading, store
from membership.appointments.model import Appointment, AppointmentId, AppointmentState, Stop
from membership.appointments.rules.states import HOLD
from membership.appointments.rules.steps import Step
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from sample_store import add_member, load_world
from support.appointment_desk import AppointmentDesk, at, open_appointment_desk, rules

State = AppointmentState


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def states_of(conn: Conn, *appointments: Appointment) -> list[tuple[str, bool]]:
    """The state of each, and whether the rows of what it occupies are live, which must be alike."""
    found = []
    for entry in appointments:
        rows = await conn.fetch(
            "SELECT state, live FROM appointments.appointments JOIN appointments.occupied USING (appointment_id)"
            " WHERE appointment_id = $1",
            entry.appointment_id,
        )
        assert len({row["live"] for row in rows}) == 1
        found.append((rows[0]["state"], rows[0]["live"]))
    return found


async def people_of(conn: Conn, ids: Sequence[AppointmentId]) -> set[object]:
    """Whose they are, by the appointments and by what is occupied."""
    rows = await conn.fetch(
        "SELECT a.member_id, o.resource_id FROM appointments.appointments a JOIN appointments.occupied o"
        " USING (appointment_id) LEFT JOIN appointments.resources r USING (resource_id)"
        " WHERE a.appointment_id = ANY ($1) AND r.resource_id IS NULL",
        ids,
    )
    assert len(rows) == len(ids)
    return {value for row in rows for value in row}


async def test_what_both_booked_is_the_winners(desk: AppointmentDesk, conn: Conn) -> None:
    """In every programme, over or not; the winner steps on with it, and is not booked twice."""
    abroad = AppointmentDesk(desk.database, conn, (await load_world(conn)).brompton, desk.appointments)
    fitting = await desk.service("FITTING", units=3)
    viewing = await abroad.service("VIEWING", units=1, counter=next(iter(abroad.store.counters)))
    winner, loser = await desk.join(), await desk.join()
    away = await add_member(conn, abroad.store, member_id=loser.member_id, card_number="999999999999")
    [gone] = await desk.book(loser, Stop(fitting.service_id, at(13)))
    await desk.cancel(loser, gone)
    [booked] = await desk.book(loser, Stop(fitting.service_id, at(14)))
    [there] = await abroad.book(away, Stop(viewing.service_id, at(20)))
    [own] = await desk.book(winner, Stop(fitting.service_id, at(16)))
    await desk.merge(loser, winner)
    every = [entry.appointment_id for entry in (gone, booked, there, own)]
    assert await people_of(conn, every) == {winner.member_id}
    assert await reading.list_upcoming(conn, [loser.member_id], at(0), after=(None, None), limit=10) == []
    assert await reading.list_past(conn, [loser.member_id], at(0), before=(None, None), limit=10) == []
    starts = await desk.starts(fitting, member=winner)
    assert not {at(14), at(16), at(20)} & set(starts) and at(15) in starts
    assert await desk.starts(fitting, member=loser) == starts
    assert (await desk.move(winner, booked, at(17))).membership == winner
    # A token of before the merge still names the loser.
    assert (await desk.cancel(loser, own)).state is State.LATE_CANCELLED


async def test_of_two_that_overlap_the_later_booked_is_cancelled_by_the_house(
    desk: AppointmentDesk, conn: Conn
) -> None:
    given = rules(free_cancellation_minutes=1_440)
    fitting = await desk.service("FITTING", units=3, given=given)
    winner, loser = await desk.join(), await desk.join()
    [first] = await desk.book(loser, Stop(fitting.service_id, at(14)))
    desk.clock.advance(HOLD)
    [second] = await desk.book(winner, Stop(fitting.service_id, at(14, 30)))
    desk.clock.advance(HOLD)
    [third] = await desk.book(loser, Stop(fitting.service_id, at(15)))
    await desk.merge(loser, winner)
    # The third overlapped the second only, which is given up to the first.
    assert await states_of(conn, first, second, third) == [
        ("CONFIRMED", True),
        ("CANCELLED", False),
        ("CONFIRMED", True),
    ]
    assert await people_of(conn, [entry.appointment_id for entry in (first, second, third)]) == {winner.member_id}
    [event] = await conn.fetch(
        "SELECT ordering_key, payload->>'appointment_id' AS id, payload->>'member_id' AS member,"
        " (payload->>'sequence')::integer AS sequence FROM platform.outbox WHERE name = 'appointments.cancelled'"
    )
    assert tuple(event) == (winner.member_id, str(second.appointment_id), str(winner.member_id), 1)
    story = await store.list_changes(conn, second.uid)
    assert (story[-1].to_state, story[-1].role, story[-1].subject) == (State.CANCELLED, "member_services", "wang.fang")


async def test_what_has_lapsed_is_ended_and_in_nobodys_way(desk: AppointmentDesk, conn: Conn) -> None:
    fitting, tasting = await desk.service("FITTING", units=1), await desk.service("TASTING", units=1)
    winner, loser = await desk.join(), await desk.join()
    [held] = await desk.hold(loser, Stop(fitting.service_id, at(14)))
    desk.clock.advance(HOLD)
    [booked] = await desk.book(winner, Stop(tasting.service_id, at(14)))
    await desk.merge(loser, winner)
    assert await states_of(conn, held, booked) == [("EXPIRED", False), ("CONFIRMED", True)]
    [event] = await conn.fetch("SELECT ordering_key FROM platform.outbox WHERE name = 'appointments.expired'")
    assert event["ordering_key"] == winner.member_id


async def test_what_is_booked_is_not_given_up_to_what_is_only_held(desk: AppointmentDesk, conn: Conn) -> None:
    """However early somebody began to choose."""
    fitting = await desk.service("FITTING", units=3)
    winner, loser = await desk.join(), await desk.join()
    [held] = await desk.hold(loser, Stop(fitting.service_id, at(14)))
    desk.clock.advance(HOLD / 2)
    [booked] = await desk.book(winner, Stop(fitting.service_id, at(14, 30)))
    await desk.merge(loser, winner)
    assert await states_of(conn, held, booked) == [("CANCELLED", False), ("CONFIRMED", True)]


async def test_what_has_begun_is_kept(desk: AppointmentDesk, conn: Conn) -> None:
    fitting = await desk.service("FITTING", units=3)
    winner, loser = await desk.join(), await desk.join()
    [early] = await desk.book(winner, Stop(fitting.service_id, at(14)))
    desk.clock.set(at(13, 30))
    [late] = await desk.book(loser, Stop(fitting.service_id, at(14, 30)))
    await desk.step(late, Step.CHECK_IN)
    await desk.merge(loser, winner)
    assert await states_of(conn, early, late) == [("CANCELLED", False), ("CHECKED_IN", True)]


async def test_two_that_have_begun_are_both_seen_to_their_end(desk: AppointmentDesk, conn: Conn) -> None:
    """They are there, whatever the accounts said; the person is counted in the one."""
    fitting = await desk.service("FITTING", units=3)
    winner, loser = await desk.join(), await desk.join()
    [one] = await desk.book(winner, Stop(fitting.service_id, at(14)))
    desk.clock.set(at(13, 30))
    [other] = await desk.book(loser, Stop(fitting.service_id, at(14, 30)))
    for entry in (one, other):
        await desk.step(entry, Step.CHECK_IN)
    await desk.merge(loser, winner)
    assert sorted(await desk.states()) == ["CHECKED_IN", "CHECKED_IN"]
    assert await desk.live() == 3
    for step in (Step.START, Step.COMPLETE):
        for entry in (one, other):
            await desk.step(entry, step)
    assert await desk.live() == 0
