"""The words that campaigns are written in: codes, names, amounts, times of the store's clock."""

from datetime import date, time
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _of_the_wall_clock(at: time) -> time:
    """No offset: the store's zone is meant. Whole seconds: finer ones are a slip of whoever wrote the file."""
    if at.tzinfo is not None or at.microsecond:
        raise ValueError("a time of the store's clock has no offset and whole seconds")
    return at


def _not_zero(number: int) -> int:
    if number == 0:
        raise ValueError("counting begins with 1, or with -1 from the end")
    return number


Code = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Z0-9][A-Z0-9_-]*$")]
CodeOfAnother = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Of something that is not the campaign's own: a tier, brand, floor, category, counter or store."""
Codes = tuple[CodeOfAnother, ...]
Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Names = Annotated[dict[Locale, Name], Field(min_length=1, max_length=40)]
"""A name by BCP 47 locale."""
WallTime = Annotated[time, AfterValidator(_of_the_wall_clock)]
CalendarDate = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 12, 31))]
"""Far enough from the ends of the calendar that every instant of such a day, in whatever zone, can be told."""
Units = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""How many of something there are: a whole number that GraphQL and the database hold."""
MostPoints = Annotated[int, Field(ge=1, le=10**12)]
Weekday = Annotated[int, Field(ge=1, le=7)]
Minor = Annotated[int, Field(ge=0, le=10**12)]
BasisPoints = Annotated[int, Field(ge=0, le=1_000_000)]
NotZero = AfterValidator(_not_zero)


class Document(BaseModel):
    """The docstring of a class or of a field is what GraphQL says about it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
