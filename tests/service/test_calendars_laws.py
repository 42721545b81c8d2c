"""Whatever is booked, moved, answered, cancelled and left to lapse: whoever follows a feed ends with exactly what
stands (A7), however seldom they look."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.appointments import store
from membership.appointments.model import Appointment, AppointmentState, ResourceKind, Service, Stop
from membership.appointments.rules.states import state_at
from membership.appointments.rules.steps import Step
from membership.calendars.rules.writing import UID_DOMAIN
from membership.calendars.service import CreatedFeed
from membership.kernel.errors import DomainError
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_desk import at, new_key, rules
from support.calendar_client import CalendarClient, Times
from support.calendar_desk import CalendarDesk, open_calendar_desk

State = AppointmentState
STANDING = {State.PENDING, State.CONFIRMED, State.CHECKED_IN, State.IN_SERVICE, State.COMPLETED, State.NO_SHOW}
_codes = count(1)


@pytest.fixture
async def calendar(database: Database, conn: Conn, keyring: Keyring) -> CalendarDesk:
    return await open_calendar_desk(database, conn, keyring)


@dataclass(slots=True)
class Follower:
    """Somebody's feed, and what their calendar made of it."""

    feed: CreatedFeed
    client: CalendarClient = field(default_factory=CalendarClient)


@dataclass(slots=True)
class Week:
    """A member, a service that is confirmed at once and one that the brand accepts, two associates for both."""

    calendar: CalendarDesk
    member: MembershipKey
    services: list[Service]
    followers: dict[object, Follower]
    uids: list[Appointment] = field(default_factory=list)

    async def book(self, what: int, hour: int, *, hold: bool) -> None:
        desk = self.calendar.desk
        stop = Stop(self.services[what].service_id, at(hour, days=1))
        try:
            self.uids += await (desk.hold if hold else desk.book)(self.member, stop)
        except DomainError:
            return

    async def move(self, which: int, hour: int, *, to_other: bool) -> None:
        seen = await self.current(which)
        if seen is None:
            return
        both = self.services[0].candidates[ResourceKind.ASSOCIATE]
        other = next(entry for entry in both if (entry != seen.associate_id) is to_other)
        desk = self.calendar.desk
        try:
            await desk.appointments.reschedule(
                desk.member(self.member),
                desk.now,
                seen.appointment_id,
                at(hour, days=1),
                associate_id=other,
                key=new_key(),
            )
        except DomainError:
            return

    async def step(self, which: int, step: Step) -> None:
        seen = await self.current(which)
        if seen is None:
            return
        try:
            await self.calendar.desk.step(seen, step)
        except DomainError:
            return

    async def wait(self, by: timedelta) -> None:
        self.calendar.desk.clock.advance(by)

    async def look(self, who: int) -> None:
        """One of the followers fetches."""
        follower = list(self.followers.values())[who]
        follower.client.take(await self.calendar.fetch(follower.feed))

    async def current(self, which: int) -> Appointment | None:
        if not self.uids:
            return None
        return (await self.last())[self.uids[which % len(self.uids)].uid]

    async def last(self) -> dict[object, Appointment]:
        """Of each UID what its SEQUENCE says is the last."""
        rows = await self.calendar.desk.conn.fetch(
            "SELECT appointment_id FROM appointments.appointments WHERE member_id = $1", self.member.member_id
        )
        found = await store.list_appointments(self.calendar.desk.conn, [row["appointment_id"] for row in rows])
        return {entry.uid: entry for entry in sorted(found, key=lambda entry: entry.sequence)}

    async def standing(self) -> list[Appointment]:
        now = self.calendar.desk.now
        return [entry for entry in (await self.last()).values() if state_at(entry, now) in STANDING]


HOUR, WHICH = st.integers(10, 20), st.integers(0, 20)
Act = Callable[[Week], Awaitable[None]]
ACTS = st.one_of(
    st.builds(
        lambda what, hour, hold: lambda week: week.book(what, hour, hold=hold), st.integers(0, 1), HOUR, st.booleans()
    ),
    st.builds(
        lambda which, hour, other: lambda week: week.move(which, hour, to_other=other), WHICH, HOUR, st.booleans()
    ),
    st.builds(
        lambda which, step: lambda week: week.step(which, step),
        WHICH,
        st.sampled_from([Step.CANCEL, Step.ACCEPT, Step.DECLINE, Step.CANCEL]),
    ),
    st.builds(lambda by: lambda week: week.wait(by), st.sampled_from([timedelta(minutes=40), timedelta(minutes=5)])),
)
LOOKERS = st.frozensets(st.integers(0, 2))
"""Whose calendars fetch after an act."""


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(acts=st.lists(st.tuples(ACTS, LOOKERS), min_size=4, max_size=14))
async def test_who_follows_a_feed_ends_with_what_stands(
    calendar: CalendarDesk, acts: list[tuple[Act, frozenset[int]]]
) -> None:
    desk, number = calendar.desk, next(_codes)
    desk.clock.set(at(12))
    fitting = await desk.service(f"FITTING-{number}", associates=2)
    viewing = await desk.service(f"VIEWING-{number}", given=rules(answer_minutes=30), candidates=fitting.candidates)
    member = await desk.join()
    feeds: dict[object, CreatedFeed] = {member: await calendar.member_feed(member)}
    for associate in fitting.candidates[ResourceKind.ASSOCIATE]:
        feeds[associate] = await calendar.associate_feed(associate)
    week = Week(calendar, member, [fitting, viewing], {who: Follower(feed) for who, feed in feeds.items()})
    for hour in (11, 14):
        await week.book(0, hour, hold=False)
        await week.book(1, hour + 1, hold=False)
    for act, lookers in acts:
        await act(week)
        for who in lookers:
            await week.look(who)
    for who in range(len(feeds)):
        await week.look(who)
    standing = await week.standing()
    for owner, follower in week.followers.items():
        theirs = [entry for entry in standing if owner in (entry.membership, entry.associate_id)]
        assert follower.client.standing() == {f"{entry.uid}@{UID_DOMAIN}": times(entry) for entry in theirs}


def times(appointment: Appointment) -> Times:
    return appointment.period.start, appointment.period.end
