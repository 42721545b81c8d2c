"""A slice's enum as a GraphQL enum, with a description for each value."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

Closed = TypeVar("Closed", bound=StrEnum)


def describe_enum(enum: type[Closed], description: str, values: Mapping[Closed, str]) -> type[Closed]:
    """Makes `enum` usable in GraphQL types under its own name. Every value needs a description."""
    if missing := set(enum) - set(values):
        raise ValueError(f"{enum.__name__}: {sorted(missing)} lack a description")
    described = strawberry.enum(enum, description=description)
    definition: StrawberryEnumDefinition = described.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[enum[value.name]]
    return enum
