"""Validation in fewer steps finds what the engine's own finds, and is not reached by what limits refuse."""

import itertools

import graphql
import pytest
from graphql import parse

from membership.graph.operations import documents as module
from membership.graph.operations.documents import Documents, load_manifest
from membership.graph.operations.repeats import Repeats
from membership.graph.operations.validation import RULES, Traits, suggest, validate
from membership.graph.schema import MembershipSchema
from membership.kernel.actor import Role

WRONG = [
    "{ nothing }",
    "{ storess { nodes { id } } }",
    "{ stores(frst: 1) { nodes { id } } }",
    '{ store(by: {cod: "a"}) { id } }',
    "{ ... on Quer { __typename } }",
    "{ stores }",
    "{ stores { nodes { code { x } } } }",
    "{ stores(second: 1) { nodes { id } } }",
    "{ stores(first: 1, first: 2) { nodes { id } } }",
    '{ stores(first: "1") { nodes { id } } }',
    "{ store { id } }",
    '{ store(by: {code: "a", id: "b"}) { id } }',
    "{ store(by: {code: null}) { id } }",
    '{ store(by: {code: "a", code: "a"}) { id } }',
    "{ a: stores(first: 1) { nodes { id } } a: stores(first: 2) { nodes { id } } }",
    "{ stores { nodes { a: code } nodes { a: name } } }",
    "query ($a: Int) { stores { nodes { id } } }",
    "query ($a: Int, $a: Int) { stores(first: $a) { nodes { id } } }",
    "query ($a: String) { stores(first: $a) { nodes { id } } }",
    "query ($a: Store) { stores(first: $a) { nodes { id } } }",
    "query ($a: Nothing) { stores(first: $a) { nodes { id } } }",
    "{ stores(first: $a) { nodes { id } } }",
    "query ($a: Boolean) { stores @skip(if: $a) { nodes { id } } }",
    "query ($a: Int) { nodes(ids: [$a]) { id } }",
    "query ($a: Int) { ...F } fragment F on Query { stores(first: $b) { nodes { id } } }",
    "query ($a: String) { ...F } fragment F on Query { stores { nodes { floors { code @include(if: $a) } } } }",
    "{ ...Nowhere }",
    "fragment F on Query { __typename } { __typename }",
    "fragment F on Query { ...G } fragment G on Query { ...F } { ...F }",
    "fragment F on Query { __typename } fragment F on Query { __typename } { ...F }",
    "fragment F on Int { __typename } { ...F }",
    "{ ... on Card { id } }",
    "{ ... on Nothing { id } }",
    "{ stores { ... on StoreConnection { nodes { nothing } } } }",
    "{ __typename @nothing }",
    "{ __typename @skip }",
    "{ __typename @skip(if: true) @skip(if: true) }",
    "query @skip(if: true) { __typename }",
    "query A { __typename } query A { __typename }",
    "query A { __typename } { __typename }",
    "type A { a: Int } { __typename }",
    "subscription { __typename }",
    "subscription { a: stockLevels(poolIds: []) { held } b: stockLevels(poolIds: []) { held } }",
    "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
    "{ __type { name } }",
]


def told(errors: object) -> list[tuple[str, object]]:
    assert isinstance(errors, list)
    return [(error.message, error.locations) for error in errors]


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_document_gets_the_engines_own_errors(open_schema: MembershipSchema, text: str) -> None:
    schema, node = open_schema._schema, parse(text)
    operations = [entry for entry in node.definitions if isinstance(entry, graphql.OperationDefinitionNode)]
    repeats = Repeats(node)
    assert not repeats.are_too_many(operations)
    traits = Traits.read(text, namesakes=repeats.has_namesakes, introspection="__" in text)
    found = list(validate(schema, node, traits, most_errors=100))

    assert found
    assert told(found) == told(graphql.validate(schema, node, RULES, hide_suggestions=True))


@pytest.mark.parametrize("text", WRONG)
def test_what_may_have_been_meant_is_told_as_the_engine_does(open_schema: MembershipSchema, text: str) -> None:
    """Where it finds one fault: no document with more is looked at again."""
    schema, node = open_schema._schema, parse(text)
    with_suggestions = graphql.validate(schema, node, RULES)
    without = graphql.validate(schema, node, RULES, hide_suggestions=True)

    assert len(with_suggestions) > 1 or told(list(suggest(schema, node)) or without) == told(with_suggestions)


def test_right_documents_have_no_errors(open_schema: MembershipSchema) -> None:
    nothing = Traits()
    for text in itertools.islice(load_manifest().values(), 0, None, 4):
        node = parse(text)
        assert validate(open_schema._schema, node, nothing, most_errors=5) == []


BEYOND = [
    "{ a" * 11 + "}" * 11,
    "{ " + " ".join(f"a{number}: __typename" for number in range(16)) + " }",
    "{ " + "__typename @skip(if: false) " * 51 + "}",
    "{ " + "__typename " * 201 + "}",
    "{ " + "stores { __typename } " * 37 + "}",
    "{ " + "__typename " * 999 + "}",
    " " * 12_001,
    "fragment F on Query { __typename } { "
    + "...F " * 3
    + "} "
    + " ".join(
        f"fragment F{number} on Query {{ {' '.join(f'...F{other}' for other in range(number))} __typename }}"
        for number in range(28)
    ),
]


@pytest.mark.parametrize("text", BEYOND)
def test_what_a_limit_refuses_is_not_validated(
    open_schema: MembershipSchema, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("validated")

    monkeypatch.setattr(module, "validate", never)
    documents = Documents(open_schema._schema, {}, takes_text=True, introspection=True)
    (code,) = {(error.extensions or {})["code"] for error in documents.find(None, text).errors}
    assert code.startswith(("TOO_", "DOCUMENT_TOO_"))


def test_what_is_too_long_is_not_even_read(open_schema: MembershipSchema, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(module, "parse", never)
    documents = Documents(open_schema._schema, {}, takes_text=True, introspection=True)
    (error,) = documents.find(None, "{ __typename }".ljust(12_001)).errors
    assert (error.extensions or {})["code"] == "DOCUMENT_TOO_LARGE"


def test_only_the_first_errors_are_looked_for(open_schema: MembershipSchema) -> None:
    documents = Documents(open_schema._schema, {}, takes_text=True, introspection=True)
    errors = documents.find(None, "{ " + " ".join(f"a{number}" for number in range(480)) + " }").errors
    assert len(errors) == 5


class TestSuggestions:
    def test_a_single_slip_is_told_what_may_have_been_meant(self, open_schema: MembershipSchema) -> None:
        documents = Documents(open_schema._schema, {}, takes_text=True, introspection=True)
        (error,) = documents.find(None, "{ store_s { nodes { id } } }").errors
        assert "Did you mean 'stores'" in error.message

    def test_nobody_is_where_introspection_is_off(self, open_schema: MembershipSchema) -> None:
        documents = Documents(open_schema._schema, {}, takes_text=True, introspection=False)
        (error,) = documents.find(None, "{ store_s { nodes { id } } }").errors
        assert "Did you mean" not in error.message


class TestKeeping:
    def test_nonsense_does_not_drive_out_what_is_run(self, open_schema: MembershipSchema) -> None:
        documents = Documents(open_schema._schema, {}, takes_text=True, introspection=True)
        kept = documents.find(None, "{ stores { nodes { id } } }")
        for number in range(300):
            documents.find(None, f"{{ nonsense{number} }}")
        assert documents.find(None, "{ stores { nodes { id } } }") is kept

    def test_what_the_caller_may_not_run_is_neither_validated_nor_kept(self, open_schema: MembershipSchema) -> None:
        documents = Documents(open_schema._schema, {}, takes_text=True, introspection=True)
        text = "{ memberHome { membership { nothing } } }"
        unseen = documents.find(None, text, lambda _: False)
        assert (unseen.node, unseen.errors) == (module.NO_DOCUMENT, ())
        assert unseen.access[None].roles == {Role.MEMBER}
        (code,) = {(error.extensions or {})["code"] for error in documents.find(None, text).errors}
        assert code == "GRAPHQL_VALIDATION_FAILED"

    def test_a_refusal_is_kept_without_what_it_was_made_of(self, open_schema: MembershipSchema) -> None:
        documents = Documents(open_schema._schema, {}, takes_text=True, introspection=True)
        refused = documents.find(None, "{\n  nonsense }")
        (error,) = refused.errors
        assert refused.node is module.NO_DOCUMENT
        assert (error.nodes, error.source) == (None, None)
        assert [(where.line, where.column) for where in error.locations or ()] == [(2, 3)]
