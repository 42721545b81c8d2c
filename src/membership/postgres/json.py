"""JSON columns. No codec is set on connections: pgqueuer encodes its own and would be encoded twice."""

import hashlib
from typing import TypeAlias
from uuid import UUID

import orjson

JsonValue: TypeAlias = "str | int | bool | list[JsonValue] | dict[str, JsonValue] | None"
Json: TypeAlias = dict[str, JsonValue]


def to_json(value: object) -> str:
    """Text for a `$n::jsonb` parameter. Takes dataclasses, UUIDs, dates and enums as orjson does."""
    return orjson.dumps(value, default=_plain).decode()


def digest(value: object) -> bytes:
    """SHA-256 of a JSON-able value, whatever the order of its keys: tells whether a request is the same again."""
    body = orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(body).digest()


def _plain(value: object) -> str:
    """asyncpg's UUID is a subclass, which orjson does not take for one."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON-able")


def from_json(text: str) -> Json:
    """A JSON object read from a jsonb column."""
    value = orjson.loads(text)
    if not isinstance(value, dict):
        raise TypeError("expected a JSON object")
    return value
