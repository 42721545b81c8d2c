"""`membership rehearse`."""

from pathlib import Path
from typing import Annotated

import typer

from membership.cli.failures import in_one_line

app = typer.Typer()


@app.command()
@in_one_line
def rehearse(  # noqa: PLR0917 - typer makes an option of each
    results: Annotated[Path, typer.Option(help="Where the figures go.")] = Path(".bench/rehearsal.json"),
    only: Annotated[
        list[str] | None,
        typer.Option(help="restart, migration, api, valkey, postgres or crash. Repeatable; all of them if absent."),
    ] = None,
    pgbouncer: Annotated[
        Path, typer.Option(envvar="PGBOUNCER", help="Another PgBouncer than the installed one.")
    ] = Path("pgbouncer"),
    seconds: Annotated[
        float | None, typer.Option(min=0.5, max=120, help="Quiet trade before and after each fault.")
    ] = None,
    short: Annotated[
        bool, typer.Option("--short", help="A small topology and little traffic, without `restart`: about a minute.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave data and logs of all processes where they are.")] = False,
) -> None:
    """Put the group's topology up on this machine, take it apart while tills sell and members claim, and count what
    clients notice.

    Three API processes and two workers run behind HAProxy, with PostgreSQL behind PgBouncer in transaction mode and a
    Valkey cluster of three nodes. Everything listens on 127.0.0.1, on free ports, and ends with this command.

      restart     every API process and worker is replaced, one by one
      migration   a next version: pre steps, old and new code side by side, post steps, old code refused
      api         one API process is killed
      valkey      the Valkey node that has the drop is killed, and comes back empty
      postgres    PostgreSQL is restarted
      crash       PostgreSQL is killed

    During the first two no request may fail, not even once on the wire. During the others requests may be refused,
    with a code that says to send the same again. No sale, point or gift may ever be lost or doubled: in the end of each
    fault all of them are looked up. The exit code is 1 when any of this is not so.

    Example: membership rehearse --only restart --only valkey --seconds 10

    A newer PgBouncer than Debian's: membership rehearse --pgbouncer "$(tools/newer_pgbouncer.sh .bench/pgbouncer)"
    """
    from membership.cli.rehearsing import Wanted, run

    if not run(Wanted(results, tuple(only or ()), pgbouncer, seconds, short=short, keep=keep)):
        raise typer.Exit(1)
