"""Settings and servers as a command finds them, with a wrong one named in one line."""

import asyncio
import os
import socket
from typing import TypeVar
from urllib.parse import urlsplit

import asyncpg
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsError

from membership.cli.failures import CommandFailed
from membership.postgres.connection import Conn
from membership.redis.client import is_ready, open_redis

SomeSettings = TypeVar("SomeSettings", bound=BaseSettings)

_CONNECT_SECONDS = 5
_OLDEST_POSTGRES = 15


def is_set(variable: str) -> bool:
    """An empty variable counts as absent: `DATABASE_URL= make run` means the embedded server."""
    return bool(os.environ.get(variable))


def read_settings(kind: type[SomeSettings], **given: object) -> SomeSettings:
    """From the environment; `given` wins over it. Raises CommandFailed naming each wrong variable, never its value."""
    try:
        return kind(**given)  # type: ignore[arg-type]  # fields by name; pydantic checks them
    except ValidationError as error:
        wrong = "; ".join(f"{_variable(detail)}: {_complaint(detail)}" for detail in error.errors())
        raise CommandFailed(f"Wrong settings: {wrong}.") from None
    except SettingsError as error:
        raise CommandFailed(f"Wrong settings: {error}.") from None


async def connect(dsn: str) -> Conn:
    """A direct connection to PostgreSQL. Raises CommandFailed naming the address, never the password."""
    address = urlsplit(dsn)
    place = f"{address.hostname or 'localhost'}:{address.port or 5432}{address.path}"
    try:
        conn: Conn = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CommandFailed(f"The database at {place} cannot be used: {_reason(error)}. Check DATABASE_URL.") from None
    if conn.get_server_version().major < _OLDEST_POSTGRES:
        await conn.close()
        raise CommandFailed(f"The database at {place} is older than PostgreSQL {_OLDEST_POSTGRES}; use a newer one.")
    return conn


async def require_database(dsn: str) -> None:
    """Raises CommandFailed when PostgreSQL cannot be used."""
    await (await connect(dsn)).close()


async def require_redis(url: str, *, cluster: bool) -> None:
    """Raises CommandFailed when Redis does not answer."""
    client = open_redis(url, cluster=cluster)
    try:
        if not await is_ready(client):
            address = urlsplit(url)
            raise CommandFailed(
                f"Redis at {address.hostname}:{address.port or 6379} does not answer PING. Check REDIS_URL."
            )
    finally:
        await client.aclose()


def _variable(detail: ErrorDetails) -> str:
    name = str(detail["loc"][0])
    return name if name.isupper() else f"MEMBERSHIP_{name.upper()}"


def _complaint(detail: ErrorDetails) -> str:
    return "is missing" if detail["type"] == "missing" else detail["msg"]


def _reason(error: BaseException) -> str:
    match error:
        case ConnectionRefusedError():
            return "connection refused"
        case socket.gaierror():
            return "unknown host"
        case asyncio.TimeoutError():
            return f"no answer within {_CONNECT_SECONDS} s"
        case _:
            # asyncpg lists what it tried for a name with several addresses.
            text = str(error).partition("\n")[0]
            return "connection refused" if "Connect call failed" in text else text or type(error).__name__
