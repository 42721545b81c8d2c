"""Who works when: early or late, five days a week, everybody during an event. A function of the day and the person."""

from datetime import date, timedelta
from functools import cache

from membership.appointments.model import Period
from membership.appointments.rules.hours import opening_of
from membership.sample.place import Place
from membership.sample.seasons import event_days

_SHARE = 0.7
"""Of the opening, as long as a shift lasts."""
_QUARTER = timedelta(minutes=15)
_DAYS_OFF, _DAYS_OF_A_WEEK = 2, 7
_STRIDE = 3
"""Neighbours have other days off."""


class Rota:
    """Of one store."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._opening = cache(self._opening_of)
        self._is_event = cache(self._lies_in_event)

    def opening(self, day: date) -> Period | None:
        return self._opening(day)

    def shift(self, rank: int, day: date) -> Period | None:
        """When the associate of this rank at a counter works. None: not on that day."""
        opening = self._opening(day)
        if opening is None or (self._is_off(rank, day) and not self._is_event(day)):
            return None
        length = max(_QUARTER, (opening.end - opening.start) * _SHARE // _QUARTER * _QUARTER)
        if _is_early(rank, day):
            return Period(opening.start, opening.start + length)
        return Period(opening.end - length, opening.end)

    def _opening_of(self, day: date) -> Period | None:
        store = self._place.store
        return opening_of(store.opening_hours, store.zone, day)

    def _lies_in_event(self, day: date) -> bool:
        spans = (event_days(event, day.year) for event in self._place.sample.events)
        return any(first <= day <= last for first, last in spans)

    def _is_off(self, rank: int, day: date) -> bool:
        return (day.toordinal() + _STRIDE * rank) % _DAYS_OF_A_WEEK < _DAYS_OFF


def _is_early(rank: int, day: date) -> bool:
    """A week early, a week late; of two neighbours one is early."""
    return (day.toordinal() // _DAYS_OF_A_WEEK + rank) % 2 == 0
