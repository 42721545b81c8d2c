"""Whatever members, counters, the worker and the clock do, in any order.

A8        of one freed place there is one live offer, and it is the member's alone
Fairness  what a cancellation gives back is offered in its transaction: no member who waits for it sees it listed after,
          but the one whose it was
Turns     nobody is passed over who has the higher tier, or the same and joined first, and could have the place, but for
          what was theirs
Liveness  after one pass of the worker nothing is free that somebody waits for and may book
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import time, timedelta
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.appointments import store as appointment_store
from membership.appointments.model import Appointment, AppointmentState, Period, Service, Slot, Stop, resource_of
from membership.appointments.rules.slots import is_free
from membership.appointments.rules.states import HOLD, LIVE
from membership.kernel.errors import DomainError
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.waitlist import store
from membership.waitlist.model import Entry, EntryState, Offer
from membership.waitlist.rules import TRANSITIONS, fitting, offer_until, state_at, touches
from support.appointment_desk import OTHER_COUNTER, TODAY, at, rules
from support.waitlist_desk import WaitlistDesk, open_waitlist_desk

Act = Callable[["Day"], Awaitable[None]]
Times = tuple[time | None, time | None]
CAPACITY = 2
TIERS = ("CARD", "GOLD", "BLACK")
_codes = count(1)


@pytest.fixture
async def waits(database: Database, conn: Conn) -> WaitlistDesk:
    return await open_waitlist_desk(database, conn)


@dataclass(slots=True)
class Day:
    """Five members of three tiers, a fitting that one associate gives with buffers, a tasting for two."""

    waits: WaitlistDesk
    members: list[MembershipKey]
    levels: list[int]
    services: list[Service]
    booked: list[Appointment] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    freed: list[Appointment] = field(default_factory=list)
    """By the step that was taken last, inside a transaction that offers."""
    has_passed: bool = False

    # ---- what members do

    async def book(self, who: int, what: int, which: int) -> None:
        found = await self.waits.desk.slots(self.services[what], member=self.members[who])
        if found:
            stop = Stop(self.services[what].service_id, found[which % len(found)].period.start)
            self.booked += await self.waits.desk.book(self.members[who], stop)

    async def hold(self, who: int, what: int, which: int) -> None:
        found = await self.waits.desk.slots(self.services[what], member=self.members[who])
        if found:
            stop = Stop(self.services[what].service_id, found[which % len(found)].period.start)
            await self.waits.desk.hold(self.members[who], stop)

    async def join(self, who: int, what: int, times: Times) -> None:
        try:
            self.entries.append(await self.waits.join(self.members[who], self.services[what], times=times))
        except DomainError:
            return

    async def cancel(self, which: int) -> None:
        if not self.booked:
            return
        seen = await self._now(self.booked[which % len(self.booked)])
        try:
            await self.waits.desk.cancel(seen.membership, seen)
        except DomainError:
            return
        self.freed = [seen]

    async def move(self, which: int, hour: int) -> None:
        if not self.booked:
            return
        seen = await self._now(self.booked[which % len(self.booked)])
        try:
            moved = await self.waits.desk.move(seen.membership, seen, at(hour))
        except DomainError:
            return
        self.booked.append(moved)
        self.freed = [seen]

    async def answer(self, which: int, *, accepts: bool) -> None:
        entry = await self._entry(which, EntryState.OFFERED)
        if entry is None:
            return
        place = None if entry.offer is None else await self.waits.offered(entry)
        try:
            await (self.waits.accept(entry) if accepts else self.waits.decline(entry))
        except DomainError:
            assert await self.waits.entry(entry) == entry
            return
        assert place is not None
        if accepts:
            self.booked.append(await self.waits.offered(entry))
        else:
            self.freed = [place]

    async def answer_as_any_appointment(self, which: int, *, books: bool) -> None:
        entry = await self._entry(which, EntryState.OFFERED)
        if entry is None or entry.offer is None:
            return
        place = await self.waits.offered(entry)
        try:
            if books:
                self.booked += await self.waits.desk.confirm(entry.membership, place)
            else:
                await self.waits.desk.cancel(entry.membership, place)
        except DomainError:
            return

    async def withdraw(self, which: int) -> None:
        entry = await self._entry(which, EntryState.WAITING)
        if entry is None:
            return
        try:
            await self.waits.withdraw(entry)
        except DomainError:
            assert await self.waits.entry(entry) == entry

    # ---- and what happens beside them

    async def wait(self, by: timedelta) -> None:
        self.waits.desk.clock.advance(by)

    async def worker(self) -> None:
        await self.waits.pass_over()
        self.has_passed = True

    async def _now(self, seen: Appointment) -> Appointment:
        [now] = await appointment_store.list_appointments(self.waits.desk.conn, [seen.appointment_id])
        return now

    async def _entry(self, which: int, state: EntryState) -> Entry | None:
        """One that is so, as written, or any."""
        found = [await self.waits.entry(entry) for entry in self.entries]
        likely = [entry for entry in found if entry.state is state] or found
        return likely[which % len(likely)] if likely else None

    async def live(self) -> list[Entry]:
        found = [await self.waits.entry(entry) for entry in self.entries]
        return [
            entry for entry in found if state_at(entry, self.waits.desk.now) in (EntryState.WAITING, EntryState.OFFERED)
        ]

    async def could_have(self, entry: Entry) -> list[Slot]:
        """What this member sees listed, wished for, and with time enough to answer an offer."""
        desk = self.waits.desk
        service = next(one for one in self.services if one.service_id == entry.service_id)
        by_day = (
            await desk.appointments.availability(
                desk.member(entry.membership), desk.now, [service.service_id], [TODAY], membership=entry.membership
            )
        ).free
        shop = (await self.waits.offering.workings.directories.directory(desk.now)).store(service.store_id)
        wished = fitting(entry.wish, entry.associate_id, shop, by_day[service.service_id])
        return [slot for slot in wished if offer_until(service.rules, slot.period.start, desk.now) is not None]

    async def wishes(self, entry: Entry, period: Period) -> bool:
        """Whether a place would have been for this member, had it been theirs."""
        desk = self.waits.desk
        shop = (await self.waits.offering.workings.directories.directory(desk.now)).store(entry.store_id)
        if not list(fitting(entry.wish, None, shop, {TODAY: [Slot(period, {})]})):
            return False
        person = resource_of(entry.membership.member_id)
        taken = await appointment_store.list_taken(desk.conn, [person], period, now=desk.now)
        return is_free(taken.busy.get(person, ()), period)

    def turn(self, entry: Entry) -> tuple[int, object, object]:
        return -self.levels[self.members.index(entry.membership)], entry.joined_at, entry.entry_id


WHO, WHAT, WHICH, HOUR = st.integers(0, 4), st.integers(0, 1), st.integers(0, 40), st.integers(13, 19)
TIMES = st.sampled_from([(None, None), (time(14), time(17)), (time(16), None), (None, time(15))])
ACTS = st.one_of(
    st.builds(lambda who, what, which: lambda day: day.book(who, what, which), WHO, WHAT, WHICH),
    st.builds(lambda who, what, which: lambda day: day.hold(who, what, which), WHO, WHAT, WHICH),
    *[st.builds(lambda who, what, times: lambda day: day.join(who, what, times), WHO, WHAT, TIMES)] * 2,
    *[st.builds(lambda which: lambda day: day.cancel(which), WHICH)] * 3,
    st.builds(lambda which, hour: lambda day: day.move(which, hour), WHICH, HOUR),
    *[st.builds(lambda which, accepts: lambda day: day.answer(which, accepts=accepts), WHICH, st.booleans())] * 3,
    st.builds(lambda which, books: lambda day: day.answer_as_any_appointment(which, books=books), WHICH, st.booleans()),
    st.builds(lambda which: lambda day: day.withdraw(which), WHICH),
    st.builds(
        lambda by: lambda day: day.wait(by),
        st.sampled_from([timedelta(seconds=1), HOLD, timedelta(minutes=15), timedelta(minutes=45)]),
    ),
    st.just(lambda day: day.worker()),
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    tiers=st.lists(st.integers(0, 2), min_size=5, max_size=5),
    wishes=st.lists(st.tuples(WHO, WHAT, TIMES), min_size=4, max_size=8),
    acts=st.lists(ACTS, min_size=8, max_size=24),
)
async def test_any_day_keeps_the_laws(
    waits: WaitlistDesk, conn: Conn, tiers: list[int], wishes: list[tuple[int, int, Times]], acts: list[Act]
) -> None:
    day = await begin(waits, tiers)
    for wish in wishes:
        await day.join(*wish)
        await day.wait(timedelta(seconds=1))
    for act in acts:
        day.freed, day.has_passed = [], False
        before = {entry.entry_id: entry for entry in await day.live()}
        await act(day)
        live = await day.live()
        await check_offers(day, conn, live)
        await check_fair(day, live)
        new = [entry for entry in live if entry.state is EntryState.OFFERED and entry != before.get(entry.entry_id)]
        await check_turns(day, new, live)
        if day.has_passed:
            await check_nothing_left(day, live)
    await day.worker()
    await check_stories(day, conn)


async def begin(waits: WaitlistDesk, tiers: list[int]) -> Day:
    """In a full house: all of the day is taken, by members who wait for nothing."""
    waits.desk.clock.set(at(12))
    number = next(_codes)
    hours = {"weekly": dict.fromkeys(range(1, 8), ("13:00", "20:00"))}
    buffered = rules(every_minutes=30, before_minutes=10, after_minutes=10, hours=hours)
    services = [
        await waits.desk.service(f"FITTING-{number}", associates=1, given=buffered),
        await waits.desk.service(f"TASTING-{number}", units=CAPACITY, given=rules(hours=hours), counter=OTHER_COUNTER),
    ]
    day = Day(waits, [await waits.desk.join() for _ in tiers], [], services)
    for member, tier in zip(day.members, tiers, strict=True):
        await waits.raise_to(member, TIERS[tier])
        day.levels.append(waits.desk.store.ladder.levels[TIERS[tier]])
    for what in (0, 1, 1):
        holder = await waits.desk.join()
        for _ in range(7):
            found = await waits.desk.slots(services[what], member=holder)
            if found:
                day.booked += await waits.desk.book(holder, Stop(services[what].service_id, found[0].period.start))
    return day


async def check_offers(day: Day, conn: Conn, live: list[Entry]) -> None:
    """A8, from the rows: an offer is a place that this member has, within the wish, and nobody else has it."""
    offered = [entry for entry in live if entry.state is EntryState.OFFERED]
    places = [await day.waits.offered(entry) for entry in offered]
    assert len({place.appointment_id for place in places}) == len(places)
    for entry, place in zip(offered, places, strict=True):
        assert (place.membership, place.service_id) == (entry.membership, entry.service_id)
        if place.state is AppointmentState.HELD:
            assert isinstance(entry.offer, Offer) and entry.offer.until < place.held_until
    rows = await conn.fetch(
        "SELECT o.resource_id, lower(o.during) AS start, upper(o.during) AS end FROM appointments.occupied o"
        " JOIN appointments.appointments a USING (appointment_id) WHERE a.state = ANY ($1) AND a.service_id = ANY ($2)"
        " AND (a.lapses_at IS NULL OR a.lapses_at > $3) ORDER BY 1, 2",
        [state.value for state in LIVE],
        [service.service_id for service in day.services],
        day.waits.desk.now,
    )
    for one, other in pairwise(rows):
        assert one["resource_id"] != other["resource_id"] or one["end"] <= other["start"]


async def check_fair(day: Day, live: list[Entry]) -> None:
    """Of what was given back nothing is listed that somebody waits for."""
    for gone in day.freed:
        service = next(one for one in day.services if one.service_id == gone.service_id)
        for entry in live:
            is_own = entry.membership == gone.membership
            if entry.state is EntryState.WAITING and entry.service_id == gone.service_id and not is_own:
                seen = [slot for slot in await day.could_have(entry) if touches(service.rules, slot, [gone.period])]
                assert seen == []


async def check_turns(day: Day, offered: list[Entry], live: list[Entry]) -> None:
    for entry in offered:
        place = await day.waits.offered(entry)
        for other in live:
            if (
                other.state is EntryState.WAITING
                and other.service_id == entry.service_id
                and other.membership not in {gone.membership for gone in day.freed}
                and day.turn(other) < day.turn(entry)
            ):
                assert not await day.wishes(other, place.period)


async def check_nothing_left(day: Day, live: list[Entry]) -> None:
    for entry in live:
        if entry.state is EntryState.WAITING:
            assert await day.could_have(entry) == []


async def check_stories(day: Day, conn: Conn) -> None:
    """The log tells each state by steps of the table, and what was accepted was booked, what was not was not."""
    for entry in day.entries:
        found = (await store.list_entries(conn, [entry.entry_id]))[entry.entry_id]
        rows = await conn.fetch(
            "SELECT to_state FROM waitlist.changes WHERE entry_id = $1 ORDER BY step", entry.entry_id
        )
        states = [EntryState(row["to_state"]) for row in rows]
        assert len(states) == found.step and states[0] is EntryState.WAITING and states[-1] is found.state
        assert all(to in TRANSITIONS[state] for state, to in pairwise(states))
        if found.offer is not None and found.state is not EntryState.OFFERED:
            was_booked = await conn.fetchval(
                "SELECT count(*) FROM appointments.changes WHERE appointment_id = $1 AND to_state = 'PENDING'",
                found.offer.appointment_id,
            )
            assert (found.state is EntryState.ACCEPTED) == (was_booked == 1)
