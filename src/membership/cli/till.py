"""`membership till`."""

from pathlib import Path
from typing import Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line
from membership.cli.shop_options import SHOP, read_lines

app = typer.Typer()


@app.command()
@in_one_line
def till(  # noqa: PLR0917 - typer makes an option of each
    context: typer.Context,
    url: Annotated[
        str, typer.Option(envvar="URL", help="The service's GraphQL address.")
    ] = "http://127.0.0.1:8000/graphql",
    shop: Annotated[
        Path | None,
        typer.Option(envvar=SHOP, exists=True, dir_okay=False, help="Tills, shelves and cards, as `dev` writes them."),
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="TILL", help="The till's bearer token, in place of a shop.")
    ] = None,
    store: Annotated[str, typer.Option(help="Code of the store, where there is no --shop.")] = "CHAOYANG-GALLERIA",
    card: Annotated[
        list[str] | None, typer.Option(help="A customer's card number; the first of the shop if absent. Repeatable.")
    ] = None,
    phone: Annotated[str | None, typer.Option(help="Or their phone number, with its country code.")] = None,
    code: Annotated[str | None, typer.Option(help="Or the code that their app shows: 20 digits.")] = None,
    line: Annotated[
        list[str] | None,
        typer.Option(metavar="CATEGORY=AMOUNT[@COUNTER]", help="What is sold; something by chance if absent."),
    ] = None,
    points: Annotated[int, typer.Option(min=0, help="Points to spend, with --code.")] = 0,
    tills: Annotated[int | None, typer.Option(min=1, max=64, help="Load: so many tills at a time.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="Load: for so long.")] = 10,
    most_sales: Annotated[int, typer.Option(min=1, max=100_000, help="Load: so many customers at most.")] = 20_000,
    cut_lines: Annotated[
        float, typer.Option(min=0, max=0.9, metavar="P", help="Load: cut each line with this probability, then retry.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of chance: the same seed brings the same customers.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Be a till: sell to a member and see what a cashier sees; or many tills at once, and proof that nothing is lost.

    Without --tills, one customer: recognised, told what the basket would earn and which coupons apply, sold to; then a
    piece comes back. With --tills, customers come as fast as they are served: of a hundred ten have no card, ten change
    their minds, five bring something back. In the end every receipt is asked for, and every customer's points are
    compared: the exit code is 1 when anything does not add up. Customers must shop nowhere else meanwhile.

    With --cut-lines each request loses its answer with that probability, after it was sent; the till sends it again
    with the same idempotency key. This is a client as a vendor would write it (membership.till_client): trusted
    documents by id, nothing of the database.

    In a terminal that read a service's environment file (`. .data/environment`), address, tokens and cards are there.
    Another token is taken in place of that shop: --token, or a TILL that is not the file's (TILL=$BRAND_TILL).

    Example: membership till --tills 8 --seconds 10 --cut-lines 0.3

    One customer: membership till --phone +8617000000000 --line WOMENSWEAR=2999.00@2F-ALVENNA
    """
    _require_httpx()
    from membership.cli.shop_options import chosen, open_shop
    from membership.cli.till_running import Load, OneSale, run_load, run_one_sale

    lookups = [{"cardNumber": number} for number in card or ()]
    lookups += [{name: value} for name, value in (("phone", phone), ("code", code)) if value]
    typed = {name for name in ("shop", "token") if _is_typed(context, name)}
    found = open_shop(*chosen(shop, token, typed), store)
    lines = read_lines(line or [], found)
    if tills is None:
        if cut_lines:
            raise CommandFailed("--cut-lines is for many sales: say also --tills.")
        good = run_one_sale(url, found, OneSale(lookups, lines, points, seed))
    else:
        good = run_load(url, found, Load(lookups, lines, tills, seconds, most_sales, cut_lines, seed), as_json=as_json)
    if not good:
        raise typer.Exit(1)


def _is_typed(context: typer.Context, name: str) -> bool:
    """And not from the environment."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _require_httpx() -> None:
    """A service needs no client: it is an extra."""
    try:
        import httpx  # noqa: F401
    except ModuleNotFoundError:
        raise CommandFailed("A till needs httpx: pip install 'membership[till]'.") from None
