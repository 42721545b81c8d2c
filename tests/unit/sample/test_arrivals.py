"""The arrival process of the drop: who comes when, and who gets a unit."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from membership.sample.arrivals import Arrival, Drop, DropQueue, Won, arrivals, delay_after_drop
from membership.sample.files import sample_people

DAY = timedelta(days=1)
FIRST = datetime(2025, 11, 13, 2, tzinfo=UTC)


def drop(number: int, units: int) -> Drop:
    opens_at = FIRST + DAY * number
    return Drop(date(2025, 11, 13) + DAY * number, opens_at, opens_at + timedelta(hours=11), units)


def member(number: int) -> UUID:
    return UUID(int=number)


def test_most_come_within_a_minute_and_some_much_later() -> None:
    delays = [delay_after_drop(Random(seed)) for seed in range(2_000)]
    within_a_minute = sum(delay < timedelta(minutes=1) for delay in delays)
    assert 0.78 < within_a_minute / len(delays) < 0.88
    assert any(delay > timedelta(hours=1) for delay in delays)


def test_the_more_somebody_shops_the_likelier_they_come() -> None:
    def comes(habit: str) -> int:
        return sum(
            1 for seed in range(1_000) for _ in arrivals(Random(seed), habit, member(seed), [drop(0, 1), drop(1, 1)])
        )

    by_habit = [comes(habit.code) for habit in sample_people().habits]
    assert by_habit == sorted(by_habit)
    assert by_habit[0] > 0


def test_nobody_comes_after_the_store_has_closed() -> None:
    closing = Drop(date(2025, 11, 13), FIRST, FIRST + timedelta(seconds=10), 5)
    coming = [at for seed in range(500) for _, (at, _) in arrivals(Random(seed), "PATRON", member(seed), [closing])]
    assert coming
    assert max(coming) < closing.closes_at


def everybody(_member_id: UUID, _drop: Drop) -> bool:
    return True


def every_third(member_id: UUID, of: Drop) -> bool:
    return (member_id.int + of.day.day) % 3 != 0


def test_the_first_get_the_units() -> None:
    queue = DropQueue([drop(0, 2)], limit_per_member=1)
    for number in (3, 1, 2):
        queue.come(drop(0, 2), Arrival(FIRST + timedelta(seconds=number), member(number)))
    assert set(queue.winners(everybody)) == {member(1), member(2)}


def test_what_nobody_collects_is_there_the_next_day() -> None:
    drops = [drop(0, 1), drop(1, 1)]
    queue = DropQueue(drops, limit_per_member=1)
    for day, one in enumerate(drops):
        for number in range(3):
            queue.come(one, Arrival(one.opens_at + timedelta(seconds=number), member(10 * day + number)))
    won = queue.winners(lambda _, of: of.day != drops[0].day)
    assert {who: [unit.drop.day for unit in wins] for who, wins in won.items()} == {
        member(0): [drops[0].day],
        member(10): [drops[1].day],
        member(11): [drops[1].day],
    }


Tries = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 40)), max_size=60)


@given(tries=Tries, units=st.lists(st.integers(0, 4), min_size=3, max_size=3), limit=st.integers(1, 3))
def test_what_the_queue_forgets_changes_nothing(
    tries: list[tuple[int, int, int]], units: list[int], limit: int
) -> None:
    """Against keeping everybody. One try of each member a day."""
    drops = [drop(number, count) for number, count in enumerate(units)]
    seconds = {(day, who): second for day, who, second in tries}
    queue = DropQueue(drops, limit_per_member=limit)
    had: Counter[UUID] = Counter()
    expected: dict[UUID, list[Won]] = {}
    for (day, who), second in seconds.items():
        queue.come(drops[day], Arrival(drops[day].opens_at + timedelta(seconds=second), member(who)))
    left_behind = 0
    for number, one in enumerate(drops):
        left, left_behind = one.units + left_behind, 0
        coming = sorted(
            Arrival(one.opens_at + timedelta(seconds=second), member(who))
            for (day, who), second in seconds.items()
            if day == number
        )
        for at, member_id in coming:
            if left and had[member_id] < limit:
                left -= 1
                had[member_id] += 1
                expected.setdefault(member_id, []).append(Won(one, at, every_third(member_id, one)))
                left_behind += not every_third(member_id, one)
    assert queue.winners(every_third) == expected
