"""Refusals as GraphQL types: the one map from DomainError to what clients see.

Each DomainError class becomes an object type that implements `Refusal`, with its facts as further fields.
Which refusals a field may answer with is said where the field is: see fields.py.
"""

import importlib
import importlib.util
import inspect
import pkgutil
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum, EnumMeta

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.union import StrawberryUnion

import membership
from membership.graph.kit.scalars import MinorUnits, Points
from membership.kernel.errors import DomainError, Part, part_types

_NO_SLICES = frozenset(
    {
        "bench",
        "cli",
        "console",
        "embedded",
        "graph",
        "rehearsal",
        "sample",
        "till_client",
        "till_simulator",
        "web",
        "worker",
    }
)


def _import_refusals() -> None:
    """`known_codes` holds what was imported: import every slice's refusals first."""
    importlib.import_module("membership.kernel.payment_cards")
    importlib.import_module("membership.postgres.idempotency")
    for room in pkgutil.iter_modules(membership.__path__):
        name = f"membership.{room.name}.errors"
        if room.ispkg and room.name not in _NO_SLICES and importlib.util.find_spec(name):
            importlib.import_module(name)


_import_refusals()


def _summary(subject: type) -> str:
    """The first paragraph of a docstring, as one line."""
    text = inspect.getdoc(subject) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _code_description(refusal: type[DomainError]) -> str:
    retry = " The same request may succeed later." if refusal.retryable else ""
    return _summary(refusal) + retry


def _codes() -> EnumMeta:
    described = {
        code: strawberry.enum_value(code, description=_code_description(refusal))
        for code, refusal in sorted(DomainError.known_codes().items())
    }
    # Made at run time, so that the enum cannot miss a code.
    return EnumMeta.__call__(Enum, "RefusalCode", described, module=__name__)


RefusalCode = strawberry.enum(
    _codes(), description="Why a request was refused. Codes are stable: match on them, not on messages."
)


@strawberry.interface(
    description="Why a request that was understood is not carried out. Nothing was changed.",
)
class Refusal:
    code: str = strawberry.field(graphql_type=RefusalCode, description="Stable code of the refusal.")
    message: str = strawberry.field(description="Plain sentences for a cashier or member, with the way out.")
    field: str | None = strawberry.field(description="The input field at fault, where there is one.")


_UNITS = {
    "_basis_points": "in hundredths of a percent",
    "_points": "in points",
    "_minor": "in minor units of the currency",
    "_seconds": "in seconds",
    "_days": "in days",
}


def _fact_description(name: str) -> str:
    for suffix, unit in _UNITS.items():
        if name.endswith(suffix):
            return f"{name.removesuffix(suffix).replace('_', ' ').capitalize()}, {unit}."
    return f"{name.replace('_', ' ').capitalize()}."


def _number_annotation(name: str) -> object:
    """Amounts outgrow GraphQL's 32-bit Int."""
    if name.endswith("_minor"):
        return MinorUnits
    if name == "points" or (name.endswith("_points") and not name.endswith("_basis_points")):
        return Points
    return int


def _fact_annotation(name: str, annotation: object) -> object:
    """The GraphQL side of a fact's type."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(annotation) if part is not types.NoneType]
        if len(inner) != 1:
            raise TypeError(f"fact {name}: {annotation} is no GraphQL type")
        return typing.Optional[_fact_annotation(name, inner[0])]  # noqa: UP045
    if annotation is int:
        return _number_annotation(name)
    if isinstance(annotation, type) and issubclass(annotation, str):
        return str
    if annotation is bool or annotation == list[str]:
        return annotation
    kinds = [kind for kind in typing.get_args(annotation) if isinstance(kind, type) and issubclass(kind, Part)]
    if not kinds:
        raise TypeError(f"fact {name}: {annotation} is no GraphQL type")
    return list[part_type(kinds[0])]  # type: ignore[misc]


_PARTS: dict[str, type] = {}


def part_type(part: type[Part]) -> type:
    """The GraphQL type of what a refusal says of one thing among several, of the same name; made once."""
    if part.__name__ not in _PARTS:
        _PARTS[part.__name__] = _make_part_type(part)
    return _PARTS[part.__name__]


def _make_part_type(part: type[Part]) -> type:
    hints = typing.get_type_hints(part)
    body: dict[str, object] = {
        fact.name: strawberry.field(
            description=fact.metadata.get("description") or _fact_description(fact.name),
            graphql_type=RefusalCode if fact.metadata.get("is_refusal_code") else None,
        )
        for fact in fields(part)
    }
    body["__annotations__"] = {fact.name: _fact_annotation(fact.name, hints[fact.name]) for fact in fields(part)}
    body["__module__"] = __name__
    return strawberry.type(type(part.__name__, (), body), name=part.__name__, description=_summary(part))


def _refusal_type(refusal: type[DomainError]) -> type[Refusal]:
    """The GraphQL type of a DomainError class, of the same name."""
    facts: dict[str, Mapping[str, str]] = {}
    if is_dataclass(refusal):
        facts = {fact.name: fact.metadata for fact in fields(refusal)}
    if clash := facts.keys() & {"code", "message", "field"}:
        raise TypeError(f"{refusal.__qualname__}: the facts {sorted(clash)} hide fields of every refusal")
    hints = typing.get_type_hints(refusal)
    body: dict[str, object] = {
        name: strawberry.field(description=metadata.get("description") or _fact_description(name))
        for name, metadata in facts.items()
    }
    body["__annotations__"] = {name: _fact_annotation(name, hints[name]) for name in facts}
    body["__module__"] = __name__
    generated = type(refusal.__name__, (Refusal,), body)
    return strawberry.type(generated, name=refusal.__name__, description=_summary(refusal))


REFUSALS: dict[str, type[Refusal]] = {
    code: _refusal_type(refusal) for code, refusal in DomainError.known_codes().items()
}
"""The map: the GraphQL type of every code."""


def as_refusal(error: DomainError) -> Refusal:
    facts: dict[str, object] = {**error.facts()}
    for name in part_types(type(error)):
        facts[name] = [as_part(entry) for entry in getattr(error, name)]
    return REFUSALS[error.code](code=error.code, message=error.message, field=error.field, **facts)


def as_part(part: Part) -> object:
    """What is said of one thing among several, as its GraphQL type."""
    return part_type(type(part))(**vars(part))


def result_union(
    name: str, payload: object, *, refusals: Sequence[type[DomainError]], description: str
) -> StrawberryUnion:
    """The union of a payload and the refusals that a field may answer with, for `graphql_type=`."""
    members = (payload, *(REFUSALS[refusal.code] for refusal in refusals))
    return StrawberryUnion(
        name=name,
        type_annotations=tuple(StrawberryAnnotation(member) for member in members),
        description=description,
    )
