"""Every difference between a till's receipt and the service's is told."""

from datetime import date

import pytest

from membership.till_client.generated.find_sale import FindSaleSale
from membership.till_simulator.book import Numbers, Receipt
from membership.till_simulator.proof import Proof, compare

DAY = date(2026, 5, 20)


def receipt(**changed: object) -> Receipt:
    sold = Receipt("T-1", DAY, 7, "s-1", 300_00, 20_00, {1: 2, 2: 1}, None)
    sold.returned[1] = 1
    for name, value in changed.items():
        setattr(sold, name, value)
    return sold


def found(**changed: object) -> FindSaleSale:
    """As the service answers."""
    lines = [
        {"lineNo": number, "description": None, "quantity": sold, "returnedQuantity": back}
        | {"net": {"amountMinor": 100_00}, "discount": {"amountMinor": 0}}
        for number, sold, back in ((1, 2, 1), (2, 1, 0))
    ]
    answer = {
        "id": "s-1",
        "till": "T-1",
        "businessDate": DAY,
        "sequence": 7,
        "soldAt": "2026-05-20T12:00:00Z",
        "state": "PART_RETURNED",
        "net": {"amountMinor": 300_00, "currency": "CNY"},
        "discount": {"amountMinor": 20_00},
        "pointsRedeemed": 0,
        "lines": lines,
    }
    return FindSaleSale.model_validate(answer | changed)


def wrong(believed: Receipt, there: FindSaleSale | None) -> list[str]:
    proof = Proof()
    compare(believed, there, proof)
    return proof.wrong


def test_what_is_the_same_adds_up() -> None:
    proof = Proof()
    compare(receipt(), found(), proof)
    assert (proof.holds, proof.receipts, proof.found, proof.found_minor) == (True, 1, 1, 300_00)


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (None, "is lost"),
        (found(id="s-2"), "id: the till believes s-1, the service has s-2"),
        (found(net={"amountMinor": 600_00, "currency": "CNY"}), "total: the till believes 30000"),
        (found(discount={"amountMinor": 0}), "discount"),
        (found(state="COMMITTED"), "state: the till believes PART_RETURNED"),
        (found(lines=[]), "quantities"),
    ],
)
def test_every_difference_is_told(there: FindSaleSale | None, told: str) -> None:
    assert any(told in sentence and "T-1 2026-05-20 no. 7" in sentence for sentence in wrong(receipt(), there))


def test_what_came_back_twice_is_told() -> None:
    believed = receipt()
    believed.returned.clear()
    assert len(wrong(believed, found())) == 2, "the state and the quantities"


def test_a_receipt_is_returned_when_nothing_of_it_is_kept() -> None:
    sold = receipt()
    assert sold.state == "PART_RETURNED"
    sold.returned.update({1: 1, 2: 1})
    assert sold.state == "RETURNED"


def test_numbers_are_used_once() -> None:
    numbers = Numbers(5)
    assert [next(numbers), next(numbers)] == [5, 6] == list(numbers.used)
