"""The `membership` command. One module per command; each imports what it needs only when it runs."""

from typing import Annotated

import typer

from membership.cli import (
    backup,
    bench,
    campaign,
    check,
    clock,
    coupons,
    dev,
    generate,
    inventory,
    keys,
    migrate,
    outbox,
    rehearse,
    rehearse_restore,
    restore,
    seed,
    serve,
    till,
    token,
    worker,
)
from membership.cli.help_text import let_help_flow

app = typer.Typer(
    name="membership",
    help="Loyalty and membership service for department stores. Try `membership dev` first.",
    no_args_is_help=True,
    # A traceback's local variables hold keys and people.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_MODULES = (
    dev,
    serve,
    worker,
    migrate,
    seed,
    token,
    till,
    clock,
    campaign,
    coupons,
    outbox,
    inventory,
    check,
    backup,
    restore,
    keys,
    bench,
    rehearse,
    rehearse_restore,
    generate,
)

for module in _MODULES:
    app.add_typer(module.app)
let_help_flow(app)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"membership {version('membership')}")
        raise typer.Exit


@app.callback()
def _membership(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
