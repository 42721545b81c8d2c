"""Key rotation: tills find everybody before, during and after, and the old key can be retired."""

import os
from uuid import UUID

import pytest

from membership.accounts.context import AccountWorkings
from membership.cards.codes import MemberCodes
from membership.cards.model import ByCode, ByPhone
from membership.cards.rekeying import rekey_code_seeds
from membership.cards.service import CardReader
from membership.kernel.ids import new_id
from membership.kernel.randomness import random_bytes
from membership.members import store as member_store
from membership.members.errors import IdentityTaken, UnknownMember
from membership.members.keyring import Keyring
from membership.members.model import IdentityKind, Profile
from membership.members.rekeying import rekey_identities, rekey_names
from membership.members.service import Members
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from sample_store import World, load_world
from support.clock import StoppedClock
from support.people import account_workings, app_of, fresh_phone, join, member_of, services_of

OLD, NEW = os.urandom(32), os.urandom(32)
BEFORE = Keyring(hash_keys={1: OLD}, encryption_keys={1: OLD}, random_bytes=random_bytes)
DURING = Keyring(hash_keys={1: OLD, 2: NEW}, encryption_keys={1: OLD, 2: NEW}, random_bytes=random_bytes)
AFTER = Keyring(hash_keys={2: NEW}, encryption_keys={2: NEW}, random_bytes=random_bytes)


@pytest.fixture
async def world(conn: Conn) -> World:
    return await load_world(conn)


@pytest.fixture
def workings(database: Database) -> AccountWorkings:
    return account_workings(database, BEFORE)


async def walk_all(database: Database, world: World, clock: StoppedClock) -> int:
    """Every batch of every kind, two rows at a time; how many rows were rewritten."""
    total = 0
    for rekey in (rekey_identities, rekey_names):
        after: UUID | None = None
        while True:
            async with database.engine(services_of(world.chaoyang), clock.now()) as tx:
                done = await rekey(tx, keyring=DURING, after=after, limit=2)
            total, after = total + done.rewritten, done.after
            if after is None:
                break
    serial: str | None = None
    while True:
        async with database.engine(services_of(world.chaoyang), clock.now()) as tx:
            seeds = await rekey_code_seeds(tx, keyring=DURING, after=serial, limit=2)
        total, serial = total + seeds.rewritten, seeds.after
        if serial is None:
            return total


async def test_everybody_is_found_before_during_and_after_a_rotation(
    conn: Conn, database: Database, world: World, workings: AccountWorkings, clock: StoppedClock
) -> None:
    phones = [fresh_phone() for _ in range(5)]
    joined = [
        await join(workings, world.chaoyang, phone=phone, now=clock.now(), profile=Profile(f"Member {place}"))
        for place, phone in enumerate(phones)
    ]
    keys = [entry.membership.key for entry in joined]

    async def check(keyring: Keyring) -> None:
        reader, now = CardReader(keyring), clock.now()
        codes = MemberCodes(database, workings.directory, keyring, new_id)
        people = await member_store.list_members(conn, [key.member_id for key in keys], keyring=keyring)
        for place, (phone, key) in enumerate(zip(phones, keys, strict=True)):
            code = await codes.show(member_of(world.chaoyang, key.member_id), now, key)
            for lookup in (ByPhone(phone), ByCode(code.code)):
                found = await reader.resolve(conn, lookup, programme_id=key.programme_id, now=now)
                assert found.membership == key
            assert people[key.member_id].profile.display_name == f"Member {place}"
            (identity,) = await member_store.list_identities(conn, [key.member_id], keyring=keyring)
            assert identity.value == phone

    await check(BEFORE)
    await check(DURING)
    assert await walk_all(database, world, clock) == 15
    await check(DURING)
    await check(AFTER)
    assert await walk_all(database, world, clock) == 0


async def test_without_rewriting_the_old_key_cannot_be_retired(
    conn: Conn, world: World, workings: AccountWorkings, clock: StoppedClock
) -> None:
    phone = fresh_phone()
    await join(workings, world.chaoyang, phone=phone, now=clock.now())
    with pytest.raises(UnknownMember):
        await CardReader(AFTER).resolve(conn, ByPhone(phone), programme_id=world.chaoyang.programme_id, now=clock.now())


async def test_during_a_rotation_an_identity_still_belongs_to_one_member(
    database: Database, world: World, workings: AccountWorkings, clock: StoppedClock
) -> None:
    """Its hash under the new key would be free: all live versions are looked at."""
    phone = fresh_phone()
    await join(workings, world.chaoyang, phone=phone, now=clock.now())
    later = account_workings(database, DURING)
    members = Members(database, later.directory, DURING, new_id)
    other = (await join(later, world.chaoyang, now=clock.now())).membership.key.member_id
    with pytest.raises(IdentityTaken):
        await members.add_identity(app_of(world.chaoyang), clock.now(), other, kind=IdentityKind.PHONE, value=phone)


async def test_a_row_that_is_in_use_is_passed_over(
    conn: Conn, database: Database, world: World, workings: AccountWorkings, clock: StoppedClock
) -> None:
    for _ in range(2):
        await join(workings, world.chaoyang, now=clock.now())
    async with conn.transaction():
        await conn.execute(
            "SELECT FROM members.identities WHERE identity_id ="
            " (SELECT min(identity_id::text)::uuid FROM members.identities) FOR UPDATE"
        )
        async with database.engine(services_of(world.chaoyang), clock.now()) as tx:
            done = await rekey_identities(tx, keyring=DURING, after=None, limit=10)
        assert done.rewritten == 1
    async with database.engine(services_of(world.chaoyang), clock.now()) as tx:
        done = await rekey_identities(tx, keyring=DURING, after=None, limit=10)
    assert done.rewritten == 1
