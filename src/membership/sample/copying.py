"""Bulk writing by COPY."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from membership.postgres.connection import Conn

Record = Sequence[object]


@dataclass(frozen=True, slots=True)
class Table:
    """A table and the columns the sample fills, in the order of its records."""

    schema: str
    name: str
    columns: tuple[str, ...]

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"


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

    async def write(self, table: Table, records: Iterable[Record]) -> None:
        if self._direct:
            await self._conn.copy_records_to_table(
                table.name, schema_name=table.schema, columns=table.columns, records=records
            )
        else:
            await self._write_staged(table, records)

    async def _write_staged(self, table: Table, records: Iterable[Record]) -> None:
        columns = ", ".join(table.columns)
        stage = f"stage_{table.schema}_{table.name}"
        # Names are this module's callers' own constants, never input.
        await self._conn.execute(
            f"CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS SELECT {columns} FROM {table.qualified} WITH NO DATA; "  # noqa: S608
            f"GRANT SELECT ON {stage} TO membership_engine"
        )
        await self._conn.copy_records_to_table(stage, columns=table.columns, records=records)
        await self._conn.execute(
            f"SET LOCAL ROLE membership_engine; "  # noqa: S608
            f"INSERT INTO {table.qualified} ({columns}) SELECT {columns} FROM {stage}; "
            f"RESET ROLE; DROP TABLE {stage}"
        )
