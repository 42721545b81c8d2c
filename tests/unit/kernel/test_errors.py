"""Refusals: a stable code, facts as fields, and the way back from what was recorded."""

from dataclasses import dataclass

import pytest

from membership.kernel.errors import DomainError, Fact, Part, part_types


@dataclass(eq=False)
class ShelfFull(DomainError):
    code = "TEST_SHELF_FULL"
    shelf: str
    limit: int
    may_wait: bool = False
    others: list[str] | None = None

    @property
    def message(self) -> str:
        return f"Shelf {self.shelf} holds {self.limit}. Use another shelf."


@dataclass(eq=False)
class ShopClosed(DomainError):
    code = "TEST_SHOP_CLOSED"
    retryable = True
    field = "store"

    @property
    def message(self) -> str:
        return "The shop is closed. Come back at ten."


@dataclass(frozen=True)
class Missing(Part):
    shelf: str
    nearest: str | None


@dataclass(eq=False)
class ShelvesMissing(DomainError):
    code = "TEST_SHELVES_MISSING"
    shelves: list[Missing]
    of: int

    @property
    def message(self) -> str:
        return f"{len(self.shelves)} of {self.of} shelves are missing. Use the nearest."


def test_a_fact_may_be_a_list_of_parts_and_comes_back_as_it_was() -> None:
    refusal = ShelvesMissing([Missing("A", "B"), Missing("C", None)], 3)
    facts = refusal.facts()
    assert facts == {"shelves": [{"shelf": "A", "nearest": "B"}, {"shelf": "C", "nearest": None}], "of": 3}
    restored = DomainError.restore(refusal.code, facts)
    assert isinstance(restored, ShelvesMissing)
    assert restored.shelves == refusal.shelves
    assert part_types(ShelvesMissing) == {"shelves": Missing}
    assert part_types(ShopClosed) == part_types(ShelfFull) == {}


def test_facts_are_the_fields() -> None:
    facts = ShelfFull("A", 3, others=["B"]).facts()
    assert facts == {"shelf": "A", "limit": 3, "may_wait": False, "others": ["B"]}
    assert ShopClosed().facts() == {}


def test_a_refusal_says_its_code_and_message() -> None:
    assert str(ShelfFull("A", 3)) == "TEST_SHELF_FULL: Shelf A holds 3. Use another shelf."
    assert (ShelfFull.retryable, ShelfFull.field) == (False, None)
    assert (ShopClosed.retryable, ShopClosed.field) == (True, "store")


@pytest.mark.parametrize("refusal", [ShelfFull("A", 3, may_wait=True, others=["B", "C"]), ShopClosed()])
def test_a_recorded_refusal_comes_back_as_it_was(refusal: DomainError) -> None:
    restored = DomainError.restore(refusal.code, refusal.facts())
    assert type(restored) is type(refusal)
    assert restored.facts() == refusal.facts()
    assert str(restored) == str(refusal)


def test_a_code_is_known_to_the_registry_and_a_copy_of_it_harms_nothing() -> None:
    known = DomainError.known_codes()
    assert known["TEST_SHELF_FULL"] is ShelfFull
    known.clear()
    assert DomainError.known_codes()["TEST_SHELF_FULL"] is ShelfFull


def test_two_refusals_cannot_share_a_code() -> None:
    with pytest.raises(TypeError, match="share the code TEST_SHELF_FULL"):

        @dataclass(eq=False)
        class AnotherFull(DomainError):
            code = "TEST_SHELF_FULL"


def test_a_refusal_without_a_code_of_its_own_is_a_base_and_not_registered() -> None:
    before = DomainError.known_codes()

    class ShelfRefusal(DomainError):
        """A base for others."""

    assert DomainError.known_codes() == before


def test_facts_that_a_refusal_does_not_have_are_not_swallowed() -> None:
    unknown: dict[str, Fact] = {"colour": "red"}
    with pytest.raises(TypeError):
        DomainError.restore("TEST_SHOP_CLOSED", unknown)
