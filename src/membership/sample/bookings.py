"""Appointments of the sample: everybody's, over all stores.

What members take of a store's time is shared, so who is made first has the choice; the order is the same every time.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from random import Random

from membership.appointments.model import Period, ResourceId, ShiftId
from membership.campaigns.rules.calendar import resolve
from membership.members.model import MembershipKey
from membership.sample import identifiers as ids
from membership.sample.anniversary import ANNIVERSARY_OF, Anniversary
from membership.sample.appointment_records import add_offered, add_shifts
from membership.sample.booker import Booker, Life, StoreBook
from membership.sample.campaign_files import campaign_content
from membership.sample.copying import Batch
from membership.sample.files import HabitRow, sample_cast
from membership.sample.moments import MomentIds
from membership.sample.offered import offered
from membership.sample.place import Place
from membership.sample.shown_bookings import Shown
from membership.stores.model import Store, StoreId

_FILE = "anniversary-2026"
_SHIFTS_BEHIND, _SHIFTS_AHEAD = 14, 62
"""Days: as far ahead as services can be booked."""
_NEAR = timedelta(days=45)
_REGULARS = 60
_DAY = timedelta(days=1)

Chance = Callable[..., Random]


class Bookings:
    """Bookings of one sample, made with its members. `past`: the last anniversary, if any. `now`: where it ends."""

    def __init__(self, places: Mapping[str, Place], past: Anniversary | None, chance: Chance, now: datetime) -> None:
        self._chance, self._now, self._past = chance, now, past
        self._anniversary = next_anniversary(places[ANNIVERSARY_OF].store, now)
        self._books = {place.store.store_id: self._book(place) for place in places.values()}
        self._with_anniversary = self._books[places[ANNIVERSARY_OF].store.store_id]
        self._shown = Shown(self._with_anniversary, self._anniversary, now)
        self._cast = {ids.member_id(row.code): row for row in sample_cast()}
        self._regulars: deque[Life] = deque(maxlen=_REGULARS)

    def add_beginning(self, batch: Batch) -> None:
        """What can be booked, and who works when."""
        for book in self._books.values():
            add_offered(batch, offered(book.place.programme.code))
            add_shifts(batch, self._shifts(book))

    def add(
        self,
        batch: Batch,
        memberships: Iterable[tuple[StoreId, MembershipKey]],
        habit: HabitRow,
        joined_at: datetime,
    ) -> None:
        """Everything that one member booked, in each programme."""
        elsewhere: list[Period] = []
        for store_id, membership in memberships:
            book, life = self._books[store_id], Life(membership, joined_at + _DAY, elsewhere)
            rng = self._chance("bookings", membership.member_id, book.place.store.code)
            booker = Booker(book, life, rng, self._now)
            if membership.member_id in self._cast:
                self._shown.add_scripted(batch, booker, book, self._cast[membership.member_id].appointments)
                continue
            booker.live(batch, habit)
            if book is self._with_anniversary:
                self._regulars.append(life)

    def add_end(self, batch: Batch) -> None:
        """After everybody: what is shown on purpose."""
        self._shown.add_end(batch, self._regulars, self._chance("bookings", "shown"))

    def _book(self, place: Place) -> StoreBook:
        today = self._now.astimezone(place.store.zone).date()
        its = offered(place.programme.code)
        if place.programme.code != ANNIVERSARY_OF:
            return StoreBook(place, its, event_days=(), campaigns={})
        near = [day for day in self._anniversary if today <= day <= today + _NEAR]
        past = self._past
        campaigns = {} if past is None else dict.fromkeys(past.calendar.days, past.revision.campaign_id)
        return StoreBook(place, its, event_days=near, campaigns=campaigns)

    def _shifts(self, book: StoreBook) -> Iterator[tuple[ShiftId, ResourceId, Period]]:
        its, store = offered(book.place.programme.code), book.place.store
        today = self._now.astimezone(store.zone).date()
        days = {today + number * _DAY for number in range(-_SHIFTS_BEHIND, _SHIFTS_AHEAD + 1)}
        if book is self._with_anniversary:
            days.update(self._anniversary)
        new_id = MomentIds(self._chance("shifts", store.code)).at(self._now)
        for associate in its.associates():
            for day in sorted(days):
                shift = book.rota.shift(its.ranks[associate.resource_id], day)
                if shift is not None:
                    yield ShiftId(new_id()), associate.resource_id, shift


def next_anniversary(store: Store, now: datetime) -> tuple[date, ...]:
    """Its days: of the one that is under way or comes next."""
    for year in (now.year, now.year + 1):
        calendar = resolve(campaign_content(_FILE, year), store)
        if now < calendar.closes_at:
            return tuple(calendar.days)
    raise ValueError(f"no anniversary after {now}")
