"""Visits on real PostgreSQL: services at counters on three floors, members who find, book, move and cancel visits.

desk = await open_visit_desk(database, conn)                       # Wednesday, 12:00 in Shanghai
fitting, watch, tea = await desk.services()                        # on three floors, each with one associate and a room
[best, *_] = (await desk.propose(member, fitting, watch)).found
made = await desk.book(member, *stops_of(best))
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from membership.appointments.model import Appointment, AppointmentId, Service, ServiceRules, Stop
from membership.appointments.service import OnFreed
from membership.campaigns.bookings import BookingWindows
from membership.campaigns.cache import CampaignCache
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction
from membership.stores.service import DirectoryCache
from membership.tiers.model import HandReason
from membership.tiers.service import LadderCache
from membership.tiers.staff import HandGrants
from membership.visits.model import Made, NewTime, Proposal, Proposals, VisitMode, VisitWish, Wish
from membership.visits.service import Visits
from support.appointment_desk import HOUR, TODAY, AppointmentDesk, at, new_key, open_appointment_desk

COUNTERS = ("2F-ALVENNA", "1F-LISABEAU", "B1-PAPER-COURT", "1F-VAUDRELLE", "2F-SUYIN")


@dataclass(slots=True)
class VisitDesk:
    appointments: AppointmentDesk
    visits: Visits
    freed: list[list[Appointment]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.appointments.now

    async def join(self) -> MembershipKey:
        return await self.appointments.join()

    def member(self, member: MembershipKey) -> Actor:
        return self.appointments.member(member)

    async def grant(self, member: MembershipKey, tier: str) -> None:
        """By hand, from today on."""
        grants = HandGrants(self.visits.database, self.visits.directories, self.visits.windows.ladders, new_id)
        await grants.give(
            self.appointments.actor(Role.MEMBER_SERVICES),
            self.now,
            member,
            tier=tier,
            ends_on=self.now.date() + timedelta(days=200),
            reason=HandReason.GOODWILL,
            key=new_key(),
        )

    async def services(self, number: int = 3, *, given: ServiceRules = HOUR, code: str = "SERVICE") -> list[Service]:
        """Each at a counter of its own, with an associate and a room."""
        return [
            await self.appointments.service(
                f"{code}-{place}", associates=1, rooms=1, counter=COUNTERS[place % len(COUNTERS)], given=given
            )
            for place in range(number)
        ]

    async def propose(
        self, member: MembershipKey, *services: Service, actor: Actor | None = None, wish: VisitWish | None = None
    ) -> Proposals:
        wishes = tuple(Wish(service.service_id) for service in services)
        asked = VisitWish(wishes, TODAY) if wish is None else replace(wish, wishes=wishes)
        return await self.visits.propose(actor or self.member(member), self.now, member, asked)

    async def propose_moves(
        self,
        member: MembershipKey,
        made: Made,
        *,
        actor: Actor | None = None,
        bounds: VisitWish | None = None,
        same_associates: bool = False,
    ) -> Proposals:
        return await self.visits.propose_moves(
            actor or self.member(member),
            self.now,
            made.record.visit.visit_id,
            bounds or VisitWish((), TODAY),
            same_associates=same_associates,
        )

    async def hold(
        self,
        member: MembershipKey,
        *stops: Stop,
        mode: VisitMode = VisitMode.ALL_OR_NOTHING,
        actor: Actor | None = None,
        note: str | None = None,
        key: str | None = None,
    ) -> Made:
        actor = actor or self.member(member)
        return await self.visits.hold(actor, self.now, member, stops, mode=mode, note=note, key=key or new_key())

    async def book(
        self,
        member: MembershipKey,
        *stops: Stop,
        mode: VisitMode = VisitMode.ALL_OR_NOTHING,
        actor: Actor | None = None,
        key: str | None = None,
    ) -> Made:
        actor = actor or self.member(member)
        return await self.visits.book(actor, self.now, member, stops, mode=mode, key=key or new_key())

    async def confirm(self, member: MembershipKey, made: Made) -> Made:
        return await self.visits.confirm(self.member(member), self.now, made.record.visit.visit_id, key=new_key())

    async def add(self, member: MembershipKey, made: Made, *stops: Stop) -> Made:
        visit_id = made.record.visit.visit_id
        return await self.visits.add(self.member(member), self.now, visit_id, stops, key=new_key())

    async def move(
        self, member: MembershipKey, made: Made, *times: NewTime, actor: Actor | None = None, key: str | None = None
    ) -> Made:
        visit_id = made.record.visit.visit_id
        return await self.visits.move(actor or self.member(member), self.now, visit_id, times, key=key or new_key())

    async def cancel(
        self,
        member: MembershipKey,
        made: Made,
        *stops: Appointment,
        actor: Actor | None = None,
    ) -> Made:
        chosen: list[AppointmentId] | None = [stop.appointment_id for stop in stops] or None
        visit_id = made.record.visit.visit_id
        return await self.visits.cancel(actor or self.member(member), self.now, visit_id, stops=chosen, key=new_key())


def stops_of(proposal: Proposal) -> list[Stop]:
    """As they were asked for."""
    return [planned.stop for planned in sorted(proposal.stops, key=lambda planned: planned.place)]


def times_of(proposal: Proposal) -> list[NewTime]:
    """As a move takes them."""
    times = [(planned.moves, planned.stop) for planned in proposal.stops]
    return [NewTime(moves, stop.starts_at, stop.associate_id) for moves, stop in times if moves is not None]


def one_after_another(services: Sequence[Service], hour: int = 14, *, days: int = 0) -> list[Stop]:
    """Of an hour each, with half an hour to walk."""
    return [
        Stop(service.service_id, at(hour + (3 * place) // 2, 30 * (place % 2), days=days))
        for place, service in enumerate(services)
    ]


async def open_visit_desk(database: Database, conn: Conn, *, on_freed: OnFreed | None = None) -> VisitDesk:
    """`freed` of the desk collects what the hook is told, one entry a call."""
    appointments = await open_appointment_desk(database, conn)
    directories = DirectoryCache(database.pool)
    windows = BookingWindows(directories, LadderCache(database.pool), CampaignCache(database.pool))
    freed: list[list[Appointment]] = []

    async def collect(tx: Transaction, stops: Sequence[Appointment]) -> None:
        freed.append(list(stops))
        if on_freed is not None:
            await on_freed(tx, stops)

    visits = Visits(database, directories, windows, new_id, collect)
    return VisitDesk(appointments, visits, freed)
