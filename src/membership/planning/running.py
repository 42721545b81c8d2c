"""Runs a simulation: reads the period's receipts in batches of members and feeds them into a replay.

In memory at once are one batch and the tally, however long the period and however many the members. Each batch is a
transaction of its own, so that nothing old is held while a long simulation runs; receipts of a past period stay as they
are but for returns, which a replay leaves aside.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import GiftOffer
from membership.campaigns.engine import decide_sale
from membership.campaigns.engine.scoping import LineScope
from membership.campaigns.model import CampaignRevision, LineFacts, RevisionId, SaleDecision, SaleFacts
from membership.gifts.rules.moments import claim_window
from membership.kernel.actor import Actor
from membership.planning import store
from membership.planning.drafting import Period, Request
from membership.planning.entitled import ThresholdGift
from membership.planning.forecasting import Surroundings, forecast
from membership.planning.handouts import offer_plans
from membership.planning.learning import LEARN_FROM, PastDrops, learn
from membership.planning.model import Forecast
from membership.planning.pools import gift_plans
from membership.planning.replay import PastSale, Replay, ReplayPlan
from membership.planning.tally import Tally
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.model import CategoryId, CounterId, Store, StoreId
from membership.stores.rules import terms_at
from membership.stores.service import Directory, DirectoryCache
from membership.tiers.model import LadderRevision
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.service import LadderCache

BATCH = 200
"""Members at a time: what is in memory at once."""
BREATH = 10
"""After so many members others have their turn in the event loop."""

Progress = Callable[[int, int], Awaitable[None]]
"""Called with members done, and of how many."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs requests, without a trace in the database."""

    database: Database
    directories: DirectoryCache
    ladders: LadderCache
    campaigns: CampaignCache

    async def run(self, actor: Actor, request: Request, now: datetime, progress: Progress) -> Forecast:
        directory = await self.directories.directory(now)
        ladders = await self.ladders.ladders(request.revision.programme_id, now)
        async with self.database.engine(actor, now) as tx:
            around = await _surroundings(tx.conn, request, directory=directory, ladders=ladders)
        revisions: dict[RevisionId, CampaignRevision] = {request.revision.revision_id: request.revision}
        plan = _plan(directory, request, around, revisions)
        tally = Tally()
        replay = Replay(plan, tally)
        period = request.period
        await self._members(actor, now, period, replay=replay, revisions=revisions, progress=progress)
        async with self.database.engine(actor, now) as tx:
            for day in await store.list_anonymous_days(tx.conn, period):
                replay.anonymous(day.store_id, day.business_date, receipts=day.receipts, net_minor=day.net_minor)
        return forecast(plan, around, tally)

    async def _members(
        self,
        actor: Actor,
        now: datetime,
        period: Period,
        *,
        replay: Replay,
        revisions: dict[RevisionId, CampaignRevision],
        progress: Progress,
    ) -> None:
        async with self.database.engine(actor, now) as tx:
            total = await store.count_members(tx.conn, period)
        done, after = 0, None
        await progress(done, total)
        while True:
            async with self.database.engine(actor, now) as tx:
                members = await store.list_members(tx.conn, period, after=after, limit=BATCH)
                sales = await store.list_sales(tx.conn, period, members)
            if not members:
                break
            await self._learn_revisions(sales.values(), revisions)
            for number, member_id in enumerate(members):
                replay.member(member_id, sales.get(member_id, ()))
                if number % BREATH == 0:
                    await asyncio.sleep(0)
            done, after = done + len(members), members[-1]
            await progress(done, max(done, total))

    async def _learn_revisions(
        self, sales: Iterable[Iterable[PastSale]], revisions: dict[RevisionId, CampaignRevision]
    ) -> None:
        """What recorded facts name must be at hand when they are decided again."""
        named = {revision_id for entries in sales for sale in entries for revision_id in _named(sale.facts)}
        missing = named - revisions.keys()
        if missing:
            revisions |= await self.campaigns.revisions(missing)


async def _surroundings(
    conn: Conn, request: Request, *, directory: Directory, ladders: Sequence[LadderRevision]
) -> Surroundings:
    revision = request.revision
    programme = directory.programme(revision.programme_id)
    opens_at = min(calendar.opens_at for calendar in revision.calendars.values())
    first = min(calendar.days[0] for calendar in revision.calendars.values())
    lowest_tier = ladder_at(ladders, first).ladder.tiers[0].code
    members = await store.list_members_by_tier(
        conn, programme.programme_id, lowest_tier=lowest_tier, enrolled_before=min(request.asked_at, opens_at)
    )
    past = PastDrops(
        revision.programme_id,
        over_by=request.asked_at,
        since=min(request.asked_at, opens_at) - LEARN_FROM,
        left_out=None if request.as_recorded else revision.code,
    )
    model = await learn(conn, directory, past, members=members, lowest_tier=lowest_tier)
    stores = [directory.store(store_id) for store_id in revision.calendars]
    counters = {
        at.store_id: [counter for counter in directory.configuration.counters if counter.store_id == at.store_id]
        for at in stores
    }
    return Surroundings(
        members=sum((Counter(by_tier) for by_tier in members.values()), Counter[str]()),
        members_of_store=members,
        terms=terms_at(programme, opens_at).terms,
        model=model,
        gifts=gift_plans(
            revision,
            stores,
            {store_id: frozenset(entry.code for entry in entries) for store_id, entries in counters.items()},
        ),
        desk_brands={
            (at.code, counter.code): directory.brand(counter.brand_id).code
            for at in stores
            for counter in counters[at.store_id]
        },
    )


def _plan(
    directory: Directory,
    request: Request,
    around: Surroundings,
    revisions: Mapping[RevisionId, CampaignRevision],
) -> ReplayPlan:
    revision = request.revision
    stores = {store_id: directory.store(store_id) for store_id in revision.calendars}
    terms = {entry.revision: entry.terms for entry in directory.programme(revision.programme_id).terms}

    def decide(facts: SaleFacts) -> SaleDecision:
        return decide_sale(facts, terms[facts.terms_revision], revisions)

    return ReplayPlan(
        revision=revision,
        days=request.days,
        stores=stores,
        as_recorded=request.as_recorded,
        decide=decide,
        label=lambda line: _labelled(directory, line),
        offers=offer_plans(revision, stores, around.members, around.model),
        gifts=tuple(_threshold_gifts(revision, stores)),
    )


def _threshold_gifts(revision: CampaignRevision, stores: Mapping[StoreId, Store]) -> Iterable[ThresholdGift]:
    for offer in revision.content.rules_of(GiftOffer):
        if offer.threshold is not None:
            windows = {
                (store_id, day): claim_window(stores[store_id], revision, offer, day)
                for store_id, calendar in revision.calendars.items()
                if not offer.scope.stores or stores[store_id].code in offer.scope.stores
                for day in calendar.days_of(offer.code)
            }
            yield ThresholdGift(
                offer, offer.threshold, LineScope(offer.scope), f"{revision.code}/{offer.code}", windows
            )


def _named(facts: SaleFacts) -> Iterable[RevisionId]:
    yield from facts.issuing
    if facts.member is not None:
        yield from (coupon.revision_id for coupon in facts.member.coupons)


def _labelled(directory: Directory, line: LineFacts) -> LineFacts:
    """With the codes of today where none were recorded."""
    if line.counter:
        return line
    counter = directory.counter(CounterId(line.counter_id))
    return replace(
        line,
        counter=counter.code,
        brand=directory.brand(counter.brand_id).code,
        floor=directory.floor(counter.floor_id).code,
        category=directory.category(CategoryId(line.category_id)).code,
    )
