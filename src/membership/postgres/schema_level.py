"""How new this code is, as the database is told at the beginning of every transaction, and what it answers.

A check at the start of a process would not do: old processes run on beside a migration, with their connections open.
Nor would one of each connection: behind PgBouncer in transaction mode the next transaction is on another. So the
statement that begins a transaction, which is sent anyway, asks to be admitted.
"""

from functools import cache
from typing import Final

import asyncpg

from membership.postgres.catalogue import sql_folder
from membership.postgres.connection import Conn

_REFUSED: Final = "MB001"


class SchemaTooNew(Exception):
    """The database has taken away what this code, or code that is no newer, needs. Nothing was read or written."""

    def __init__(self, oldest: str) -> None:
        super().__init__(
            f"the schema of the database is too new for this code, which knows migrations up to {known_level():04}: "
            f"it must know {oldest.zfill(4)}; run the version that came with it, or a newer one"
        )


@cache
def known_level() -> int:
    """The number of the newest migration that this code came with."""
    return max(int(file.name[:4]) for file in (sql_folder() / "migrations").glob("*.sql"))


def asking() -> str:
    """To be a column of a SELECT, as the role that is taken on."""
    return f"platform.admit({known_level()})"


async def begin(conn: Conn, text: str) -> None:
    """Sends what begins a transaction and asks to be admitted. Raises SchemaTooNew."""
    try:
        await conn.execute(text)
    except asyncpg.PostgresError as error:
        if error.sqlstate != _REFUSED:
            raise
        raise SchemaTooNew(error.detail or "") from None
