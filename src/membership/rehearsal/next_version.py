"""The next version of the service: a copy of this one that changes the schema as real versions do.

It adds a column that only its own code writes, and an index, in steps before the rollout; and after it, when the code
that does not write the column is gone, the step that insists on it.
"""

import shutil
from pathlib import Path

import membership
from membership.graph.operations.documents import graphql_folder
from membership.postgres.catalogue import sql_folder
from membership.rehearsal.plan import RehearsalFailed
from membership.rehearsal.processes import Code

_PRE = """\
-- Which version wrote a quote. Old code leaves it empty.
ALTER TABLE receipts.quotes ADD COLUMN written_by text;
"""
_INDEX = """\
-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS quotes_written_by ON receipts.quotes (written_by, quoted_at);
"""
_POST = """\
-- Old code is gone: whoever writes a quote says so.
UPDATE platform.schema_floor SET oldest = 9003;
UPDATE receipts.quotes SET written_by = 'before' WHERE written_by IS NULL;
ALTER TABLE receipts.quotes ALTER COLUMN written_by SET NOT NULL;
"""
_COLUMNS = (
    "points_to_spend, quoted_at, expires_at\n) VALUES (",
    "points_to_spend, quoted_at, expires_at, written_by\n) VALUES (",
)
_VALUES = (
    "$9::bigint, $10::timestamptz, $11::timestamptz\n);",
    "$9::bigint, $10::timestamptz, $11::timestamptz, 'next'\n);",
)
_QUERIES = "queries/receipts.sql"


def this_version() -> Code:
    return Code("this version", Path(membership.__file__).parent.parent)


def next_version(folder: Path) -> Code:
    """Made in a folder that does not exist yet."""
    package = folder / "src" / "membership"
    shutil.copytree(
        Path(membership.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "_sql", "_graphql")
    )
    shutil.copytree(sql_folder(), folder / "sql")
    shutil.copytree(graphql_folder(), folder / "graphql")
    for name, text in (("9001_quotes_written_by.pre", _PRE), ("9002_quotes_written_by.pre", _INDEX)):
        _write(folder, name, text)
    _write(folder, "9003_quotes_written_by.post", _POST)
    queries = folder / "sql" / _QUERIES
    queries.write_text(_changed(queries.read_text(encoding="utf-8")), encoding="utf-8")
    return Code("the next version", folder / "src")


def _write(folder: Path, name: str, text: str) -> None:
    (folder / "sql" / "migrations" / f"{name}.sql").write_text(text, encoding="utf-8")


def _changed(queries: str) -> str:
    for old, new in (_COLUMNS, _VALUES):
        if queries.count(old) != 1:
            raise RehearsalFailed(f"sql/{_QUERIES} writes quotes in another way than the next version is made for.")
        queries = queries.replace(old, new)
    return queries
