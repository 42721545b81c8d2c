"""Contests about slots: whose hands hold what, and that nobody is anywhere twice."""

from collections.abc import Sequence

from membership.appointments.model import AppointmentId, Service
from membership.kernel.actor import Actor, Role
from membership.postgres.connection import Conn
from membership.postgres.transaction import Transaction
from support.appointment_desk import COUNTER, OTHER_COUNTER, AppointmentDesk

HOLDER = Actor(Role.SERVICE, "holder")
OVERLAPS = """
    SELECT count(*) FROM appointments.occupied one JOIN appointments.occupied other
        ON one.resource_id = other.resource_id AND one.during && other.during
        AND one.appointment_id < other.appointment_id
    WHERE one.live AND other.live
"""


async def services_of(desk: AppointmentDesk, number: int) -> list[Service]:
    counters = [COUNTER, OTHER_COUNTER]
    return [
        await desk.service(f"S{place}", associates=1, rooms=1, counter=counters[place % 2]) for place in range(number)
    ]


async def hold_rows(tx: Transaction, ids: Sequence[AppointmentId]) -> None:
    """As whoever ends or changes them holds them."""
    await tx.conn.execute(
        "SELECT FROM appointments.appointments WHERE appointment_id = ANY ($1) ORDER BY appointment_id"
        " FOR NO KEY UPDATE",
        ids,
    )


async def assert_nobody_twice(conn: Conn) -> None:
    assert await conn.fetchval(OVERLAPS) == 0
