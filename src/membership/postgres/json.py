"""JSON columns. No codec is set on connections: pgqueuer encodes its own and would be encoded twice."""

from typing import TypeAlias

import orjson

JsonValue: TypeAlias = "str | int | bool | list[JsonValue] | dict[str, JsonValue] | None"
Json: TypeAlias = dict[str, JsonValue]


def to_json(value: object) -> str:
    """Text for a `$n::jsonb` parameter. Takes dataclasses, UUIDs, dates and enums as orjson does."""
    return orjson.dumps(value).decode()


def from_json(text: str) -> Json:
    """A JSON object read from a jsonb column."""
    value = orjson.loads(text)
    if not isinstance(value, dict):
        raise TypeError("expected a JSON object")
    return value
