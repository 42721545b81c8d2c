"""A forecast as a terminal shows it: tables, and bars for the days."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from membership.planning.model import Forecast, PayerCost, PoolForecast, RuleForecast, RuleKind
from membership.planning.wording import Voice, amount, speak

_BAR_CELLS = 30
_UNBOUNDED = 10_000
_LEAST_OF_WORDS = 12
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def print_forecast(forecast: Forecast, voice: Voice, console: Console | None = None) -> None:
    console = console or Console()
    console.print(_summary(forecast, voice))
    _show(console, _rules(forecast.rules, voice))
    _show(console, _payers(forecast.costs, voice))
    days = _days(forecast, voice, bars=True)
    has_room = Measurement.get(console, console.options.update(max_width=_UNBOUNDED), days).maximum <= console.width
    _show(console, days if has_room else _days(forecast, voice, bars=False))
    if forecast.pools:
        _show(console, _pools(forecast.pools, voice))
    console.print("\n[bold]Taken for granted[/]")
    for stated in forecast.assumptions:
        console.print(f"  • {speak(stated.assumption.value, stated.facts, voice)}")


def _show(console: Console, table: Table) -> None:
    """Words may fold; figures are never cut, if need be by lines longer than the terminal's."""
    frame, padding = len(table.columns) + 1, 2
    needed = frame + sum(padding + (column.min_width or 0) for column in table.columns)
    wide = console if needed <= console.width else Console(file=console.file, width=needed)
    wide.print(table)


def _table(
    title: str,
    *,
    words: Sequence[str],
    figures: Sequence[str],
    rows: Sequence[Sequence[str]],
    bars: Sequence[str] | None = None,
) -> Table:
    """Columns of words first, then of figures, and then bars of what is sold."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    for place, heading in enumerate((*words, *figures)):
        widest = max(cell_len(text) for text in (heading, *(row[place] for row in rows)))
        if place < len(words):
            table.add_column(heading, overflow="fold", min_width=min(widest, _LEAST_OF_WORDS))
        else:
            table.add_column(heading, justify="right", no_wrap=True, min_width=widest)
    if bars is not None:
        table.add_column("Sold", no_wrap=True)
    for place, row in enumerate(rows):
        table.add_row(*row, *([] if bars is None else [bars[place]]))
    return table


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
    rows = []
    for rule in rules:
        total = sum(cost.total_minor for cost in rule.costs)
        mall = sum(cost.total_minor for cost in rule.costs if cost.payer == "MALL")
        rows.append((rule.rule, _gives(rule), *(amount(minor, voice) for minor in (total, mall, total - mall))))
    return _table("Rules", words=("Rule",), figures=("Gives", "Cost", "Mall", "Brands"), rows=rows)


def _gives(rule: RuleForecast) -> str:
    match rule.kind:
        case RuleKind.EARN:
            return f"{rule.points:,} points"
        case RuleKind.COUPON:
            return f"{rule.coupons_redeemed:,} of {rule.coupons_issued:,} coupons"
        case RuleKind.GIFT:
            return f"{rule.gifts_claimed:,} of {rule.gifts_wanted:,} wanted"


def _payers(costs: Iterable[PayerCost], voice: Voice) -> Table:
    rows = []
    for cost in costs:
        parts = (cost.discounts_minor, cost.points_minor, cost.gifts_minor, cost.total_minor)
        rows.append((cost.payer, *(amount(minor, voice) for minor in parts)))
    return _table("Who pays", words=("Payer",), figures=("Discounts", "Points", "Gifts", "In all"), rows=rows)


def _days(forecast: Forecast, voice: Voice, *, bars: bool) -> Table:
    rows = [
        (
            f"{day.day:%a %d %b}",
            ", ".join(f"{past:%a %d %b %Y}" for past in day.past_days),
            f"{day.receipts:,}",
            amount(day.net_minor, voice),
            f"{day.bonus_points:,}",
        )
        for day in forecast.days
    ]
    most = max((day.net_minor for day in forecast.days), default=0)
    return _table(
        "Days",
        words=("Day", "As on"),
        figures=("Receipts", "Sold", "Bonus points"),
        rows=rows,
        bars=[bar(day.net_minor, most) for day in forecast.days] if bars else None,
    )


def _pools(pools: Iterable[PoolForecast], voice: Voice) -> Table:
    rows = []
    for pool in pools:
        gone_at = "" if pool.sold_out_at is None else f"{pool.sold_out_at.astimezone(voice.zone):%H:%M:%S}"
        after = "" if pool.sold_out_after_seconds is None else f"{pool.sold_out_after_seconds:,} s"
        day = f"{pool.day:%a %d %b}"
        rows.append((pool.rule, pool.pool, day, f"{pool.units:,}", f"{pool.wanted:,}", gone_at, after))
    figures = ("Units", "Wanted", "Gone at", "After")
    return _table("Gifts", words=("Gift", "Pool", "Day"), figures=figures, rows=rows)
