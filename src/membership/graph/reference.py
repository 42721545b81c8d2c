"""The schema as a reader wants it: what can be asked, by slice, who may ask it, and which documents do.

Everything is taken from the schema, the permissions and the trusted documents, so that it cannot say anything else.
"""

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    ast_from_value,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
    parse,
    print_ast,
    print_type,
)
from graphql.language import OperationDefinitionNode, OperationType
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

from membership.graph.operations.documents import Manifest
from membership.graph.operations.limits import Surveyor
from membership.graph.permissions import access_to
from membership.kernel.actor import Role
from membership.kernel.errors import DomainError

_ROOTS = ("Query", "Mutation", "Subscription")
_REFUSAL = "Refusal"
_KINDS: tuple[tuple[type[GraphQLNamedType], str], ...] = (
    (GraphQLObjectType, "types"),
    (GraphQLInputObjectType, "inputs"),
    (GraphQLEnumType, "enums"),
    (GraphQLUnionType, "unions"),
    (GraphQLInterfaceType, "interfaces"),
)
_UNPLACED = "all slices"


@dataclass(frozen=True, slots=True)
class TypeText:
    """`[Coupon!]!` in three pieces, of which the middle one is the name of a type."""

    before: str
    name: str
    after: str


@dataclass(frozen=True, slots=True)
class Value:
    """An argument, a field of an input, or a value of an enum (which has no type)."""

    name: str
    description: str
    type: TypeText | None
    default: str | None = None
    deprecated: str | None = None


@dataclass(frozen=True, slots=True)
class FieldEntry:
    """`roles` None: needs no token. Empty: whoever reaches the object."""

    name: str
    description: str
    type: TypeText
    arguments: tuple[Value, ...]
    roles: tuple[str, ...] | None
    deprecated: str | None


@dataclass(frozen=True, slots=True)
class TrustedDocument:
    """A document that clients send by its id, and the roles that may run it (None: everybody, without a token)."""

    id: str
    name: str
    text: str
    roles: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class TypeEntry:
    """Any named type. What a kind does not have is empty: `values` are of enums and inputs, `members` of unions and
    interfaces, `code` of refusals."""

    name: str
    kind: str
    slice: str
    description: str
    fields: tuple[FieldEntry, ...]
    values: tuple[Value, ...]
    members: tuple[str, ...]
    interfaces: tuple[str, ...]
    used_by: tuple[str, ...]
    sdl: str
    code: str | None


@dataclass(frozen=True, slots=True)
class RootEntry:
    """A field of Query, Mutation or Subscription with everything that one needs to send it."""

    root: str
    slice: str
    field: FieldEntry
    inputs: tuple[TypeEntry, ...]
    answers: tuple[TypeEntry, ...]
    refusals: tuple[TypeEntry, ...]
    documents: tuple[TrustedDocument, ...]


class SchemaReference:
    """Reads the schema once; the documents when one is asked for first, which takes some tenths of a second."""

    def __init__(self, schema: GraphQLSchema, manifest: Manifest) -> None:
        self._schema = schema
        self._manifest = manifest
        self._types = {
            name: named
            for name, named in sorted(schema.type_map.items())
            if not is_introspection_type(named) and name not in _ROOTS
        }
        self._used_by = _uses(schema)
        self._codes = {refusal.__name__: code for code, refusal in DomainError.known_codes().items()}

    def roots(self) -> Mapping[str, Mapping[str, tuple[FieldEntry, ...]]]:
        """By `Query`, `Mutation`, `Subscription`, then by slice."""
        found: dict[str, dict[str, list[FieldEntry]]] = {}
        for root in _ROOTS:
            by_slice: dict[str, list[FieldEntry]] = defaultdict(list)
            for name, field in sorted(self._root_fields(root).items()):
                by_slice[_slice_of_field(field)].append(_field_entry(root, name, field))
            if by_slice:
                found[root] = dict(sorted(by_slice.items()))
        return {root: {place: tuple(fields) for place, fields in slices.items()} for root, slices in found.items()}

    def type_names(self) -> Mapping[str, tuple[str, ...]]:
        """By kind."""
        by_kind: dict[str, list[str]] = defaultdict(list)
        for name, named in self._types.items():
            by_kind[_kind(named)].append(name)
        return {kind: tuple(names) for kind, names in sorted(by_kind.items())}

    def type(self, name: str) -> TypeEntry | None:
        named = self._types.get(name)
        return None if named is None else self._type_entry(named)

    def root(self, root: str, name: str) -> RootEntry | None:
        field = self._root_fields(root).get(name)
        if field is None:
            return None
        members = _members(get_named_type(field.type), self._schema)
        refusals = {member for member in members if self._is_refusal(member)}
        inputs = {get_named_type(argument.type).name for argument in field.args.values()}
        return RootEntry(
            root,
            _slice_of_field(field),
            _field_entry(root, name, field),
            inputs=tuple(self._entries(kind for kind in inputs if not is_specified_scalar_type(self._types[kind]))),
            answers=tuple(self._entries(member for member in members if member not in refusals)),
            refusals=tuple(self._entries(refusals)),
            documents=self._documents.get(f"{root}.{name}", ()),
        )

    def _root_fields(self, root: str) -> Mapping[str, GraphQLField]:
        named = self._schema.type_map.get(root) if root in _ROOTS else None
        return named.fields if isinstance(named, GraphQLObjectType) else {}

    def _entries(self, names: Iterable[str]) -> Iterator[TypeEntry]:
        for name in sorted(names):
            yield self._type_entry(self._types[name])

    def _is_refusal(self, name: str) -> bool:
        named = self._types[name]
        return isinstance(named, GraphQLObjectType) and any(face.name == _REFUSAL for face in named.interfaces)

    def _type_entry(self, named: GraphQLNamedType) -> TypeEntry:
        fields: tuple[FieldEntry, ...] = ()
        interfaces: tuple[str, ...] = ()
        if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
            fields = tuple(_field_entry(named.name, *entry) for entry in named.fields.items())
            interfaces = tuple(face.name for face in named.interfaces)
        return TypeEntry(
            name=named.name,
            kind=_kind(named),
            slice=_slice_of_type(named),
            description=named.description or "",
            fields=fields,
            values=_values(named),
            members=_members(named, self._schema) if not isinstance(named, GraphQLObjectType) else (),
            interfaces=interfaces,
            used_by=tuple(sorted(self._used_by.get(named.name, ()))),
            sdl=print_type(named),
            code=self._codes.get(named.name) if self._is_refusal(named.name) else None,
        )

    @functools.cached_property
    def _documents(self) -> Mapping[str, tuple[TrustedDocument, ...]]:
        by_field: dict[str, list[TrustedDocument]] = defaultdict(list)
        for identity, text in self._manifest.items():
            document = parse(text)
            surveyor = Surveyor(self._schema, document)
            for operation in document.definitions:
                if isinstance(operation, OperationDefinitionNode):
                    coordinates = surveyor.operation(operation).coordinates
                    entry = TrustedDocument(
                        identity, operation.name.value if operation.name else "", text, _roles_of(coordinates)
                    )
                    for coordinate in coordinates:
                        if coordinate.partition(".")[0] == _root_of(operation.operation):
                            by_field[coordinate].append(entry)
        return {field: tuple(sorted(found, key=lambda document: document.name)) for field, found in by_field.items()}


def _root_of(operation: OperationType) -> str:
    return operation.value.capitalize()


def _roles_of(coordinates: Iterable[str]) -> tuple[str, ...] | None:
    access = access_to(coordinates)
    return None if access.is_public else tuple(role.value for role in Role if role in access.roles)


def _field_entry(parent: str, name: str, field: GraphQLField) -> FieldEntry:
    roles = _roles_of([f"{parent}.{name}"])
    if roles is None and parent not in _ROOTS:
        roles = ()
    return FieldEntry(
        name,
        field.description or "",
        _type_text(field.type),
        tuple(_value(argument_name, argument) for argument_name, argument in field.args.items()),
        roles,
        field.deprecation_reason,
    )


def _value(name: str, value: GraphQLArgument | GraphQLInputField) -> Value:
    literal = None if value.default_value is Undefined else ast_from_value(value.default_value, value.type)
    default = None if literal is None else print_ast(literal)
    return Value(name, value.description or "", _type_text(value.type), default, value.deprecation_reason)


def _values(named: GraphQLNamedType) -> tuple[Value, ...]:
    if isinstance(named, GraphQLEnumType):
        return tuple(
            Value(name, value.description or "", None, deprecated=value.deprecation_reason)
            for name, value in named.values.items()
        )
    if isinstance(named, GraphQLInputObjectType):
        return tuple(_value(name, field) for name, field in named.fields.items())
    return ()


def _type_text(of: object) -> TypeText:
    text = str(of)
    name = text.strip("[]!")
    before, _, after = text.partition(name)
    return TypeText(before, name, after)


def _members(named: GraphQLNamedType, schema: GraphQLSchema) -> tuple[str, ...]:
    """The types behind one: of a union or an interface all of them, of an object itself."""
    if isinstance(named, GraphQLUnionType | GraphQLInterfaceType):
        return tuple(sorted(possible.name for possible in schema.get_possible_types(named)))
    return (named.name,) if isinstance(named, GraphQLObjectType) else ()


def _kind(named: GraphQLNamedType) -> str:
    # Instances of subclasses, some of them: strawberry has an enum type of its own.
    return next((name for kind, name in _KINDS if isinstance(named, kind)), "scalars")


def _slice_of_field(field: GraphQLField) -> str:
    definition = field.extensions.get("strawberry-definition")
    resolver = definition.base_resolver if isinstance(definition, StrawberryField) else None
    return _slice_of_module(resolver.wrapped_func.__module__ if resolver else "")


def _slice_of_type(named: GraphQLNamedType) -> str:
    definition = named.extensions.get("strawberry-definition")
    if isinstance(definition, StrawberryObjectDefinition):
        return _slice_of_module(definition.origin.__module__)
    if isinstance(definition, StrawberryEnumDefinition):
        return _slice_of_module(definition.wrapped_cls.__module__)
    return _UNPLACED


def _slice_of_module(module: str) -> str:
    """`membership.graph.tills.fields` and `membership.tills.model` → `tills`."""
    _, first, second, *_ = *module.split("."), "", "", ""
    place = second if first == "graph" else first
    return _UNPLACED if place in ("", "kit", "operations", "kernel") else place


def _uses(schema: GraphQLSchema) -> Mapping[str, set[str]]:
    """For each type, the coordinates that name it."""
    used: dict[str, set[str]] = defaultdict(set)
    for parent in schema.type_map.values():
        if is_introspection_type(parent):
            continue
        if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in parent.fields.items():
                used[_name_of(field.type)].add(f"{parent.name}.{name}")
                for argument in field.args.values():
                    used[get_named_type(argument.type).name].add(f"{parent.name}.{name}")
        elif isinstance(parent, GraphQLInputObjectType):
            for name, entry in parent.fields.items():
                used[get_named_type(entry.type).name].add(f"{parent.name}.{name}")
        elif isinstance(parent, GraphQLUnionType):
            for member in parent.types:
                used[member.name].add(parent.name)
    return used


def _name_of(of: GraphQLOutputType) -> str:
    return get_named_type(of).name
