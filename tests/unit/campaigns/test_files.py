"""A campaign's file: written and read again it says the same, and it moves from year to year."""

import tomllib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.campaigns.content import Calendar, CampaignContent, DaysAfter, OnDate
from membership.campaigns.errors import UnreadableDocument
from membership.campaigns.files import export, read
from support.campaign_desk import anniversary, november
from unit.campaigns.strategies import contents


@given(content=contents)
def test_a_round_trip_is_exact(content: CampaignContent) -> None:
    assert read(export(content)) == content


@given(content=contents)
def test_so_is_one_through_a_json_column(content: CampaignContent) -> None:
    assert CampaignContent.model_validate_json(content.model_dump_json()) == content


@given(content=contents, year=st.integers(2000, 2200))
def test_another_year_changes_years_alone(content: CampaignContent, year: int) -> None:
    years = year - content.calendar.year
    try:
        moved = read(export(content), year=year)
    except UnreadableDocument:
        return  # A date that does not exist then, or is out of all bounds; the table below names both.
    assert moved.calendar.year == year
    assert read(export(moved), year=content.calendar.year) == content
    for before, after in zip(content.calendar.blackout, moved.calendar.blackout, strict=True):
        if isinstance(before, OnDate) and isinstance(after, OnDate):
            assert after.date == before.date.replace(year=before.date.year + years)
        else:
            assert after == before


def test_last_years_anniversary_is_next_years_draft() -> None:
    moved = read(export(anniversary()), year=2027)
    assert moved == anniversary().model_copy(
        update={"calendar": anniversary().calendar.model_copy(update={"year": 2027})}
    )


def test_what_equals_its_default_is_left_out() -> None:
    written = tomllib.loads(export(anniversary()))
    assert "blackout" not in written["calendar"]
    assert "stacking" not in written["rules"][0]
    assert written["rules"][0]["kind"] == "EARN"


LEAP = november(first_day=OnDate(date=date(2028, 2, 29)), last_day=DaysAfter(days=3), year=2028)


@pytest.mark.parametrize(
    ("document", "year", "place"),
    [
        ("names = [", None, ""),
        ("names = { en = 'x' }", None, "stores"),
        (export(anniversary()).replace("nth = 2", "nth = 0"), None, "calendar.first_day.NTH_WEEKDAY.nth"),
        (
            export(anniversary()).replace("10:00:00", "10:00:00.5"),
            None,
            "rule COUPON-300 (COUPON), issue.CLAIM.drop_time",
        ),
        (export(anniversary()) + "surprise = 1\n", None, "rule DAILY-GIFT (GIFT), surprise"),
        (export(anniversary()).replace('"GIFT"', '"GIFTS"'), None, "rule DAILY-GIFT"),
        (export(anniversary()).replace('"DAILY-GIFT"', '"a gift"'), None, "rules.2.GIFT.code"),
        ("names = { en = 'x' }", 2027, "calendar.year"),
        ("x = " + "[" * 3_000, None, ""),
        ("#" * 100_000, None, ""),
        ("x = " + "9" * 5_000, None, ""),
        ("x = 1\n" + ".".join(["a"] * 40_000) + " = 1", None, "line 2"),
        (export(anniversary(calendar=LEAP)), 2**31 - 1, "calendar.first_day.date"),
        (export(anniversary(calendar=LEAP)), 2027, "calendar.first_day.date"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(document: str, year: int | None, place: str) -> None:
    with pytest.raises(UnreadableDocument) as refused:
        read(document, year=year)
    assert refused.value.place == place


def test_a_time_with_an_offset_is_none_of_the_stores_clock() -> None:
    with pytest.raises(ValueError, match="no offset"):
        Calendar.model_validate_json(november().model_dump_json().replace('"opens_at":null', '"opens_at":"10:00Z"'))
