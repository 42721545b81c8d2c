"""`membership seed`."""

from typing import Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

app = typer.Typer()


@app.command()
@in_one_line
def seed(
    sample: Annotated[str, typer.Option(help="demo: 2,000 members; store: 200,000; group: 1,000,000.")] = "demo",
) -> None:
    """Load a sample into the migrated, empty database of DATABASE_URL. The same sample is the same data everywhere.

    Needs the keys of the service in the environment, to write identities that the service can read.

    Example: membership seed --sample demo
    """
    from membership.cli.environment import connect, read_settings
    from membership.cli.sampling import is_empty, load, size_of
    from membership.cli.serving import run_async
    from membership.cli.steps import Steps
    from membership.kernel.clock import SystemClock
    from membership.postgres.clock import read_offset
    from membership.settings import Settings

    size = size_of(sample)
    if size is None:
        return
    settings = read_settings(Settings)

    async def run() -> None:
        conn = await connect(str(settings.database_url))
        empty = await is_empty(conn)
        now = SystemClock(await read_offset(conn)).now()
        await conn.close()
        if not empty:
            raise CommandFailed("The database holds data already; a sample goes into an empty one.")
        with Steps() as steps, steps.step(f"Loading the sample {sample}") as report:
            await load(settings, size, report, now=now)

    run_async(run())
