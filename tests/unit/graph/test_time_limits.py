"""How many seconds an operation has, by what it is and who asks."""

import pytest
from strawberry.types.graphql import OperationType

from membership.graph.operations.time_limits import TimeLimits
from membership.kernel.actor import Actor, Role
from membership.kernel.time_limits import TimeLimit

LIMITS = TimeLimits()


@pytest.mark.parametrize("role", [None, *Role])
def test_by_kind_and_caller(role: Role | None) -> None:
    caller = None if role is None else Actor(role, "somebody")
    query, mutation = (LIMITS.seconds(kind, caller) for kind in (OperationType.QUERY, OperationType.MUTATION))
    assert (query, mutation) == ((3, 3) if role is Role.TILL else (5, 10))


@pytest.mark.parametrize("kind", OperationType)
async def test_a_subscription_has_them_for_each_read(kind: OperationType) -> None:
    async with TimeLimit() as limit:
        assert limit.seconds_left() is None
        LIMITS.start(limit, kind, None)
        left = limit.seconds_left()
        if kind is OperationType.SUBSCRIPTION:
            assert (limit.seconds_of_a_read, left) == (5, 5)
        else:
            assert limit.seconds_of_a_read is None
            assert left is not None
            assert 0 < left <= (5 if kind is OperationType.QUERY else 10)
