"""Writes what is generated from the schema and checked in: `make generate`.

graphql/schema.graphql            the schema, its definitions sorted by name
graphql/operations/manifest.json  the trusted documents: the file of each id
graphql/permissions.md            who may ask for which root field, and of whose rows
graphql/golden.graphql            the schema of the last release, which later ones must not break (`golden`)

`python -m membership.graph.generate --check` writes nothing and fails when a file is not what it would write.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import orjson
from graphql import DefinitionNode, DirectiveDefinitionNode, DocumentNode, StringValueNode, parse, print_ast
from strawberry.schema_directive import StrawberrySchemaDirective

from membership.graph.kit.cost import Cost, ListSize
from membership.graph.operations.documents import document_id, graphql_folder
from membership.graph.permissions_text import permissions_text
from membership.graph.schema import MembershipSchema, build_schema
from membership.settings import Profile

_OF_ONE_OF = "Of the fields of this input exactly one is given."
_DIRECTIVES: Mapping[str, type] = {"cost": Cost, "listSize": ListSize}

CLIENTS = ("app", "associate", "desk", "planner", "till")


def generated(folder: Path) -> dict[Path, str]:
    """Every generated file and what belongs in it. Raises ValueError for a document that clients could not run."""
    operations = dict(_operations(folder / "operations"))
    listed = {document_id(text): name for name, text in operations.items()}
    schema = build_schema(Profile.PRODUCTION, {document_id(text): text for text in operations.values()})
    for identity, name in listed.items():
        _check_document(schema, identity, name)
    manifest = orjson.dumps(listed, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    return {
        folder / "schema.graphql": sorted_sdl(schema),
        folder / "operations" / "manifest.json": manifest,
        folder / "permissions.md": permissions_text(),
    }


def golden(folder: Path, version: str) -> dict[Path, str]:
    """What belongs in the files that compare later schemas with the one of a release, when that is made."""
    sdl = sorted_sdl(build_schema(Profile.PRODUCTION, {}))
    return {folder / "golden.graphql": f"# As of {version}.\n\n{sdl}", folder / "accepted-changes.json": "[]\n"}


def sorted_sdl(schema: MembershipSchema) -> str:
    """The schema as text. Sorted here and not by `sort_schema=True`, which breaks unions while executing."""
    document = parse(schema.as_str())
    definitions = [
        _described(entry) if isinstance(entry, DirectiveDefinitionNode) else entry for entry in document.definitions
    ]
    return print_ast(DocumentNode(definitions=tuple(sorted(definitions, key=_name)))) + "\n"


def _described(directive: DirectiveDefinitionNode) -> DirectiveDefinitionNode:
    """With what the engine leaves out: what `@oneOf` is, and what the arguments of our own directives are for."""
    name = directive.name.value
    if name == "oneOf":
        return replace(directive, description=StringValueNode(value=_OF_ONE_OF, block=True))
    definition: StrawberrySchemaDirective = _DIRECTIVES[name].__strawberry_directive__  # type: ignore[attr-defined]
    described = {field.graphql_name: field.description or "" for field in definition.fields}
    arguments = [
        replace(argument, description=StringValueNode(value=described[argument.name.value], block=True))
        for argument in directive.arguments or ()
    ]
    return replace(directive, arguments=tuple(arguments))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="membership.graph.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is out of date")
    check = parser.parse_args(arguments).check
    stale = [path for path, text in generated(graphql_folder()).items() if _differs(path, text, write=not check)]
    for path in stale:
        sys.stdout.write(f"{'out of date' if check else 'written'}: {path.relative_to(graphql_folder().parent)}\n")
    return 1 if check and stale else 0


def _operations(folder: Path) -> Iterator[tuple[str, str]]:
    for client in CLIENTS:
        for path in sorted((folder / client).glob("*.graphql")):
            yield f"{client}/{path.name}", path.read_text(encoding="utf-8")


def _check_document(schema: MembershipSchema, identity: str, name: str) -> None:
    document = schema.documents.find(identity, None)
    if document.errors:
        raise ValueError(f"graphql/operations/{name}: {'; '.join(error.message for error in document.errors)}")
    if document.name is None or document.name != Path(name).stem:
        raise ValueError(f"graphql/operations/{name}: it must hold one operation of the file's name")


def _differs(path: Path, text: str, *, write: bool) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    if write:
        path.write_text(text, encoding="utf-8")
    return True


def _name(definition: DefinitionNode) -> str:
    name = getattr(definition, "name", None)
    return name.value if name is not None else ""


if __name__ == "__main__":
    sys.exit(main())
