"""Events to hand on, and handlers whose effects can be counted."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from membership.kernel.actor import Actor, Role
from membership.kernel.errors import Fact
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import Delivery, Handler
from membership.postgres.transaction import Event, Transaction
from membership.worker.relay import Relay
from support.clock import StoppedClock

STAFF = Actor(Role.MEMBER_SERVICES, "staff-1", correlation_id="call-1")
COUNTED = "test.counted"


async def emit(database: Database, now: datetime, events: Iterable[Event], actor: Actor = STAFF) -> None:
    """One use case that emits these events."""
    async with database.engine(actor, now) as transaction:
        for event in events:
            transaction.emit(event)


def counted(key: UUID, number: int) -> Event:
    payload: dict[str, Fact] = {"number": number}
    return Event(COUNTED, key, payload)


async def create_effects(conn: Conn) -> None:
    """Without any unique constraint: an effect that happens twice shows."""
    await conn.execute(
        "CREATE TABLE public.effects (position bigint GENERATED ALWAYS AS IDENTITY, "
        "event_id uuid NOT NULL, ordering_key uuid NOT NULL, number integer NOT NULL); "
        "GRANT SELECT, INSERT ON public.effects TO membership_engine"
    )


async def record_effect(transaction: Transaction, delivery: Delivery) -> None:
    """A handler whose effect is a row."""
    await transaction.conn.execute(
        "INSERT INTO public.effects (event_id, ordering_key, number) VALUES ($1, $2, $3)",
        delivery.event_id,
        delivery.ordering_key,
        delivery.payload["number"],
    )


async def effects_of(conn: Conn, key: UUID) -> list[int]:
    """The numbers of a key's effects in the order in which they happened."""
    rows = await conn.fetch("SELECT number FROM public.effects WHERE ordering_key = $1 ORDER BY position", key)
    return [row["number"] for row in rows]


async def states_of(conn: Conn, key: UUID) -> list[str]:
    """The states of a key's events, earliest first."""
    rows = await conn.fetch("SELECT state FROM platform.outbox WHERE ordering_key = $1 ORDER BY sequence", key)
    return [row["state"] for row in rows]


def failing_on(number: int, wrong: Exception) -> Handler:
    """A handler that refuses the event of that number."""

    async def handler(_: Transaction, delivery: Delivery) -> None:
        if delivery.payload["number"] == number:
            raise wrong

    return handler


async def one_round(relay: Relay) -> int:
    return await relay.hand_on_due(asyncio.Event())


async def exhaust(relay: Relay, clock: StoppedClock) -> int:
    """Rounds, hours apart, until nothing is left to try. Returns how many events were settled."""
    tried = 0
    while settled := await one_round(relay):
        tried += settled
        clock.advance(timedelta(hours=1))
    return tried
