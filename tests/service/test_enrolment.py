"""A shopper joins: everything together, or a refusal and nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg
import pytest

from membership.accounts.context import AccountWorkings
from membership.accounts.enrolment import enrol
from membership.accounts.errors import AlreadyMember, IdentityRequired
from membership.accounts.model import Enrol, GivenIdentity
from membership.cards.codes import MemberCodes
from membership.cards.model import ByCardNumber, ByCode, ByPhone, CardKind, CardStatus, IdentifiedBy
from membership.cards.service import CardReader
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.members import store as member_store
from membership.members.errors import (
    ConsentNotTheirs,
    ConsentRequired,
    IdentityNotVerified,
    IdentityTaken,
    InvalidBirthday,
    InvalidConsent,
    InvitationExpired,
    InvitationForSomebodyElse,
    InvitationUsed,
    MalformedIdentity,
    UnknownInvitation,
)
from membership.members.invitations import Invitations
from membership.members.model import (
    Birthday,
    ConsentAnswer,
    ConsentPurpose,
    ConsentSource,
    IdentityKind,
    MemberId,
    MemberStatus,
    Profile,
)
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.errors import UnknownStore
from membership.stores.model import StoreId
from sample_store import World, load_world
from support.clock import StoppedClock
from support.people import (
    CONSENT,
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
def invitations(workings: AccountWorkings) -> Invitations:
    return Invitations(workings.database, workings.directory, workings.keyring, workings.new_id)


def command_for(world: World, phone: str, *, key: str | None = None) -> Enrol:
    return Enrol(
        idempotency_key=key or str(new_id()),
        store_id=world.chaoyang.store_id,
        consents=(CONSENT,),
        identities=(GivenIdentity(IdentityKind.PHONE, phone),),
        profile=PROFILE,
    )


async def rows(conn: Conn) -> dict[str, int]:
    tables = [
        "members.members", "members.memberships", "members.identities", "members.consents", "cards.cards",
        "cards.code_seeds", "points.accounts",
    ]  # fmt: skip
    return {table: await conn.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


async def test_joining_makes_everything_a_member_needs(
    world: World, workings: AccountWorkings, conn: Conn, clock: StoppedClock
) -> None:
    phone, now = fresh_phone(), clock.now()
    enrolled = await enrol(workings, app_of(world.chaoyang), now, command_for(world, phone))
    key = enrolled.membership.key
    assert key.programme_id == world.chaoyang.programme_id
    assert set((await rows(conn)).values()) == {1}
    member = (await member_store.list_members(conn, [key.member_id], keyring=KEYRING))[key.member_id]
    assert (member.status, member.profile) == (MemberStatus.ACTIVE, PROFILE)
    assert (enrolled.card.kind, enrolled.card.status) == (CardKind.VIRTUAL, CardStatus.ACTIVE)
    code = await MemberCodes(workings.database, workings.directory, KEYRING, new_id).show(
        member_of(world.chaoyang, key.member_id), now, key
    )
    reader = CardReader(KEYRING)
    for lookup, by in (
        (ByPhone(phone), IdentifiedBy.PHONE),
        (ByCardNumber(enrolled.card.number), IdentifiedBy.CARD),
        (ByCode(code.code), IdentifiedBy.CODE),
    ):
        found = await reader.resolve(conn, lookup, programme_id=key.programme_id, now=now)
        assert (found.membership, found.by, found.card_status) == (key, by, CardStatus.ACTIVE)


async def test_nothing_personal_is_stored_in_the_clear(
    world: World, workings: AccountWorkings, conn: Conn, clock: StoppedClock
) -> None:
    phone = fresh_phone()
    await enrol(workings, app_of(world.chaoyang), clock.now(), command_for(world, phone))
    columns = await conn.fetch(
        "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables"
        " WHERE table_schema IN ('members', 'cards', 'platform') AND table_type = 'BASE TABLE'"
    )
    for table in columns:
        text = str(await conn.fetchval(f"SELECT jsonb_agg(t) FROM {table['name']} AS t"))
        assert phone.removeprefix("+") not in text
        assert PROFILE.display_name is not None
        assert PROFILE.display_name not in text
        assert phone.encode().hex() not in text


async def test_joining_tells_others_and_is_on_record(
    world: World, workings: AccountWorkings, conn: Conn, clock: StoppedClock
) -> None:
    enrolled = await join(workings, world.chaoyang, now=clock.now())
    names = [row["name"] for row in await conn.fetch("SELECT name FROM platform.outbox ORDER BY sequence")]
    assert names == ["members.identity_added", "members.enrolled", "members.consent_recorded", "cards.issued"]
    entry = await conn.fetchrow("SELECT action, member_id FROM platform.audit_entries")
    assert entry is not None
    assert (entry["action"], entry["member_id"]) == ("accounts.enrol", enrolled.membership.key.member_id)


async def test_a_repeat_gets_the_same_answer_and_another_body_a_conflict(
    world: World, workings: AccountWorkings, conn: Conn, clock: StoppedClock
) -> None:
    command = command_for(world, fresh_phone(), key="one")
    first = await enrol(workings, app_of(world.chaoyang), clock.now(), command)
    again = await enrol(workings, app_of(world.chaoyang), clock.advance(timedelta(minutes=1)), command)
    assert again == first
    assert set((await rows(conn)).values()) == {1}
    with pytest.raises(IdempotencyConflict):
        await enrol(workings, app_of(world.chaoyang), clock.now(), replace(command, profile=Profile()))


async def test_a_member_joins_a_second_programme_with_what_is_known_of_them(
    world: World, workings: AccountWorkings, conn: Conn, clock: StoppedClock
) -> None:
    first = await join(workings, world.chaoyang, now=clock.now())
    member_id = first.membership.key.member_id
    command = Enrol(str(new_id()), world.hangang.store_id, (CONSENT,), profile=PROFILE)
    second = await enrol(workings, member_of(world.chaoyang, member_id), clock.now(), command)
    assert second.membership.key.member_id == member_id
    assert second.membership.key.programme_id == world.hangang.programme_id
    assert second.card.number != first.card.number
    counted = await rows(conn)
    assert (counted["members.members"], counted["members.memberships"], counted["points.accounts"]) == (1, 2, 2)
    member = (await member_store.list_members(conn, [member_id], keyring=KEYRING))[member_id]
    assert member.profile == PROFILE


async def test_the_same_person_is_recognised_by_any_of_their_identities(
    world: World, workings: AccountWorkings, conn: Conn, clock: StoppedClock
) -> None:
    """A known phone number and a new e-mail address: the address is added to the member."""
    phone = fresh_phone()
    first = await join(workings, world.chaoyang, phone=phone, now=clock.now())
    command = replace(
        command_for(world, phone),
        store_id=world.brompton.store_id,
        identities=(
            GivenIdentity(IdentityKind.PHONE, phone),
            GivenIdentity(IdentityKind.PHONE, f" {phone} "),
            GivenIdentity(IdentityKind.EMAIL, "Li.Wei@example.com"),
        ),
    )
    second = await enrol(workings, app_of(world.brompton), clock.now(), command)
    member_id = first.membership.key.member_id
    assert second.membership.key.member_id == member_id
    known = await member_store.list_identities(conn, [member_id], keyring=KEYRING)
    assert {(entry.kind, entry.value) for entry in known} == {
        (IdentityKind.PHONE, phone),
        (IdentityKind.EMAIL, "li.wei@example.com"),
    }


async def test_joining_twice_is_refused(world: World, workings: AccountWorkings, clock: StoppedClock) -> None:
    phone = fresh_phone()
    await join(workings, world.chaoyang, phone=phone, now=clock.now())
    with pytest.raises(AlreadyMember):
        await join(workings, world.chaoyang, phone=phone, now=clock.now())


async def test_identities_of_two_members_join_nobody(
    world: World, workings: AccountWorkings, conn: Conn, clock: StoppedClock
) -> None:
    phones = fresh_phone(), fresh_phone()
    for phone in phones:
        await join(workings, world.chaoyang, phone=phone, now=clock.now())
    before = await rows(conn)
    both = tuple(GivenIdentity(IdentityKind.PHONE, phone) for phone in phones)
    with pytest.raises(IdentityTaken):
        await enrol(
            workings,
            app_of(world.hangang),
            clock.now(),
            replace(command_for(world, phones[0]), store_id=world.hangang.store_id, identities=both),
        )
    assert await rows(conn) == before


Change = Callable[[Enrol, World], Enrol]


@pytest.mark.parametrize(
    ("actor_of", "change", "refusal"),
    [
        (till_of, lambda command, _: command, ConsentNotTheirs),
        (app_of, lambda command, _: replace(command, consents=()), ConsentRequired),
        (app_of, lambda command, _: replace(command, identities=()), IdentityRequired),
        (app_of, lambda command, _: replace(command, store_id=StoreId(new_id())), UnknownStore),
        (app_of, lambda command, _: replace(command, invitation_token="0" * 64), UnknownInvitation),
        (
            app_of,
            lambda command, _: replace(command, profile=Profile(birthday=Birthday(2, 30))),
            InvalidBirthday,
        ),
        (
            app_of,
            lambda command, _: replace(command, identities=(GivenIdentity(IdentityKind.PHONE, "123"),)),
            MalformedIdentity,
        ),
        (
            app_of,
            lambda command, world: replace(
                command,
                consents=(
                    CONSENT,
                    ConsentAnswer(
                        ConsentPurpose.BRAND_SHARING,
                        granted=True,
                        brand_id=next(iter(world.hangang.brands.values())),
                    ),
                ),
            ),
            InvalidConsent,
        ),
    ],
)
async def test_a_refused_shopper_leaves_nothing_behind(
    world: World,
    workings: AccountWorkings,
    conn: Conn,
    clock: StoppedClock,
    *,
    actor_of: Callable[..., Actor],
    change: Change,
    refusal: type[DomainError],
) -> None:
    command = change(command_for(world, fresh_phone()), world)
    with pytest.raises(refusal):
        await enrol(workings, actor_of(world.chaoyang), clock.now(), command)
    assert set((await rows(conn)).values()) == {0}
    assert await conn.fetchval("SELECT count(*) FROM platform.outbox") == 0


async def test_a_member_cannot_vouch_for_identities(
    world: World, workings: AccountWorkings, clock: StoppedClock
) -> None:
    member_id = (await join(workings, world.chaoyang, now=clock.now())).membership.key.member_id
    with pytest.raises(IdentityNotVerified):
        await enrol(workings, member_of(world.chaoyang, member_id), clock.now(), command_for(world, fresh_phone()))


async def invite(
    invitations: Invitations, world: World, now: datetime, *, phone: str | None = None, key: str | None = None
) -> str:
    issued = await invitations.invite(
        till_of(world.chaoyang), now, store_id=world.chaoyang.store_id, phone=phone, key=key or str(new_id())
    )
    return issued.token


async def test_an_invitation_is_taken_up_once(
    world: World, workings: AccountWorkings, invitations: Invitations, conn: Conn, clock: StoppedClock
) -> None:
    token = await invite(invitations, world, clock.now())
    actor = app_of(world.chaoyang)
    enrolled = await enrol(
        workings, actor, clock.now(), replace(command_for(world, fresh_phone()), invitation_token=token)
    )
    row = await conn.fetchrow("SELECT accepted_by, accepted_at, till_id FROM members.invitations")
    assert row is not None
    assert tuple(row) == (enrolled.membership.key.member_id, clock.now(), world.chaoyang.central_cashier)
    with pytest.raises(InvitationUsed):
        await enrol(workings, actor, clock.now(), replace(command_for(world, fresh_phone()), invitation_token=token))


async def test_a_tills_repeat_is_told_the_same_token_which_is_stored_nowhere(
    world: World, invitations: Invitations, conn: Conn, clock: StoppedClock
) -> None:
    phone = fresh_phone()
    token = await invite(invitations, world, clock.now(), phone=phone, key="one")
    assert await invite(invitations, world, clock.now(), phone=phone, key="one") == token
    stored = await conn.fetchval("SELECT jsonb_agg(i)::text FROM members.invitations AS i")
    recorded = await conn.fetchval("SELECT jsonb_agg(k)::text FROM platform.idempotency_keys AS k")
    assert token not in stored + recorded
    assert phone.removeprefix("+") not in stored + recorded
    with pytest.raises(IdempotencyConflict):
        await invite(invitations, world, clock.now(), phone=fresh_phone(), key="one")


async def test_an_invitation_for_a_phone_number_is_for_who_has_it(
    world: World, workings: AccountWorkings, invitations: Invitations, clock: StoppedClock
) -> None:
    phone = fresh_phone()
    token = await invite(invitations, world, clock.now(), phone=phone.removeprefix("+86"))
    actor = app_of(world.chaoyang)
    with pytest.raises(InvitationForSomebodyElse):
        await enrol(workings, actor, clock.now(), replace(command_for(world, fresh_phone()), invitation_token=token))
    await enrol(workings, actor, clock.now(), replace(command_for(world, phone), invitation_token=token))


async def test_a_member_of_another_programme_takes_up_an_invitation_for_their_phone_number(
    world: World, workings: AccountWorkings, invitations: Invitations, clock: StoppedClock
) -> None:
    phone = fresh_phone()
    member_id = (await join(workings, world.hangang, phone=phone, now=clock.now())).membership.key.member_id
    token = await invite(invitations, world, clock.now(), phone=phone)
    command = Enrol(str(new_id()), world.chaoyang.store_id, (CONSENT,), invitation_token=token)
    enrolled = await enrol(workings, member_of(world.hangang, member_id), clock.now(), command)
    assert enrolled.membership.key.member_id == member_id


async def test_an_invitation_ends_after_a_week(
    world: World, workings: AccountWorkings, invitations: Invitations, clock: StoppedClock
) -> None:
    token = await invite(invitations, world, clock.now())
    now = clock.advance(timedelta(days=7))
    with pytest.raises(InvitationExpired):
        await enrol(
            workings,
            app_of(world.chaoyang),
            now,
            replace(command_for(world, fresh_phone()), invitation_token=token),
        )


async def test_an_invitation_is_to_its_own_programme(
    world: World, workings: AccountWorkings, invitations: Invitations, clock: StoppedClock
) -> None:
    token = await invite(invitations, world, clock.now())
    command = replace(command_for(world, fresh_phone()), store_id=world.hangang.store_id, invitation_token=token)
    with pytest.raises(UnknownInvitation):
        await enrol(workings, app_of(world.hangang), clock.now(), command)


async def test_the_database_itself_refuses_a_consent_given_by_a_till(
    world: World, workings: AccountWorkings, conn: Conn, clock: StoppedClock
) -> None:
    key = (await join(workings, world.chaoyang, now=clock.now())).membership.key

    with pytest.raises(asyncpg.CheckViolationError, match="consents_source"):
        await conn.execute(
            "INSERT INTO members.consents (consent_id, member_id, programme_id, purpose, granted, recorded_at, source)"
            " VALUES ($1, $2, $3, 'MARKETING', true, now(), 'TILL')",
            new_id(),
            MemberId(key.member_id),
            key.programme_id,
        )
    assert {source.value for source in ConsentSource} == {"APP", "MEMBER_SERVICES", "IMPORT"}


@pytest.mark.parametrize("role", [Role.TILL, Role.ASSOCIATE, Role.DESK, Role.PLANNER])
async def test_no_member_of_staff_can_opt_a_shopper_in(
    world: World, workings: AccountWorkings, clock: StoppedClock, role: Role
) -> None:
    actor = replace(services_of(world.chaoyang), role=role)
    with pytest.raises(ConsentNotTheirs):
        await enrol(workings, actor, clock.now(), command_for(world, fresh_phone()))
