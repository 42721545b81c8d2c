"""The generator: repeatable, within memory, and by the rules."""

import gc
import weakref
from collections import Counter, defaultdict
from itertools import groupby

import pytest

from membership.cards.rules import checked_card_number
from membership.sample.copying import Table
from membership.sample.files import sample_cast
from membership.sample.tables import (
    ACCOUNTS,
    CARDS,
    CODE_SEEDS,
    ENTRIES,
    IDENTITIES,
    IN_ORDER,
    LOT_USES,
    LOTS,
    MEMBERS,
    SALES,
    TENDERS,
)
from sample_generation import NOW, all_records, fingerprint, generator

PEOPLE = 120


def test_the_same_seed_gives_the_same_rows() -> None:
    assert fingerprint(generator(PEOPLE).batches()) == fingerprint(generator(PEOPLE).batches())


def test_another_seed_gives_other_rows() -> None:
    assert fingerprint(generator(40).batches()) != fingerprint(generator(40, seed=2).batches())


def test_named_members_are_the_same_in_every_size() -> None:
    _, small = next(generator(40).batches())
    _, large = next(generator(PEOPLE).batches())
    for table in IN_ORDER:
        assert small.records(table) == large.records(table)


def test_as_many_people_as_asked_for() -> None:
    counts = [count for count, _ in generator(PEOPLE).batches()]
    assert sum(counts) == PEOPLE
    assert len(all_records(generator(PEOPLE).batches())[MEMBERS]) == PEOPLE
    assert len(sample_cast()) < PEOPLE


def test_a_batch_is_forgotten_once_it_is_written() -> None:
    """Memory does not grow with the number of people."""
    batches = generator(600).batches()
    next(batches)
    _, batch = next(batches)
    written = weakref.ref(batch)
    del batch
    next(batches)
    gc.collect()
    assert written() is None


@pytest.fixture(scope="module")
def records() -> dict[str, list[dict[str, object]]]:
    rows = all_records(generator(PEOPLE).batches())
    return {
        name_of(table): [dict(zip(table.columns, row, strict=True)) for row in found] for table, found in rows.items()
    }


def name_of(table: Table) -> str:
    """Two schemas have a table of this name."""
    return f"{table.schema}.{table.name}" if table.name == "changes" else table.name


Rows = dict[str, list[dict[str, object]]]


def test_records_have_a_value_for_each_column(records: Rows) -> None:
    assert {name_of(table) for table in IN_ORDER} == set(records)
    for table in (MEMBERS, IDENTITIES, CARDS, CODE_SEEDS, ACCOUNTS, ENTRIES, LOTS, LOT_USES, SALES, TENDERS):
        assert records[table.name]


def test_card_numbers_are_valid_and_differ(records: Rows) -> None:
    numbers = [str(card["number"]) for card in records["cards"]]
    assert len(numbers) == len(set(numbers))
    assert [checked_card_number(number) for number in numbers] == numbers
    serials = [seed["serial"] for seed in records["code_seeds"]]
    assert len(serials) == len(set(serials))


def test_nothing_lies_in_the_future(records: Rows) -> None:
    for table, column in (
        ("members", "joined_at"),
        ("memberships", "enrolled_at"),
        ("cards", "changed_at"),
        ("sales", "committed_at"),
        ("returns", "returned_at"),
        ("entries", "recorded_at"),
        ("grants", "granted_at"),
        ("reviews", "reviewed_at"),
        ("state_changes", "at"),
        ("coupons", "changed_at"),
        ("redemptions", "redeemed_at"),
        ("gifts", "claimed_at"),
        ("gifts.changes", "at"),
        ("appointments", "changed_at"),
        ("appointments.changes", "at"),
        ("visits", "made_at"),
    ):
        assert max(row[column] for row in records[table]) <= NOW, table  # type: ignore[operator, type-var]


def test_nobody_buys_as_a_member_before_joining(records: Rows) -> None:
    joined = {row["member_id"]: row["enrolled_at"] for row in records["memberships"]}
    for sale in records["sales"]:
        if sale["member_id"] is not None:
            assert sale["sold_at"] > joined[sale["member_id"]]  # type: ignore[operator]


def test_a_till_numbers_its_receipts_once_each_day(records: Rows) -> None:
    """P2."""
    keys = Counter((sale["till_id"], sale["business_date"], sale["sequence"]) for sale in records["sales"])
    keys += Counter(
        (row["till_id"], row["business_date"], row["sequence"]) for row in records["returns"] if row["sequence"]
    )
    assert set(keys.values()) == {1}


def test_entries_of_a_member_sort_by_when_they_were_recorded(records: Rows) -> None:
    by_member = defaultdict(list)
    for entry in records["entries"]:
        by_member[entry["member_id"], entry["programme_id"]].append((entry["entry_id"], entry["recorded_at"]))
    for entries in by_member.values():
        recorded = [at for _, at in sorted(entries)]
        assert recorded == sorted(recorded)  # type: ignore[type-var]


def test_points_are_paid_in_blocks_and_tenders_pay_the_rest(records: Rows) -> None:
    paid = {
        sale_id: sum(int(str(row["amount_minor"])) for row in rows)
        for sale_id, rows in groupby(records["tenders"], key=lambda row: row["sale_id"])
    }
    with_points = [sale for sale in records["sales"] if sale["points_redeemed"]]
    assert with_points
    for sale in records["sales"]:
        due = int(str(sale["net_minor"])) - int(str(sale["discount_minor"])) - paid.get(sale["sale_id"], 0)
        assert (due > 0) == bool(sale["points_redeemed"])
