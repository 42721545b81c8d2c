"""Settings and servers as a command finds them, with a wrong one named in one line."""

import asyncio
import os
import socket
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import urlsplit

import asyncpg
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsError

from membership.cli.data_folder import MARKER
from membership.cli.failures import CommandFailed
from membership.postgres.connection import Conn
from membership.postgres.database import open_pool
from membership.postgres.migrations import Phase, pending
from membership.postgres.schema_level import SchemaTooNew
from membership.postgres.snapshot import as_login, require_admission
from membership.redis.client import is_ready, open_redis
from membership.settings import DatabaseSettings, Settings

SomeSettings = TypeVar("SomeSettings", bound=BaseSettings)

_CONNECT_SECONDS = 5
_OLDEST_POSTGRES = 15
_OF_A_SERVICE = (
    "DATABASE_URL",
    "REDIS_URL",
    "MEMBERSHIP_IDENTITY_HASH_KEYS",
    "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS",
    "MEMBERSHIP_TOKEN_JWKS_FILE",
)
"""What `membership dev` writes for other terminals and would take for settings of its own."""


def is_set(variable: str) -> bool:
    """An empty variable counts as absent: `DATABASE_URL= make run` means the embedded server."""
    return bool(os.environ.get(variable))


def forget_another_service() -> str | None:
    """In a shell that read a running service's environment file: drops that service's servers and keys, so that the
    shell starts a service like any other. Returns the folder of the service that was dropped."""
    folder = os.environ.pop(MARKER, None)
    if not folder:
        return None
    for variable in _OF_A_SERVICE:
        os.environ.pop(variable, None)
    return folder


def read_settings(kind: type[SomeSettings], **given: object) -> SomeSettings:
    """From the environment; `given` wins over it. Raises CommandFailed naming each wrong variable, never its value."""
    return _read(kind, given, ())


def read_settings_of_api() -> Settings:
    """And with an issuer, so that all that is missing is named at once."""
    return _read(Settings, {}, _missing_issuer())


def _read(kind: type[SomeSettings], given: dict[str, object], besides: Sequence[str]) -> SomeSettings:
    try:
        return kind(**given)  # type: ignore[arg-type]  # fields by name; pydantic checks them
    except ValidationError as error:
        complaints = [f"{_variable(detail)}: {_complaint(kind, detail)}" for detail in error.errors()]
        # Of a list each entry may be wrong, and for the same reason.
        wrong = "; ".join(dict.fromkeys([*complaints, *besides]))
        raise CommandFailed(f"Wrong settings: {wrong}.") from None
    except SettingsError as error:
        raise CommandFailed(f"Wrong settings: {error}.") from None


def place_of(dsn: str) -> str:
    """Where a database is, without user and password."""
    address = urlsplit(dsn)
    return f"{address.hostname or 'localhost'}:{address.port or 5432}{address.path}"


async def connect(dsn: str) -> Conn:
    """A direct connection to PostgreSQL. Raises CommandFailed naming the address, never the password."""
    place = place_of(dsn)
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


async def require_known_schema(dsn: str) -> None:
    """Raises CommandFailed when the database is too new for this code. Says nothing of one that is to be migrated."""
    pool = await open_pool(dsn, max_size=1, statement_cache_size=0)
    try:
        async with as_login(pool) as conn:
            if await pending(conn, Phase.PRE):
                return
        await require_admission(pool)
    except SchemaTooNew as refusal:
        raise CommandFailed(told(refusal)) from None
    finally:
        await pool.close()


def told(refusal: SchemaTooNew) -> str:
    """As a command tells it."""
    sentence = str(refusal)
    return f"{sentence[0].upper()}{sentence[1:]}."


async def database_of_service() -> str:
    """DATABASE_URL, which answers. For commands that look after a running service: raises CommandFailed that also
    says how a terminal gets to the service of `make run`."""
    try:
        dsn = str(read_settings(DatabaseSettings).database_url)
        await require_database(dsn)
    except CommandFailed as failure:
        raise CommandFailed(
            f"{failure} For a demonstration: start `make run`, then `. .data/environment` in this terminal."
        ) from None
    return dsn


def _missing_issuer() -> tuple[str, ...]:
    if is_set("MEMBERSHIP_TOKEN_JWKS_URL") or is_set("MEMBERSHIP_TOKEN_JWKS_FILE"):
        return ()
    return ("MEMBERSHIP_TOKEN_JWKS_URL or MEMBERSHIP_TOKEN_JWKS_FILE: is missing (https://issuer.example/jwks.json)",)


def require_issuer(settings: Settings) -> None:
    """Raises CommandFailed when no token could be told from a forged one: there is nothing to read its keys from."""
    if settings.token_jwks_url is not None:
        return
    file = settings.token_jwks_file
    if file is None:
        raise CommandFailed(
            "No token can be verified: set MEMBERSHIP_TOKEN_JWKS_URL (https://…) or MEMBERSHIP_TOKEN_JWKS_FILE to the "
            "public keys of the issuer."
        )
    try:
        file.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CommandFailed(
            f"No token can be verified: MEMBERSHIP_TOKEN_JWKS_FILE, {file}, cannot be read: {reason}."
        ) from None


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


def _complaint(kind: type[BaseSettings], detail: ErrorDetails) -> str:
    if detail["type"] != "missing":
        return detail["msg"].removeprefix("Value error, ")
    return "".join(["is missing", *(f" ({example})" for example in _examples(kind, str(detail["loc"][0])))])


def _examples(kind: type[BaseSettings], name: str) -> Sequence[str]:
    for field_name, field in kind.model_fields.items():
        if name in (field_name, field.validation_alias):
            return field.examples or ()
    return ()


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
