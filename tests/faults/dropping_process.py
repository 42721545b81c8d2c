"""A process that claims, and that says what it is about to do. Its test kills or stops it there.

    drop NUMBERS          every member below claims, some at a time
    held NUMBER           says "held" when the member's unit is held, and writes the claim when it reads a line
    writing NUMBER        says "writing" inside the transaction, the pool locked, and commits when it reads a line

The last two then say what the member is told.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from membership.inventory.model import ClaimRequest, GrantedClaim, PoolId, Shelf
from membership.inventory.rules import claim_id_of
from membership.inventory.service import Inventory
from membership.inventory.writing import Call, Writing, Written
from membership.kernel.errors import DomainError
from membership.postgres.database import Database, open_pool
from membership.postgres.json import digest
from membership.postgres.transaction import Transaction
from support.drop_world import APP, give, member
from support.patience import open_patiently


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the signal that the test waits for


async def _told(text: str) -> None:
    _say(text)
    await asyncio.to_thread(sys.stdin.readline)


async def _give_when_told(tx: Transaction, claims: Sequence[GrantedClaim]) -> None:
    await give(tx, claims)
    await _told("writing")


_write = Writing.write


async def _write_when_told(self: Writing, call: Call, shelf: Shelf) -> Written:
    await _told("held")
    return await _write(self, call, shelf)


async def _main(dsn: str, redis_url: str, pool: str, now: str, what: str, number: str) -> None:
    database = Database(await open_pool(dsn, max_size=4))
    redis = open_patiently(redis_url)
    inventory = Inventory(database, redis)
    pool_id, moment = PoolId(UUID(pool)), datetime.fromisoformat(now)

    async def claim(of: int, key: str) -> str:
        request = ClaimRequest(claim_id_of(member(of), key), pool_id, member(of), digest([pool, "gift"]))
        record = _give_when_told if what == "writing" else give
        try:
            await inventory.claim(APP, moment, request, record)
        except DomainError as refusal:
            return refusal.code
        return "GRANTED"

    if what == "drop":
        room = asyncio.Semaphore(10)

        async def shop(of: int) -> None:
            async with room:
                _say(await claim(of, "0"))

        await asyncio.gather(*(shop(of) for of in range(int(number))))
    else:
        if what == "held":
            Writing.write = _write_when_told  # type: ignore[method-assign]
        _say(await claim(int(number), "key"))
    await redis.aclose()
    await database.pool.close()


asyncio.run(_main(*sys.argv[1:]))
