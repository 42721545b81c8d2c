"""Invitations: a till hands out a token, and the shopper, nobody else, takes it up in the app.

A token is 256 bits made from the invitation's id with a hash key, so a repeat of the request gets it again
although only its SHA-256 is stored.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from membership.kernel.actor import Actor
from membership.kernel.ids import NewId
from membership.members import rules, store
from membership.members.errors import UnknownInvitation
from membership.members.keyring import Keyring
from membership.members.model import IdentityKind, IdentityValue, Invitation, InvitationId
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.model import ProgrammeId, Store, StoreId, TillId
from membership.stores.service import DirectoryCache

_PURPOSE = "members.invitations"


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """An invitation and its token, which is told to the till and kept nowhere."""

    invitation: Invitation
    token: str


async def take_up_invitation(
    tx: Transaction, token: str, programme_id: ProgrammeId, *, phones: Collection[IdentityValue], keyring: Keyring
) -> Invitation:
    """Lock an invitation that somebody with these verified phone numbers may accept; `store.accept_invitation` ends it.

    Raises UnknownInvitation, InvitationUsed, InvitationExpired, InvitationForSomebodyElse.
    """
    invitation = await store.lock_invitation(tx.conn, _token_hash(token))
    if invitation is None or invitation.programme_id != programme_id:
        raise UnknownInvitation
    hashes = [digest for phone in phones for digest in keyring.lookup_hashes(phone.kind.value, phone.value)]
    rules.check_invitation(invitation, phone_hashes=hashes, now=tx.now)
    return invitation


@dataclass(frozen=True, slots=True)
class Invitations:
    """The use case of tills."""

    database: Database
    directory: DirectoryCache
    keyring: Keyring
    new_id: NewId

    async def invite(
        self, actor: Actor, now: datetime, *, store_id: StoreId, phone: str | None, key: str
    ) -> IssuedInvitation:
        """Invite a shopper, for a phone number if it is known. Raises MalformedIdentity, UnknownStore,
        IdempotencyConflict."""
        shop = (await self.directory.directory(now)).store(store_id)
        number = (
            None if phone is None else rules.normalised(IdentityKind.PHONE, phone, region=rules.region_of(shop.zone))
        )

        async def work(tx: Transaction) -> IssuedInvitation:
            return await self._invite(tx, shop, number)

        async def restore(conn: Conn, facts: Json) -> IssuedInvitation:
            invitation = await store.get_invitation(conn, InvitationId(UUID(str(facts["invitation_id"]))))
            return IssuedInvitation(invitation, self._token(invitation))

        # What a request is recognised by is stored: a plain hash of a phone number could be tried out.
        hashes = [] if number is None else self.keyring.lookup_hashes(IdentityKind.PHONE.value, number)
        known: list[str | None] = [digest.hex() for digest in hashes] or [None]
        told, *otherwise = [[str(shop.store_id), digest] for digest in known]
        keyed = Keyed("members.invite", key, told, tuple(otherwise))
        return await once(self.database, actor, now, keyed, work=work, facts=_facts, restore=restore)

    async def _invite(self, tx: Transaction, shop: Store, phone: str | None) -> IssuedInvitation:
        till_id = tx.actor.till_id
        invitation = Invitation(
            invitation_id=InvitationId(self.new_id()),
            programme_id=shop.programme_id,
            store_id=shop.store_id,
            till_id=TillId(till_id) if till_id else None,
            token_key_version=self.keyring.hash_version,
            phone_hash=self._phone_hash(phone),
            invited_at=tx.now,
            expires_at=tx.now + rules.INVITATION_TTL,
            accepted_by=None,
        )
        token = self._token(invitation)
        await store.insert_invitation(tx.conn, invitation, token_hash=_token_hash(token))
        tx.audit(
            AuditEntry("members.invite", "invitation", str(invitation.invitation_id), programme_id=shop.programme_id)
        )
        return IssuedInvitation(invitation, token)

    def _phone_hash(self, phone: str | None) -> bytes | None:
        return None if phone is None else self.keyring.keyed_hash(IdentityKind.PHONE.value, phone).digest

    def _token(self, invitation: Invitation) -> str:
        return self.keyring.token_of(_PURPOSE, invitation.invitation_id, key_version=invitation.token_key_version)


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _facts(issued: IssuedInvitation) -> Json:
    return {"invitation_id": str(issued.invitation.invitation_id)}
