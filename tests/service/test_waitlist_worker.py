"""What the worker finds, offers whose appointment is booked or cancelled like any other, and offers that fail."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from membership.appointments.model import (
    AppointmentState,
    Period,
    ResourceKind,
    Stop,
)
from membership.appointments.rules.admitting import Admit, by_horizon
from membership.appointments.rules.states import HOLD
from membership.appointments.store import list_appointments, list_services, retire_service
from membership.members.errors import UnknownMember
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction
from membership.waitlist.errors import (
    WaitlistStepRefused,
)
from membership.waitlist.model import EntryState
from membership.waitlist.offering import Offering
from membership.worker.waitlist import keep_offering
from support.appointment_desk import OTHER_COUNTER, at
from support.waitlist_desk import WaitlistDesk, full, offered_place, one_a_day, one_slot, open_waitlist_desk

S = EntryState
OFFER = timedelta(minutes=15)


@pytest.fixture
async def waits(database: Database, conn: Conn) -> WaitlistDesk:
    return await open_waitlist_desk(database, conn)


# ---- what the worker finds


async def test_a_hold_that_lapsed_is_found(waits: WaitlistDesk) -> None:
    fitting = await one_slot(waits)
    await waits.desk.hold(await waits.desk.join(), Stop(fitting.service_id, at(14)))
    entry = await waits.join(await waits.desk.join(), fitting)
    await waits.pass_over()
    assert await waits.states(entry) == [S.WAITING]
    waits.desk.clock.advance(HOLD)
    await waits.pass_over()
    assert await waits.states(entry) == [S.OFFERED]


async def test_a_new_shift_is_found(waits: WaitlistDesk) -> None:
    [associate] = await waits.desk.resources(ResourceKind.ASSOCIATE, 1, at_work=False)
    fitting = await waits.desk.service("FITTING", candidates={ResourceKind.ASSOCIATE: [associate]}, given=one_a_day())
    entry = await waits.join(await waits.desk.join(), fitting)
    await waits.pass_over()
    await waits.desk.work(associate, Period(at(12), at(18)))
    waits.desk.clock.advance(timedelta(seconds=30))
    await waits.pass_over()
    assert await waits.states(entry) == [S.OFFERED]


async def test_another_service_with_the_same_room_is_found_at_once(waits: WaitlistDesk) -> None:
    [room] = await waits.desk.resources(ResourceKind.ROOM, 1)
    one, other = [
        await waits.desk.service(code, candidates={ResourceKind.ROOM: [room]}, given=one_a_day())
        for code in ("FITTING", "VIEWING")
    ]
    holder = await waits.desk.join()
    [booked] = await waits.desk.book(holder, Stop(one.service_id, at(14)))
    entry = await waits.join(await waits.desk.join(), other)
    await waits.pass_over()
    await waits.desk.cancel(holder, booked)
    assert await waits.states(entry) == [S.WAITING]
    await waits.pass_over()
    assert await waits.states(entry) == [S.OFFERED]


async def test_many_who_are_elsewhere_keep_nobody_from_a_place(waits: WaitlistDesk, conn: Conn) -> None:
    """The worker looks as far as it takes; a cancellation only a little."""
    fitting, other = await one_slot(waits), await waits.desk.service("TASTING", units=60, counter=OTHER_COUNTER)
    holder, booked = await full(waits, fitting)
    for _ in range(55):
        member = await waits.desk.join()
        await waits.desk.book(member, Stop(other.service_id, at(14)))
        await waits.join(member, fitting)
    last = await waits.join(await waits.desk.join(), fitting)
    await waits.desk.cancel(holder, booked)
    assert await waits.states(last) == [S.OFFERED]
    assert await conn.fetchval("SELECT count(*) FROM waitlist.entries WHERE state = 'WAITING'") == 55


async def test_groups_are_looked_at_no_more_often_than_need_be(waits: WaitlistDesk, conn: Conn) -> None:
    fitting = await one_slot(waits)
    await full(waits, fitting)
    entry = await waits.join(await waits.desk.join(), fitting)
    await waits.pass_over()
    assert await waits.passes.step_due(waits.desk.now + timedelta(seconds=29)) == 0
    assert await waits.passes.step_due(waits.desk.now + timedelta(seconds=30)) == 1
    await waits.withdraw(entry)
    waits.desk.clock.advance(timedelta(minutes=2))
    await waits.pass_over()
    assert await conn.fetchval("SELECT count(*) FROM waitlist.groups") == 0


async def test_what_is_no_longer_offered_is_waited_for_no_more(waits: WaitlistDesk, conn: Conn) -> None:
    fitting = await one_slot(waits)
    await full(waits, fitting)
    entry = await waits.join(await waits.desk.join(), fitting)
    await retire_service(conn, fitting.service_id, at=waits.desk.now)
    await waits.pass_over()
    assert await waits.states(entry) == [S.LAPSED]


# ---- the appointment of an offer, booked and cancelled like any other


async def test_a_place_that_the_brand_must_accept_is_asked_for(waits: WaitlistDesk) -> None:
    entry = await offered_place(waits, one_a_day(answer_minutes=30))
    assert (await waits.accept(entry)).state is S.ACCEPTED
    assert (await waits.offered(entry)).state is AppointmentState.PENDING


async def test_booked_in_the_ordinary_way_the_entry_follows(waits: WaitlistDesk) -> None:
    entry = await offered_place(waits)
    await waits.desk.confirm(entry.membership, await waits.offered(entry))
    with pytest.raises(WaitlistStepRefused, match="is accepted"):
        await waits.decline(entry)
    waits.desk.clock.advance(OFFER)
    await waits.pass_over()
    assert await waits.states(entry) == [S.ACCEPTED]
    assert (await waits.offered(entry)).state is AppointmentState.CONFIRMED


async def test_accepted_after_it_was_booked_it_is_accepted(waits: WaitlistDesk) -> None:
    entry = await offered_place(waits)
    await waits.desk.confirm(entry.membership, await waits.offered(entry))
    assert (await waits.accept(entry)).state is S.ACCEPTED


async def test_the_worker_that_comes_before_the_event_finds_it_booked(waits: WaitlistDesk) -> None:
    entry = await offered_place(waits)
    await waits.desk.confirm(entry.membership, await waits.offered(entry))
    waits.desk.clock.advance(OFFER)
    await waits.passes.step_due(waits.desk.now)
    assert await waits.states(entry) == [S.ACCEPTED]


async def test_cancelled_in_the_ordinary_way_it_goes_to_the_next(waits: WaitlistDesk) -> None:
    entry = await offered_place(waits)
    appointment, [fitting] = (
        await waits.offered(entry),
        (await list_services(waits.desk.conn, [entry.service_id])).values(),
    )
    following = await waits.join(await waits.desk.join(), fitting)
    await waits.desk.cancel(entry.membership, appointment)
    with pytest.raises(WaitlistStepRefused, match="is declined"):
        await waits.accept(entry)
    await waits.hand_on_events()
    assert await waits.states(entry, following) == [S.DECLINED, S.OFFERED]


# ---- what goes wrong with an offer costs the cancellation nothing


async def impossible(tx: Transaction, *_: object) -> Admit:
    await tx.conn.execute("SELECT 1 / 0")
    raise AssertionError("the statement before fails")


async def test_an_offer_that_fails_leaves_the_cancellation_as_it_is(waits: WaitlistDesk, conn: Conn) -> None:
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    entry = await waits.join(await waits.desk.join(), fitting)
    broken = Offering(replace(waits.offering.workings, admission=impossible))
    desk = replace(waits.desk, appointments=replace(waits.desk.appointments, on_freed=broken.offer_freed))
    with capture_logs() as logs:
        cancelled = await desk.cancel(holder, booked)
    assert [line["event"] for line in logs] == ["what came free could not be offered here and waits for the worker"]
    [now] = await list_appointments(conn, [booked.appointment_id])
    assert now == cancelled and now.state is AppointmentState.LATE_CANCELLED
    names = await conn.fetch("SELECT name FROM platform.outbox WHERE name LIKE 'waitlist.%' OR name LIKE '%cancelled'")
    assert sorted(row["name"] for row in names) == ["appointments.late_cancelled", "waitlist.joined"]
    await waits.pass_over()
    assert await waits.states(entry) == [S.OFFERED]


async def test_one_whose_offer_is_refused_keeps_no_other_from_it(waits: WaitlistDesk, conn: Conn) -> None:
    """Each offer is a part of its own: what the refused one wrote is undone."""
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    first, second = [await waits.join(await waits.desk.join(), fitting) for _ in range(2)]
    asked: list[MembershipKey | None] = []

    async def refused_under_the_lock(tx: Transaction, membership: MembershipKey | None, *_: object) -> Admit:
        asked.append(membership)
        if asked == [first.membership] * 2:
            await tx.conn.execute("UPDATE waitlist.groups SET looked_at = '2000-01-01'")
            raise UnknownMember
        return by_horizon

    offering = Offering(replace(waits.offering.workings, admission=refused_under_the_lock))
    desk = replace(waits.desk, appointments=replace(waits.desk.appointments, on_freed=offering.offer_freed))
    await desk.cancel(holder, booked)
    assert await waits.states(first, second) == [S.WAITING, S.OFFERED]
    assert await conn.fetchval("SELECT count(*) FROM waitlist.groups WHERE looked_at IS NOT NULL") == 0


async def test_the_worker_offers_until_it_is_stopped(waits: WaitlistDesk) -> None:
    fitting = await one_slot(waits)
    await waits.desk.hold(await waits.desk.join(), Stop(fitting.service_id, at(14)))
    entry = await waits.join(await waits.desk.join(), fitting)
    waits.desk.clock.advance(HOLD)
    stop = asyncio.Event()
    worker = asyncio.create_task(keep_offering(waits.passes, waits.desk.clock, stop))
    async with asyncio.timeout(30):
        while await waits.states(entry) != [S.OFFERED]:  # noqa: ASYNC110 - the row has no event
            await asyncio.sleep(0.01)
        stop.set()
        await worker
