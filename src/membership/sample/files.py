"""The data files: one per programme, each row marked with where its figures come from."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from membership.stores.model import ActivationLevel, OpeningHours, ProgrammeTerms, WalkingTimes
from membership.tiers.model import Ladder

PROGRAMMES = ("chaoyang", "hangang", "brompton")
PEOPLE = "people"
CAST = "cast"
LOCALES = frozenset({"zh-CN", "en", "ko", "ja"})
OTHERS = "others"
CLOSED = "closed"

Toml = dict[str, object]
Mark = Annotated[str, StringConstraints(pattern=r"^(invented|published: \S.+)$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]+([_-][A-Z0-9]+)*$")]
Names = dict[str, str]


class Row(BaseModel):
    """One row, with the origin of its figures: a mark for all of it, or a mark by field and one for the others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Mark | dict[str, Mark]

    @model_validator(mode="after")
    def _every_field_is_marked(self) -> Self:
        if isinstance(self.source, str):
            return self
        fields = set(type(self).model_fields) - {"source"}
        if unknown := set(self.source) - fields - {OTHERS}:
            raise ValueError(f"source marks what the row does not have: {', '.join(sorted(unknown))}")
        if OTHERS not in self.source and (unmarked := fields - set(self.source)):
            raise ValueError(f"no source for {', '.join(sorted(unmarked))}")
        return self


class NamedRow(Row):
    code: Code
    names: Names

    @model_validator(mode="after")
    def _named_in_every_locale(self) -> Self:
        if missing := LOCALES - set(self.names):
            raise ValueError(f"{self.code} has no name in {', '.join(sorted(missing))}")
        return self


class ProgrammeRow(NamedRow):
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    minor_unit_exponent: int = Field(ge=0, le=3)


class StoreRow(NamedRow):
    zone: str
    cutover: Annotated[str, StringConstraints(pattern=r"^\d\d:\d\d$")]
    opening_hours: OpeningHours
    walking: WalkingTimes


class EventRow(Row):
    """A yearly peak, from the n-th given weekday of a month on."""

    code: Code
    month: int = Field(ge=1, le=12)
    weekday: int = Field(ge=1, le=7)
    nth: int = Field(ge=1, le=4)
    days: int = Field(ge=1, le=31)
    traffic_percent: int = Field(ge=100)


class FloorRow(NamedRow):
    position: int


class CategoryRow(NamedRow):
    spend_minor_per_point: int = Field(ge=1)
    earns_points: bool
    counts_for_tier: bool


class TenderTypeRow(NamedRow):
    earn_weight_basis_points: int
    tier_weight_basis_points: int
    popularity: int = Field(ge=0)


class BrandRow(NamedRow):
    earns_points: bool
    counts_for_tier: bool
    activation_level: ActivationLevel


class CounterRow(Row):
    code: Code
    floor: Code
    brand: Code
    commission_basis_points: int
    categories: tuple[Code, ...] = Field(min_length=1)
    price_minor: tuple[int, int]
    popularity: int = Field(ge=1)
    associates: int = Field(ge=2, le=10)
    rooms: int = Field(default=0, ge=0, le=9)
    places: int = Field(default=0, ge=0, le=20)
    services: tuple[Code, ...] = ()
    """What members can book here."""
    accepts: tuple[Code, ...] = ()
    """Of those, the ones that the brand answers itself."""


class CentralCashierRow(Row):
    code: Code


class SampleProgramme(BaseModel):
    """One file: a programme, its terms, its ladder and its store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    programme: ProgrammeRow
    terms: ProgrammeTerms
    ladder: Ladder
    store: StoreRow
    events: tuple[EventRow, ...]
    floors: tuple[FloorRow, ...]
    categories: tuple[CategoryRow, ...]
    tender_types: tuple[TenderTypeRow, ...]
    brands: tuple[BrandRow, ...]
    counters: tuple[CounterRow, ...]
    central_cashiers: tuple[CentralCashierRow, ...]


class NamesRow(Row):
    """Names of one language, to be put together."""

    locale: str
    order: Literal["FAMILY_FIRST", "GIVEN_FIRST"]
    separator: str
    family: tuple[str, ...] = Field(min_length=10)
    given: tuple[str, ...] = Field(min_length=10)


class ShoppersRow(Row):
    """How often a programme's members use which language, in percent."""

    programme: Code
    locales: dict[str, int]


class PhoneRangeRow(Row):
    """Telephone numbers that no subscriber can have: `prefix` in E.164 and so many further digits."""

    programme: Code
    prefix: Annotated[str, StringConstraints(pattern=r"^\+[0-9]{4,12}$")]
    digits: int = Field(ge=1, le=8)


class HabitRow(Row):
    """How a part of the members shops: visits a year, how dear what they buy is (0 to 100), how many visits they book
    by appointment in a year, and how many of them have one ahead."""

    code: Code
    members_percent: int = Field(ge=1, le=100)
    visits: tuple[int, int]
    price_level: int = Field(ge=0, le=100)
    booked: tuple[int, int]
    books_ahead_percent: int = Field(ge=0, le=100)


class CastSaleRow(BaseModel):
    """One receipt of a named member. Exactly one of `days_ago`, `last_year` and `expires_tomorrow` dates it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    counter: Code
    amount_minor: int = Field(ge=1)
    days_ago: int | None = Field(default=None, ge=1, le=390)
    last_year: Annotated[str, StringConstraints(pattern=r"^\d\d-\d\d$")] | None = None
    expires_tomorrow: bool = False
    spend_percent: int = Field(default=0, ge=0, le=100)
    back_days_ago: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _dated_once(self) -> Self:
        if [self.days_ago is not None, self.last_year is not None, self.expires_tomorrow].count(True) != 1:
            raise ValueError(f"{self.counter}: one of days_ago, last_year, expires_tomorrow")
        return self


class CastAppointmentRow(BaseModel):
    """One appointment of a named member, at a wall-clock time so many days before today, or on the popular day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    counter: Code
    service: Code
    days_ago: int | None = Field(default=None, ge=1, le=390)
    at: Annotated[str, StringConstraints(pattern=r"^\d\d:\d\d$")]


class CastRow(Row):
    """A named member in a state worth showing; `note` says which."""

    code: Code
    programme: Code
    name: str
    locale: str
    note: str
    birthday: tuple[int, int] | None = None
    birthday_in_days: int | None = None
    physical_card: bool = False
    blocked_card: bool = False
    pending_adjustment_points: int | None = None
    sales: tuple[CastSaleRow, ...]
    appointments: tuple[CastAppointmentRow, ...] = ()


class SampleCast(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    cast: tuple[CastRow, ...]


@cache
def sample_cast() -> tuple[CastRow, ...]:
    return SampleCast.model_validate(read_toml(CAST)).cast


class SamplePeople(BaseModel):
    """The file about people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[NamesRow, ...]
    shoppers: tuple[ShoppersRow, ...]
    phone_ranges: tuple[PhoneRangeRow, ...]
    habits: tuple[HabitRow, ...]


@cache
def sample_people() -> SamplePeople:
    return SamplePeople.model_validate(read_toml(PEOPLE))


@cache
def sample_programmes() -> tuple[SampleProgramme, ...]:
    """The three programmes, in the order they are presented."""
    return tuple(_programme(read_toml(name)) for name in PROGRAMMES)


def read_toml(name: str) -> Toml:
    return tomllib.loads((files("membership.sample") / "data" / f"{name}.toml").read_text(encoding="utf-8"))


def _programme(document: Toml) -> SampleProgramme:
    store = cast(Toml, document["store"])
    return SampleProgramme.model_validate(
        document
        | {
            "terms": without_marks(document["terms"]),
            "ladder": without_marks(document["ladder"]),
            "store": store
            | {
                "opening_hours": _opening_hours(cast(Toml, store["opening_hours"])),
                "walking": without_marks(store["walking"]),
            },
        }
    )


def _opening_hours(hours: Toml) -> Toml:
    """TOML has no null, so the files say "closed"."""
    return {
        group: {day: None if span == CLOSED else span for day, span in cast(Toml, hours[group]).items()}
        for group in ("weekly", "exceptions")
    }


def without_marks(value: object) -> object:
    """The same document without the marks, for models that know nothing of them."""
    if isinstance(value, dict):
        return {key: without_marks(inner) for key, inner in value.items() if key != "source"}
    if isinstance(value, list):
        return [without_marks(inner) for inner in value]
    return value
