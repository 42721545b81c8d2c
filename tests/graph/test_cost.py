"""What operations cost, reckoned by hand; what each client's documents may cost; what stands in the schema."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type, get_nullable_type, is_list_type
from structlog.testing import capture_logs

from membership.graph.operations.cost import COST_LIMITS, OperationPrice, Price
from membership.graph.operations.documents import Documents, graphql_folder, load_manifest
from membership.graph.operations.weights import WEIGHT, Size, weight_of
from membership.graph.schema import MembershipSchema, build_schema
from membership.kernel.actor import Role
from support.operations import Run, SampleStores, actor, codes

READ, CONNECTION, LIST, PAGE_INFO = 10, 1, 1, 2


@pytest.fixture(scope="module")
def documents(open_schema: MembershipSchema) -> Documents:
    return Documents(open_schema._schema, {}, takes_text=True, introspection=True)


def cost_of(documents: Documents, text: str, variables: Mapping[str, object] | None = None) -> int:
    document = documents.find(None, text)
    assert document.errors == ()
    return document.prices[None].cost(variables)


def of_stores(count: int, each: int = 1) -> int:
    """So many stores in a page, and what one of them costs."""
    return READ + CONNECTION + LIST + count * each


class TestReckoning:
    @pytest.mark.parametrize(
        ("text", "cost"),
        [
            ("{ __typename }", 0),
            ("{ stores { nodes { id code name } } }", of_stores(20)),
            ("{ stores(first: 3) { nodes { id } } }", of_stores(3)),
            ("{ stores(first: 0) { nodes { id } } }", of_stores(0)),
            ("{ stores(first: null) { nodes { id } } }", of_stores(20)),
            ("{ stores(first: 3) { pageInfo { endCursor } } }", READ + CONNECTION + PAGE_INFO),
            ("{ stores(first: 3) { edges { node { id } } } }", of_stores(3, 1 + 1 + 1)),
            ("{ stores(first: 3) { nodes { floors { id } } } }", of_stores(3, 1 + LIST + 50)),
            ("{ stores(first: 3) { nodes { counters(first: 2) { nodes { id } } } } }", of_stores(3, 1 + 1 + 1 + 1 + 2)),
            # What is not there to be asked for, the engine refuses: until then it counts as the most there may be.
            ("{ stores(first: -1) { nodes { id } } }", of_stores(100)),
            ("{ stores(first: 101) { nodes { id } } }", of_stores(100)),
            # An input object counts, a text in it does not.
            ('{ store(by: {code: "N"}) { id } }', READ + 1 + 1),
            ('{ nodes(ids: ["a", "b"]) { id } }', READ + 2),
            ("{ nodes(ids: []) { id } }", READ),
            ("{ __schema { queryType { name } } }", 500),
            # What fragments and aliases repeat costs each time; what may be left out costs too.
            (
                "{ a: stores(first: 1) { nodes { id } } b: stores(first: 2) { nodes { id } } }",
                of_stores(1) + of_stores(2),
            ),
            ("fragment F on StoreConnection { nodes { id } } { stores(first: 2) { ...F } }", of_stores(2)),
            ("{ stores(first: 2) { ... @skip(if: true) { nodes { id } } } }", of_stores(2)),
        ],
    )
    def test_without_variables(self, documents: Documents, text: str, cost: int) -> None:
        assert cost_of(documents, text) == cost

    @pytest.mark.parametrize(
        ("sent", "size"),
        [({"first": 3}, 3), ({"first": 3.0}, 3), ({}, 7), ({"first": None}, 20), (None, 7)]
        + [({"first": wrong}, 100) for wrong in (-1, 101, 2**70, 0.5, "3", "", {}, {"a": 1}, True and "x")],
    )
    def test_a_size_by_variable(self, documents: Documents, sent: Mapping[str, object] | None, size: int) -> None:
        text = "query ($first: Int = 7) { stores(first: $first) { nodes { id } } }"
        assert cost_of(documents, text, sent) == of_stores(size)

    def test_ids_by_variable_count_one_by_one(self, documents: Documents) -> None:
        text = "query ($ids: [ID!]!, $one: ID!) { a: nodes(ids: $ids) { id } b: nodes(ids: [$one, $one]) { id } }"
        assert cost_of(documents, text, {"ids": ["x"] * 5, "one": "x"}) == READ + 5 + READ + 2
        assert cost_of(documents, text, {"ids": ["x"] * 5_000, "one": "x"}) == READ + 100 + READ + 2

    def test_a_search_costs_by_its_stops_and_two_large_ones_are_too_much(self, documents: Documents) -> None:
        text = "query ($wish: VisitWishInput!) { visitProposals(wish: $wish) { __typename } }"
        stops = [{"serviceId": "x"}] * 8
        one, eight = (cost_of(documents, text, {"wish": {"stops": stops[:count]}}) for count in (1, 8))
        assert eight - one == 7 * 2_000
        assert eight < COST_LIMITS[Role.MEMBER] < 2 * eight

    def test_lines_of_a_receipt_count_one_by_one(self, documents: Documents) -> None:
        text = "mutation ($input: QuoteSaleInput!) { quoteSale(input: $input) { __typename } }"
        sent: list[object] = [{}]
        few, many = (cost_of(documents, text, {"input": {"basket": {"lines": sent * count}}}) for count in (2, 200))
        assert many - few == 198

    def test_fragments_made_to_explode_are_priced_at_once(self, open_schema: MembershipSchema) -> None:
        # 2**12 times what one costs: counted in 12 steps, and more than anybody may spend.
        fragments = "fragment F0 on Query { stores(first: $first) { nodes { id } } } " + " ".join(
            f"fragment F{number} on Query {{ ...F{number - 1} ... on Query {{ ...F{number - 1} }} }}"
            for number in range(1, 13)
        )
        documents = Documents(open_schema._schema, {}, takes_text=True, introspection=True)
        text = f"query ($first: Int) {{ ...F12 }} {fragments}"
        assert cost_of(documents, text, {"first": 1}) == 2**12 * of_stores(1)

    def test_no_cost_is_beyond_what_json_can_say(self) -> None:
        assert OperationPrice(Price(2**60), {}).cost(None) == 2**53 - 1


class TestRefusal:
    async def test_nothing_is_read_for_what_costs_too_much(
        self, run: Run, sample: SampleStores, statements: list[str]
    ) -> None:
        asked = " ".join(
            f"a{number}: stores(first: 100) {{ nodes {{ counters {{ nodes {{ id }} }} }} }}" for number in range(5)
        )
        statements.clear()
        result = await run(f"{{ {asked} }}")

        assert codes(result) == ["COST_LIMIT_EXCEEDED"]
        assert (result.data, statements) == (None, [])
        [error] = result.errors or []
        assert "12060" in error.message
        assert (error.extensions or {})["cost"] == {"requested": 12_060, "limit": 10_000}

    async def test_each_operation_of_a_document_has_its_own_price(self, run: Run, sample: SampleStores) -> None:
        two = "query A { stores(first: 1) { nodes { id } } } query B { stores(first: 2) { nodes { id } } }"
        for name, count in (("A", 1), ("B", 2)):
            result = await run(two, operation_name=name, caller=actor(Role.TILL))
            assert result.extensions == {"cost": {"requested": of_stores(count), "limit": COST_LIMITS[Role.TILL]}}

    async def test_who_may_not_run_it_is_not_told_what_it_costs(self, run: Run) -> None:
        result = await run('{ node(id: "x") { id } }')
        assert codes(result) == ["UNAUTHENTICATED"]
        assert not result.extensions


ROLES_OF_CLIENTS: Mapping[str, tuple[Role, ...]] = {
    "app": (Role.MEMBER,),
    "associate": (Role.ASSOCIATE,),
    "desk": (Role.DESK, Role.MEMBER_SERVICES),
    "planner": (Role.PLANNER, Role.APPROVER, Role.ADMIN),
    "till": (Role.TILL,),
}
LARGEST: Mapping[str, object] = {"first": 100, "ids": ["x"] * 100, "poolIds": ["x"] * 50, "appointmentIds": ["x"] * 50}
RECEIPT = {"lines": [{}] * 200, "tenders": [{}] * 20, "coupons": ["x"] * 20}
CAMPAIGN = {"rules": [{"earn": {"scope": {}, "days": [{}] * 10}}] * 50, "names": [{}] * 10, "calendar": {}}
LARGEST_INPUT: Mapping[str, object] = {
    "basket": RECEIPT,
    "lines": [{}] * 200,
    "member": {},
    "content": CAMPAIGN,
    "calendar": {"blackout": [{}] * 20},
    "stores": ["x"] * 20,
    "stops": [{}] * 8,
    "shifts": [{}] * 366,
    "names": [{}] * 10,
    "consents": [{}] * 20,
    "identities": [{}] * 20,
    "rules": {"hours": {"weekdays": [{}] * 7, "exceptions": [{}] * 366}},
    "appointmentIds": ["x"] * 50,
}
WISH = {"stops": [{}] * 8, "most": 20}


def test_every_trusted_document_is_within_its_clients_limit_however_much_it_asks_for() -> None:
    """With pages as large as may be, receipts of 200 lines, visits of eight stops."""
    schema = build_schema()
    sent = {**LARGEST, "input": LARGEST_INPUT, "wish": WISH, "of": {"counterIds": ["x"] * 60}}
    beyond: dict[str, tuple[int, int]] = {}
    for folder in sorted(entry for entry in (graphql_folder() / "operations").iterdir() if entry.is_dir()):
        for path in sorted(folder.glob("*.graphql")):
            (identity,) = (key for key, text in load_manifest().items() if text == path.read_text(encoding="utf-8"))
            document = schema.documents.find(identity, None)
            cost = document.prices[None].cost(sent)
            allowed = document.access[None].roles
            # A document of one client that is for others only, such as an administrator at a desk.
            roles = allowed.intersection(ROLES_OF_CLIENTS[folder.name]) or allowed
            limit = min(COST_LIMITS[role] for role in roles)
            if cost > limit:
                beyond[f"{folder.name}/{path.stem}"] = (cost, limit)
    assert beyond == {}


class TestSchema:
    def test_every_list_of_objects_says_how_long_it_is(self, open_schema: MembershipSchema) -> None:
        """Itself, or the field that leads to its object: a connection is only reached by fields that say so."""
        for kind in open_schema._schema.type_map.values():
            if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or kind.name.startswith("__"):
                continue
            for name, field in kind.fields.items():
                weight = weight_of(field)
                if is_list_type(get_nullable_type(field.type)) and not kind.name.endswith("Connection"):
                    assert weight.size is not None, f"{kind.name}.{name}"
                if get_named_type(field.type).name.endswith("Connection"):
                    assert set(weight.sizes) == {"nodes", "edges"}, f"{kind.name}.{name}"

    def test_the_directives_are_those_of_the_specification(self, open_schema: MembershipSchema) -> None:
        text = open_schema.as_str()
        assert (
            "directive @cost(weight: String!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | "
            "INPUT_FIELD_DEFINITION | OBJECT | SCALAR" in text
        )
        assert (
            "directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], "
            "requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION" in text
        )

    def test_a_second_schema_states_each_once(self) -> None:
        once, twice = build_schema().as_str(), build_schema().as_str()
        assert once == twice
        assert '@cost(weight: "10") @cost' not in twice

    def test_every_role_has_a_limit(self) -> None:
        assert set(COST_LIMITS) == set(Role)


async def test_a_list_that_is_longer_than_the_schema_says_is_logged(
    run: Run, sample: SampleStores, monkeypatch: pytest.MonkeyPatch, open_schema: MembershipSchema
) -> None:
    field = open_schema._schema.type_map["Store"].fields["floors"]  # type: ignore[attr-defined]
    monkeypatch.setitem(field.extensions, WEIGHT, replace(weight_of(field), size=Size(0)))
    with capture_logs() as logs:
        result = await run('{ store(by: {code: "NORTH"}) { floors { code } } }')

    assert result.data == {"store": {"floors": [{"code": "1F"}]}}
    assert {
        "event": "list longer than declared",
        "field": "Store.floors",
        "length": 1,
        "declared": 0,
        "log_level": "error",
    } in logs
