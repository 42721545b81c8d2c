"""Expected refusals. A refusal is part of the contract: it has a stable code and facts, and no HTTP status."""

from dataclasses import fields, is_dataclass
from typing import ClassVar, Self

Fact = int | str | bool | None | list[str]


class DomainError(Exception):
    """A refusal that names the thing, the limit and the way out.

    Subclasses are dataclasses whose fields are the facts; `code` is what clients match on.
    A `retryable` refusal is never recorded under an idempotency key: the same request may succeed later.
    `field` names the input field at fault, in GraphQL spelling, where there is one.
    """

    code: ClassVar[str]
    retryable: ClassVar[bool] = False
    field: ClassVar[str | None] = None
    _by_code: ClassVar[dict[str, type["DomainError"]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            return
        known = DomainError._by_code.setdefault(cls.code, cls)
        if known.__qualname__ != cls.__qualname__:
            raise TypeError(f"{cls.__qualname__} and {known.__qualname__} share the code {cls.code}")

    @property
    def message(self) -> str:
        """One or two plain sentences a cashier or member can act on. Never personal data."""
        raise NotImplementedError

    def facts(self) -> dict[str, Fact]:
        if not is_dataclass(self):
            return {}
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @classmethod
    def known_codes(cls) -> dict[str, type["DomainError"]]:
        return dict(cls._by_code)

    @staticmethod
    def restore(code: str, facts: dict[str, Fact]) -> "DomainError":
        """The refusal that was recorded as (code, facts)."""
        return DomainError._by_code[code]._from_facts(facts)

    @classmethod
    def _from_facts(cls, facts: dict[str, Fact]) -> Self:
        return cls(**facts)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
