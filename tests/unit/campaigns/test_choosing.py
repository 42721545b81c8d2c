"""The choice of coupons against every possible choice, and what happens beyond the bound."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membership.campaigns.engine import searching
from membership.campaigns.engine.allotting import Demand, allot
from membership.campaigns.engine.candidates import Candidate
from membership.campaigns.engine.choosing import Shortage, choose
from membership.campaigns.engine.searching import MOST_SETS, MOST_UNIONS, connected_unions
from membership.campaigns.model import CouponId
from unit.campaigns.anniversary import an_id

START = datetime(2026, 11, 12, tzinfo=UTC)
Rank = tuple[int, int, list[tuple[datetime, CouponId]]]


def a_candidate(
    name: str,
    discount: int,
    use: int,
    places: Sequence[int],
    *,
    exclusive: str = "X",
    only_one_of: str | None = None,
    days: int = 1,
) -> Candidate:
    return Candidate(
        CouponId(an_id(name)), START + timedelta(days=days), discount, use, tuple(places), exclusive, only_one_of
    )


@st.composite
def candidates(draw: st.DrawFn, *, most: int = 7, places: int = 4) -> list[Candidate]:
    found = []
    for number in range(draw(st.integers(1, most))):
        discount = draw(st.integers(1, 6))
        found.append(
            a_candidate(
                f"coupon {number}",
                discount,
                max(discount, draw(st.integers(1, 12))),
                sorted(draw(st.sets(st.integers(0, places - 1), min_size=1))),
                exclusive=draw(st.sampled_from("XXY")),
                only_one_of=draw(st.sampled_from([None, None, "BEST"])),
                days=draw(st.integers(1, 3)),
            )
        )
    return found


rooms = st.lists(st.integers(1, 10), min_size=4, max_size=4)


def subsets(found: Sequence[Candidate]) -> Iterable[tuple[Candidate, ...]]:
    return chain.from_iterable(combinations(found, size) for size in range(len(found) + 1))


def fits(demands: Sequence[tuple[int, tuple[int, ...]]], room: Sequence[int]) -> bool:
    """Gale's condition, word for word: no part of the demands asks for more than there is in all its places."""
    parts = chain.from_iterable(combinations(demands, size) for size in range(1, len(demands) + 1))
    return all(
        sum(amount for amount, _ in part) <= sum(room[place] for place in {at for _, places in part for at in places})
        for part in parts
    )


def allowed(chosen: Sequence[Candidate], room: Sequence[int]) -> bool:
    groups = [entry.only_one_of for entry in chosen if entry.only_one_of is not None]
    by_exclusive = [
        [(entry.use, entry.places) for entry in chosen if entry.exclusive == exclusive] for exclusive in "XY"
    ]
    return (
        len(groups) == len(set(groups))
        and all(fits(demands, room) for demands in by_exclusive)
        and fits([(entry.discount, entry.places) for entry in chosen], room)
    )


def rank(chosen: Sequence[Candidate]) -> Rank:
    return -sum(entry.discount for entry in chosen), len(chosen), sorted(entry.order for entry in chosen)


def by_hand(found: Sequence[Candidate], room: Sequence[int]) -> Rank:
    return min(rank(chosen) for chosen in subsets(found) if allowed(chosen, room))


def chosen_of(found: Sequence[Candidate], room: Sequence[int]) -> list[Candidate]:
    choice = choose(found, room)
    return [entry for entry in found if entry.coupon_id in choice.chosen]


@given(candidates(), rooms)
@settings(max_examples=300)
def test_the_choice_is_the_best_of_all_choices(found: list[Candidate], room: list[int]) -> None:
    """Largest discount, fewest coupons, earliest expiries, lowest ids: against every subset."""
    assert rank(chosen_of(found, room)) == by_hand(found, room)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 3), rooms)
def test_identical_coupons_are_chosen_by_expiry(many: int, use: int, others: int, room: list[int]) -> None:
    same = [a_candidate(f"same {number}", 1, use, (0, 1), days=5 - number) for number in range(many)]
    found = same + [a_candidate(f"other {number}", 2, 3, (1, 2)) for number in range(others)]
    assert rank(chosen_of(found, room)) == by_hand(found, room)


@given(candidates(), rooms, st.randoms(use_true_random=False))
def test_no_order_of_coupons_changes_the_choice(found: list[Candidate], room: list[int], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose(shuffled, room) == choose(found, room)


@given(candidates(most=14, places=6), st.lists(st.integers(1, 10), min_size=6, max_size=6))
@settings(max_examples=60)
def test_the_choice_is_proven_within_the_bound_and_never_worse_than_the_largest_first(
    found: list[Candidate], room: list[int]
) -> None:
    choice = choose(found, room)
    chosen = [entry for entry in found if entry.coupon_id in choice.chosen]
    multiplicity: dict[object, int] = {}
    for entry in found:
        multiplicity[entry.effect] = multiplicity.get(entry.effect, 0) + 1
    if prod(many + 1 for many in multiplicity.values()) <= MOST_SETS:
        assert choice.is_proven
    greedy: list[Candidate] = []
    for entry in sorted(found, key=lambda entry: (entry.effect, entry.order)):
        if allowed_by_flow([*greedy, entry], room):
            greedy.append(entry)
    assert allowed_by_flow(chosen, room)
    assert rank(chosen)[0] <= rank(greedy)[0]


def allowed_by_flow(chosen: Sequence[Candidate], room: Sequence[int]) -> bool:
    groups = [entry.only_one_of for entry in chosen if entry.only_one_of is not None]
    demands = [
        [Demand(entry.use, entry.places) for entry in chosen if entry.exclusive == exclusive] for exclusive in "XY"
    ]
    demands.append([Demand(entry.discount, entry.places) for entry in chosen])
    return len(groups) == len(set(groups)) and all(allot(part, room) is not None for part in demands)


def test_beyond_the_bound_a_choice_is_made_and_told_as_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [a_candidate(f"c {number}", 50 + number, 97 + 7 * number % 31, (0,)) for number in range(20)]
    assert choose(found, [400]).is_proven, "the bound on discounts makes short work of these"
    monkeypatch.setattr(searching, "MOST_STEPS", 3)
    choice = choose(found, [400])
    assert not choice.is_proven
    assert sum(entry.discount for entry in found if entry.coupon_id in choice.chosen) >= 69 + 68


def test_scopes_that_overlap_in_too_many_ways_are_taken_largest_first() -> None:
    """Ten scopes of which each shares a place with all others: over a thousand unions."""
    found = [a_candidate(f"c {place}", 10 + place, 30, (0, place)) for place in range(1, 11)]
    assert connected_unions([1 | 1 << place for place in range(1, 11)]) is None
    choice = choose(found, [20] + [20] * 10)
    assert not choice.is_proven
    assert choice.chosen == {found[-1].coupon_id, found[-2].coupon_id}


@given(st.lists(st.integers(1, 63), min_size=1, max_size=6))
def test_unions_that_hang_together(scopes: list[int]) -> None:
    """Every union of a connected part, and no other."""
    expected = set()
    for part in chain.from_iterable(combinations(set(scopes), size) for size in range(1, len(set(scopes)) + 1)):
        union, rest = part[0], list(part[1:])
        while touching := [scope for scope in rest if scope & union]:
            union |= touching[0]
            rest.remove(touching[0])
        if not rest:
            expected.add(union)
    found = connected_unions(scopes)
    assert len(expected) <= MOST_UNIONS
    assert found is not None
    assert set(found) == expected


demands = st.lists(
    st.builds(Demand, st.integers(0, 12), st.sets(st.integers(0, 3), min_size=1).map(lambda at: tuple(sorted(at)))),
    max_size=5,
)


@given(demands, rooms)
@settings(max_examples=300)
def test_an_allotment_is_found_exactly_if_there_is_one(asked: list[Demand], room: list[int]) -> None:
    found = allot(asked, room)
    assert (found is not None) == fits([(demand.amount, demand.places) for demand in asked], room)
    if found is not None:
        assert all(sum(row) == demand.amount for row, demand in zip(found, asked, strict=True))
        assert all(
            not row[place] for row, demand in zip(found, asked, strict=True) for place in {*range(4)} - {*demand.places}
        )
        assert all(0 <= sum(row[place] for row in found) <= there for place, there in enumerate(room))
        assert all(part >= 0 for row in found for part in row)


@given(candidates(), rooms)
def test_what_is_missing_for_the_others_is_more_than_nothing(found: list[Candidate], room: list[int]) -> None:
    """Whoever is not chosen is in the group of one who is, or lacks amounts: no coupon is left out for nothing."""
    chosen = chosen_of(found, room)
    shortage = Shortage(chosen, room)
    for entry in found:
        if entry not in chosen:
            in_group = entry.only_one_of is not None and entry.only_one_of in {other.only_one_of for other in chosen}
            assert in_group or shortage.of(entry) > 0
