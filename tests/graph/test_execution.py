"""Reading plain attributes without ceremony changes no answer: not a value, not an error, not where it happened."""

from datetime import date
from enum import Enum

import pytest
import strawberry
from strawberry.types import ExecutionResult

from membership.graph.operations.execution import Execution, plan_attributes


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.type
class Leaf:
    text: str
    number: int
    colour: Colour
    day: date
    maybe: str | None
    tags: list[str]

    @strawberry.field
    def shouted(self) -> str:
        return self.text.upper()


@strawberry.type
class Branch:
    leaf: Leaf
    maybe_leaf: Leaf | None


GOOD = {"text": "a", "number": 1, "colour": Colour.BLUE, "day": date(2026, 2, 28), "maybe": None, "tags": ["x"]}


def leaf_with(**changed: object) -> Leaf:
    return Leaf(**{**GOOD, **changed})  # type: ignore[arg-type] # wrong values are the point


async def answers(leaf: Leaf, document: str) -> tuple[ExecutionResult, ExecutionResult]:
    """By the shortened way, and by strawberry's own."""

    @strawberry.type
    class Query:
        @strawberry.field
        def branch(self) -> Branch:
            return Branch(leaf=leaf, maybe_leaf=leaf)

    shortened = strawberry.Schema(query=Query, execution_context_class=Execution)
    plan_attributes(shortened)
    plain = strawberry.Schema(query=Query)
    return await shortened.execute(document), await plain.execute(document)


EVERYTHING = "{ branch { again: __typename leaf { text number alias: colour day maybe tags shouted } } }"
MAYBE = "{ branch { maybeLeaf { text number colour day } } }"


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"maybe": "b"},
        {"text": None},
        {"number": None},
        {"number": 2**40},
        {"number": "many"},
        {"colour": "green"},
        {"colour": Colour.RED.value},
        {"day": "not a day"},
        {"maybe": 3},
        {"maybe": ValueError("returned, not raised")},
        {"tags": [None]},
    ],
    ids=str,
)
@pytest.mark.parametrize("document", [EVERYTHING, MAYBE])
async def test_answers_and_errors_are_the_engines_own(changed: dict[str, object], document: str) -> None:
    shortened, plain = await answers(leaf_with(**changed), document)
    assert shortened.data == plain.data
    assert [error.formatted for error in shortened.errors or ()] == [error.formatted for error in plain.errors or ()]


async def test_an_attribute_that_fails_fails_as_before() -> None:
    class Broken(Leaf):
        @property
        def text(self) -> str:  # type: ignore[override]
            raise LookupError("no text")

    broken = Broken.__new__(Broken)
    for name, value in GOOD.items():
        if name != "text":
            setattr(broken, name, value)
    shortened, plain = await answers(broken, MAYBE)
    assert shortened.data == plain.data == {"branch": {"maybeLeaf": None}}
    assert [error.formatted for error in shortened.errors or ()] == [error.formatted for error in plain.errors or ()]


async def test_a_resolver_is_still_asked() -> None:
    shortened, _ = await answers(leaf_with(), "{ branch { leaf { shouted } } }")
    assert shortened.data == {"branch": {"leaf": {"shouted": "A"}}}
