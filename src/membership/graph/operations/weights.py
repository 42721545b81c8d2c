"""What every field of the schema costs: read once from its `@cost` and `@listSize`, and put there where it has none.

Whoever declares a field says nothing as a rule. A resolver that waits reads the database; what a mutation does, it does
under locks; a connection has `first`; and a list that says no size is taken to have ASSUMED entries. The directives
that follow from this are added to the declarations, so that they stand in the schema for clients to read too.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from membership.graph.kit.cost import Cost, ListSize, many, weighing
from membership.graph.kit.relay import DEFAULT_PAGE, LARGEST_PAGE

READ: Final = 10
MUTATION: Final = 20
INTROSPECTION: Final = 500
ASSUMED: Final = 50

WEIGHT: Final = "membership.weight"
_DEFINITION: Final = "strawberry-definition"
_LISTS_OF_A_CONNECTION: Final = ("nodes", "edges")

Said = TypeVar("Said")


@dataclass(frozen=True, slots=True)
class InputWeight:
    """What is sent: its weight for each entry, and what of an entry costs further."""

    each: int
    fields: Mapping[str, "InputWeight"]


@dataclass(frozen=True, slots=True)
class Size:
    """How long a list is: `otherwise`, unless an argument says something else. `path` leads to that, from the name of
    the argument through inputs; `defaults` are what stands for each of its steps where that is not sent."""

    otherwise: int
    path: tuple[str, ...] = ()
    defaults: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldWeight:
    """`each` for every time that the field is asked for, `entry` for every object it answers with. A list without
    a `size` is as long as the field says through which its object was reached: `sizes`, by the names of lists."""

    each: int
    entry: int
    is_list: bool
    size: Size | None
    sizes: Mapping[str, Size]
    arguments: Mapping[str, InputWeight]

    @property
    def longest(self) -> int | None:
        """How many objects the list may have; None for values that cost nothing."""
        if not self.entry or not self.is_list:
            return None
        return LARGEST_PAGE if self.size is None or self.size.path else self.size.otherwise


def weight_of(field: GraphQLField) -> FieldWeight:
    """Once `plan_weights` has been there."""
    return cast(FieldWeight, field.extensions[WEIGHT])


def plan_weights(schema: GraphQLSchema) -> None:
    """Says of every field of a schema what it costs."""
    inputs: dict[str, InputWeight] = {}
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                _complete(schema, kind, name, field)
                field.extensions[WEIGHT] = _field_weight(field, inputs)


def _complete(
    schema: GraphQLSchema, kind: GraphQLObjectType | GraphQLInterfaceType, name: str, field: GraphQLField
) -> None:
    """Adds the directives that follow from what a field is."""
    definition = field.extensions.get(_DEFINITION)
    if not isinstance(definition, StrawberryField):
        raise TypeError(f"{kind.name}.{name} was not declared by strawberry")
    if _said(definition.directives, Cost) is None and (weight := _usual_weight(schema, kind, definition)):
        definition.directives = [*definition.directives, *weighing(weight)]
    if _said(definition.directives, ListSize) is None:
        definition.directives = [*definition.directives, *_usual_size(kind, field)]


def _usual_weight(
    schema: GraphQLSchema, kind: GraphQLObjectType | GraphQLInterfaceType, definition: StrawberryField
) -> int | None:
    if kind is schema.mutation_type:
        return MUTATION
    resolver = definition.base_resolver
    waits = resolver is not None and (
        inspect.iscoroutinefunction(resolver.wrapped_func) or inspect.isasyncgenfunction(resolver.wrapped_func)
    )
    return READ if waits else None


def _usual_size(kind: GraphQLObjectType | GraphQLInterfaceType, field: GraphQLField) -> Sequence[object]:
    named = get_named_type(field.type)
    # A look-up that can refuse answers with a union, of which a connection may be one.
    answers = named.types if isinstance(named, GraphQLUnionType) else (named,)
    if any(answer.name.endswith("Connection") for answer in answers):
        if "first" in field.args:
            return many(DEFAULT_PAGE, by="first", of=_LISTS_OF_A_CONNECTION)
        # Which page, says a field further up.
        return many(LARGEST_PAGE, of=_LISTS_OF_A_CONNECTION)
    is_list = is_list_type(get_nullable_type(field.type))
    if not is_list or not is_composite_type(named) or kind.name.endswith("Connection"):
        return ()
    return many(ASSUMED)


def _field_weight(field: GraphQLField, inputs: dict[str, InputWeight]) -> FieldWeight:
    directives = field.extensions[_DEFINITION].directives
    entry = int(is_composite_type(get_named_type(field.type)))
    is_list = is_list_type(get_nullable_type(field.type))
    sizes = _sizes(field, _said(directives, ListSize))
    return FieldWeight(
        each=_weight(directives, otherwise=int(is_list or entry)),
        entry=entry,
        is_list=is_list,
        # Of values that cost nothing it does not matter how many there are.
        size=sizes.get("") if entry else Size(0),
        sizes=sizes,
        arguments={
            name: weight for name, argument in field.args.items() if (weight := _input_weight(argument, inputs))
        },
    )


def _sizes(field: GraphQLField, said: ListSize | None) -> Mapping[str, Size]:
    """By the list of the object; its own by an empty name."""
    if said is None:
        return {}
    path = tuple(said.slicing_arguments[0].split(".")) if said.slicing_arguments else ()
    size = Size(said.assumed_size or 0, path, _defaults(field.args, path))
    return dict.fromkeys(said.sized_fields or ("",), size)


def _defaults(
    arguments: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField], path: Sequence[str]
) -> tuple[object, ...]:
    if not path:
        return ()
    argument = arguments[path[0]]
    named = get_named_type(argument.type)
    inner = named.fields if isinstance(named, GraphQLInputObjectType) else {}
    default = None if argument.default_value is Undefined else argument.default_value
    return (default, *_defaults(inner, path[1:]))


def _input_weight(entry: GraphQLArgument | GraphQLInputField, inputs: dict[str, InputWeight]) -> InputWeight | None:
    """None for what costs nothing."""
    named = get_named_type(entry.type)
    definition = entry.extensions.get(_DEFINITION)
    directives = definition.directives if isinstance(definition, StrawberryArgument | StrawberryField) else ()
    if isinstance(named, GraphQLInputObjectType):
        return InputWeight(_weight(directives, otherwise=1), _fields_of_input(named, inputs))
    each = _weight(directives, otherwise=0)
    return InputWeight(each, {}) if each else None


def _fields_of_input(named: GraphQLInputObjectType, inputs: dict[str, InputWeight]) -> Mapping[str, InputWeight]:
    if named.name not in inputs:
        fields: dict[str, InputWeight] = {}
        # Known before it is filled, for inputs that hold others of their own kind.
        inputs[named.name] = InputWeight(0, fields)
        fields.update(
            (name, weight) for name, field in named.fields.items() if (weight := _input_weight(field, inputs))
        )
    return inputs[named.name].fields


def _weight(directives: Iterable[object], *, otherwise: int) -> int:
    said = _said(directives, Cost)
    return otherwise if said is None else int(said.weight)


def _said(directives: Iterable[object], kind: type[Said]) -> Said | None:
    return next((entry for entry in directives if isinstance(entry, kind)), None)
