"""Keys are rotated while everything runs: two processes with different settings serve, and one or two rotate."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest
import redis.asyncio
from strawberry import ID
from strawberry.types import ExecutionResult

from membership.accounts.keys_needed import under_keys
from membership.accounts.merge import merge
from membership.accounts.model import MergeMembers
from membership.cli.failures import CommandFailed
from membership.cli.operators import operator_named
from membership.cli.rotation import rotate, stale
from membership.graph.kit.relay import global_id, key_of
from membership.graph.schema import MembershipSchema, build_schema
from membership.graph.services import make_services
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.kernel.randomness import random_bytes
from membership.members import store
from membership.members.errors import IdentityTaken
from membership.members.keyring import Keyring, KeyringError
from membership.members.model import IdentityKind, IdentityValue, MemberId, Profile
from membership.members.service import add_identities
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.settings import Profile as ServiceProfile
from sample_store import SampleStore, load_world
from support.blocked import until_blocked
from support.clock import StoppedClock
from support.operations import Run, runner, trusted
from support.people import account_workings, app_of, fresh_phone, till_of

OLD, NEW = os.urandom(32), os.urandom(32)
ENROL, IDENTIFY, INVITE = trusted("app/Enrol"), trusted("till/IdentifyMember"), trusted("till/InviteMember")
OPERATOR = operator_named("li.hua")


def keys(known: Mapping[int, bytes], in_use: int) -> Keyring:
    return Keyring(
        hash_keys=known,
        encryption_keys=known,
        random_bytes=random_bytes,
        hash_version=in_use,
        encryption_version=in_use,
    )


BEFORE = keys({1: OLD}, 1)
KNOWS_BOTH = keys({1: OLD, 2: NEW}, 1)
USES_NEW = keys({1: OLD, 2: NEW}, 2)
AFTER = keys({2: NEW}, 2)
STEPS = ((BEFORE, KNOWS_BOTH), (KNOWS_BOTH, USES_NEW), (USES_NEW, USES_NEW), (USES_NEW, AFTER))
"""Pairs of processes that serve beside each other while one step of the runbook is rolled out."""


@dataclass(slots=True)
class Processes:
    """Two API processes on one database, and who asks them."""

    database: Database
    clock: StoppedClock
    shop: SampleStore
    schema: MembershipSchema
    client: "redis.asyncio.Redis"

    async def serve(self, keyring: Keyring) -> Run:
        services = make_services(self.database, self.clock, keyring, redis=self.client)
        return runner(self.schema, services)

    def joining(self, phone: str) -> dict[str, object]:
        return {
            "input": {
                "idempotencyKey": str(new_id()),
                "storeId": global_id("Store", self.shop.store_id),
                "identities": [{"kind": "PHONE", "value": phone}],
                "displayName": "Li Wei",
                "consents": [{"purpose": "MEMBERSHIP", "granted": True}],
            }
        }

    async def enrol(self, process: Run, variables: Mapping[str, object]) -> dict[str, object]:
        return answer(await process(ENROL, variables, caller=app_of(self.shop)))

    async def is_found(self, process: Run, phone: str) -> bool:
        found = answer(await process(IDENTIFY, {"by": {"phone": phone}}, caller=till_of(self.shop)))
        return (found["__typename"], found.get("maskedName")) == ("RecognisedMember", "L•• W••")

    async def rotate(self, keyring: Keyring, *, batch: int = 3) -> int:
        rotated = await rotate(
            self.database, OPERATOR, self.clock.now, keyring=keyring, report=lambda *_: None, batch=batch
        )
        return rotated.rewritten


@pytest.fixture
async def processes(
    conn: Conn, database: Database, clock: StoppedClock, redis: "redis.asyncio.Redis"
) -> AsyncIterator[Processes]:
    shop = (await load_world(conn)).chaoyang
    yield Processes(database, clock, shop, build_schema(ServiceProfile.OPEN, manifest={}), redis)


def answer(result: ExecutionResult) -> dict[str, object]:
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    assert isinstance(payload, dict)
    return payload


async def test_step_by_step_nobody_is_lost_and_nobody_joins_twice(processes: Processes, conn: Conn) -> None:
    """The runbook of `membership keys`, with requests at both processes at once in every step, and two rotations at
    once in the third. What the last step's processes no longer know is needed by nobody."""
    phones: list[str] = []
    for step, pair in enumerate(STEPS, start=1):
        served = [await processes.serve(keyring) for keyring in pair]
        fresh = [fresh_phone() for _ in range(4)]
        everybody = [
            *(processes.enrol(process, processes.joining(phone)) for phone in fresh for process in served),
            *([processes.rotate(USES_NEW), processes.rotate(USES_NEW)] if step == 3 else []),
            *(processes.is_found(process, phone) for phone in phones for process in served),
        ]
        answers = await asyncio.gather(*everybody)
        assert all(found for found in answers if isinstance(found, bool)), f"somebody was not found in step {step}"
        phones += fresh
        for process in served:
            assert [await processes.is_found(process, phone) for phone in phones] == [True] * len(phones)
        assert await conn.fetchval("SELECT count(*) FROM members.members") == len(phones), f"step {step}"
        if step == 3:
            await processes.rotate(USES_NEW)
            assert stale(await under_keys(conn, processes.clock.now()), USES_NEW) == 0


async def test_one_phone_at_two_processes_under_two_keys_is_one_member(
    processes: Processes, conn: Conn, database: Database
) -> None:
    """No index sees it: the hashes differ. So the first holds the value, and the second looks again."""
    phone, other = fresh_phone(), await processes.serve(KNOWS_BOTH)
    async with database.engine(app_of(processes.shop), processes.clock.now()) as tx:
        first = MemberId(new_id())
        await store.insert_member(tx.conn, first, Profile(), at=tx.now, keyring=USES_NEW)
        await add_identities(tx, first, [IdentityValue(IdentityKind.PHONE, phone)], keyring=USES_NEW, new_id=new_id)
        second = asyncio.create_task(processes.enrol(other, processes.joining(phone)))
        await until_blocked(conn)
    assert (await second)["code"] == IdentityTaken.code
    assert await conn.fetchval("SELECT count(*) FROM members.identities") == 1


@pytest.mark.parametrize(("first", "then"), [(KNOWS_BOTH, USES_NEW), (USES_NEW, KNOWS_BOTH), (BEFORE, USES_NEW)])
async def test_a_repeat_across_a_rotation_gets_the_same_answer(
    processes: Processes, first: Keyring, then: Keyring
) -> None:
    one, another = await processes.serve(first), await processes.serve(then)
    joining = processes.joining(fresh_phone())
    enrolled = await processes.enrol(one, joining)
    assert enrolled["__typename"] == "EnrolPayload"
    assert await processes.enrol(another, joining) == enrolled
    differs = {"input": {**joining["input"], "displayName": "Li Na"}}  # type: ignore[dict-item]
    assert (await processes.enrol(another, differs))["code"] == "IDEMPOTENCY_CONFLICT"
    invited = {"input": {"idempotencyKey": str(new_id()), "phone": fresh_phone()}}
    till = till_of(processes.shop)
    assert answer(await one(INVITE, invited, caller=till)) == answer(await another(INVITE, invited, caller=till))


async def test_a_rotation_goes_on_where_it_was_stopped_and_says_so_in_the_trail(
    processes: Processes, conn: Conn
) -> None:
    process = await processes.serve(BEFORE)
    for _ in range(4):
        await processes.enrol(process, processes.joining(fresh_phone()))
    seen: list[tuple[int, int]] = []

    class Stopped(Exception):
        pass

    def stop_in_the_middle(done: int, total: int) -> None:
        seen.append((done, total))
        if done >= 4:
            raise Stopped

    with pytest.raises(Stopped):
        await rotate(
            processes.database, OPERATOR, processes.clock.now, keyring=USES_NEW, report=stop_in_the_middle, batch=2
        )
    assert [done for done, _ in seen] == [2, 4]
    assert await processes.rotate(USES_NEW) == 8
    rows = await conn.fetch(
        "SELECT action, actor, after FROM platform.audit_entries WHERE subject_kind = 'keys' ORDER BY audit_id"
    )
    begun, ended = "keys.begin_rotation", "keys.end_rotation"
    assert [(row["action"], row["actor"]) for row in rows] == [
        (action, "operator:li.hua") for action in (begun, begun, ended)
    ]
    assert '"rewritten": 8' in rows[-1]["after"]


async def test_what_somebody_holds_is_left_and_told(processes: Processes, conn: Conn) -> None:
    await processes.enrol(await processes.serve(BEFORE), processes.joining(fresh_phone()))
    async with conn.transaction():
        await conn.execute("SELECT FROM members.identities FOR UPDATE")
        rotated = await rotate(
            processes.database, OPERATOR, processes.clock.now, keyring=USES_NEW, report=lambda *_: None
        )
    assert (rotated.rewritten, rotated.left) == (2, 2)  # the name and the seed; the identity under both old keys
    assert await processes.rotate(USES_NEW) == 1


async def test_a_key_that_is_gone_and_two_members_with_one_phone_are_told(processes: Processes, conn: Conn) -> None:
    phone = fresh_phone()
    await processes.enrol(await processes.serve(BEFORE), processes.joining(phone))
    with pytest.raises(KeyringError, match="no version 1"):
        await processes.rotate(AFTER)
    # A process that knew the new key alone while the old one was needed: the one thing that the runbook forbids.
    await processes.enrol(await processes.serve(AFTER), processes.joining(phone))
    with pytest.raises(CommandFailed, match="Merge those members"):
        await processes.rotate(USES_NEW)


async def test_two_members_with_one_phone_are_merged_and_the_rotation_goes_on(
    processes: Processes, conn: Conn, database: Database
) -> None:
    """As the refusal of the rotation says."""
    phone, others = fresh_phone(), [fresh_phone() for _ in range(2)]
    first = await processes.enrol(await processes.serve(BEFORE), processes.joining(phone))
    second = await processes.enrol(await processes.serve(AFTER), processes.joining(phone))
    for other in others:
        await processes.enrol(await processes.serve(BEFORE), processes.joining(other))
    ids = [str(entry["memberId"]) for entry in (first, second)]
    loser, winner = (MemberId(key_of(ID(entry), "Member")) for entry in ids)
    with pytest.raises(CommandFailed, match=re.escape(f"then rotate again: {' and '.join(ids)}")):
        await processes.rotate(USES_NEW)

    workings = account_workings(database, USES_NEW)
    staff = Actor(Role.ADMIN, "li.hua")
    await merge(workings, staff, processes.clock.now(), MergeMembers(str(new_id()), winner, loser))
    await processes.rotate(USES_NEW)

    assert stale(await under_keys(conn, processes.clock.now()), USES_NEW) == 0
    last = await processes.serve(AFTER)
    assert [await processes.is_found(last, number) for number in (phone, *others)] == [True] * 3
    people = await store.list_identities(conn, [winner], keyring=AFTER)
    assert [entry.value for entry in people] == [phone], "once"
