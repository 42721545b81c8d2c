"""Input objects are built by a plan, and come out as strawberry itself would build them."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import pytest
import strawberry
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from membership.graph.kit.fields import field
from membership.graph.kit.inputs import plan_inputs
from membership.graph.kit.scalars import SCALARS, Points
from membership.graph.operations.faults import code_of


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


strawberry.enum(Colour)


@strawberry.input
class Leaf:
    number: int
    points: Points = Points(7)
    colour: Colour | None = None
    tags: list[str] = strawberry.field(default_factory=list)
    long_name: str | None = strawberry.UNSET


@strawberry.input(one_of=True)
class Either:
    text: str | None = strawberry.UNSET
    leaf: Leaf | None = strawberry.UNSET


@strawberry.input
class Tree:
    leaves: list[Leaf]
    sparse: list[Leaf | None] | None = None
    either: Either | None = None
    child: Annotated["Tree", strawberry.lazy(".test_inputs")] | None = None
    colours: list[Colour] | None = None
    must: int | None


@strawberry.input
class Sowing:
    idempotency_key: strawberry.ID


@dataclass
class Seen:
    trees: list[Tree]


SEEN = Seen([])


@strawberry.type
class Query:
    @field(description="Keeps what it gets.")
    async def plant(self, tree: Tree) -> int:
        SEEN.trees.append(tree)
        return 1

    @field(description="Gives the key back.")
    async def sow(self, sowing: Sowing) -> str:
        return sowing.idempotency_key


def make_schema() -> strawberry.Schema:
    return strawberry.Schema(Query, config=StrawberryConfig(scalar_map=dict(SCALARS)))


DOCUMENT = "query ($tree: Tree!) { plant(tree: $tree) }"

leaves = st.fixed_dictionaries(
    {"number": st.integers(-9, 9)},
    optional={
        "points": st.integers(0, 2**53 - 1),
        "colour": st.sampled_from(["RED", "BLUE", None]),
        "tags": st.lists(st.text(max_size=3), max_size=3),
        "longName": st.none() | st.text(max_size=3),
    },
)
trees = st.recursive(
    st.fixed_dictionaries(
        {"leaves": st.lists(leaves, max_size=3)},
        optional={
            "must": st.none() | st.integers(0, 9),
            "sparse": st.none() | st.lists(st.none() | leaves, max_size=3),
            "either": st.none() | st.fixed_dictionaries({"text": st.text(max_size=3)})
            | st.fixed_dictionaries({"leaf": leaves}),
            "colours": st.none() | st.lists(st.sampled_from(["RED", "BLUE"]), max_size=3),
        },
    ),
    lambda inner: st.builds(lambda tree, child: {**tree, "child": child}, inner, inner),
    max_leaves=3,
)  # fmt: skip


async def planted(schema: strawberry.Schema, tree: object) -> Tree:
    SEEN.trees.clear()
    result = await schema.execute(DOCUMENT, {"tree": tree})
    assert result.errors is None
    (seen,) = SEEN.trees
    return seen


@given(trees)
async def test_a_planned_input_equals_strawberrys_own(tree: object) -> None:
    definitions = [Leaf.__strawberry_definition__, Either.__strawberry_definition__, Tree.__strawberry_definition__]  # type: ignore[attr-defined]
    for definition in definitions:
        definition.from_input = None
    theirs = await planted(make_schema(), tree)

    schema = make_schema()
    plan_inputs(schema)
    assert all(definition.from_input is not None for definition in definitions)
    assert await planted(schema, tree) == theirs


async def test_literals_and_defaults_are_built_too() -> None:
    schema = make_schema()
    plan_inputs(schema)
    SEEN.trees.clear()
    result = await schema.execute("{ plant(tree: {leaves: [{number: 1, colour: RED}], either: {leaf: {number: 2}}}) }")

    assert result.errors is None
    assert SEEN.trees == [
        Tree(leaves=[Leaf(number=1, colour=Colour.RED)], either=Either(leaf=Leaf(number=2)), must=None)
    ]


async def test_lists_of_defaults_are_not_shared_between_requests() -> None:
    schema = make_schema()
    plan_inputs(schema)
    first = await planted(schema, {"leaves": [{"number": 1}]})
    first.leaves[0].tags.append("mine")
    second = await planted(schema, {"leaves": [{"number": 1}]})

    assert second.leaves[0].tags == []


@pytest.mark.parametrize(
    "either", [{}, {"text": "a", "leaf": None}, {"text": "a", "leaf": {"number": 1}}, {"text": None}]
)
async def test_one_of_still_takes_exactly_one(either: object) -> None:
    schema = make_schema()
    plan_inputs(schema)
    result = await schema.execute(DOCUMENT, {"tree": {"leaves": [], "either": either}})

    assert result.errors is not None


SOW = "query ($key: ID!) { sow(sowing: {idempotencyKey: $key}) }"


@pytest.mark.parametrize("key", ["", " ", "\t\u3000", "k" * 201])
async def test_a_key_that_cannot_be_one_is_the_clients_fault(key: str) -> None:
    schema = make_schema()
    plan_inputs(schema)
    result = await schema.execute(SOW, {"key": key})

    assert [code_of(error) for error in result.errors or ()] == ["BAD_USER_INPUT"]
    assert "`idempotencyKey`" in (result.errors or [])[0].message


@pytest.mark.parametrize("key", ["k", "键" * 200, "a key", 7])
async def test_any_other_key_is_taken(key: str | int) -> None:
    schema = make_schema()
    plan_inputs(schema)
    result = await schema.execute(SOW, {"key": key})

    assert result.errors is None
    assert result.data == {"sow": str(key)}


@pytest.mark.parametrize("key", ["4111 1111 1111 1111", "20261112-000009"])
async def test_a_key_that_looks_like_a_payment_card_is_kept_as_a_digest(key: str) -> None:
    schema = make_schema()
    plan_inputs(schema)
    first, again = [await schema.execute(SOW, {"key": key}) for _ in range(2)]

    assert first.errors is None
    assert first.data is not None
    assert re.fullmatch("sha256:[0-9a-f]{64}", first.data["sow"])
    assert again.data == first.data
