"""A campaign as a file that people edit: TOML, so that last year's anniversary is next year's draft.

The file holds the content alone. Its code is given at import, since a copy needs another one. What equals its default
is left out; reading puts it back, so that a round trip is exact.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time
from enum import Enum
from typing import TypeAlias

from pydantic import BaseModel, ValidationError

from membership.campaigns.content import CampaignContent
from membership.campaigns.errors import UnreadableDocument

MOST_CHARACTERS = 90_000
MOST_DOTS = 100

Plain: TypeAlias = "str | int | bool | date | time | list[Plain] | dict[str, Plain]"

_CODE = re.compile(r"^[A-Z0-9][A-Z0-9_-]{0,39}\Z")
_BARE_KEY = re.compile(r"^[A-Za-z0-9_-]+$")


def export(content: CampaignContent) -> str:
    """The file of a campaign's content."""
    plain = _plain_document(content)
    values = [f"{_key(key)} = {_inline(value)}" for key, value in plain.items() if not _is_table(value)]
    tables = [block for key, value in plain.items() if _is_table(value) for block in _tables(key, value)]
    return "\n\n".join(["\n".join(values), *tables]) + "\n"


def read(document: str, *, year: int | None = None) -> CampaignContent:
    """The content of a file, moved to another year if one is given: its dates keep month and day.

    Raises UnreadableDocument, with the place of what is wrong.
    """
    if len(document) > MOST_CHARACTERS:
        raise UnreadableDocument("", f"it has more than {MOST_CHARACTERS} characters")
    # A key of 40,000 parts kept the standard library's reader busy for a minute and a half.
    for number, line in enumerate(document.split("\n"), start=1):
        if line.count(".") > MOST_DOTS:
            raise UnreadableDocument(f"line {number}", f"it has more than {MOST_DOTS} dots")
    try:
        values = tomllib.loads(document)
    except RecursionError:
        raise UnreadableDocument("", "its values are nested too deep") from None
    except ValueError as error:  # of which TOMLDecodeError is one; the other is a number of thousands of digits
        raise UnreadableDocument("", str(error)) from None
    return parse(values if year is None else _in_year(values, year))


def parse(values: Mapping[str, object]) -> CampaignContent:
    """The content that plain values say. Raises UnreadableDocument."""
    try:
        return CampaignContent.model_validate(values)
    except ValidationError as error:
        raise _unreadable(error, values) from None


def _unreadable(error: ValidationError, values: Mapping[str, object]) -> UnreadableDocument:
    """The first thing that is wrong; its value is not repeated."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return UnreadableDocument(_place(first["loc"], values), first["msg"])


def _place(loc: tuple[int | str, ...], values: Mapping[str, object]) -> str:
    """Within a rule by the rule's code and kind, where it has a code: nobody counts the rules of a file."""
    match loc:
        case ("rules", int(position), *rest) if code := _code_of_rule(values, position):
            kind = f" ({rest[0]})" if rest else ""
            return ", ".join([f"rule {code}{kind}", *([_dotted(rest[1:])] if rest[1:] else [])])
        case _:
            return _dotted(loc)


def _code_of_rule(values: Mapping[str, object], position: int) -> str | None:
    rules = values.get("rules")
    rule = rules[position] if isinstance(rules, list | tuple) else None
    code = rule.get("code") if isinstance(rule, Mapping) else None
    return code if isinstance(code, str) and _CODE.match(code) else None


def _dotted(loc: Iterable[int | str]) -> str:
    return ".".join(str(part) for part in loc)


def _in_year(values: dict[str, object], year: int) -> dict[str, object]:
    calendar = values.get("calendar")
    written = calendar.get("year") if isinstance(calendar, dict) else None
    if not isinstance(calendar, dict) or type(written) is not int:
        raise UnreadableDocument("calendar.year", "a year is needed to move the campaign from")
    values["calendar"] = {**calendar, "year": year}
    return {key: _moved(value, year - written, key) for key, value in values.items()}


def _moved(value: object, years: int, place: str) -> object:
    """Every date, so many years later; no other value is a date."""
    if isinstance(value, dict):
        return {key: _moved(entry, years, f"{place}.{key}") for key, entry in value.items()}
    if isinstance(value, list):
        return [_moved(entry, years, f"{place}.{position}") for position, entry in enumerate(value)]
    if type(value) is date:
        try:
            return value.replace(year=value.year + years)
        except (ValueError, OverflowError):
            raise UnreadableDocument(place, f"{value} does not exist {years:+} years from then") from None
    return value


def _plain_document(document: BaseModel) -> dict[str, Plain]:
    """Without what equals its default; `kind` stays, since it tells which of several documents it is.

    No field is both nullable and otherwise by default, so that null never has to be written: TOML has none.
    """
    plain: dict[str, Plain] = {}
    for name, field in type(document).model_fields.items():
        value = getattr(document, name)
        if name == "kind" or field.is_required() or value != field.default:
            plain[name] = _plain(value)
    return plain


def _plain(value: object) -> Plain:
    match value:
        case BaseModel():
            return _plain_document(value)
        case dict():
            return {str(key): _plain(entry) for key, entry in value.items()}
        case tuple():
            return [_plain(entry) for entry in value]
        case Enum():
            return str(value.value)
        case str() | int() | date() | time():
            return value
        case _:
            raise TypeError(f"{type(value).__name__} cannot be written")


def _is_table(value: Plain) -> bool:
    """Written as a table, or as several: a document, which names are not, or a list of documents."""
    if isinstance(value, dict):
        return not all(isinstance(entry, str) for entry in value.values())
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _tables(key: str, value: Plain) -> Iterator[str]:
    if isinstance(value, dict):
        yield "\n".join([f"[{key}]", *_lines(value)])
    elif isinstance(value, list):
        for entry in value:
            if isinstance(entry, dict):
                yield "\n".join([f"[[{key}]]", *_lines(entry)])


def _lines(table: Mapping[str, Plain]) -> Iterable[str]:
    return (f"{_key(key)} = {_inline(value)}" for key, value in table.items())


def _inline(value: Plain) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            # A JSON string is a TOML string, but for a character that JSON leaves as it is.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case date() | time():
            return value.isoformat()
        case list():
            return f"[{', '.join(_inline(entry) for entry in value)}]"
        case dict():
            entries = ", ".join(f"{_key(key)} = {_inline(entry)}" for key, entry in value.items())
            return f"{{ {entries} }}" if entries else "{}"


def _key(key: str) -> str:
    return key if _BARE_KEY.match(key) else json.dumps(key, ensure_ascii=False)
