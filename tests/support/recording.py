"""A connection that notes the text of every statement, as it is sent."""

from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection


def readings(statements: list[str]) -> list[str]:
    """Those of the catalogue, which begin with their purpose; not what opens and ends a transaction."""
    return [text for text in statements if text.startswith("--")]


def recording_connection(statements: list[str]) -> type[_Connection]:
    """asyncpg's own query loggers run later, from the event loop: too late to count with."""

    class Recording(_Connection):
        async def execute(self, query: str, *args: Any, **options: Any) -> Any:
            statements.append(query)
            return await super().execute(query, *args, **options)

        async def executemany(self, command: str, args: Any, **options: Any) -> Any:
            statements.append(command)
            return await super().executemany(command, args, **options)

        async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
            statements.append(query)
            return await super().fetch(query, *args, **options)

        async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
            statements.append(query)
            return await super().fetchrow(query, *args, **options)

        async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
            statements.append(query)
            return await super().fetchval(query, *args, **options)

    return Recording
