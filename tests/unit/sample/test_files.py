"""The data files: every row says where it comes from, and the figures are those of the specification."""

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from membership.sample.files import (
    LOCALES,
    PROGRAMMES,
    CentralCashierRow,
    FloorRow,
    SampleProgramme,
    read_toml,
    sample_programmes,
)
from membership.stores.model import BirthdayMultiplier, EndOfYear, TierMultiplier
from membership.tiers.model import GrantTime, Tier

CHAOYANG, HANGANG, BROMPTON = sample_programmes()


def unmarked(value: object, path: str) -> Iterator[str]:
    """Top-level tables, and the rows of arrays of tables at any depth, that do not say where they come from."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from unmarked(inner, f"{path}.{key}")
        case list() if value and isinstance(value[0], dict):
            for position, row in enumerate(value):
                if "source" not in row:
                    yield f"{path}[{position}]"
                yield from unmarked(row, f"{path}[{position}]")


def marks(value: object) -> Iterator[str]:
    match value:
        case {"source": str(mark)}:
            yield mark
        case {"source": dict(by_field)}:
            yield from by_field.values()
    match value:
        case dict():
            for inner in value.values():
                yield from marks(inner)
        case list():
            for inner in value:
                yield from marks(inner)


@pytest.mark.parametrize("name", PROGRAMMES)
def test_every_row_is_marked_published_or_invented(name: str) -> None:
    document = read_toml(name)
    sections = [key for key, value in document.items() if isinstance(value, dict) and "source" not in value]
    assert sections == []
    assert list(unmarked(document, name)) == []
    assert all(mark == "invented" or mark.startswith("published: ") for mark in marks(document))
    assert any(mark.startswith("published: ") for mark in marks(document))


def test_a_row_without_a_mark_is_refused() -> None:
    with pytest.raises(ValidationError, match="source"):
        CentralCashierRow.model_validate({"code": "CC-9"})


def test_a_row_marked_by_field_must_mark_every_field() -> None:
    row = {"code": "9F", "position": 9, "names": dict.fromkeys(LOCALES, "Nine")}
    with pytest.raises(ValidationError, match="no source for code, names"):
        FloorRow.model_validate(row | {"source": {"position": "invented"}})
    with pytest.raises(ValidationError, match="does not have: colour"):
        FloorRow.model_validate(row | {"source": {"colour": "invented", "others": "invented"}})
    assert FloorRow.model_validate(row | {"source": {"position": "invented", "others": "invented"}}).position == 9


@pytest.mark.parametrize("sample", sample_programmes(), ids=PROGRAMMES)
def test_codes_are_unique_and_references_exist(sample: SampleProgramme) -> None:
    for rows in (sample.floors, sample.categories, sample.tender_types, sample.brands, sample.counters):
        codes = [row.code for row in rows]
        assert len(codes) == len(set(codes))
    assert {counter.floor for counter in sample.counters} == {floor.code for floor in sample.floors}
    assert {counter.brand for counter in sample.counters} == {brand.code for brand in sample.brands}
    sold = {category for counter in sample.counters for category in counter.categories}
    assert sold <= {category.code for category in sample.categories}
    assert all(0 < low < high for low, high in (counter.price_minor for counter in sample.counters))
    assert len(sample.central_cashiers) == 2


def test_chaoyang_is_as_specified() -> None:
    assert [floor.code for floor in CHAOYANG.floors] == ["B1", "1F", "2F", "3F", "4F", "5F"]
    assert len(CHAOYANG.brands) == 40
    silent = [brand for brand in CHAOYANG.brands if not brand.earns_points]
    assert len(silent) == 6
    assert all(brand.counts_for_tier for brand in silent)
    assert {category.spend_minor_per_point for category in CHAOYANG.categories} == {1_00, 20_00}
    redemption = CHAOYANG.terms.redemption
    assert redemption is not None
    assert (redemption.block_points, redemption.value_minor) == (100, 1_00)
    assert set(redemption.value_minor_by_tier.values()) == {1_50}
    (birthday,) = CHAOYANG.terms.standing_rules
    assert isinstance(birthday, BirthdayMultiplier)
    assert (birthday.days_before, birthday.days_after, birthday.basis_points) == (3, 3, 20_000)
    assert set(birthday.basis_points_by_tier.values()) == {40_000}


def test_the_ladders_are_as_specified() -> None:
    assert [(tier.code, rung(tier)) for tier in CHAOYANG.ladder.tiers] == [
        ("CARD", None),
        ("SILVER", 20_000_00),
        ("GOLD", 100_000_00),
        ("PLATINUM", 300_000_00),
        ("DIAMOND", 1_000_000_00),
        ("BLACK", "best 500"),
    ]
    assert [rung(tier) for tier in HANGANG.ladder.tiers][2:] == [
        10_000_000,
        30_000_000,
        50_000_000,
        70_000_000,
        120_000_000,
        "best 999",
    ]
    red = HANGANG.ladder.tiers[1]
    assert [(criterion.threshold, criterion.minimum_visit_days) for criterion in red.criteria] == [
        (4_000_000, 24),
        (2_000_000, 1),
        (1_000_000, 6),
    ]
    assert [rung(tier) for tier in BROMPTON.ladder.tiers] == [None, 5_000_00, 10_000_00]
    assert {criterion.grant_time for tier in BROMPTON.ladder.tiers for criterion in tier.criteria} == {
        GrantTime.NEXT_BUSINESS_DAY
    }


@pytest.mark.parametrize("sample", sample_programmes(), ids=PROGRAMMES)
def test_terms_name_tiers_of_the_ladder(sample: SampleProgramme) -> None:
    named = set(sample.terms.redemption.value_minor_by_tier if sample.terms.redemption else ())
    for rule in sample.terms.standing_rules:
        named |= set(rule.basis_points_by_tier)
    assert named <= {tier.code for tier in sample.ladder.tiers}


def rung(tier: Tier) -> int | str | None:
    if tier.rank_cap:
        return f"best {tier.rank_cap.best}"
    return tier.criteria[0].threshold if tier.criteria else None


def test_hangang_has_no_minor_unit_and_counts_other_banks_cards_at_half() -> None:
    assert (HANGANG.programme.currency, HANGANG.programme.minor_unit_exponent) == ("KRW", 0)
    weights = {tender.code: tender.tier_weight_basis_points for tender in HANGANG.tender_types}
    assert (weights["OTHER_BANK_CARD"], weights["PARTNER_CARD"]) == (5_000, 10_000)


def test_brompton_gives_one_two_three_points_a_pound() -> None:
    assert {category.spend_minor_per_point for category in BROMPTON.categories} == {1_00}
    (rate,) = BROMPTON.terms.standing_rules
    assert isinstance(rate, TierMultiplier)
    assert sorted(rate.basis_points_by_tier.values()) == [20_000, 30_000]
    assert BROMPTON.terms.expiry == EndOfYear(years_after=2)
    redemption = BROMPTON.terms.redemption
    assert redemption is not None
    assert (redemption.block_points, redemption.value_minor, redemption.minimum_points) == (500, 5_00, 500)
