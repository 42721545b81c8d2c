"""Issues coupons to everybody, beside everything else that a worker does."""

import asyncio
from datetime import datetime

from membership.campaigns.cache import CampaignCache
from membership.coupons.context import IssueWorkings
from membership.coupons.issuing import step_due
from membership.kernel.clock import Clock
from membership.postgres.database import Database
from membership.postgres.outbox import RELAY
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from membership.tracing.calls import OFF, Tracing
from membership.worker.pulses import Beat, unheard
from membership.worker.supervise import step_by_step

LOOK_EVERY_SECONDS = 2.0


async def keep_issuing(
    database: Database, clock: Clock, stop: asyncio.Event, *, beat: Beat = unheard, tracing: Tracing = OFF
) -> None:
    """Until `stop` is set: what was scheduled, cancelled or is to be looked at again.

    A campaign may be approved minutes before it opens, and members have its coupons from that moment on.
    """
    pool = database.pool
    workings = IssueWorkings(database, DirectoryCache(pool), LadderCache(pool), CampaignCache(pool))

    async def step(now: datetime) -> int:
        return await step_due(workings, RELAY, now)

    await step_by_step(
        step, clock, stop, name="coupons.issue", look_every_seconds=LOOK_EVERY_SECONDS, beat=beat, tracing=tracing
    )
