"""Tills taken out of service and put back: by whom, on record, once, and without the loss of a paid receipt."""

from dataclasses import replace
from datetime import timedelta

import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from membership.postgres.json import from_json
from membership.stores.errors import TillAlreadyRevoked, TillInService, UnknownTill
from membership.stores.model import RevocationReason, TillId
from membership.stores.service import DirectoryCache
from membership.stores.tills import REFUSED_WITHIN, TillRegister
from support.till_world import TillWorld, sale_id_of

LOST, STOLEN = RevocationReason.LOST, RevocationReason.STOLEN
ADMIN = Actor(Role.ADMIN, "an admin")


@pytest.fixture
def register(database: Database, till: TillWorld) -> TillRegister:
    return TillRegister(database, till.tills.workings.directories)


@pytest.fixture
def desk(till: TillWorld) -> Actor:
    return Actor(Role.MEMBER_SERVICES, "wang.fang", programme_id=till.store.programme_id)


@pytest.fixture
def till_id(till: TillWorld) -> TillId:
    assert till.actor.till_id is not None
    return TillId(till.actor.till_id)


async def test_a_till_is_revoked_and_reinstated_and_both_are_on_record(
    conn: Conn, register: TillRegister, desk: Actor, till: TillWorld, till_id: TillId
) -> None:
    revoked = await register.revoke(desk, till.now, till_id, STOLEN, key="1")
    assert revoked.revoked_at == till.now
    assert (await register.reinstate(ADMIN, till.now, till_id, key="2")).revoked_at is None

    rows = await conn.fetch("SELECT * FROM platform.audit_entries ORDER BY audit_id")
    assert [(row["action"], row["actor_role"], row["subject_kind"], row["subject_id"]) for row in rows] == [
        ("stores.revoke_till", "member_services", "till", str(till_id)),
        ("stores.reinstate_till", "admin", "till", str(till_id)),
    ]
    assert from_json(rows[0]["after"])["reason"] == "STOLEN"
    assert [from_json(row["before"])["revoked_at"] for row in rows] == [None, till.now.isoformat()]


async def test_what_is_done_already_is_refused(
    register: TillRegister, desk: Actor, till: TillWorld, till_id: TillId
) -> None:
    with pytest.raises(TillInService):
        await register.reinstate(ADMIN, till.now, till_id, key="1")
    await register.revoke(desk, till.now, till_id, LOST, key="2")
    with pytest.raises(TillAlreadyRevoked):
        await register.revoke(desk, till.now, till_id, STOLEN, key="3")


async def test_a_repeat_has_one_effect(
    conn: Conn, register: TillRegister, desk: Actor, till: TillWorld, till_id: TillId
) -> None:
    first = await register.revoke(desk, till.now, till_id, LOST, key="1")
    till.clock.advance(timedelta(minutes=1))
    assert await register.revoke(desk, till.now, till_id, LOST, key="1") == first
    assert await conn.fetchval("SELECT count(*) FROM platform.audit_entries") == 1
    with pytest.raises(IdempotencyConflict):
        await register.revoke(desk, till.now, till_id, STOLEN, key="1")


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_nobody_else_keeps_tills(
    conn: Conn, register: TillRegister, till: TillWorld, till_id: TillId, role: Role
) -> None:
    stranger = Actor(role, "x", programme_id=new_id(), store_id=till.store.store_id, till_id=till_id)
    if role is not Role.MEMBER_SERVICES:
        stranger = replace(stranger, programme_id=till.store.programme_id)
    for attempt in (
        register.revoke(stranger, till.now, till_id, LOST, key="1"),
        register.reinstate(stranger, till.now, till_id, key="2"),
        register.revoke(stranger, till.now, TillId(new_id()), LOST, key="3"),
    ):
        with pytest.raises(UnknownTill):
            await attempt
    assert await conn.fetchval("SELECT count(*) FROM stores.tills WHERE revoked_at IS NOT NULL") == 0
    assert await conn.fetchval("SELECT count(*) FROM platform.audit_entries") == 0


async def test_this_process_knows_at_once_and_every_other_within_the_stated_time(
    database: Database, register: TillRegister, desk: Actor, till: TillWorld, till_id: TillId
) -> None:
    elsewhere = DirectoryCache(database.pool)
    await elsewhere.directory(till.now)
    await register.directories.directory(till.now)
    await register.revoke(desk, till.now, till_id, LOST, key="1")
    assert (await register.directories.directory(till.now)).is_revoked(till_id)

    assert timedelta(seconds=10) == REFUSED_WITHIN
    till.clock.advance(REFUSED_WITHIN)
    assert (await elsewhere.directory(till.now)).is_revoked(till_id)


async def test_the_check_costs_no_round_trip(
    register: TillRegister, till: TillWorld, till_id: TillId, statements: list[str]
) -> None:
    await register.directories.directory(till.now)
    statements.clear()
    for _ in range(100):
        assert not (await register.directories.directory(till.now)).is_revoked(till_id)
    assert statements == []


class TestPaidReceipts:
    async def test_what_was_sold_offline_is_posted_when_the_till_is_back(
        self, register: TillRegister, desk: Actor, till: TillWorld, till_id: TillId
    ) -> None:
        """P3, P1: being turned away is no answer to a sale, and nothing is recorded under its key."""
        offline = till.commit_of(till.basket(100_00))
        await register.revoke(desk, till.now, till_id, LOST, key="1")
        for _ in range(2):
            with pytest.raises(UnknownTill):
                await till.commit(offline)
        till.clock.advance(timedelta(hours=1))
        await register.reinstate(ADMIN, till.now, till_id, key="2")

        posted = await till.commit(offline)
        assert posted.points_earned == 100
        assert await till.commit(offline) == posted

    async def test_what_it_has_reported_is_returned_at_another_till(
        self, register: TillRegister, desk: Actor, till: TillWorld, till_id: TillId
    ) -> None:
        sold = await till.sell(100_00)
        await register.revoke(desk, till.now, till_id, LOST, key="1")
        till.actor = replace(till.actor, till_id=till.store.central_cashier, counter_id=None)
        answer = await till.take_back(sale_id_of(sold), (1, 1))
        assert answer.points_clawed_back == 100
