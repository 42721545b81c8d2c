"""A forecast on terminals of all widths: every figure is there, whole."""

import io
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from membership.cli.forecast_text import print_forecast
from membership.planning.arrivals import DEFAULT_MODEL
from membership.planning.mapping import DayMapping
from membership.planning.model import (
    DayForecast,
    Forecast,
    PayerCost,
    PoolForecast,
    Recorded,
    RuleForecast,
    RuleKind,
)
from membership.planning.wording import Voice

VOICE = Voice("en", ZoneInfo("Asia/Shanghai"), "CNY", 2, lambda names: names["en"])
OPENS_AT = datetime(2026, 11, 12, 2, tzinfo=UTC)
FIRST = date(2026, 11, 12)
COSTS = (
    PayerCost("MALL", discounts_minor=123_456_789_01, points_minor=98_765_432_10, gifts_minor=11_111_111_11),
    PayerCost("VAUDRELLE", points_minor=7_654_321_09),
)
FORECAST = Forecast(
    mapping=DayMapping.DAY_BY_DAY,
    receipts=54_321,
    anonymous_receipts=0,
    members=43_210,
    net_minor=1_234_567_890_12,
    base_points=1,
    base_points_minor=1,
    bonus_points=1,
    coupons_issued=1,
    coupons_redeemed=1,
    discount_minor=1,
    gifts_wanted=1,
    gifts_claimed=1,
    rules=(
        RuleForecast(
            "ANNIVERSARY-2026/VOUCHER-800-FOR-EVERYBODY",
            RuleKind.COUPON,
            {"en": "Voucher"},
            coupons_issued=123_456,
            coupons_redeemed=65_432,
            costs=COSTS,
        ),
    ),
    days=tuple(
        DayForecast(
            FIRST + timedelta(days=day),
            (date(2025, 11, 13),),
            receipts=54_321,
            net_minor=987_654_321_00 + day,
            bonus_points=12_345_678,
        )
        for day in range(2)
    ),
    pools=(PoolForecast("DAILY-GIFT", "MAIN", "CHAOYANG-GALLERIA", FIRST, 500, 43_987, 500, OPENS_AT, OPENS_AT),),
    costs=COSTS,
    arrivals=DEFAULT_MODEL,
    recorded=Recorded(),
    differing_receipts=None,
    assumptions=(),
)
FIGURES = (
    "65,432 of 123,456 coupons",
    "123,456,789.01",
    "98,765,432.10",
    "11,111,111.11",
    "7,654,321.09",
    "987,654,321.00",
    "987,654,321.01",
    "12,345,678",
    "43,987",
    "10:00:00",
)


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_no_figure_is_cut(width: int) -> None:
    written = io.StringIO()
    print_forecast(FORECAST, VOICE, Console(file=written, width=width))
    shown = written.getvalue()
    assert [figure for figure in FIGURES if figure not in shown] == []
    assert "…" not in shown
    assert ("█" in shown) == (width >= 200)
