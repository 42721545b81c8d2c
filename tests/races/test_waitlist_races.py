"""Cancellations, offers, answers and the worker at once: one offer of each place, none lost, no circle of waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from random import Random

import pytest
from structlog.testing import capture_logs

from membership.appointments import changing, store
from membership.appointments.locking import lock_member
from membership.appointments.model import Appointment, AppointmentState, ResourceKind, Service, Stop
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import DomainError
from membership.members.model import MembershipKey
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.waitlist.changing import change
from membership.waitlist.context import WAITLIST
from membership.waitlist.errors import WaitlistOfferLapsed
from membership.waitlist.model import Entry, EntryState
from membership.waitlist.passing import LOOK_AGAIN
from membership.waitlist.rules import HANDING_ON, fitting, offer_until, state_at
from membership.waitlist.store import list_entries
from support.appointment_desk import COUNTER, OTHER_COUNTER, TODAY, at, rules
from support.blocked import until_blocked
from support.waitlist_desk import WaitlistDesk, open_waitlist_desk

S = EntryState
HOLDER = Actor(Role.SERVICE, "holder")
OFFER = timedelta(minutes=15)
ONE_A_DAY = rules(hours={"weekly": dict.fromkeys(range(1, 8), ("14:00", "15:00"))})
OVERLAPS = """
    SELECT count(*) FROM appointments.occupied one JOIN appointments.occupied other
        ON one.resource_id = other.resource_id AND one.during && other.during
        AND one.appointment_id < other.appointment_id
    WHERE one.live AND other.live
"""


@pytest.fixture
async def waits(database: Database, conn: Conn) -> WaitlistDesk:
    return await open_waitlist_desk(database, conn)


async def full(
    waits: WaitlistDesk, places: int, code: str = "FITTING", counter: str = COUNTER
) -> tuple[Service, list[Appointment]]:
    """A service with so many places at 14:00, all of them taken."""
    service = await waits.desk.service(code, units=places, given=ONE_A_DAY, counter=counter)
    booked: list[Appointment] = []
    for _ in range(places):
        booked += await waits.desk.book(await waits.desk.join(), Stop(service.service_id, at(14)))
    return service, booked


def cancelling(waits: WaitlistDesk, booked: Appointment) -> "asyncio.Task[Appointment]":
    return asyncio.create_task(waits.desk.cancel(booked.membership, booked))


async def test_two_places_that_come_free_at_once_go_to_two_members(waits: WaitlistDesk, conn: Conn) -> None:
    """A8: both cancellations see both members wait; whoever is offered one place is not offered the other."""
    service, booked = await full(waits, 2)
    entries = [await waits.join(await waits.desk.join(), service) for _ in range(3)]
    async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
        await store.lock_resources(tx.conn, service.resource_ids)
        both = [cancelling(waits, one) for one in booked]
        await until_blocked(conn, count=2)
    await asyncio.gather(*both)
    await waits.pass_over()
    assert await waits.states(*entries) == [S.OFFERED, S.OFFERED, S.WAITING]
    places = [await waits.offered(entry) for entry in entries[:2]]
    assert {place.membership for place in places} == {entry.membership for entry in entries[:2]}


async def test_two_services_that_come_free_in_opposite_orders(waits: WaitlistDesk, conn: Conn) -> None:
    """All that a transaction gives back is locked at once and by id."""
    one, freed = await full(waits, 2, "ONE")
    other, freed_too = await full(waits, 2, "OTHER", OTHER_COUNTER)
    entries = [await waits.join(await waits.desk.join(), service) for service in (one, other) for _ in range(2)]

    async def give_back(gone: list[Appointment]) -> None:
        """As a visit would whose stops are cancelled."""
        async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
            for appointment in gone:
                await changing.change(tx, appointment, AppointmentState.CANCELLED)
            await waits.offering.offer_freed(tx, gone)

    async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
        await store.lock_resources(tx.conn, one.resource_ids | other.resource_ids)
        visits = [asyncio.create_task(give_back(gone)) for gone in ([freed[0], freed_too[0]], [freed_too[1], freed[1]])]
        await until_blocked(conn, count=2)
    with capture_logs() as logs:
        await asyncio.gather(*visits)
    assert logs == [], "a deadlock would be survived, and told"
    assert await waits.states(*entries) == [S.OFFERED] * 4


async def two_units(waits: WaitlistDesk) -> tuple[Service, dict[tuple[int, int], Appointment]]:
    """A service with two places a day, and who has each of them, by the day from today and the unit."""
    service = await waits.desk.service("FITTING", units=2, given=ONE_A_DAY)
    units = sorted(service.resource_ids)
    booked: dict[tuple[int, int], Appointment] = {}
    for days in range(3):
        for _ in units:
            [one] = await waits.desk.book(await waits.desk.join(), Stop(service.service_id, at(14, days=days)))
            unit = await waits.desk.conn.fetchval(
                "SELECT resource_id FROM appointments.occupied WHERE appointment_id = $1 AND resource_id = ANY ($2)",
                one.appointment_id,
                units,
            )
            booked[days, units.index(unit)] = one
    return service, booked


async def offered_days(waits: WaitlistDesk, service: Service, freed: list[Appointment]) -> tuple[list[Entry], Entry]:
    """One member waits for today and for tomorrow, in two entries, and is offered what is freed, in its order; somebody
    else waits for both days."""
    member, bystander = await waits.desk.join(), await waits.desk.join()
    entries = [await waits.join(member, service, TODAY + timedelta(days=days)) for days in range(2)]
    other = await waits.join(bystander, service, TODAY, TODAY + timedelta(days=1))
    for booked in freed:
        await waits.desk.cancel(booked.membership, booked)
    assert await waits.states(*entries, other) == [S.OFFERED, S.OFFERED, S.WAITING]
    return entries, other


def booking_on(waits: WaitlistDesk, member: MembershipKey, service: Service) -> "asyncio.Task[list[Appointment]]":
    return asyncio.create_task(waits.desk.book(member, Stop(service.service_id, at(16))))


async def test_whoever_joins_again_ends_all_that_lapsed_before_any_of_it_is_offered(
    waits: WaitlistDesk, conn: Conn
) -> None:
    """The worker was away. Somebody who books the second one's unit a little later, when the hold has lapsed too, ends
    that, and then needs the unit."""
    service, booked = await two_units(waits)
    entries, other = await offered_days(waits, service, [booked[0, 0], booked[1, 1]])
    unit = sorted(service.resource_ids)[1]
    sharing, rival = await waits.desk.service("OTHER", candidates={ResourceKind.UNIT: [unit]}), await waits.desk.join()
    waits.desk.clock.advance(OFFER)
    async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
        await store.lock_resources(tx.conn, [unit])
        again = asyncio.create_task(waits.join(entries[0].membership, service, TODAY + timedelta(days=2)))
        await until_blocked(conn)
        waits.desk.clock.advance(HANDING_ON)
        booking = booking_on(waits, rival, sharing)
        await until_blocked(conn, count=2)
    with capture_logs() as logs:
        await asyncio.gather(again, booking)
    assert logs == [], "a deadlock would be survived, and told"
    assert await waits.states(*entries, other) == [S.LAPSED, S.LAPSED, S.OFFERED]


async def test_whoever_joins_again_ends_what_lapsed_by_the_ids_of_the_appointments(
    waits: WaitlistDesk, conn: Conn
) -> None:
    """Joined in the one order, offered in the other, and somebody who books ends both by id."""
    service, booked = await two_units(waits)
    entries, other = await offered_days(waits, service, [booked[1, 0], booked[0, 0]])
    later, first = [(await waits.offered(entry)).appointment_id for entry in entries]
    assert first < later
    unit = sorted(service.resource_ids)[0]
    sharing, rival = await waits.desk.service("OTHER", candidates={ResourceKind.UNIT: [unit]}), await waits.desk.join()
    waits.desk.clock.advance(OFFER + HANDING_ON)
    async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
        await tx.conn.execute("SELECT FROM appointments.appointments WHERE appointment_id = $1 FOR UPDATE", first)
        booking = booking_on(waits, rival, sharing)
        await until_blocked(conn)
        again = asyncio.create_task(waits.join(entries[0].membership, service, TODAY + timedelta(days=2)))
        await until_blocked(conn, count=2)
    with capture_logs() as logs:
        await asyncio.gather(again, booking)
    assert logs == [], "a deadlock would be survived, and told"
    assert await waits.states(*entries, other) == [S.LAPSED, S.LAPSED, S.OFFERED]


async def test_whoever_joins_again_locks_days_in_one_order(waits: WaitlistDesk, conn: Conn) -> None:
    """What lapsed was of a later day than is waited for now, and somebody else joins for both."""
    service, booked = await two_units(waits)
    later = TODAY + timedelta(days=2)
    lapsed = await waits.join(await waits.desk.join(), service, later)
    other, rival = await waits.join(await waits.desk.join(), service, TODAY, later), await waits.desk.join()
    await waits.desk.cancel(booked[2, 0].membership, booked[2, 0])
    assert await waits.states(lapsed, other) == [S.OFFERED, S.WAITING]
    waits.desk.clock.advance(OFFER)
    await conn.execute("UPDATE waitlist.groups SET due_at = $1", waits.desk.now + LOOK_AGAIN)
    async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
        await tx.conn.execute("SELECT FROM waitlist.groups WHERE day = $1 FOR UPDATE", TODAY)
        joins = [asyncio.create_task(waits.join(rival, service, TODAY, later))]
        await until_blocked(conn)
        joins.append(asyncio.create_task(waits.join(lapsed.membership, service, TODAY)))
        await until_blocked(conn, count=2)
    await asyncio.gather(*joins)
    assert await waits.states(lapsed, other) == [S.LAPSED, S.OFFERED]


async def test_a_member_who_is_busy_is_not_waited_for(waits: WaitlistDesk) -> None:
    """The cancellation ends while the member's lock is held; the place goes to the next, who is not busy."""
    service, [booked, *_] = await full(waits, 1)
    busy, following = [await waits.join(await waits.desk.join(), service) for _ in range(2)]
    async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
        await lock_memberships(tx.conn, [busy.membership])
        async with asyncio.timeout(10):
            assert (await waits.desk.cancel(booked.membership, booked)).state is AppointmentState.LATE_CANCELLED
        assert await waits.states(busy, following) == [S.WAITING, S.OFFERED]


async def test_the_worker_waits_for_whose_turn_it_is(waits: WaitlistDesk, conn: Conn) -> None:
    service, [booked, *_] = await full(waits, 1)
    entry = await waits.join(await waits.desk.join(), service)
    async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
        await lock_memberships(tx.conn, [entry.membership])
        await waits.desk.cancel(booked.membership, booked)
        worker = asyncio.create_task(waits.passes.step_due(waits.desk.now))
        await until_blocked(conn)
    assert await worker == 1
    assert await waits.states(entry) == [S.OFFERED]


async def test_who_joins_beside_a_cancellation_is_found_by_the_worker(waits: WaitlistDesk) -> None:
    """The cancellation did not see the entry, nor the entry the free place; then neither is lost."""
    service, [booked, *_] = await full(waits, 1)
    async with waits.desk.database.engine(WAITLIST, waits.desk.now) as tx:
        await lock_member(tx, booked.membership)
        await changing.change(tx, booked, AppointmentState.CANCELLED)
        await waits.offering.offer_freed(tx, [booked])
        entry = await waits.join(await waits.desk.join(), service)
    assert await waits.desk.starts(service) == [at(14)]
    await waits.pass_over()
    assert await waits.states(entry) == [S.OFFERED]


@pytest.mark.parametrize(
    ("first", "outcome"),
    [("member", (S.ACCEPTED, AppointmentState.CONFIRMED)), ("worker", (S.LAPSED, AppointmentState.EXPIRED))],
)
async def test_an_answer_at_the_last_moment_and_the_worker(
    waits: WaitlistDesk, conn: Conn, first: str, outcome: tuple[EntryState, AppointmentState]
) -> None:
    """Whoever is first decides, and the appointment is as the entry says."""
    service, [booked, *_] = await full(waits, 1)
    entry = await waits.join(await waits.desk.join(), service)
    await waits.desk.cancel(booked.membership, booked)
    acts: dict[str, Callable[[], Coroutine[object, object, object]]] = {
        "member": lambda: waits.accept(entry),
        "worker": lambda: waits.passes.end_lapsed(waits.desk.now + OFFER),
    }
    async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
        await lock_memberships(tx.conn, [entry.membership])
        rivals = []
        for name in sorted(acts, key=lambda name: name != first):
            rivals.append(asyncio.create_task(acts[name]()))
            await until_blocked(conn, count=len(rivals))
    await asyncio.gather(*rivals, return_exceptions=True)
    assert ((await waits.entry(entry)).state, (await waits.offered(entry)).state) == outcome


async def test_two_workers_and_a_member_end_an_offer_once(waits: WaitlistDesk, conn: Conn) -> None:
    service, [booked, *_] = await full(waits, 1)
    entries = [await waits.join(await waits.desk.join(), service) for _ in range(3)]
    await waits.desk.cancel(booked.membership, booked)
    waits.desk.clock.advance(OFFER)
    async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
        await lock_memberships(tx.conn, [entries[0].membership])
        ending = [asyncio.create_task(waits.passes.end_lapsed(waits.desk.now)) for _ in range(2)]
        ending_too = asyncio.create_task(waits.accept(entries[0]))
        await until_blocked(conn, count=3)
    await asyncio.gather(*ending)
    with pytest.raises(WaitlistOfferLapsed):
        await ending_too
    assert await waits.states(*entries) == [S.LAPSED, S.OFFERED, S.WAITING]


async def test_two_passes_at_once_offer_each_place_once(waits: WaitlistDesk, conn: Conn) -> None:
    """A8, where nothing came free by a cancellation: what was only held has lapsed. A member could be at all three."""
    hours = {"weekly": dict.fromkeys(range(1, 8), ("14:00", "17:00"))}
    service = await waits.desk.service("TASTING", units=1, given=rules(hours=hours, every_minutes=60))
    for hour in (14, 15, 16):
        await waits.desk.hold(await waits.desk.join(), Stop(service.service_id, at(hour)))
    entries = [await waits.join(await waits.desk.join(), service) for _ in range(6)]
    waits.desk.clock.advance(timedelta(minutes=5))
    passes = [waits.passes.pass_over(waits.desk.now, service.service_id, [TODAY]) for _ in range(4)]
    assert sum(await asyncio.gather(*passes)) == 3
    assert await waits.states(*entries) == [S.OFFERED] * 3 + [S.WAITING] * 3
    assert await waits.desk.starts(service) == []
    assert await conn.fetchval(OVERLAPS) == 0


async def test_who_withdraws_while_the_worker_comes_is_offered_nothing(waits: WaitlistDesk, conn: Conn) -> None:
    service, [booked, *_] = await full(waits, 1)
    entry, following = [await waits.join(await waits.desk.join(), service) for _ in range(2)]
    async with waits.desk.database.engine(HOLDER, waits.desk.now) as tx:
        await lock_memberships(tx.conn, [entry.membership, following.membership])
        await waits.desk.cancel(booked.membership, booked)
        worker = asyncio.create_task(waits.passes.step_due(waits.desk.now))
        await until_blocked(conn)
        await change(tx, entry, S.WITHDRAWN)
    await worker
    assert await waits.states(entry, following) == [S.WITHDRAWN, S.OFFERED]


async def test_a_storm_loses_no_place_and_offers_none_twice(waits: WaitlistDesk, conn: Conn) -> None:
    """A8: bookings, cancellations, answers and two workers, 12 rounds of 16 at once. A deadlock would be an error."""
    hours = {"weekly": dict.fromkeys(range(1, 8), ("13:00", "20:00"))}
    services = [
        await waits.desk.service("FITTING", associates=2, given=rules(hours=hours, after_minutes=15)),
        await waits.desk.service("TASTING", units=2, given=rules(hours=hours), counter=OTHER_COUNTER),
    ]
    members = [await waits.desk.join() for _ in range(12)]
    for place, tier in enumerate(("GOLD", "BLACK", "CARD")):
        for member in members[place::3]:
            await waits.raise_to(member, tier)
    storm = Storm(waits, services, members, Random(4))
    await storm.fill()
    for member in members:
        for service in services:
            await waits.join(member, service)
    for _ in range(12):
        answers = await asyncio.gather(*storm.round(), return_exceptions=True)
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        assert [failure for failure in failures if not isinstance(failure, DomainError)] == []
        assert await conn.fetchval(OVERLAPS) == 0
    await waits.pass_over()
    assert await storm.missed() == []
    steps = await conn.fetch("SELECT to_state, count(*) FROM waitlist.changes GROUP BY to_state")
    assert {"OFFERED", "ACCEPTED", "DECLINED", "LAPSED"} <= {row["to_state"] for row in steps}


class Storm:
    """What many people want at the same time, chosen by chance."""

    def __init__(
        self, waits: WaitlistDesk, services: list[Service], members: list[MembershipKey], chance: Random
    ) -> None:
        self.waits, self.services, self.members, self.chance = waits, services, members, chance

    async def fill(self) -> None:
        for service in self.services:
            for _ in range(2):
                holder = await self.waits.desk.join()
                while found := await self.waits.desk.slots(service, member=holder):
                    await self.waits.desk.book(holder, Stop(service.service_id, found[0].period.start))

    def round(self) -> list[Awaitable[object]]:
        acts = [self.join, self.join, self.cancel, self.cancel, self.book, self.book, self.answer]
        chosen = [self.chance.choice(acts)() for _ in range(14)]
        self.waits.desk.clock.advance(timedelta(minutes=3))
        return [*chosen, self.waits.passes.step_due(self.waits.desk.now), self.waits.pass_over()]

    async def join(self) -> None:
        await self.waits.join(self.chance.choice(self.members), self.chance.choice(self.services))

    async def book(self) -> None:
        service, member = self.chance.choice(self.services), self.chance.choice(self.members)
        found = await self.waits.desk.slots(service, member=member)
        if found:
            await self.waits.desk.book(member, Stop(service.service_id, self.chance.choice(found).period.start))

    async def cancel(self) -> None:
        async with self.waits.desk.database.pool.acquire() as conn:
            rows = await conn.fetch(
                "SELECT appointment_id FROM appointments.appointments WHERE state = 'CONFIRMED' ORDER BY appointment_id"
            )
            if not rows:
                return
            [seen] = await store.list_appointments(conn, [self.chance.choice(rows)["appointment_id"]])
        await self.waits.desk.cancel(seen.membership, seen)

    async def answer(self) -> None:
        offered = [entry for entry in await self.entries() if entry.state is S.OFFERED]
        if offered:
            entry = self.chance.choice(offered)
            await (self.waits.accept if self.chance.random() < 0.5 else self.waits.decline)(entry)

    async def entries(self) -> list[Entry]:
        async with self.waits.desk.database.pool.acquire() as conn:
            rows = await conn.fetch("SELECT entry_id FROM waitlist.entries ORDER BY entry_id")
            return list((await list_entries(conn, [row["entry_id"] for row in rows])).values())

    async def missed(self) -> list[tuple[Entry, object]]:
        """Places that are listed to somebody who waits for them."""
        desk = self.waits.desk
        missed: list[tuple[Entry, object]] = []
        for entry in await self.entries():
            if state_at(entry, desk.now) is S.WAITING:
                service = next(one for one in self.services if one.service_id == entry.service_id)
                by_day = (
                    await desk.appointments.availability(
                        desk.member(entry.membership),
                        desk.now,
                        [service.service_id],
                        [TODAY],
                        membership=entry.membership,
                    )
                ).free
                shop = (await self.waits.offering.workings.directories.directory(desk.now)).store(entry.store_id)
                missed += [
                    (entry, slot)
                    for slot in fitting(entry.wish, entry.associate_id, shop, by_day[service.service_id])
                    if offer_until(service.rules, slot.period.start, desk.now) is not None
                ]
        return missed
