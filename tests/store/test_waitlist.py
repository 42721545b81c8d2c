"""What is stored comes back as the model; the schema refuses what must not be; callers see their own."""

from dataclasses import replace
from datetime import time, timedelta
from itertools import product

import asyncpg
import pytest

from membership.appointments.model import Appointment, Service, Stop
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.waitlist import store
from membership.waitlist.changing import change
from membership.waitlist.context import WAITLIST
from membership.waitlist.errors import WaitlistStepRefused
from membership.waitlist.model import Entry, EntryId, EntryState, Offer, Wish
from membership.waitlist.rules import TRANSITIONS
from support.appointment_desk import COUNTER, OTHER_COUNTER, TODAY, at, rules
from support.waitlist_desk import WaitlistDesk, open_waitlist_desk

S = EntryState
DAY = timedelta(days=1)


@pytest.fixture
async def waits(database: Database, conn: Conn) -> WaitlistDesk:
    return await open_waitlist_desk(database, conn)


async def one_waiting(waits: WaitlistDesk) -> tuple[Service, Appointment, Entry]:
    given = rules(hours={"weekly": dict.fromkeys(range(1, 8), ("14:00", "15:00"))})
    service = await waits.desk.service("FITTING", associates=1, given=given)
    holder = await waits.desk.join()
    for day in range(1, 4):
        await waits.desk.book(holder, Stop(service.service_id, at(14, days=day)))
    [booked] = await waits.desk.book(holder, Stop(service.service_id, at(14)))
    return service, booked, await waits.join(await waits.desk.join(), service, TODAY, TODAY + DAY, (time(9), None))


async def test_an_entry_comes_back_as_it_was_written(waits: WaitlistDesk, conn: Conn) -> None:
    _, booked, entry = await one_waiting(waits)
    assert await store.list_entries(conn, [entry.entry_id]) == {entry.entry_id: entry}
    assert entry.wish == Wish(TODAY, TODAY + DAY, time(9), None)
    await waits.desk.cancel(booked.membership, booked)
    place = await waits.offered(entry)
    offer = Offer(place.appointment_id, waits.desk.now, waits.desk.now + timedelta(minutes=15), 0)
    changed = await waits.entry(entry)
    assert changed == replace(entry, state=S.OFFERED, step=2, lapses_at=offer.until, offer=offer)
    assert await store.find_entry_by_appointment(conn, place.appointment_id) == changed


@pytest.mark.parametrize(("state", "to"), list(product(S, S)))
async def test_every_step_is_written_or_refused(
    waits: WaitlistDesk, conn: Conn, state: EntryState, to: EntryState
) -> None:
    """The table, walked on the rows: what it does not allow writes nothing."""
    _, _, entry = await one_waiting(waits)
    offer = Offer(new_id(), waits.desk.now, waits.desk.now + timedelta(minutes=15), 1)  # type: ignore[arg-type]
    async with waits.desk.database.engine(WAITLIST, waits.desk.now) as tx:
        path = {S.WAITING: [], S.OFFERED: [S.OFFERED], S.WITHDRAWN: [S.WITHDRAWN]}.get(state, [S.OFFERED, state])
        for step in path:
            entry = await change(tx, entry, step, offer=offer if step is S.OFFERED else None)
    assert (await waits.entry(entry)).state is state
    async with waits.desk.database.engine(WAITLIST, waits.desk.now) as tx:
        if to in TRANSITIONS[state]:
            await change(tx, entry, to, offer=offer if to is S.OFFERED else None)
        else:
            with pytest.raises(WaitlistStepRefused):
                await change(tx, entry, to)
    reached = to if to in TRANSITIONS[state] else state
    assert (await waits.entry(entry)).state is reached
    logged = await conn.fetchval("SELECT max(step) FROM waitlist.changes WHERE entry_id = $1", entry.entry_id)
    assert logged == (await waits.entry(entry)).step


async def test_a_step_counts_from_what_was_seen(waits: WaitlistDesk) -> None:
    _, _, entry = await one_waiting(waits)
    await waits.withdraw(entry)
    async with waits.desk.database.engine(WAITLIST, waits.desk.now) as tx:
        with pytest.raises(WaitlistStepRefused):
            await change(tx, entry, S.LAPSED)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE waitlist.entries SET state = 'GONE', lapses_at = NULL, appointment_id = entry_id, "
         "offered_at = joined_at, offer_until = joined_at, offered_level = 0 WHERE entry_id = $1", "entries_state"),
        ("UPDATE waitlist.entries SET lapses_at = NULL WHERE entry_id = $1", "entries_lapses"),
        ("UPDATE waitlist.entries SET state = 'WITHDRAWN' WHERE entry_id = $1", "entries_lapses"),
        ("UPDATE waitlist.entries SET state = 'OFFERED' WHERE entry_id = $1", "entries_offered"),
        ("UPDATE waitlist.entries SET state = 'ACCEPTED', lapses_at = NULL WHERE entry_id = $1", "entries_offered"),
        ("UPDATE waitlist.entries SET appointment_id = entry_id WHERE entry_id = $1", "entries_offer"),
        ("UPDATE waitlist.entries SET days = 'empty' WHERE entry_id = $1", "entries_days"),
        ("UPDATE waitlist.entries SET days = '[2026-05-20,)' WHERE entry_id = $1", "entries_days"),
        ("UPDATE waitlist.entries SET member_id = entry_id WHERE entry_id = $1", "entries_membership"),
        ("INSERT INTO waitlist.entries SELECT (jsonb_populate_record(e, jsonb_build_object('entry_id', "
         "gen_random_uuid(), 'days', '[2026-05-21,2026-05-25)'))).* FROM waitlist.entries e WHERE entry_id = $1",
         "entries_once"),
        ("DELETE FROM waitlist.changes WHERE entry_id = $1", "append-only"),
    ],
)  # fmt: skip
async def test_the_schema_refuses_what_must_not_be(
    waits: WaitlistDesk, conn: Conn, statement: str, constraint: str
) -> None:
    _, _, entry = await one_waiting(waits)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=constraint):
        await conn.execute(statement, entry.entry_id)


async def test_of_one_place_there_is_one_offer(waits: WaitlistDesk, conn: Conn) -> None:
    """A8, by the constraint that stands behind everything else."""
    service, booked, first = await one_waiting(waits)
    second = await waits.join(await waits.desk.join(), service)
    await waits.desk.cancel(booked.membership, booked)
    offer = (await waits.entry(first)).offer
    assert offer is not None
    with pytest.raises(asyncpg.UniqueViolationError, match="entries_appointment_key"):
        async with waits.desk.database.engine(WAITLIST, waits.desk.now) as tx:
            await change(tx, second, S.OFFERED, offer=offer)


async def test_who_waits_on_a_day_is_looked_up_in_the_index(waits: WaitlistDesk, conn: Conn) -> None:
    """Its cost must not follow those who waited once."""
    service, _, _ = await one_waiting(waits)
    async with conn.transaction():
        await conn.execute("SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan")
        arguments = [service.service_id, TODAY, TODAY, waits.desk.now, TODAY, ["CARD"], [0], None, None, None, 50]
        plan = await conn.fetch(f"EXPLAIN {store.SQL.list_candidates.text}", *arguments)
    text = "\n".join(row[0] for row in plan)
    assert "entries_waiting" in text
    assert "Seq Scan" not in text


async def test_callers_read_what_is_theirs(waits: WaitlistDesk, database: Database) -> None:
    desk = waits.desk
    _, _, entry = await one_waiting(waits)
    other = await desk.join()

    async def sees(actor: Actor) -> tuple[int, int]:
        async with database.reader(actor) as conn:
            found = await store.list_entries(conn, [entry.entry_id])
            changes: int = await conn.fetchval("SELECT count(*) FROM waitlist.changes")
            return len(found), changes

    everything, nothing = (1, 1), (0, 0)
    assert await sees(desk.member(entry.membership)) == everything
    assert await sees(desk.member(other)) == nothing
    assert await sees(desk.actor(Role.ASSOCIATE, COUNTER)) == everything
    assert await sees(desk.actor(Role.ASSOCIATE, OTHER_COUNTER)) == nothing
    for role in (Role.DESK, Role.MEMBER_SERVICES, Role.SERVICE, Role.ADMIN):
        assert await sees(desk.actor(role)) == everything
    for role in (Role.TILL, Role.PLANNER, Role.APPROVER):
        assert await sees(desk.actor(role)) == nothing
    assert await sees(replace(desk.actor(Role.MEMBER_SERVICES), programme_id=new_id())) == nothing
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.reader(desk.actor(Role.ADMIN)) as conn:
            await conn.fetchval("SELECT count(*) FROM waitlist.groups")


async def test_pages(waits: WaitlistDesk, conn: Conn) -> None:
    service, _, first = await one_waiting(waits)
    member: MembershipKey = first.membership
    waits.desk.clock.advance(timedelta(seconds=1))
    second = await waits.join(member, service, TODAY + 2 * DAY)
    mine = await store.list_member_entries(conn, member, before=(None, None), limit=1)
    assert mine == [second]
    rest = await store.list_member_entries(conn, member, before=(second.joined_at, second.entry_id), limit=5)
    assert rest == [first]
    counter, now = waits.desk.counter(), waits.desk.now
    assert await store.list_counter_entries(conn, counter, now, after=(None, None), limit=1) == [first]
    place = (first.joined_at, EntryId(first.entry_id))
    assert await store.list_counter_entries(conn, counter, now, after=place, limit=5) == [second]
