"""`member_id` can be a distribution key: every table has its place in sql/README.md, and every query on a member's rows
says of which member, or is named here with the reason."""

import pytest

from support.distribution import columns, of_members, placements, queries_by_text, unrestricted

BY_NUMBER = "a till asks by what is on a card: it would have to ask a list of numbers on the one node first"
BY_ID = "by the id of a row, whose member nobody has said: such ids would have to tell the member"
OF_MANY = "a page of rows of many members, for staff, found by their ids or by what they wait for"
AFTER_LOCK = "writes rows that were read of the locked member, by their primary keys: `member_id` would be added"
PERIODIC = "a periodic job or a command that looks at all members, in pieces, outside of every request"
WHOLE = "counts, sums or lists over all members, for planners and dashboards"

UNRESTRICTED = {
    "cards.find_card": BY_NUMBER,
    "cards.find_member_by_number": BY_NUMBER,
    "cards.list_live_numbers": PERIODIC,
    "cards.get_spend_confirmation": BY_ID,
    "cards.list_cards_by_id": OF_MANY,
    "cards.update_card": AFTER_LOCK,
    "cards.lock_code_seeds_after": PERIODIC,
    "cards.rekey_code_seeds": PERIODIC,
    "cards.list_code_seeds_by_key": PERIODIC,
    "coupons.count_memberships": PERIODIC,
    "coupons.list_coupons_by_id": BY_ID,
    "coupons.find_coupon_by_cause": BY_ID,
    "coupons.list_coupons_of_stops": OF_MANY,
    "coupons.renew": AFTER_LOCK,
    "coupons.release": AFTER_LOCK,
    "coupons.reverse": AFTER_LOCK,
    "coupons.void": AFTER_LOCK,
    "coupons.merge_member": AFTER_LOCK,
    "coupons.void_batch": PERIODIC,
    "coupons.expire": PERIODIC,
    "gifts.find_gift": BY_ID,
    "gifts.lock_gift": BY_ID,
    "gifts.list_gifts_by_id": OF_MANY,
    "gifts.list_gifts_by_code": BY_ID,
    "gifts.list_at_desk": OF_MANY,
    "gifts.list_gifts_of_visits": OF_MANY,
    "gifts.lock_gifts_of_visits": OF_MANY,
    "gifts.list_pool_counts": WHOLE,
    "gifts.write_changes": AFTER_LOCK,
    "gifts.write_placings": AFTER_LOCK,
    "gifts.lock_overdue": PERIODIC,
    "gifts.list_due_judgements": PERIODIC,
    "members.list_memberships_by_id": OF_MANY,
    "planning.count_members_with_sales": WHOLE,
    "planning.list_members_with_sales": WHOLE,
    "planning.find_stock_at": WHOLE,
    "points.list_liability": WHOLE,
    "points.insert_posting": AFTER_LOCK,
    "points.end_hold": AFTER_LOCK,
    "points.update_adjustment": AFTER_LOCK,
    "points.list_lots_of_lines": AFTER_LOCK,
    "points.list_lots_spent_on": AFTER_LOCK,
    "points.list_entries_by_id": OF_MANY,
    "points.list_adjustments_by_id": OF_MANY,
    "points.list_pending_adjustments": OF_MANY,
    "tiers.write_changes": AFTER_LOCK,
    "tiers.list_grants_by_id": OF_MANY,
    "tiers.list_due_for_review": PERIODIC,
    "tiers.list_contenders": PERIODIC,
    "tiers.list_holders": PERIODIC,
    "tills.get_member_state": "one lot and one entry by their sale, of the member that the statement reads first",
    "visits.list_tie_versions": OF_MANY,
}


OVER_ALL = {"checks"}
"""Slices that walk over all members, and are part of no request: `membership check`."""


def test_every_table_has_a_place_and_every_place_a_table() -> None:
    placed, known = placements(), set(columns())
    schemas = {f"{name.partition('.')[0]}.*" for name in known}
    assert [name for name in known if name not in placed and f"{name.partition('.')[0]}.*" not in placed] == []
    assert set(placed) <= known | schemas


def test_what_is_a_members_says_whose_it_is() -> None:
    """The other tables of a member are said to lack the column."""
    plain = {name for name, place in placements().items() if place == "`member_id`"}
    assert {name for name in plain if "member_id" not in columns()[name]} == set()
    lacking = {name for name, place in placements().items() if place.startswith("`member_id`,")}
    assert lacking and all("member_id" not in columns()[name] for name in lacking)


def test_every_query_on_a_members_rows_says_of_which_member() -> None:
    asked = {text: name for text, name in queries_by_text().items() if name.partition(".")[0] not in OVER_ALL}
    found = {name: tables for text, name in asked.items() if (tables := unrestricted(text))}
    assert {name: tables for name, tables in found.items() if name not in UNRESTRICTED} == {}
    assert set(UNRESTRICTED) - set(found) == set(), "these say it now: take them off the list"


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("SELECT 1 FROM points.lots WHERE member_id = $1", set()),
        ("SELECT 1 FROM points.lots l WHERE l.member_id = ANY ($1)", set()),
        ("SELECT 1 FROM points.lots l WHERE (l.member_id, l.programme_id) = ($1, $2)", set()),
        ("SELECT 1 FROM points.lots WHERE lot_id = $1", {"points.lots"}),
        ("SELECT 1 FROM points.lots WHERE member_id > $1", {"points.lots"}),
        ("UPDATE points.lots SET remaining = 0 WHERE lot_id = $1", {"points.lots"}),
        ("DELETE FROM points.lots WHERE lot_id = $1", {"points.lots"}),
        ("INSERT INTO points.lots (member_id) VALUES ($1)", set()),
        (
            "SELECT 1 FROM points.accounts a JOIN points.lots l ON l.member_id = a.member_id WHERE a.member_id = $1",
            set(),
        ),
        (
            "SELECT 1 FROM points.accounts a JOIN points.lots l ON l.lot_id = a.balance WHERE a.member_id = $1",
            {"points.lots"},
        ),
        ("SELECT 1 FROM stores.tills", set()),
    ],
)
def test_who_is_not_said_is_found(text: str, tables: set[str]) -> None:
    assert "points.lots" in of_members()
    assert unrestricted(text) == tables
