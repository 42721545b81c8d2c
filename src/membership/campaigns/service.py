"""Use cases of planners and approvers: from a draft to a campaign that is closed."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from membership.campaigns import events, store
from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import CampaignContent
from membership.campaigns.errors import (
    CampaignCodeTaken,
    CampaignStateForbids,
    DraftChangedMeanwhile,
    FrozenRevision,
    StepReasonMissing,
    UnknownCampaign,
    UnknownRevision,
    UnreadableDocument,
)
from membership.campaigns.model import CampaignId, CampaignState, ResolvedCalendar, RevisionId
from membership.campaigns.records import Campaign, Revision, RevisionStatus
from membership.campaigns.rules.states import (
    IN_FORCE,
    Step,
    allowed_steps,
    next_state,
    next_status,
    refuse_own_approval,
)
from membership.campaigns.scheduling import Hooks, Scheduler
from membership.kernel.actor import Actor
from membership.kernel.errors import Fact
from membership.kernel.ids import NewId
from membership.kernel.payment_cards import refuse_payment_card_numbers
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.errors import UnknownProgramme
from membership.stores.model import ProgrammeId, StoreId
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache

MOST_REASON_CHARACTERS = 500
_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Worked:
    """A campaign after a step, and the revision that the step was about, if it was about one."""

    campaign: Campaign
    revision: Revision | None


Work: TypeAlias = Callable[[Transaction], Awaitable[Worked]]


class Campaigns:
    """Under an idempotency key each. Callers reach the campaigns of their token's programme (admin: of all).

    Locks: the campaign's row first, then (to schedule) its programme's schedule, then what the hooks lock.
    """

    def __init__(
        self,
        database: Database,
        directory: DirectoryCache,
        ladders: LadderCache,
        *,
        cache: CampaignCache,
        new_id: NewId,
        hooks: Hooks | None = None,
    ) -> None:
        self._database = database
        self._cache = cache
        self._new_id = new_id
        self._directory = directory
        self.scheduler = Scheduler(directory, ladders, cache, hooks or Hooks())

    async def create(
        self,
        actor: Actor,
        now: datetime,
        programme_id: ProgrammeId,
        *,
        code: str,
        content: CampaignContent,
        key: str,
    ) -> Worked:
        """A campaign with its first draft. Raises UnknownProgramme, CampaignCodeTaken, UnreadableDocument (code)."""
        if not _CODE.fullmatch(code):
            raise UnreadableDocument("code", "a code has 1 to 40 capital letters, digits, hyphens and underscores")

        async def work(tx: Transaction) -> Worked:
            if actor.programme_id not in (None, programme_id):
                raise UnknownProgramme(str(programme_id))
            campaign = Campaign(
                campaign_id=CampaignId(self._new_id()),
                programme_id=programme_id,
                code=code,
                state=CampaignState.DRAFT,
                opens_at=None,
                closes_at=None,
                created_by=actor.subject,
                created_at=now,
            )
            if not await store.insert_campaign(tx.conn, campaign):
                raise CampaignCodeTaken(code)
            await store.update_state(
                tx.conn, campaign.campaign_id, campaign.state, from_state=None, actor=actor, reason=None, now=now
            )
            revision = self._draft(campaign, 1, content, by=actor, now=now)
            await store.insert_revision(tx.conn, revision)
            tx.emit(events.created(campaign))
            tx.audit(_entry("campaigns.create", campaign, revision))
            return Worked(campaign, revision)

        request = [str(programme_id), code, content.model_dump(mode="json")]
        return await self._once(actor, now, Keyed("campaigns.create", key, request), work)

    async def edit(
        self,
        actor: Actor,
        now: datetime,
        revision_id: RevisionId,
        *,
        content: CampaignContent,
        expected_version: int,
        key: str,
    ) -> Worked:
        """Other content for a draft. Raises UnknownRevision, FrozenRevision, CampaignStateForbids (it is in review:
        send it back first), DraftChangedMeanwhile."""

        async def work(tx: Transaction) -> Worked:
            campaign, revision = await self._lock_revision(tx, revision_id)
            if not revision.is_open:
                raise FrozenRevision(revision.number)
            if revision.status is not RevisionStatus.DRAFT:
                raise CampaignStateForbids("EDIT", revision.status.value, [Step.SEND_BACK.value])
            if revision.version != expected_version:
                raise DraftChangedMeanwhile(expected_version, revision.version)
            edited = replace(
                revision,
                version=revision.version + 1,
                content=content,
                edited_by=revision.edited_by | {actor.subject},
            )
            await store.update_revision(tx.conn, edited)
            tx.audit(_entry("campaigns.edit", campaign, edited))
            return Worked(campaign, edited)

        request = [str(revision_id), expected_version, content.model_dump(mode="json")]
        return await self._once(actor, now, Keyed("campaigns.edit", key, request), work)

    async def revise(
        self, actor: Actor, now: datetime, campaign_id: CampaignId, *, content: CampaignContent, key: str
    ) -> Worked:
        """A further draft of a campaign in force; what is in force stays so until the draft is approved.

        Raises UnknownCampaign, CampaignStateForbids (it has a draft, or is not in force), CampaignHasEnded.
        """

        async def work(tx: Transaction) -> Worked:
            campaign = await self._lock(tx, campaign_id)
            revisions = await self._revisions(tx, campaign)
            if any(revision.is_open for revision in revisions):
                raise CampaignStateForbids(Step.REVISE.value, campaign.state.value, ["EDIT", *_with_revision(campaign)])
            next_state(campaign, Step.REVISE, now, zone=await self.scheduler.zone_of(tx, campaign))
            revision = self._draft(campaign, revisions[-1].number + 1, content, by=actor, now=now)
            await store.insert_revision(tx.conn, revision)
            tx.emit(events.stepped(campaign, Step.REVISE, campaign.state, revision))
            tx.audit(_entry("campaigns.revise", campaign, revision))
            return Worked(campaign, revision)

        request = [str(campaign_id), content.model_dump(mode="json")]
        return await self._once(actor, now, Keyed("campaigns.revise", key, request), work)

    async def check(self, actor: Actor, now: datetime, campaign_id: CampaignId) -> dict[StoreId, ResolvedCalendar]:
        """The resolved calendars of the open revision, which stays as it is. Raises UnknownCampaign, UnknownRevision
        (none is open) and what `submit` would refuse of the content."""
        async with self._database.engine(actor, now) as tx:
            campaign = await self._lock(tx, campaign_id)
            revision = next((entry for entry in await self._revisions(tx, campaign) if entry.is_open), None)
            if revision is None:
                raise UnknownRevision
            return await self.scheduler.check(tx, campaign, revision.content)

    async def submit(self, actor: Actor, now: datetime, campaign_id: CampaignId, *, key: str) -> Worked:
        """The draft goes to review and is frozen there. Raises UnknownCampaign, CampaignStateForbids, CampaignHasEnded,
        and whatever is wrong with the content (Scheduler.check)."""

        async def change(tx: Transaction, campaign: Campaign, revision: Revision) -> Revision:
            await self.scheduler.check(tx, campaign, revision.content)
            return replace(
                revision,
                status=next_status(revision, Step.SUBMIT),
                edited_by=revision.edited_by | {actor.subject},
                submitted_by=actor.subject,
                submitted_at=now,
            )

        return await self._revision_step(actor, now, campaign_id, step=Step.SUBMIT, key=key, change=change)

    async def send_back(self, actor: Actor, now: datetime, campaign_id: CampaignId, *, reason: str, key: str) -> Worked:
        """What is in review becomes a draft again. Raises UnknownCampaign, CampaignStateForbids, StepReasonMissing."""

        async def change(_tx: Transaction, _campaign: Campaign, revision: Revision) -> Revision:
            return replace(revision, status=next_status(revision, Step.SEND_BACK), submitted_by=None, submitted_at=None)

        because = _readable(reason)
        return await self._revision_step(
            actor, now, campaign_id, step=Step.SEND_BACK, key=key, change=change, reason=because
        )

    async def approve(self, actor: Actor, now: datetime, campaign_id: CampaignId, *, key: str) -> Worked:
        """What is in review comes into force, at once, in place of what was.

        Raises UnknownCampaign, CampaignStateForbids, OwnApproval, CampaignHasEnded, whatever is wrong with the content
        by now, and what the hooks refuse, such as StockBelowConfirmed.
        """

        async def change(tx: Transaction, campaign: Campaign, revision: Revision) -> Revision:
            next_status(revision, Step.APPROVE)
            refuse_own_approval(revision, actor.subject)
            return await self.scheduler.schedule(tx, campaign, revision)

        worked = await self._revision_step(actor, now, campaign_id, step=Step.APPROVE, key=key, change=change)
        await self._cache.reload(now)
        return worked

    async def pause(self, actor: Actor, now: datetime, campaign_id: CampaignId, *, reason: str, key: str) -> Worked:
        """Nothing is issued any more; what members hold stays good (law C5)."""
        return await self._campaign_step(actor, now, campaign_id, step=Step.PAUSE, key=key, reason=_readable(reason))

    async def resume(self, actor: Actor, now: datetime, campaign_id: CampaignId, *, key: str) -> Worked:
        return await self._campaign_step(actor, now, campaign_id, step=Step.RESUME, key=key)

    async def end_early(self, actor: Actor, now: datetime, campaign_id: CampaignId, *, reason: str, key: str) -> Worked:
        """As if its last store had closed now. Raises CampaignNotOpened before its opening."""
        because = _readable(reason)
        return await self._campaign_step(actor, now, campaign_id, step=Step.END_EARLY, key=key, reason=because)

    async def cancel(self, actor: Actor, now: datetime, campaign_id: CampaignId, *, reason: str, key: str) -> Worked:
        """It never takes place. Raises CampaignHasOpened after its opening."""
        return await self._campaign_step(actor, now, campaign_id, step=Step.CANCEL, key=key, reason=_readable(reason))

    async def settle(self, actor: Actor, now: datetime, campaign_id: CampaignId, *, key: str) -> Worked:
        """After the end: who pays how much is settled. Raises CampaignNotEnded."""
        return await self._campaign_step(actor, now, campaign_id, step=Step.SETTLE, key=key)

    async def close(self, actor: Actor, now: datetime, campaign_id: CampaignId, *, key: str) -> Worked:
        return await self._campaign_step(actor, now, campaign_id, step=Step.CLOSE, key=key)

    async def _revision_step(
        self,
        actor: Actor,
        now: datetime,
        campaign_id: CampaignId,
        *,
        step: Step,
        key: str,
        change: Callable[[Transaction, Campaign, Revision], Awaitable[Revision]],
        reason: str | None = None,
    ) -> Worked:
        async def work(tx: Transaction) -> Worked:
            campaign = await self._lock(tx, campaign_id)
            later = campaign.state in IN_FORCE
            zone = await self.scheduler.zone_of(tx, campaign)
            to_state = next_state(campaign, Step.REVISE if later else step, now, zone=zone)
            revision = next((entry for entry in await self._revisions(tx, campaign) if entry.is_open), None)
            if revision is None:
                raise CampaignStateForbids(step.value, campaign.state.value, allowed_steps(campaign.state))
            changed = await change(tx, campaign, revision)
            if step is not Step.APPROVE:
                await store.update_revision(tx.conn, changed)
            return await self._written(tx, campaign, to_state, step=step, revision=changed, reason=reason)

        request = [str(campaign_id), reason]
        return await self._once(actor, now, Keyed(f"campaigns.{step.value.lower()}", key, request), work)

    async def _campaign_step(
        self, actor: Actor, now: datetime, campaign_id: CampaignId, *, step: Step, key: str, reason: str | None = None
    ) -> Worked:
        async def work(tx: Transaction) -> Worked:
            campaign = await self._lock(tx, campaign_id)
            to_state = next_state(campaign, step, now, zone=await self.scheduler.zone_of(tx, campaign))
            if step in (Step.CANCEL, Step.END_EARLY, Step.SETTLE):
                await self._discard_open(tx, campaign)
            await self.scheduler.tell(tx, campaign, to_state)
            return await self._written(tx, campaign, to_state, step=step, revision=None, reason=reason)

        request = [str(campaign_id), reason]
        worked = await self._once(actor, now, Keyed(f"campaigns.{step.value.lower()}", key, request), work)
        await self._cache.reload(now)
        return worked

    async def _written(
        self,
        tx: Transaction,
        campaign: Campaign,
        to_state: CampaignState,
        *,
        step: Step,
        revision: Revision | None,
        reason: str | None,
    ) -> Worked:
        if to_state is not campaign.state:
            await store.update_state(
                tx.conn,
                campaign.campaign_id,
                to_state,
                from_state=campaign.state,
                actor=tx.actor,
                reason=reason,
                now=tx.now,
            )
        moved = await store.find_campaign(tx.conn, campaign.campaign_id)
        if moved is None:
            raise LookupError("a locked campaign is there")
        tx.emit(events.stepped(campaign, step, to_state, revision))
        tx.audit(_entry(f"campaigns.{step.value.lower()}", moved, revision, before=campaign.state))
        return Worked(moved, revision)

    async def _discard_open(self, tx: Transaction, campaign: Campaign) -> None:
        for revision in await self._revisions(tx, campaign):
            if revision.is_open:
                discarded = replace(revision, status=next_status(revision, Step.CANCEL))
                await store.update_revision(tx.conn, discarded)

    async def _lock(self, tx: Transaction, campaign_id: CampaignId) -> Campaign:
        campaign = await store.lock_campaign(tx.conn, campaign_id)
        if campaign is None or tx.actor.programme_id not in (None, campaign.programme_id):
            raise UnknownCampaign
        return campaign

    async def _lock_revision(self, tx: Transaction, revision_id: RevisionId) -> tuple[Campaign, Revision]:
        found = await store.find_revision(tx.conn, revision_id)
        if found is None:
            raise UnknownRevision
        try:
            campaign = await self._lock(tx, found.campaign_id)
        except UnknownCampaign:
            raise UnknownRevision from None
        # Read again: whoever held the lock may have changed it.
        current = await store.find_revision(tx.conn, revision_id)
        return campaign, current or found

    async def _revisions(self, tx: Transaction, campaign: Campaign) -> tuple[Revision, ...]:
        return (await store.list_revisions(tx.conn, [campaign.campaign_id]))[campaign.campaign_id]

    def _draft(
        self, campaign: Campaign, number: int, content: CampaignContent, *, by: Actor, now: datetime
    ) -> Revision:
        return Revision(
            revision_id=RevisionId(self._new_id()),
            campaign_id=campaign.campaign_id,
            number=number,
            status=RevisionStatus.DRAFT,
            version=1,
            content=content,
            created_by=by.subject,
            created_at=now,
            edited_by=frozenset({by.subject}),
        )

    async def _once(self, actor: Actor, now: datetime, keyed: Keyed, work: Work) -> Worked:
        return await once(self._database, actor, now, keyed, work=work, facts=_facts, restore=_restore)


def _with_revision(campaign: Campaign) -> list[str]:
    return [step for step in allowed_steps(campaign.state) if step != Step.REVISE]


def _readable(reason: str) -> str:
    stripped = reason.strip()
    if not 1 <= len(stripped) <= MOST_REASON_CHARACTERS:
        raise StepReasonMissing(MOST_REASON_CHARACTERS)
    refuse_payment_card_numbers(stripped)
    return stripped


def _entry(
    action: str, campaign: Campaign, revision: Revision | None, *, before: CampaignState | None = None
) -> AuditEntry:
    after: dict[str, Fact] = {"code": campaign.code, "state": campaign.state.value}
    if revision is not None:
        after |= {"number": revision.number, "status": revision.status.value, "version": revision.version}
    return AuditEntry(
        action=action,
        subject_kind="campaign",
        subject_id=str(campaign.campaign_id),
        programme_id=campaign.programme_id,
        before=None if before is None else {"state": before.value},
        after=after,
    )


def _facts(worked: Worked) -> Json:
    facts: Json = {"campaign_id": str(worked.campaign.campaign_id), "state": worked.campaign.state.value}
    if worked.revision is not None:
        facts |= {
            "revision_id": str(worked.revision.revision_id),
            "status": worked.revision.status.value,
            "version": worked.revision.version,
        }
    return facts


async def _restore(conn: Conn, facts: Json) -> Worked:
    """As it was answered then, though more may have happened since; content is that of now."""
    campaign = await store.find_campaign(conn, CampaignId(UUID(str(facts["campaign_id"]))))
    if campaign is None:
        raise LookupError("campaigns are never deleted")
    campaign = replace(campaign, state=CampaignState(str(facts["state"])))
    if "revision_id" not in facts:
        return Worked(campaign, None)
    revision = await store.find_revision(conn, RevisionId(UUID(str(facts["revision_id"]))))
    if revision is None:
        raise LookupError("revisions are never deleted")
    status, version = RevisionStatus(str(facts["status"])), int(str(facts["version"]))
    return Worked(campaign, replace(revision, status=status, version=version))
