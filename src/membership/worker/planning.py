"""Runs simulations one after the other, beside everything else that a worker does."""

import asyncio

from membership.campaigns.cache import CampaignCache
from membership.kernel.clock import Clock
from membership.kernel.ids import new_id
from membership.planning.service import Simulations
from membership.postgres.database import Database
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from membership.tracing.calls import OFF, Tracing
from membership.worker.pulses import Beat, unheard
from membership.worker.supervise import step_by_step

LOOK_EVERY_SECONDS = 2.0


def simulations_on(database: Database, clock: Clock) -> Simulations:
    pool = database.pool
    return Simulations(database, DirectoryCache(pool), LadderCache(pool), CampaignCache(pool), new_id, clock)


async def keep_simulating(
    simulations: Simulations, clock: Clock, stop: asyncio.Event, *, beat: Beat = unheard, tracing: Tracing = OFF
) -> None:
    """Until `stop` is set. A simulation that is cut off is taken over by another worker, from its beginning."""
    await step_by_step(
        simulations.run_next,
        clock,
        stop,
        name="planning.simulate",
        look_every_seconds=LOOK_EVERY_SECONDS,
        beat=beat,
        tracing=tracing,
    )
