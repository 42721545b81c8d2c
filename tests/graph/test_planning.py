"""Simulate and explain over GraphQL: a planner asks for a forecast, a desk and a member are told why."""

from datetime import date, timedelta
from itertools import count

import pytest
from strawberry.types import ExecutionResult

from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from support.campaign_desk import anniversary
from support.campaign_input import sent
from support.operations import Run, codes, trusted
from support.till_world import TillWorld, sale_id_of

SIMULATE, SIMULATION = trusted("planner/SimulateCampaign"), trusted("planner/Simulation")
EXPLAIN_SALE, EXPLAIN_OFFER = trusted("desk/ExplainSale"), trusted("desk/ExplainOffer")
MY_SALE, MY_OFFER = trusted("app/ExplainMySale"), trusted("app/ExplainMyOffer")
CREATE = trusted("planner/CreateCampaign")
CODE = "ANNIVERSARY-2026"
_keys = count(1)


def staff(till: TillWorld, role: Role) -> Actor:
    return Actor(role, f"the {role.value}", programme_id=till.store.programme_id, store_id=till.store.store_id)


def one(result: ExecutionResult) -> dict[str, object]:
    assert result.errors is None, result.errors
    assert result.data is not None
    (found,) = result.data.values()
    assert isinstance(found, dict)
    return found


def inner(found: dict[str, object], name: str) -> dict[str, object]:
    value = found[name]
    assert isinstance(value, dict)
    return value


async def simulate(run: Run, caller: Actor, first: date, last: date, **given: object) -> dict[str, object]:
    period = {"days": {"first": first.isoformat(), "last": last.isoformat()}}
    asked = {"idempotencyKey": f"simulate-{next(_keys)}", "campaign": CODE, "period": period, **given}
    return one(await run(SIMULATE, {"input": asked}, caller=caller))


async def test_a_planner_simulates_what_is_not_saved(run: Run, till: TillWorld) -> None:
    await till.sell(1_000_00)
    await till.sell_anonymously(300_00)
    sold_on = till.today
    till.clock.advance(timedelta(days=2))
    planner = staff(till, Role.PLANNER)
    asked = await simulate(run, planner, sold_on, sold_on, content=sent(anniversary()))
    simulation = inner(asked, "simulation")
    assert (simulation["state"], simulation["progressPercent"], simulation["revision"]) == ("DONE", 100, None)
    found = one(await run(SIMULATION, {"id": simulation["id"], "locale": "en"}, caller=planner))
    forecast = inner(found, "forecast")
    assert (forecast["receipts"], forecast["anonymousReceipts"], forecast["members"]) == (2, 1, 1)
    assert forecast["basePoints"] == 1_000
    assert forecast["mapping"] == "BY_WEEKDAY"
    assert inner(forecast, "net")["formatted"] == "CN¥1,300.00"
    assert forecast["differingReceipts"] is None
    assumptions = forecast["assumptions"]
    assert isinstance(assumptions, list)
    assert {"DAYS_PAIRED_BY_WEEKDAY", "FIRST_DAYS_PAIRED", "SAME_SHOPPING"} <= {entry["code"] for entry in assumptions}
    assert all(entry["text"] and "{" not in entry["text"] for entry in assumptions)


async def test_a_draft_is_simulated_by_its_code(run: Run, till: TillWorld) -> None:
    await till.sell(1_000_00)
    sold_on = till.today
    till.clock.advance(timedelta(days=2))
    planner = staff(till, Role.PLANNER)
    created = {"idempotencyKey": "create", "code": CODE, "content": sent(anniversary())}
    one(await run(CREATE, {"input": created}, caller=planner))
    asked = await simulate(run, planner, sold_on, sold_on)
    assert inner(asked, "simulation")["revision"] == 1


async def test_what_cannot_be_simulated_is_refused(run: Run, till: TillWorld) -> None:
    planner = staff(till, Role.PLANNER)
    yesterday = till.today - timedelta(days=1)
    assert (await simulate(run, planner, yesterday, yesterday))["code"] == "UNKNOWN_CAMPAIGN"
    unsaved = sent(anniversary())
    assert (await simulate(run, planner, till.today, till.today, content=unsaved))["code"] == "PERIOD_NOT_OVER"
    backwards = await simulate(run, planner, yesterday, yesterday - timedelta(days=1), content=unsaved)
    assert backwards["code"] == "PERIOD_OUT_OF_ORDER"
    odd = await run(SIMULATE, {"input": {"idempotencyKey": "k", "campaign": CODE, "period": {}}}, caller=planner)
    assert odd.errors


async def test_a_simulation_of_another_programme_is_not_there(run: Run, till: TillWorld) -> None:
    planner = staff(till, Role.PLANNER)
    yesterday = till.today - timedelta(days=1)
    asked = await simulate(run, planner, yesterday, yesterday, content=sent(anniversary()))
    simulation = inner(asked, "simulation")
    stranger = Actor(Role.PLANNER, "stranger", programme_id=new_id())
    result = await run(SIMULATION, {"id": simulation["id"]}, caller=stranger)
    assert result.data == {"simulation": None}


async def test_a_receipt_is_explained_in_the_reader_s_language(run: Run, till: TillWorld) -> None:
    sale_id = sale_id_of(await till.sell(1_000_00))
    by = {"by": {"id": global_id("Sale", sale_id)}}
    told = one(await run(EXPLAIN_SALE, by, caller=staff(till, Role.DESK)))
    assert (told["isReproduced"], told["points"]) == (True, 1_000)
    reasons = told["reasons"]
    assert isinstance(reasons, list)
    texts = {reason["code"]: reason["text"] for reason in reasons}
    assert texts["EARNED_AT_PLAIN_RATE"] == "1,000 points at the plain rate."
    assert texts["SOLD"].endswith("CN¥1,000.00.")
    chinese = one(await run(EXPLAIN_SALE, by, caller=staff(till, Role.DESK), locale="zh-CN"))
    reasons = chinese["reasons"]
    assert isinstance(reasons, list)
    assert "基础积分1,000分。" in {reason["text"] for reason in reasons}


async def test_a_member_is_told_about_their_own_receipt_alone(run: Run, till: TillWorld, conn: Conn) -> None:
    sale_id = sale_id_of(await till.sell(1_000_00))
    by = {"by": {"id": global_id("Sale", sale_id)}}
    assert one(await run(MY_SALE, by, caller=till.member_actor))["__typename"] == "SaleExplanation"
    other = await till.another_member(conn)
    assert one(await run(MY_SALE, by, caller=other.member_actor))["code"] == "UNKNOWN_SALE"


async def test_an_offer_of_a_draft_is_told_to_who_plans_and_to_nobody_else(run: Run, till: TillWorld) -> None:
    planner = staff(till, Role.PLANNER)
    created = {"idempotencyKey": "create", "code": CODE, "content": sent(anniversary())}
    one(await run(CREATE, {"input": created}, caller=planner))
    asked = {"campaign": CODE, "rule": "BRAND-DAY", "memberId": global_id("Member", till.member.member_id)}
    told = one(await run(EXPLAIN_OFFER, {"input": asked}, caller=planner))
    assert (told["applies"], told["revision"]) == (False, None)
    reasons = told["reasons"]
    assert isinstance(reasons, list)
    assert "NOT_APPROVED" in {reason["code"] for reason in reasons}
    own = {"campaign": CODE, "rule": "BRAND-DAY"}
    assert one(await run(MY_OFFER, {"input": own}, caller=till.member_actor))["code"] == "UNKNOWN_CAMPAIGN"


async def test_a_store_of_another_programme_is_no_place_to_ask_about(run: Run, till: TillWorld) -> None:
    asked = {"campaign": CODE, "rule": "X", "store": "HANGANG-MAIN"}
    assert codes(await run(MY_OFFER, {"input": asked}, caller=till.member_actor)) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("document", [EXPLAIN_SALE])
async def test_a_receipt_that_is_not_there(run: Run, till: TillWorld, document: str) -> None:
    by = {"by": {"id": global_id("Sale", new_id())}}
    assert one(await run(document, by, caller=staff(till, Role.MEMBER_SERVICES)))["code"] == "UNKNOWN_SALE"


async def test_a_simulation_is_a_node(run: Run, till: TillWorld, services: Services) -> None:
    planner = staff(till, Role.PLANNER)
    yesterday = till.today - timedelta(days=1)
    simulation = inner(await simulate(run, planner, yesterday, yesterday, content=sent(anniversary())), "simulation")
    found = await run("query ($id: ID!) { node(id: $id) { id } }", {"id": simulation["id"]}, caller=planner)
    assert found.data == {"node": {"id": simulation["id"]}}
    assert services.simulations
