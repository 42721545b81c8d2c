"""Use cases: find, hold, book, confirm, extend, move and cancel a visit. Writes are keyed and each one transaction."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from membership.appointments.changing import may_book
from membership.appointments.model import Appointment, AppointmentId, ResourceId, Stop, VisitId
from membership.appointments.service import OnFreed, nobody_waits
from membership.campaigns.bookings import BookingWindows
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import NewId
from membership.kernel.payment_cards import refuse_payment_card_numbers
from membership.members.errors import UnknownMember
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import Transaction
from membership.stores.rules import business_date
from membership.stores.service import Directory, DirectoryCache
from membership.visits import changing, events, proposing, store
from membership.visits.errors import UnavailableStop, VisitStepRefused
from membership.visits.making import Asked, Kept, keep_stops, source_of
from membership.visits.model import Made, NewTime, Proposals, Visit, VisitMode, VisitRecord, VisitState, VisitWish
from membership.visits.rules.itinerary import visit_state

Work: TypeAlias = Callable[[Transaction, Directory], Awaitable[Made]]
_OVER = frozenset({VisitState.COMPLETED, VisitState.MISSED, VisitState.CANCELLED, VisitState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Visits:
    """One per process. A repeat under the same key is answered with the visit as it is by then."""

    database: Database
    directories: DirectoryCache
    windows: BookingWindows
    new_id: NewId
    on_freed: OnFreed = nobody_waits

    async def propose(self, actor: Actor, now: datetime, membership: MembershipKey, wish: VisitWish) -> Proposals:
        """Visits that could be booked now, the best first.

        Raises UnknownMember, UnknownService, VisitOutOfBounds, VisitInSeveralStores.
        """
        directory = await self.directories.directory(now)
        async with self.database.engine(actor, now) as tx:
            diary, member_id = await proposing.read_wish(tx, directory, self.windows, membership, wish)
        return await proposing.find_visits(directory, wish, diary, member_id=member_id, now=now)

    async def propose_moves(
        self, actor: Actor, now: datetime, visit_id: VisitId, bounds: VisitWish, *, same_associates: bool = False
    ) -> Proposals:
        """Other times for all stops of a visit that can be moved, the best first: `move` takes each as it is.

        Raises UnknownVisit, VisitStepRefused (there is nothing to move), VisitOutOfBounds, UnknownService.
        """
        directory = await self.directories.directory(now)
        async with self.database.engine(actor, now) as tx:
            wish, diary, member_id = await proposing.read_moves(
                tx, directory, self.windows, visit_id, bounds, same_associates=same_associates
            )
        return await proposing.find_visits(directory, wish, diary, member_id=member_id, now=now)

    async def hold(
        self,
        actor: Actor,
        now: datetime,
        membership: MembershipKey,
        stops: Sequence[Stop],
        *,
        mode: VisitMode = VisitMode.ALL_OR_NOTHING,
        note: str | None = None,
        key: str,
    ) -> Made:
        """These stops for five minutes. Raises what `making.keep_stops` does, PaymentCardNumber."""
        request = _request(membership, stops, mode, note)
        keyed = Keyed("visits.hold", key, request)
        return await self._make(actor, now, membership, stops, mode=mode, note=note, book=False, keyed=keyed)

    async def book(
        self,
        actor: Actor,
        now: datetime,
        membership: MembershipKey,
        stops: Sequence[Stop],
        *,
        mode: VisitMode = VisitMode.ALL_OR_NOTHING,
        note: str | None = None,
        key: str,
    ) -> Made:
        """Hold and confirm in one. Raises what `hold` does."""
        keyed = Keyed("visits.book", key, _request(membership, stops, mode, note))
        return await self._make(actor, now, membership, stops, mode=mode, note=note, book=True, keyed=keyed)

    async def confirm(self, actor: Actor, now: datetime, visit_id: VisitId, *, key: str) -> Made:
        """Whatever of it is held is booked, all of it. Raises UnknownVisit, HoldExpired, VisitStepRefused."""

        async def work(tx: Transaction, directory: Directory) -> Made:
            locked = await changing.lock_visit(tx, visit_id)
            await changing.confirm(tx, directory, locked)
            return Made(await changing.record_of(tx, locked.visit))

        return await self._once(actor, now, Keyed("visits.confirm", key, str(visit_id)), work)

    async def add(
        self,
        actor: Actor,
        now: datetime,
        visit_id: VisitId,
        stops: Sequence[Stop],
        *,
        mode: VisitMode = VisitMode.ALL_OR_NOTHING,
        key: str,
    ) -> Made:
        """Further stops: held like the others while the visit is only held, otherwise booked.

        Raises UnknownVisit, VisitStepRefused, and what `hold` does.
        """

        async def work(tx: Transaction, directory: Directory) -> Made:
            locked = await changing.lock_visit(tx, visit_id)
            state = visit_state(locked.stops, tx.now)
            if state in _OVER:
                raise VisitStepRefused(state.value)
            asked = Asked(locked.stops[0].membership, visit_id, stops, mode, others=locked.live(tx.now))
            kept = await self._keep(tx, directory, asked, book=state is not VisitState.HELD)
            return Made(await changing.record_of(tx, locked.visit), kept.missing)

        keyed = Keyed("visits.add", key, [str(visit_id), mode.value, _stops(stops)])
        return await self._once(actor, now, keyed, work)

    async def move(self, actor: Actor, now: datetime, visit_id: VisitId, times: Sequence[NewTime], *, key: str) -> Made:
        """These stops to other times, under their UIDs, all of them or none: refused, the old ones stand (A5). A stop
        that is where it is wanted stays as it is.

        Raises UnknownVisit, UnknownAppointment, AppointmentStepRefused, and what `hold` does.
        """

        async def work(tx: Transaction, directory: Directory) -> Made:
            locked = await changing.lock_visit(tx, visit_id)
            moves = changing.to_move(tx, locked, times)
            if moves:
                old = [stop for stop, _ in moves]
                asked = Asked(
                    old[0].membership,
                    visit_id,
                    [stop for _, stop in moves],
                    others=[stop for stop in locked.live(tx.now) if stop not in old],
                    moved=dict(enumerate(old)),
                )
                await self._keep(tx, directory, asked, book=True)
                await self.on_freed(tx, old)
            return Made(await changing.record_of(tx, locked.visit))

        keyed = Keyed("visits.move", key, [str(visit_id), sorted(_time(entry) for entry in times)])
        return await self._once(actor, now, keyed, work)

    async def cancel(
        self,
        actor: Actor,
        now: datetime,
        visit_id: VisitId,
        *,
        stops: Sequence[AppointmentId] | None = None,
        members_wish: bool = False,
        key: str,
    ) -> Made:
        """These stops, or all that can be cancelled still. Past its time a stop is LATE_CANCELLED, when the member
        wants it: themself, or through staff (`members_wish`).

        Raises UnknownVisit, UnknownAppointment, AppointmentStepRefused, AppointmentLeftToStaff, VisitStepRefused.
        """

        async def work(tx: Transaction, directory: Directory) -> Made:
            locked = await changing.lock_visit(tx, visit_id)
            by_member = members_wish or actor.role is Role.MEMBER
            freed = await changing.cancel(tx, directory, locked, stops, by_member=by_member)
            if freed:
                await self.on_freed(tx, freed)
            return Made(await changing.record_of(tx, locked.visit))

        wanted = None if stops is None else sorted(str(entry) for entry in stops)
        return await self._once(actor, now, Keyed("visits.cancel", key, [str(visit_id), wanted, members_wish]), work)

    async def _make(
        self,
        actor: Actor,
        now: datetime,
        membership: MembershipKey,
        stops: Sequence[Stop],
        *,
        mode: VisitMode,
        note: str | None,
        book: bool,
        keyed: Keyed,
    ) -> Made:
        refuse_payment_card_numbers(note)

        async def work(tx: Transaction, directory: Directory) -> Made:
            if not await may_book(tx, membership):
                raise UnknownMember
            visit_id = VisitId(self.new_id())
            kept = await self._keep(tx, directory, Asked(membership, visit_id, stops, mode), book=book)
            visit = await self._insert(tx, directory, visit_id, list(kept.appointments.values()), note)
            return Made(await changing.record_of(tx, visit), kept.missing)

        return await self._once(actor, now, keyed, work)

    async def _keep(self, tx: Transaction, directory: Directory, asked: Asked, *, book: bool) -> Kept:
        return await keep_stops(tx, directory, self.windows, asked, new_id=self.new_id, book=book)

    async def _insert(
        self, tx: Transaction, directory: Directory, visit_id: VisitId, stops: Sequence[Appointment], note: str | None
    ) -> Visit:
        first = min(stops, key=lambda stop: stop.period)
        shop = directory.store(first.store_id)
        occasion = await self.windows.occasion(tx, shop, business_date(shop, first.period.start))
        visit = Visit(visit_id, first.store_id, occasion, source_of(tx.actor.role), note or None, tx.now)
        await store.insert_visit(tx.conn, visit)
        tx.emit(events.made(visit, first))
        return visit

    async def _once(self, actor: Actor, now: datetime, keyed: Keyed, work: Work) -> Made:
        directory = await self.directories.directory(now)

        async def in_transaction(tx: Transaction) -> Made:
            return await work(tx, directory)

        async def restore(conn: Conn, facts: Json) -> Made:
            return await _restore(Transaction(conn, actor, now), facts)

        return await once(self.database, actor, now, keyed, work=in_transaction, facts=_facts, restore=restore)


def _facts(made: Made) -> dict[str, object]:
    return {"visit": str(made.record.visit.visit_id), "missing": [asdict(entry) for entry in made.missing]}


async def _restore(tx: Transaction, facts: Json) -> Made:
    [record] = await store.list_records(tx.conn, [UUID(str(facts["visit"]))])
    missing = facts["missing"]
    entries = missing if isinstance(missing, list) else []
    seen = VisitRecord(record.visit, tuple(await changing.reached(tx, record.stops)))
    return Made(seen, tuple(UnavailableStop(**entry) for entry in entries))  # type: ignore[arg-type]


def _request(membership: MembershipKey, stops: Sequence[Stop], mode: VisitMode, note: str | None) -> list[object]:
    return [str(membership.member_id), str(membership.programme_id), mode.value, note, _stops(stops)]


def _stops(stops: Sequence[Stop]) -> list[object]:
    return [[str(stop.service_id), stop.starts_at.isoformat(), _text(stop.associate_id)] for stop in stops]


def _time(entry: NewTime) -> list[str]:
    return [str(entry.appointment_id), entry.starts_at.isoformat(), _text(entry.associate_id) or ""]


def _text(resource_id: ResourceId | None) -> str | None:
    return None if resource_id is None else str(resource_id)
