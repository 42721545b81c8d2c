"""Invented shoppers: who they are and how often they come. A person is a function of seed, programme and number."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from membership.members.model import Birthday
from membership.sample.files import HabitRow, NamesRow, PhoneRangeRow, sample_people

_OLDEST, _YOUNGEST = 1948, 2006
_RESERVED = 100
"""The first telephone numbers of a programme belong to named members."""
_STRIDE = 7_919
"""Steps through a programme's numbers, so that neighbours in the sample are no neighbours there. A prime."""


@dataclass(frozen=True, slots=True)
class Person:
    """What a shopper told on joining. At least one of phone and e-mail is there."""

    name: str
    locale: str
    birthday: Birthday | None
    phone: str | None
    email: str | None
    habit: HabitRow


class Crowd:
    """The shoppers of one programme."""

    def __init__(self, programme: str) -> None:
        people = sample_people()
        self._programme = programme
        (shoppers,) = (row for row in people.shoppers if row.programme == programme)
        names = {row.locale: row for row in people.names}
        self._names = [names[locale] for locale in shoppers.locales]
        self._name_weights = list(accumulate(shoppers.locales.values()))
        self._ranges = [row for row in people.phone_ranges if row.programme == programme]
        self._numbers = sum(10**row.digits for row in self._ranges)
        self._habits = people.habits
        self._habit_weights = list(accumulate(row.members_percent for row in people.habits))

    def person(self, rng: Random, number: int) -> Person:
        """The shopper with this number, from 0 on."""
        names = rng.choices(self._names, cum_weights=self._name_weights)[0]
        phone = self._phone(number)
        has_email = phone is None or rng.randrange(100) < 40
        return Person(
            name=_full_name(names, rng),
            locale=names.locale,
            birthday=_birthday(rng),
            phone=phone,
            email=f"{self._programme.lower()}.{number}@example.com" if has_email else None,
            habit=rng.choices(self._habits, cum_weights=self._habit_weights)[0],
        )

    def reserved(self, place: int) -> str:
        """The telephone number of the named member in this place, from 0 on."""
        return _number_in(self._ranges, place)

    def _phone(self, number: int) -> str | None:
        """Each number its own; None when the ranges are used up."""
        free = self._numbers - _RESERVED
        if number >= free:
            return None
        return _number_in(self._ranges, _RESERVED + number * _STRIDE % free)


def _number_in(ranges: Sequence[PhoneRangeRow], place: int) -> str:
    for row in ranges:
        size: int = 10**row.digits
        if place < size:
            return f"{row.prefix}{place:0{row.digits}d}"
        place -= size
    raise ValueError("beyond the last range")


def _full_name(names: NamesRow, rng: Random) -> str:
    family, given = rng.choice(names.family), rng.choice(names.given)
    parts = (family, given) if names.order == "FAMILY_FIRST" else (given, family)
    return names.separator.join(parts)


def _birthday(rng: Random) -> Birthday | None:
    month, day, year = rng.randrange(1, 13), rng.randrange(1, 29), rng.randrange(_OLDEST, _YOUNGEST + 1)
    told = rng.randrange(100)
    if told < 15:
        return None
    return Birthday(month, day, year if told < 70 else None)
