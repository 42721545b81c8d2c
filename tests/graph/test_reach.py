"""No resolver reaches the engine role: how graph/ is written, and which role the statements of operations run as."""

import ast
from collections.abc import Iterator
from pathlib import Path

import membership.graph

FOLDER = Path(membership.graph.__file__).parent
OPENS = {"engine", "pool", "beside", "acquire", "snapshot", "fetch", "fetchrow", "fetchval", "execute", "executemany"}
"""What opens a transaction past `context.reader()`, or sends SQL of its own."""
BY_NAME = {"Database", "open_pool", "snapshot", "queries_of"}
SHARED = {"services.py"}
"""Where the use cases are made: it hands the database to them and asks it nothing."""
NAMES_FAILURES = {"operations/faults.py"}
"""Tells a database that is away from a bug."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(FOLDER.rglob("*.py")):
        yield str(file.relative_to(FOLDER)), ast.parse(file.read_text(encoding="utf-8"))


def breaches(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in OPENS and _is_of_the_database(node):
            yield f"{name}:{node.lineno} .{node.attr}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("membership.postgres."):
            for alias in node.names:
                if alias.name in BY_NAME and name not in SHARED:
                    yield f"{name}:{node.lineno} imports {alias.name}"
        if (
            isinstance(node, ast.Import | ast.ImportFrom)
            and "asyncpg" in ast.unparse(node)
            and name not in NAMES_FAILURES
        ):
            yield f"{name}:{node.lineno} imports asyncpg"


def _is_of_the_database(node: ast.Attribute) -> bool:
    """Any of these names of anything but a row of a model: `entry.pool` is a pool of gifts."""
    owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    if node.attr in {"pool", "beside"}:
        return owner == "database"
    return node.attr != "execute" or owner in {"conn", "tx", "connection", "database"}


def test_no_module_of_graph_opens_a_transaction_but_by_the_callers_reader() -> None:
    found = [
        breach
        for name, tree in modules()
        for breach in breaches(name, tree)
        # Where the caches are given the pool that they read from.
        if not (name in SHARED and breach.endswith(".beside"))
    ]
    assert found == [], "a resolver reads by `context.reader()`; what needs more than its caller may see is a use case"


def test_a_breach_would_be_found() -> None:
    text = (
        "import asyncpg\nfrom membership.postgres.database import Database\n"
        "async def f(context):\n    async with context.services.database.engine(a, b) as tx:\n"
        "        await tx.conn.execute('SELECT 1')\n    context.services.database.pool\n"
    )
    assert len(list(breaches("a.py", ast.parse(text)))) == 5
