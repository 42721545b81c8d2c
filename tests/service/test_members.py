"""What members and staff change about a person, and who may."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from membership.accounts.context import AccountWorkings
from membership.accounts.model import Enrolled
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.members import store as member_store
from membership.members.errors import (
    ConsentNotTheirs,
    IdentityNotVerified,
    IdentityTaken,
    InvalidBirthday,
    InvalidConsent,
    InvalidDisplayName,
    LastIdentity,
    MalformedIdentity,
    TooManyIdentities,
    UnknownIdentity,
    UnknownMember,
    UnsupportedLocale,
)
from membership.members.model import (
    Birthday,
    ConsentAnswer,
    ConsentPurpose,
    ConsentSource,
    Identity,
    IdentityId,
    IdentityKind,
    MemberId,
    Profile,
    ProfileChange,
)
from membership.members.rules import MOST_IDENTITIES
from membership.members.service import Members
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.model import BrandId
from sample_store import World, load_world
from support.clock import StoppedClock
from support.people import (
    KEYRING,
    account_workings,
    app_of,
    fresh_phone,
    join,
    member_of,
    services_of,
    till_of,
)

PROFILE = Profile("李伟", Birthday(3, 8), "zh-CN")


@pytest.fixture
async def world(conn: Conn) -> World:
    return await load_world(conn)


@pytest.fixture
def workings(database: Database) -> AccountWorkings:
    return account_workings(database)


@pytest.fixture
def members(workings: AccountWorkings) -> Members:
    return Members(workings.database, workings.directory, workings.keyring, workings.new_id)


@pytest.fixture
async def member(workings: AccountWorkings, world: World, clock: StoppedClock) -> Enrolled:
    return await join(workings, world.chaoyang, now=clock.now(), profile=PROFILE)


@pytest.fixture
def member_id(member: Enrolled) -> MemberId:
    return member.membership.key.member_id


async def profile_of(conn: Conn, member_id: MemberId) -> Profile:
    return (await member_store.list_members(conn, [member_id], keyring=KEYRING))[member_id].profile


async def identities_of(conn: Conn, member_id: MemberId) -> list[Identity]:
    return await member_store.list_identities(conn, [member_id], keyring=KEYRING)


async def test_a_member_changes_what_they_name_and_keeps_the_rest(
    conn: Conn, world: World, members: Members, member_id: MemberId, clock: StoppedClock
) -> None:
    actor = member_of(world.chaoyang, member_id)
    after = await members.update_profile(
        actor, clock.now(), member_id, ProfileChange(display_name="Li Wei", birthday=None)
    )
    assert after.profile == Profile("Li Wei", None, "zh-CN") == await profile_of(conn, member_id)
    event = await conn.fetchval("SELECT payload::text FROM platform.outbox WHERE name = 'members.profile_changed'")
    assert "display_name" in event
    assert "Li Wei" not in event


async def test_saying_the_same_again_changes_nothing(
    conn: Conn, world: World, members: Members, member_id: MemberId, clock: StoppedClock
) -> None:
    actor = member_of(world.chaoyang, member_id)
    await members.update_profile(actor, clock.now(), member_id, ProfileChange(display_name="李伟"))
    assert await conn.fetchval("SELECT count(*) FROM platform.outbox WHERE name = 'members.profile_changed'") == 0


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (ProfileChange(display_name=" "), InvalidDisplayName),
        (ProfileChange(birthday=Birthday(2, 30)), InvalidBirthday),
        (ProfileChange(preferred_locale="nowhere-at-all"), UnsupportedLocale),
    ],
)
async def test_a_refused_change_changes_nothing(
    conn: Conn, world: World, members: Members, member_id: MemberId, clock: StoppedClock,
    change: ProfileChange, refusal: type[DomainError],
) -> None:  # fmt: skip
    with pytest.raises(refusal):
        await members.update_profile(member_of(world.chaoyang, member_id), clock.now(), member_id, change)
    assert await profile_of(conn, member_id) == PROFILE


Act = Callable[[Members, Actor, StoppedClock, Enrolled], Awaitable[object]]

ACTS: list[Act] = [
    lambda members, actor, clock, member: members.update_profile(
        actor, clock.now(), member.membership.key.member_id, ProfileChange(display_name="Another")
    ),
    lambda members, actor, clock, member: members.remove_identity(
        actor, clock.now(), member.membership.key.member_id, IdentityId(new_id())
    ),
    lambda members, actor, clock, member: members.record_consent(
        actor, clock.now(), member.membership.key, ConsentAnswer(ConsentPurpose.MARKETING, granted=True)
    ),
]


@pytest.mark.parametrize("act", ACTS)
async def test_nobody_changes_a_person_out_of_their_reach(
    workings: AccountWorkings, world: World, members: Members, member: Enrolled, clock: StoppedClock, act: Act
) -> None:
    other = await join(workings, world.chaoyang, now=clock.now())
    for stranger in (member_of(world.chaoyang, other.membership.key.member_id), services_of(world.hangang)):
        with pytest.raises(UnknownMember):
            await act(members, stranger, clock, member)


async def test_an_identity_is_added_removed_and_free_for_others_again(
    conn: Conn, workings: AccountWorkings, world: World, members: Members, member_id: MemberId, clock: StoppedClock
) -> None:
    app, phone = app_of(world.chaoyang), fresh_phone()
    (first,) = await identities_of(conn, member_id)
    await members.add_identity(app, clock.now(), member_id, kind=IdentityKind.PHONE, value=phone)
    await members.add_identity(app, clock.now(), member_id, kind=IdentityKind.PHONE, value=phone)
    added = [entry for entry in await identities_of(conn, member_id) if entry != first]
    assert [(entry.kind, entry.value, entry.verified_at) for entry in added] == [
        (IdentityKind.PHONE, phone, clock.now())
    ]
    with pytest.raises(IdentityTaken):
        other = await join(workings, world.chaoyang, now=clock.now())
        await members.add_identity(
            app, clock.now(), other.membership.key.member_id, kind=IdentityKind.PHONE, value=phone
        )
    await members.remove_identity(member_of(world.chaoyang, member_id), clock.now(), member_id, added[0].identity_id)
    assert await identities_of(conn, member_id) == [first]
    await join(workings, world.chaoyang, phone=phone, now=clock.now())


async def test_the_last_identity_stays(
    conn: Conn, world: World, members: Members, member_id: MemberId, clock: StoppedClock
) -> None:
    actor, (only,) = member_of(world.chaoyang, member_id), await identities_of(conn, member_id)
    with pytest.raises(LastIdentity):
        await members.remove_identity(actor, clock.now(), member_id, only.identity_id)
    with pytest.raises(UnknownIdentity):
        await members.remove_identity(actor, clock.now(), member_id, IdentityId(new_id()))
    assert await identities_of(conn, member_id) == [only]


async def test_a_member_cannot_vouch_for_an_identity_of_their_own(
    world: World, members: Members, member_id: MemberId, clock: StoppedClock
) -> None:
    with pytest.raises(IdentityNotVerified):
        await members.add_identity(
            member_of(world.chaoyang, member_id), clock.now(), member_id,
            kind=IdentityKind.PHONE, value=fresh_phone(),
        )  # fmt: skip


async def test_phone_numbers_of_member_services_are_read_in_their_stores_country(
    conn: Conn, world: World, members: Members, member_id: MemberId, clock: StoppedClock
) -> None:
    phone = fresh_phone()
    desk = services_of(world.chaoyang)
    await members.add_identity(desk, clock.now(), member_id, kind=IdentityKind.PHONE, value=phone.removeprefix("+86"))
    assert phone in [entry.value for entry in await identities_of(conn, member_id)]
    with pytest.raises(MalformedIdentity):
        await members.add_identity(desk, clock.now(), member_id, kind=IdentityKind.PHONE, value="12")
    entry = await conn.fetchrow(
        "SELECT action, actor, after::text FROM platform.audit_entries ORDER BY at DESC, audit_id DESC"
    )
    assert entry is not None
    assert (entry["action"], entry["actor"]) == ("members.add_identity", "wang.fang")
    assert phone[3:] not in entry["after"]


async def test_a_member_has_so_many_identities_at_most(
    world: World, members: Members, member_id: MemberId, clock: StoppedClock
) -> None:
    app = app_of(world.chaoyang)
    for _ in range(MOST_IDENTITIES - 1):
        await members.add_identity(app, clock.now(), member_id, kind=IdentityKind.PHONE, value=fresh_phone())
    with pytest.raises(TooManyIdentities):
        await members.add_identity(app, clock.now(), member_id, kind=IdentityKind.PHONE, value=fresh_phone())


async def test_consents_are_added_and_the_last_word_counts(
    conn: Conn, world: World, members: Members, member: Enrolled, clock: StoppedClock
) -> None:
    key = member.membership.key
    brand = next(iter(world.chaoyang.brands.values()))
    for actor, granted in ((member_of(world.chaoyang, key.member_id), True), (services_of(world.chaoyang), False)):
        clock.advance(timedelta(minutes=1))
        await members.record_consent(
            actor, clock.now(), key, ConsentAnswer(ConsentPurpose.BRAND_SHARING, granted=granted, brand_id=brand)
        )
    latest = {
        (entry.answer.purpose, entry.answer.brand_id): (entry.answer.granted, entry.source)
        for entry in await member_store.list_consents(conn, [key.member_id])
    }
    assert latest == {
        (ConsentPurpose.MEMBERSHIP, None): (True, ConsentSource.APP),
        (ConsentPurpose.BRAND_SHARING, brand): (False, ConsentSource.MEMBER_SERVICES),
    }
    assert await conn.fetchval("SELECT count(*) FROM members.consents") == 3
    for statement in ("UPDATE members.consents SET granted = true", "DELETE FROM members.consents"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await conn.execute(statement)


async def test_a_till_cannot_consent_for_a_member(
    conn: Conn, world: World, members: Members, member: Enrolled, clock: StoppedClock
) -> None:
    with pytest.raises(ConsentNotTheirs):
        await members.record_consent(
            till_of(world.chaoyang), clock.now(), member.membership.key,
            ConsentAnswer(ConsentPurpose.MARKETING, granted=True),
        )  # fmt: skip
    assert await conn.fetchval("SELECT count(*) FROM members.consents") == 1


async def test_a_consent_names_a_brand_of_the_programme(
    world: World, members: Members, member: Enrolled, clock: StoppedClock
) -> None:
    actor = member_of(world.chaoyang, member.membership.key.member_id)
    for brand in (BrandId(new_id()), next(iter(world.hangang.brands.values())), None):
        with pytest.raises(InvalidConsent):
            await members.record_consent(
                actor, clock.now(), member.membership.key,
                ConsentAnswer(ConsentPurpose.BRAND_SHARING, granted=True, brand_id=brand),
            )  # fmt: skip


READABLE = {
    # Who sees a member of another programme, of their own, and their identities.
    Role.MEMBER: (0, 0),
    Role.TILL: (1, 0),
    Role.ASSOCIATE: (1, 0),
    Role.DESK: (1, 0),
    Role.MEMBER_SERVICES: (1, 1),
    Role.SERVICE: (1, 0),
    Role.PLANNER: (0, 0),
    Role.APPROVER: (0, 0),
    Role.ADMIN: (2, 2),
}


@pytest.mark.parametrize("role", list(Role))
async def test_who_reads_whom(
    database: Database, workings: AccountWorkings, world: World, member_id: MemberId, clock: StoppedClock, role: Role
) -> None:
    """Two members, one of each programme; the reader belongs to the first and is nobody's self."""
    other = (await join(workings, world.hangang, now=clock.now())).membership.key.member_id
    actor = replace(services_of(world.chaoyang), role=role)
    async with database.reader(actor) as conn:
        seen = await member_store.list_members(conn, [member_id, other], keyring=KEYRING)
        identities = [
            await member_store.list_identities(conn, [known], keyring=KEYRING) for known in (member_id, other)
        ]
    assert (len(seen), sum(map(len, identities))) == READABLE[role]


async def test_a_member_reads_themself_and_nobody_else(
    database: Database, workings: AccountWorkings, world: World, member_id: MemberId, clock: StoppedClock
) -> None:
    other = (await join(workings, world.chaoyang, now=clock.now())).membership.key.member_id
    async with database.reader(member_of(world.chaoyang, member_id)) as conn:
        assert set(await member_store.list_members(conn, [member_id, other], keyring=KEYRING)) == {member_id}
        assert await member_store.list_identities(conn, [member_id], keyring=KEYRING)
        assert not await member_store.list_identities(conn, [other], keyring=KEYRING)
        assert [entry.key.member_id for entry in await member_store.list_memberships(conn, [member_id, other])] == [
            member_id
        ]
        assert await member_store.list_consents(conn, [member_id])
        assert not await member_store.list_consents(conn, [other])
