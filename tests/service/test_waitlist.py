"""Waiting, being offered a place, answering; what is refused and why."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from membership.appointments import changing
from membership.appointments.errors import AssociateNotSkilled, BookingSuspended, TooEarlyToBook, UnknownService
from membership.appointments.model import (
    AppointmentState,
    ResourceKind,
    Service,
    ServiceId,
    Stop,
)
from membership.appointments.rules.steps import Step
from membership.kernel.actor import Role
from membership.kernel.ids import new_id
from membership.members.errors import UnknownMember
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.waitlist.context import WAITLIST
from membership.waitlist.errors import (
    AlreadyWaiting,
    NothingToWaitFor,
    SlotFreeNow,
    TooManyWaiting,
    UnknownWaitlistEntry,
    WaitIsOver,
    WaitlistOfferLapsed,
    WaitlistStepRefused,
    WaitTooLong,
)
from membership.waitlist.model import EntryState
from membership.waitlist.rules import HANDING_ON, MOST_ENTRIES
from support.appointment_desk import OTHER_COUNTER, TODAY, at, rules
from support.waitlist_desk import WaitlistDesk, full, new_key, offered_place, one_a_day, one_slot, open_waitlist_desk

S = EntryState
OFFER = timedelta(minutes=15)


@pytest.fixture
async def waits(database: Database, conn: Conn) -> WaitlistDesk:
    return await open_waitlist_desk(database, conn)


async def test_a_cancelled_place_goes_to_who_waits_and_is_never_seen_free(waits: WaitlistDesk) -> None:
    fitting = await one_slot(waits)
    holder, waiting = await waits.desk.join(), await waits.desk.join()
    [booked] = await waits.desk.book(holder, Stop(fitting.service_id, at(14)))
    entry = await waits.join(waiting, fitting)
    await waits.desk.cancel(holder, booked)
    assert await waits.desk.starts(fitting) == []
    offered, appointment = await waits.entry(entry), await waits.offered(entry)
    assert offered.state is S.OFFERED and offered.offer is not None
    assert offered.offer.until == waits.desk.now + OFFER
    assert appointment.state is AppointmentState.HELD and appointment.membership == waiting
    assert (appointment.period.start, appointment.held_until) == (at(14), waits.desk.now + OFFER + HANDING_ON)
    accepted = await waits.accept(offered)
    assert accepted.state is S.ACCEPTED
    assert (await waits.offered(entry)).state is AppointmentState.CONFIRMED


async def test_of_a_cancellation_the_waiting_member_learns_nothing_about_who_cancelled(
    waits: WaitlistDesk, conn: Conn
) -> None:
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    entry = await waits.join(await waits.desk.join(), fitting)
    await waits.desk.cancel(holder, booked)
    appointment = await waits.offered(entry)
    actors = await conn.fetch(
        "SELECT actor FROM appointments.changes WHERE appointment_id = $1"
        " UNION SELECT actor FROM waitlist.changes WHERE entry_id = $2 AND to_state = 'OFFERED'",
        appointment.appointment_id,
        entry.entry_id,
    )
    assert [row["actor"] for row in actors] == ["waitlist"]


async def test_declined_it_goes_to_the_next_in_the_same_transaction(waits: WaitlistDesk) -> None:
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    first, second = [await waits.join(await waits.desk.join(), fitting) for _ in range(2)]
    await waits.desk.cancel(holder, booked)
    assert await waits.states(first, second) == [S.OFFERED, S.WAITING]
    assert (await waits.decline(first)).state is S.DECLINED
    assert await waits.states(first, second) == [S.DECLINED, S.OFFERED]
    assert await waits.desk.starts(fitting) == []


async def test_lapsed_it_goes_to_the_next_before_anybody_sees_it_free(waits: WaitlistDesk) -> None:
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    first, second = [await waits.join(await waits.desk.join(), fitting) for _ in range(2)]
    await waits.desk.cancel(holder, booked)
    waits.desk.clock.advance(OFFER)
    assert await waits.desk.starts(fitting) == []
    with pytest.raises(WaitlistOfferLapsed, match="was kept until 2026-05-20 12:15"):
        await waits.accept(first)
    await waits.pass_over()
    assert await waits.states(first, second) == [S.LAPSED, S.OFFERED]
    assert await waits.desk.starts(fitting) == []
    with pytest.raises(WaitlistOfferLapsed):
        await waits.decline(first)


async def test_without_a_worker_a_lapsed_offer_blocks_nobody(waits: WaitlistDesk) -> None:
    """A10: the hold ends by the clock a little later."""
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    entry = await waits.join(await waits.desk.join(), fitting)
    await waits.desk.cancel(holder, booked)
    waits.desk.clock.advance(OFFER + HANDING_ON)
    assert await waits.desk.starts(fitting) == [at(14)]
    await waits.desk.book(holder, Stop(fitting.service_id, at(14)))
    await waits.pass_over()
    assert await waits.states(entry) == [S.LAPSED]


async def test_turns_go_by_tier_then_by_time(waits: WaitlistDesk) -> None:
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    entries = []
    for tier in (None, "GOLD", "BLACK", "GOLD"):
        member = await waits.desk.join()
        if tier is not None:
            await waits.raise_to(member, tier)
        entries.append(await waits.join(member, fitting))
        waits.desk.clock.advance(timedelta(seconds=1))
    ahead = await waits.waitlist.ahead(waits.desk.now, entries)
    assert [ahead[entry.entry_id] for entry in entries] == [3, 1, 0, 2]
    await waits.desk.cancel(holder, booked)
    turns = []
    for _ in entries:
        [turn] = [place for place, entry in enumerate(entries) if (await waits.entry(entry)).state is S.OFFERED]
        turns.append(turn)
        await waits.decline(entries[turn])
    assert turns == [2, 1, 3, 0]


async def test_a_tier_that_has_begun_by_the_clock_counts(waits: WaitlistDesk, conn: Conn) -> None:
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    first, second = [await waits.join(await waits.desk.join(), fitting) for _ in range(2)]
    await waits.raise_to(second.membership, "GOLD")
    await conn.execute(
        "UPDATE tiers.standings SET tier = 'CARD', level = 0, ends_on = NULL, upcoming = $1",
        '[{"tier": "GOLD", "level": 2, "since": "2026-05-20", "ends_on": "2027-01-01"}]',
    )
    await waits.desk.cancel(holder, booked)
    assert await waits.states(first, second) == [S.WAITING, S.OFFERED]


async def test_only_what_is_wished_for_is_offered(waits: WaitlistDesk) -> None:
    fitting = await waits.desk.service("FITTING", associates=1, given=rules(every_minutes=60))
    holder = await waits.desk.join()
    hours = range(12, 22)
    booked = {hour: (await waits.desk.book(holder, Stop(fitting.service_id, at(hour))))[0] for hour in hours}
    evening = await waits.join(await waits.desk.join(), fitting, times=(time(18), time(20)))
    tomorrow = await waits.join(await waits.desk.join(), await one_slot_full(waits), TODAY + timedelta(days=1))
    any_time = await waits.join(await waits.desk.join(), fitting)
    await waits.desk.cancel(holder, booked[20])
    assert await waits.states(evening, tomorrow, any_time) == [S.WAITING, S.WAITING, S.OFFERED]
    await waits.desk.cancel(holder, booked[19])
    assert await waits.states(evening) == [S.OFFERED]
    assert (await waits.offered(evening)).period.start == at(19)


async def one_slot_full(waits: WaitlistDesk) -> Service:
    """Taken tomorrow."""
    viewing = await one_slot(waits, "VIEWING")
    await waits.desk.book(await waits.desk.join(), Stop(viewing.service_id, at(14, days=1)))
    return viewing


async def test_an_associate_of_choice_is_waited_for(waits: WaitlistDesk) -> None:
    fitting = await waits.desk.service("FITTING", associates=2, given=one_a_day())
    one, other = fitting.candidates[ResourceKind.ASSOCIATE]
    holders = [await waits.desk.join() for _ in range(2)]
    booked = [
        (await waits.desk.book(holder, Stop(fitting.service_id, at(14), associate)))[0]
        for holder, associate in zip(holders, (one, other), strict=True)
    ]
    entry = await waits.join(await waits.desk.join(), fitting, associate=other)
    await waits.desk.cancel(holders[0], booked[0])
    assert await waits.states(entry) == [S.WAITING]
    await waits.desk.cancel(holders[1], booked[1])
    assert (await waits.offered(entry)).associate_id == other


async def test_an_offer_ends_before_the_service_can_no_longer_be_booked(waits: WaitlistDesk) -> None:
    fitting = await one_slot(waits, given=one_a_day(notice_minutes=60, offer_minutes=120))
    holder, booked = await full(waits, fitting)
    entry = await waits.join(await waits.desk.join(), fitting)
    waits.desk.clock.set(at(12, 50))
    await waits.desk.cancel(holder, booked)
    offer = (await waits.entry(entry)).offer
    assert offer is not None and offer.until == at(13)


async def test_too_short_a_time_is_not_offered(waits: WaitlistDesk) -> None:
    fitting = await one_slot(waits, given=one_a_day(notice_minutes=60))
    holder, booked = await full(waits, fitting)
    entry = await waits.join(await waits.desk.join(), fitting)
    waits.desk.clock.set(at(12, 55) + timedelta(seconds=1))
    await waits.desk.cancel(holder, booked)
    assert await waits.states(entry) == [S.WAITING]
    assert await waits.desk.starts(fitting) == [at(14)]
    await waits.pass_over()
    assert await waits.states(entry) == [S.LAPSED]


async def test_a_moved_appointment_gives_its_old_time_to_who_waits(waits: WaitlistDesk) -> None:
    fitting = await waits.desk.service("FITTING", associates=1, given=rules(every_minutes=60))
    holder, mover = await waits.desk.join(), await waits.desk.join()
    for hour in (12, 13, 15, 16, 17, 18, 19, 20):
        await waits.desk.book(holder, Stop(fitting.service_id, at(hour)))
    [booked] = await waits.desk.book(mover, Stop(fitting.service_id, at(14)))
    waiting = await waits.desk.join()
    entry = await waits.join(waiting, fitting, times=(None, time(21)))
    await waits.desk.move(mover, booked, at(21))
    assert (await waits.offered(entry)).period.start == at(14)


async def test_what_a_member_gives_back_goes_to_the_others(waits: WaitlistDesk) -> None:
    """Whatever their turn."""
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    await waits.raise_to(holder, "BLACK")
    own, other = await waits.join(holder, fitting), await waits.join(await waits.desk.join(), fitting)
    await waits.desk.cancel(holder, booked)
    assert await waits.states(own, other) == [S.WAITING, S.OFFERED]


async def test_what_a_member_gives_back_and_nobody_else_waits_for_is_free(waits: WaitlistDesk) -> None:
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    own = await waits.join(holder, fitting)
    await waits.desk.cancel(holder, booked)
    assert await waits.states(own) == [S.WAITING]
    assert await waits.desk.starts(fitting) == [at(14)]


async def test_what_a_member_moves_away_from_is_not_offered_to_them(waits: WaitlistDesk) -> None:
    hours = {"weekly": dict.fromkeys(range(1, 8), ("14:00", "16:00"))}
    fitting = await one_slot(waits, given=rules(every_minutes=60, hours=hours))
    mover, booked = await full(waits, fitting)
    own = await waits.join(mover, fitting, times=(None, time(15)))
    other = await waits.join(await waits.desk.join(), fitting, times=(None, time(15)))
    await waits.desk.move(mover, booked, at(15))
    assert await waits.states(own, other) == [S.WAITING, S.OFFERED]


async def test_of_two_who_give_back_at_once_each_is_offered_the_others_place(waits: WaitlistDesk) -> None:
    hours = {"weekly": dict.fromkeys(range(1, 8), ("14:00", "16:00"))}
    fitting = await one_slot(waits, given=rules(every_minutes=60, hours=hours))
    members = [await waits.desk.join() for _ in range(2)]
    stops = [Stop(fitting.service_id, at(hour)) for hour in (14, 15)]
    booked = [(await waits.desk.book(member, stop))[0] for member, stop in zip(members, stops, strict=True)]
    entries = [await waits.join(member, fitting) for member in members]
    async with waits.desk.database.engine(WAITLIST, waits.desk.now) as tx:
        for appointment in booked:
            await changing.change(tx, appointment, AppointmentState.CANCELLED)
        await waits.offering.offer_freed(tx, booked)
    assert [(await waits.offered(entry)).period.start for entry in entries] == [at(15), at(14)]


async def test_a_no_show_is_too_late_to_offer_and_no_trouble(waits: WaitlistDesk) -> None:
    fitting = await one_slot(waits)
    _, booked = await full(waits, fitting)
    entry = await waits.join(await waits.desk.join(), fitting)
    waits.desk.clock.set(booked.no_show_from)
    assert (await waits.desk.step(booked, Step.NO_SHOW)).state is AppointmentState.NO_SHOW
    await waits.pass_over()
    assert await waits.states(entry) == [S.LAPSED]


# ---- refusals


async def test_why_nobody_waits(waits: WaitlistDesk) -> None:
    fitting, member = await one_slot(waits), await waits.desk.join()
    with pytest.raises(SlotFreeNow, match="FITTING is free at 2026-05-20 14:00"):
        await waits.join(member, fitting)
    await full(waits, fitting)
    with pytest.raises(SlotFreeNow, match="2026-05-21 14:00"):
        await waits.join(member, fitting, TODAY, TODAY + timedelta(days=1))
    with pytest.raises(NothingToWaitFor):
        await waits.join(member, fitting, times=(time(14, 30), None))
    with pytest.raises(NothingToWaitFor):
        await waits.join(member, fitting, times=(time(16), time(20)))
    with pytest.raises(WaitIsOver, match="until 2026-05-19 13:55"):
        await waits.join(member, fitting, TODAY - timedelta(days=1))
    for days in (-1, 14):
        with pytest.raises(WaitTooLong):
            await waits.join(member, fitting, TODAY, TODAY + timedelta(days=days))
    with pytest.raises(TooEarlyToBook):
        await waits.join(member, fitting, TODAY + timedelta(days=70))
    with pytest.raises(AssociateNotSkilled):
        await waits.join(member, fitting, associate=next(iter(fitting.resource_ids)))
    with pytest.raises(UnknownService):
        await waits.join(member, replace(fitting, service_id=ServiceId(new_id())))
    await waits.join(member, fitting)
    with pytest.raises(AlreadyWaiting):
        await waits.join(member, fitting, times=(time(13), time(16)))


async def test_who_often_did_not_come_asks_staff_to_wait_too(waits: WaitlistDesk) -> None:
    desk, fitting = waits.desk, await one_slot(waits, given=one_a_day(no_show_limit=1, no_show_days=30))
    member = await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    assert (await desk.cancel(member, booked)).state is AppointmentState.LATE_CANCELLED
    await full(waits, fitting)
    with pytest.raises(BookingSuspended):
        await waits.join(member, fitting)
    entry = await waits.join(member, fitting, actor=desk.actor(Role.ASSOCIATE))
    assert entry.membership == member


async def test_nobody_waits_everywhere(waits: WaitlistDesk) -> None:
    member = await waits.desk.join()
    for number in range(MOST_ENTRIES + 1):
        service = await one_slot(waits, f"S{number}")
        await full(waits, service)
        if number == MOST_ENTRIES:
            with pytest.raises(TooManyWaiting):
                await waits.join(member, service)
        else:
            await waits.join(member, service)


async def test_what_is_over_by_the_clock_is_in_nobodys_way(waits: WaitlistDesk) -> None:
    """Nobody has written down yet that the first entry has lapsed."""
    fitting = await one_slot(waits)
    holder, member = await waits.desk.join(), await waits.desk.join()
    [booked] = await waits.desk.book(holder, Stop(fitting.service_id, at(14)))
    first = await waits.join(member, fitting)
    await waits.desk.cancel(holder, booked)
    waits.desk.clock.advance(OFFER)
    second = await waits.join(member, fitting)
    assert await waits.states(first) == [S.LAPSED]
    assert (await waits.entry(second)).state in (S.WAITING, S.OFFERED)


async def test_steps_out_of_turn(waits: WaitlistDesk) -> None:
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    entry = await waits.join(await waits.desk.join(), fitting)
    with pytest.raises(WaitlistStepRefused, match="is waiting"):
        await waits.accept(entry)
    with pytest.raises(WaitlistStepRefused):
        await waits.decline(entry)
    await waits.desk.cancel(holder, booked)
    with pytest.raises(WaitlistStepRefused, match="Accept or decline"):
        await waits.withdraw(entry)
    await waits.accept(entry)
    with pytest.raises(WaitlistStepRefused, match="is accepted"):
        await waits.accept(entry)


async def test_a_repeat_is_answered_with_the_entry_as_it_is(waits: WaitlistDesk) -> None:
    entry = await offered_place(waits)
    key = new_key()
    first = await waits.accept(entry, key=key)
    assert await waits.accept(entry, key=key) == first


async def test_whose_entries_they_are(waits: WaitlistDesk) -> None:
    desk, fitting = waits.desk, await one_slot(waits)
    await full(waits, fitting)
    member, other = await desk.join(), await desk.join()
    with pytest.raises(UnknownMember):
        await waits.join(member, fitting, actor=desk.member(other))
    with pytest.raises(UnknownService):
        await waits.join(member, fitting, actor=desk.actor(Role.ASSOCIATE, OTHER_COUNTER))
    with pytest.raises(UnknownService):
        await waits.join(member, fitting, actor=desk.actor(Role.TILL))
    entry = await waits.join(member, fitting, actor=desk.actor(Role.ASSOCIATE))
    for stranger in (desk.member(other), desk.actor(Role.ASSOCIATE, OTHER_COUNTER), desk.actor(Role.PLANNER)):
        with pytest.raises(UnknownWaitlistEntry):
            await waits.withdraw(entry, actor=stranger)
    assert (await waits.withdraw(entry, actor=desk.actor(Role.MEMBER_SERVICES))).state is S.WITHDRAWN


async def test_what_staff_do_is_audited_and_what_the_house_does_is_not(waits: WaitlistDesk, conn: Conn) -> None:
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    await waits.join(await waits.desk.join(), fitting, actor=waits.desk.actor(Role.DESK))
    await waits.join(await waits.desk.join(), fitting)
    await waits.desk.cancel(holder, booked)
    waits.desk.clock.advance(OFFER)
    await waits.pass_over()
    rows = await conn.fetch("SELECT action, actor_role FROM platform.audit_entries")
    assert [tuple(row) for row in rows] == [("waitlist.join", "desk")]


async def test_every_step_is_told(waits: WaitlistDesk, conn: Conn) -> None:
    fitting = await one_slot(waits)
    holder, booked = await full(waits, fitting)
    entries = [await waits.join(await waits.desk.join(), fitting) for _ in range(4)]
    await waits.withdraw(entries[3])
    await waits.desk.cancel(holder, booked)
    await waits.decline(entries[0])
    waits.desk.clock.advance(OFFER)
    await waits.pass_over()
    await waits.accept(entries[2])
    told = [
        [
            row["name"].partition(".")[2]
            for row in await conn.fetch(
                "SELECT name FROM platform.outbox WHERE ordering_key = $1 AND name LIKE 'waitlist.%' ORDER BY sequence",
                entry.membership.member_id,
            )
        ]
        for entry in entries
    ]
    assert told == [
        ["joined", "offered", "declined"],
        ["joined", "offered", "lapsed"],
        ["joined", "offered", "accepted"],
        ["joined", "withdrawn"],
    ]
