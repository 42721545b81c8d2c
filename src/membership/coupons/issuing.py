"""What schedules and states of campaigns do to offers, and coupons for everybody who is eligible.

An offer "to all" is issued in runs: by member id, some thousands in a transaction, so that it can stop and go on
anywhere. Whoever becomes eligible later gets it in the transaction that makes them so (`issue_newly_eligible`). The
unique key of member, offer and ordinal makes all of that safe to repeat and to run at once. A run passes again a minute
later, for whom a transaction that had not ended made eligible, or a process that did not know the offer yet; and then
on every business day, for tiers that begin by the clock.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from membership.campaigns.content import CouponOffer
from membership.campaigns.model import CampaignRevision, CampaignState
from membership.campaigns.scheduling import Hooks
from membership.coupons import rules, store
from membership.coupons.context import IssueWorkings, said_by, said_of
from membership.coupons.drops import Drops
from membership.coupons.errors import QuotaOnOfferToAll
from membership.coupons.model import Channel, Offer, OfferId, OfferState, Validity
from membership.kernel.actor import Actor
from membership.kernel.ids import NewId
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction
from membership.stores.model import ProgrammeId
from membership.stores.service import DirectoryCache
from membership.tiers.model import LadderRevision
from membership.tiers.rules.qualification import ladder_at

BATCH = 10_000


# ---- campaigns that move


def campaign_hooks(directory: DirectoryCache, new_id: NewId, drops: Drops | None = None) -> Hooks:
    """What coupons do in the transaction that moves a campaign. Without `drops`, PostgreSQL counts quotas alone."""

    async def on_schedule(tx: Transaction, revision: CampaignRevision, _before: CampaignRevision | None) -> None:
        await put_in_force(tx, directory, revision, new_id, drops)

    return Hooks(on_schedule=(on_schedule,), on_state_change=(on_state_change,))


async def count_members(database: Database, actor: Actor, now: datetime) -> int:
    """How many members a pass of the caller's programme looks at: a sum, which tells of nobody. Planners may not read
    members; zero for a token without a programme."""
    if actor.programme_id is None:
        return 0
    async with database.engine(actor, now) as tx:
        return await store.count_memberships(tx.conn, ProgrammeId(actor.programme_id))


async def put_in_force(
    tx: Transaction,
    directory: DirectoryCache,
    revision: CampaignRevision,
    new_id: NewId,
    drops: Drops | None = None,
) -> None:
    """The offers of a revision, runs of those that everybody gets, stock of those that are contested.

    Raises QuotaOnOfferToAll, QuotaBelowIssued, QuotaFrozen, StockBelowConfirmed.
    """
    known = await directory.directory(tx.now)
    said = {rule.code: said_by(known, revision, rule.code) for rule in revision.content.rules_of(CouponOffer)}
    there_are = await store.list_offers_of_campaign(tx.conn, revision.code, revision.programme_id)
    before = {offer.code: offer for offer in there_are}
    offers = [_offer(entry, OfferId(new_id())) for entry in said.values()]
    ids = await store.write_offers(tx.conn, revision, offers, tx.now)
    if drops is not None:
        for offer in offers:
            written = replace(offer, offer_id=ids[offer.code])
            await drops.open(tx, written, said[offer.code], before.get(offer.code))
    to_all = [ids[offer.code] for offer in offers if offer.channel is Channel.TO_ALL]
    if to_all:
        await store.start_issue_runs(tx.conn, to_all, tx.now)


async def on_state_change(
    tx: Transaction, revision: CampaignRevision, _from_state: CampaignState, to_state: CampaignState
) -> None:
    """A paused or ended campaign issues nothing; coupons stay as they are (law C5), but for a campaign that never
    opens: what was issued for it is withdrawn."""
    campaign_id = revision.campaign_id
    match to_state:
        case CampaignState.PAUSED:
            await store.set_offer_states(tx.conn, campaign_id, OfferState.PAUSED, tx.now, instead_of=[OfferState.OPEN])
        case CampaignState.SCHEDULED:
            await store.set_offer_states(tx.conn, campaign_id, OfferState.OPEN, tx.now, instead_of=[OfferState.PAUSED])
            # Whoever became eligible meanwhile was issued nothing.
            await _run_again(tx, revision, OfferState.OPEN)
        case CampaignState.CANCELLED:
            # Also those that an earlier revision had and the last one left out.
            known = [OfferState.OPEN, OfferState.PAUSED, OfferState.ENDED]
            await store.set_offer_states(tx.conn, campaign_id, OfferState.CANCELLED, tx.now, instead_of=known)
            await _run_again(tx, revision, OfferState.CANCELLED)
        case _:
            issuing = [OfferState.OPEN, OfferState.PAUSED]
            await store.set_offer_states(tx.conn, campaign_id, OfferState.ENDED, tx.now, instead_of=issuing)


async def _run_again(tx: Transaction, revision: CampaignRevision, state: OfferState) -> None:
    offers = await store.list_offers_of_campaign(tx.conn, revision.code, revision.programme_id)
    to_all = [offer.offer_id for offer in offers if offer.channel is Channel.TO_ALL and offer.state is state]
    if to_all:
        await store.start_issue_runs(tx.conn, to_all, tx.now)


def _offer(said: rules.Said, offer_id: OfferId) -> Offer:
    rule, revision = said.offer, said.revision
    channel = rules.channel_of(rule)
    if channel is Channel.TO_ALL and (rule.quota or rule.quota_per_day):
        raise QuotaOnOfferToAll(rule.code)
    return Offer(
        offer_id=offer_id,
        programme_id=revision.programme_id,
        campaign_id=revision.campaign_id,
        campaign_code=revision.code,
        code=rule.code,
        revision_id=revision.revision_id,
        channel=channel,
        state=OfferState.OPEN,
        quota=rule.quota,
        quota_per_day=rule.quota_per_day,
        member_limit=rule.limit_per_member,
        issued=0,
        opens_at=min(calendar.first_opens_at for _, calendar in said.calendars),
        closes_at=max(calendar.closes_at for _, calendar in said.calendars),
    )


# ---- to everybody, in runs


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step of a run did. `ended`: the pass is over."""

    looked_at: int
    issued: int
    ended: bool


async def step(workings: IssueWorkings, tx: Transaction, offer: Offer, *, size: int = BATCH) -> Stepped | None:
    """The next step of an offer's run. None: somebody else takes one. A paused or ended offer has nothing to do."""
    run = await store.lock_issue_run(tx.conn, offer.offer_id)
    if run is None:
        return None
    # As it is now: it may have been paused, or have another revision, since the run began.
    offer = await store.get_offer(tx.conn, offer.offer_id)
    if offer.state in (OfferState.PAUSED, OfferState.ENDED) or tx.now >= offer.closes_at:
        return Stepped(0, 0, ended=True)
    if offer.state is OfferState.CANCELLED:
        looked_at = await store.void_batch(tx.conn, offer.offer_id, tx.now, after=run.after_member_id, size=size)
        return Stepped(looked_at, 0, ended=looked_at < size)
    directory = await workings.directory.directory(tx.now)
    today = directory.earliest_business_date(offer.programme_id, tx.now) or tx.now.date()
    entry = ladder_at(await workings.ladders.ladders(offer.programme_id, tx.now), today)
    said = await said_of(directory, workings.campaigns, offer)
    looked_at, issued = await store.issue_batch(
        tx.conn,
        offer,
        now=tx.now,
        today=today,
        size=size,
        lowest_tier=entry.ladder.tiers[0].code,
        validities=_validities(said, entry, tx.now),
        after=run.after_member_id,
        next_at=rules.next_pass_at(run.pass_no, said.stores, offer.closes_at, tx.now),
    )
    if looked_at < size:
        await store.void_strays(tx.conn, offer.offer_id, tx.now)
    return Stepped(looked_at, issued, ended=looked_at < size)


def _validities(said: rules.Said, entry: LadderRevision, now: datetime) -> dict[str, Validity]:
    """By each code under which an eligible tier may be stored: today's ladder may have renamed it."""
    found: dict[str, Validity] = {}
    for stored, level in entry.levels.items():
        tier = entry.ladder.tiers[level].code
        if rules.is_eligible(said.offer, tier):
            found[stored] = rules.validity_from(said, tier, now)
    return found


async def step_due(workings: IssueWorkings, actor: Actor, now: datetime, *, size: int = BATCH) -> int:
    """One step of the run that waits longest and is free. How many members it looked at, or 1; 0: none is due."""
    async with workings.database.engine(actor, now) as tx:
        for offer in await store.list_offers_due(tx.conn, now):
            stepped = await step(workings, tx, offer, size=size)
            if stepped is not None:
                return max(stepped.looked_at, 1)
    return 0


async def issue_to_all(
    workings: IssueWorkings,
    actor: Actor,
    offer: Offer,
    *,
    clock: Callable[[], datetime],
    progress: Callable[[Stepped], None] = lambda _: None,
    size: int = BATCH,
) -> int:
    """A whole pass now, step by step, or what is left of one that was begun; how many coupons were issued."""
    issued = 0
    while True:
        async with workings.database.engine(actor, clock()) as tx:
            stepped = await step(workings, tx, offer, size=size)
        if stepped is None:
            await asyncio.sleep(0.1)  # the worker is at it
            continue
        issued += stepped.issued
        progress(stepped)
        if stepped.ended:
            return issued
