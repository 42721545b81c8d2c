"""All laws of some areas, one stretch after the other: a check takes one connection and as long as it takes."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, TypeAlias

from membership.checks.knowledge import Knowledge, read_knowledge
from membership.checks.laws import LAWS
from membership.checks.model import Area, Key, Report, Verdict
from membership.checks.walking import Progress, bound, count_keys, look_once, walk
from membership.members.keyring import Keyring
from membership.postgres.connection import Pool
from membership.postgres.migrations import standing
from membership.postgres.snapshot import snapshot

EXAMPLES: Final = 5
"""Of each law that drifts, so many are told."""

Bars: TypeAlias = Callable[[str], AbstractContextManager[Progress]]
"""Begins the progress bar of an area, by its name."""


async def check(
    pool: Pool,
    *,
    areas: Collection[Area],
    now: datetime,
    keyring: Keyring | None,
    bars: Bars,
    examples: int = EXAMPLES,
) -> Report:
    """Prove every law of these areas, or say what drifts. Writes nothing and takes no lock that anybody waits for.

    Raises asyncpg's errors where it cannot look.
    """
    knowledge = await _knowledge(pool, keyring)
    verdicts: list[Verdict] = []
    looked_at: dict[Area, int] = {}
    for area in (entry for entry in Area if entry in areas):
        of_area = [Verdict(area, law) for law in LAWS[area]]
        with bars(area.value) as progress:
            looked_at[area] = await _look_at(pool, of_area, knowledge, now=now, examples=examples, progress=progress)
        verdicts += of_area
    unseen = [] if keyring is not None or Area.IDENTITIES not in areas else ["identities: settings have no keys"]
    return Report(tuple(verdicts), looked_at, tuple(unseen))


async def _knowledge(pool: Pool, keyring: Keyring | None) -> Knowledge:
    async with pool.acquire() as conn:
        migrations = await standing(conn)
    async with snapshot(pool) as conn:
        await bound(conn)
        return await read_knowledge(conn, migrations, keyring)


async def _look_at(
    pool: Pool,
    verdicts: Sequence[Verdict],
    knowledge: Knowledge,
    *,
    now: datetime,
    examples: int,
    progress: Progress,
) -> int:
    for verdict in verdicts:
        if verdict.law.along is None:
            await look_once(pool, verdict, knowledge, now=now, examples=examples)
    along = {key: [verdict for verdict in verdicts if verdict.law.along is key] for key in Key}
    walked = {key: laws for key, laws in along.items() if laws}
    total = sum([await count_keys(pool, key) for key in walked])
    done = 0
    for key, laws in walked.items():
        async for keys in walk(pool, key, laws, knowledge, now=now, examples=examples):
            done = min(total, done + keys)
            progress(done, total)
    return total
