"""What a terminal shows of many tills."""

from io import StringIO

from rich.console import Console

from membership.cli.till_text import WHY, print_figures
from membership.till_client.generated.enums import SaleException
from membership.till_simulator.running import Figures
from membership.till_simulator.shop import Shelf, Shop, TillPlace

SHOP = Shop(
    store="S",
    currency="CNY",
    tills=(TillPlace(code="", token="t"),),
    shelves=(Shelf(counter=None, categories=("C",), cheapest_minor=1, dearest_minor=2),),
    tenders=("CASH",),
)


def test_numbers_that_changed_come_with_the_reason() -> None:
    told, untold = (" ".join(_printed({code: 2}).split()) for code in ("NUMBERS_CHANGED", "QUOTE_LAPSED"))

    assert "Noted on receipts: NUMBERS_CHANGED 2." in told
    assert WHY["NUMBERS_CHANGED"] in told
    assert WHY["NUMBERS_CHANGED"] not in untold


def test_what_is_explained_can_be_noted() -> None:
    assert set(WHY) <= {entry.value for entry in SaleException}


def _printed(exceptions: dict[str, int]) -> str:
    figures = Figures(
        tills=1,
        seconds=1,
        sales=2,
        total_minor=1,
        sales_per_second=2,
        requests_per_second=2,
        cpu_seconds=0,
        paces={},
        refusals={},
        exceptions=exceptions,
        failures={},
        given_up={},
        retries=0,
        cuts=0,
        abandoned=0,
        customers=1,
    )
    console = Console(file=StringIO(), width=400)
    print_figures(figures, SHOP, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
