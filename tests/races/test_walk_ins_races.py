"""Whoever stands at the counter against whoever books at this moment: one of them is served, and the others hear so."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from membership.appointments import store
from membership.appointments.model import Stop
from membership.kernel.actor import Role
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_contest import HOLDER, assert_nobody_twice
from support.appointment_desk import AppointmentDesk, at, new_key, open_appointment_desk
from support.blocked import until_blocked


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    desk = await open_appointment_desk(database, conn)
    desk.clock.advance(timedelta(minutes=7))
    return desk


async def test_of_a_booking_and_two_walk_ins_one_is_served(desk: AppointmentDesk, conn: Conn) -> None:
    """A1: each of them waits for the associate in line, with a card and without."""
    fitting = await desk.service("FITTING", associates=1)
    members = [await desk.join(), await desk.join()]

    async def walk_in(member: MembershipKey | None) -> object:
        return await desk.appointments.walk_in(
            desk.actor(Role.ASSOCIATE), desk.now, member, fitting.service_id, key=new_key()
        )

    async with desk.database.engine(HOLDER, desk.now) as tx:
        await store.lock_resources(tx.conn, fitting.resource_ids)
        rivals = [
            asyncio.create_task(desk.book(members[0], Stop(fitting.service_id, at(12, 30)))),
            asyncio.create_task(walk_in(members[1])),
            asyncio.create_task(walk_in(None)),
        ]
        await until_blocked(conn, count=3)
    answers = await asyncio.gather(*rivals, return_exceptions=True)
    refused = Counter(type(answer).__name__ for answer in answers if isinstance(answer, BaseException))
    assert refused == {"SlotTaken": 2}
    assert await desk.live() == 2  # the associate, and who is served
    await assert_nobody_twice(conn)


async def test_repeats_of_a_walk_in_without_a_card_are_one(desk: AppointmentDesk, conn: Conn) -> None:
    """Who stands there has no id to tell the repeats by: the key does."""
    fitting, key = await desk.service("FITTING", associates=5), new_key()
    actor = desk.actor(Role.ASSOCIATE)
    answers = await asyncio.gather(
        *(desk.appointments.walk_in(actor, desk.now, None, fitting.service_id, key=key) for _ in range(10))
    )
    assert len({answer.appointment_id for answer in answers}) == 1
    assert await desk.states() == ["CHECKED_IN"]
    await assert_nobody_twice(conn)
