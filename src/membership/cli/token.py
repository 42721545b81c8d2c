"""`membership token`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from membership.cli.failures import CommandFailed, in_one_line
from membership.kernel.actor import Role

app = typer.Typer()


@app.command()
@in_one_line
def token(  # noqa: PLR0917 - typer makes an option of each
    role: Annotated[Role, typer.Option(help="What the caller may do.")],
    member: Annotated[UUID | None, typer.Option(help="Whose data: for role member.")] = None,
    programme: Annotated[UUID | None, typer.Option(help="The programme the caller belongs to.")] = None,
    store: Annotated[UUID | None, typer.Option(help="For a till, an associate or a desk.")] = None,
    counter: Annotated[UUID | None, typer.Option(help="For a till that stands at one counter.")] = None,
    till: Annotated[UUID | None, typer.Option(help="For role till.")] = None,
    brand: Annotated[UUID | None, typer.Option(help="For role associate.")] = None,
    subject: Annotated[str | None, typer.Option(help="Who it is, for the audit trail.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How long it is good for.")] = 30,
    data_dir: Annotated[Path, typer.Option(help="Where `membership dev` keeps its keys.")] = Path(".data"),
) -> None:
    """Print a bearer token of the development issuer. A service in production does not trust that issuer.

    `membership dev` prints tokens for its sample; this makes others. Ids are plain UUIDs, as in the database.

    Example: membership token --role approver --programme 49adb930-3353-8c24-bbdc-5cc90a141e46

    That is the programme of the sample. A folder without keys gets new ones, which a running service does not know.
    The days are real ones, however far `--today` has moved the service's clock.
    """
    from membership.cli.data_folder import DataFolder
    from membership.kernel.clock import SystemClock
    from membership.web.development_issuer import issue_token
    from membership.web.tokens import NEEDED_CLAIMS

    given = {"member": member, "programme": programme, "store": store, "till": till, "brand": brand}
    if missing := [name for name in NEEDED_CLAIMS[role] if given[name] is None]:
        raise CommandFailed(f"The role {role.value} needs {' and '.join(f'--{name}' for name in missing)}.")
    folder = DataFolder(data_dir)
    folder.prepare()
    print(
        issue_token(
            folder.keys,
            role,
            now=SystemClock().now(),
            subject=subject,
            lifetime=timedelta(days=days),
            member=member,
            programme=programme,
            store=store,
            counter=counter,
            till=till,
            brand=brand,
        )
    )
