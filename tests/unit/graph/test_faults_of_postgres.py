"""What is told of a connection to PostgreSQL that was lost: come again. A bug stays one."""

import asyncpg
import pytest
from graphql import GraphQLError

from membership.graph.operations.faults import FaultCode, code_of, present


def _code(cause: Exception) -> str | None:
    (told,) = present([GraphQLError("failed", path=["quoteSale"], original_error=cause)], correlation_id="c")
    return code_of(told)


@pytest.mark.parametrize(
    "cause",
    [
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.ProtocolViolationError("server conn crashed?"),
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (0) is in progress"),
        asyncpg.InterfaceError("connection is closed"),
    ],
)
def test_a_lost_connection_is_unavailable(cause: Exception) -> None:
    assert _code(cause) == FaultCode.UNAVAILABLE.value


@pytest.mark.parametrize(
    "cause", [asyncpg.DataError("a wrong argument"), asyncpg.UndefinedColumnError("no"), KeyError()]
)
def test_a_bug_is_none(cause: Exception) -> None:
    assert _code(cause) == FaultCode.INTERNAL.value
