"""Campaigns, members and baskets for the engine's tests, each said in one line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from membership.campaigns.content import (
    AmountOff,
    BonusPoints,
    Calendar,
    CampaignContent,
    ClaimedInApp,
    CouponOffer,
    DailyWindow,
    DayRule,
    DaysAfter,
    EarnRule,
    EarnStacking,
    Funding,
    Multiple,
    NthWeekday,
    PercentOff,
    Scope,
    StackingGroup,
    TierPreview,
)
from membership.campaigns.model import (
    CampaignId,
    CampaignRevision,
    CouponFacts,
    CouponId,
    CouponStanding,
    EarnedBefore,
    LineFacts,
    MemberFacts,
    ResolvedCalendar,
    RevisionId,
    SaleFacts,
    TenderFacts,
)
from membership.campaigns.rules.calendar import resolve
from membership.stores.model import (
    NeverExpires,
    OpeningHours,
    ProgrammeId,
    ProgrammeTerms,
    ReturnPolicy,
    Store,
    StoreId,
)

_NAMESPACE = UUID("b7c2f0de-3a41-4a6e-9a52-6d1a4f0c5e10")

OPENS = datetime(2026, 11, 11, 20, 0, tzinfo=UTC)  # 04:00 of the 12th in Shanghai
DAYS = tuple(date(2026, 11, 12) + timedelta(days=offset) for offset in range(11))
CLOSES = OPENS + timedelta(days=11)
NOON = time(12, 0)

TERMS = ProgrammeTerms(
    activation_delay_days=0,
    expiry=NeverExpires(),
    return_policy=ReturnPolicy.WITHIN_BALANCE,
    expired_refund_grace_days=30,
    redemption=None,
    second_person_from_points=10_000,
)


def an_id(name: str) -> UUID:
    return uuid5(_NAMESPACE, name)


STORE = StoreId(an_id("store"))
COUNTER, CATEGORY = an_id("counter"), an_id("category")
GALLERIA = Store(
    store_id=STORE,
    programme_id=ProgrammeId(an_id("programme")),
    code="GALLERIA",
    names={"en": "Galleria"},
    zone=ZoneInfo("Asia/Shanghai"),
    cutover=time(4),
    opening_hours=OpeningHours(weekly={}),
)
CALENDAR_RULE = Calendar(year=2026, first_day=NthWeekday(month=11, weekday=4, nth=2), last_day=DaysAfter(days=10))
MALL_PAYS = Funding(mall_basis_points=10_000, brand_basis_points=0)


def a_multiple(
    code: str,
    times: int = 2,
    *,
    scope: Scope | None = None,
    stacking: EarnStacking = EarnStacking.ADD,
    days: tuple[DayRule, ...] = (),
    window: DailyWindow | None = None,
    cap_day: int | None = None,
    cap: int | None = None,
) -> EarnRule:
    return EarnRule(
        code=code,
        names={"en": code},
        funding=MALL_PAYS,
        scope=scope or Scope(),
        days=days,
        daily_window=window,
        effect=Multiple(basis_points=times * 10_000),
        stacking=stacking,
        cap_points_per_member_day=cap_day,
        cap_points_per_member=cap,
    )


def a_bonus(
    code: str,
    points: int,
    minimum: int,
    *,
    per_amount: bool = False,
    scope: Scope | None = None,
    stacking: EarnStacking = EarnStacking.ADD,
    cap_day: int | None = None,
    cap: int | None = None,
) -> EarnRule:
    return EarnRule(
        code=code,
        names={"en": code},
        funding=MALL_PAYS,
        scope=scope or Scope(),
        effect=BonusPoints(points=points, minimum_spend_minor=minimum, per_amount=per_amount),
        stacking=stacking,
        cap_points_per_member_day=cap_day,
        cap_points_per_member=cap,
    )


def an_offer(
    code: str,
    off: int | PercentOff,
    *,
    minimum: int = 0,
    scope: Scope | None = None,
    days: tuple[DayRule, ...] = (),
    blackout: tuple[DayRule, ...] = (),
    window: DailyWindow | None = None,
    exclusive: str | None = None,
    stacking: str | None = None,
    priority: int = 0,
) -> CouponOffer:
    return CouponOffer(
        code=code,
        names={"en": code},
        funding=MALL_PAYS,
        scope=scope or Scope(),
        days=days,
        blackout=blackout,
        daily_window=window,
        face=AmountOff(amount_minor=off) if isinstance(off, int) else off,
        minimum_spend_minor=minimum,
        issue=ClaimedInApp(),
        exclusive_group=exclusive,
        stacking_group=stacking,
        priority=priority,
    )


def a_campaign(
    rules: Iterable[EarnRule | CouponOffer],
    *,
    code: str = "ANNIVERSARY",
    number: int = 1,
    calendar: ResolvedCalendar | None = None,
    blackout: tuple[DayRule, ...] = (),
    previews: tuple[TierPreview, ...] = (),
    window: DailyWindow | None = None,
    groups: tuple[StackingGroup, ...] = (),
) -> CampaignRevision:
    content = CampaignContent(
        names={"en": code},
        stores=("GALLERIA",),
        calendar=CALENDAR_RULE.model_copy(update={"daily_window": window, "blackout": blackout, "previews": previews}),
        stacking_groups=groups,
        rules=tuple(rules),
    )
    return CampaignRevision(
        revision_id=RevisionId(an_id(f"{code}/{number}")),
        campaign_id=CampaignId(an_id(code)),
        programme_id=ProgrammeId(an_id("programme")),
        code=code,
        number=number,
        content=content,
        calendars={STORE: calendar or resolve(content, GALLERIA)},
        scheduled_at=OPENS - timedelta(days=30),
    )


def by_id(*revisions: CampaignRevision) -> Mapping[RevisionId, CampaignRevision]:
    return {revision.revision_id: revision for revision in revisions}


def a_coupon(
    revision: CampaignRevision,
    offer: str,
    name: str = "",
    *,
    valid_from: datetime = OPENS,
    valid_until: datetime = CLOSES,
    standing: CouponStanding = CouponStanding.USABLE,
) -> CouponFacts:
    coupon_id = CouponId(an_id(f"coupon {offer} {name}"))
    return CouponFacts(coupon_id, revision.revision_id, offer, valid_from, valid_until, standing)


def a_line(
    line_no: int,
    net_minor: int,
    *,
    brand: str = "LUMEN",
    floor: str = "B1",
    category: str = "FASHION",
    counter: str = "C1",
    rate: int = 100,
    earns: bool = True,
    counts: bool = True,
) -> LineFacts:
    return LineFacts(
        line_no=line_no,
        counter_id=COUNTER,
        category_id=CATEGORY,
        quantity=1,
        net_minor=net_minor,
        spend_minor_per_point=rate,
        brand_earns_points=earns,
        brand_counts_for_tier=counts,
        category_earns_points=True,
        category_counts_for_tier=True,
        counter=counter,
        brand=brand,
        floor=floor,
        category=category,
    )


def a_sale(
    lines: Sequence[LineFacts],
    *issuing: CampaignRevision,
    tier: str = "GOLD",
    coupons: Sequence[CouponFacts] = (),
    before: Sequence[EarnedBefore] = (),
    tenders: Sequence[TenderFacts] | None = None,
    at: datetime = OPENS + timedelta(hours=8),
    day: date = DAYS[0],
    local_time: time = NOON,
    wanted: Sequence[CouponFacts] | None = None,
    store: str = "GALLERIA",
) -> SaleFacts:
    net = sum(line.net_minor for line in lines)
    return SaleFacts(
        business_date=day,
        terms_revision=1,
        ladder_revision=1,
        member=MemberFacts(tier, None, tuple(coupons), tuple(before)),
        lines=tuple(lines),
        tenders=(TenderFacts("CASH", net, 10_000, 10_000),) if tenders is None else tuple(tenders),
        points_to_spend=0,
        points_value_minor=0,
        store_id=STORE,
        at=at,
        local_time=local_time,
        issuing=tuple(revision.revision_id for revision in issuing),
        coupons_wanted=None if wanted is None else tuple(coupon.coupon_id for coupon in wanted),
        store=store,
    )


def anonymous(facts: SaleFacts) -> SaleFacts:
    return replace(facts, member=None)
