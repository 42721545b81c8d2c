"""How many seconds an operation has, by what it is and who asks."""

from dataclasses import dataclass

from strawberry.types.graphql import OperationType

from membership.kernel.actor import Actor, Role
from membership.kernel.time_limits import TimeLimit


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """`till_seconds`: of all that a till asks, where a customer waits at the counter. `query_seconds`: of each read of
    a subscription too."""

    query_seconds: float = 5
    till_seconds: float = 3
    mutation_seconds: float = 10

    def start(self, limit: TimeLimit, kind: OperationType, caller: Actor | None) -> None:
        if kind is OperationType.SUBSCRIPTION:
            limit.start_each_read(self.query_seconds)
        else:
            limit.start(self.seconds(kind, caller))

    def seconds(self, kind: OperationType, caller: Actor | None) -> float:
        if caller is not None and caller.role is Role.TILL:
            return self.till_seconds
        return self.mutation_seconds if kind is OperationType.MUTATION else self.query_seconds
