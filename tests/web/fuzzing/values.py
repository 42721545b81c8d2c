"""Variables for operations: such as clients send, and then damaged."""

import base64
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from uuid import UUID

import orjson
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
)

from membership.graph.kit.relay import global_id
from support.walls_world import Walls

HOSTILE: Sequence[object] = (
    *(None, True, False, [], {}, [None], [[]], {"": None}, {"__proto__": {}}),
    *("", " ", "\0", "a\0b", "\\u0000", "\ud800", "\u202e", "\ufeff", "é" * 300, "𝕏" * 50, "x" * 5_000, "\r\nX: y"),
    *("' OR 1=1; --", "%s%n", "{{7*7}}", "${7*7}", "../../etc/passwd", "<script>", "null", "NaN", "-1", "1e400"),
    *(-1, 0, 101, 10**6, 2**31, -(2**31) - 1, 2**53, -(2**53), 2**63, -(2**64), 10**400, 0.1, -0.0, 1e308),
    *(float("nan"), float("inf"), float("-inf")),
    *("0001-01-01", "9999-12-31", "2025-02-30", "10000-01-01", "-0001-01-01", "2025-1-1", "20250513"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2025-05-14T10:00:00", "1970-01-01T00:00:00Z"),
    *("00:00", "24:00", "23:59:60", "10", "NOT_A_VALUE", "ACTIVE", "+86", "+86138001380001234567", "880000000000"),
    *("VGVzdA", "TWVtYmVyOg", "TWVtYmVyOgAA", "=", "====", "é", "Member:1"),
)


def nested(depth: int, leaf: object = 1, *, in_lists: bool) -> object:
    value = leaf
    for _ in range(depth):
        value = [value] if in_lists else {"a": value}
    return value


@dataclass
class Values:
    """`known`: global ids by type; every name such as `memberId` is looked up there."""

    rng: Random
    walls: Walls
    known: Mapping[str, Sequence[str]]
    words: Sequence[str]
    keys: int = 0
    cursors: list[str] = field(default_factory=list)

    def of(self, type_: GraphQLInputType, name: str = "", *, depth: int = 0) -> object:
        """What a client would send."""
        rng = self.rng
        if isinstance(type_, GraphQLNonNull):
            return self.of(type_.of_type, name, depth=depth)
        if isinstance(type_, GraphQLList):
            return [self.of(type_.of_type, name.removesuffix("s"), depth=depth) for _ in range(rng.choice((1, 1, 2)))]
        if isinstance(type_, GraphQLEnumType):
            return rng.choice(list(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(type_, depth)
        return self._scalar(type_.name, name)

    def damaged(self, variables: dict[str, object]) -> dict[str, object]:
        """The same but for one to three things."""
        whole: dict[str, object] = {"": copy.deepcopy(variables)}
        for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
            if places := _places(whole):
                self._damage(*self.rng.choice(places))
        damaged = whole.get("")
        return damaged if isinstance(damaged, dict) else {"input": damaged}

    def hostile(self) -> object:
        rng = self.rng
        match rng.randrange(12):
            case 0:
                return nested(rng.choice((3, 40, 400)), in_lists=rng.random() < 0.5)
            case 1:
                return self._any_id()
            case 2:
                return self._cursor()
            case _:
                return copy.deepcopy(rng.choice(HOSTILE))

    def _damage(self, holder: dict[str, object] | list[object], key: str | int) -> None:
        rng, value = self.rng, holder[key]  # type: ignore[index]
        change: object
        match rng.randrange(8):
            case 0 if isinstance(holder, dict):
                del holder[key]  # type: ignore[arg-type]
                return
            case 1 if isinstance(holder, dict):
                holder[rng.choice(("unknown", "", "__typename", "é", "id"))] = self.hostile()
                return
            case 2:
                change = [value] * rng.choice((0, 1, 300))
            case 3 if isinstance(value, str):
                change = value[: rng.randrange(len(value) + 1)] + rng.choice(("", "\0", "x", "\ud800", "9" * 40))
            case 4 if isinstance(value, int):
                change = rng.choice(
                    (-value, value + 1, value * 10**12, -(10**400), value / 2 if abs(value) < 2**53 else 0.5)
                )
            case _:
                change = self.hostile()
        holder[key] = change  # type: ignore[index]

    def _object(self, type_: GraphQLInputObjectType, depth: int) -> dict[str, object]:
        if type_.is_one_of:
            name = self.rng.choice(list(type_.fields))
            return {name: self.of(type_.fields[name].type, name, depth=depth + 1)}
        share = 0.5 if depth < 4 else 0.1
        return {
            name: self.of(entry.type, name, depth=depth + 1)
            for name, entry in type_.fields.items()
            if is_required_input_field(entry) or self.rng.random() < share
        }

    def _scalar(self, type_name: str, name: str) -> object:  # noqa: PLR0911 - one for each scalar
        rng, now = self.rng, self.walls.clock.now()
        match type_name:
            case "ID":
                return self._id(name)
            case "Int" | "Points" | "MinorUnits":
                return rng.choice((0, 1, 1, 2, 5, 30, 100, 10_000))
            case "Float":
                return rng.choice((0, 0.5, 1))
            case "Boolean":
                return rng.random() < 0.5
            case "LocalDate":
                return (now + timedelta(days=rng.choice((-1, 0, 1, 2, 7)))).date().isoformat()
            case "DateTime":
                return (now + timedelta(minutes=rng.choice((-60, -1, 0, 45, 1_500)))).isoformat()
            case "LocalTime":
                return rng.choice(("10:00", "18:30"))
            case "CardNumber":
                return rng.choice([place.card_number for place in self.walls.places.values()])
            case _:
                return self._cursor() if name == "after" else rng.choice(self.words)

    def _id(self, name: str) -> str:
        if name == "idempotencyKey":
            self.keys += self.rng.random() < 0.9
            return f"fuzz-{self.keys}"
        stem = name.removesuffix("Ids").removesuffix("Id")
        of_type = self.known.get(stem[:1].upper() + stem[1:])
        return self.rng.choice(of_type) if of_type and self.rng.random() < 0.9 else self._any_id()

    def _any_id(self) -> str:
        rng = self.rng
        if rng.random() < 0.2:
            return global_id(rng.choice(("Member", "Nothing", "", "Sale\0")), UUID(int=rng.getrandbits(128)))
        found = rng.choice(self.known[rng.choice(list(self.known))])
        return found[:-3] if rng.random() < 0.2 else found

    def _cursor(self) -> str:
        if self.cursors and self.rng.random() < 0.5:
            return self.rng.choice(self.cursors)
        key = [self.rng.choice(("by_code", "entries", "sales", 7)), *(self._text_for_key() for _ in range(2))]
        return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")

    def _text_for_key(self) -> str:
        return self.rng.choice(("A", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+00:00", str(UUID(int=1)), "\0", ""))


def _places(value: object) -> "list[tuple[dict[str, object] | list[object], str | int]]":
    """Every place in it where something stands."""
    found: list[tuple[dict[str, object] | list[object], str | int]] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += [(value, key), *_places(inner)]
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            found += [(value, place), *_places(inner)]
    return found
