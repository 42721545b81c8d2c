"""Members who wait, on real PostgreSQL: an appointment desk whose cancellations offer places, and the worker's steps.

waits = await open_waitlist_desk(database, conn)               # Wednesday, 12:00 in Shanghai
entry = await waits.join(member, fitting)                      # today, at any time
await waits.pass_over()                                        # one step of the worker, and all events before it
"""

from dataclasses import dataclass, replace
from datetime import date, time
from itertools import count
from uuid import UUID

from membership.appointments import store as appointment_store
from membership.appointments.model import Appointment, AppointmentState, ResourceId, Service, ServiceRules, Stop
from membership.appointments.rules.steps import Step
from membership.appointments.service import Admission, Appointments, horizon_only
from membership.kernel.actor import Actor
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import Handlers, Outcome, RetryPolicy, due_keys, hand_on
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from membership.waitlist import store
from membership.waitlist.context import WaitlistWorkings
from membership.waitlist.following import follow_appointments
from membership.waitlist.model import Entry, EntryState, JoinWaitlist, Wish
from membership.waitlist.offering import Offering
from membership.waitlist.passing import Passes
from membership.waitlist.service import Waitlist
from support.appointment_desk import TODAY, AppointmentDesk, at, open_appointment_desk, rules
from support.canaries import TRACING

_keys = count(1)


def new_key() -> str:
    return f"waitlist-{next(_keys)}"


@dataclass(slots=True, repr=False)
class WaitlistDesk:
    desk: AppointmentDesk
    waitlist: Waitlist

    @property
    def offering(self) -> Offering:
        return self.waitlist.offering

    @property
    def passes(self) -> Passes:
        return Passes(self.desk.database, self.offering)

    async def join(
        self,
        member: MembershipKey,
        service: Service,
        first_day: date = TODAY,
        last_day: date | None = None,
        times: tuple[time | None, time | None] = (None, None),
        *,
        associate: ResourceId | None = None,
        actor: Actor | None = None,
        key: str | None = None,
    ) -> Entry:
        wish = Wish(first_day, last_day or first_day, *times)
        return await self.waitlist.join(
            actor or self.desk.member(member),
            self.desk.now,
            member,
            JoinWaitlist(service.service_id, wish, associate),
            key=key or new_key(),
        )

    async def accept(self, entry: Entry, *, key: str | None = None) -> Entry:
        actor = self.desk.member(entry.membership)
        return await self.waitlist.accept(actor, self.desk.now, entry.entry_id, key=key or new_key())

    async def decline(self, entry: Entry) -> Entry:
        actor = self.desk.member(entry.membership)
        return await self.waitlist.decline(actor, self.desk.now, entry.entry_id, key=new_key())

    async def withdraw(self, entry: Entry, *, actor: Actor | None = None) -> Entry:
        caller = actor or self.desk.member(entry.membership)
        return await self.waitlist.withdraw(caller, self.desk.now, entry.entry_id, key=new_key())

    async def entry(self, seen: Entry) -> Entry:
        found = await store.find_entry(self.desk.conn, seen.entry_id)
        assert found is not None
        return found

    async def states(self, *entries: Entry) -> list[EntryState]:
        return [(await self.entry(entry)).state for entry in entries]

    async def offered(self, seen: Entry) -> Appointment:
        """The appointment of its offer."""
        entry = await self.entry(seen)
        assert entry.offer is not None
        [appointment] = await appointment_store.list_appointments(self.desk.conn, [entry.offer.appointment_id])
        return appointment

    async def raise_to(self, member: MembershipKey, tier: str) -> None:
        level = self.desk.store.ladder.levels[tier]
        if level == 0:
            return  # everybody's
        await self.desk.conn.execute(
            "INSERT INTO tiers.standings (member_id, programme_id, tier, level, since, ends_on, upcoming,"
            " ladder_revision) VALUES ($1, $2, $3, $4, '2026-01-01', '2027-12-31', '[]', 1)"
            " ON CONFLICT (member_id, programme_id) DO UPDATE SET tier = excluded.tier, level = excluded.level",
            member.member_id,
            member.programme_id,
            tier,
            level,
        )

    # ---- the worker

    async def hand_on_events(self) -> None:
        """Every event that is due, to the handlers of the waitlist."""
        handlers, database, now = Handlers(), self.desk.database, self.desk.now
        follow_appointments(handlers, self.offering)
        while keys := await self._due_keys():
            for key in keys:
                outcome = Outcome.HANDED_ON
                while outcome is Outcome.HANDED_ON:
                    outcome = await hand_on(database, handlers, key, now, RetryPolicy(), tracing=TRACING)
                assert outcome is Outcome.NOTHING, outcome

    async def _due_keys(self) -> list[UUID]:
        async with self.desk.database.pool.acquire() as conn:
            return await due_keys(conn, self.desk.now, start=UUID(int=0), limit=1_000)

    async def pass_over(self) -> None:
        """Events, then steps until nothing is due: one pass over every group."""
        await self.hand_on_events()
        while await self.passes.step_due(self.desk.now):
            pass


async def open_waitlist_desk(database: Database, conn: Conn, *, admission: Admission = horizon_only) -> WaitlistDesk:
    desk = await open_appointment_desk(database, conn)
    directories = DirectoryCache(database.pool)
    offering = Offering(WaitlistWorkings(directories, LadderCache(database.pool), new_id, admission))
    appointments = Appointments(database, directories, new_id, on_freed=offering.offer_freed, admission=admission)
    return WaitlistDesk(replace(desk, appointments=appointments), Waitlist(database, offering))


def one_a_day(**changed: object) -> ServiceRules:
    """At 14:00."""
    return rules(hours={"weekly": dict.fromkeys(range(1, 8), ("14:00", "15:00"))}, **changed)


async def one_slot(waits: WaitlistDesk, code: str = "FITTING", given: ServiceRules | None = None) -> Service:
    return await waits.desk.service(code, units=1, given=given or one_a_day())


async def full(waits: WaitlistDesk, service: Service) -> tuple[MembershipKey, Appointment]:
    """Its one place of today is somebody's."""
    holder = await waits.desk.join()
    [booked] = await waits.desk.book(holder, Stop(service.service_id, at(14)))
    return holder, booked


async def offered_place(waits: WaitlistDesk, given: ServiceRules | None = None) -> Entry:
    fitting = await one_slot(waits, given=given)
    holder, booked = await full(waits, fitting)
    if booked.state is AppointmentState.PENDING:
        booked = await waits.desk.step(booked, Step.ACCEPT)
    entry = await waits.join(await waits.desk.join(), fitting)
    await waits.desk.cancel(holder, booked)
    return await waits.entry(entry)
