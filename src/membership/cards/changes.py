"""Issue, replace, block, unblock and close cards: the work of member services, each step on record."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from membership.cards import events, rules, service, store
from membership.cards.errors import CardKindTaken, UnknownCard
from membership.cards.model import BlockReason, Card, CardAction, CardId, CardKind
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import Fact
from membership.kernel.ids import NewId
from membership.kernel.randomness import RandomBytes
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.members.service import lock_membership
from membership.members.store import find_current_member
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction

Work: TypeAlias = Callable[[Transaction], Awaitable[Card]]


@dataclass(frozen=True, slots=True)
class Cards:
    """Use cases under an idempotency key: a repeat is answered with the card as it is by then.

    Staff reach the cards of their token's programme; a member reaches their own.
    """

    database: Database
    new_id: NewId
    random_bytes: RandomBytes

    async def issue(self, actor: Actor, now: datetime, membership: MembershipKey, kind: CardKind, *, key: str) -> Card:
        """A further card. Raises UnknownMember, CardKindTaken when a live card of that kind should be replaced."""

        async def work(tx: Transaction) -> Card:
            if not await _reaches(tx, membership):
                raise UnknownMember
            current = (await lock_membership(tx.conn, membership)).key
            for card in await store.list_live_cards(tx.conn, current):
                if card.kind is kind:
                    raise CardKindTaken(kind.value, card.last_digits)
            issued = await self._issue(tx, current, kind)
            tx.audit_staff(_entry("cards.issue", None, issued))
            return issued

        request = [str(membership.member_id), str(membership.programme_id), kind.value]
        return await self._once(actor, now, Keyed("cards.issue", key, request), work)

    async def replace(self, actor: Actor, now: datetime, card_id: CardId, *, key: str) -> Card:
        """A new card of the same kind in place of this one; returns the new one. Raises UnknownCard,
        CardChangeRefused."""

        async def work(tx: Transaction) -> Card:
            old = await _locked(tx, card_id)
            status = rules.next_status(old, CardAction.REPLACE)
            new = await self._issue(tx, old.membership, old.kind)
            after = replace(old, status=status, blocked_reason=None, replaced_by=new.card_id, changed_at=tx.now)
            await store.update_card(tx.conn, after)
            tx.emit(events.replaced(after))
            tx.audit_staff(_entry("cards.replace", old, after))
            return new

        return await self._once(actor, now, Keyed("cards.replace", key, [str(card_id)]), work)

    async def block(self, actor: Actor, now: datetime, card_id: CardId, reason: BlockReason, *, key: str) -> Card:
        """The card earns on but spends no more. Raises UnknownCard, CardChangeRefused."""

        async def work(tx: Transaction) -> Card:
            return await _change(tx, card_id, CardAction.BLOCK, reason)

        return await self._once(actor, now, Keyed("cards.block", key, [str(card_id), reason.value]), work)

    async def unblock(self, actor: Actor, now: datetime, card_id: CardId, *, key: str) -> Card:
        """Raises UnknownCard, CardChangeRefused."""

        async def work(tx: Transaction) -> Card:
            return await _change(tx, card_id, CardAction.UNBLOCK, None)

        return await self._once(actor, now, Keyed("cards.unblock", key, [str(card_id)]), work)

    async def close(self, actor: Actor, now: datetime, card_id: CardId, *, key: str) -> Card:
        """The card identifies nobody any more. Raises UnknownCard, CardChangeRefused."""

        async def work(tx: Transaction) -> Card:
            return await _change(tx, card_id, CardAction.CLOSE, None)

        return await self._once(actor, now, Keyed("cards.close", key, [str(card_id)]), work)

    async def _issue(self, tx: Transaction, membership: MembershipKey, kind: CardKind) -> Card:
        return await service.issue(tx, membership, kind, new_id=self.new_id, random_bytes=self.random_bytes)

    async def _once(self, actor: Actor, now: datetime, keyed: Keyed, work: Work) -> Card:
        return await once(self.database, actor, now, keyed, work=work, facts=_facts, restore=_restore)


async def _change(tx: Transaction, card_id: CardId, action: CardAction, reason: BlockReason | None) -> Card:
    before = await _locked(tx, card_id)
    after = replace(before, status=rules.next_status(before, action), blocked_reason=reason, changed_at=tx.now)
    await store.update_card(tx.conn, after)
    match action:
        case CardAction.BLOCK:
            tx.emit(events.blocked(after))
        case CardAction.UNBLOCK:
            tx.emit(events.unblocked(after))
        case CardAction.CLOSE:
            tx.emit(events.closed(after))
        case CardAction.REPLACE:
            raise ValueError("a card is replaced by another card")
    tx.audit_staff(_entry(f"cards.{action.value.lower()}", before, after))
    return after


async def _locked(tx: Transaction, card_id: CardId) -> Card:
    """A card whose membership is locked, read after that: a merge may have moved it meanwhile."""
    seen = await store.find_card(tx.conn, card_id)
    if seen is None or not await _reaches(tx, seen.membership):
        raise UnknownCard(None)
    await lock_membership(tx.conn, seen.membership)
    card = await store.find_card(tx.conn, card_id)
    if card is None:
        raise UnknownCard(None)
    return card


async def _reaches(tx: Transaction, membership: MembershipKey) -> bool:
    actor = tx.actor
    match actor.role:
        case Role.ADMIN:
            return True
        case Role.MEMBER:
            if actor.member_id is None:
                return False
            # A token of before a merge names the loser, and the cards have moved.
            return membership.member_id in (
                actor.member_id,
                await find_current_member(tx.conn, MemberId(actor.member_id)),
            )
        case _:
            return membership.programme_id == actor.programme_id


def _entry(action: str, before: Card | None, after: Card) -> AuditEntry:
    return AuditEntry(
        action,
        "card",
        str(after.card_id),
        member_id=after.membership.member_id,
        programme_id=after.membership.programme_id,
        before=_state(before) if before else None,
        after=_state(after),
    )


def _state(card: Card) -> dict[str, Fact]:
    return {
        "kind": card.kind.value,
        "status": card.status.value,
        "blocked_reason": card.blocked_reason.value if card.blocked_reason else None,
        "replaced_by": str(card.replaced_by) if card.replaced_by else None,
    }


def _facts(card: Card) -> Json:
    return {"card_id": str(card.card_id)}


async def _restore(conn: Conn, facts: Json) -> Card:
    card = await store.find_card(conn, UUID(str(facts["card_id"])))
    if card is None:
        raise LookupError(f"card {facts['card_id']} is recorded in an answer and gone")
    return card
