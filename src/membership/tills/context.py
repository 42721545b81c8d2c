"""What every use case of this journey needs: where it happens, under which terms, and what it works with."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar

from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import EarnRule
from membership.campaigns.model import CampaignRevision, SaleFacts, rule_name
from membership.cards.service import CardReader
from membership.coupons.newcomers import NewlyEligible
from membership.kernel.actor import Actor
from membership.kernel.ids import NewId
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed
from membership.postgres.json import to_json
from membership.stores.errors import UnknownTill
from membership.stores.model import Programme, ProgrammeTerms, Store, StoreId, Till, TillId
from membership.stores.rules import business_date
from membership.stores.service import Directory, DirectoryCache
from membership.tiers.model import LadderRevision
from membership.tiers.rules.periods import history_starts_on
from membership.tiers.service import LadderCache
from membership.tills.model import AttachSale, CommitSale, QuoteSale


@dataclass(frozen=True, slots=True)
class Workings:
    """What the use cases are made with; one per process."""

    database: Database
    directories: DirectoryCache
    ladders: LadderCache
    card_reader: CardReader
    new_id: NewId
    campaigns: CampaignCache
    newly_eligible: NewlyEligible


@dataclass(frozen=True, slots=True)
class StoreContext:
    """One request: who asks, when, in which store, under which terms.

    `today` is the store's business day; no spend before `history_starts_on` bears on a tier that can still change.
    `judged_at` is the moment that is judged, `now` or that of a sale that is reported later; `issuing` the campaigns
    that gave something then.
    """

    actor: Actor
    now: datetime
    directory: Directory
    programme: Programme
    store: Store
    ladders: tuple[LadderRevision, ...]
    today: date
    history_starts_on: date
    campaigns: CampaignCache
    newly_eligible: NewlyEligible
    judged_at: datetime
    issuing: tuple[CampaignRevision, ...]

    @property
    def judged_on(self) -> date:
        """The business date of the moment that is judged."""
        return business_date(self.store, self.judged_at)

    @property
    def capped_rules(self) -> list[str]:
        """The rules that give a member no more than so many points: what they gave before has to be known."""
        return [
            rule_name(revision.code, rule.code)
            for revision in self.issuing
            for rule in revision.content.rules_of(EarnRule)
            if rule.cap_points_per_member is not None or rule.cap_points_per_member_day is not None
        ]

    def terms(self, revision: int) -> ProgrammeTerms:
        return next(entry.terms for entry in self.programme.terms if entry.revision == revision)


AnyContext = TypeVar("AnyContext", bound=StoreContext)


@dataclass(frozen=True, slots=True)
class TillContext(StoreContext):
    """A request of a till."""

    till: Till


async def open_store(workings: Workings, actor: Actor, store_id: StoreId, now: datetime) -> StoreContext:
    """Raises UnknownStore."""
    directory = await workings.directories.directory(now)
    store = directory.store(store_id)
    programme = directory.programme(store.programme_id)
    ladders = await workings.ladders.ladders(programme.programme_id, now)
    today = business_date(store, now)
    return StoreContext(
        actor=actor,
        now=now,
        directory=directory,
        programme=programme,
        store=store,
        ladders=ladders,
        today=today,
        history_starts_on=history_starts_on(ladders, today),
        campaigns=workings.campaigns,
        newly_eligible=workings.newly_eligible,
        judged_at=now,
        issuing=await workings.campaigns.issuing(store_id, now, now),
    )


async def judging_at(context: AnyContext, at: datetime) -> AnyContext:
    """The same request, about another moment. No query: the campaigns were read when it was opened."""
    if at == context.judged_at:
        return context
    issuing = await context.campaigns.issuing(context.store.store_id, at, context.now)
    return replace(context, judged_at=at, issuing=issuing)


async def issuing_as(context: AnyContext, facts: SaleFacts, conn: Conn) -> AnyContext:
    """The same request, about a decision made on these facts: by the campaigns that were pinned with them, whatever
    has become of those since. What their capped rules gave before is then read of the member."""
    pinned = await context.campaigns.revisions(facts.issuing, conn)
    return replace(context, issuing=tuple(pinned.values()))


async def open_till(workings: Workings, actor: Actor, now: datetime) -> TillContext:
    """Raises UnknownTill when the token names no till in service, or a store, programme or counter not the till's."""
    if actor.till_id is None or actor.store_id is None:
        raise UnknownTill("(none in the token)")
    context = await open_store(workings, actor, StoreId(actor.store_id), now)
    till = context.directory.till(TillId(actor.till_id))
    claims = (actor.programme_id in (None, context.programme.programme_id), actor.counter_id in (None, till.counter_id))
    if till.store_id != actor.store_id or not all(claims):
        raise UnknownTill(str(actor.till_id))
    return TillContext(
        actor=actor,
        now=now,
        directory=context.directory,
        programme=context.programme,
        store=context.store,
        ladders=context.ladders,
        today=context.today,
        history_starts_on=context.history_starts_on,
        campaigns=context.campaigns,
        newly_eligible=context.newly_eligible,
        judged_at=context.judged_at,
        issuing=context.issuing,
        till=till,
    )


def keyed_request(workings: Workings, operation: str, command: QuoteSale | CommitSale | AttachSale) -> Keyed:
    """The request under its key. How the member was named is kept as a keyed hash: it may be a phone number."""
    unnamed = replace(command, member=None)
    if command.member is None:
        return Keyed(operation, command.idempotency_key, [unnamed, None])
    hashes = workings.card_reader.keyring.lookup_hashes(f"tills.{operation}", to_json(command.member))
    told, *otherwise = [[unnamed, digest.hex()] for digest in hashes]
    return Keyed(operation, command.idempotency_key, told, tuple(otherwise))
