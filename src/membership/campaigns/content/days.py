"""Days by rule, and the calendar that is made of them."""

from typing import Annotated, Literal

from pydantic import Field

from membership.campaigns.content.words import CalendarDate, Codes, Document, NotZero, WallTime, Weekday


class OnDate(Document):
    """A date by itself."""

    kind: Literal["DATE"] = "DATE"
    date: CalendarDate
    """The date. A copy for another year has it in that year."""


class NthWeekday(Document):
    """Such as the second Thursday of November."""

    kind: Literal["NTH_WEEKDAY"] = "NTH_WEEKDAY"
    month: int = Field(ge=1, le=12)
    """1 is January. For a last day, a month before that of the first day is one of the year after."""
    weekday: Weekday
    """ISO weekday: 1 is Monday, 7 is Sunday."""
    nth: Annotated[int, Field(ge=-1, le=5), NotZero]
    """Which one of the month; -1 is the last."""


class WeekdayAfter(Document):
    """Such as the second Sunday after the campaign's first day, which itself is not counted."""

    kind: Literal["WEEKDAY_AFTER"] = "WEEKDAY_AFTER"
    weekday: Weekday
    """ISO weekday: 1 is Monday, 7 is Sunday."""
    nth: int = Field(ge=1, le=12)
    """Which one after the first day."""


class DaysAfter(Document):
    """So many days after the campaign's first day."""

    kind: Literal["DAYS_AFTER"] = "DAYS_AFTER"
    days: int = Field(ge=0, le=366)
    """How many; 0 is the first day itself."""


class OnWeekday(Document):
    """Every such weekday of the campaign."""

    kind: Literal["WEEKDAY"] = "WEEKDAY"
    weekday: Weekday
    """ISO weekday: 1 is Monday, 7 is Sunday."""


class CampaignDay(Document):
    """One of the campaign's days by its number."""

    kind: Literal["CAMPAIGN_DAY"] = "CAMPAIGN_DAY"
    day: Annotated[int, Field(ge=-366, le=366), NotZero]
    """1 is the first day, -1 the last."""


FirstDay = Annotated[OnDate | NthWeekday, Field(discriminator="kind")]
LastDay = Annotated[OnDate | NthWeekday | WeekdayAfter | DaysAfter, Field(discriminator="kind")]
DayRule = Annotated[OnDate | NthWeekday | OnWeekday | CampaignDay, Field(discriminator="kind")]


class DailyWindow(Document):
    """Hours of the store's wall clock on each business day. An end at or before the start lies past midnight.

    A window stays within the business day: it cannot reach over the cut-over, so that the wall clock alone tells
    whether a moment lies in it, and the business date to which day it belongs. Hours that an autumn change repeats
    count twice.
    """

    starts_at: WallTime
    """When it begins."""
    ends_at: WallTime
    """When it is over."""


class TierPreview(Document):
    """For these tiers the campaign opens earlier."""

    tiers: Codes = Field(min_length=1)
    """Codes of the tiers."""
    hours_before: int = Field(ge=1, le=24 * 31)
    """How much earlier, in hours that really pass."""


class Calendar(Document):
    """When a campaign is open, by rule, in each store's zone with its cut-over. First and last day are included.

    A time before the cut-over is past midnight, since it belongs to the business day before; closing at the cut-over
    itself means the end of that business day. Of a time that an autumn change repeats, the first is meant; one that a
    spring change skips is refused.
    """

    year: int = Field(ge=2000, le=2200)
    """The year of the first day."""
    first_day: FirstDay
    """The first business day."""
    last_day: LastDay
    """The last business day."""
    opens_at: WallTime | None = None
    """When it opens on the first day; if absent, as that business day begins."""
    closes_at: WallTime | None = None
    """When it closes on the last day; if absent, as that business day ends."""
    daily_window: DailyWindow | None = None
    """The hours of each day in which it holds; all of them if absent."""
    blackout: tuple[DayRule, ...] = ()
    """Days on which nothing of it holds."""
    previews: tuple[TierPreview, ...] = ()
    """Who may come earlier."""
