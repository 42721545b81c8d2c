"""Coupons in the documents that the app, tills, desks and planners send."""

from datetime import time, timedelta

import pytest
from strawberry.types import ExecutionResult

from membership.campaigns.content import BoughtWithPoints, ByCode, ClaimedInApp, PercentOff, ToAllEligible
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Actor, Role
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.clock import StoppedClock
from support.coupon_desk import CouponDesk, for_tiers, offer, open_coupon_desk
from support.operations import Run, codes, trusted
from support.till_world import TillWorld, new_key

MY_COUPONS, OFFERS = trusted("app/MyCoupons"), trusted("app/CouponOffers")
CLAIM, BUY, BY_CODE = trusted("app/ClaimCoupon"), trusted("app/BuyCoupon"), trusted("app/RedeemCouponCode")
AT_TILL, AT_DESK = trusted("till/MemberCoupons"), trusted("desk/MemberCouponsAtDesk")
VOID, ISSUES = trusted("desk/VoidCoupon"), trusted("planner/CouponIssues")
GENERATE, IMPORT = trusted("planner/GenerateCouponCodes"), trusted("planner/ImportCouponCodes")
QUOTE, COMMIT, RETURN = trusted("till/QuoteSale"), trusted("till/CommitSale"), trusted("till/ReturnLines")

Payload = dict[str, object]


def answer(result: ExecutionResult) -> Payload:
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    assert isinstance(payload, dict)
    return payload


def nodes(result: ExecutionResult) -> list[Payload]:
    found = answer(result)["nodes"]
    assert isinstance(found, list)
    return found


@pytest.fixture
async def desk(
    till: TillWorld, services: Services, database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring
) -> CouponDesk:
    return await open_coupon_desk(database, conn, clock, keyring, world=till.world, cache=services.campaign_cache)


def staff(till: TillWorld, role: Role) -> Actor:
    return Actor(role, f"a {role.value}", programme_id=till.store.programme_id, store_id=till.store.store_id)


async def offer_id(desk: CouponDesk, code: str) -> str:
    return global_id("CouponOffer", (await desk.offer(code)).offer_id)


async def claimed(till: TillWorld, desk: CouponDesk, run: Run, code: str) -> Payload:
    variables = {"input": {"idempotencyKey": new_key(), "offerId": await offer_id(desk, code)}}
    coupon = answer(await run(CLAIM, variables, caller=till.member_actor))["coupon"]
    assert isinstance(coupon, dict)
    return coupon


async def test_a_member_claims_a_coupon_and_sees_what_it_is_worth(till: TillWorld, desk: CouponDesk, run: Run) -> None:
    await desk.campaign(offer("CNY-100"))
    coupon = await claimed(till, desk, run, "CNY-100")
    assert coupon["state"] == "ACTIVE"
    (mine,) = nodes(await run(MY_COUPONS, caller=till.member_actor, locale="zh-CN"))
    assert mine["id"] == coupon["id"]
    assert (mine["notNow"], mine["saleId"]) == ([], None)
    terms = mine["terms"]
    assert isinstance(terms, dict)
    assert (terms["name"], terms["rule"]) == ("优惠券 CNY-100", "ANNIVERSARY/CNY-100")
    assert terms["face"] == {
        "amount": {"amountMinor": 100_00, "currency": "CNY", "formatted": "¥100.00"}, "basisPoints": None, "most": None
    }  # fmt: skip
    assert terms["scope"]["stores"] == ["CHAOYANG-GALLERIA"]


async def test_a_percentage_names_its_most(till: TillWorld, desk: CouponDesk, run: Run) -> None:
    await desk.campaign(offer("TENTH", face=PercentOff(basis_points=1_000, most_minor=300_00)))
    await claimed(till, desk, run, "TENTH")
    (mine,) = nodes(await run(MY_COUPONS, caller=till.member_actor))
    face = mine["terms"]["face"]  # type: ignore[index]
    assert (face["amount"], face["basisPoints"], face["most"]["amountMinor"]) == (None, 1_000, 300_00)


async def test_offers_say_whether_one_may_be_had_and_if_not_why(till: TillWorld, desk: CouponDesk, run: Run) -> None:
    await desk.campaign(
        offer("HAD"),
        offer("OPEN"),
        offer("FOR-SILVER", scope=for_tiers("SILVER")),
        offer("BOUGHT", issue=BoughtWithPoints(points=500)),
    )
    await desk.campaign(offer("LATER"), code="NEXT", starts_in=20)
    await claimed(till, desk, run, "HAD")
    found = {entry["terms"]["rule"]: entry for entry in nodes(await run(OFFERS, caller=till.member_actor))}  # type: ignore[index]
    why = {
        rule: None if entry["whyNot"] is None else entry["whyNot"]["code"]  # type: ignore[index]
        for rule, entry in found.items()
    }
    assert why == {
        "ANNIVERSARY/HAD": "COUPON_LIMIT_REACHED",
        "ANNIVERSARY/OPEN": None,
        "ANNIVERSARY/FOR-SILVER": "NOT_ELIGIBLE_FOR_OFFER",
        "ANNIVERSARY/BOUGHT": None,
        "NEXT/LATER": "OFFER_NOT_STARTED",
    }
    assert found["ANNIVERSARY/BOUGHT"]["price"] == 500
    assert found["ANNIVERSARY/FOR-SILVER"]["whyNot"]["tiers"] == ["SILVER"]  # type: ignore[index]
    for code, expected in (("FOR-SILVER", "NOT_ELIGIBLE_FOR_OFFER"), ("HAD", "COUPON_LIMIT_REACHED")):
        variables = {"input": {"idempotencyKey": new_key(), "offerId": await offer_id(desk, code)}}
        assert answer(await run(CLAIM, variables, caller=till.member_actor))["code"] == expected


async def test_who_has_the_limit_is_not_told_to_come_back(till: TillWorld, desk: CouponDesk, run: Run) -> None:
    await desk.campaign(offer("DROP", issue=ClaimedInApp(drop_time=time(8))))
    drop = await offer_id(desk, "DROP")
    variables = {"input": {"idempotencyKey": new_key(), "offerId": drop}}
    assert "coupon" in answer(await run(CLAIM, variables, caller=till.member_actor))
    desk.clock.advance(timedelta(hours=18))  # before the drop of the next day
    (entry,) = nodes(await run(OFFERS, caller=till.member_actor))
    assert entry["whyNot"]["code"] == "COUPON_LIMIT_REACHED"  # type: ignore[index]


async def test_points_that_are_not_there_buy_nothing(till: TillWorld, desk: CouponDesk, run: Run) -> None:
    await desk.campaign(offer("BOUGHT", issue=BoughtWithPoints(points=500)))
    variables = {"input": {"idempotencyKey": new_key(), "offerId": await offer_id(desk, "BOUGHT")}}
    assert answer(await run(BUY, variables, caller=till.member_actor))["code"] == "NOT_ENOUGH_POINTS"


async def test_a_planner_has_codes_made_and_a_member_redeems_one(till: TillWorld, desk: CouponDesk, run: Run) -> None:
    await desk.campaign(offer("CODED", issue=ByCode(), limit_per_member=2))
    planner, coded = staff(till, Role.PLANNER), await offer_id(desk, "CODED")
    made = answer(
        await run(GENERATE, {"input": {"idempotencyKey": new_key(), "offerId": coded, "count": 2}}, caller=planner)
    )
    assert made["count"] == 2
    first, second = str(made["file"]).splitlines()
    assert first != second
    taken = answer(
        await run(
            IMPORT, {"input": {"idempotencyKey": new_key(), "offerId": coded, "file": "PRINTED-1\n\n"}}, caller=planner
        )
    )
    assert taken["count"] == 1
    for code, expected in ((first, "ACTIVE"), ("printed 1", "ACTIVE")):
        variables = {"input": {"idempotencyKey": new_key(), "code": code}}
        coupon = answer(await run(BY_CODE, variables, caller=till.member_actor))["coupon"]
        assert coupon["state"] == expected  # type: ignore[index]
    variables = {"input": {"idempotencyKey": new_key(), "code": first}}
    assert answer(await run(BY_CODE, variables, caller=till.member_actor))["code"] == "CODE_NOT_ACCEPTED"


async def test_a_planner_sees_how_far_everybody_has_their_coupon(till: TillWorld, desk: CouponDesk, run: Run) -> None:
    await desk.campaign(offer("WELCOME", issue=ToAllEligible()), offer("FEW", quota=5))
    await desk.issue("WELCOME")
    found = nodes(await run(ISSUES, {"campaign": "ANNIVERSARY"}, caller=staff(till, Role.PLANNER)))
    assert [(entry["offer"], entry["quota"], entry["issued"], entry["members"]) for entry in found] == [
        ("FEW", 5, 0, None),
        ("WELCOME", None, 1, 1),
    ]


async def test_the_till_is_told_discounts_and_takes_the_printed_number(
    till: TillWorld, desk: CouponDesk, run: Run
) -> None:
    await desk.campaign(offer("CNY-100"))
    coupon = await claimed(till, desk, run, "CNY-100")
    basket: Payload = {
        "currency": "CNY",
        "lines": [{"lineNo": 1, "category": "WOMENSWEAR", "quantity": 1, "netMinor": 600_00}],
        "coupons": [coupon["number"]],
    }
    member = {"cardNumber": till.card_number}
    quoted = answer(
        await run(
            QUOTE,
            {"input": {"idempotencyKey": new_key(), "basket": basket, "member": member}},
            caller=till.actor,
        )
    )
    assert (quoted["discount"]["amountMinor"], quoted["due"]["amountMinor"]) == (100_00, 500_00)  # type: ignore[index]
    assert quoted["coupons"] == [
        {
            "couponId": coupon["id"],
            "rule": "ANNIVERSARY/CNY-100",
            "discount": {"amountMinor": 100_00},
            "lines": [{"lineNo": 1, "discount": {"amountMinor": 100_00}}],
        }
    ]
    (held,) = nodes(await run(AT_TILL, {"by": member}, caller=till.actor))
    assert (held["state"], held["notNow"]) == ("RESERVED", ["COUPON_HELD_ELSEWHERE"])
    basket |= {"tenders": [{"type": "CASH", "amountMinor": 500_00}]}
    sold = {
        "idempotencyKey": new_key(),
        "basket": basket,
        "quoteId": quoted["quoteId"],
        "sequence": till.next_sequence(),
    }
    posted = answer(await run(COMMIT, {"input": {**sold, "soldAt": till.now.isoformat()}}, caller=till.actor))
    assert (posted["exceptions"], posted["discount"]["amountMinor"]) == ([], 100_00)  # type: ignore[index]
    back = {"idempotencyKey": new_key(), "sale": {"id": posted["saleId"]}, "lines": [{"lineNo": 1, "quantity": 1}]}
    returned = answer(
        await run(
            RETURN,
            {"input": {**back, "sequence": till.next_sequence(), "returnedAt": till.now.isoformat()}},
            caller=till.actor,
        )
    )
    assert (returned["refund"]["amountMinor"], returned["couponIds"]) == (500_00, [coupon["id"]])  # type: ignore[index]


async def test_a_coupon_that_does_not_apply_has_a_reason_and_an_unreadable_one_is_bad_input(
    till: TillWorld, desk: CouponDesk, run: Run
) -> None:
    await desk.campaign(offer("CNY-100"))
    coupon = await claimed(till, desk, run, "CNY-100")
    basket: Payload = {
        "currency": "CNY",
        "lines": [{"lineNo": 1, "category": "WOMENSWEAR", "quantity": 1, "netMinor": 450_00}],
        "coupons": [coupon["id"]],
    }
    request: Payload = {"idempotencyKey": new_key(), "basket": basket, "member": {"cardNumber": till.card_number}}
    quoted = answer(await run(QUOTE, {"input": request}, caller=till.actor))
    (reason,) = [entry for entry in quoted["reasons"] if entry["couponId"]]  # type: ignore[attr-defined]
    assert (reason["reason"], reason["amount"]) == ("BELOW_MINIMUM_SPEND", {"amountMinor": 50_00})
    request = {**request, "idempotencyKey": new_key(), "basket": {**basket, "coupons": ["HELLO"]}}
    assert codes(await run(QUOTE, {"input": request}, caller=till.actor)) == ["BAD_USER_INPUT"]


async def test_the_desk_sees_used_coupons_too_and_withdraws_one(till: TillWorld, desk: CouponDesk, run: Run) -> None:
    await desk.campaign(offer("CNY-100"))
    coupon = await claimed(till, desk, run, "CNY-100")
    variables = {"input": {"idempotencyKey": new_key(), "couponId": coupon["id"], "reason": "Issued by mistake."}}
    voided = answer(await run(VOID, variables, caller=staff(till, Role.MEMBER_SERVICES)))["coupon"]
    assert voided["state"] == "VOIDED"  # type: ignore[index]
    by: Payload = {"by": {"cardNumber": till.card_number}}
    assert nodes(await run(AT_DESK, by, caller=staff(till, Role.DESK))) == []
    (found,) = nodes(await run(AT_DESK, {**by, "openOnly": False}, caller=staff(till, Role.DESK)))
    assert (found["state"], found["notNow"]) == ("VOIDED", ["COUPON_NOT_USABLE"])


async def test_a_member_sees_no_coupon_of_another(till: TillWorld, desk: CouponDesk, run: Run, conn: Conn) -> None:
    await desk.campaign(offer("CNY-100"))
    coupon = await claimed(till, desk, run, "CNY-100")
    other = await till.another_member(conn)
    assert nodes(await run(MY_COUPONS, caller=other.member_actor)) == []
    document = "query Look($id: ID!) { node(id: $id) { id } }"
    seen = await run(document, {"id": coupon["id"]}, caller=other.member_actor)
    assert seen.data == {"node": None}


@pytest.mark.parametrize("coupons", [1, 9])
async def test_a_wallet_and_offers_cost_the_same_whatever_they_hold(
    till: TillWorld, desk: CouponDesk, run: Run, statements: list[str], coupons: int
) -> None:
    await desk.campaign(*(offer(f"C-{number}", limit_per_member=9) for number in range(coupons)))
    for number in range(coupons):
        await claimed(till, desk, run, f"C-{number}")
    await run(OFFERS, caller=till.member_actor)
    statements.clear()
    assert len(nodes(await run(MY_COUPONS, caller=till.member_actor))) == coupons
    assert len([text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]) == 1
    statements.clear()
    assert len(nodes(await run(OFFERS, caller=till.member_actor))) == coupons
    assert len([text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]) == 5
    desk.clock.advance(timedelta(seconds=1))
