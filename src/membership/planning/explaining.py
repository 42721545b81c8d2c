"""Explain: why a receipt, or an offer to a member, came out as it did, by the revision and the records of then.

Members are told about themselves, tills, desks and member services about the members of their programme, planners and
approvers about its receipts and members too (they see no name and no contact). A till is told of receipts of its store.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter

from membership.campaigns import store as campaigns
from membership.campaigns.cache import CampaignCache
from membership.campaigns.engine import decide_sale
from membership.campaigns.errors import UnknownCampaign
from membership.campaigns.model import (
    CampaignRevision,
    CampaignState,
    SaleDecision,
    SaleFacts,
    rule_name,
)
from membership.kernel.actor import Actor, Role
from membership.members.errors import UnknownMember
from membership.planning import evidence, offer_story
from membership.planning.cases import ExplainOffer, open_case, revisions_named
from membership.planning.codex import Codex
from membership.planning.evidence import DayInStore
from membership.planning.offer_story import applies
from membership.planning.sale_story import SaleExplanation, sale_story
from membership.planning.verdicts import explain
from membership.planning.why import Remark, Why
from membership.postgres.database import Database
from membership.receipts import store as receipts
from membership.receipts.errors import UnknownSale
from membership.receipts.model import NaturalKey, Sale, SaleId
from membership.stores.model import Store
from membership.stores.service import DirectoryCache
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.service import LadderCache

_FACTS = TypeAdapter(SaleFacts)
_DECISION = TypeAdapter(SaleDecision)
_SEE_DRAFTS = frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN})
_PLANS = frozenset({Role.PLANNER, Role.APPROVER})
"""Who is told of receipts that row-level security keeps from them: no person stands in the answer."""


@dataclass(frozen=True, slots=True)
class OfferExplanation:
    """`revision` None: none was in force then."""

    store: Store
    at: datetime
    revision: int | None
    applies: bool
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Explanations:
    """Reads; writes nothing."""

    database: Database
    directories: DirectoryCache
    ladders: LadderCache
    campaigns: CampaignCache

    async def sale(self, actor: Actor, now: datetime, by: SaleId | NaturalKey) -> SaleExplanation:
        """Raises UnknownSale, also for a receipt that the caller may not see."""
        sale = await self._find_sale(actor, now, by)
        facts, decision = _FACTS.validate_json(sale.inputs), _DECISION.validate_json(sale.decision)
        revisions = await self.campaigns.revisions({*revisions_named(facts)})
        codex = await self._codex(sale, revisions.values(), now)
        terms = {entry.revision: entry.terms for entry in codex.programme.terms}[facts.terms_revision]
        again = decide_sale(facts, terms, revisions)
        remarks = (
            *sale_story(sale, facts, decision, codex),
            *await self._paused(actor, sale, now),
            *await self._gifts_of(actor, sale, codex, now),
        )
        return SaleExplanation(sale, facts, decision, again == decision, remarks)

    async def offer(self, actor: Actor, now: datetime, asked: ExplainOffer) -> OfferExplanation:
        """Raises UnknownMember, UnknownCampaign, UnknownSale."""
        if actor.programme_id not in (None, asked.membership.programme_id):
            raise UnknownMember
        if actor.role is Role.MEMBER and actor.member_id != asked.membership.member_id:
            raise UnknownMember
        sale = None if asked.sale_id is None else await self._find_sale(actor, now, asked.sale_id)
        directory = await self.directories.directory(now)
        ladders = await self.ladders.ladders(asked.membership.programme_id, now)
        async with self.database.engine(actor, now) as tx:
            case = await open_case(tx.conn, asked, sale, directory=directory, ladders=ladders, now=now)
            if not case.was_ever_in_force and actor.role not in _SEE_DRAFTS:
                raise UnknownCampaign
            remarks = tuple([remark async for remark in explain(case)])
        number = None if case.revision is None else case.revision.number
        return OfferExplanation(case.store, case.at, number, applies(remarks), remarks)

    async def _find_sale(self, actor: Actor, now: datetime, by: SaleId | NaturalKey) -> Sale:
        """As row-level security shows it to the caller; whoever plans sees those of their programme."""
        if actor.role in _PLANS:
            async with self.database.engine(actor, now) as tx:
                found = await receipts.find_sale(tx.conn, by)
        else:
            async with self.database.reader(actor) as reader:
                found = await receipts.find_sale(reader, by)
        if found is None or (actor.role in _PLANS and found.programme_id != actor.programme_id):
            raise UnknownSale
        return found

    async def _paused(self, actor: Actor, sale: Sale, now: datetime) -> list[Remark]:
        """Campaigns that would have held, had they not been paused just then; by the log, however long ago that was."""
        async with self.database.engine(actor, now) as tx:
            timelines = await campaigns.load_timelines(tx.conn, sale.sold_at)
            paused = [entry for entry in timelines if entry.state_at(sale.sold_at) is CampaignState.PAUSED]
            of_then = [entry.revision_at(sale.sold_at) for entry in paused]
            revisions = await campaigns.load_frozen(tx.conn, [entry for entry in of_then if entry is not None])
        return [
            Remark(Why.PAUSED, {"campaign_names": revision.content.names}, rule=revision.code)
            for revision in revisions.values()
            if (calendar := revision.calendars.get(sale.store_id)) is not None
            and calendar.first_opens_at <= sale.sold_at < calendar.closes_at
        ]

    async def _gifts_of(self, actor: Actor, sale: Sale, codex: Codex, now: datetime) -> list[Remark]:
        """Gifts that hang on the spend of the receipt's day, and what became of them. A till is not told of gifts."""
        if sale.membership is None or actor.role is Role.TILL:
            return []
        day = DayInStore(sale.membership, sale.store_id, sale.business_date, now)
        async with self.database.engine(actor, now) as tx:
            gifts = await evidence.list_gifts_of_day(tx.conn, day)
            changes = await evidence.list_gift_changes(tx.conn, [entry.gift.gift_id for entry in gifts], until=now)
        revisions = await self.campaigns.revisions({entry.revision_id for entry in gifts})
        told_of: list[Remark] = []
        for entry in gifts:
            revision = revisions[entry.revision_id]
            of_then = replace(codex, revisions={revision.code: revision})
            facts = of_then.of_rule(rule_name(revision.code, entry.rule_code), None)
            told_of += offer_story.gift_story([entry.gift], changes, facts)
        return told_of

    async def _codex(self, sale: Sale, revisions: Iterable[CampaignRevision], now: datetime) -> Codex:
        directory = await self.directories.directory(now)
        programme, store = directory.programme(sale.programme_id), directory.store(sale.store_id)
        ladders = await self.ladders.ladders(sale.programme_id, now)
        ladder = ladder_at(ladders, sale.business_date).ladder
        return Codex(directory, programme, ladder, store, {entry.code: entry for entry in revisions})
