"""A past campaign as it happened: members shop, tills decide with what each member holds and has had, all is recorded.

Written without the replay's help, so that the replay can be held against it: one stream of receipts of all members in
order of time, and for each member the coupons left and the points of capped rules so far.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from membership.campaigns.content import (
    CampaignDay,
    CouponOffer,
    EarnRule,
    EarnStacking,
    PercentOff,
    Scope,
    ToAllEligible,
)
from membership.campaigns.engine import decide_sale
from membership.campaigns.model import (
    CampaignRevision,
    CouponFacts,
    EarnedBefore,
    ResolvedCalendar,
    SaleDecision,
    SaleFacts,
    TenderFacts,
    rule_name,
)
from membership.members.model import MemberId
from membership.planning.arrivals import DEFAULT_MODEL
from membership.planning.handouts import offer_plans
from membership.planning.mapping import DayMap, same_days
from membership.planning.replay import PastSale, ReplayPlan
from membership.receipts.model import SaleId
from unit.campaigns.anniversary import (
    CLOSES,
    DAYS,
    GALLERIA,
    OPENS,
    STORE,
    TERMS,
    a_bonus,
    a_campaign,
    a_coupon,
    a_line,
    a_multiple,
    a_sale,
    an_id,
    an_offer,
    by_id,
)

BEIJING = ZoneInfo("Asia/Shanghai")
ONE_CALENDAR = ResolvedCalendar(OPENS, CLOSES, DAYS)
TIERS = ("SILVER", "GOLD")
BRANDS = ("LUMEN", "OTHER")


def to_all(offer: CouponOffer) -> CouponOffer:
    return offer.model_copy(update={"issue": ToAllEligible()})


RULES = (
    a_multiple("BRAND-DAY", 10, scope=Scope(brands=("LUMEN",)), days=(CampaignDay(day=2),), cap_day=900),
    a_multiple("DOUBLE", 2, stacking=EarnStacking.HIGHEST),
    a_bonus("BONUS", 200, 50_000, cap=500),
    to_all(an_offer("VOUCHER", 5_000, minimum=30_000, scope=Scope(excluded_brands=("OTHER",)), exclusive="V")),
    to_all(an_offer("PERCENT", PercentOff(basis_points=700, most_minor=9_000), minimum=10_000, exclusive="V")),
    to_all(an_offer("GOLD-ONLY", 2_000, scope=Scope(tiers=("GOLD",)))),
)
CALENDAR = replace(ONE_CALENDAR, rule_days={"BRAND-DAY": frozenset(DAYS[1:2])})
CAMPAIGN = a_campaign(RULES, calendar=CALENDAR)


@dataclass(frozen=True, slots=True)
class Visit:
    """`minute` of the store's day from 10:00 on."""

    member: int
    day: int
    minute: int
    amounts: tuple[tuple[str, int], ...]  # brand and net_minor of each line

    @property
    def at(self) -> datetime:
        return OPENS + timedelta(days=self.day, hours=6, minutes=self.minute)


@dataclass
class _Member:
    coupons: list[CouponFacts]
    given: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    given_on: defaultdict[tuple[str, date], int] = field(default_factory=lambda: defaultdict(int))


def member_id(number: int) -> MemberId:
    return MemberId(an_id(f"member {number}"))


def tier_of(number: int) -> str:
    return TIERS[number % len(TIERS)]


def happened(visits: Sequence[Visit], campaign: CampaignRevision = CAMPAIGN) -> dict[MemberId, list[PastSale]]:
    """What tills recorded, by member."""
    members: dict[int, _Member] = {}
    sales: defaultdict[MemberId, list[PastSale]] = defaultdict(list)
    for number, visit in enumerate(sorted(visits, key=lambda visit: visit.at)):
        member = members.setdefault(visit.member, _Member(list(_wallet(campaign, tier_of(visit.member)))))
        day = DAYS[visit.day]
        facts = a_sale(
            [a_line(line_no, minor, brand=brand) for line_no, (brand, minor) in enumerate(visit.amounts, 1)],
            campaign,
            tier=tier_of(visit.member),
            coupons=member.coupons,
            before=[
                EarnedBefore(rule, member.given_on[rule, day], points) for rule, points in sorted(member.given.items())
            ],
            at=visit.at,
            day=day,
            local_time=visit.at.astimezone(BEIJING).time(),
        )
        facts = _paid(facts, decide_sale(facts, TERMS, by_id(campaign)))
        decision = decide_sale(facts, TERMS, by_id(campaign))
        _remember(member, day, decision)
        sale_id = SaleId(UUID(int=number + 1))
        sales[member_id(visit.member)].append(PastSale(sale_id, STORE, day, visit.at, facts, decision))
    return dict(sales)


def _paid(facts: SaleFacts, quoted: SaleDecision) -> SaleFacts:
    """As a till commits it: what was paid is what the coupons left."""
    return replace(facts, tenders=(TenderFacts("CASH", facts.net_minor - quoted.discount_minor, 10_000, 10_000),))


def _wallet(campaign: CampaignRevision, tier: str) -> list[CouponFacts]:
    return [
        a_coupon(campaign, offer.code, tier)
        for offer in campaign.content.rules_of(CouponOffer)
        if not offer.scope.tiers or tier in offer.scope.tiers
    ]


def _remember(member: _Member, day: date, decision: SaleDecision) -> None:
    used = {coupon.coupon_id for coupon in decision.coupons}
    member.coupons = [coupon for coupon in member.coupons if coupon.coupon_id not in used]
    for award in decision.awards:
        if award.rule in CAPPED:
            member.given[award.rule] += award.points
            member.given_on[award.rule, day] += award.points


CAPPED = frozenset(
    rule_name(CAMPAIGN.code, rule.code)
    for rule in RULES
    if isinstance(rule, EarnRule) and (rule.cap_points_per_member or rule.cap_points_per_member_day)
)


def plan_of(campaign: CampaignRevision = CAMPAIGN, *, as_recorded: bool, days: DayMap | None = None) -> ReplayPlan:
    members = dict.fromkeys(TIERS, 5)
    stores = {STORE: GALLERIA}
    return ReplayPlan(
        revision=campaign,
        days={STORE: days or same_days(DAYS)},
        stores=stores,
        as_recorded=as_recorded,
        decide=lambda facts: decide_sale(facts, TERMS, by_id(campaign)),
        label=lambda line: line,
        offers=offer_plans(campaign, stores, members, DEFAULT_MODEL),
    )


VISITS = st.lists(
    st.builds(
        Visit,
        member=st.integers(0, 3),
        day=st.integers(0, 3),
        minute=st.integers(0, 600),
        amounts=st.lists(st.tuples(st.sampled_from(BRANDS), st.integers(1, 90_000)), min_size=1, max_size=3).map(tuple),
    ),
    max_size=14,
    unique_by=lambda visit: visit.at,
)
