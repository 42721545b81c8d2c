"""Bulk writing by COPY."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from membership.postgres.connection import Conn

Record = Sequence[object]


@dataclass(frozen=True, slots=True)
class Table:
    """A table and the columns that the sample fills, in the order of its records."""

    schema: str
    name: str
    columns: tuple[str, ...]


def table(schema: str, name: str, columns: str) -> Table:
    return Table(schema, name, tuple(columns.split()))


class Batch:
    """Records gathered by table, to be written together."""

    def __init__(self) -> None:
        self._records: defaultdict[Table, list[Record]] = defaultdict(list)

    def add(self, to: Table, *records: Record) -> None:
        self._records[to] += records

    def records(self, of: Table) -> list[Record]:
        return self._records[of]


class Copier:
    """Writes records to tables on one connection.

    PostgreSQL refuses COPY into a table whose row-level security binds the session's role; then the records go
    through a temporary table and an INSERT as `membership_engine`, which every policy lets write.
    """

    def __init__(self, conn: Conn, *, direct: bool) -> None:
        self._conn = conn
        self._direct = direct

    @classmethod
    async def on(cls, conn: Conn) -> "Copier":
        bypasses = await conn.fetchval("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        return cls(conn, direct=bool(bypasses))

    async def write_batch(self, batch: Batch, order: Iterable[Table]) -> None:
        """`order`: as foreign keys allow."""
        for to in order:
            if records := batch.records(to):
                await self.write(to, records)

    async def write(self, to: Table, records: Iterable[Record]) -> None:
        if self._direct:
            await self._conn.copy_records_to_table(to.name, schema_name=to.schema, columns=to.columns, records=records)
        else:
            await self._write_staged(to, records)

    async def _write_staged(self, to: Table, records: Iterable[Record]) -> None:
        columns = ", ".join(to.columns)
        stage = f"stage_{to.schema}_{to.name}"
        # Names are this package's own constants, never input.
        await self._conn.execute(
            f"CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS TABLE {to.schema}.{to.name} WITH NO DATA; "
            f"GRANT SELECT ON {stage} TO membership_engine"
        )
        await self._conn.copy_records_to_table(stage, columns=to.columns, records=records)
        await self._conn.execute(
            f"SET LOCAL ROLE membership_engine; "  # noqa: S608
            f"INSERT INTO {to.schema}.{to.name} ({columns}) SELECT {columns} FROM {stage}; "
            f"RESET ROLE; DROP TABLE {stage}"
        )
