"""`membership token`."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from membership.cli.data_folder import MARKER
from membership.cli.failures import CommandFailed, in_one_line
from membership.kernel.actor import Role

app = typer.Typer()


def _reader(type_name: str) -> Callable[[str], UUID]:
    """Of an id as the database has it, or as GraphQL gave it."""

    def read(text: str) -> UUID:
        try:
            return UUID(text)
        except ValueError:
            pass
        from graphql import GraphQLError

        from membership.graph.kit.relay import read_global_id

        try:
            found, key = read_global_id(text)
        except GraphQLError:
            raise typer.BadParameter("give a UUID, or an id as GraphQL gave it.") from None
        if found != type_name:
            raise typer.BadParameter(f"this is the id of a {found}; one of a {type_name} is needed.")
        return key

    return read


@app.command()
@in_one_line
def token(  # noqa: PLR0917 - typer makes an option of each
    role: Annotated[Role, typer.Option(help="What the caller may do.")],
    member: Annotated[
        UUID | None, typer.Option(parser=_reader("Member"), metavar="ID", help="Whose data: for role member.")
    ] = None,
    programme: Annotated[
        UUID | None,
        typer.Option(parser=_reader("Programme"), metavar="ID", help="The programme the caller belongs to."),
    ] = None,
    store: Annotated[
        UUID | None, typer.Option(parser=_reader("Store"), metavar="ID", help="For a till, an associate or a desk.")
    ] = None,
    counter: Annotated[
        UUID | None,
        typer.Option(parser=_reader("Counter"), metavar="ID", help="Where an associate, a desk or a till stands."),
    ] = None,
    till: Annotated[UUID | None, typer.Option(parser=_reader("Till"), metavar="ID", help="For role till.")] = None,
    brand: Annotated[
        UUID | None, typer.Option(parser=_reader("Brand"), metavar="ID", help="For role associate.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Who it is: of an associate the staff number.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How long it is good for.")] = 30,
    data_dir: Annotated[Path, typer.Option(envvar=MARKER, help="Where `membership dev` keeps its keys.")] = Path(
        ".data"
    ),
) -> None:
    """Print a bearer token of the development issuer. A service in production does not trust that issuer.

    `membership dev` prints tokens for its sample; this makes others. Ids are UUIDs, as in the database, or those that
    GraphQL gave. In a terminal that read a service's environment file, the keys are that service's.

    Example: membership token --role approver --programme 49adb930-3353-8c24-bbdc-5cc90a141e46

    That is the programme of the sample. An associate is known by --subject, the staff number, at --counter. A folder
    without keys gets new ones, which a running service does not know. The days are real ones, however far `--today` has
    moved the service's clock.
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
