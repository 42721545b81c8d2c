"""Input objects from coerced values, by a plan that is made once per type.

Strawberry finds out anew for every field of every object which type and name it has: of a sale with 30 lines that was
0.8 ms, more than all the rest of its GraphQL. `from_input` is strawberry's own hook for types that build themselves.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import TypeAlias, cast

import strawberry
from strawberry.types.arguments import InputContext
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    StrawberryType,
    get_object_definition,
)
from strawberry.types.lazy_type import LazyType

from membership.graph.operations.faults import bad_user_input
from membership.kernel.payment_cards import mask_payment_cards
from membership.postgres.idempotency import LONGEST_KEY, is_key

Convert: TypeAlias = Callable[[object, InputContext], object]


def plan_inputs(schema: strawberry.Schema) -> None:
    """Gives every input type of the schema its plan."""
    for concrete in schema.schema_converter.type_map.values():
        definition = concrete.definition
        if isinstance(definition, StrawberryObjectDefinition) and definition.is_input:
            definition.from_input = _builder(schema, definition)


def _builder(
    schema: strawberry.Schema, definition: StrawberryObjectDefinition
) -> Callable[[type, Mapping[str, object], InputContext], object]:
    names = schema.config.name_converter
    plan = [
        (
            names.from_field(field),
            field.python_name,
            _idempotency_key
            if field.python_name == "idempotency_key"
            else _converter(field.resolve_type(type_definition=definition)),
        )
        for field in definition.fields
    ]
    # The engine has checked that required fields are there, so None is only for optional ones without a default.
    absent: dict[str, object] = {
        field.python_name: None
        for field in definition.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }

    def build(cls: type, value: Mapping[str, object], context: InputContext) -> object:
        given = absent.copy()
        for name, attribute, convert in plan:
            if name in value:
                entry = value[name]
                given[attribute] = entry if convert is None or entry is None else convert(entry, context)
        return cls(**given)

    return build


def _idempotency_key(value: object, _: InputContext) -> object:
    """Every input's key, whichever type it is in. Raises BAD_USER_INPUT."""
    key = str(value)
    if not is_key(key):
        raise bad_user_input(f"`idempotencyKey` takes 1 to {LONGEST_KEY} characters that are not all spaces.")
    if mask_payment_cards(key) != key:
        # Not ours to hold; but a key of a date and a number may look like one by chance, and a receipt that was
        # paid must not be refused for it. A digest is as good a key.
        return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    return value


def _converter(kind: StrawberryType | type) -> Convert | None:
    """How to convert a value that is not null; None where it is right as it is."""
    if isinstance(kind, StrawberryMaybe):
        return lambda value, context: context.convert(value, kind)
    if isinstance(kind, StrawberryOptional):
        return _converter(kind.of_type)
    if isinstance(kind, LazyType):
        return _converter(kind.resolve_type())
    if isinstance(kind, StrawberryList):
        return _list_converter(_converter(kind.of_type))
    definition = get_object_definition(kind)
    if definition is None:
        return None
    return _object_converter(cast(type, kind), definition)


def _list_converter(convert: Convert | None) -> Convert:
    if convert is None:
        return lambda value, _: list(cast(list[object], value))

    def convert_list(value: object, context: InputContext) -> object:
        return [None if item is None else convert(item, context) for item in cast(list[object], value)]

    return convert_list


def _object_converter(cls: type, definition: StrawberryObjectDefinition) -> Convert:
    def convert_object(value: object, context: InputContext) -> object:
        # Asked for late: the inner type's plan may be made after the outer one's.
        build = definition.from_input
        if build is None:
            raise TypeError(f"{cls.__name__} has no plan")
        return build(cls, cast(Mapping[str, object], value), context)

    return convert_object
