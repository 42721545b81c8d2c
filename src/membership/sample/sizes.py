"""How large a sample may be. On its own, so that the command line knows it without loading the rest."""

from enum import StrEnum


class Size(StrEnum):
    DEMO = "demo"
    STORE = "store"
    GROUP = "group"

    @property
    def members(self) -> int:
        """How many people it holds, each with some ten receipts."""
        return {Size.DEMO: 2_000, Size.STORE: 200_000, Size.GROUP: 1_000_000}[self]
