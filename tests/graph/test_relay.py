"""Global ids and keyset pages."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from membership.graph.kit.relay import (
    DEFAULT_PAGE,
    LARGEST_PAGE,
    Keyset,
    connection,
    global_id,
    key_of,
    read_global_id,
    rows_in_memory,
)

KEY = UUID("0190a000-0000-7000-8000-000000000001")
NUMBERS = Keyset("numbers", (int,))


def code(error: pytest.ExceptionInfo[GraphQLError]) -> object:
    return (error.value.extensions or {})["code"]


@given(st.sampled_from(["Store", "Member", "PointsEntry"]), st.uuids())
def test_a_global_id_names_its_type_and_key(type_name: str, key: UUID) -> None:
    assert read_global_id(global_id(type_name, key)) == (type_name, key)
    assert key_of(global_id(type_name, key), type_name) == key


@given(st.text(max_size=60))
def test_no_text_but_our_own_ids_is_read(text: str) -> None:
    try:
        type_name, key = read_global_id(text)
    except GraphQLError as error:
        assert (error.extensions or {})["code"] == "BAD_USER_INPUT"
    else:
        assert global_id(type_name, key) == text


def test_an_id_of_another_type_is_refused() -> None:
    with pytest.raises(GraphQLError) as error:
        key_of(global_id("Store", KEY), "Member")
    assert code(error) == "BAD_USER_INPUT"


@pytest.mark.parametrize("first", [-1, LARGEST_PAGE + 1, -(2**31)])
def test_a_page_size_out_of_range_is_bad_user_input(first: int) -> None:
    with pytest.raises(GraphQLError) as error:
        NUMBERS.page(first, None)
    assert code(error) == "BAD_USER_INPUT"


def test_a_page_has_twenty_items_unless_asked_otherwise() -> None:
    assert NUMBERS.page(None, None).size == DEFAULT_PAGE == 20
    assert NUMBERS.page(LARGEST_PAGE, None).size == LARGEST_PAGE == 100


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
    st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    st.integers(0, 2**53),
    st.dates(),
)
def test_a_cursor_keeps_its_key(moment: datetime, key: UUID, text: str, number: int, day: date) -> None:
    keyset = Keyset("all", (datetime, UUID, str, int, date))
    parts = (moment, key, text, number, day)
    assert keyset.page(None, keyset.cursor(parts)).after == parts


def test_a_cursor_brings_no_nul() -> None:
    keyset = Keyset("codes", (str,))
    with pytest.raises(GraphQLError) as error:
        keyset.page(None, keyset.cursor(("\0",)))
    assert code(error) == "BAD_USER_INPUT"


@pytest.mark.parametrize("moment", ["2026-05-20T10:00:00", "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
def test_a_moment_in_a_cursor_can_be_compared_with_every_rows(moment: str) -> None:
    keyset = Keyset("moments", (datetime,))
    with pytest.raises(GraphQLError) as error:
        keyset.page(None, keyset.cursor((moment,)))
    assert code(error) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!!",
        "ünïcode",
        "a" * 2_000,
        Keyset("others", (int,)).cursor((1,)),
        Keyset("numbers", (str,)).cursor(("1",)),
        Keyset("numbers", (int, int)).cursor((1, 2)),
        Keyset("numbers", ()).cursor(()),
    ],
)
def test_a_cursor_that_is_not_this_lists_is_bad_user_input(cursor: str) -> None:
    with pytest.raises(GraphQLError) as error:
        NUMBERS.page(None, cursor)
    assert code(error) == "BAD_USER_INPUT"


@given(st.sets(st.integers(0, 200), max_size=60), st.integers(1, 20))
def test_pages_follow_one_another_without_gap_or_repeat(rows: set[int], size: int) -> None:
    seen: list[int] = []
    after: str | None = None
    while True:
        page = NUMBERS.page(size, after)
        read = rows_in_memory(rows, page, key=lambda row: (row,))
        shown = connection(read, page, NUMBERS, node=lambda row: row, key=lambda row: (row,))
        seen += shown.nodes
        assert shown.page_info.has_previous_page == (after is not None)
        if not shown.page_info.has_next_page:
            break
        after = shown.page_info.end_cursor
    assert seen == sorted(rows)


def test_an_empty_page_has_no_cursors() -> None:
    page = NUMBERS.page(0, None)
    empty = connection([1], page, NUMBERS, node=lambda row: row, key=lambda row: (row,))
    assert (empty.nodes, empty.page_info.end_cursor, empty.page_info.has_next_page) == ([], None, True)
