"""Operations made up from the schema: right ones, of every shape that a client may think of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
)

MAX_DEPTH = 6
MOST_FIELDS = 8

MakeLeaf = Callable[[Random, str], object]
"""A value for a scalar of that name."""


@dataclass(frozen=True, slots=True)
class Operation:
    text: str
    variables: Mapping[str, object]


@dataclass(slots=True)
class _Draft:
    definitions: list[str] = field(default_factory=list)
    variables: dict[str, object] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)
    aliases: int = 0
    fields: int = 0


class RandomOperations:
    """Always the same ones for the same seed. `make_leaf`: what scalars are sent. `roots`: fields to begin with, all
    of a kind if empty."""

    def __init__(self, schema: GraphQLSchema, seed: int, make_leaf: MakeLeaf, roots: Sequence[str] = ()) -> None:
        self._schema = schema
        self._random = Random(seed)
        self._make_leaf = make_leaf
        self._roots = roots

    def make(self, kind: str = "query") -> Operation:
        """A query or a mutation."""
        draft = _Draft()
        root = self._schema.query_type if kind == "query" else self._schema.mutation_type
        assert root is not None
        names = list(self._roots or root.fields)
        count = self._random.choice((1, 1, 1, 2)) if kind == "query" else 1
        chosen = [self._field(draft, name, root.fields[name], 1, 0) for name in self._sample(names, count)]
        declared = f"({', '.join(draft.definitions)})" if draft.definitions else ""
        body = " ".join(entry for entry in chosen if entry)
        return Operation(f"{kind} Made{declared} {{ __typename {body} }} {' '.join(draft.fragments)}", draft.variables)

    def _sample(self, entries: Sequence[str], count: int) -> list[str]:
        return self._random.sample(entries, min(count, len(entries)))

    def _field(self, draft: _Draft, name: str, found: GraphQLField, depth: int, lists: int) -> str:
        """Empty where it would be too deep."""
        inside = get_named_type(found.type)
        lists += is_list_type(get_nullable_type(found.type))
        selection = ""
        if not is_leaf_type(inside):
            if depth >= MAX_DEPTH or lists > 2:
                return ""
            selection = self._selection(draft, inside, depth + 1, lists)
        draft.fields += 1
        alias = ""
        if draft.aliases < 10 and self._random.random() < 0.1:
            draft.aliases += 1
            alias = f"a{draft.aliases}: "
        return f"{alias}{name}{self._arguments(draft, found)}{self._directive(draft)}{selection}"

    def _directive(self, draft: _Draft) -> str:
        if self._random.random() > 0.05:
            return ""
        name, value = self._random.choice(("skip", "include")), self._random.random() < 0.5
        if self._random.random() < 0.5:
            return f" @{name}(if: {'true' if value else 'false'})"
        return f" @{name}(if: {self._variable(draft, 'Boolean!', value)})"

    def _selection(self, draft: _Draft, parent: GraphQLNamedType, depth: int, lists: int) -> str:
        """With the type of each object, so that it can be told afterwards what was resolved."""
        parts = ["__typename"]
        if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            parts.extend(self._fields(draft, parent, depth, lists))
        if is_abstract_type(parent):
            possible = self._schema.get_possible_types(parent)
            for kind in self._random.sample(possible, min(2, len(possible))):
                fields = " ".join(self._fields(draft, kind, depth, lists))
                parts.append(f"... on {kind.name} {{ __typename {fields} }}")
        elif self._random.random() < 0.15:
            name = f"F{len(draft.fragments)}"
            draft.fragments.append("")
            fields = " ".join(self._fields(draft, parent, depth, lists))
            draft.fragments[int(name[1:])] = f"fragment {name} on {parent.name} {{ __typename {fields} }}"
            parts.append(f"...{name}")
        return f" {{ {' '.join(part for part in parts if part)} }}"

    def _fields(self, draft: _Draft, parent: GraphQLNamedType, depth: int, lists: int) -> list[str]:
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        if draft.fields > MOST_FIELDS:
            return []
        names = self._sample(list(parent.fields), self._random.choice((1, 2, 3, 4)))
        return [self._field(draft, name, parent.fields[name], depth, lists) for name in names]

    def _arguments(self, draft: _Draft, found: GraphQLField) -> str:
        sent = [
            f"{name}: {self._argument(draft, name, argument)}"
            for name, argument in found.args.items()
            if is_required_argument(argument) or self._random.random() < 0.5
            if name != "after"
        ]
        return f"({', '.join(sent)})" if sent else ""

    def _argument(self, draft: _Draft, name: str, argument: GraphQLArgument) -> str:
        if name == "first":
            return self._first(draft)
        return self._variable(draft, str(argument.type), self._value(argument.type, 0))

    def _first(self, draft: _Draft) -> str:
        size = self._random.choice((0, 1, 2, 3, 5, 20, 100, None))
        written = "null" if size is None else str(size)
        way = self._random.random()
        if way < 0.5:
            return written
        if way < 0.75:
            return self._variable(draft, "Int", size)
        # Absent, so that its default counts.
        name = f"v{len(draft.definitions)}"
        draft.definitions.append(f"${name}: Int = {written}")
        return f"${name}"

    def _variable(self, draft: _Draft, kind: str, value: object) -> str:
        name = f"v{len(draft.definitions)}"
        draft.definitions.append(f"${name}: {kind}")
        draft.variables[name] = value
        return f"${name}"

    def _value(self, kind: GraphQLInputType, depth: int) -> object:
        if isinstance(kind, GraphQLNonNull):
            return self._value(kind.of_type, depth)
        if isinstance(kind, GraphQLList):
            return [self._value(kind.of_type, depth + 1) for _ in range(self._random.choice((0, 1, 2, 5)))]
        if isinstance(kind, GraphQLEnumType):
            return self._random.choice(list(kind.values))
        if isinstance(kind, GraphQLInputObjectType):
            return self._input(kind, depth)
        return self._make_leaf(self._random, str(kind))

    def _input(self, kind: GraphQLInputObjectType, depth: int) -> dict[str, object]:
        if kind.is_one_of:
            names = [self._random.choice(list(kind.fields))]
        else:
            names = [
                name
                for name, entry in kind.fields.items()
                if is_required_input_field(entry) or (depth < 4 and self._random.random() < 0.4)
            ]
        return {name: self._value(kind.fields[name].type, depth + 1) for name in names}
