"""Programmes, stores and what is in them."""

from uuid import UUID

import pytest

from membership.graph.kit.relay import global_id
from membership.kernel.actor import Role
from support.operations import CORRELATION_ID, Run, SampleStores, actor, codes

pytestmark = pytest.mark.usefixtures("sample")


async def test_a_store_by_code_in_the_requests_language(run: Run) -> None:
    result = await run(
        '{ store(by: {code: "NORTH"}) { code name cutover programme { code currency } } }', locale="zh-CN"
    )

    assert result.errors is None
    assert result.data == {
        "store": {
            "code": "NORTH",
            "name": "商店",
            "cutover": "04:00:00",
            "programme": {"code": "CITY", "currency": "CNY"},
        }
    }


async def test_a_store_by_id_is_the_node_of_that_id(run: Run, sample: SampleStores) -> None:
    identity = global_id("Store", sample.store_ids["SOUTH"])
    result = await run(
        "query ($id: ID!) { store(by: {id: $id}) { code } node(id: $id) { id ... on Store { code } } }",
        {"id": identity},
        caller=actor(Role.TILL),
    )

    assert result.errors is None
    assert result.data == {"store": {"code": "SOUTH"}, "node": {"id": identity, "code": "SOUTH"}}


async def test_what_a_counter_is_part_of(run: Run) -> None:
    result = await run(
        """{ store(by: {code: "NORTH"}) {
              floors { code name }
              counters { nodes { code floor { code } store { code } brand { name earnsPoints activationLevel } } }
        } }"""
    )

    assert result.errors is None
    assert result.data is not None
    assert result.data["store"]["floors"] == [{"code": "1F", "name": "First floor"}]
    assert result.data["store"]["counters"]["nodes"] == [
        {
            "code": "LIN-1",
            "floor": {"code": "1F"},
            "store": {"code": "NORTH"},
            "brand": {"name": "Lin", "earnsPoints": False, "activationLevel": "SELECTIVE"},
        }
    ]


async def test_the_earn_rate_of_a_category_is_money(run: Run) -> None:
    result = await run(
        """{ programme(by: {code: "CITY"}) {
              categories { nodes { spendPerPoint { amountMinor currency formatted(locale: "zh-CN") } } }
              brands { edges { node { code } cursor } }
        } }"""
    )

    assert result.errors is None
    assert result.data is not None
    assert result.data["programme"]["categories"]["nodes"] == [
        {"spendPerPoint": {"amountMinor": 2000, "currency": "CNY", "formatted": "¥20.00"}}
    ]


async def test_stores_page_by_page(run: Run) -> None:
    document = """query ($after: String) {
      stores(first: 2, after: $after) { nodes { code } pageInfo { hasNextPage endCursor } }
    }"""
    first = await run(document)
    assert first.data is not None
    page_info = first.data["stores"]["pageInfo"]
    second = await run(document, {"after": page_info["endCursor"]})
    assert second.data is not None

    assert [store["code"] for store in first.data["stores"]["nodes"]] == ["NORTH", "SOUTH"]
    assert page_info["hasNextPage"] is True
    assert second.data["stores"] == {
        "nodes": [{"code": "WEST"}],
        "pageInfo": {"hasNextPage": False, "endCursor": second.data["stores"]["pageInfo"]["endCursor"]},
    }


async def test_nodes_come_in_the_order_asked_for_with_null_for_what_is_not_there(
    run: Run, sample: SampleStores
) -> None:
    ids = [
        global_id("Counter", sample.counter_id),
        global_id("Store", UUID(int=1)),
        global_id("Store", sample.store_ids["WEST"]),
        global_id("Unicorn", sample.counter_id),
        global_id("Floor", sample.floor_id),
        global_id("Programme", sample.programme_id),
    ]
    result = await run(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", {"ids": ids}, caller=actor(Role.MEMBER)
    )

    assert result.errors is None
    assert result.data is not None
    assert [node and node["__typename"] for node in result.data["nodes"]] == [
        "Counter", None, "Store", None, "Floor", "Programme",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("query ($id: ID!) { node(id: $id) { id } }", {"id": "nonsense"}),
        ("query ($id: ID!) { store(by: {id: $id}) { id } }", {"id": "nonsense"}),
        ("query ($id: ID!) { store(by: {id: $id}) { id } }", {"id": global_id("Counter", UUID(int=1))}),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x"] * 101}),
        ("query ($by: StoreBy!) { store(by: $by) { id } }", {"by": {}}),
        ("query ($by: StoreBy!) { store(by: $by) { id } }", {"by": {"id": "x", "code": "NORTH"}}),
        ("query ($by: StoreBy!) { store(by: $by) { id } }", {"by": {"code": None}}),
        ("query ($first: Int) { stores(first: $first) { nodes { id } } }", {"first": -1}),
        ("query ($first: Int) { stores(first: $first) { nodes { id } } }", {"first": 101}),
        ("query ($first: Int) { stores(first: $first) { nodes { id } } }", {"first": 2**40}),
        ("query ($first: Int) { stores(first: $first) { nodes { id } } }", {"first": "two"}),
        ("query ($after: String) { stores(after: $after) { nodes { id } } }", {"after": "zzz"}),
    ],
)
async def test_bad_input_is_the_clients_fault(run: Run, document: str, variables: dict[str, object]) -> None:
    result = await run(document, variables, caller=actor(Role.TILL))

    assert codes(result) == ["BAD_USER_INPUT"]
    assert all((error.extensions or {})["correlationId"] == CORRELATION_ID for error in result.errors or ())


async def test_a_commission_is_for_planners_only(run: Run) -> None:
    document = '{ store(by: {code: "NORTH"}) { counters { nodes { commissionBasisPoints } } } }'

    assert codes(await run(document)) == ["UNAUTHENTICATED"]
    assert codes(await run(document, caller=actor(Role.TILL))) == ["FORBIDDEN"]
    allowed = await run(document, caller=actor(Role.PLANNER))
    assert allowed.data == {"store": {"counters": {"nodes": [{"commissionBasisPoints": 2500}]}}}
