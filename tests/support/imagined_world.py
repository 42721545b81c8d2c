"""An answer to any operation on the golden schema: lists as long as it allows, abstract types of any kind."""

from collections.abc import Mapping
from random import Random

from graphql import (
    GraphQLEnumType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
)

from support.actual_cost import stated

_LEAVES: Mapping[str, object] = {"Int": 7, "Float": 0.5, "Boolean": True}


class ImaginedWorld:
    """For one operation: `resolve` is its field resolver. `objects`: how many lists may hold together."""

    def __init__(self, schema: GraphQLSchema, random: Random, objects: int = 250) -> None:
        self._schema = schema
        self._random = random
        self._objects = objects

    def resolve(self, source: object, info: GraphQLResolveInfo[object], **arguments: object) -> object:
        found = info.parent_type.fields[info.field_name]
        longest = stated(found, "listSize", "assumedSize", None)
        for path in _texts(stated(found, "listSize", "slicingArguments", [])):
            longest = _asked(arguments, path.split("."), longest)
        sized = _texts(stated(found, "listSize", "sizedFields", []))
        if sized:
            return self._value(found.type, None, dict.fromkeys(sized, longest))
        if longest is None and isinstance(source, dict):
            longest = source["sizes"].get(info.field_name)
        return self._value(found.type, longest, {})

    def _value(self, kind: GraphQLOutputType, longest: object, sizes: Mapping[str, object]) -> object:
        named, bare = get_named_type(kind), get_nullable_type(kind)
        if kind is bare and self._random.random() < 0.1:
            return None
        if is_list_type(bare):
            return [self._one(named, sizes) for _ in range(self._size(named, longest))]
        return self._one(named, sizes)

    def _size(self, named: GraphQLNamedType, longest: object) -> int:
        if not is_composite_type(named):
            return self._random.choice((0, 1, 3))
        assert isinstance(longest, int), f"how long may a list of {named.name} be?"
        size = min(longest, self._random.choice((0, 1, 2, longest, longest)))
        if size > self._objects:
            size = min(size, 2)
        self._objects -= size
        return size

    def _one(self, named: GraphQLNamedType, sizes: Mapping[str, object]) -> object:
        if is_abstract_type(named):
            named = self._random.choice(self._schema.get_possible_types(named))
        if isinstance(named, GraphQLObjectType):
            return {"__typename": named.name, "sizes": sizes}
        if isinstance(named, GraphQLEnumType):
            return next(iter(named.values))
        return _LEAVES.get(named.name, "a text")


def _asked(arguments: Mapping[str, object], path: list[str], otherwise: object) -> object:
    value: object = arguments
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if value is None:
        return otherwise
    return len(value) if isinstance(value, list) else value


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return value
