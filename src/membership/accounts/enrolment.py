"""A shopper joins: invited by a till or on their own, and always by their own word in the app."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from membership.accounts.context import AccountWorkings
from membership.accounts.errors import AlreadyMember, IdentityRequired
from membership.accounts.model import Enrol, Enrolled
from membership.cards import service as cards
from membership.cards import store as card_store
from membership.cards.model import CardId, CardKind
from membership.kernel.actor import Actor, Role
from membership.members import events, rules, store
from membership.members.errors import IdentityNotVerified, IdentityTaken, InvalidConsent, TooManyIdentities
from membership.members.invitations import take_up_invitation
from membership.members.model import (
    IdentityKind,
    IdentityValue,
    Invitation,
    MemberId,
    Membership,
    MembershipId,
    MembershipKey,
    Profile,
    ProfileChange,
)
from membership.members.service import add_identities, lock_person, record_consents
from membership.points import service as points
from membership.postgres.connection import Conn
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.errors import UnknownStore
from membership.stores.model import Store
from membership.stores.service import Directory


@dataclass(frozen=True, slots=True)
class _Application:
    """A command that was checked: values in their one spelling, each once."""

    command: Enrol
    shop: Store
    identities: tuple[IdentityValue, ...]
    profile: Profile


async def enrol(workings: AccountWorkings, actor: Actor, now: datetime, command: Enrol) -> Enrolled:
    """Make a new member, or let an existing one join a further programme: membership, virtual card, code seed and
    points account in one transaction. The tier is the ladder's lowest until there is spend.

    Raises ConsentNotTheirs for a till, ConsentRequired, InvalidConsent, IdentityRequired, IdentityNotVerified,
    MalformedIdentity, IdentityTaken, TooManyIdentities, AlreadyMember, UnknownStore, the refusals of invitations and
    of profiles, MemberBeingMerged.
    """
    rules.consent_source(actor.role)
    rules.check_consents_to_join(command.consents)
    directory = await workings.directory.directory(now)
    shop = directory.store(command.store_id)
    if actor.role is not Role.MEMBER and actor.programme_id not in (None, shop.programme_id):
        # A person may join any programme, and only those whom a back end serves through it.
        raise UnknownStore(str(shop.store_id))
    _check_brands(command, shop, directory)
    application = _Application(command, shop, _verified(actor, command, shop), _checked(command.profile, now))

    async def work(tx: Transaction) -> Enrolled:
        return await _enrol(workings, tx, application)

    told, *otherwise = _requests(workings, application)
    keyed = Keyed("accounts.enrol", command.idempotency_key, told, tuple(otherwise))
    return await once(workings.database, actor, now, keyed, work=work, facts=_facts, restore=_restore)


async def _enrol(workings: AccountWorkings, tx: Transaction, application: _Application) -> Enrolled:
    shop = application.shop
    invitation = await _invitation(workings, tx, application)
    member_id = await _person(workings, tx, application)
    key = MembershipKey(member_id, shop.programme_id)
    membership = Membership(MembershipId(workings.new_id()), key, shop.store_id, tx.now, merged_into=None)
    if not await store.insert_membership(tx.conn, membership):
        raise AlreadyMember
    tx.emit(events.enrolled(key, home_store_id=str(shop.store_id), invited=invitation is not None))
    await record_consents(tx, key, application.command.consents, new_id=workings.new_id)
    card = await cards.issue(tx, key, CardKind.VIRTUAL, new_id=workings.new_id, random_bytes=workings.random_bytes)
    await cards.issue_code_seed(tx, key, keyring=workings.keyring, random_bytes=workings.random_bytes)
    await points.open_account(tx, key)
    await workings.newly_eligible.issue_newcomer(tx, key)
    if invitation is not None:
        await store.accept_invitation(tx.conn, invitation.invitation_id, member_id, at=tx.now)
    tx.audit_staff(
        AuditEntry("accounts.enrol", "member", str(member_id), member_id=member_id, programme_id=shop.programme_id)
    )
    return Enrolled(membership, card)


async def _invitation(workings: AccountWorkings, tx: Transaction, application: _Application) -> Invitation | None:
    """The invitation that is taken up, locked. It may be for a phone number: one just verified, or the member's."""
    token = application.command.invitation_token
    if token is None:
        return None
    phones = [entry for entry in application.identities if entry.kind is IdentityKind.PHONE]
    if tx.actor.member_id is not None:
        known = await store.list_identities(tx.conn, [MemberId(tx.actor.member_id)], keyring=workings.keyring)
        phones += [IdentityValue(entry.kind, entry.value) for entry in known if entry.kind is IdentityKind.PHONE]
    return await take_up_invitation(tx, token, application.shop.programme_id, phones=phones, keyring=workings.keyring)


async def _person(workings: AccountWorkings, tx: Transaction, application: _Application) -> MemberId:
    """The member who joins, locked or new, with their identities and profile written."""
    identities, profile = application.identities, application.profile
    if tx.actor.role is Role.MEMBER and tx.actor.member_id is not None:
        return await _known_person(workings, tx, MemberId(tx.actor.member_id), missing=(), profile=profile)
    owners = await store.owners_of(tx.conn, identities, keyring=workings.keyring)
    missing = tuple(entry for entry in identities if entry not in owners)
    if not owners:
        member_id = MemberId(workings.new_id())
        await store.insert_member(tx.conn, member_id, profile, at=tx.now, keyring=workings.keyring)
        await add_identities(tx, member_id, missing, keyring=workings.keyring, new_id=workings.new_id)
        return member_id
    (_, owner), *others = owners.items()
    for entry, other in others:
        if other != owner:
            raise IdentityTaken(entry.kind.value)
    return await _known_person(workings, tx, owner, missing=missing, profile=profile)


async def _known_person(
    workings: AccountWorkings,
    tx: Transaction,
    member_id: MemberId,
    *,
    missing: tuple[IdentityValue, ...],
    profile: Profile,
) -> MemberId:
    member = await lock_person(tx.conn, member_id, keyring=workings.keyring)
    if missing:
        present = await store.list_identities(tx.conn, [member.member_id], keyring=workings.keyring)
        if len(present) + len(missing) > rules.MOST_IDENTITIES:
            raise TooManyIdentities(rules.MOST_IDENTITIES)
        await add_identities(tx, member.member_id, missing, keyring=workings.keyring, new_id=workings.new_id)
    completed = rules.filled_in(member.profile, profile)
    if completed != member.profile:
        await store.update_profile(tx.conn, member.member_id, completed, keyring=workings.keyring)
    return member.member_id


def _verified(actor: Actor, command: Enrol, shop: Store) -> tuple[IdentityValue, ...]:
    """The identities in their one spelling, each once. Only the app's back end vouches for them."""
    if actor.role is Role.MEMBER:
        if command.identities:
            raise IdentityNotVerified
        return ()
    if not command.identities:
        raise IdentityRequired
    region = rules.region_of(shop.zone)
    values = [
        IdentityValue(entry.kind, rules.normalised(entry.kind, entry.value, region=region))
        for entry in command.identities
    ]
    if len(values) > rules.MOST_IDENTITIES:
        raise TooManyIdentities(rules.MOST_IDENTITIES)
    return tuple(dict.fromkeys(values))


def _checked(profile: Profile, now: datetime) -> Profile:
    change = ProfileChange(profile.display_name, profile.birthday, profile.preferred_locale)
    return rules.changed_profile(Profile(), change, today=now.date())


def _check_brands(command: Enrol, shop: Store, directory: Directory) -> None:
    known = {brand.brand_id for brand in directory.configuration.brands if brand.programme_id == shop.programme_id}
    for answer in command.consents:
        if answer.brand_id is not None and answer.brand_id not in known:
            raise InvalidConsent(answer.purpose.value)


def _requests(workings: AccountWorkings, application: _Application) -> list[str]:
    """What tells two requests apart, under each key: a plain hash of a name and a phone number could be tried out."""
    command = application.command
    values = [command.store_id, application.identities, application.profile, command.consents, command.invitation_token]
    hashes = workings.keyring.lookup_hashes("accounts.enrol", orjson.dumps(values).decode())
    return [digest.hex() for digest in hashes]


def _facts(enrolled: Enrolled) -> Json:
    return {"membership_id": str(enrolled.membership.membership_id), "card_id": str(enrolled.card.card_id)}


async def _restore(conn: Conn, facts: Json) -> Enrolled:
    membership_id, card_id = UUID(str(facts["membership_id"])), UUID(str(facts["card_id"]))
    memberships = await store.list_memberships_by_id(conn, [membership_id])
    found = await card_store.list_cards_by_id(conn, [card_id])
    return Enrolled(memberships[MembershipId(membership_id)], found[CardId(card_id)])
