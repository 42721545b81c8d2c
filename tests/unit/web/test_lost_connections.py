"""/readyz tells of a PostgreSQL that is away, however asyncpg puts it."""

import asyncpg
import pytest

from membership.web.health import _within_time


@pytest.mark.parametrize(
    "lost",
    [
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (0) is in progress"),
        ConnectionRefusedError(),
    ],
)
async def test_a_lost_connection_cannot_be_reached(lost: Exception) -> None:
    async def ask() -> str | None:
        raise lost

    assert await _within_time(ask) == "cannot be reached"
