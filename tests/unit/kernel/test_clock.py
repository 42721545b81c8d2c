"""The service's clock."""

from datetime import UTC, datetime, timedelta

from membership.kernel.clock import SystemClock


def test_the_clock_tells_utc_and_is_moved_by_its_offset() -> None:
    before = datetime.now(UTC)  # noqa: TID251 - what the clock is compared with
    moved = SystemClock(timedelta(days=30)).now()
    after = datetime.now(UTC)  # noqa: TID251
    assert before <= moved - timedelta(days=30) <= after
    assert moved.utcoffset() == timedelta()
