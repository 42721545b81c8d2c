"""The generated client belongs to the documents that are checked in, also where its generator is not installed."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import membership.till_client
from membership.graph.operations.documents import graphql_folder

PACKAGE = Path(membership.till_client.__file__).parent


def test_every_document_of_a_till_is_sent_by_its_id() -> None:
    listed: dict[str, str] = json.loads((graphql_folder() / "operations" / "manifest.json").read_bytes())
    documents = {Path(name).stem: identity for identity, name in listed.items() if name.startswith("till/")}
    code = (PACKAGE / "generated" / "client.py").read_text(encoding="utf-8")

    sent = {name: identity for identity, name in re.findall(r'self\.run\(\s*"(sha256:\w+)",\s*"(\w+)"', code)}
    assert sent == documents


def test_a_vendor_can_take_the_folder_as_it_is() -> None:
    imports = {name for file in PACKAGE.rglob("*.py") for name in _imported(file)}
    assert imports - {"httpx", "pydantic"} <= sys.stdlib_module_names


def _imported(file: Path) -> Iterator[str]:
    """From outside the folder: within it imports are relative."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).partition(".")[0]
