"""Stretches of keys, each looked at in a snapshot of its own."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from membership.checks.knowledge import Knowledge
from membership.checks.model import Key, Stretch, Verdict
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn, Pool
from membership.postgres.snapshot import snapshot

SQL: Final = queries_of("checks")
START: Final = UUID(int=0)
AT_ONCE: Final = 500
"""Keys in a stretch: some 10 ms of a server, and a few thousand rows in memory at most."""
STATEMENT_SECONDS: Final = 30
"""After which a look is given up. PostgreSQL ends it, whatever becomes of this process."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (done, total)."""

_COUNTS = {
    Key.MEMBER: SQL.count_members,
    Key.LOT: SQL.count_lots,
    Key.ENTRY: SQL.count_entries,
    Key.SALE: SQL.count_sales,
    Key.COUPON: SQL.count_coupons,
    Key.GIFT: SQL.count_gifts,
    Key.CLAIM: SQL.count_claims,
    Key.APPOINTMENT: SQL.count_appointments,
    Key.EVENT: SQL.count_events,
}
_NEXT = {
    Key.MEMBER: SQL.list_member_keys,
    Key.LOT: SQL.list_lot_keys,
    Key.ENTRY: SQL.list_entry_keys,
    Key.SALE: SQL.list_sale_keys,
    Key.COUPON: SQL.list_coupon_keys,
    Key.GIFT: SQL.list_gift_keys,
    Key.CLAIM: SQL.list_claim_keys,
    Key.APPOINTMENT: SQL.list_appointment_keys,
    Key.EVENT: SQL.list_event_keys,
}


async def bound(conn: Conn) -> None:
    """Ends with the transaction. No law takes a lock that anybody waits for; the first bound keeps it so."""
    await conn.execute(f"SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")


async def count_keys(pool: Pool, key: Key) -> int:
    async with snapshot(pool) as conn:
        await bound(conn)
        count: int = (await _COUNTS[key].one(conn))["keys"]
    return count


async def walk(
    pool: Pool, key: Key, verdicts: Sequence[Verdict], knowledge: Knowledge, *, now: datetime, examples: int
) -> AsyncIterator[int]:
    """Look at everything of a table. Yields how many keys each stretch may hold."""
    after = START
    while True:
        async with snapshot(pool) as conn:
            await bound(conn)
            last = await _NEXT[key].many(conn, after, AT_ONCE)
            if not last:
                return
            stretch = Stretch(after, last[0]["key"], now)
            for verdict in verdicts:
                await look(conn, verdict, stretch, knowledge, examples=examples)
        yield AT_ONCE
        after = stretch.until


async def look(conn: Conn, verdict: Verdict, stretch: Stretch, knowledge: Knowledge, *, examples: int) -> None:
    verdict.add(await verdict.law.look(conn, stretch, knowledge), examples=examples)


async def look_once(pool: Pool, verdict: Verdict, knowledge: Knowledge, *, now: datetime, examples: int) -> None:
    """A law of what is not walked along."""
    async with snapshot(pool) as conn:
        await bound(conn)
        await look(conn, verdict, Stretch(START, START, now), knowledge, examples=examples)
