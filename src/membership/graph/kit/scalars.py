"""Scalars. A value that does not fit is the client's fault: BAD_USER_INPUT, in plain words."""

import re
from collections.abc import Callable, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from membership.graph.operations.faults import bad_user_input

Points = NewType("Points", int)
"""A whole number of points, within JavaScript's safe range."""

MinorUnits = NewType("MinorUnits", int)
"""A whole number of a currency's smallest unit, within JavaScript's safe range."""

CardNumber = NewType("CardNumber", str)
"""A card number as printed: 12 digits, the last a check digit (which the cards slice checks)."""

SAFE_INTEGER = 2**53 - 1

_CARD_NUMBER = re.compile(r"[0-9]{12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?")


def _read_whole_number(name: str) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > SAFE_INTEGER:
            raise bad_user_input(f"{name} takes a whole number within ±{SAFE_INTEGER}.")
        return value

    return read


def _write_whole_number(value: object) -> int:
    if isinstance(value, int) and -SAFE_INTEGER <= value <= SAFE_INTEGER:
        return value
    raise GraphQLError("an amount outside the safe range")


def _read_card_number(value: object) -> str:
    if isinstance(value, str) and _CARD_NUMBER.fullmatch(value):
        return value
    raise bad_user_input("CardNumber takes the 12 digits of a card, without spaces.")


def _read_datetime(value: object) -> datetime:
    """In UTC, so that one moment is one request whichever offset it is sent with.

    Not of the first or last year of all, of which no store's clock could tell the business day.
    """
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
        if moment is not None and moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
            if MINYEAR < moment.year < MAXYEAR:
                return moment
    except (ValueError, OverflowError):
        # The latter where the first or last year of all ends up in another one.
        pass
    raise bad_user_input("DateTime takes a date and time with an offset, such as 2026-11-12T10:00:00+08:00.")


def _write_datetime(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    raise GraphQLError("a moment without an offset")


def _read_date(value: object) -> date:
    """Not of the first or last year of all, as above: there is no day before or after."""
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            day = date.fromisoformat(value)
            if MINYEAR < day.year < MAXYEAR:
                return day
    except ValueError:
        pass
    raise bad_user_input("LocalDate takes a calendar date, such as 2026-11-12.")


def _write_date(value: object) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    raise GraphQLError("not a calendar date")


def _read_time(value: object) -> time:
    try:
        if isinstance(value, str) and _TIME.fullmatch(value):
            return time.fromisoformat(value)
    except ValueError:
        pass
    raise bad_user_input("LocalTime takes a time of day, such as 10:00.")


def _write_time(value: object) -> str:
    if isinstance(value, time):
        return value.isoformat()
    raise GraphQLError("not a time of day")


SCALARS: Mapping[object, ScalarDefinition] = {
    Points: strawberry.scalar(
        name="Points",
        description="A whole number of points within ±(2^53 − 1), which JavaScript keeps exactly.",
        serialize=_write_whole_number,
        parse_value=_read_whole_number("Points"),
    ),
    MinorUnits: strawberry.scalar(
        name="MinorUnits",
        description="A whole number of a currency's smallest unit (fen, pence, won) within ±(2^53 − 1).",
        serialize=_write_whole_number,
        parse_value=_read_whole_number("MinorUnits"),
    ),
    CardNumber: strawberry.scalar(
        name="CardNumber",
        description="The 12 digits of a member's card; the last is a Luhn check digit.",
        parse_value=_read_card_number,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment in ISO 8601 with its offset, such as 2026-11-12T10:00:00+08:00.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=_write_datetime,
        parse_value=_read_datetime,
    ),
    date: strawberry.scalar(
        name="LocalDate",
        description="A calendar date in the store's zone, such as 2026-11-12.",
        specified_by_url="https://scalars.graphql.org/andimarek/local-date",
        serialize=_write_date,
        parse_value=_read_date,
    ),
    time: strawberry.scalar(
        name="LocalTime",
        description="A time of day in the store's zone, such as 10:00.",
        serialize=_write_time,
        parse_value=_read_time,
    ),
}
