"""What is to be explained, and everything that is known of it but the offer's own records."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from membership.campaigns import store as campaigns
from membership.campaigns.content import RuleBase
from membership.campaigns.errors import UnknownCampaign
from membership.campaigns.model import CampaignRevision, CampaignState, RevisionId, SaleFacts, rule_name
from membership.campaigns.records import Campaign, RevisionStatus, Timeline
from membership.members.errors import UnknownMember
from membership.members.model import MembershipKey
from membership.planning import evidence
from membership.planning.codex import Codex
from membership.planning.evidence import DayInStore
from membership.planning.why import Fact
from membership.postgres.connection import Conn
from membership.receipts.errors import UnknownSale
from membership.receipts.model import Sale, SaleId
from membership.stores.model import Store, StoreId
from membership.stores.rules import business_date
from membership.stores.service import Directory
from membership.tiers.model import LadderRevision
from membership.tiers.rules.qualification import ladder_at

_FACTS = TypeAdapter(SaleFacts)


@dataclass(frozen=True, slots=True)
class ExplainOffer:
    """Why an offer (an earn rule, a coupon or a gift of a campaign) did or did not apply.

    `at` None: now, or when the sale was. `store_id` None: the sale's, or the member's home store.
    `pool` of a gift, where one of several is meant.
    """

    membership: MembershipKey
    campaign: str
    rule: str
    at: datetime | None = None
    sale_id: SaleId | None = None
    store_id: StoreId | None = None
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What is explained, with everything that is known of it but the offer's own records. `revisions`: those that the
    receipt's facts name, and the one in force."""

    conn: Conn
    directory: Directory
    campaign: Campaign
    revision: CampaignRevision | None
    state: CampaignState | None
    asked: ExplainOffer
    store: Store
    at: datetime
    tier: str
    facts: SaleFacts | None
    revisions: Mapping[RevisionId, CampaignRevision]
    codex: Codex

    @property
    def was_ever_in_force(self) -> bool:
        return self.campaign.closes_at is not None

    @property
    def name(self) -> str:
        return rule_name(self.campaign.code, self.asked.rule)

    @property
    def rule(self) -> RuleBase | None:
        return self.codex.rule(self.name)

    @property
    def told(self) -> dict[str, Fact]:
        """What every sentence about the offer may be filled with."""
        filled: dict[str, Fact] = {"on": business_date(self.store, self.at), "tier": self.codex.tier(self.tier)}
        return {**self.codex.of_rule(self.name, self.tier), **filled}

    @property
    def stores(self) -> list[Store]:
        """Those of the campaign, the one that is asked about first."""
        known = () if self.revision is None else self.revision.calendars
        others = [self.directory.store(store_id) for store_id in known]
        return sorted(others, key=lambda store: store.store_id != self.store.store_id)

    @property
    def day(self) -> DayInStore:
        return DayInStore(self.asked.membership, self.store.store_id, business_date(self.store, self.at), self.at)


async def open_case(
    conn: Conn,
    asked: ExplainOffer,
    sale: Sale | None,
    *,
    directory: Directory,
    ladders: Sequence[LadderRevision],
    now: datetime,
) -> Case:
    """On one connection: whoever holds one must not wait for another. Raises UnknownMember, UnknownCampaign;
    UnknownSale for another member's receipt."""
    if sale is not None and sale.member_id not in (None, asked.membership.member_id):
        raise UnknownSale
    at = asked.at or (now if sale is None else sale.sold_at)
    programme = directory.programme(asked.membership.programme_id)
    day = directory.earliest_business_date(programme.programme_id, at) or at.date()
    standing = await evidence.find_standing(conn, asked.membership, day=day, at=at)
    if standing is None:
        raise UnknownMember
    store = directory.store(asked.store_id or (standing.home_store_id if sale is None else sale.store_id))
    campaign, timeline, revisions = await _campaign(conn, asked)
    ladder = ladder_at(ladders, business_date(store, at)).ladder
    revision_id = timeline.revision_at(at)
    facts = None if sale is None else _FACTS.validate_json(sale.inputs)
    tier = standing.tier or ladder.tiers[0].code
    if facts is not None and facts.member is not None:
        tier = facts.member.tier
    # Names are told even of what was not in force then.
    in_force = revisions.get(revision_id) if revision_id else None
    shown = in_force or (max(revisions.values(), key=lambda entry: entry.number) if revisions else None)
    named = {} if facts is None else await campaigns.load_frozen(conn, {*revisions_named(facts)})
    by_code = {entry.code: entry for entry in named.values()}
    if shown is not None:
        by_code[shown.code] = shown
    codex = Codex(directory, programme, ladder, store, by_code)
    state = timeline.state_at(at)
    if in_force is not None:
        named = {**named, in_force.revision_id: in_force}
    return Case(conn, directory, campaign, in_force, state, asked, store, at, tier, facts, named, codex)


async def _campaign(
    conn: Conn, asked: ExplainOffer
) -> tuple[Campaign, Timeline, Mapping[RevisionId, CampaignRevision]]:
    """With the log of its states and the revisions that were ever in force."""
    campaign = await campaigns.find_campaign_by_code(conn, asked.membership.programme_id, asked.campaign)
    if campaign is None:
        raise UnknownCampaign
    changes = (await campaigns.list_state_changes(conn, [campaign.campaign_id]))[campaign.campaign_id]
    found = (await campaigns.list_revisions(conn, [campaign.campaign_id])).get(campaign.campaign_id, ())
    scheduled = [entry for entry in found if entry.status is RevisionStatus.SCHEDULED]
    timeline = Timeline(
        campaign.campaign_id,
        tuple((change.at, change.to_state) for change in changes),
        tuple((entry.scheduled_at, entry.revision_id) for entry in scheduled if entry.scheduled_at is not None),
    )
    return campaign, timeline, await campaigns.load_frozen(conn, [entry.revision_id for entry in scheduled])


def revisions_named(facts: SaleFacts) -> Iterator[RevisionId]:
    yield from facts.issuing
    if facts.member is not None:
        yield from (coupon.revision_id for coupon in facts.member.coupons)
