"""A counter's board and an associate's day: who comes, when, to whom, and when somebody is free."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from membership.appointments import reading
from membership.appointments.errors import NotOnThisBoard, UnknownBookingCounter
from membership.appointments.model import Board, BoardDay, BoardVersion, Period, ResourceId
from membership.kernel.actor import Actor, Role
from membership.kernel.clock import Clock
from membership.postgres.database import Database
from membership.stores.model import Counter, Store
from membership.stores.rules import business_day_ends, business_day_starts

MOST_ENTRIES = 500
"""On one board. A counter serves some dozens of members on a day; what was cancelled is shown too."""
WATCHER = Actor(Role.SERVICE, "boards")


@dataclass(frozen=True, slots=True)
class Boards:
    """One per process. Read by a use case: rooms and buffers are in tables that hold members' ids."""

    database: Database
    clock: Clock

    async def board(self, actor: Actor, now: datetime, day: BoardDay) -> Board:
        """In two statements. Whether the caller may see it, `check_board` has said."""
        async with self.database.engine(actor, now) as tx:
            entries = await reading.list_board(tx.conn, day, now=now, limit=MOST_ENTRIES)
            return Board(tuple(entries), await reading.list_shifts_at(tx.conn, day))

    async def shifts(self, actor: Actor, now: datetime, days: BoardDay) -> Mapping[ResourceId, tuple[Period, ...]]:
        """When the associates of a counter work, in a window that may be longer than a day."""
        async with self.database.engine(actor, now) as tx:
            return await reading.list_shifts_at(tx.conn, days)

    async def versions(self, days: Collection[BoardDay]) -> Mapping[BoardDay, BoardVersion]:
        """Of all boards that are watched, in one statement that costs what their days hold."""
        asked = list(days)
        now = self.clock.now()
        async with self.database.engine(WATCHER, now) as tx:
            return dict(zip(asked, await reading.list_board_versions(tx.conn, asked, now=now), strict=True))


def board_day(counter: Counter, shop: Store, day: date) -> BoardDay:
    """From one cut-over to the next: what ends past midnight is of the day on which it opened."""
    return BoardDay(counter.counter_id, Period(business_day_starts(shop, day), business_day_ends(shop, day)))


def check_board(actor: Actor, counter: Counter, shop: Store) -> None:
    """Associates see the board of their counter, desks those of their store, who looks after members those of the
    programme. Raises NotOnThisBoard."""
    match actor.role:
        case Role.ADMIN:
            allowed = True
        case Role.ASSOCIATE:
            allowed = actor.counter_id == counter.counter_id
        case Role.DESK:
            allowed = actor.store_id == shop.store_id
        case Role.MEMBER_SERVICES:
            allowed = actor.programme_id == shop.programme_id
        case _:
            allowed = False
    if not allowed:
        raise NotOnThisBoard


def check_plans(actor: Actor, shop: Store) -> None:
    """Raises UnknownBookingCounter for whoever does not set up the store's counters."""
    if not (actor.role is Role.ADMIN or (actor.role is Role.PLANNER and actor.programme_id == shop.programme_id)):
        raise UnknownBookingCounter


def gaps(shifts: Iterable[Period], busy: Sequence[Period]) -> list[Period]:
    """The parts of shifts in which nothing is booked, by time. `busy` is by time, without overlaps."""
    found: list[Period] = []
    for shift in shifts:
        free_from = shift.start
        for period in busy:
            if period.end <= shift.start or period.start >= shift.end:
                continue
            if free_from < period.start:
                found.append(Period(free_from, period.start))
            free_from = max(free_from, period.end)
        if free_from < shift.end:
            found.append(Period(free_from, shift.end))
    return found
