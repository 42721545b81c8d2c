"""The till's conversation, in the documents that tills send."""

from datetime import timedelta

import pytest
from strawberry.types import ExecutionResult

from membership.graph.kit.relay import global_id
from membership.kernel.actor import Actor, Role
from support.operations import Run, codes, trusted
from support.till_world import ACTIVATION, COUNTER, TillWorld, new_key

QUOTE, COMMIT, VOID = trusted("till/QuoteSale"), trusted("till/CommitSale"), trusted("till/VoidSale")
RETURN, EXCHANGE = trusted("till/ReturnLines"), trusted("till/ExchangeLines")


def basket(amount_minor: int = 100_00, **changes: object) -> dict[str, object]:
    return {
        "currency": "CNY",
        "lines": [{"lineNo": 1, "category": "WOMENSWEAR", "quantity": 1, "netMinor": amount_minor}],
        "tenders": [{"type": "CASH", "amountMinor": amount_minor}],
        **changes,
    }


def sale(till: TillWorld, **changes: object) -> dict[str, object]:
    return {
        "input": {
            "idempotencyKey": new_key(),
            "basket": basket(),
            "member": {"cardNumber": till.card_number},
            "sequence": till.next_sequence(),
            "soldAt": till.now.isoformat(),
            **changes,
        }
    }


def answer(result: ExecutionResult) -> dict[str, object]:
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    assert isinstance(payload, dict)
    return payload


async def test_quote_commit_return(till: TillWorld, run: Run) -> None:
    quote = answer(
        await run(
            QUOTE,
            {"input": {"idempotencyKey": new_key(), "basket": basket(), "member": {"cardNumber": till.card_number}}},
            caller=till.actor,
        )
    )
    assert (quote["points"], quote["due"]) == (100, {"amountMinor": 100_00, "currency": "CNY"})
    assert [reason["reason"] for reason in quote["reasons"]] == ["BIRTHDAY_UNKNOWN"]  # type: ignore[attr-defined]
    posted = answer(await run(COMMIT, sale(till, quoteId=quote["quoteId"], member=None), caller=till.actor))
    assert (posted["pointsEarned"], posted["exceptions"]) == (100, [])
    returned = answer(
        await run(
            RETURN,
            {
                "input": {
                    "idempotencyKey": new_key(),
                    "sale": {"id": posted["saleId"]},
                    "lines": [{"lineNo": 1, "quantity": 1}],
                    "sequence": till.next_sequence(),
                    "returnedAt": till.now.isoformat(),
                }
            },
            caller=till.actor,
        )
    )
    assert (returned["kind"], returned["pointsClawedBack"]) == ("RETURN", 100)


async def test_a_sale_is_found_by_its_receipt(till: TillWorld, run: Run) -> None:
    posted = answer(await run(COMMIT, sale(till), caller=till.actor))
    receipt = {"businessDate": posted["businessDate"], "sequence": posted["sequence"]}
    variables = {"input": {"idempotencyKey": new_key(), "sale": {"receipt": receipt}}}
    assert answer(await run(VOID, variables, caller=till.actor))["kind"] == "VOID"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"basket": basket(lines=[])}, "EMPTY_BASKET"),
        ({"basket": basket(currency="EUR")}, "WRONG_CURRENCY"),
        ({"basket": basket(tenders=[])}, "TENDERS_DO_NOT_ADD_UP"),
        ({"sequence": 0}, "SEQUENCE_OUT_OF_RANGE"),
        ({"soldAt": "2020-01-01T00:00:00Z"}, "SOLD_AT_OUT_OF_RANGE"),
    ],
)
async def test_refusals_are_typed(till: TillWorld, run: Run, changes: dict[str, object], code: str) -> None:
    refusal = answer(await run(COMMIT, sale(till, **changes), caller=till.actor))
    assert refusal["code"] == code
    assert refusal["message"]


@pytest.mark.parametrize(
    ("member", "code"),
    [
        ({"cardNumber": "123456789012"}, "WRONG_CHECK_DIGIT"),
        ({"cardNumber": "100000000008"}, "UNKNOWN_CARD"),
        ({"code": "88"}, "MALFORMED_CODE"),
        ({"phone": "+8613800138000"}, "UNKNOWN_MEMBER"),
    ],
)
async def test_a_member_who_is_not_recognised_is_refused_at_quote(
    till: TillWorld, run: Run, member: dict[str, str], code: str
) -> None:
    variables = {"input": {"idempotencyKey": new_key(), "basket": basket(), "member": member}}
    assert answer(await run(QUOTE, variables, caller=till.actor))["code"] == code


async def test_a_card_number_alone_cannot_spend(till: TillWorld, run: Run) -> None:
    await till.sell(5_000_00)
    till.clock.advance(ACTIVATION)
    variables = {
        "input": {
            "idempotencyKey": new_key(),
            "basket": basket(pointsToSpend=1_000, tenders=[]),
            "member": {"cardNumber": till.card_number},
        }
    }
    assert answer(await run(QUOTE, variables, caller=till.actor))["code"] == "SPENDING_NOT_CONFIRMED"


async def test_a_code_that_was_spent_is_refused_and_earns_again(till: TillWorld, run: Run) -> None:
    await till.sell(5_000_00)
    till.clock.advance(ACTIVATION)
    code = (await till.codes.show(till.member_actor, till.now, till.member)).code
    spending = basket(pointsToSpend=1_000, tenders=[])
    answers = [
        answer(
            await run(
                QUOTE,
                {"input": {"idempotencyKey": new_key(), "basket": asked, "member": {"code": code}}},
                caller=till.actor,
            )
        )
        for asked in (spending, spending, basket())
    ]
    assert [entry.get("code") for entry in answers] == [None, "SPENT_CODE", None]


async def test_a_malformed_id_is_the_clients_fault(till: TillWorld, run: Run) -> None:
    assert codes(await run(COMMIT, sale(till, quoteId="?"), caller=till.actor)) == ["BAD_USER_INPUT"]


async def test_a_member_cannot_speak_as_a_till(till: TillWorld, run: Run) -> None:
    assert codes(await run(COMMIT, sale(till), caller=till.member_actor)) == ["FORBIDDEN"]


async def test_a_revoked_till_is_refused(till: TillWorld, run: Run) -> None:
    nowhere = Actor(Role.TILL, "till", store_id=till.store.store_id, till_id=till.member.member_id)
    assert answer(await run(COMMIT, sale(till), caller=nowhere))["code"] == "UNKNOWN_TILL"


async def test_an_exchange_answers_with_both_halves(till: TillWorld, run: Run) -> None:
    posted = answer(await run(COMMIT, sale(till), caller=till.actor))
    till.clock.advance(timedelta(hours=1))
    variables = {
        "input": {
            "idempotencyKey": new_key(),
            "sale": {"id": posted["saleId"]},
            "lines": [{"lineNo": 1, "quantity": 1}],
            "sequence": till.next_sequence(),
            "returnedAt": till.now.isoformat(),
            "basket": basket(250_00),
            "saleSequence": till.next_sequence(),
        }
    }
    exchanged = answer(await run(EXCHANGE, variables, caller=till.actor))
    assert exchanged["kind"] == "EXCHANGE"
    assert exchanged["exchangedFor"]["pointsEarned"] == 250  # type: ignore[index]


async def test_what_a_till_takes_back(till: TillWorld, run: Run) -> None:
    """A quote renewed and given up, a sale voided, a receipt attached: each leaves a record (support/trail.py)."""
    asked = {"basket": basket(), "member": {"cardNumber": till.card_number}}
    quoted = answer(await run(QUOTE, {"input": {"idempotencyKey": new_key(), **asked}}, caller=till.actor))
    for name in ("RenewQuote", "AbandonQuote"):
        about = {"input": {"quoteId": quoted["quoteId"]}}
        assert "code" not in answer(await run(trusted(f"till/{name}"), about, caller=till.actor))
    unnamed = sale(till, member=None)
    anonymous = answer(await run(COMMIT, unnamed, caller=till.actor))
    receipt = {
        "storeId": global_id("Store", till.store.store_id),
        "till": f"{COUNTER}-01",
        "businessDate": anonymous["businessDate"],
        "sequence": unnamed["input"]["sequence"],  # type: ignore[index]
        "netMinor": 100_00,
    }
    attach = {"input": {"idempotencyKey": new_key(), **receipt, "member": {"cardNumber": till.card_number}}}
    assert "code" not in answer(await run(trusted("till/AttachSale"), attach, caller=till.actor))
    posted = answer(await run(COMMIT, sale(till), caller=till.actor))
    void = {"idempotencyKey": new_key(), "sale": {"id": posted["saleId"]}}
    assert answer(await run(VOID, {"input": void}, caller=till.actor))["kind"] == "VOID"


async def test_a_till_out_of_service_and_back(till: TillWorld, run: Run) -> None:
    """Each leaves an entry in the audit trail: support/trail.py watches."""
    named = {"tillId": global_id("Till", till.store.till_of(COUNTER))}
    admin = Actor(Role.ADMIN, "li.hua", programme_id=till.store.programme_id)
    for name, given in (("RevokeTill", {"reason": "STOLEN"}), ("ReinstateTill", {})):
        about = {"input": {"idempotencyKey": new_key(), **named, **given}}
        assert answer(await run(trusted(f"desk/{name}"), about, caller=admin))["__typename"] == f"{name}Payload"
