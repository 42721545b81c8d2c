"""Points by hand, over GraphQL: a large adjustment takes two people."""

import pytest
from strawberry.types import ExecutionResult

from membership.graph.kit.relay import global_id
from membership.kernel.actor import Actor, Role
from support.operations import Run, codes, trusted
from support.till_world import TillWorld, new_key

ADJUST = trusted("desk/AdjustPoints")
PENDING, APPROVE, REJECT = (
    trusted("planner/PendingAdjustments"),
    trusted("planner/ApproveAdjustment"),
    trusted("planner/RejectAdjustment"),
)
LARGE = 50_000


def staff(till: TillWorld, role: Role, subject: str) -> Actor:
    return Actor(role, subject, programme_id=till.store.programme_id)


def answer(result: ExecutionResult) -> dict[str, object]:
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    assert isinstance(payload, dict)
    found = payload.get("adjustment", payload)
    assert isinstance(found, dict)
    return found


async def adjust(till: TillWorld, run: Run, points: int, *, by: Actor) -> dict[str, object]:
    asked = {
        "idempotencyKey": new_key(),
        "memberId": global_id("Member", till.member.member_id),
        "points": points,
        "reason": "A gift that never arrived.",
    }
    return answer(await run(ADJUST, {"input": asked}, caller=by))


async def decide(run: Run, document: str, adjustment: object, *, by: Actor) -> dict[str, object]:
    asked = {"idempotencyKey": new_key(), "adjustmentId": adjustment}
    if document is REJECT:
        asked["reason"] = "It did arrive."
    return answer(await run(document, {"input": asked}, caller=by))


async def test_a_small_adjustment_is_applied_at_once(till: TillWorld, run: Run) -> None:
    asked = await adjust(till, run, 500, by=staff(till, Role.MEMBER_SERVICES, "Mei"))
    assert asked["state"] == "APPLIED"


async def test_a_large_adjustment_waits_for_somebody_else(till: TillWorld, run: Run) -> None:
    mei, wei = staff(till, Role.MEMBER_SERVICES, "Mei"), staff(till, Role.APPROVER, "Wei")
    asked = await adjust(till, run, LARGE, by=mei)
    assert asked["state"] == "PENDING_APPROVAL"
    assert (await decide(run, APPROVE, asked["id"], by=mei))["code"] == "OWN_ADJUSTMENT"
    waiting = await run(PENDING, caller=wei)
    assert waiting.data is not None
    assert [entry["id"] for entry in waiting.data["pendingAdjustments"]["nodes"]] == [asked["id"]]
    approved = await decide(run, APPROVE, asked["id"], by=wei)
    assert (approved["state"], approved["decidedBy"]) == ("APPLIED", "Wei")
    assert (await decide(run, REJECT, asked["id"], by=wei))["code"] == "ADJUSTMENT_DECIDED"


async def test_a_rejected_adjustment_moves_nothing(till: TillWorld, run: Run) -> None:
    mei, wei = staff(till, Role.MEMBER_SERVICES, "Mei"), staff(till, Role.APPROVER, "Wei")
    asked = await adjust(till, run, LARGE, by=mei)
    assert (await decide(run, REJECT, asked["id"], by=wei))["state"] == "REJECTED"
    after = await till.sell(100_00)
    assert after.member is not None
    assert after.member.balance == 100


@pytest.mark.parametrize(("points", "code"), [(0, "INVALID_ADJUSTMENT"), (-1, "NOT_ENOUGH_POINTS")])
async def test_what_cannot_be_moved_is_refused(till: TillWorld, run: Run, points: int, code: str) -> None:
    refused = await adjust(till, run, points, by=staff(till, Role.MEMBER_SERVICES, "Mei"))
    assert refused["code"] == code


async def test_another_programmes_approver_sees_nothing(till: TillWorld, run: Run) -> None:
    asked = await adjust(till, run, LARGE, by=staff(till, Role.MEMBER_SERVICES, "Mei"))
    elsewhere = Actor(Role.APPROVER, "Ada", programme_id=till.world.brompton.programme_id)
    waiting = await run(PENDING, caller=elsewhere)
    assert waiting.data == {"pendingAdjustments": {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}}
    assert (await decide(run, APPROVE, asked["id"], by=elsewhere))["code"] == "UNKNOWN_ADJUSTMENT"


async def test_a_till_may_not_adjust(till: TillWorld, run: Run) -> None:
    asked = {"idempotencyKey": "k", "memberId": global_id("Member", till.member.member_id), "points": 1, "reason": "x"}
    assert codes(await run(ADJUST, {"input": asked}, caller=till.actor)) == ["FORBIDDEN"]
