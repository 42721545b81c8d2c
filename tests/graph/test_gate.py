"""What every operation passes: documents, limits, permissions, masking."""

from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from graphql import OperationDefinitionNode, get_introspection_query, parse

from membership.graph import permissions
from membership.graph.operations.documents import (
    Documents,
    Manifest,
    ManifestDrift,
    document_id,
    load_manifest,
    read_manifest,
)
from membership.graph.operations.limits import Surveyor
from membership.graph.permissions import access_to
from membership.graph.schema import MembershipSchema, build_schema
from membership.graph.stores import queries as stores_queries
from membership.kernel.actor import Role
from support.operations import CORRELATION_ID, Run, actor, codes

HELLO = "query Hello { __typename }"


class TestTrustedDocuments:
    async def test_production_runs_a_document_by_its_id(self, run_with_manifest: Callable[[Manifest], Run]) -> None:
        run = run_with_manifest({document_id(HELLO): HELLO})
        result = await run(None, document_id=document_id(HELLO))

        assert result.errors is None
        assert result.data == {"__typename": "Query"}

    async def test_production_runs_no_text(self, run_with_manifest: Callable[[Manifest], Run]) -> None:
        run = run_with_manifest({document_id(HELLO): HELLO})

        # Not even the text of a trusted document, and not for an administrator.
        assert codes(await run(HELLO, caller=actor(Role.ADMIN))) == ["TRUSTED_DOCUMENT_REQUIRED"]

    @pytest.mark.parametrize("identity", ["sha256:0000", "", document_id("{ other }")])
    async def test_an_unknown_id_is_refused(
        self, run_with_manifest: Callable[[Manifest], Run], run: Run, identity: str
    ) -> None:
        production = run_with_manifest({document_id(HELLO): HELLO})

        assert codes(await production(None, document_id=identity)) == ["TRUSTED_DOCUMENT_UNKNOWN"]
        assert codes(await run(HELLO, document_id=identity)) == ["TRUSTED_DOCUMENT_UNKNOWN"]
        assert codes(await run(None, document_id=identity, operation_name="X")) == ["TRUSTED_DOCUMENT_UNKNOWN"]

    async def test_an_id_that_is_no_text_is_refused(self, run: Run) -> None:
        assert codes(await run(None, document_id=7)) == ["BAD_REQUEST"]

    async def test_a_trusted_document_beats_the_text_beside_it(
        self, run_with_manifest: Callable[[Manifest], Run]
    ) -> None:
        run = run_with_manifest({document_id(HELLO): HELLO})
        result = await run("{ nonsense }", document_id=document_id(HELLO))

        assert result.data == {"__typename": "Query"}

    async def test_production_answers_no_introspection(self, run_with_manifest: Callable[[Manifest], Run]) -> None:
        asking = "query Asking { __schema { types { name } } }"
        run = run_with_manifest({document_id(asking): asking})

        assert codes(await run(None, document_id=document_id(asking))) == ["INTROSPECTION_OFF"]

    async def test_open_answers_introspection(self, run: Run) -> None:
        result = await run(get_introspection_query(input_value_deprecation=True))
        assert result.errors is None


class TestManifest:
    def test_the_trusted_documents_of_the_service_are_those_that_were_hashed(self) -> None:
        manifest = load_manifest()

        assert manifest
        assert all(identity == document_id(text) for identity, text in manifest.items())

    def test_a_changed_document_stops_the_service_from_starting(self, tmp_path: Path) -> None:
        (tmp_path / "manifest.json").write_text(f'{{"{document_id(HELLO)}": "Hello.graphql"}}', encoding="utf-8")
        (tmp_path / "Hello.graphql").write_text(HELLO, encoding="utf-8")
        assert read_manifest(tmp_path) == {document_id(HELLO): HELLO}

        (tmp_path / "Hello.graphql").write_text(HELLO + " ", encoding="utf-8")
        with pytest.raises(ManifestDrift, match=r"Hello\.graphql"):
            read_manifest(tmp_path)


class TestKeeping:
    def test_a_document_is_prepared_once(self, open_schema: MembershipSchema) -> None:
        documents = Documents(open_schema._schema, {}, takes_text=True, introspection=True)

        assert documents.find(None, HELLO) is documents.find(None, HELLO)
        assert documents.find(None, "{ nonsense }") is documents.find(None, "{ nonsense }")

    def test_texts_are_kept_up_to_a_limit_the_last_used_longest(self, open_schema: MembershipSchema) -> None:
        documents = Documents(open_schema._schema, {}, takes_text=True, introspection=True)
        first, second = documents.find(None, "{ a }"), documents.find(None, "{ b }")
        for number in range(255):
            documents.find(None, "{ a }")
            documents.find(None, f"{{ field{number} }}")

        assert documents.find(None, "{ a }") is first
        assert documents.find(None, "{ b }") is not second


NESTED = """{
  store(by: {code: "N"}) { counters { nodes { store { counters { nodes { store { floors { code } } } } } } } }
}"""


class TestLimits:
    @pytest.mark.parametrize(
        ("document", "code"),
        [
            ("{", "GRAPHQL_PARSE_FAILED"),
            ("", "GRAPHQL_PARSE_FAILED"),
            ("{}", "GRAPHQL_PARSE_FAILED"),
            ('{ store(by: {code: "A"}) {} }', "GRAPHQL_PARSE_FAILED"),
            ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
            ("{ " + "__typename " * 999 + "}", "TOO_MANY_TOKENS"),
            ("{ " + " ".join(f"a{n}: __typename" for n in range(16)) + " }", "TOO_MANY_ALIASES"),
            ("{ " + "__typename @skip(if: false) " * 51 + "}", "TOO_MANY_DIRECTIVES"),
            ("{ a" * 11 + "}" * 11, "TOO_DEEP"),
            (NESTED, "LISTS_TOO_DEEP"),
            ("fragment F on Query { ...F } { ...F }", "GRAPHQL_VALIDATION_FAILED"),
            ("fragment F on Query { __typename }", "GRAPHQL_VALIDATION_FAILED"),
            ("{ a" * 333 + "}" * 333, "TOO_DEEP"),
            ("{ nodes(ids: " + "[" * 490 + "]" * 490 + ") { id } }", "TOO_DEEP"),
        ],
    )
    async def test_a_document_beyond_a_limit_is_refused_by_code(self, run: Run, document: str, code: str) -> None:
        result = await run(document)

        assert set(codes(result)) == {code}
        assert result.data is None

    async def test_what_fragments_repeat_is_counted_each_time(self, run: Run) -> None:
        # 2 aliases, doubled by each of 40 fragments: made to explode, and refused at once.
        fragments = "fragment F0 on Query { a: __typename b: __typename } " + " ".join(
            f"fragment F{n} on Query {{ ...F{n - 1} ...F{n - 1} }}" for n in range(1, 41)
        )
        assert codes(await run(fragments + " { ...F40 }")) == ["TOO_MANY_ALIASES"]

    @pytest.mark.parametrize(
        ("document", "code"),
        [
            # Each of them alone is told of; all of them would be an answer a hundred times as long as the question.
            ("fragment F on Query " + "{ a " * 12 + "} " * 12 + "{ ...F } " * 110, "TOO_DEEP"),
            ("fragment F on Query { __schema { __typename } } " + "{ ...F } " * 110, "INTROSPECTION_OFF"),
        ],
    )
    async def test_a_fault_that_many_operations_share_is_told_a_few_times(self, document: str, code: str) -> None:
        documents = Documents(build_schema()._schema, {}, takes_text=True, introspection=False)
        errors = documents.find(None, document).errors

        assert {(error.extensions or {})["code"] for error in errors} == {code}
        assert len(errors) <= 10

    async def test_what_an_interface_does_not_have_is_looked_up_for_none_of_its_types(self) -> None:
        schema = build_schema()._schema
        node = parse("{ node(id: 1) { id " + " ".join(f"nothing{n}" for n in range(100)) + " } }")
        (operation,) = (entry for entry in node.definitions if isinstance(entry, OperationDefinitionNode))
        survey = Surveyor(schema, node).operation(operation)

        assert "Query.node" in survey.coordinates
        assert "Store.id" in survey.coordinates
        assert not [coordinate for coordinate in survey.coordinates if "nothing" in coordinate]

    async def test_depth_counts_through_fragments(self, run: Run) -> None:
        fragments = " ".join(f"fragment F{n} on Store {{ programme {{ ...G{n} }} }}" for n in range(1))
        deep = "a { " * 10 + "b" + " }" * 10
        assert codes(await run(f"{fragments} fragment G0 on Programme {{ {deep} }} {{ store {{ ...F0 }} }}")) == [
            "TOO_DEEP"
        ]

    @pytest.mark.parametrize(
        "document",
        [
            "{ nodes(ids: [" + '"" ' * 488 + "]) { id } }",
            "{ " + " ".join(f"a{n}: __typename" for n in range(15)) + " }",
            "{ " + "__typename @skip(if: false) " * 50 + "}",
        ],
    )
    async def test_what_is_just_within_the_limits_runs(self, run: Run, document: str) -> None:
        refused = set(codes(await run(document, caller=actor(Role.TILL))))
        assert refused <= {"BAD_USER_INPUT"}

    async def test_the_operation_must_be_clear(self, run: Run) -> None:
        two = "query A { __typename } query B { __typename }"

        assert codes(await run(two)) == ["OPERATION_NOT_FOUND"]
        assert codes(await run(two, operation_name="C")) == ["OPERATION_NOT_FOUND"]
        assert (await run(two, operation_name="B")).data == {"__typename": "Query"}


class TestPermissions:
    async def test_a_field_needs_a_token_and_a_role(self, run: Run) -> None:
        assert codes(await run('{ node(id: "x") { id } }')) == ["UNAUTHENTICATED"]

    async def test_an_alias_or_a_fragment_hides_no_field(self, run: Run) -> None:
        for document in (
            '{ harmless: node(id: "x") { id } }',
            'fragment F on Query { node(id: "x") { id } } { ...F }',
            '{ ... on Query { node(id: "x") { id } } }',
            'query ($never: Boolean = true) { node(id: "x") @skip(if: $never) { id } }',
        ):
            assert codes(await run(document)) == ["UNAUTHENTICATED"]

    async def test_each_operation_of_a_document_is_judged_alone(self, run: Run) -> None:
        document = 'query Open { stores { nodes { id } } } query Closed { node(id: "x") { id } }'

        assert (await run(document, operation_name="Open")).errors is None
        assert codes(await run(document, operation_name="Closed")) == ["UNAUTHENTICATED"]

    def test_a_role_needs_every_field_of_the_operation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        table = {"Query.a": frozenset({Role.TILL, Role.DESK}), "Query.b": frozenset({Role.TILL}), "Query.c": None}
        monkeypatch.setattr(permissions, "PERMISSIONS", table)

        assert access_to(["Query.a", "Query.b", "Query.c", "Store.name"]).roles == {Role.TILL}
        assert access_to(["Query.a", "Query.b"]).refused_field(Role.DESK) == "Query.b"
        assert access_to(["Query.c"]).is_public


class TestMasking:
    async def test_an_unexpected_exception_is_masked(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("secret: the password is hunter2")

        monkeypatch.setattr(stores_queries, "by_code", fail)
        result = await run("{ stores { nodes { id } } }")
        assert codes(result) == ["INTERNAL_SERVER_ERROR"]
        assert result.errors is not None
        assert "hunter2" not in str(result.errors[0].formatted)
        assert result.errors[0].formatted["extensions"] == {
            "code": "INTERNAL_SERVER_ERROR",
            "correlationId": CORRELATION_ID,
        }

    @pytest.mark.parametrize(
        ("passing", "code"),
        [
            (ConnectionRefusedError(), "UNAVAILABLE"),
            (TimeoutError(), "UNAVAILABLE"),
            (asyncpg.DeadlockDetectedError(), "UNAVAILABLE"),
            (asyncpg.QueryCanceledError(), "OPERATION_TIMED_OUT"),
        ],
    )
    async def test_a_passing_fault_of_the_database_says_so(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, passing: Exception, code: str
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise passing

        monkeypatch.setattr(stores_queries, "by_code", fail)
        assert codes(await run("{ stores { nodes { id } } }")) == [code]

    async def test_production_suggests_no_names(self, run_with_manifest: Callable[[Manifest], Run]) -> None:
        asking = "query Asking($by: StoreBy!) { store(by: $by) { id } }"
        run = run_with_manifest({document_id(asking): asking})
        result = await run(None, {"by": {"cod": "NORTH"}}, document_id=document_id(asking))

        assert codes(result) == ["BAD_USER_INPUT"]
        assert result.errors is not None
        assert "Did you mean" not in result.errors[0].message


class TestNul:
    """PostgreSQL keeps no U+0000, so that no text may hold one, wherever it stands."""

    BY_CODE = "query ($by: StoreBy!) { store(by: $by) { code } }"

    @pytest.mark.parametrize(
        "document", ['{ store(by: {code: "a\\u0000"}) { code } }', '{ store(by: {code: """a\0"""}) { code } }']
    )
    async def test_a_text_in_the_document(self, run: Run, document: str) -> None:
        result = await run(document)

        assert codes(result) == ["BAD_USER_INPUT"]
        assert "U+0000" in (result.errors or [])[0].message

    @pytest.mark.parametrize(
        ("document", "variables"),
        [
            (BY_CODE, {"by": {"code": "a\0b"}}),
            ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a", "\0"]}),
        ],
    )
    async def test_a_variable(self, run: Run, document: str, variables: dict[str, object]) -> None:
        result = await run(document, variables, caller=actor(Role.ADMIN))

        assert codes(result) == ["BAD_USER_INPUT"]
        assert "U+0000" in (result.errors or [])[0].message

    async def test_what_is_only_spelt_like_it_is_let_through(self, run: Run) -> None:
        result = await run(self.BY_CODE, {"by": {"code": r"a\u0000b"}})

        assert result.errors is None
        assert result.data == {"store": None}

    async def test_a_number_that_json_has_no_room_for_is_left_to_the_engine(self, run: Run) -> None:
        assert codes(await run(self.BY_CODE, {"by": {"code": 2**70}})) == ["BAD_USER_INPUT"]
