"""What member services do to a tier by hand, each with its entry in the audit trail."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from membership.kernel.actor import Actor
from membership.kernel.ids import NewId
from membership.members.errors import UnknownMember
from membership.members.model import Membership, MembershipKey
from membership.members.service import lock_membership
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.rules import business_date
from membership.stores.service import DirectoryCache
from membership.tiers import store
from membership.tiers.errors import TierGivenToday, UnknownTierGrant
from membership.tiers.model import (
    Grant,
    GrantId,
    HandReason,
    LadderRevision,
    RecordedGrant,
    Rescission,
    Source,
    TierRecords,
)
from membership.tiers.rules.by_hand import check_hand_grant
from membership.tiers.rules.change import StandingChange, decide_change
from membership.tiers.rules.periods import history_starts_on
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.rules.standing import Facts, settled
from membership.tiers.service import LadderCache, write_change


@dataclass(frozen=True, slots=True)
class _Place:
    """A member whose lock is held, with all that a change by hand is decided upon."""

    key: MembershipKey
    ladders: Sequence[LadderRevision]
    today: date
    records: TierRecords
    facts: Facts

    @property
    def entry(self) -> LadderRevision:
        return ladder_at(self.ladders, self.today)


@dataclass(frozen=True, slots=True)
class HandGrants:
    """Use cases under an idempotency key. Staff reach the members of their token's programme."""

    database: Database
    directory: DirectoryCache
    ladders: LadderCache
    new_id: NewId

    async def give(
        self,
        actor: Actor,
        now: datetime,
        membership: MembershipKey,
        *,
        tier: str,
        ends_on: date,
        reason: HandReason,
        key: str,
    ) -> RecordedGrant:
        """A tier from today until before `ends_on`.

        Raises UnknownMember, UnknownTier, TierNotGivenByHand, TierTermOutOfRange, TierAlreadyHeld, TierGivenToday.
        """

        async def work(tx: Transaction) -> GrantId:
            if actor.programme_id not in (None, membership.programme_id):
                raise UnknownMember
            place = await self._enter(tx, await lock_membership(tx.conn, membership))
            return (await self._give(tx, place, tier=tier, ends_on=ends_on, reason=reason)).grant_id

        request = [str(membership.member_id), str(membership.programme_id), tier, ends_on.isoformat(), reason.value]
        return await self._once(actor, now, Keyed("tiers.grant", key, request), work)

    async def take_back(self, actor: Actor, now: datetime, grant_id: GrantId, *, key: str) -> RecordedGrant:
        """End a grant by hand: the member stands at once as if it had never been given. Raises UnknownTierGrant."""

        async def work(tx: Transaction) -> GrantId:
            found = (await store.list_grants_by_id(tx.conn, [grant_id])).get(grant_id)
            if found is None or actor.programme_id not in (None, found.membership.programme_id):
                raise UnknownTierGrant
            place = await self._enter(tx, await lock_membership(tx.conn, found.membership))
            await self._take_back(tx, place, grant_id)
            return grant_id

        return await self._once(actor, now, Keyed("tiers.end_grant", key, [str(grant_id)]), work)

    async def _give(self, tx: Transaction, place: _Place, *, tier: str, ends_on: date, reason: HandReason) -> Grant:
        today, standing = place.today, settled(place.records.standing, place.today)
        check_hand_grant(place.entry.ladder, standing, tier=tier, ends_on=ends_on, today=today)
        if any((old.tier, old.criterion, old.qualified_on) == (tier, reason, today) for old in place.records.grants):
            raise TierGivenToday(tier, reason)
        grant = Grant(
            grant_id=GrantId(self.new_id()),
            tier=tier,
            source=Source.MANUAL,
            criterion=reason.value,
            qualified_on=today,
            starts_on=today,
            ends_on=ends_on,
            ladder_revision=place.entry.revision,
        )
        facts = replace(place.facts, grants=(*place.facts.grants, grant))
        await self._write(tx, place, facts, "tiers.grant", grant, given=[grant])
        return grant

    async def _take_back(self, tx: Transaction, place: _Place, grant_id: GrantId) -> None:
        # Read again under the lock: whoever held it may have taken the grant back, or merged the member.
        live = {entry.grant_id: entry for entry in place.facts.grants if entry.source is Source.MANUAL}
        grant = live.get(grant_id)
        if grant is None:
            raise UnknownTierGrant
        left = tuple(entry for entry in place.facts.grants if entry.grant_id != grant_id)
        facts = replace(place.facts, grants=left)
        await self._write(tx, place, facts, "tiers.end_grant", grant, taken=[(grant, Rescission.BY_HAND)])

    async def _write(
        self,
        tx: Transaction,
        place: _Place,
        facts: Facts,
        action: str,
        grant: Grant,
        *,
        given: Sequence[Grant] = (),
        taken: Sequence[tuple[Grant, Rescission]] = (),
    ) -> None:
        change = decide_change(facts, place.records, place.today)
        await write_change(
            tx,
            place.key,
            place.ladders,
            change,
            records=place.records,
            today=place.today,
            given=given,
            taken=taken,
            cause=grant.grant_id,
            new_id=self.new_id,
        )
        tx.audit(_entry(action, place.key, grant, change))

    async def _enter(self, tx: Transaction, locked: Membership) -> _Place:
        home_store = (await self.directory.directory(tx.now)).store(locked.home_store_id)
        ladders = await self.ladders.ladders(locked.key.programme_id, tx.now)
        today = business_date(home_store, tx.now)
        days_from = history_starts_on(ladders, today)
        [member] = await store.list_facts(
            tx.conn,
            locked.key.programme_id,
            [locked.key.member_id],
            ladders=ladders,
            days_from=days_from,
            today=today,
        )
        records = member.records
        facts = Facts(ladders, member.days, records.grants, records.step_downs, days_from)
        return _Place(locked.key, ladders, today, records, facts)

    async def _once(
        self, actor: Actor, now: datetime, keyed: Keyed, work: Callable[[Transaction], Awaitable[GrantId]]
    ) -> RecordedGrant:
        """A repeat is answered with the grant as it is by then."""

        async def work_and_read(tx: Transaction) -> RecordedGrant:
            return await _read(tx.conn, await work(tx))

        return await once(self.database, actor, now, keyed, work=work_and_read, facts=_facts, restore=_restore)


async def _read(conn: Conn, grant_id: GrantId) -> RecordedGrant:
    return (await store.list_grants_by_id(conn, [grant_id]))[grant_id]


def _facts(recorded: RecordedGrant) -> Json:
    return {"grant_id": str(recorded.grant.grant_id)}


async def _restore(conn: Conn, facts: Json) -> RecordedGrant:
    return await _read(conn, GrantId(UUID(str(facts["grant_id"]))))


def _entry(action: str, key: MembershipKey, grant: Grant, change: StandingChange) -> AuditEntry:
    return AuditEntry(
        action=action,
        subject_kind="tier_grant",
        subject_id=str(grant.grant_id),
        member_id=key.member_id,
        programme_id=key.programme_id,
        before={"tier": change.before.hold.tier},
        after={
            "tier": change.after.hold.tier,
            "granted_tier": grant.tier,
            "reason": grant.criterion,
            "ends_on": grant.ends_on.isoformat(),
        },
    )
