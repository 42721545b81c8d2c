"""Holding and booking the stops of a visit inside a transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from membership.appointments import changing
from membership.appointments.errors import UnknownService
from membership.appointments.holding import hold_stops
from membership.appointments.locking import lock_member
from membership.appointments.model import Appointment, AppointmentState, Service, Stop, VisitId
from membership.appointments.rules.states import HOLD
from membership.campaigns.bookings import BookingWindows
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import NewId
from membership.members.model import MembershipKey
from membership.postgres.transaction import Transaction
from membership.stores.model import ProgrammeId, StoreId
from membership.stores.service import Directory
from membership.visits.errors import UnavailableStop, VisitInSeveralStores, VisitOutOfBounds, VisitPartlyUnavailable
from membership.visits.model import MOST_DAYS, MOST_PROPOSALS, MOST_STOPS, VisitMode, VisitSource
from membership.visits.rules.mending import Surroundings, unavailable


@dataclass(frozen=True, slots=True)
class Asked:
    """Stops that a member wants, of a visit that has `others` already. `moved`: by place, the stops whose place they
    take."""

    membership: MembershipKey
    visit_id: VisitId
    stops: Sequence[Stop]
    mode: VisitMode = VisitMode.ALL_OR_NOTHING
    others: Sequence[Appointment] = ()
    moved: Mapping[int, Appointment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """What could be had, by place, and what could not."""

    appointments: Mapping[int, Appointment]
    missing: tuple[UnavailableStop, ...]


async def keep_stops(
    tx: Transaction, directory: Directory, windows: BookingWindows, asked: Asked, *, new_id: NewId, book: bool
) -> Kept:
    """Held for some minutes, or booked at once.

    Raises VisitPartlyUnavailable (with BEST_EFFORT only if nothing can be had), VisitOutOfBounds,
    VisitInSeveralStores, UnknownService, UnknownMember.
    """
    # Nothing is no visit, nor anything to add to one.
    check_number(len(asked.stops) and len(asked.stops) + len(asked.others))
    member = await lock_member(tx, asked.membership)
    admit = await windows.admission(tx, member, stores_of(directory, member.programme_id))
    held = await hold_stops(
        tx,
        directory,
        member,
        asked.stops,
        new_id=new_id,
        visit_id=asked.visit_id,
        best_effort=asked.mode is VisitMode.BEST_EFFORT,
        moved=asked.moved,
        admit=admit,
        hold=HOLD if book else _hold_of(asked.others, tx.now),
    )
    check_place(directory, tx.actor, held.diary.services.values(), asked.others)
    around = Surroundings(held.diary, directory.walking, member.member_id, tx.now, asked.others)
    missing = unavailable(around, dict(enumerate(asked.stops)), held.refusals)
    if missing and not held.appointments:
        raise VisitPartlyUnavailable(missing, len(asked.stops))
    if book:
        booked = await changing.book_held(tx, directory, list(held.appointments.values()))
        return Kept(dict(zip(held.appointments, booked, strict=True)), tuple(missing))
    changing.kept(tx, list(held.appointments.values()))
    return Kept(held.appointments, tuple(missing))


def _hold_of(others: Collection[Appointment], now: datetime) -> timedelta:
    """A visit is held as long as its first stops are: confirmed, all of it is booked, and after that nothing (A4)."""
    held = [stop.held_until for stop in others if stop.state is AppointmentState.HELD]
    return min(held) - now if held else HOLD


def check_number(stops: int) -> None:
    """Raises VisitOutOfBounds."""
    if not 1 <= stops <= MOST_STOPS:
        raise VisitOutOfBounds(MOST_STOPS, MOST_DAYS, MOST_PROPOSALS)


def check_place(
    directory: Directory, actor: Actor, services: Collection[Service], others: Sequence[Appointment] = ()
) -> None:
    """All in one store; and whoever stands at a counter or desk books what is given there.

    Raises VisitInSeveralStores, UnknownService.
    """
    stores = {service.store_id for service in services} | {stop.store_id for stop in others}
    if len(stores) > 1:
        raise VisitInSeveralStores(sorted(directory.store(store_id).code for store_id in stores))
    for service in services:
        if actor.role is Role.ASSOCIATE and service.counter_id != actor.counter_id:
            raise UnknownService
        if actor.role is Role.DESK and service.store_id != actor.store_id:
            raise UnknownService


def source_of(role: Role) -> VisitSource:
    match role:
        case Role.MEMBER:
            return VisitSource.MEMBER
        case Role.ASSOCIATE | Role.DESK:
            return VisitSource.COUNTER
        case Role.MEMBER_SERVICES:
            return VisitSource.MEMBER_SERVICES
        case _:
            return VisitSource.SYSTEM


def stores_of(directory: Directory, programme_id: ProgrammeId) -> list[StoreId]:
    return [store.store_id for store in directory.configuration.stores if store.programme_id == programme_id]
