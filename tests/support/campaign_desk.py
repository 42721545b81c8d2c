"""Planners and approvers on real PostgreSQL, and campaigns to hand to them.

desk = await open_campaign_desk(database, conn)              # the three sample stores, each with a programme
campaign = await desk.scheduled(anniversary())               # drafted by one, approved by another
desk.shop                                                    # Chaoyang Galleria
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count

from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import (
    AmountOff,
    BookingOpening,
    BookingWindow,
    Calendar,
    CampaignContent,
    CampaignDay,
    ClaimedInApp,
    CouponOffer,
    DaysAfter,
    EarnRule,
    Funding,
    GiftOffer,
    GiftPool,
    Multiple,
    NthWeekday,
    OnDate,
    OnWeekday,
    Rule,
    Scope,
    TierPreview,
    WeekdayAfter,
)
from membership.campaigns.model import CampaignId
from membership.campaigns.records import Campaign, Revision
from membership.campaigns.scheduling import Hooks
from membership.campaigns.service import Campaigns, Worked
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from sample_store import SampleStore, World, load_world

OCTOBER = datetime(2026, 10, 1, 2, tzinfo=UTC)
OPENING = datetime(2026, 11, 11, 20, tzinfo=UTC)
"""04:00 of 12 November in Shanghai: the second Thursday."""
CLOSING = datetime(2026, 11, 22, 20, tzinfo=UTC)
EVERYBODY = BookingOpening(days_before=30, at=time(10))
MALL = Funding(mall_basis_points=10_000, brand_basis_points=0)

_keys = count(1)


def key() -> str:
    return f"step-{next(_keys)}"


def november(**others: object) -> Calendar:
    """From the second Thursday of November to the second Sunday after it."""
    return Calendar.model_validate(
        {
            "year": 2026,
            "first_day": NthWeekday(month=11, weekday=4, nth=2),
            "last_day": WeekdayAfter(weekday=7, nth=2),
            **others,
        }
    )


def brand_day(code: str = "BRAND-DAY", **others: object) -> EarnRule:
    return EarnRule.model_validate(
        {
            "code": code,
            "names": {"en": "Brand day", "zh-CN": "品牌日"},
            "funding": Funding(mall_basis_points=4_000, brand_basis_points=6_000),
            "scope": Scope(brands=("VAUDRELLE",)),
            "days": (OnWeekday(weekday=6),),
            "effect": Multiple(basis_points=100_000),
            **others,
        }
    )


def coupon(code: str = "COUPON-300", **others: object) -> CouponOffer:
    return CouponOffer.model_validate(
        {
            "code": code,
            "names": {"en": "CNY 300 off"},
            "funding": MALL,
            "face": AmountOff(amount_minor=300_00),
            "minimum_spend_minor": 3_000_00,
            "issue": ClaimedInApp(drop_time=time(10)),
            "exclusive_group": "ANNIVERSARY",
            **others,
        }
    )


def gift(code: str = "DAILY-GIFT", **others: object) -> GiftOffer:
    return GiftOffer.model_validate(
        {
            "code": code,
            "names": {"en": "Daily gift"},
            "funding": MALL,
            "unit_cost_minor": 180_00,
            "pools": (GiftPool(code="MAIN", desk="2F-ALVENNA", units_per_day=500),),
            "days": (CampaignDay(day=1), CampaignDay(day=-1)),
            "drop_time": time(10),
            **others,
        }
    )


def anniversary(
    rules: Iterable[Rule] | None = None, *, calendar: Calendar | None = None, stores: tuple[str, ...] | None = None
) -> CampaignContent:
    preview = TierPreview(tiers=("BLACK",), hours_before=24)
    return CampaignContent(
        names={"en": "Anniversary", "zh-CN": "周年庆"},
        stores=stores or ("CHAOYANG-GALLERIA",),
        calendar=calendar or november(previews=(preview,)),
        rules=tuple(rules) if rules is not None else (brand_day(), coupon(), gift()),
    )


def few_days(first_day: date, *openings: BookingOpening, days: int = 3) -> CampaignContent:
    """A campaign of some days without goods, whose days are booked from these openings on."""
    calendar = Calendar(year=first_day.year, first_day=OnDate(date=first_day), last_day=DaysAfter(days=days - 1))
    window = BookingWindow(code="VISITS", names={"en": "Visits"}, funding=MALL, openings=openings or (EVERYBODY,))
    return anniversary((window,), calendar=calendar)


@dataclass(slots=True)
class CampaignDesk:
    database: Database
    conn: Conn
    world: World
    cache: CampaignCache
    campaigns: Campaigns
    planner: Actor
    approver: Actor
    now: datetime = OCTOBER
    made: list[CampaignId] = field(default_factory=list)

    @property
    def shop(self) -> SampleStore:
        return self.world.chaoyang

    def later(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now

    async def drafted(self, content: CampaignContent | None = None, *, code: str = "ANNIVERSARY-2026") -> Worked:
        return await self.campaigns.create(
            self.planner,
            self.now,
            self.shop.programme_id,
            code=code,
            content=content or anniversary(),
            key=key(),
        )

    async def submitted(self, content: CampaignContent | None = None, *, code: str = "ANNIVERSARY-2026") -> Worked:
        drafted = await self.drafted(content, code=code)
        return await self.campaigns.submit(self.planner, self.now, drafted.campaign.campaign_id, key=key())

    async def scheduled(self, content: CampaignContent | None = None, *, code: str = "ANNIVERSARY-2026") -> Worked:
        submitted = await self.submitted(content, code=code)
        return await self.campaigns.approve(self.approver, self.now, submitted.campaign.campaign_id, key=key())

    async def revised(self, campaign: Campaign, content: CampaignContent) -> Worked:
        """A further revision, drafted, submitted and approved."""
        campaign_id = campaign.campaign_id
        await self.campaigns.revise(self.planner, self.now, campaign_id, content=content, key=key())
        await self.campaigns.submit(self.planner, self.now, campaign_id, key=key())
        return await self.campaigns.approve(self.approver, self.now, campaign_id, key=key())


def revision_of(worked: Worked) -> Revision:
    assert worked.revision is not None
    return worked.revision


async def open_campaign_desk(database: Database, conn: Conn, *, hooks: Hooks | None = None) -> CampaignDesk:
    world = await load_world(conn)
    cache = CampaignCache(database.pool)
    campaigns = Campaigns(
        database,
        DirectoryCache(database.pool),
        LadderCache(database.pool),
        cache=cache,
        new_id=new_id,
        hooks=hooks,
    )
    programme_id = world.chaoyang.programme_id
    return CampaignDesk(
        database=database,
        conn=conn,
        world=world,
        cache=cache,
        campaigns=campaigns,
        planner=Actor(Role.PLANNER, "planner-1", programme_id=programme_id),
        approver=Actor(Role.APPROVER, "approver-1", programme_id=programme_id),
    )
