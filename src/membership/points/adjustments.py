"""Adjustments: member services give or take points; a large one waits for a second person."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from membership.kernel.actor import Actor
from membership.kernel.errors import Fact
from membership.kernel.ids import NewId
from membership.kernel.payment_cards import refuse_payment_card_numbers
from membership.members.errors import UnknownMember
from membership.members.model import Membership, MembershipKey
from membership.members.service import lock_membership
from membership.points import events, ledger, rules, store
from membership.points.errors import (
    AdjustmentDecided,
    InvalidAdjustment,
    OwnAdjustment,
    ReasonMissing,
    UnknownAdjustment,
)
from membership.points.model import Adjustment, AdjustmentId, AdjustmentState
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.rules import business_date, terms_at
from membership.stores.service import DirectoryCache

Work: TypeAlias = Callable[[Transaction], Awaitable[Adjustment]]

MOST_POINTS = 1_000_000_000
MOST_REASON_CHARACTERS = 500

TRANSITIONS: Mapping[AdjustmentState, frozenset[AdjustmentState]] = {
    AdjustmentState.PENDING_APPROVAL: frozenset({AdjustmentState.APPLIED, AdjustmentState.REJECTED}),
    AdjustmentState.APPLIED: frozenset(),
    AdjustmentState.REJECTED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Adjustments:
    """Use cases under an idempotency key. Staff reach the members of their token's programme."""

    database: Database
    directory: DirectoryCache
    new_id: NewId

    async def request(
        self, actor: Actor, now: datetime, membership: MembershipKey, *, points: int, reason: str, key: str
    ) -> Adjustment:
        """Give (above zero) or take (below zero) points: at once, or, if they are many, once a second person agrees.

        Raises InvalidAdjustment, ReasonMissing, PaymentCardNumber, UnknownMember, NotEnoughPoints.
        """
        if not 1 <= abs(points) <= MOST_POINTS:
            raise InvalidAdjustment(MOST_POINTS)
        because = _readable(reason)

        async def work(tx: Transaction) -> Adjustment:
            if actor.programme_id not in (None, membership.programme_id):
                raise UnknownMember
            locked = await lock_membership(tx.conn, membership)
            waits = abs(points) >= await self._second_person_from(locked, now)
            adjustment = Adjustment(
                adjustment_id=AdjustmentId(self.new_id()),
                membership=locked.key,
                points=points,
                reason=because,
                state=AdjustmentState.PENDING_APPROVAL if waits else AdjustmentState.APPLIED,
                requested_by=actor.subject,
                requested_at=now,
                decided_by=None,
                decided_at=None,
                decision_reason=None,
            )
            await store.insert_adjustment(tx.conn, adjustment)
            if waits:
                tx.emit(events.adjustment_requested(adjustment))
                tx.audit(_entry("points.request_adjustment", adjustment))
            else:
                await self._apply(tx, locked, adjustment)
            return adjustment

        request = [str(membership.member_id), str(membership.programme_id), points, because]
        return await self._once(actor, now, Keyed("points.adjust", key, request), work)

    async def approve(self, actor: Actor, now: datetime, adjustment_id: AdjustmentId, *, key: str) -> Adjustment:
        """Apply an adjustment that waits, as somebody other than who requested it.

        Raises UnknownAdjustment, OwnAdjustment, AdjustmentDecided, NotEnoughPoints.
        """

        async def work(tx: Transaction) -> Adjustment:
            locked, adjustment = await _decide(tx, adjustment_id, AdjustmentState.APPLIED, None)
            await self._apply(tx, locked, adjustment)
            return adjustment

        return await self._once(actor, now, Keyed("points.approve", key, [str(adjustment_id)]), work)

    async def reject(
        self, actor: Actor, now: datetime, adjustment_id: AdjustmentId, *, reason: str, key: str
    ) -> Adjustment:
        """Decline an adjustment that waits, as somebody other than who requested it; nothing is moved.

        Raises UnknownAdjustment, OwnAdjustment, AdjustmentDecided, ReasonMissing, PaymentCardNumber.
        """
        because = _readable(reason)

        async def work(tx: Transaction) -> Adjustment:
            _, adjustment = await _decide(tx, adjustment_id, AdjustmentState.REJECTED, because)
            tx.emit(events.adjustment_rejected(adjustment))
            tx.audit(_entry("points.reject_adjustment", adjustment))
            return adjustment

        return await self._once(actor, now, Keyed("points.reject", key, [str(adjustment_id), because]), work)

    async def _apply(self, tx: Transaction, locked: Membership, adjustment: Adjustment) -> None:
        """Post an adjustment to the membership that is locked."""
        directory = await self.directory.directory(tx.now)
        home_store = directory.store(locked.home_store_id)
        terms = terms_at(directory.programme(locked.key.programme_id), tx.now)
        earned_on = business_date(home_store, tx.now)
        account = await store.get_account(tx.conn, locked.key, tx.now)
        taken = max(0, -adjustment.points)
        posting = ledger.decide_adjustment(
            adjustment,
            account,
            await store.list_lots_to_take(tx.conn, locked.key, taken, tx.now) if taken else (),
            revision=str(terms.revision),
            earned_on=earned_on,
            expires_at=rules.expires_at(terms.terms, home_store, earned_on),
            now=tx.now,
            new_id=self.new_id,
        )
        await store.insert_posting(tx.conn, posting, tx.now)
        tx.emit(events.points_adjusted(adjustment))
        after = posting.account_changes[0].after
        tx.audit(_entry("points.adjust", adjustment, balances=(account.balance, after.balance)))

    async def _second_person_from(self, membership: Membership, now: datetime) -> int:
        programme = (await self.directory.directory(now)).programme(membership.key.programme_id)
        return terms_at(programme, now).terms.second_person_from_points

    async def _once(self, actor: Actor, now: datetime, keyed: Keyed, work: Work) -> Adjustment:
        return await once(self.database, actor, now, keyed, work=work, facts=_facts, restore=_restore)


async def _decide(
    tx: Transaction, adjustment_id: AdjustmentId, state: AdjustmentState, reason: str | None
) -> tuple[Membership, Adjustment]:
    """The member's membership, locked, and the adjustment as decided by this actor."""
    found = await store.find_adjustment(tx.conn, adjustment_id)
    if found is None or tx.actor.programme_id not in (None, found.membership.programme_id):
        raise UnknownAdjustment
    if found.requested_by == tx.actor.subject:
        raise OwnAdjustment
    locked = await lock_membership(tx.conn, found.membership)
    # Read again: whoever held the lock may have decided, or merged the member.
    current = await store.get_adjustment(tx.conn, adjustment_id)
    if state not in TRANSITIONS[current.state]:
        raise AdjustmentDecided(current.state.value)
    decided = replace(current, state=state, decided_by=tx.actor.subject, decided_at=tx.now, decision_reason=reason)
    await store.update_adjustment(tx.conn, decided)
    return locked, decided


def _readable(reason: str) -> str:
    stripped = reason.strip()
    if not 1 <= len(stripped) <= MOST_REASON_CHARACTERS:
        raise ReasonMissing(MOST_REASON_CHARACTERS)
    refuse_payment_card_numbers(stripped)
    return stripped


def _entry(action: str, adjustment: Adjustment, *, balances: tuple[int, int] | None = None) -> AuditEntry:
    """For the audit trail. Reasons stay out of it: staff may type a name into one, and the trail never forgets."""
    before: dict[str, Fact] = {}
    after: dict[str, Fact] = {"state": adjustment.state.value, "points": adjustment.points}
    if balances is not None:
        before["balance"], after["balance"] = balances
    return AuditEntry(
        action=action,
        subject_kind="adjustment",
        subject_id=str(adjustment.adjustment_id),
        member_id=adjustment.membership.member_id,
        programme_id=adjustment.membership.programme_id,
        before=before or None,
        after=after,
    )


def _facts(adjustment: Adjustment) -> Json:
    return {"adjustment_id": str(adjustment.adjustment_id), "state": adjustment.state.value}


async def _restore(conn: Conn, facts: Json) -> Adjustment:
    """The adjustment as it was answered then, though it may have been decided since."""
    adjustment = await store.get_adjustment(conn, AdjustmentId(UUID(str(facts["adjustment_id"]))))
    state = AdjustmentState(str(facts["state"]))
    if state is adjustment.state:
        return adjustment
    return replace(adjustment, state=state, decided_by=None, decided_at=None, decision_reason=None)
