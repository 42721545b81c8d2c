"""The first thing after PostgreSQL went back in time: by a restore, to a point in time, or to a replica that lagged.

What Redis and processes know of the later life must not count any more, and nobody else may be promised what members
were promised then. No process of the service runs meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime

from membership.inventory.recovering import Recovered
from membership.inventory.service import Inventory
from membership.kernel.actor import Actor
from membership.postgres.database import Database
from membership.postgres.transaction import AuditEntry
from membership.redis.client import RedisClient


async def settle(
    database: Database, redis: RedisClient, actor: Actor, now: datetime, *, real_now: datetime, hold_back: bool
) -> Sequence[Recovered]:
    """Every offer under a new epoch. May be repeated."""
    recovered = await Inventory(database, redis).begin_anew(now, real_now=real_now, hold_back=hold_back)
    async with database.engine(actor, now) as tx:
        tx.audit(
            AuditEntry(
                "platform.restore",
                "database",
                "restored",
                after={
                    "offers": len(recovered),
                    "promised": sum(sum((entry.promised or {}).values()) for entry in recovered),
                    "held_back": sum(entry.held_back for entry in recovered),
                },
            )
        )
    return recovered
