"""Moments and amounts in the words of refusals."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.kernel.wording import amount_text, local_moment, moment_text

ZONES = ("Asia/Shanghai", "America/St_Johns", "UTC", "Asia/Kathmandu")


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (ZoneInfo("Asia/Shanghai"), "2026-11-14 10:00 (+08:00)"),
        (ZoneInfo("America/St_Johns"), "2026-11-13 22:30 (-03:30)"),
        (UTC, "2026-11-14 02:00 (+00:00)"),
        (timezone(timedelta(hours=5, minutes=45)), "2026-11-14 07:45 (+05:45)"),
    ],
)
def test_a_moment_is_said_by_the_clock_of_its_place(zone: tzinfo, text: str) -> None:
    moment = datetime(2026, 11, 14, 2, 0, 4, 819262, tzinfo=UTC)
    assert moment_text(local_moment(moment, zone)) == text


@given(st.integers(0, 3_000_000_000), st.sampled_from(ZONES))
def test_the_fact_is_the_instant_to_the_minute(seconds: int, zone: str) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    told = datetime.fromisoformat(local_moment(moment, ZoneInfo(zone)))
    assert timedelta(0) <= moment - told < timedelta(minutes=1)


def test_a_moment_of_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        moment_text("2026-11-14T10:00")


@pytest.mark.parametrize(
    ("minor", "currency", "exponent", "text"),
    [
        (2_000_000, "CNY", 2, "CNY 20,000.00"),
        (7, "CNY", 2, "CNY 0.07"),
        (-150, "CNY", 2, "CNY -1.50"),
        (39_000, "KRW", 0, "KRW 39,000"),
        (1_234_567, "KWD", 3, "KWD 1,234.567"),
    ],
)
def test_an_amount_is_said_in_its_currency(minor: int, currency: str, exponent: int, text: str) -> None:
    assert amount_text(minor, currency, exponent) == text
