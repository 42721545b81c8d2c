"""The data files of what can be booked: services, and the names of who gives them."""

from functools import cache
from math import gcd
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from membership.appointments.model import ResourceKind, ServiceRules
from membership.sample.files import CLOSED, Code, NamedRow, Row, Toml, read_toml

SERVICES, STAFF = "services", "staff"


class ServiceRow(NamedRow):
    """What some counters offer. `skilled_percent`: of a counter's associates."""

    needs: tuple[ResourceKind, ...] = Field(min_length=1)
    skilled_percent: int = Field(default=100, ge=1, le=100)
    popularity: int = Field(ge=1)
    rules: ServiceRules


class StaffRow(Row):
    """Names of a programme's associates, to be put together, each as it is spelt in `locale` and in those of `also`.

    The lengths of the two lists have no common factor, so that each family name meets each given name.
    """

    programme: Code
    locale: str
    also: tuple[str, ...]
    order: Literal["FAMILY_FIRST", "GIVEN_FIRST"]
    separators: tuple[str, ...]
    family: tuple[tuple[str, ...], ...] = Field(min_length=10)
    given: tuple[tuple[str, ...], ...] = Field(min_length=10)

    @property
    def locales(self) -> tuple[str, ...]:
        return self.locale, *self.also

    @model_validator(mode="after")
    def _spelt_in_each_locale(self) -> Self:
        spellings = len(self.locales)
        if any(len(entry) != spellings for entry in (*self.family, *self.given, self.separators)):
            raise ValueError(f"{self.programme}: each name and separator in {', '.join(self.locales)}")
        if gcd(len(self.family), len(self.given)) != 1:
            raise ValueError(f"{self.programme}: as many family as given names repeat too early")
        return self


class _Services(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    services: tuple[ServiceRow, ...]


class _Staff(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    staff: tuple[StaffRow, ...]


@cache
def sample_services() -> dict[str, ServiceRow]:
    """By code."""
    document = read_toml(SERVICES)
    rows = document["services"]
    if not isinstance(rows, list):
        raise TypeError("services.toml holds a list of services")
    found = _Services.model_validate({"services": [_with_hours(row) for row in rows]})
    return {row.code: row for row in found.services}


@cache
def sample_staff() -> dict[str, StaffRow]:
    """By programme."""
    return {row.programme: row for row in _Staff.model_validate(read_toml(STAFF)).staff}


def _with_hours(row: Toml) -> Toml:
    """Hours stand beside the rules; TOML has no null, so they say "closed"."""
    hours, rules = row.get("hours"), row["rules"]
    if not isinstance(hours, dict) or not isinstance(rules, dict):
        return row
    weekly = {day: None if span == CLOSED else span for day, span in hours.items()}
    rest = {field: value for field, value in row.items() if field != "hours"}
    return rest | {"rules": rules | {"hours": {"weekly": weekly}}}
