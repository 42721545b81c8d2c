"""Named queries, read from sql/queries/<slice>.sql.

A query begins with a line `-- name: lock_account :one`; the comment lines after it say its purpose.
`:one` must find a row, `:maybe` may find none, `:many` returns a list, `:exec` returns nothing.
Parameters are PostgreSQL's own `$1`, so the text goes to the server unchanged.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import asyncpg

from membership.kernel.recording import Step, System, noted
from membership.postgres.connection import Conn

Cardinality = Literal["one", "maybe", "many", "exec"]
_HEADER = re.compile(r"^-- name: (?P<name>[a-z_0-9]+) :(?P<cardinality>[a-z]+)$", re.MULTILINE)


class RowNotFound(LookupError):
    """A `:one` query found no row: a broken assumption, not a refusal."""


@dataclass(frozen=True, slots=True)
class Query:
    """One named query. Each method is one round trip."""

    slice_name: str
    name: str
    cardinality: Cardinality
    text: str
    step: Step = field(init=False, repr=False)

    def __post_init__(self) -> None:
        step = Step(System.POSTGRESQL, f"{self.slice_name}.{self.name}", self.name)
        object.__setattr__(self, "step", step)

    async def one(self, conn: Conn, *arguments: object) -> asyncpg.Record:
        with noted(self.step):
            row = await conn.fetchrow(self.text, *arguments)
        if row is None:
            raise RowNotFound(f"{self.slice_name}.{self.name} found no row")
        return row

    async def maybe(self, conn: Conn, *arguments: object) -> asyncpg.Record | None:
        with noted(self.step):
            return await conn.fetchrow(self.text, *arguments)

    async def many(self, conn: Conn, *arguments: object) -> list[asyncpg.Record]:
        with noted(self.step):
            return await conn.fetch(self.text, *arguments)

    async def exec(self, conn: Conn, *arguments: object) -> None:
        with noted(self.step):
            await conn.fetchrow(self.text, *arguments)


class Catalogue:
    """The queries of one slice, as attributes: `SQL = queries_of("points")`, then `SQL.lock_account`."""

    def __init__(self, slice_name: str, text: str) -> None:
        self._slice_name = slice_name
        self._queries = {query.name: query for query in _parse(slice_name, text)}

    def __getattr__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            raise AttributeError(f"sql/queries/{self._slice_name}.sql has no query {name!r}") from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self._queries.values())


@cache
def queries_of(slice_name: str) -> Catalogue:
    return Catalogue(slice_name, (sql_folder() / "queries" / f"{slice_name}.sql").read_text(encoding="utf-8"))


@cache
def sql_folder() -> Path:
    """The sql folder: inside the package when installed from a wheel, at the repository root otherwise."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "_sql"
    return packaged if packaged.is_dir() else package.parents[1] / "sql"


def _parse(slice_name: str, text: str) -> Iterator[Query]:
    headers = list(_HEADER.finditer(text))
    seen: set[str] = set()
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        name, cardinality = header["name"], header["cardinality"]
        if cardinality not in get_args(Cardinality):
            raise ValueError(f"{slice_name}.{name}: unknown cardinality :{cardinality}")
        if name in seen:
            raise ValueError(f"{slice_name}.{name} is defined twice")
        seen.add(name)
        body = text[header.end() : following.start() if following else None].strip()
        yield Query(slice_name, name, cardinality, body.rstrip(";"))  # type: ignore[arg-type]
