"""`membership generate`: the generated files that are checked in."""

import asyncio
from pathlib import Path
from sys import stderr
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

app = typer.Typer()


@app.command(hidden=True)
@in_one_line
def generate(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a file is out of date.")] = False,
    golden: Annotated[
        bool, typer.Option("--golden", help="For a release: keep its schema as the one that later ones must not break.")
    ] = False,
) -> None:
    """For developers: write sql/schema.sql, graphql/schema.graphql, the manifest of trusted documents, and the typed
    client of a till, as far as .tools is installed (`make generate` does that).

    Example: membership generate --check
    """
    if golden:
        for file, kept in _golden_files().items():
            _write(file, kept)
        return
    stale = {file: text for file, text in _generated_files().items() if _current(file) != text}
    if check and stale:
        names = ", ".join(str(file) for file in stale)
        raise CommandFailed(f"Out of date: {names}. Run `make generate` and commit the result.")
    for file, text in stale.items():
        _write(file, text)


def _golden_files() -> dict[Path, str]:
    from importlib.metadata import version

    from membership.graph.generate import golden
    from membership.graph.operations.documents import graphql_folder

    return golden(graphql_folder(), version("membership"))


def _generated_files() -> dict[Path, str | None]:
    """None: a file that is there and should not be."""
    from membership.graph.generate import generated
    from membership.graph.operations.documents import graphql_folder
    from membership.postgres.catalogue import sql_folder

    of_graphql = generated(graphql_folder())
    schema = of_graphql[graphql_folder() / "schema.graphql"]
    return {sql_folder() / "schema.sql": _schema()} | of_graphql | _client(graphql_folder().parent, schema)


def _client(root: Path, schema: str) -> dict[Path, str | None]:
    from membership.cli.client_code import client_code, generator

    if (program := generator()) is not None:
        return client_code(program, root, schema)
    print("membership: The till's client is left as it is, for lack of .tools (`make generate` has them).", file=stderr)
    return {}


def _write(file: Path, text: str | None) -> None:
    if text is None:
        file.unlink()
        print(f"removed {file}")
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(f"wrote {file}")


def _current(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


def _schema() -> str:
    from membership.embedded.postgres import EmbeddedPostgres
    from membership.embedded.schema import dump_schema
    from membership.postgres.migrations import migrate

    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "postgres", durable=False) as server:
            asyncio.run(migrate(server.dsn()))
            return dump_schema(server.dsn())
