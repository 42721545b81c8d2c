"""The schema as a whole: described, permitted, and as it is checked in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    is_specified_scalar_type,
)

from membership.graph.generate import generated, main
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.relay import NODE_LOADERS
from membership.graph.operations.documents import graphql_folder
from membership.graph.permissions import PERMISSIONS
from membership.graph.schema import MembershipSchema
from membership.kernel.actor import Role


def described_things(schema: MembershipSchema) -> Iterator[tuple[str, str | None]]:
    for name, type_ in schema._schema.type_map.items():
        if name.startswith("__") or is_specified_scalar_type(type_):
            continue
        if name not in ("Query", "Mutation", "Subscription"):
            yield name, type_.description
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in type_.fields.items():
                yield f"{name}.{field_name}", field.description
                yield from (
                    (f"{name}.{field_name}({key})", argument.description) for key, argument in field.args.items()
                )
        elif isinstance(type_, GraphQLInputObjectType):
            yield from ((f"{name}.{key}", field.description) for key, field in type_.fields.items())
        elif isinstance(type_, GraphQLEnumType):
            yield from ((f"{name}.{key}", value.description) for key, value in type_.values.items())


def test_everything_is_described(open_schema: MembershipSchema) -> None:
    assert [name for name, description in described_things(open_schema) if not description] == []


def root_fields(schema: MembershipSchema) -> set[str]:
    roots = (schema._schema.query_type, schema._schema.mutation_type, schema._schema.subscription_type)
    return {f"{root.name}.{field}" for root in roots if root for field in root.fields}


def test_every_root_field_has_a_row_in_the_table_of_permissions(open_schema: MembershipSchema) -> None:
    assert root_fields(open_schema) - set(PERMISSIONS) == set()


def test_every_row_of_the_table_names_a_field(open_schema: MembershipSchema) -> None:
    fields = {
        f"{type_.name}.{field}"
        for type_ in open_schema._schema.type_map.values()
        if isinstance(type_, GraphQLObjectType)
        for field in type_.fields
    }
    assert set(PERMISSIONS) - fields == set()


def test_every_node_can_be_found_again(open_schema: MembershipSchema) -> None:
    node = open_schema._schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    assert {type_.name for type_ in open_schema._schema.get_possible_types(node)} == set(NODE_LOADERS)


def test_no_optional_argument_has_a_default_of_null(open_schema: MembershipSchema) -> None:
    assert "= null" not in open_schema.as_str()


def test_what_is_generated_is_checked_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, f"run make generate: {capsys.readouterr().out}"


def test_the_golden_schema_is_a_schema() -> None:
    golden = build_schema((graphql_folder() / "schema.graphql").read_text(encoding="utf-8"))
    store_by = golden.type_map["StoreBy"]
    assert isinstance(store_by, GraphQLInputObjectType)
    assert store_by.is_one_of


def test_a_document_that_does_not_fit_the_schema_is_not_generated(tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "operations" / "app").mkdir(parents=True)
    document = folder / "operations" / "app" / "Gone.graphql"

    document.write_text("query Gone { gone }", encoding="utf-8")
    with pytest.raises(ValueError, match=r"app/Gone\.graphql: Cannot query field"):
        generated(folder)

    document.write_text("query Other { __typename }", encoding="utf-8")
    with pytest.raises(ValueError, match="of the file's name"):
        generated(folder)


def test_an_enum_needs_a_description_for_each_value() -> None:
    with pytest.raises(ValueError, match="lack a description"):
        describe_enum(Role, "Roles.", {Role.MEMBER: "A member."})
