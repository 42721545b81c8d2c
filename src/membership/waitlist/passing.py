"""What the worker does: ends what has lapsed, and looks again at every day that is waited for.

Offers inside a cancellation see only what that gives back. A hold that lapses, a shift or a room that a planner adds, a
booking window that opens, a service that shares an associate with another one: all of that is found here, at the latest
half a minute later. Each offer is a transaction of its own, so that nobody's lock is held for the others.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog

from membership.appointments.errors import UnknownService
from membership.appointments.locking import lock_member, lock_services
from membership.appointments.model import ServiceId
from membership.postgres.database import Database
from membership.waitlist import store
from membership.waitlist.changing import change
from membership.waitlist.context import WAITLIST
from membership.waitlist.looking import PAGE, Look, could_have_it, look, whose_turn
from membership.waitlist.model import Candidate, EntryId, EntryState
from membership.waitlist.offering import Offering

LOOK_AGAIN = timedelta(seconds=30)
MOST_DAYS_AT_ONCE = 31
MOST_OFFERS = 20
"""Of one service in a pass; then others have their turn, and it is due again."""
_MOST_LAPSED = 50
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Passes:
    """One per worker; any number of workers may pass at once."""

    database: Database
    offering: Offering

    async def step_due(self, now: datetime) -> int:
        """End what has lapsed and look at the service that is due longest. How much there was to do; 0: nothing."""
        ended = await self.end_lapsed(now)
        service_id, days = await self._claim(now)
        if service_id is None:
            return ended
        if days:
            await self.pass_over(now, service_id, days)
        return ended + 1

    async def end_lapsed(self, now: datetime) -> int:
        """How many entries ended. One that cannot be ended keeps no other from it."""
        async with self.database.engine(WAITLIST, now) as tx:
            over = await store.list_lapsed(tx.conn, now, limit=_MOST_LAPSED)
        ended = 0
        for entry_id in over:
            try:
                await self._settle(now, entry_id)
                ended += 1
            except Exception as error:
                _log.error("an entry of the waitlist could not be ended", entry_id=entry_id, exc_info=error)
        return ended

    async def pass_over(self, now: datetime, service_id: ServiceId, days: Collection[date]) -> int:
        """Offer what is free of a service on these days to those who wait, in their order. How many offers."""
        offers = 0
        after: Candidate | None = None
        while offers < MOST_OFFERS:
            try:
                seen, able, page_ends, is_last = await self._look(now, service_id, days, after)
            except UnknownService:
                await self._give_up(now, service_id)
                return offers
            after = page_ends
            for candidate in able:
                if await self._offer(now, candidate, seen, days):
                    offers, after, is_last = offers + 1, candidate, False
                    break
            if is_last:
                return offers
        async with self.database.engine(WAITLIST, now) as tx:
            await store.wake_groups(tx.conn, service_id, days, now)
        return offers

    async def _claim(self, now: datetime) -> tuple[ServiceId | None, list[date]]:
        """In a transaction of its own: whoever joins locks groups with a member in hand."""
        async with self.database.engine(WAITLIST, now) as tx:
            service_id, days = await store.lock_due_groups(tx.conn, now, limit=MOST_DAYS_AT_ONCE)
            if service_id is None:
                return None, []
            return service_id, await store.postpone_groups(tx.conn, service_id, days, now=now, due_at=now + LOOK_AGAIN)

    async def _look(
        self, now: datetime, service_id: ServiceId, days: Collection[date], after: Candidate | None
    ) -> tuple[Look, list[Candidate], Candidate | None, bool]:
        """What is free, who could have it, the last one who was looked at, and whether nobody comes after."""
        workings = self.offering.workings
        async with self.database.engine(WAITLIST, now) as tx:
            seen = await look(tx, workings, service_id, days)
            page = await whose_turn(tx, workings, seen, after=after) if seen.by_day else []
            able = await could_have_it(tx, workings, seen, page)
        return seen, able, page[-1] if page else None, len(page) < PAGE

    async def _offer(self, now: datetime, candidate: Candidate, seen: Look, days: Collection[date]) -> bool:
        service_id, entry = seen.service.service_id, candidate.entry
        async with self.database.engine(WAITLIST, now) as tx:
            # Nothing is in hand yet, so a member who is busy can be waited for: it is their turn.
            if await lock_member(tx, entry.membership) != entry.membership:
                return False
            locked = await lock_services(tx, [service_id])
            return service_id in locked and await self.offering.offer_to(tx, locked[service_id], candidate, days)

    async def _settle(self, now: datetime, entry_id: EntryId) -> None:
        async with self.database.engine(WAITLIST, now) as tx:
            seen = await store.find_entry(tx.conn, entry_id)
            if seen is None:
                return
            await lock_member(tx, seen.membership)
            [entry] = (await store.list_entries(tx.conn, [entry_id])).values()
            await self.offering.settle(tx, entry)

    async def _give_up(self, now: datetime, service_id: ServiceId) -> None:
        """Nobody waits for what is no longer offered."""
        while True:
            async with self.database.engine(WAITLIST, now) as tx:
                waiting = await store.list_of_service(tx.conn, service_id, limit=PAGE)
            for entry_id in waiting:
                await self._end(now, entry_id)
            if len(waiting) < PAGE:
                return

    async def _end(self, now: datetime, entry_id: EntryId) -> None:
        async with self.database.engine(WAITLIST, now) as tx:
            [seen] = (await store.list_entries(tx.conn, [entry_id])).values()
            await lock_member(tx, seen.membership)
            [entry] = (await store.list_entries(tx.conn, [entry_id])).values()
            if entry.state is EntryState.WAITING:
                await change(tx, entry, EntryState.LAPSED)
