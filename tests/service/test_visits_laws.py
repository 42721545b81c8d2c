"""Whatever members do with visits, in any order: what is proposed books (A2), a visit is made and moved whole or not at
all (A4, A5), UIDs stay and SEQUENCE rises (A7), nobody and nothing is in two places (A1, A9)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import count
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.appointments.model import Appointment, AppointmentState, ResourceKind, Service, Stop, VisitId
from membership.appointments.rules.states import HOLD, LIVE
from membership.kernel.errors import DomainError
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.visits import store
from membership.visits.errors import VisitPartlyUnavailable, VisitStepRefused
from membership.visits.model import Made, NewTime, StopOrder, VisitMode, VisitRecord, VisitWish
from support.appointment_desk import TODAY, at, rules
from support.visit_desk import COUNTERS, VisitDesk, open_visit_desk, stops_of, times_of

Act: TypeAlias = Callable[["Days"], Awaitable[None]]
_codes = count(1)
OVERLAPS = """
    SELECT count(*) FROM appointments.occupied one JOIN appointments.occupied other
        ON one.resource_id = other.resource_id AND one.during && other.during
        AND one.appointment_id < other.appointment_id
    WHERE one.live AND other.live
"""


@pytest.fixture
async def desk(database: Database, conn: Conn) -> VisitDesk:
    return await open_visit_desk(database, conn)


@dataclass(slots=True)
class Days:
    """Three members and four services of which two share an associate, and two a room, with buffers."""

    desk: VisitDesk
    conn: Conn
    members: list[MembershipKey]
    services: list[Service]
    made: list[Made] = field(default_factory=list)

    def chosen(self, which: list[int]) -> list[Service]:
        return [self.services[place] for place in which]

    async def book_proposed(self, who: int, which: list[int], place: int, *, wish: VisitWish, hold: bool) -> None:
        """A2: nothing may refuse it, and it is what was proposed."""
        proposals = await self.desk.propose(self.members[who], *self.chosen(which), wish=wish)
        assert proposals.complete
        if not proposals.found:
            return
        proposal = proposals.found[place % len(proposals.found)]
        make = self.desk.hold if hold else self.desk.book
        made = await make(self.members[who], *stops_of(proposal))
        assert [(stop.service_id, stop.period) for stop in made.record.stops] == [
            (planned.stop.service_id, planned.period) for planned in proposal.stops
        ]
        self.made.append(made)

    async def book(self, who: int, which: list[int], hours: list[int], *, mode: VisitMode) -> None:
        """A4: all of it or nothing; with BEST_EFFORT what is there and what is missing is all of it. Whatever is named
        instead can be had, all of it together."""
        stops = [Stop(service.service_id, at(hour)) for service, hour in zip(self.chosen(which), hours, strict=False)]
        before = await self.rows()
        try:
            made = await self.desk.book(self.members[who], *stops, mode=mode)
        except VisitPartlyUnavailable as refused:
            assert await self.rows() == before
            await self.mended(who, stops, refused)
            return
        assert len(made.record.stops) + len(made.missing) == len(stops)
        assert mode is VisitMode.BEST_EFFORT or not made.missing
        self.made.append(made)

    async def mended(self, who: int, stops: list[Stop], refused: VisitPartlyUnavailable) -> None:
        named = {stop.place: stop.nearest for stop in refused.stops}
        if None in named.values():
            return
        instead = [
            Stop(stop.service_id, stop.starts_at if place not in named else _moment(named[place]))
            for place, stop in enumerate(stops)
        ]
        self.made.append(await self.desk.book(self.members[who], *instead))

    async def move(self, which: int, by: int, *, only_first: bool) -> None:
        """A5: refused, every stop stands as it stood. A7: moved, under its UID with a higher SEQUENCE."""
        seen = await self.record(which)
        if seen is None:
            return
        stops = seen.stops[:1] if only_first else seen.stops
        times = [NewTime(stop.appointment_id, stop.period.start + timedelta(minutes=30 * by)) for stop in stops]
        before = await self.rows()
        try:
            moved = await self.desk.move(seen.stops[0].membership, self.made[which % len(self.made)], *times)
        except DomainError:
            assert await self.rows() == before
            return
        was = {stop.uid: stop.sequence for stop in seen.stops}
        moved_uids = {stop.uid for stop in stops} if by else set()
        assert {stop.uid: stop.sequence for stop in moved.record.stops} == {
            uid: sequence + (uid in moved_uids) for uid, sequence in was.items()
        }

    async def move_proposed(self, which: int, place: int, *, bounds: VisitWish, same_associates: bool) -> None:
        """A2: nothing may refuse it, wherever the stops are now, and each is where it was proposed."""
        seen = await self.record(which)
        if seen is None:
            return
        member, made = seen.stops[0].membership, self.made[which % len(self.made)]
        confirmed = {stop.appointment_id: stop for stop in seen.stops if stop.state is AppointmentState.CONFIRMED}
        try:
            proposals = await self.desk.propose_moves(member, made, bounds=bounds, same_associates=same_associates)
        except VisitStepRefused:
            assert not confirmed
            return
        if not proposals.found:
            return
        times = times_of(proposals.found[place % len(proposals.found)])
        assert {new.appointment_id for new in times} == confirmed.keys()
        moved = await self.desk.move(member, made, *times)
        stands = {stop.uid: (stop.period.start, stop.associate_id) for stop in moved.record.stops}
        for new in times:
            old = confirmed[new.appointment_id]
            starts_at, associate_id = stands[old.uid]
            assert starts_at == new.starts_at
            assert not same_associates or associate_id == old.associate_id

    async def cancel(self, which: int, *, only_first: bool) -> None:
        seen = await self.record(which)
        if seen is None:
            return
        freed, before = len(self.desk.freed), await self.rows()
        chosen = seen.stops[:1] if only_first else ()
        try:
            after = await self.desk.cancel(seen.stops[0].membership, self.made[which % len(self.made)], *chosen)
        except DomainError:
            assert await self.rows() == before
            return
        gone = {stop.appointment_id for stop in after.record.stops if stop.state not in LIVE}
        confirmed = [stop for stop in seen.stops if stop.state is AppointmentState.CONFIRMED]
        told = [stop.appointment_id for stops in self.desk.freed[freed:] for stop in stops]
        assert sorted(told) == sorted(stop.appointment_id for stop in confirmed if stop.appointment_id in gone)
        assert len(self.desk.freed) - freed <= 1

    async def confirm(self, which: int) -> None:
        seen = await self.record(which)
        if seen is None:
            return
        before = await self.rows()
        try:
            await self.desk.confirm(seen.stops[0].membership, self.made[which % len(self.made)])
        except DomainError:
            assert await self.rows() == before

    async def wait(self, by: timedelta) -> None:
        self.desk.appointments.clock.advance(by)

    async def record(self, which: int) -> VisitRecord | None:
        if not self.made:
            return None
        wanted: VisitId = self.made[which % len(self.made)].record.visit.visit_id
        [found] = await store.list_records(self.conn, [wanted])
        return found

    async def rows(self) -> list[object]:
        """Everything that there is of appointments and visits."""
        appointments = await self.conn.fetch(
            "SELECT appointment_id, state, step, starts_at FROM appointments.appointments ORDER BY appointment_id"
        )
        visits = await self.conn.fetch("SELECT visit_id FROM visits.visits ORDER BY visit_id")
        return [*map(tuple, appointments), *map(tuple, visits)]


def _moment(said: str | None) -> datetime:
    assert said is not None
    return datetime.fromisoformat(said)


WHO, WHICH, PLACE = st.integers(0, 2), st.integers(0, 20), st.integers(0, 30)
SEVERAL = st.lists(st.integers(0, 3), min_size=1, max_size=3)
HOURS = st.lists(st.integers(12, 20), min_size=3, max_size=3)
WISHES = st.builds(
    lambda order, days, earliest: VisitWish((), TODAY, days=days, order=order, earliest=earliest, most=20),
    st.sampled_from(StopOrder),
    st.sampled_from([1, 2]),
    st.sampled_from([None, time(15)]),
)
ACTS = st.one_of(
    st.builds(
        lambda who, which, place, wish, hold: lambda days: days.book_proposed(who, which, place, wish=wish, hold=hold),
        WHO,
        SEVERAL,
        PLACE,
        WISHES,
        st.booleans(),
    ),
    st.builds(
        lambda who, which, hours, mode: lambda days: days.book(who, which, hours, mode=mode),
        WHO,
        SEVERAL,
        HOURS,
        st.sampled_from(VisitMode),
    ),
    st.builds(
        lambda which, by, only_first: lambda days: days.move(which, by, only_first=only_first),
        WHICH,
        st.integers(-4, 4),
        st.booleans(),
    ),
    st.builds(
        lambda which, place, bounds, same_associates: (
            lambda days: days.move_proposed(which, place, bounds=bounds, same_associates=same_associates)
        ),
        WHICH,
        PLACE,
        WISHES,
        st.booleans(),
    ),
    st.builds(lambda which, only_first: lambda days: days.cancel(which, only_first=only_first), WHICH, st.booleans()),
    st.builds(lambda which: lambda days: days.confirm(which), WHICH),
    st.builds(lambda by: lambda days: days.wait(by), st.sampled_from([timedelta(minutes=1), HOLD, timedelta(hours=1)])),
)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(acts=st.lists(ACTS, min_size=5, max_size=15))
async def test_any_days_keep_the_laws(desk: VisitDesk, conn: Conn, acts: list[Act]) -> None:
    desk.appointments.clock.set(at(12))
    days = Days(desk, conn, [await desk.join() for _ in range(3)], await _services(desk))
    for act in acts:
        await act(days)
        assert await conn.fetchval(OVERLAPS) == 0
    await check_visits(days, conn)


async def _services(desk: VisitDesk) -> list[Service]:
    number, appointments = next(_codes), desk.appointments
    shared = await appointments.resources(ResourceKind.ASSOCIATE, 2)
    room = await appointments.resources(ResourceKind.ROOM, 1, counter=COUNTERS[1])
    asked = [
        (0, {ResourceKind.ASSOCIATE: shared}, rules(before_minutes=15, after_minutes=30)),
        (0, {ResourceKind.ASSOCIATE: shared[:1]}, rules(duration_minutes=45, every_minutes=15)),
        (1, {ResourceKind.ROOM: room}, rules(after_minutes=15)),
        (2, {ResourceKind.UNIT: await appointments.resources(ResourceKind.UNIT, 2)}, rules(duration_minutes=30)),
    ]
    return [
        await appointments.service(f"S{place}-{number}", counter=COUNTERS[at_counter], given=entry, candidates=served)
        for place, (at_counter, served, entry) in enumerate(asked)
    ]


async def check_visits(days: Days, conn: Conn) -> None:
    """Every visit has its stops, of one member in one store, and every stop of a visit its visit."""
    stray = await conn.fetchval(
        "SELECT count(*) FROM appointments.appointments a LEFT JOIN visits.visits v USING (visit_id)"
        " WHERE a.visit_id IS NOT NULL AND v.visit_id IS NULL"
    )
    assert stray == 0
    records = await store.list_records(conn, [made.record.visit.visit_id for made in days.made])
    for record in records:
        stops: list[Appointment] = list(record.stops)
        assert stops
        assert len({stop.membership for stop in stops}) == 1
        assert {stop.store_id for stop in stops} == {record.visit.store_id}
        assert len({stop.uid for stop in stops}) == len(stops)
