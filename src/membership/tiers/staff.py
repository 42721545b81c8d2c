"""What member services do to a tier by hand, each with its entry in the audit trail."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from membership.kernel.ids import NewId, new_id
from membership.members.model import MemberId, MembershipKey
from membership.members.service import lock_membership
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.model import ProgrammeId
from membership.tiers import store
from membership.tiers.errors import TierGivenToday, UnknownTierGrant
from membership.tiers.model import Grant, GrantId, HandReason, LadderRevision, Rescission, Source
from membership.tiers.rules.by_hand import check_hand_grant
from membership.tiers.rules.change import StandingChange, decide_change
from membership.tiers.rules.periods import history_starts_on
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.rules.standing import Facts, settled
from membership.tiers.service import write_change
from membership.tiers.store import MemberFacts


async def grant_by_hand(
    tx: Transaction,
    membership: MembershipKey,
    ladders: Sequence[LadderRevision],
    *,
    tier: str,
    ends_on: date,
    reason: HandReason,
    today: date,
    new_id: NewId = new_id,
) -> tuple[Grant, StandingChange]:
    """Give a tier from today until before `ends_on`. Locks the member.

    Raises UnknownMember, UnknownTier, TierNotGivenByHand, TierTermOutOfRange, TierAlreadyHeld, TierGivenToday.
    """
    key = (await lock_membership(tx.conn, membership)).key
    member, facts = await _load(tx, key, ladders, today)
    entry = ladder_at(ladders, today)
    check_hand_grant(entry.ladder, settled(member.records.standing, today), tier=tier, ends_on=ends_on, today=today)
    if any((old.tier, old.criterion, old.qualified_on) == (tier, reason, today) for old in member.records.grants):
        raise TierGivenToday(tier, reason)
    grant = Grant(
        grant_id=GrantId(new_id()),
        tier=tier,
        source=Source.MANUAL,
        criterion=reason,
        qualified_on=today,
        starts_on=today,
        ends_on=ends_on,
        ladder_revision=entry.revision,
    )
    change = decide_change(replace(facts, grants=(*facts.grants, grant)), member.records, today)
    await write_change(
        tx,
        key,
        ladders,
        change,
        records=member.records,
        today=today,
        given=[grant],
        cause=grant.grant_id,
        new_id=new_id,
    )
    _audit(tx, "tiers.grant", key, grant, change)
    return grant, change


async def end_hand_grant(
    tx: Transaction,
    programme_id: ProgrammeId,
    ladders: Sequence[LadderRevision],
    *,
    grant_id: GrantId,
    today: date,
    new_id: NewId = new_id,
) -> StandingChange:
    """Take a grant by hand back: the member stands at once as if it had never been given. Locks the member.

    Raises UnknownTierGrant.
    """
    member_id = await store.find_owner_of_hand_grant(tx.conn, programme_id, grant_id)
    if member_id is None:
        raise UnknownTierGrant
    key = (await lock_membership(tx.conn, MembershipKey(MemberId(member_id), programme_id))).key
    member, facts = await _load(tx, key, ladders, today)
    grant = next((entry for entry in facts.grants if entry.grant_id == grant_id), None)
    if grant is None:
        raise UnknownTierGrant
    left = tuple(entry for entry in facts.grants if entry.grant_id != grant_id)
    change = decide_change(replace(facts, grants=left), member.records, today)
    await write_change(
        tx,
        key,
        ladders,
        change,
        records=member.records,
        today=today,
        taken=[(grant, Rescission.BY_HAND)],
        cause=grant_id,
        new_id=new_id,
    )
    _audit(tx, "tiers.end_grant", key, grant, change)
    return change


async def _load(
    tx: Transaction, key: MembershipKey, ladders: Sequence[LadderRevision], today: date
) -> tuple[MemberFacts, Facts]:
    days_from = history_starts_on(ladders, today)
    [member] = await store.list_facts(
        tx.conn, key.programme_id, [key.member_id], ladders=ladders, days_from=days_from, today=today
    )
    records = member.records
    return member, Facts(tuple(ladders), member.days, records.grants, records.step_downs, days_from)


def _audit(tx: Transaction, action: str, key: MembershipKey, grant: Grant, change: StandingChange) -> None:
    tx.audit(
        AuditEntry(
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
    )
