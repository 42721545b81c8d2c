"""A forecast as a terminal shows it: tables, and bars for the days."""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table

from membership.planning.model import Forecast, PayerCost, PoolForecast, RuleForecast, RuleKind
from membership.planning.wording import Voice, amount, speak

_BAR_CELLS = 30
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def print_forecast(forecast: Forecast, voice: Voice) -> None:
    console = Console()
    console.print(_summary(forecast, voice))
    console.print(_rules(forecast.rules, voice))
    console.print(_payers(forecast.costs, voice))
    console.print(_days(forecast, voice))
    if forecast.pools:
        console.print(_pools(forecast.pools, voice))
    console.print("\n[bold]Taken for granted[/]")
    for stated in forecast.assumptions:
        console.print(f"  • {speak(stated.assumption.value, stated.facts, voice)}")


def bar(number: int, most: int) -> str:
    """A number as a bar, to an eighth of a cell."""
    eighths = number * _BAR_CELLS * 8 // most if most > 0 else 0
    return _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _summary(forecast: Forecast, voice: Voice) -> Table:
    table = Table(box=None, show_header=False, title="Forecast", title_justify="left", title_style="bold")
    recorded = forecast.recorded
    for name, said in (
        ("Receipts", f"{forecast.receipts:,} of {forecast.members:,} members"),
        ("Sold", amount(forecast.net_minor, voice)),
        ("Base points", f"{forecast.base_points:,} (recorded {recorded.base_points:,})"),
        ("Bonus points", f"{forecast.bonus_points:,} (recorded, all others included, {recorded.bonus_points:,})"),
        ("Coupons", f"{forecast.coupons_redeemed:,} used of {forecast.coupons_issued:,}"),
        ("Discounts", f"{amount(forecast.discount_minor, voice)} (recorded {amount(recorded.discount_minor, voice)})"),
        ("Gifts", f"{forecast.gifts_claimed:,} given, {forecast.gifts_wanted:,} wanted"),
        ("Cost", amount(forecast.cost_minor, voice)),
    ):
        table.add_row(name, said)
    if forecast.differing_receipts is not None:
        table.add_row("Differing receipts", f"{forecast.differing_receipts:,}")
    return table


def _rules(rules: Iterable[RuleForecast], voice: Voice) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Rules", title_justify="left", title_style="bold")
    table.add_column("Rule")
    for heading in ("Gives", "Cost", "Mall", "Brands"):
        table.add_column(heading, justify="right")
    for rule in rules:
        total = sum(cost.total_minor for cost in rule.costs)
        mall = sum(cost.total_minor for cost in rule.costs if cost.payer == "MALL")
        table.add_row(rule.rule, _gives(rule), *(amount(minor, voice) for minor in (total, mall, total - mall)))
    return table


def _gives(rule: RuleForecast) -> str:
    match rule.kind:
        case RuleKind.EARN:
            return f"{rule.points:,} points"
        case RuleKind.COUPON:
            return f"{rule.coupons_redeemed:,} of {rule.coupons_issued:,} coupons"
        case RuleKind.GIFT:
            return f"{rule.gifts_claimed:,} of {rule.gifts_wanted:,} wanted"


def _payers(costs: Iterable[PayerCost], voice: Voice) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Who pays", title_justify="left", title_style="bold")
    table.add_column("Payer")
    for heading in ("Discounts", "Points", "Gifts", "In all"):
        table.add_column(heading, justify="right")
    for cost in costs:
        parts = (cost.discounts_minor, cost.points_minor, cost.gifts_minor, cost.total_minor)
        table.add_row(cost.payer, *(amount(minor, voice) for minor in parts))
    return table


def _days(forecast: Forecast, voice: Voice) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Days", title_justify="left", title_style="bold")
    for heading in ("Day", "As on"):
        table.add_column(heading)
    for heading in ("Receipts", "Sold", "Bonus points"):
        table.add_column(heading, justify="right")
    table.add_column("Sold")
    most = max((day.net_minor for day in forecast.days), default=0)
    for day in forecast.days:
        table.add_row(
            f"{day.day:%a %d %b}",
            ", ".join(f"{past:%a %d %b %Y}" for past in day.past_days),
            f"{day.receipts:,}",
            amount(day.net_minor, voice),
            f"{day.bonus_points:,}",
            bar(day.net_minor, most),
        )
    return table


def _pools(pools: Iterable[PoolForecast], voice: Voice) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Gifts", title_justify="left", title_style="bold")
    for heading in ("Gift", "Pool", "Day"):
        table.add_column(heading)
    for heading in ("Units", "Wanted", "Gone at", "After"):
        table.add_column(heading, justify="right")
    for pool in pools:
        gone_at = "" if pool.sold_out_at is None else f"{pool.sold_out_at.astimezone(voice.zone):%H:%M:%S}"
        after = "" if pool.sold_out_after_seconds is None else f"{pool.sold_out_after_seconds:,} s"
        table.add_row(
            pool.rule, pool.pool, f"{pool.day:%a %d %b}", f"{pool.units:,}", f"{pool.wanted:,}", gone_at, after
        )
    return table
