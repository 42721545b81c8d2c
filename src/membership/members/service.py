"""What journeys and tills ask of members inside their transaction, and the slice's own use cases."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import NewId
from membership.members import events, rules, store
from membership.members.errors import (
    IdentityNotVerified,
    IdentityTaken,
    InvalidConsent,
    LastIdentity,
    MemberBeingMerged,
    TooManyIdentities,
    UnknownIdentity,
    UnknownMember,
)
from membership.members.keyring import Keyring
from membership.members.model import (
    Consent,
    ConsentAnswer,
    ConsentId,
    IdentityId,
    IdentityKind,
    IdentityValue,
    Member,
    MemberId,
    Membership,
    MembershipKey,
    MemberStatus,
    ProfileChange,
)
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.model import ProgrammeId
from membership.stores.service import Directory, DirectoryCache


async def lock_membership(conn: Conn, key: MembershipKey) -> Membership:
    """Lock a membership, or the one that took it over. Raises UnknownMember.

    Holding a merged row while waiting for the winner's is safe: a merge asks for memberships only after it has
    locked both people and found neither merged, so nobody ever waits for a merged row while holding the winner's.
    """
    while True:
        locked = await store.lock_memberships(conn, [key])
        if not locked:
            raise UnknownMember
        if locked[0].merged_into is None:
            return locked[0]
        key = MembershipKey(locked[0].merged_into, key.programme_id)


async def lock_person(conn: Conn, member_id: MemberId, *, keyring: Keyring) -> Member:
    """Lock a member, or whom they were merged into, for what concerns the person.

    Raises UnknownMember; MemberBeingMerged (retryable) when a merge ended between look and lock, because going on
    to the winner with a lock in hand could close a circle with another merge.
    """
    current = await store.find_current_member(conn, member_id)
    if current is None:
        raise UnknownMember
    member = (await store.lock_members(conn, [current], keyring=keyring))[current]
    match member.status:
        case MemberStatus.ACTIVE:
            return member
        case MemberStatus.MERGED:
            raise MemberBeingMerged
        case MemberStatus.ERASED:
            raise UnknownMember


async def lock_own(tx: Transaction, member_id: MemberId, *, keyring: Keyring) -> Member:
    """As `lock_person`, for a member whom the caller may change: themself, or one of the caller's programme.

    Raises UnknownMember, MemberBeingMerged.
    """
    member = await lock_person(tx.conn, member_id, keyring=keyring)
    match tx.actor.role:
        case Role.ADMIN:
            return member
        case Role.MEMBER if tx.actor.member_id is not None:
            mine = MemberId(tx.actor.member_id)
            # A token of before a merge names the loser, who is the winner now.
            allowed = mine == member_id or await store.find_current_member(tx.conn, mine) == member.member_id
        case Role.MEMBER:
            allowed = False
        case _:
            joined = await store.list_memberships(tx.conn, [member.member_id])
            allowed = any(entry.key.programme_id == tx.actor.programme_id for entry in joined)
    if not allowed:
        raise UnknownMember
    return member


async def add_identities(
    tx: Transaction, member_id: MemberId, values: Sequence[IdentityValue], *, keyring: Keyring, new_id: NewId
) -> None:
    """Add verified identities to a member who is locked or new. Raises IdentityTaken."""
    if keyring.is_rotating:
        await _keep_for_one(tx, values, keyring=keyring)
    by_id = {IdentityId(new_id()): entry for entry in values}
    inserted = await store.insert_identities(tx.conn, member_id, by_id, at=tx.now, keyring=keyring)
    for identity_id, entry in by_id.items():
        if identity_id not in inserted:
            raise IdentityTaken(entry.kind.value)
        tx.emit(events.identity_added(member_id, entry.kind))


async def _keep_for_one(tx: Transaction, values: Sequence[IdentityValue], *, keyring: Keyring) -> None:
    """While hash keys are rotated, a value has one hash here and another one in a process that uses the other key: the
    unique index would let both in. So these values are kept from everybody who knows one of the keys, and looked up
    again. Taken after the member's lock, in one order. Raises IdentityTaken."""
    await store.lock_values(tx.conn, values, keyring=keyring)
    for entry in await store.owners_of(tx.conn, values, keyring=keyring):
        raise IdentityTaken(entry.kind.value)


async def record_consents(
    tx: Transaction, key: MembershipKey, answers: Collection[ConsentAnswer], *, new_id: NewId
) -> None:
    """Append a member's answers. Raises ConsentNotTheirs for a till, InvalidConsent."""
    source = rules.consent_source(tx.actor.role)
    rules.check_consents(answers)
    consents = [Consent(ConsentId(new_id()), key, answer, recorded_at=tx.now, source=source) for answer in answers]
    await store.insert_consents(tx.conn, consents)
    for answer in answers:
        tx.emit(events.consent_recorded(key, answer))


@dataclass(frozen=True, slots=True)
class Members:
    """The use cases of the slice, but invitations."""

    database: Database
    directory: DirectoryCache
    keyring: Keyring
    new_id: NewId

    async def update_profile(self, actor: Actor, now: datetime, member_id: MemberId, change: ProfileChange) -> Member:
        """Raises UnknownMember, InvalidDisplayName, PaymentCardNumber, InvalidBirthday, UnsupportedLocale,
        MemberBeingMerged."""
        async with self.database.engine(actor, now) as tx:
            member = await lock_own(tx, member_id, keyring=self.keyring)
            profile = rules.changed_profile(member.profile, change, today=now.date())
            fields = rules.changed_fields(member.profile, profile)
            if fields:
                await store.update_profile(tx.conn, member.member_id, profile, keyring=self.keyring)
                tx.emit(events.profile_changed(member.member_id, fields))
                tx.audit_staff(_person_entry("members.update_profile", tx, member.member_id, fields))
        return Member(member.member_id, member.status, member.merged_into, profile, member.joined_at)

    async def add_identity(
        self, actor: Actor, now: datetime, member_id: MemberId, *, kind: IdentityKind, value: str
    ) -> Member:
        """Add an identity that the caller has verified; one that is theirs already stays as it is.

        Raises IdentityNotVerified for a member, MalformedIdentity, IdentityTaken, TooManyIdentities, UnknownMember,
        MemberBeingMerged.
        """
        if actor.role is Role.MEMBER:
            raise IdentityNotVerified
        region = phone_region(await self.directory.directory(now), actor)
        entry = IdentityValue(kind, rules.normalised(kind, value, region=region))
        async with self.database.engine(actor, now) as tx:
            member = await lock_own(tx, member_id, keyring=self.keyring)
            owner = (await store.owners_of(tx.conn, [entry], keyring=self.keyring)).get(entry)
            if owner == member.member_id:
                return member
            if owner is not None:
                raise IdentityTaken(kind.value)
            present = await store.list_identities(tx.conn, [member.member_id], keyring=self.keyring)
            if len(present) >= rules.MOST_IDENTITIES:
                raise TooManyIdentities(rules.MOST_IDENTITIES)
            await add_identities(tx, member.member_id, [entry], keyring=self.keyring, new_id=self.new_id)
            tx.audit_staff(_person_entry("members.add_identity", tx, member.member_id, [kind.value]))
        return member

    async def remove_identity(
        self, actor: Actor, now: datetime, member_id: MemberId, identity_id: IdentityId
    ) -> Member:
        """Raises UnknownIdentity, LastIdentity, UnknownMember, MemberBeingMerged."""
        async with self.database.engine(actor, now) as tx:
            member = await lock_own(tx, member_id, keyring=self.keyring)
            present = await store.list_identities(tx.conn, [member.member_id], keyring=self.keyring)
            kind = next((entry.kind for entry in present if entry.identity_id == identity_id), None)
            if kind is None:
                raise UnknownIdentity
            if len(present) == 1:
                raise LastIdentity
            await store.remove_identity(tx.conn, identity_id, at=tx.now)
            tx.emit(events.identity_removed(member.member_id, kind))
            tx.audit_staff(_person_entry("members.remove_identity", tx, member.member_id, [kind.value]))
        return member

    async def record_consent(
        self, actor: Actor, now: datetime, key: MembershipKey, answer: ConsentAnswer
    ) -> Membership:
        """Raises ConsentNotTheirs for a till, InvalidConsent, UnknownMember, MemberBeingMerged."""
        await self._check_brand(now, key.programme_id, answer)
        async with self.database.engine(actor, now) as tx:
            member = await lock_own(tx, key.member_id, keyring=self.keyring)
            joined = await store.list_memberships(tx.conn, [member.member_id])
            membership = next((entry for entry in joined if entry.key.programme_id == key.programme_id), None)
            if membership is None:
                raise UnknownMember
            await record_consents(tx, membership.key, [answer], new_id=self.new_id)
            said = [answer.purpose.value, str(answer.granted)]
            tx.audit_staff(_person_entry("members.record_consent", tx, member.member_id, said))
        return membership

    async def find_current(self, actor: Actor, now: datetime, member_id: MemberId) -> MemberId | None:
        """Who a member is today, for a token that was given before a merge."""
        async with self.database.engine(actor, now) as tx:
            return await store.find_current_member(tx.conn, member_id)

    async def _check_brand(self, now: datetime, programme_id: ProgrammeId, answer: ConsentAnswer) -> None:
        if answer.brand_id is None:
            return
        brands = (await self.directory.directory(now)).configuration.brands
        if not any(brand.brand_id == answer.brand_id and brand.programme_id == programme_id for brand in brands):
            raise InvalidConsent(answer.purpose.value)


def phone_region(directory: Directory, actor: Actor) -> str | None:
    """The country in which the caller's phone numbers without a country code are read: that of their store, or
    of their programme's first one."""
    stores = directory.configuration.stores
    near = [shop for shop in stores if shop.store_id == actor.store_id]
    near += [shop for shop in stores if shop.programme_id == actor.programme_id]
    return rules.region_of(near[0].zone) if near else None


def _person_entry(action: str, tx: Transaction, member_id: MemberId, concerning: list[str]) -> AuditEntry:
    """What was touched, never the values."""
    return AuditEntry(
        action,
        "member",
        str(member_id),
        member_id=member_id,
        programme_id=tx.actor.programme_id,
        after={"concerning": concerning},
    )
