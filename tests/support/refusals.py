"""Refusals of no slice, for tests that are run in two folders: a code belongs to one class of a process."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError


@dataclass(eq=False)
class PoolEmpty(DomainError):
    code = "TEST_POOL_EMPTY"
    left: int

    @property
    def message(self) -> str:
        return f"{self.left} left."


@dataclass(eq=False)
class PoolBusy(DomainError):
    code = "TEST_POOL_BUSY"
    retryable = True

    @property
    def message(self) -> str:
        return "Try again."
