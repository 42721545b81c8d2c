"""The `membership` command. One module per command; each imports what it needs only when it runs."""

import typer

from membership.cli import (
    bench,
    campaign,
    clock,
    coupons,
    dev,
    generate,
    inventory,
    keys,
    migrate,
    outbox,
    seed,
    serve,
    till,
    token,
    worker,
)

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
    keys,
    bench,
    generate,
)

for module in _MODULES:
    app.add_typer(module.app)
