"""Two who take one till out of service: one of them does."""

import asyncio

from membership.kernel.actor import Actor, Role
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.errors import TillAlreadyRevoked
from membership.stores.model import RevocationReason, Till, TillId
from membership.stores.service import DirectoryCache
from membership.stores.store import SQL
from membership.stores.tills import TillRegister
from support.blocked import until_blocked
from support.till_world import TillWorld


async def test_of_two_at_once_one_does_it_and_one_entry_is_written(
    conn: Conn, database: Database, till: TillWorld
) -> None:
    assert till.actor.till_id is not None
    till_id = TillId(till.actor.till_id)
    register = TillRegister(database, DirectoryCache(database.pool))
    admin = Actor(Role.ADMIN, "an admin")
    async with database.pool.acquire() as holder, holder.transaction():
        await SQL.lock_till.maybe(holder, till_id)
        rivals = [
            asyncio.create_task(register.revoke(admin, till.now, till_id, RevocationReason.LOST, key=key))
            for key in ("1", "2")
        ]
        await until_blocked(conn, count=2)
    answers = await asyncio.gather(*rivals, return_exceptions=True)

    assert {type(answer) for answer in answers} == {Till, TillAlreadyRevoked}
    assert await conn.fetchval("SELECT count(*) FROM platform.audit_entries") == 1
