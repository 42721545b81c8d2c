"""Sales by look-up: who sees which, and at what cost."""

from dataclasses import replace

import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from support.operations import Run, trusted
from support.till_world import TillWorld, till_actor

FIND, MINE = trusted("till/FindSale"), trusted("app/MySales")
MANY = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Sale { sequence } } }"


async def test_a_till_finds_its_receipt_by_number(till: TillWorld, run: Run) -> None:
    sale = await till.sell(100_00, 50_00)
    by = {"receipt": {"businessDate": sale.business_date.isoformat(), "sequence": sale.sequence}}
    result = await run(FIND, {"by": by}, caller=till.actor)
    assert result.data is not None
    found = result.data["sale"]
    assert (found["sequence"], found["net"]["amountMinor"], len(found["lines"])) == (sale.sequence, 150_00, 2)


@pytest.mark.parametrize(
    ("counter", "sees"), [("2F-ALVENNA", True), ("2F-SUYIN", False), (None, True)], ids=["own", "other", "central"]
)
async def test_a_counters_till_does_not_see_another_counters_sale(
    till: TillWorld, run: Run, counter: str | None, sees: bool
) -> None:
    """By row-level security: the query itself asks for the sale by its id alone."""
    sale = await till.sell(100_00)
    caller = (
        till_actor(till.store, till.store.central_cashier)
        if counter is None
        else till_actor(till.store, till.store.till_of(counter), till.store.counters[counter])
    )
    till_code = "2F-ALVENNA-01"
    receipt = {"businessDate": sale.business_date.isoformat(), "sequence": sale.sequence, "till": till_code}
    result = await run(FIND, {"by": {"receipt": receipt}}, caller=caller)
    assert result.errors is None
    assert result.data is not None
    assert (result.data["sale"] is not None) is sees


async def test_a_member_sees_their_own_receipts_and_no_others(till: TillWorld, run: Run) -> None:
    for _ in range(3):
        await till.sell(100_00)
    mine = await run(MINE, {"first": 2}, caller=till.member_actor)
    assert mine.data is not None
    assert len(mine.data["mySales"]["nodes"]) == 2
    assert mine.data["mySales"]["pageInfo"]["hasNextPage"]
    stranger = Actor(Role.MEMBER, "stranger", member_id=new_id(), programme_id=till.member.programme_id)
    ids = [entry["id"] for entry in mine.data["mySales"]["nodes"]]
    theirs = await run(MANY, {"ids": ids}, caller=stranger)
    assert theirs.data == {"nodes": [None, None]}


@pytest.mark.parametrize("sales", [1, 12])
async def test_receipts_cost_one_round_trip_whatever_their_number(
    till: TillWorld, run: Run, statements: list[str], sales: int
) -> None:
    for _ in range(sales):
        await till.sell(100_00, 200_00)
    await run(MINE, caller=till.member_actor)
    statements.clear()
    await run(MINE, caller=till.member_actor)
    assert len([text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]) == 1


async def test_another_stores_services_do_not_see_it(till: TillWorld, run: Run) -> None:
    sale = await till.sell(100_00)
    ids = [(await run(MINE, caller=till.member_actor)).data["mySales"]["nodes"][0]["id"]]  # type: ignore[index]
    assert sale.sale_id is not None
    here = Actor(Role.MEMBER_SERVICES, "services", programme_id=till.store.programme_id)
    elsewhere = replace(here, programme_id=till.world.brompton.programme_id)
    assert (await run(MANY, {"ids": ids}, caller=here)).data["nodes"][0] is not None  # type: ignore[index]
    assert (await run(MANY, {"ids": ids}, caller=elsewhere)).data == {"nodes": [None]}
