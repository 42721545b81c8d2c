"""Plain attributes, read without ceremony.

Most of an answer is attributes of a scalar or enum type that no resolver makes. For each of them the engine gathers
fifteen facts for a resolver that there is not, and looks three times whether somebody has to be waited for: a fifth of
a member's home. What is unusual about a value (a null that must not be, one of the wrong kind) is left to the engine,
and so every error is the engine's own.
"""

from collections.abc import AsyncIterable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

import strawberry
import structlog
from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    Undefined,
    is_leaf_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import DeferUsage, FieldDetailsList
from graphql.execution.incremental.incremental_executor import DeliveryGroup
from graphql.pyutils import AwaitableOrValue, Path, RefMap
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField

from membership.graph.operations.weights import WEIGHT, FieldWeight

log = structlog.get_logger("membership.graph")

_PLAIN: Final = "membership.plain"


@dataclass(frozen=True, slots=True)
class _Plain:
    """How a field is read: the Python attribute, and what makes a value of it that can be sent."""

    attribute: str
    coerce: Callable[[object], object]
    may_be_null: bool


class Execution(StrawberryGraphQLCoreExecutionContext):
    """The engine for one operation."""

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: object,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: RefMap[DeferUsage, DeliveryGroup] | None,
    ) -> object:
        field = parent_type.fields.get(field_details_list[0].node.name.value)
        plain = None if field is None else field.extensions.get(_PLAIN)
        if isinstance(plain, _Plain):
            value = _sendable(plain, source)
            if value is not Undefined:
                return value
        return super().execute_field(parent_type, source, field_details_list, path, position_context)

    def complete_list_value(  # noqa: PLR0917 - as the engine calls it
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[object],
        path: Path,
        result: AsyncIterable[object] | Iterable[object],
        position_context: RefMap[DeferUsage, DeliveryGroup] | None,
    ) -> AwaitableOrValue[list[object]]:
        if isinstance(result, list):
            _check_length(info, len(result))
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)


def _check_length(info: GraphQLResolveInfo[object], length: int) -> None:
    """What an operation costs was reckoned with the length that the schema states: no list should be longer."""
    weight = info.parent_type.fields[info.field_name].extensions.get(WEIGHT)
    if isinstance(weight, FieldWeight) and weight.longest is not None and length > weight.longest:
        log.error(
            "list longer than declared",
            field=f"{info.parent_type.name}.{info.field_name}",
            length=length,
            declared=weight.longest,
        )


class DiscreetExecution(Execution):
    """Without "did you mean", which would tell of names nobody asked for. Here and not among the arguments to the
    engine: strawberry hands those on for queries and mutations only, not for subscriptions."""

    @classmethod
    def build(cls, *arguments: object, **named: object) -> "list[GraphQLError] | Executor[object]":
        return super().build(*arguments, **{**named, "hide_suggestions": True})  # type: ignore[arg-type]


def _sendable(plain: _Plain, source: object) -> object:
    """The value as it is sent; Undefined for one that is not so simple."""
    try:
        value = getattr(source, plain.attribute)
        if value is None:
            return None if plain.may_be_null else Undefined
        sent = plain.coerce(value)
    except Exception:
        # The engine will run into the same, and can say where.
        return Undefined
    return Undefined if sent is None else sent


def plan_attributes(schema: strawberry.Schema) -> None:
    """Marks the fields of a schema that are plain attributes."""
    for kind in schema._schema.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for field in kind.fields.values():
                _mark(field)


def _mark(field: GraphQLField) -> None:
    definition = field.extensions.get("strawberry-definition")
    leaf = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    if isinstance(definition, StrawberryField) and definition.is_basic_field and is_leaf_type(leaf):
        field.extensions[_PLAIN] = _Plain(definition.python_name, leaf.coerce_output_value, leaf is field.type)
