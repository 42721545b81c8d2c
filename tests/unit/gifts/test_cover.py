"""C6 in the small: a day's amounts, shared out among its gifts."""

from hypothesis import given
from hypothesis import strategies as st

from membership.gifts.model import DayLine, GiftId, GiftState
from membership.gifts.rules.cover import Line, Taker, share_out
from membership.gifts.rules.states import HANDED_OVER, JUDGED
from membership.kernel.ids import derived_id, new_id
from membership.receipts.model import SaleId
from membership.stores.model import CategoryId, CounterId

SALE = SaleId(derived_id("sale"))
COUNTER, CATEGORY = CounterId(derived_id("counter")), CategoryId(derived_id("category"))


def line(number: int, free_minor: int) -> DayLine:
    return DayLine(SALE, number, COUNTER, CATEGORY, free_minor)


def taker(minimum_minor: int, *lines: int, state: GiftState = GiftState.CONFIRMED) -> Taker:
    return Taker(GiftId(new_id()), state, minimum_minor, [(SALE, number) for number in lines])


def test_an_amount_counts_once() -> None:
    first, second = taker(1_000, 1, 2), taker(1_000, 1, 2)
    covers = share_out([line(1, 900), line(2, 900)], [first, second])
    assert covers[first.gift_id].amounts == {(SALE, 1): 900, (SALE, 2): 100}
    assert covers[second.gift_id].missing_minor == 200
    assert covers[second.gift_id].amounts == {}


def test_each_full_amount_gives_one() -> None:
    takers = [taker(1_000, 1) for _ in range(3)]
    covers = share_out([line(1, 2_999)], takers)
    assert [covers[entry.gift_id].is_covered for entry in takers] == [True, True, False]


def test_lines_out_of_scope_do_not_count() -> None:
    only_second = taker(500, 2)
    assert share_out([line(1, 1_000), line(2, 499)], [only_second])[only_second.gift_id].missing_minor == 1


def test_what_is_handed_over_comes_first() -> None:
    waiting, held = taker(1_000, 1), taker(1_000, 1, state=GiftState.COLLECTED)
    covers = share_out([line(1, 1_500)], [waiting, held])
    assert covers[held.gift_id].is_covered
    assert not covers[waiting.gift_id].is_covered


def test_a_gift_in_the_hands_keeps_what_is_left() -> None:
    """Otherwise the rest of its receipts would buy a second one while the first is not brought back."""
    held = taker(1_000, 1, state=GiftState.CLAWBACK_DUE)
    cover = share_out([line(1, 700)], [held])[held.gift_id]
    assert (cover.amounts, cover.missing_minor) == ({(SALE, 1): 700}, 300)


def test_one_that_cannot_be_covered_leaves_its_part_to_the_next() -> None:
    large, small = taker(1_000, 1), taker(300, 1)
    covers = share_out([line(1, 400)], [large, small])
    assert covers[small.gift_id].is_covered


amounts = st.lists(st.integers(0, 2_000), min_size=1, max_size=6)
wanted = st.lists(
    st.tuples(st.integers(1, 3_000), st.sets(st.integers(1, 6), min_size=1), st.sampled_from(sorted(JUDGED))),
    max_size=6,
)


@given(amounts, wanted)
def test_nothing_is_made_and_nothing_used_twice(free: list[int], gifts: list[tuple[int, set[int], GiftState]]) -> None:
    lines = [line(number, amount) for number, amount in enumerate(free, 1)]
    takers = [taker(minimum, *sorted(scope), state=state) for minimum, scope, state in gifts]
    covers = share_out(lines, takers)
    used: dict[Line, int] = {}
    for entry in takers:
        cover = covers[entry.gift_id]
        assert set(cover.amounts) <= set(entry.lines)
        assert cover.missing_minor >= 0
        if cover.is_covered:
            assert sum(cover.amounts.values()) == entry.minimum_spend_minor
        elif entry.state not in HANDED_OVER:
            assert cover.amounts == {}
        for place, amount in cover.amounts.items():
            assert amount > 0
            used[place] = used.get(place, 0) + amount
    for day_line in lines:
        assert used.get((SALE, day_line.line_no), 0) <= day_line.free_minor


@given(amounts, wanted)
def test_who_is_not_covered_could_not_have_been(free: list[int], gifts: list[tuple[int, set[int], GiftState]]) -> None:
    """What is left over would not have covered any of them."""
    lines = [line(number, amount) for number, amount in enumerate(free, 1)]
    takers = [taker(minimum, *sorted(scope), state=state) for minimum, scope, state in gifts]
    covers = share_out(lines, takers)
    left = {(SALE, day_line.line_no): day_line.free_minor for day_line in lines}
    for cover in covers.values():
        for place, amount in cover.amounts.items():
            left[place] -= amount
    for entry in takers:
        cover = covers[entry.gift_id]
        own = sum(cover.amounts.values())
        if not cover.is_covered:
            assert own + sum(left.get(place, 0) for place in entry.lines) < entry.minimum_spend_minor
