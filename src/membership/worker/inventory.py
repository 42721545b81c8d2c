"""Looking after limited units: every second what cannot wait for a minute's tick of cron, every minute the proof."""

import asyncio
from datetime import datetime

import structlog

from membership.inventory.service import Inventory
from membership.kernel.clock import Clock
from membership.postgres.database import Database
from membership.worker.pulses import Beat, unheard
from membership.worker.supervise import any_set
from membership.worker.tally import ProofTally

_EVERY_SECONDS = 1.0
_log = structlog.get_logger(__name__)


async def keep_inventory(inventory: Inventory, clock: Clock, stop: asyncio.Event, *, beat: Beat = unheard) -> None:
    """Settle overdue holds and return to Redis, until `stop` is set. Raises when PostgreSQL is gone.

    A loop of its own and no periodic job: while a unit is held by somebody who died, others are told to wait, and while
    PostgreSQL decides alone, a drop is slow. Any number of workers may do it at once.
    """
    while not stop.is_set():
        now = clock.now()
        await inventory.sweep(now)
        await inventory.probe(now)
        beat()
        await any_set(stop, timeout_seconds=_EVERY_SECONDS)


async def check_inventory(inventory: Inventory, proof: ProofTally, _: Database, now: datetime) -> int:
    """Prove that no unit is given twice or stranded; what drifted in Redis is loaded anew."""
    report = await inventory.check(now)
    proof.note(report)
    for drift in report.drifts:
        _log.error("inventory drifted and was loaded anew", drift=str(drift))
    for disagreement in report.disagreements:
        _log.error("inventory disagrees with its claims", disagreement=str(disagreement))
    return 0
