"""What a vendor writes: checked by their type checker, without a plugin, and by the inputs themselves."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

import membership.till_client
from membership.till_client.base_model import Input
from membership.till_client.generated import input_types

PACKAGE = Path(membership.till_client.__file__).parent
SCRIPT = """
from datetime import datetime

from membership.till_client import BasketInput, CommitSaleInput, MemberLookup, Refusal, SaleLineInput, TillClient


async def sell(till: TillClient, now: datetime) -> int:
    found = await till.identify_member(MemberLookup(card_number="888800000000"))
    if isinstance(found, Refusal):
        return 0
    line = SaleLineInput(line_no=1, category="WOMENSWEAR", quantity=1, net_minor=299_900)
    basket = BasketInput(currency="CNY", lines=[line])
    sold = await till.commit_sale(CommitSaleInput(idempotency_key="k", basket=basket, sequence=1, sold_at=now))
    return 0 if isinstance(sold, Refusal) else sold.points_earned
"""


def test_a_vendor_is_checked_strictly_without_a_plugin(tmp_path: Path) -> None:
    """A misspelt field is told before anything runs."""
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "membership").symlink_to(PACKAGE.parent, target_is_directory=True)
    (tmp_path / "good.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "bad.py").write_text(SCRIPT.replace("sequence=1", "sequense=1"), encoding="utf-8")

    good, bad = _mypy(tmp_path, "good.py"), _mypy(tmp_path, "bad.py")

    assert (good.returncode, good.stderr) == (0, ""), good.stdout
    assert bad.returncode == 1
    assert 'Unexpected keyword argument "sequense"' in bad.stdout


def test_the_folder_says_by_itself_that_it_has_types() -> None:
    """And so does the package around it: a vendor may take either."""
    assert all((folder / "py.typed").exists() for folder in (PACKAGE, PACKAGE.parent))


def test_a_misspelt_field_is_refused() -> None:
    good = {"quoteId": "q"}

    assert input_types.QuoteInput.model_validate(good).quote_id == "q"
    with pytest.raises(ValidationError, match="membr"):
        input_types.QuoteInput.model_validate({**good, "membr": "m"})


def test_every_input_refuses_what_it_does_not_have_and_can_be_imported_from_the_client() -> None:
    inputs = [kind for kind in vars(input_types).values() if isinstance(kind, type) and issubclass(kind, Input)]
    made = [kind for kind in inputs if kind.__module__ == input_types.__name__]

    assert len(made) == 15
    assert [kind.__name__ for kind in made if kind.model_config.get("extra") != "forbid"] == []
    assert {kind.__name__ for kind in made} - set(membership.till_client.__all__) == set()
    assert all(getattr(membership.till_client, kind.__name__) is kind for kind in made)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"card_number": None},
        {"card_number": "888800000000", "phone": "+8613800138000"},
        {"card_number": "888800000000", "phone": None},
    ],
    ids=["none", "none but by name", "two", "one and another as null"],
)
def test_a_lookup_is_by_one_thing(given: dict[str, str | None]) -> None:
    """The service takes no second one, not even as null. What was given is not repeated: it is somebody's number."""
    with pytest.raises(ValidationError, match="exactly one of code, card_number, phone") as told:
        input_types.MemberLookup.model_validate(given)
    assert "8888" not in str(told.value)


def test_names_of_the_api_are_sent() -> None:
    sale = membership.till_client.CommitSaleInput(
        idempotency_key="k",
        basket=membership.till_client.BasketInput(currency="CNY", lines=[]),
        sequence=1,
        sold_at=datetime(2026, 7, 1, tzinfo=UTC),
        member=membership.till_client.MemberLookup(card_number="888800000000"),
    )

    sent = sale.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert sent == {
        "idempotencyKey": "k",
        "basket": {"currency": "CNY", "lines": []},
        "sequence": 1,
        "soldAt": "2026-07-01T00:00:00Z",
        "member": {"cardNumber": "888800000000"},
    }


def test_an_answer_may_have_more_than_this_client_knows() -> None:
    refusal = membership.till_client.Refusal.model_validate({"code": "C", "message": "m", "field": None, "newer": 1})

    assert isinstance(refusal, BaseModel) and refusal.code == "C"


def _mypy(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "installed")},
        capture_output=True,
        text=True,
        check=False,
    )
