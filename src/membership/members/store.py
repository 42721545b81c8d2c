"""Rows of schema `members` to model."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from membership.members.keyring import Keyring, Sealed
from membership.members.model import (
    Birthday,
    Consent,
    ConsentAnswer,
    ConsentPurpose,
    ConsentSource,
    Identity,
    IdentityId,
    IdentityKind,
    IdentityValue,
    Invitation,
    InvitationId,
    Member,
    MemberId,
    Membership,
    MembershipId,
    MembershipKey,
    MemberStatus,
    Profile,
)
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.stores.model import ProgrammeId

SQL = queries_of("members")

NAME = "members.display_name"
"""What a display name is sealed for."""


def identity_row(kind: IdentityKind) -> str:
    """What an identity of a kind is sealed for."""
    return f"members.identities.{kind.value}"


async def lock_memberships(conn: Conn, keys: Collection[MembershipKey]) -> list[Membership]:
    """Lock these memberships until the transaction ends, and return those that exist, by member id.

    The home of every lock on a membership: take it before any other row of that membership. PostgreSQL locks in
    the order of the sort in the query; were each caller to lock in its own order, merge(A, B) beside merge(B, A)
    would each hold what the other waits for.
    """
    rows = await SQL.lock_memberships.many(conn, [key.member_id for key in keys], [key.programme_id for key in keys])
    return [_membership(row) for row in rows]


async def lock_free_memberships(conn: Conn, keys: Collection[MembershipKey]) -> list[Membership]:
    """Lock those of these memberships that nobody holds and that were not merged away, and return them.

    For batch jobs that come again: they never make a till wait for a whole batch that itself waits.
    """
    rows = await SQL.lock_free_memberships.many(
        conn, [key.member_id for key in keys], [key.programme_id for key in keys]
    )
    return [_membership(row) for row in rows]


async def lock_members(conn: Conn, member_ids: Collection[MemberId], *, keyring: Keyring) -> dict[MemberId, Member]:
    """Lock these people until the transaction ends: before any of their memberships, never after.

    Whoever locks one of them only must not go on to another one: a merge may hold that and wait for the first.
    """
    rows = await SQL.lock_members.many(conn, list(member_ids))
    return {row["member_id"]: _member(row, keyring) for row in rows}


async def list_members(conn: Conn, member_ids: Collection[UUID], *, keyring: Keyring) -> dict[MemberId, Member]:
    """Those that exist and that the connection may see."""
    rows = await SQL.list_members.many(conn, list(member_ids))
    return {row["member_id"]: _member(row, keyring) for row in rows}


async def find_current_member(conn: Conn, member_id: MemberId) -> MemberId | None:
    """Who this member is today, after any number of merges."""
    row = await SQL.find_current_member.maybe(conn, member_id)
    return None if row is None else MemberId(row["member_id"])


async def find_current_member_of(conn: Conn, key: MembershipKey) -> MemberId | None:
    """The same of a programme's members; None for who is none of them."""
    row = await SQL.find_current_member_of.maybe(conn, key.member_id, key.programme_id)
    return None if row is None else MemberId(row["member_id"])


async def insert_member(conn: Conn, member_id: MemberId, profile: Profile, *, at: datetime, keyring: Keyring) -> None:
    await SQL.insert_member.exec(conn, member_id, *_profile_columns(profile, keyring), at)


async def update_profile(conn: Conn, member_id: MemberId, profile: Profile, *, keyring: Keyring) -> None:
    await SQL.update_profile.exec(conn, member_id, *_profile_columns(profile, keyring))


async def insert_membership(conn: Conn, membership: Membership) -> bool:
    """False when the member is in the programme already."""
    key = membership.key
    row = await SQL.insert_membership.maybe(
        conn,
        membership.membership_id,
        key.member_id,
        key.programme_id,
        membership.home_store_id,
        membership.enrolled_at,
    )
    return row is not None


async def list_memberships(conn: Conn, member_ids: Collection[MemberId]) -> list[Membership]:
    return [_membership(row) for row in await SQL.list_memberships.many(conn, list(member_ids))]


async def list_memberships_by_id(conn: Conn, membership_ids: Collection[UUID]) -> dict[MembershipId, Membership]:
    rows = await SQL.list_memberships_by_id.many(conn, list(membership_ids))
    return {row["membership_id"]: _membership(row) for row in rows}


async def insert_identities(
    conn: Conn, member_id: MemberId, values: Mapping[IdentityId, IdentityValue], *, at: datetime, keyring: Keyring
) -> set[IdentityId]:
    """Returns the ids of those inserted; the others are somebody's already."""
    hashes = [keyring.keyed_hash(entry.kind.value, entry.value) for entry in values.values()]
    sealed = [keyring.seal_text(identity_row(entry.kind), entry.value) for entry in values.values()]
    rows = await SQL.insert_identities.many(
        conn,
        member_id,
        list(values),
        [entry.kind.value for entry in values.values()],
        [entry.digest for entry in hashes],
        [entry.key_version for entry in hashes],
        [entry.ciphertext for entry in sealed],
        [entry.key_version for entry in sealed],
        at,
    )
    return {row["identity_id"] for row in rows}


async def list_identities(conn: Conn, member_ids: Collection[MemberId], *, keyring: Keyring) -> list[Identity]:
    """Present ones, earliest first."""
    return [_identity(row, keyring) for row in await SQL.list_identities.many(conn, list(member_ids))]


async def lock_values(conn: Conn, values: Collection[IdentityValue], *, keyring: Keyring) -> None:
    """Until the transaction ends, from everybody who knows any of our hash keys."""
    hashes = [digest for entry in values for digest in keyring.lookup_hashes(entry.kind.value, entry.value)]
    await SQL.lock_values.exec(conn, sorted(int.from_bytes(digest[:8], signed=True) for digest in hashes))


async def owners_of(
    conn: Conn, values: Collection[IdentityValue], *, keyring: Keyring
) -> dict[IdentityValue, MemberId]:
    """Who has which of these values, under any key version."""
    wanted = {
        (entry.kind.value, digest): entry
        for entry in values
        for digest in keyring.lookup_hashes(entry.kind.value, entry.value)
    }
    rows = await SQL.list_owners.many(conn, [kind for kind, _ in wanted], [digest for _, digest in wanted])
    return {wanted[row["kind"], row["lookup_hash"]]: row["member_id"] for row in rows}


async def find_membership_by_identity(
    conn: Conn, value: IdentityValue, programme_id: ProgrammeId, *, keyring: Keyring
) -> Membership | None:
    row = await SQL.find_membership_by_identity.maybe(
        conn, value.kind.value, keyring.lookup_hashes(value.kind.value, value.value), programme_id
    )
    return None if row is None else _membership(row)


async def remove_identity(conn: Conn, identity_id: IdentityId, *, at: datetime) -> None:
    await SQL.remove_identity.one(conn, identity_id, at)


async def insert_invitation(conn: Conn, invitation: Invitation, *, token_hash: bytes) -> None:
    await SQL.insert_invitation.exec(
        conn,
        invitation.invitation_id,
        invitation.programme_id,
        invitation.store_id,
        invitation.till_id,
        token_hash,
        invitation.token_key_version,
        invitation.phone_hash,
        invitation.invited_at,
        invitation.expires_at,
    )


async def get_invitation(conn: Conn, invitation_id: InvitationId) -> Invitation:
    return _invitation(await SQL.get_invitation.one(conn, invitation_id))


async def lock_invitation(conn: Conn, token_hash: bytes) -> Invitation | None:
    row = await SQL.lock_invitation.maybe(conn, token_hash)
    return None if row is None else _invitation(row)


async def accept_invitation(conn: Conn, invitation_id: InvitationId, member_id: MemberId, *, at: datetime) -> None:
    await SQL.accept_invitation.one(conn, invitation_id, member_id, at)


async def insert_consents(conn: Conn, consents: Sequence[Consent]) -> None:
    await SQL.insert_consents.exec(
        conn,
        [entry.consent_id for entry in consents],
        [entry.membership.member_id for entry in consents],
        [entry.membership.programme_id for entry in consents],
        [entry.answer.purpose.value for entry in consents],
        [entry.answer.brand_id for entry in consents],
        [entry.answer.granted for entry in consents],
        [entry.recorded_at for entry in consents],
        [entry.source.value for entry in consents],
    )


async def list_consents(conn: Conn, member_ids: Collection[MemberId]) -> list[Consent]:
    """The latest answers to each purpose and brand, in every programme."""
    return [_consent(row) for row in await SQL.list_consents.many(conn, list(member_ids))]


async def move_identities(conn: Conn, loser: MemberId, winner: MemberId) -> None:
    await SQL.move_identities.exec(conn, loser, winner)


async def point_at(conn: Conn, loser: MemberId, winner: MemberId) -> None:
    """The loser and their memberships point at the winner from now on. All of these rows are locked."""
    await SQL.point_member.exec(conn, loser, winner)
    await SQL.point_memberships.exec(conn, loser, winner)


def _profile_columns(profile: Profile, keyring: Keyring) -> tuple[object, ...]:
    sealed = None if profile.display_name is None else keyring.seal_text(NAME, profile.display_name)
    birthday = profile.birthday
    return (
        sealed.ciphertext if sealed else None,
        sealed.key_version if sealed else None,
        birthday.month if birthday else None,
        birthday.day if birthday else None,
        birthday.year if birthday else None,
        profile.preferred_locale,
    )


def _member(row: asyncpg.Record, keyring: Keyring) -> Member:
    name, month = sealed_name(row), row["birthday_month"]
    return Member(
        member_id=row["member_id"],
        status=MemberStatus(row["status"]),
        merged_into=row["merged_into"],
        profile=Profile(
            display_name=keyring.open_text(NAME, name) if name else None,
            birthday=Birthday(month, row["birthday_day"], row["birth_year"]) if month else None,
            preferred_locale=row["preferred_locale"],
        ),
        joined_at=row["joined_at"],
    )


def _membership(row: asyncpg.Record) -> Membership:
    return Membership(
        membership_id=row["membership_id"],
        key=MembershipKey(row["member_id"], row["programme_id"]),
        home_store_id=row["home_store_id"],
        enrolled_at=row["enrolled_at"],
        merged_into=row["merged_into"],
    )


def _identity(row: asyncpg.Record, keyring: Keyring) -> Identity:
    kind = IdentityKind(row["kind"])
    return Identity(
        identity_id=row["identity_id"],
        member_id=row["member_id"],
        kind=kind,
        value=keyring.open_text(identity_row(kind), Sealed(row["value_encrypted"], row["encryption_key_version"])),
        verified_at=row["verified_at"],
        added_at=row["added_at"],
    )


def _invitation(row: asyncpg.Record) -> Invitation:
    return Invitation(
        invitation_id=row["invitation_id"],
        programme_id=row["programme_id"],
        store_id=row["store_id"],
        till_id=row["till_id"],
        token_key_version=row["token_key_version"],
        phone_hash=row["phone_hash"],
        invited_at=row["invited_at"],
        expires_at=row["expires_at"],
        accepted_by=row["accepted_by"],
    )


def _consent(row: asyncpg.Record) -> Consent:
    return Consent(
        consent_id=row["consent_id"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        answer=ConsentAnswer(ConsentPurpose(row["purpose"]), row["granted"], row["brand_id"]),
        recorded_at=row["recorded_at"],
        source=ConsentSource(row["source"]),
    )


def sealed_name(row: asyncpg.Record) -> Sealed | None:
    ciphertext = row["display_name_encrypted"]
    return Sealed(ciphertext, row["display_name_key_version"]) if ciphertext else None
