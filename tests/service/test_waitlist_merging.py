"""Two members who wait become one, beside offers too."""

import asyncio
from datetime import timedelta

import pytest

from membership.accounts.context import AccountWorkings
from membership.accounts.merge import merge
from membership.accounts.model import MergeMembers
from membership.appointments.model import AppointmentState, Service, Stop
from membership.appointments.store import list_appointments
from membership.kernel.actor import Actor, Role
from membership.members.model import MembershipKey
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.waitlist.model import EntryState
from support.appointment_desk import TODAY, at, rules
from support.blocked import until_blocked
from support.people import account_workings, services_of
from support.waitlist_desk import WaitlistDesk, new_key, open_waitlist_desk

S = EntryState
HOLDER = Actor(Role.SERVICE, "holder")


@pytest.fixture
async def waits(database: Database, conn: Conn) -> WaitlistDesk:
    return await open_waitlist_desk(database, conn)


@pytest.fixture
def workings(database: Database) -> AccountWorkings:
    return account_workings(database)


async def merged(waits: WaitlistDesk, workings: AccountWorkings, loser: MembershipKey, winner: MembershipKey) -> None:
    command = MergeMembers(new_key(), winner_id=winner.member_id, loser_id=loser.member_id)
    await merge(workings, services_of(waits.desk.store), waits.desk.now, command)


async def full(waits: WaitlistDesk, places: int = 1, code: str = "FITTING") -> Service:
    given = rules(hours={"weekly": dict.fromkeys(range(1, 8), ("14:00", "15:00"))})
    service = await waits.desk.service(code, units=places, given=given)
    for day in range(3):
        for _ in range(places):
            await waits.desk.book(await waits.desk.join(), Stop(service.service_id, at(14, days=day)))
    return service


async def cancel_first(waits: WaitlistDesk, service: Service) -> None:
    rows = await waits.desk.conn.fetch(
        "SELECT appointment_id, member_id FROM appointments.appointments"
        " WHERE service_id = $1 AND state = 'CONFIRMED' ORDER BY starts_at, appointment_id LIMIT 1",
        service.service_id,
    )
    holder = MembershipKey(rows[0]["member_id"], waits.desk.store.programme_id)
    [booked] = await list_appointments(waits.desk.conn, [rows[0]["appointment_id"]])
    await waits.desk.cancel(holder, booked)


async def test_the_winner_waits_for_what_either_waited_for(waits: WaitlistDesk, workings: AccountWorkings) -> None:
    service, other = await full(waits), await full(waits, code="VIEWING")
    loser, winner = await waits.desk.join(), await waits.desk.join()
    first = await waits.join(loser, service, TODAY, TODAY + timedelta(days=1))
    waits.desk.clock.advance(timedelta(seconds=1))
    needless = await waits.join(winner, service, TODAY + timedelta(days=1), TODAY + timedelta(days=2))
    apart = await waits.join(loser, other)
    await merged(waits, workings, loser, winner)
    assert await waits.states(first, needless, apart) == [S.WAITING, S.WITHDRAWN, S.WAITING]
    assert {(await waits.entry(entry)).membership for entry in (first, needless, apart)} == {winner}
    await cancel_first(waits, service)
    assert (await waits.offered(first)).membership == winner


async def test_an_offer_goes_on_as_the_winners(waits: WaitlistDesk, workings: AccountWorkings) -> None:
    service = await full(waits)
    loser, winner = await waits.desk.join(), await waits.desk.join()
    needless = await waits.join(winner, service)
    await waits.raise_to(loser, "GOLD")
    entry = await waits.join(loser, service)
    await cancel_first(waits, service)
    assert await waits.states(entry, needless) == [S.OFFERED, S.WAITING]
    await merged(waits, workings, loser, winner)
    assert await waits.states(entry, needless) == [S.OFFERED, S.WITHDRAWN]
    accepted = await waits.accept(await waits.entry(entry))
    assert (accepted.state, accepted.membership) == (S.ACCEPTED, winner)
    assert (await waits.offered(entry)).state is AppointmentState.CONFIRMED


async def test_of_two_offers_one_stays_and_the_other_place_is_soon_somebody_elses(
    waits: WaitlistDesk, workings: AccountWorkings
) -> None:
    service = await full(waits, places=2)
    loser, winner, third = [await waits.desk.join() for _ in range(3)]
    entries = []
    for member in (loser, winner, third):
        entries.append(await waits.join(member, service))
        waits.desk.clock.advance(timedelta(seconds=1))
    await cancel_first(waits, service)
    await cancel_first(waits, service)
    assert await waits.states(*entries) == [S.OFFERED, S.OFFERED, S.WAITING]
    await merged(waits, workings, loser, winner)
    assert await waits.states(*entries) == [S.OFFERED, S.DECLINED, S.WAITING]
    waits.desk.clock.advance(timedelta(minutes=16))
    await waits.pass_over()
    assert (await waits.states(*entries))[2] is S.OFFERED


async def test_an_offer_that_is_over_makes_no_wait_needless(waits: WaitlistDesk, workings: AccountWorkings) -> None:
    """Though nobody has written down its end."""
    service = await full(waits)
    loser, winner = await waits.desk.join(), await waits.desk.join()
    await waits.raise_to(loser, "GOLD")
    missed, waiting = await waits.join(loser, service), await waits.join(winner, service)
    await cancel_first(waits, service)
    assert await waits.states(missed, waiting) == [S.OFFERED, S.WAITING]
    waits.desk.clock.advance(timedelta(minutes=16))
    await merged(waits, workings, loser, winner)
    assert await waits.states(missed, waiting) == [S.LAPSED, S.WAITING]
    await waits.pass_over()
    assert await waits.states(missed, waiting) == [S.LAPSED, S.OFFERED]


async def test_an_offer_that_was_booked_as_an_appointment_is_accepted(
    waits: WaitlistDesk, workings: AccountWorkings
) -> None:
    """Before its event has come."""
    service = await full(waits)
    loser, winner = await waits.desk.join(), await waits.desk.join()
    entry = await waits.join(loser, service)
    await cancel_first(waits, service)
    offered = await waits.offered(entry)
    await waits.desk.appointments.confirm(
        waits.desk.member(loser), waits.desk.now, [offered.appointment_id], key=new_key()
    )
    waits.desk.clock.advance(timedelta(minutes=16))
    await merged(waits, workings, loser, winner)
    assert await waits.states(entry) == [S.ACCEPTED]


async def test_of_two_offers_at_one_time_the_entry_stays_whose_place_does(
    waits: WaitlistDesk, workings: AccountWorkings
) -> None:
    """The place that was offered first, to whom joined last."""
    service = await full(waits, places=2)
    loser, winner = await waits.desk.join(), await waits.desk.join()
    later = await waits.join(loser, service)
    waits.desk.clock.advance(timedelta(seconds=1))
    await waits.raise_to(winner, "GOLD")
    first = await waits.join(winner, service)
    await cancel_first(waits, service)
    waits.desk.clock.advance(timedelta(seconds=1))
    await cancel_first(waits, service)
    assert await waits.states(first, later) == [S.OFFERED, S.OFFERED]
    await merged(waits, workings, loser, winner)
    assert await waits.states(first, later) == [S.OFFERED, S.DECLINED]
    assert [(await waits.offered(entry)).state for entry in (first, later)] == [
        AppointmentState.HELD,
        AppointmentState.CANCELLED,
    ]
    assert (await waits.accept(await waits.entry(first))).state is S.ACCEPTED


async def test_who_is_being_merged_is_not_waited_for_and_not_forgotten(
    waits: WaitlistDesk, workings: AccountWorkings, conn: Conn
) -> None:
    """The cancellation passes over both; after the merge the worker finds the winner."""
    service = await full(waits)
    loser, winner = await waits.desk.join(), await waits.desk.join()
    entry = await waits.join(loser, service)
    async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
        await lock_memberships(tx.conn, [winner])
        merging = asyncio.create_task(merged(waits, workings, loser, winner))
        await until_blocked(conn)
        await cancel_first(waits, service)
        assert await waits.states(entry) == [S.WAITING]
    await merging
    await waits.pass_over()
    assert await waits.states(entry) == [S.OFFERED]
    assert (await waits.offered(entry)).membership == winner
