"""What clients send for a campaign's content: as JSON, and as the objects that strawberry makes of it."""

import re
from datetime import date, time
from enum import Enum

from pydantic import BaseModel

from membership.graph.campaigns.content import TYPES
from membership.graph.kit.document_types import LocalisedNameInput


def sent(document: BaseModel) -> dict[str, object]:
    """As JSON: in camel case, without what is null, and with the one field that says which kind it is."""
    fields = {_camel(name): _sent(value) for name, value in _fields(document).items() if value is not None}
    if "kind" not in type(document).model_fields:
        return fields
    name = _name(document)
    return {name[:1].lower() + name[1:]: fields or True}


def as_input(document: BaseModel) -> object:
    """As an input object."""
    return TYPES.input(type(document))(**{name: _as_input(value) for name, value in _fields(document).items()})


def _sent(value: object) -> object:
    if isinstance(value, BaseModel):
        return sent(value)
    if isinstance(value, dict):
        return [{"locale": locale, "name": name} for locale, name in value.items()]
    if isinstance(value, tuple):
        return [_sent(entry) for entry in value]
    if isinstance(value, date | time):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def _as_input(value: object) -> object:
    if isinstance(value, BaseModel) and "kind" in type(value).model_fields:
        members = next(members for members in TYPES.unions if type(value) in members)
        return TYPES.input_union(members)(**{_snake(_name(value)): as_input(value) if _fields(value) else True})
    if isinstance(value, BaseModel):
        return as_input(value)
    if isinstance(value, dict):
        return [LocalisedNameInput(locale=locale, name=name) for locale, name in value.items()]
    return [_as_input(entry) for entry in value] if isinstance(value, tuple) else value


def _fields(document: BaseModel) -> dict[str, object]:
    return {name: getattr(document, name) for name in type(document).model_fields if name != "kind"}


def _name(document: BaseModel) -> str:
    return TYPES.names.get(type(document), type(document).__name__)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
