"""A worker that says so when it has carried out an effect, and is then stopped by its test for longer than its
transaction may rest. When it goes on it finishes what it was at, as far as it is let."""

import asyncio
import sys

from membership import logging
from membership.postgres import database
from membership.postgres.outbox import Delivery, Handlers
from membership.postgres.transaction import Transaction
from membership.settings import Settings
from membership.worker import run_worker
from support.outbox import COUNTED, record_effect


async def _main() -> None:
    logging.configure("INFO", sys.stderr)
    stop = asyncio.Event()

    async def handle(transaction: Transaction, delivery: Delivery) -> None:
        await record_effect(transaction, delivery)
        print("effect carried out", flush=True)  # noqa: T201 - the signal that the test waits for
        # The test has stopped this process by now, or does in a moment; it writes a line when that is over.
        await asyncio.to_thread(sys.stdin.readline)
        stop.set()

    handlers = Handlers()
    handlers.on(COUNTED, handle)
    await run_worker(Settings(), stop=stop, handlers=handlers, jobs=())


_defaults = database.Database.__init__.__kwdefaults__
assert _defaults is not None
_defaults["idle_timeout_ms"] = 500
asyncio.run(_main())
