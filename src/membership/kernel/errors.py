"""Expected refusals. A refusal is part of the contract: it has a stable code and facts, and no HTTP status."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import ClassVar, Self, TypeAlias, cast, get_args, get_type_hints

PlainFact: TypeAlias = int | str | bool | None
Fact: TypeAlias = PlainFact | list[str] | list[dict[str, PlainFact]]


@dataclass(frozen=True)
class Part:
    """What a refusal says of one thing among several, such as a stop of a visit: a fact that is a list of these.
    Subclasses are dataclasses of plain facts."""


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
        return {entry.name: _plain(getattr(self, entry.name)) for entry in fields(self)}

    @classmethod
    def known_codes(cls) -> dict[str, type["DomainError"]]:
        return dict(cls._by_code)

    @staticmethod
    def restore(code: str, facts: dict[str, Fact]) -> "DomainError":
        """The refusal that was recorded as (code, facts)."""
        return DomainError._by_code[code]._from_facts(facts)

    @classmethod
    def _from_facts(cls, facts: dict[str, Fact]) -> Self:
        parts = part_types(cls)
        return cls(**{name: _with_parts(parts.get(name), fact) for name, fact in facts.items()})

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def part_types(refusal: type[DomainError]) -> dict[str, type[Part]]:
    """The facts of a refusal that are lists of parts."""
    if not is_dataclass(refusal):
        return {}
    hints = get_type_hints(refusal)
    found: dict[str, type[Part]] = {}
    for entry in fields(refusal):
        for kind in get_args(hints[entry.name]):
            if isinstance(kind, type) and issubclass(kind, Part):
                found[entry.name] = kind
    return found


def _plain(value: object) -> Fact:
    if isinstance(value, list) and value and isinstance(value[0], Part):
        return [asdict(part) for part in value]
    return cast(Fact, value)


def _with_parts(kind: type[Part] | None, fact: Fact) -> object:
    if kind is None or not isinstance(fact, list):
        return fact
    return [kind(**cast(Mapping[str, PlainFact], part)) for part in fact]
