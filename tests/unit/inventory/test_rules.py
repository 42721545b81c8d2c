"""What is decided about claims and pools, from facts alone."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.inventory.errors import MemberLimitReached, SoldOut, StockBelowConfirmed
from membership.inventory.model import ClaimRequest, Limits, Mode, OfferId, Pool, PoolId
from membership.inventory.rules import (
    LiveStock,
    claim_id_of,
    counted_periods,
    drift_of,
    final_refusal,
    judge,
    may_return,
    recorded_level,
    with_total,
    with_voided,
)
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.stores.model import ProgrammeId
from support.clock import START
from support.drop_world import DAY, member

POOL = Pool(PoolId(new_id()), OfferId(new_id()), None, DAY, 5, 2, 1, Mode.REDIS, 1, "run", START, None)


def request(number: int) -> ClaimRequest:
    of = member(number)
    return ClaimRequest(claim_id_of(of, "key"), POOL.pool_id, of, b"h" * 32)


@given(
    members=st.sets(st.integers(0, 9)),
    free=st.integers(0, 5),
    limits=st.builds(Limits, st.sampled_from([None, 1, 2]), st.sampled_from([None, 1, 2])),
    claimed=st.dictionaries(st.integers(0, 9), st.integers(0, 3)),
)
def test_a_batch_is_granted_up_to_what_is_free_and_each_member_up_to_the_limit(
    members: set[int], free: int, limits: Limits, claimed: dict[int, int]
) -> None:
    pool = replace(POOL, total=free, confirmed=0, voided=0)
    counts = {(member(number).member_id, day): count for number, count in claimed.items() for day in (None, DAY)}
    verdicts = judge(pool, limits, [request(number) for number in members], counts)
    assert len(verdicts.granted) <= free
    most = min(limits.per_member or 99, limits.per_member_day or 99)
    may = [number for number in members if claimed.get(number, 0) < most]
    assert len(verdicts.granted) == min(free, len(may)), "none is refused that could be granted"
    assert {entry.member for entry in verdicts.granted} <= {member(number) for number in may}
    assert Counter([*verdicts.granted, *verdicts.wanting]) == Counter(request(number) for number in members)


def test_only_what_postgresql_has_given_out_is_a_final_refusal() -> None:
    asked = request(1)
    assert final_refusal(POOL, Limits(1, 1), asked, {}) is None
    assert isinstance(final_refusal(replace(POOL, confirmed=4), Limits(1, 1), asked, {}), SoldOut)
    reached = final_refusal(POOL, Limits(3, 1), asked, {(asked.member.member_id, DAY): 1})
    assert isinstance(reached, MemberLimitReached)
    assert (reached.limit, reached.per) == (1, "DAY")
    assert "Come back tomorrow" in reached.message


def test_a_limit_per_day_needs_a_day() -> None:
    with pytest.raises(ValueError, match="needs a day"):
        counted_periods(Limits(None, 1), None)
    assert counted_periods(Limits(2, None), None) == [(None, 2)]
    assert counted_periods(Limits(2, 1), DAY) == [(None, 2), (DAY, 1)]


def test_a_pool_never_has_less_than_it_gave() -> None:
    assert with_total(POOL, 3).free == 0
    assert with_voided(POOL, 2).voided == 3
    with pytest.raises(StockBelowConfirmed) as refused:
        with_total(POOL, 2)
    assert (refused.value.confirmed, refused.value.asked) == (3, 2)
    with pytest.raises(StockBelowConfirmed):
        with_voided(POOL, 3)


def test_the_level_of_a_closed_pool_has_nothing_available() -> None:
    assert recorded_level(POOL).available == 2
    assert recorded_level(replace(POOL, closed_at=START)).available == 0


@pytest.mark.parametrize(
    ("live", "unconfirmed", "told"),
    [
        (LiveStock(5, 2, 0, 2, 1), 0, None),
        (LiveStock(5, 1, 1, 2, 1), 0, None),
        (LiveStock(5, 2, 1, 1, 1), 1, None),
        (LiveStock(5, 3, 0, 1, 1), 0, "free or held +1, confirmed -1"),
        (LiveStock(5, 3, 0, 2, 1), 0, "free or held +1, unaccounted -1"),
        (LiveStock(4, 1, 0, 2, 1), 0, "free or held -1, total -1"),
        (LiveStock(5, 3, 0, 2, 0), 0, "free or held +1, voided -1"),
    ],
)
def test_a_drift_is_told_in_units(live: LiveStock, unconfirmed: int, told: str | None) -> None:
    drift = drift_of(POOL, live, unconfirmed)
    assert (None if drift is None else str(drift).partition(": ")[2]) == told


def test_a_negative_part_is_a_drift_though_the_sums_are_right() -> None:
    assert drift_of(POOL, LiveStock(5, -1, 3, 2, 1), 0) is not None


def test_an_offer_returns_to_redis_after_ten_seconds() -> None:
    assert may_return(Mode.POSTGRES, START, START + timedelta(seconds=10))
    assert not may_return(Mode.POSTGRES, START, START + timedelta(seconds=9))
    assert not may_return(Mode.REDIS, START, START + timedelta(hours=1))


def test_a_claim_is_known_by_its_member_and_key() -> None:
    other = MembershipKey(member(1).member_id, ProgrammeId(new_id()))
    ids = [claim_id_of(of, key) for of in (member(1), member(2), other) for key in ("a", "b")]
    assert len(set(ids)) == 6
    assert claim_id_of(member(1), "a") == ids[0]
