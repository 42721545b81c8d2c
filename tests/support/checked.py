"""`membership check` on a test's database, without the command.

report = await checked(dsn, now)
assert drifting(report) == {"ledger L1"}
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from membership.checks.model import Area, Report
from membership.checks.service import check
from membership.members.keyring import Keyring
from membership.postgres.database import open_pool


@contextmanager
def no_bars(area: str) -> Iterator[Callable[[int, int], None]]:
    del area
    yield lambda done, total: None


async def checked(
    dsn: str, now: datetime, *, areas: Collection[Area] = frozenset(Area), keyring: Keyring | None = None
) -> Report:
    pool = await open_pool(dsn, max_size=1)
    try:
        return await check(pool, areas=areas, now=now, keyring=keyring, bars=no_bars)
    finally:
        await pool.close()


def drifting(report: Report) -> set[str]:
    """`area code` of each law that drifts."""
    return {f"{verdict.area.value} {verdict.law.code}" for verdict in report.drifting}
