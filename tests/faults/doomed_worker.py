"""A worker that says so when it has carried out an effect, and then never finishes. Its test kills it."""

import asyncio

from membership import logging
from membership.postgres.outbox import Delivery, Handlers
from membership.postgres.transaction import Transaction
from membership.settings import Settings
from membership.worker import run_worker
from support.outbox import COUNTED, record_effect


async def _never_finish(transaction: Transaction, delivery: Delivery) -> None:
    await record_effect(transaction, delivery)
    print("effect carried out", flush=True)  # noqa: T201 - the signal that the test waits for
    await asyncio.Event().wait()


async def _main() -> None:
    logging.configure("INFO")
    handlers = Handlers()
    handlers.on(COUNTED, _never_finish)
    await run_worker(Settings(), stop=asyncio.Event(), handlers=handlers, jobs=())


asyncio.run(_main())
