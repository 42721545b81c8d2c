"""Who often did not come asks staff to book; what is listed for a member says so too (A2)."""

from datetime import timedelta

import pytest

from membership.appointments import store
from membership.appointments.errors import AppointmentLeftToStaff, AppointmentStepRefused, BookingSuspended
from membership.appointments.model import Appointment, AppointmentState, Service, Stop
from membership.appointments.rules.steps import Step
from membership.kernel.actor import Actor, Role
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_desk import TODAY, AppointmentDesk, at, new_key, open_appointment_desk, rules

LIMITED = rules(no_show_limit=2, no_show_days=3)


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def listed(desk: AppointmentDesk, service: Service, actor: Actor, member: MembershipKey) -> int:
    found = (
        await desk.appointments.availability(actor, desk.now, [service.service_id], [TODAY], membership=member)
    ).free
    return len(found[service.service_id].get(TODAY, ()))


async def broke(desk: AppointmentDesk, service: Service, member: MembershipKey) -> Appointment:
    """One cancelled late, one not come to, an hour later; the first is kept."""
    [kept] = await desk.book(member, Stop(service.service_id, at(18)))
    [late] = await desk.book(member, Stop(service.service_id, at(16)))
    [missed] = await desk.book(member, Stop(service.service_id, at(12, 30)))
    assert (await desk.cancel(member, late)).state is AppointmentState.LATE_CANCELLED
    desk.clock.set(at(13))
    await desk.step(missed, Step.NO_SHOW)
    return kept


async def test_who_reached_the_limit_asks_staff_until_the_first_is_forgotten(desk: AppointmentDesk) -> None:
    service, member = await desk.service("FITTING", units=1, given=LIMITED), await desk.join()
    stop, app = Stop(service.service_id, at(20)), desk.member(member)
    await broke(desk, service, member)
    with pytest.raises(BookingSuspended) as refused:
        await desk.book(member, stop)
    assert (refused.value.broken, refused.value.possible_from) == (2, "2026-05-23T12:00+08:00")
    assert "2026-05-23 12:00" in refused.value.message
    assert await listed(desk, service, app, member) == 0
    staff = desk.actor(Role.ASSOCIATE)
    assert await listed(desk, service, staff, member) > 0
    other = await desk.join()
    assert await listed(desk, service, desk.member(other), other) > 0
    [booked] = await desk.appointments.book(staff, desk.now, member, [stop], key=new_key())
    assert booked.membership == member
    free_again = at(12, days=3)
    later = Stop(service.service_id, at(18, days=3))
    desk.clock.set(free_again - timedelta(seconds=1))
    with pytest.raises(BookingSuspended):
        await desk.book(member, later)
    desk.clock.set(free_again)
    assert len(await desk.book(member, later)) == 1


async def test_whoever_has_an_appointment_may_still_move_it(desk: AppointmentDesk) -> None:
    service, member = await desk.service("FITTING", units=1, given=LIMITED), await desk.join()
    kept = await broke(desk, service, member)
    moved = await desk.move(member, kept, at(19))
    assert moved.replaces == kept.appointment_id


async def test_a_service_without_a_limit_forgets_at_once(desk: AppointmentDesk, statements: list[str]) -> None:
    limited = await desk.service("FITTING", units=1, given=LIMITED)
    free, member = await desk.service("TASTING", units=1), await desk.join()
    await broke(desk, limited, member)
    statements.clear()
    await desk.book(member, Stop(free.service_id, at(20)))
    assert not any("'NO_SHOW', 'LATE_CANCELLED'" in text for text in statements)


async def test_a_board_reads_how_often_each_did_not_come(desk: AppointmentDesk, conn: Conn) -> None:
    service, member, other = await desk.service("FITTING", units=1), await desk.join(), await desk.join()
    await broke(desk, service, member)
    both, programme = [member.member_id, other.member_id], desk.store.programme_id

    async def counted(hours: int) -> list[int]:
        since = desk.now - timedelta(hours=hours)
        return list((await store.count_broken(conn, both, programme, since=since)).values())

    assert [await counted(2), await counted(1), await counted(0)] == [[2, 0], [1, 0], [0, 0]]


async def test_who_is_late_leaves_it_to_the_counter(desk: AppointmentDesk) -> None:
    """Also where the counter only forgot to check them in."""
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    desk.clock.set(at(15, 30))
    with pytest.raises(AppointmentLeftToStaff) as refused:
        await desk.step(booked, Step.CANCEL, actor=desk.member(member))
    assert refused.value.left_since == "2026-05-20T14:15+08:00"
    assert (await desk.step(booked, Step.CHECK_IN)).state is AppointmentState.CHECKED_IN


async def test_a_step_of_what_was_moved_says_where_to(desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    [old] = await desk.book(member, Stop(fitting.service_id, at(14)))
    await desk.move(member, old, at(16))
    for asked in (desk.step(old, Step.CANCEL), desk.move(member, old, at(18))):
        with pytest.raises(AppointmentStepRefused) as refused:
            await asked
        assert refused.value.moved_to == "2026-05-20T16:00+08:00"
