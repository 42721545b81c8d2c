"""Whatever members, counters and the clock do, in any order: A1 to A5, A7, A9 and A10 hold after every step, and every
slot that is listed books (A2)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count, pairwise
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.appointments import store
from membership.appointments.lapsing import end_due
from membership.appointments.model import Appointment, AppointmentState, ResourceKind, Service, Slot, Stop
from membership.appointments.rules.states import HOLD, LIVE, TRANSITIONS
from membership.appointments.rules.steps import Step
from membership.kernel.errors import DomainError
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import RELAY
from support.appointment_desk import OTHER_COUNTER, TODAY, AppointmentDesk, at, open_appointment_desk, rules

Act = Callable[["Day"], Awaitable[None]]
CAPACITY = 2
_codes = count(1)


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


@dataclass(slots=True)
class Day:
    """Three members, a fitting with a buffer, a viewing that the brand accepts, a tasting for two."""

    desk: AppointmentDesk
    members: list[MembershipKey]
    services: list[Service]
    made: list[Appointment] = field(default_factory=list)

    async def listed(self, what: int, day: date = TODAY, *, who: int) -> tuple[Slot, ...]:
        return await self.desk.slots(self.services[what], day, member=self.members[who])

    async def book_listed(self, who: int, what: int, which: int, *, hold: bool) -> None:
        """A2: nothing may refuse it."""
        found = await self.listed(what, who=who)
        if not found:
            return
        slot = found[which % len(found)]
        associate = slot.free.get(ResourceKind.ASSOCIATE, (None,))[-1]
        stop = Stop(self.services[what].service_id, slot.period.start, associate)
        self.made += await (self.desk.hold if hold else self.desk.book)(self.members[who], stop)

    async def visit(self, who: int, hours: tuple[int, int], *, turned: bool) -> None:
        """A4: both stops or none."""
        before = await self.desk.states()
        stops = [Stop(self.services[what].service_id, at(hour)) for what, hour in zip((0, 2), hours, strict=True)]
        try:
            made = await self.desk.book(self.members[who], *(stops[::-1] if turned else stops))
        except DomainError:
            assert len(await self.desk.states()) == len(before)
            return
        assert len(made) == 2
        self.made += made

    async def move(self, which: int, hour: int) -> None:
        """A5: refused, the old one stands as it stood."""
        seen = await self.current(which)
        if seen is None:
            return
        try:
            self.made.append(await self.desk.move(seen.membership, seen, at(hour, 30)))
        except DomainError:
            assert await self.current(which) == seen

    async def step(self, which: int, step: Step, *, by_member: bool) -> None:
        seen = await self.current(which)
        if seen is None:
            return
        try:
            await self.desk.step(seen, step, actor=self.desk.member(seen.membership) if by_member else None)
        except DomainError:
            assert await self.current(which) == seen

    async def confirm(self, which: int) -> None:
        seen = await self.current(which)
        if seen is None:
            return
        try:
            await self.desk.confirm(seen.membership, seen)
        except DomainError:
            assert await self.current(which) == seen

    async def current(self, which: int) -> Appointment | None:
        if not self.made:
            return None
        wanted = self.made[which % len(self.made)].appointment_id
        [found] = await store.list_appointments(self.desk.conn, [wanted])
        return found

    async def wait(self, by: timedelta) -> None:
        self.desk.clock.advance(by)

    async def after_a_lapse(self, who: int, other: int, what: int, which: int) -> None:
        """A10: what one has let lapse is listed for another, who books it."""
        await self.book_listed(who, what, which, hold=True)
        await self.wait(HOLD)
        await self.book_listed(other, what, which, hold=False)

    async def end_lapsed(self) -> None:
        await end_due(self.desk.database, RELAY, self.desk.now, limit=2)

    async def merge(self, loser: int, winner: int) -> None:
        """After both have booked, often for the same time. The loser's token is still about: what they do later is the
        winner's."""
        for who in (winner, loser):
            await self.book_listed(who, 2, 5, hold=False)
        await self.desk.merge(self.members[loser], self.members[winner])


WHO, WHAT, WHICH, HOUR = st.integers(0, 2), st.integers(0, 2), st.integers(0, 40), st.integers(12, 20)
ACTS = st.one_of(
    st.builds(
        lambda who, what, which, hold: lambda day: day.book_listed(who, what, which, hold=hold),
        WHO,
        WHAT,
        WHICH,
        st.booleans(),
    ),
    st.builds(
        lambda who, first, second, turned: lambda day: day.visit(who, (first, second), turned=turned),
        WHO,
        HOUR,
        HOUR,
        st.booleans(),
    ),
    st.builds(lambda which, hour: lambda day: day.move(which, hour), WHICH, HOUR),
    st.builds(
        lambda which, step, by_member: lambda day: day.step(which, step, by_member=by_member),
        WHICH,
        st.sampled_from(Step),
        st.booleans(),
    ),
    st.builds(lambda which: lambda day: day.confirm(which), WHICH),
    st.just(lambda day: day.end_lapsed()),
    st.builds(
        lambda who, other, what, which: lambda day: day.after_a_lapse(who, other, what, which), WHO, WHO, WHAT, WHICH
    ),
    st.builds(
        lambda by: lambda day: day.wait(by),
        st.sampled_from([timedelta(minutes=1), HOLD, timedelta(minutes=45), timedelta(hours=2)]),
    ),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(acts=st.lists(ACTS, min_size=6, max_size=20), merged_at=st.none() | st.integers(2, 12))
async def test_any_day_keeps_the_laws(
    desk: AppointmentDesk, conn: Conn, acts: list[Act], merged_at: int | None
) -> None:
    desk.clock.set(at(12))
    number = next(_codes)
    services = [
        await desk.service(
            f"FITTING-{number}", associates=2, rooms=1, given=rules(before_minutes=10, after_minutes=20)
        ),
        await desk.service(
            f"VIEWING-{number}", associates=1, given=rules(duration_minutes=45, every_minutes=15, answer_minutes=30)
        ),
        await desk.service(f"TASTING-{number}", units=CAPACITY, counter=OTHER_COUNTER),
    ]
    day = Day(desk, [await desk.join() for _ in range(3)], services)
    for place, act in enumerate(acts):
        if place == merged_at:
            await day.merge(2, 0)
            await check_places(day, conn)
        await act(day)
        await check_places(day, conn)
    await check_stories(day, conn)


async def check_places(day: Day, conn: Conn) -> None:
    """A1, A3, A9 and A10, from the appointments themselves: what is live by the clock, with its buffers."""
    now = day.desk.now
    rows = await conn.fetch(
        "SELECT a.*, o.resource_id FROM appointments.appointments a JOIN appointments.occupied o USING (appointment_id)"
        " WHERE a.state = ANY ($1) AND (a.lapses_at IS NULL OR a.lapses_at > $2) AND a.service_id = ANY ($3)",
        [state.value for state in LIVE],
        now,
        [service.service_id for service in day.services],
    )
    by_service = {service.service_id: service.rules for service in day.services}
    ranges: dict[UUID, list[tuple[datetime, datetime]]] = {}
    for row in rows:
        is_member = row["resource_id"] == row["member_id"]
        given_rules = by_service[row["service_id"]]
        before, after = (timedelta(), timedelta()) if is_member else (given_rules.before, given_rules.after)
        ranges.setdefault(row["resource_id"], []).append((row["starts_at"] - before, row["ends_at"] + after))
    for taken in ranges.values():
        assert all(one[1] <= other[0] for one, other in pairwise(sorted(taken)))
    tasting = [row for row in rows if row["service_id"] == day.services[2].service_id]
    seats = [row for row in tasting if row["resource_id"] != row["member_id"]]
    for row in seats:
        together = [
            other for other in seats if other["starts_at"] < row["ends_at"] and row["starts_at"] < other["ends_at"]
        ]
        assert len({other["resource_id"] for other in together}) <= CAPACITY


async def check_stories(day: Day, conn: Conn) -> None:
    """The log tells each state by steps of the table; of a UID one is current, and its SEQUENCE is the highest (A7)."""
    for made in day.made:
        rows = await conn.fetch(
            "SELECT step, to_state FROM appointments.changes WHERE appointment_id = $1 ORDER BY step",
            made.appointment_id,
        )
        [now] = await store.list_appointments(conn, [made.appointment_id])
        states = [AppointmentState(row["to_state"]) for row in rows]
        assert [row["step"] for row in rows] == list(range(1, now.step + 1))
        assert states[0] is AppointmentState.HELD and states[-1] is now.state
        assert all(to in TRANSITIONS[state] for state, to in pairwise(states))
        family = await conn.fetch(
            "SELECT sequence, state FROM appointments.appointments WHERE uid = $1 ORDER BY booked_at, sequence",
            made.uid,
        )
        sequences = [row["sequence"] for row in family]
        assert sequences == sorted(set(sequences))
        assert [row["state"] == "SUPERSEDED" for row in family] == [*([True] * (len(family) - 1)), False]
