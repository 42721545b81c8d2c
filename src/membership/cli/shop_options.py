"""A shop from what a terminal knows: the file of `membership dev`, or a token and what is typed."""

import os
import shlex
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING

from membership.cli.data_folder import MARKER, DataFolder
from membership.cli.failures import CommandFailed

if TYPE_CHECKING:
    from membership.till_client.generated.input_types import SaleLineInput
    from membership.till_simulator.shop import Shop

SHOP = "MEMBERSHIP_SHOP"
"""Where the file is, in a shell that read a service's environment file."""

_NO_SERVICE = (
    "There is no till: give --token, or --shop. For a demonstration: start `make run`, then `. .data/environment` in "
    "this terminal."
)


def chosen(shop: Path | None, token: str | None, typed: Set[str]) -> tuple[Path | None, str | None]:
    """Which of the two is meant where both are there. What was typed wins over the environment, and there a token over
    a shop, unless both came from a service's environment file: its shop has that till, and all others.

    Raises CommandFailed where both were typed.
    """
    if shop is None or not token:
        return shop, token
    if {"shop", "token"} <= typed:
        raise CommandFailed("--shop brings tokens of its own: say either --shop or --token.")
    means_shop = "shop" in typed or ("token" not in typed and _is_of_the_service(token))
    return (shop, None) if means_shop else (None, token)


def _is_of_the_service(token: str) -> bool:
    """Whether TILL is as the environment file of `membership dev` has it."""
    folder = os.environ.get(MARKER)
    try:
        text = DataFolder(Path(folder)).environment_file.read_text(encoding="utf-8") if folder else ""
    except (OSError, ValueError):
        return False
    return f"export TILL={shlex.quote(token)}" in text.splitlines()


def open_shop(file: Path | None, token: str | None, store: str) -> "Shop":
    """Raises CommandFailed for neither, or a file that is no shop's."""
    from membership.till_simulator.shop import Shelf, Shop, TillPlace, read_shop

    if file is not None:
        try:
            return read_shop(file)
        except (OSError, ValueError):
            raise CommandFailed(f"{file} is not a shop as `membership dev` writes it.") from None
    if not token:
        raise CommandFailed(_NO_SERVICE)
    return Shop(
        store=store,
        currency="CNY",
        tills=(TillPlace(code="", token=token),),
        shelves=(Shelf(counter=None, categories=("WOMENSWEAR",), cheapest_minor=100_00, dearest_minor=3_000_00),),
        tenders=("CASH",),
    )


def read_lines(texts: list[str], shop: "Shop") -> "list[SaleLineInput]":
    """`WOMENSWEAR=2999.00@2F-ALVENNA`: a category, an amount in the shop's currency, and a counter where needed."""
    from membership.till_client.generated.input_types import SaleLineInput

    lines = []
    for number, text in enumerate(texts, start=1):
        category, equals, rest = text.partition("=")
        amount, _, counter = rest.partition("@")
        try:
            minor = round(float(amount) * 10**shop.minor_unit_exponent)
        except (ValueError, OverflowError):
            minor = -1
        if not (category and equals) or minor < 0:
            raise CommandFailed(f"--line does not understand {text!r}: give one such as WOMENSWEAR=2999.00@2F-ALVENNA.")
        lines.append(
            SaleLineInput(line_no=number, category=category, quantity=1, net_minor=minor, counter=counter or None)
        )
    return lines
