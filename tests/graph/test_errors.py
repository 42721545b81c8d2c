"""Refusals: every DomainError has a GraphQL type, and resolvers just raise them."""

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from typing import Annotated

import pytest
import strawberry
from graphql import GraphQLObjectType
from strawberry.schema.config import StrawberryConfig

import membership
from membership.graph.kit.errors import REFUSALS, RefusalCode, as_refusal
from membership.graph.kit.fields import mutation, query
from membership.graph.kit.scalars import SCALARS
from membership.kernel.errors import DomainError
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.errors import UnknownStore, UnknownTill


def every_refusal() -> set[type[DomainError]]:
    """Found in the modules themselves, not in the registry that the map is built from."""
    found: set[type[DomainError]] = set()
    for module_info in pkgutil.walk_packages(membership.__path__, "membership."):
        if module_info.name.startswith(("membership.cli", "membership.__main__")):
            continue
        module = importlib.import_module(module_info.name)
        for _, thing in inspect.getmembers(module, inspect.isclass):
            if issubclass(thing, DomainError) and "code" in thing.__dict__:
                found.add(thing)
    return found


def test_the_map_of_refusals_is_complete() -> None:
    codes = {refusal.code for refusal in every_refusal()}

    assert codes == set(REFUSALS) == set(RefusalCode.__members__)


def test_every_refusal_is_a_described_type_with_its_facts() -> None:
    schema = strawberry.Schema(Look, types=REFUSALS.values(), config=StrawberryConfig(scalar_map=dict(SCALARS)))
    for refusal in every_refusal():
        code = refusal.code
        type_ = schema._schema.type_map[refusal.__name__]
        assert isinstance(type_, GraphQLObjectType), code
        assert [interface.name for interface in type_.interfaces] == ["Refusal"]
        assert type_.description, code
        assert all(field.description for field in type_.fields.values()), code
        assert len(type_.fields) == 3 + len(inspect.signature(refusal).parameters), code


def test_amounts_among_the_facts_may_exceed_32_bits() -> None:
    type_ = REFUSALS["TENDERS_DO_NOT_ADD_UP"]
    hints = type_.__annotations__
    amounts = {str(annotation) for name, annotation in hints.items() if name.endswith("_minor")}
    assert amounts == {"membership.graph.kit.scalars.MinorUnits"}


def test_as_refusal_carries_code_message_field_and_facts() -> None:
    refusal = as_refusal(IdempotencyConflict("key-1"))

    assert type(refusal).__name__ == "IdempotencyConflict"
    assert (refusal.code, refusal.field) == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")
    assert "key-1" in refusal.message
    assert refusal.__dict__["key"] == "key-1"


@strawberry.type
class OpenTillPayload:
    till: str


@strawberry.type
class Tills:
    @mutation(UnknownTill, IdempotencyConflict, description="Opens a till.")
    async def open_till(self, till: Annotated[str, strawberry.argument(description="Which.")]) -> OpenTillPayload:
        if till == "lost":
            raise UnknownTill(till)
        if till == "elsewhere":
            raise UnknownStore("somewhere")
        return OpenTillPayload(till=till)


@strawberry.type
class Look:
    @query(UnknownTill, description="Looks at a till.")
    async def till(self) -> OpenTillPayload:
        raise UnknownTill("lost")


@pytest.fixture(scope="module")
def small_schema() -> strawberry.Schema:
    return strawberry.Schema(query=Look, mutation=Tills)


DOCUMENT = """
mutation ($till: String!) {
  openTill(till: $till) {
    __typename
    ... on OpenTillPayload { till }
    ... on Refusal { code message field }
    ... on UnknownTill { lost: till }
  }
}
"""


async def test_a_mutation_answers_with_its_payload(small_schema: strawberry.Schema) -> None:
    result = await small_schema.execute(DOCUMENT, {"till": "T1"})

    assert result.errors is None
    assert result.data == {"openTill": {"__typename": "OpenTillPayload", "till": "T1"}}


async def test_a_declared_refusal_is_an_answer(small_schema: strawberry.Schema) -> None:
    result = await small_schema.execute(DOCUMENT, {"till": "lost"})

    assert result.errors is None
    assert result.data is not None
    assert result.data["openTill"] == {
        "__typename": "UnknownTill",
        "code": "UNKNOWN_TILL",
        "message": UnknownTill("lost").message,
        "field": None,
        "lost": "lost",
    }


async def test_a_query_may_refuse_too(small_schema: strawberry.Schema) -> None:
    result = await small_schema.execute("{ till { ... on Refusal { code } } }")

    assert result.data == {"till": {"code": "UNKNOWN_TILL"}}


async def test_an_undeclared_refusal_is_no_answer(small_schema: strawberry.Schema) -> None:
    result = await small_schema.execute(DOCUMENT, {"till": "elsewhere"})

    assert result.data is None
    assert result.errors is not None
    assert isinstance(result.errors[0].original_error, UnknownStore)


def test_the_result_union_is_named_after_its_field(small_schema: strawberry.Schema) -> None:
    union = small_schema._schema.type_map["OpenTillResult"]
    names = [type_.name for type_ in union.types]  # type: ignore[attr-defined]

    assert names == ["OpenTillPayload", "UnknownTill", "IdempotencyConflict"]


def test_a_refusal_whose_facts_hide_a_common_field_is_a_mistake() -> None:
    from membership.graph.kit import errors

    @dataclass(eq=False)
    class Confusing(DomainError):
        """Confuses."""

        message: str = "x"

    with pytest.raises(TypeError, match="Confusing"):
        errors._refusal_type(Confusing)
