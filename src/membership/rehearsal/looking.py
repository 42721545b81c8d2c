"""What a rehearsal sees of the database, past everything."""

import asyncpg

_WITHOUT_REDIS = "SELECT count(*) FROM inventory.pools WHERE mode = 'POSTGRES' AND closed_at IS NULL"
_VERSION = "SHOW server_version"


async def decided_by_postgres(dsn: str) -> int:
    """Of how many open pools."""
    return int(str(await _ask(dsn, _WITHOUT_REDIS)))


async def server_version(dsn: str) -> str:
    return str(await _ask(dsn, _VERSION)).split()[0]


async def _ask(dsn: str, statement: str, *arguments: object) -> object:
    conn = await asyncpg.connect(dsn)
    try:
        answer: object = await conn.fetchval(statement, *arguments)
        return answer
    finally:
        await conn.close()
