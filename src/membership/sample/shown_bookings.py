"""Appointments that the sample has on purpose: of named members, and what a demonstration looks at."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from random import Random

from membership.appointments.model import AppointmentState as State
from membership.appointments.model import Chosen, Service
from membership.sample.booker import Booker, Life, StoreBook
from membership.sample.copying import Batch
from membership.sample.files import CastAppointmentRow
from membership.sample.offered import offered
from membership.sample.place import Place
from membership.stores.rules import local_instant

POPULAR = "1F-HAUTERAC", "PRIVATE_VIEWING"
_POPULAR_DAY = 9
"""The second Saturday of an anniversary."""
_ASKED = (
    ("1F-HAUTERAC", "MASTER_CONSULTATION"),
    ("1F-BELCARROW", "PRIVATE_VIEWING"),
    ("3F-HARGRAVE-SOL", "MADE_TO_MEASURE"),
)
"""What members asked for in the last hour, and the brand has not answered yet."""
_HELD = (("2F-ALVENNA", "FITTING"), ("1F-LISABEAU", "SKIN_CONSULTATION"))
"""What members hold at this moment."""
_ASKED_AGO, _HELD_AGO = timedelta(minutes=18), timedelta(seconds=50)
_BOOKED_BEFORE, _MOST_BOOKED_BEFORE = timedelta(days=6), timedelta(days=4)
_SOONEST, _LATEST = 3, 12
_NEAR_DAYS = 45
_DAY = timedelta(days=1)


class Shown:
    """At the store that has an anniversary."""

    def __init__(self, book: StoreBook, anniversary: Sequence[date], now: datetime) -> None:
        self._book = book
        self._now = now
        self._today = now.astimezone(book.place.store.zone).date()
        self._popular_day = popular_day(anniversary, self._today)

    def add_scripted(self, batch: Batch, booker: Booker, book: StoreBook, rows: Iterable[CastAppointmentRow]) -> None:
        """Of a named member. What cannot be had on that day, when a store is closed, is left out."""
        for row in rows:
            day = self._popular_day if row.days_ago is None else self._today - row.days_ago * _DAY
            if day is None:
                continue
            service = _service(book.place, row.counter, row.service)
            start = local_instant(book.place.store.zone, day, time.fromisoformat(row.at))
            chosen = booker.take(service, day, start)
            if chosen is not None:
                ends_as = State.CONFIRMED if start > self._now else State.COMPLETED
                booked_at = min(start, self._now) - _BOOKED_BEFORE
                booker.tell(batch, chosen, day, booked_at, ends_as=ends_as)

    def add_end(self, batch: Batch, lives: Sequence[Life], rng: Random) -> None:
        """`lives`: of some members who come often."""
        bookers = [Booker(self._book, life, rng, self._now) for life in lives]
        if self._popular_day is not None:
            self._fill(batch, bookers, rng, self._popular_day)
        for number, (counter, code) in enumerate(_ASKED, start=1):
            service = _service(self._book.place, counter, code)
            self._add_soon(batch, bookers, service, self._now - _ASKED_AGO * number, State.PENDING)
        for number, (counter, code) in enumerate(_HELD, start=1):
            service = _service(self._book.place, counter, code)
            self._add_soon(batch, bookers, service, self._now - _HELD_AGO * number, State.HELD)

    def _fill(self, batch: Batch, bookers: list[Booker], rng: Random, day: date) -> None:
        """Whatever is left of the popular service on that day."""
        service = _service(self._book.place, *POPULAR)
        starts = self._book.diary.starts(service, day)
        for turn in range(starts.number if starts else 0):
            while starts and (found := _take(bookers, service, day, starts[turn])):
                booker, chosen = found
                since = min(_MOST_BOOKED_BEFORE, chosen.period.start - self._now)
                booked_at = self._now - since * rng.randrange(5, 95) / 100
                booker.tell(batch, chosen, day, booked_at.replace(microsecond=0), ends_as=State.CONFIRMED)

    def _add_soon(
        self, batch: Batch, bookers: list[Booker], service: Service, booked_at: datetime, ends_as: State
    ) -> None:
        """In the middle of one of the next days."""
        for days in range(_SOONEST, _LATEST):
            day = self._today + days * _DAY
            starts = self._book.diary.starts(service, day)
            found = _take(bookers, service, day, starts[starts.number // 2]) if starts else None
            if found is not None:
                booker, chosen = found
                booker.tell(batch, chosen, day, booked_at, ends_as=ends_as)
                return


def popular_day(anniversary: Sequence[date], today: date) -> date | None:
    """None while no anniversary is near, or when it is over."""
    day = anniversary[_POPULAR_DAY]
    return day if today < day <= today + _NEAR_DAYS * _DAY else None


def _take(bookers: list[Booker], service: Service, day: date, start: datetime) -> tuple[Booker, Chosen] | None:
    """By the first of them who is free, and who is the last to be asked the next time."""
    for position, booker in enumerate(bookers):
        chosen = booker.take(service, day, start)
        if chosen is not None:
            bookers.append(bookers.pop(position))
            return booker, chosen
    return None


def _service(place: Place, counter: str, code: str) -> Service:
    return offered(place.programme.code).service(place.store.code, counter, code)
