"""GraphQL types from pydantic documents, so that what a campaign may say is written once.

A document becomes an object type and an input type of the same fields, each with the description that stands under it
in Python. A discriminated union becomes a union, and an input of which exactly one field is sent. A document of nothing
but its kind is an input that says true.
"""

import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import strawberry
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from membership.graph.kit.scalars import MinorUnits, Points

Members: typing.TypeAlias = tuple[type[BaseModel], ...]


@strawberry.type(description="A name in one language.")
class LocalisedName:
    locale: str = strawberry.field(description="The language as a BCP 47 tag, such as zh-CN.")
    name: str = strawberry.field(description="The name.")


@strawberry.input(description="A name in one language.")
class LocalisedNameInput:
    locale: str = strawberry.field(description="The language as a BCP 47 tag, such as zh-CN.")
    name: str = strawberry.field(description="The name.")


@dataclass(slots=True)
class DocumentTypes:
    """The types of a family of documents. `names`: those whose Python name would say too little in the whole schema.
    `unions`: the name of each discriminated union, by its members in their order. Enums are described elsewhere."""

    names: Mapping[type[BaseModel], str]
    unions: Mapping[Members, str]
    module: str
    _outputs: dict[type[BaseModel], type] = field(default_factory=dict)
    _inputs: dict[type[BaseModel], type] = field(default_factory=dict)
    _output_unions: dict[Members, object] = field(default_factory=dict)
    _input_unions: dict[Members, type] = field(default_factory=dict)

    def output(self, document: type[BaseModel]) -> type:
        """The object type of a document."""
        if document not in self._outputs:
            fields = {name: self._output_field(entry, name) for name, entry in document.model_fields.items()}
            made = _class(self._name(document), self.module, fields)
            self._outputs[document] = strawberry.type(made, description=_summary(document))
        return self._outputs[document]

    def output_union(self, members: Members) -> object:
        if members not in self._output_unions:
            name = self.unions[members]
            union = strawberry.union(name, description=f"One of: {_listed(members)}.")
            self._output_unions[members] = typing.Annotated[
                typing.Union[tuple(self.output(member) for member in members)],  # noqa: UP007 - made at run time
                union,
            ]
        return self._output_unions[members]

    def input(self, document: type[BaseModel]) -> type:
        """The input type of a document."""
        if document not in self._inputs:
            fields = {
                name: self._input_field(entry, name) for name, entry in document.model_fields.items() if name != "kind"
            }
            made = _class(f"{self._name(document)}Input", self.module, fields)
            self._inputs[document] = strawberry.input(made, description=_summary(document))
        return self._inputs[document]

    def input_union(self, members: Members) -> type:
        """One nullable field for each member, of which exactly one is sent."""
        if members not in self._input_unions:
            fields: dict[str, tuple[object, object]] = {}
            for member in members:
                says_true = set(member.model_fields) == {"kind"}
                kind: object = bool if says_true else self.input(member)
                about = _summary(member) + (" Send true." if says_true else "")
                fields[_snake(self._name(member))] = (
                    typing.Optional[kind],  # noqa: UP045 - made at run time
                    strawberry.field(default=strawberry.UNSET, description=about),
                )
            made = _class(f"{self.unions[members]}Input", self.module, fields)
            described = f"Exactly one of: {_listed(members)}."
            self._input_unions[members] = strawberry.input(made, one_of=True, description=described)
        return self._input_unions[members]

    def shown(self, value: object) -> object:
        """A document, or what it holds, as GraphQL gives it."""
        match value:
            case BaseModel():
                shape = self.output(type(value))
                return shape(**{name: self.shown(getattr(value, name)) for name in type(value).model_fields})
            case dict():
                return [LocalisedName(locale=locale, name=name) for locale, name in value.items()]
            case tuple():
                return [self.shown(entry) for entry in value]
            case _:
                return value

    def plain(self, document: type[BaseModel], sent: object) -> dict[str, object]:
        """What was sent for a document, as plain values for pydantic to judge. What was not sent is left out, and so is
        a null where there is a default that is not."""
        values: dict[str, object] = {}
        for name, entry in document.model_fields.items():
            value = getattr(sent, name, strawberry.UNSET)
            if name == "kind":
                values[name] = entry.default
            elif value is not strawberry.UNSET and (value is not None or entry.default is None):
                values[name] = self._plain(entry.annotation, value)
        return values

    def _plain(self, annotation: object, value: object) -> object:
        shape = shape_of(annotation)
        plain: object
        match shape:
            case _ if value is None:
                plain = None
            case Names():
                plain = {entry.locale: entry.name for entry in typing.cast("list[LocalisedNameInput]", value)}
            case Many(of):
                plain = [self._plain(of, entry) for entry in typing.cast("list[object]", value)]
            case OneOf(members):
                plain = self._plain_of_one(members, value)
            case One(document):
                plain = self.plain(document, value)
            case Value():
                plain = value.value if isinstance(value, Enum) else value
        return plain

    def _plain_of_one(self, members: Members, value: object) -> object:
        for member in members:
            sent = getattr(value, _snake(self._name(member)), strawberry.UNSET)
            if sent is True:
                return {"kind": member.model_fields["kind"].default}
            if sent is not strawberry.UNSET and sent is not None and sent is not False:
                return self.plain(member, sent)
        # The schema lets exactly one through; `false` alone is left, and pydantic says what is missing.
        return {}

    def _output_field(self, entry: FieldInfo, name: str) -> tuple[object, object]:
        described = entry.description or "Which kind of document it is."
        return self._annotation(entry.annotation, name, self.output, self.output_union, LocalisedName), (
            strawberry.field(description=described)
        )

    def _input_field(self, entry: FieldInfo, name: str) -> tuple[object, object]:
        annotation = self._annotation(entry.annotation, name, self.input, self.input_union, LocalisedNameInput)
        described = entry.description or ""
        if entry.is_required():
            return annotation, strawberry.field(description=described)
        # Absent and null are two things where a default is not null.
        optional: object = typing.Optional[annotation]  # noqa: UP045 - made at run time
        return optional, strawberry.field(default=strawberry.UNSET, description=described + _default(entry.default))

    def _annotation(
        self,
        annotation: object,
        name: str,
        document: Callable[[type[BaseModel]], type],
        union: Callable[[Members], object],
        localised: type,
    ) -> object:
        shape = shape_of(annotation)
        made: object
        match shape:
            case Names():
                made = list[localised]  # type: ignore[valid-type]
            case Many(of):
                inner = self._annotation(of, name, document, union, localised)
                made = list[inner]  # type: ignore[valid-type]
            case OneOf(members):
                made = union(members)
            case One(of_type):
                made = document(of_type)
            case Value(of_value):
                made = _unit(name) if of_value is int else of_value
        return typing.Optional[made] if _is_optional(annotation) else made  # noqa: UP045 - made at run time

    def _name(self, document: type[BaseModel]) -> str:
        return self.names.get(document, document.__name__)


@dataclass(frozen=True, slots=True)
class Names:
    """A name by locale."""


@dataclass(frozen=True, slots=True)
class Many:
    of: object


@dataclass(frozen=True, slots=True)
class OneOf:
    members: Members


@dataclass(frozen=True, slots=True)
class One:
    document: type[BaseModel]


@dataclass(frozen=True, slots=True)
class Value:
    of: object


Shape: typing.TypeAlias = Names | Many | OneOf | One | Value


def shape_of(annotation: object) -> Shape:
    """What a field of a document holds, whether or not it may be absent."""
    bare = _bare(annotation)
    origin, inner = typing.get_origin(bare), typing.get_args(bare)
    if origin is dict:
        return Names()
    if origin is tuple:
        return Many(inner[0])
    if _is_union(bare):
        return OneOf(inner)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return One(bare)
    return Value(str if origin is typing.Literal else bare)


def members_of(union: object) -> Members:
    """The documents of a discriminated union."""
    shape = shape_of(union)
    if not isinstance(shape, OneOf):
        raise TypeError(f"{union} is no union of documents")
    return shape.members


def _class(name: str, module: str, fields: Mapping[str, tuple[object, object]]) -> type:
    body: dict[str, object] = {key: made for key, (_, made) in fields.items()}
    body["__annotations__"] = {key: annotation for key, (annotation, _) in fields.items()}
    body["__module__"] = module
    return type(name, (), body)


def _summary(document: type[BaseModel]) -> str:
    return " ".join((document.__doc__ or "").partition("\n\n")[0].split())


def _listed(members: Sequence[type[BaseModel]]) -> str:
    return "; ".join(_summary(member).rstrip(".")[:1].lower() + _summary(member).rstrip(".")[1:] for member in members)


def _default(value: object) -> str:
    """Says what stands for an absent value, where the description does not need to."""
    if isinstance(value, Enum):
        return f" {value.value} if absent."
    if type(value) is int:
        return f" {value} if absent."
    return ""


def _unit(name: str) -> object:
    """As `errors` chooses for facts: amounts outgrow GraphQL's 32-bit Int."""
    if name.endswith("_minor"):
        return MinorUnits
    if name == "points" or name.startswith("cap_points"):
        return Points
    return int


def _bare(annotation: object) -> object:
    """Without Annotated and Optional."""
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif _is_optional(annotation):
            inner = tuple(part for part in typing.get_args(annotation) if part is not types.NoneType)
            annotation = typing.Union[inner]  # noqa: UP007 - made at run time
        else:
            return annotation


def _is_optional(annotation: object) -> bool:
    return _is_union(annotation) and types.NoneType in typing.get_args(annotation)


def _is_union(annotation: object) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
