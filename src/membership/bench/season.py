"""A campaign for the bench, planned by one and approved by another as the service does it, and open at once.

Fifty rules of every kind hold today: twenty that earn, twenty coupons (ten of them in every member's wallet), eight
gifts and two that open a diary. Some apply to the bench's basket, most ask for another floor, brand or amount, as in a
store's real anniversary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from membership.app import keyring_of
from membership.campaigns.content import (
    AmountOff,
    BonusPoints,
    BookingOpening,
    BookingWindow,
    BoughtWithPoints,
    ByCode,
    Calendar,
    CampaignContent,
    ClaimedInApp,
    CouponOffer,
    DaysAfter,
    EarnRule,
    EarnStacking,
    Funding,
    GiftOffer,
    GiftPool,
    Multiple,
    OnDate,
    PercentOff,
    Rule,
    Scope,
    SpendThreshold,
    StackingGroup,
    StackingPolicy,
    ToAllEligible,
)
from membership.campaigns.model import CampaignId
from membership.coupons.context import IssueWorkings
from membership.coupons.issuing import issue_to_all
from membership.coupons.model import Channel
from membership.coupons.store import list_offers_of_campaign
from membership.gifts.model import GiftPoolId
from membership.gifts.rules.preparing import offer_id_of, pool_id_of
from membership.graph.services import Services, make_services
from membership.inventory.model import PoolId
from membership.kernel.actor import Actor, Role
from membership.kernel.clock import SystemClock
from membership.kernel.ids import new_id
from membership.postgres.database import Database, open_pool
from membership.redis.client import open_redis
from membership.sample import identifiers as ids
from membership.settings import Settings
from membership.stores.rules import business_date

PROGRAMME, STORE, COUNTER = "CHAOYANG", "CHAOYANG-GALLERIA", "2F-ALVENNA"
RULES = 50
CAMPAIGN = "BENCH"

_PLENTY, _GONE = "GIFT-OF-THE-DAY", "GIFT-THAT-IS-GONE"
_POOL, _DESK = "MAIN", "B1-PAPER-COURT"
_OFTEN = 1_000
_PLENTIFUL = 1_000_000
_BRANDS = ("LISABEAU", "SUYIN", "TINGXI", "ALVENNA", "MARCHESINE", "KESTRANE", "NORTHFELL", "MIRELIS", "HANXUE")
_FLOORS = ("B1", "1F", "2F", "3F", "4F")
_CATEGORIES = ("WOMENSWEAR", "MENSWEAR", "SHOES", "BEAUTY", "CHILDREN")
_FREE = """
    UPDATE coupons.coupons SET state = 'ACTIVE', reserved_by = NULL, reserved_at = NULL, reserved_until = NULL
    WHERE state = 'RESERVED'
"""
_BOTH = Funding(mall_basis_points=6_000, brand_basis_points=4_000)


@dataclass(frozen=True, slots=True)
class Season:
    """Pools of today's drop: one that the bench does not empty, and one that is sold out. `coupons`: in all wallets."""

    plenty: GiftPoolId
    gone: GiftPoolId
    coupons: int


async def open_season(settings: Settings) -> Season:
    """Plan it, approve it, fill the wallets."""
    pool = await open_pool(str(settings.database_url), max_size=4)
    redis = open_redis(str(settings.redis_url))
    try:
        services = make_services(Database(pool), SystemClock(), keyring_of(settings), redis=redis)
        now = services.clock.now()
        store = (await services.directory.directory(now)).store(ids.store_id(STORE))
        today = business_date(store, now)
        campaign_id = await schedule(services, season(today.isoformat()), CAMPAIGN)
        coupons = await _fill_wallets(services)
        plenty, gone = (
            pool_id_of(offer_id_of(campaign_id, code), store.store_id, today, _POOL) for code in (_PLENTY, _GONE)
        )
        async with services.database.engine(Actor(Role.SERVICE, "bench"), now) as tx:
            await services.inventory.void_units(tx, PoolId(gone), 1)
        await services.close()
        return Season(plenty, gone, coupons)
    finally:
        await redis.aclose()
        await pool.close()


async def refill_wallets(settings: Settings) -> None:
    """What quotes hold is free again: the next ones find the wallets full."""
    conn = await asyncpg.connect(str(settings.database_url))
    try:
        await conn.execute(_FREE)
    finally:
        await conn.close()


async def schedule(services: Services, content: CampaignContent, code: str) -> CampaignId:
    """Drafted and submitted by one, approved by another."""
    programme_id = ids.programme_id(PROGRAMME)
    planner = Actor(Role.PLANNER, "bench.planner", programme_id=programme_id)
    approver = Actor(Role.APPROVER, "bench.approver", programme_id=programme_id)
    campaigns, now = services.campaigns, services.clock.now()
    drafted = await campaigns.create(planner, now, programme_id, code=code, content=content, key=str(new_id()))
    campaign_id = drafted.campaign.campaign_id
    await campaigns.submit(planner, now, campaign_id, key=str(new_id()))
    await campaigns.approve(approver, now, campaign_id, key=str(new_id()))
    return campaign_id


async def _fill_wallets(services: Services) -> int:
    workings = IssueWorkings(services.database, services.directory, services.ladders, services.campaign_cache)
    async with services.database.pool.acquire() as conn:
        offers = await list_offers_of_campaign(conn, CAMPAIGN)
    issuer = Actor(Role.SERVICE, "bench")
    issued = [
        await issue_to_all(workings, issuer, offer, clock=services.clock.now)
        for offer in offers
        if offer.channel is Channel.TO_ALL
    ]
    async with services.database.pool.acquire() as conn:
        await conn.execute("ANALYZE")
    return sum(issued)


def content_of(today: str, rules: Sequence[Rule], *, stacking_groups: Sequence[StackingGroup] = ()) -> CampaignContent:
    """Open from today's business day on, for two days."""
    return CampaignContent(
        names={"en": "Bench", "zh-CN": "测试活动"},
        stores=(STORE,),
        calendar=Calendar(
            year=datetime.fromisoformat(today).year,
            first_day=OnDate.model_validate({"date": today}),
            last_day=DaysAfter(days=1),
        ),
        stacking_groups=tuple(stacking_groups),
        rules=tuple(rules),
    )


def season(today: str) -> CampaignContent:
    """Fifty rules that hold on that day."""
    groups = [
        StackingGroup(code="BEST", policy=StackingPolicy.BEST_FOR_MEMBER),
        StackingGroup(code="EXTRAS", policy=StackingPolicy.STACKABLE),
    ]
    rules: list[Rule] = [*_earn_rules(), *_wallet(), *_other_coupons(), *_gifts(), *_diaries()]
    if len(rules) != RULES:
        raise ValueError(f"{len(rules)} rules instead of {RULES}")
    return content_of(today, rules, stacking_groups=groups)


def _earn_rules() -> Iterator[EarnRule]:
    """Nine brands, five floors, five kinds of goods, and a bonus for a large receipt."""
    scopes = [
        *(Scope(brands=(brand,)) for brand in _BRANDS),
        *(Scope(floors=(floor,)) for floor in _FLOORS),
        *(Scope(categories=(category,)) for category in _CATEGORIES),
    ]
    for number, scope in enumerate(scopes, start=1):
        yield EarnRule(
            code=f"EARN-{number}",
            names={"en": f"More points {number}"},
            funding=_BOTH,
            scope=scope,
            effect=Multiple(basis_points=20_000 + 5_000 * number),
            stacking=EarnStacking.HIGHEST if number % 4 else EarnStacking.ADD,
            cap_points_per_member_day=60_000 if number % 5 == 0 else None,
        )
    yield EarnRule(
        code="BONUS",
        names={"en": "2,000 points for a receipt of CNY 10,000"},
        funding=_BOTH,
        effect=BonusPoints(points=2_000, minimum_spend_minor=10_000_00),
    )


def wallet_offer(number: int, **others: object) -> CouponOffer:
    """CNY 10 off and more, for everybody."""
    return CouponOffer.model_validate(
        {
            "code": f"WALLET-{number}",
            "names": {"en": f"Voucher {number}"},
            "funding": _BOTH,
            "face": AmountOff(amount_minor=number * 10_00),
            "minimum_spend_minor": number * 50_00,
            "issue": ToAllEligible(),
            **others,
        }
    )


def _wallet() -> Iterator[CouponOffer]:
    """Ten: of three the best is taken, two ask for other goods, five for more than the basket comes to."""
    for number in (1, 2, 3):
        yield wallet_offer(number, stacking_group="BEST", exclusive_group="VOUCHERS")
    for number in (4, 5):
        yield wallet_offer(number, scope=Scope(floors=("B1",)), minimum_spend_minor=50_00)
    for number in (6, 7, 8, 9, 10):
        yield wallet_offer(number, stacking_group="EXTRAS")


def _other_coupons() -> Iterator[CouponOffer]:
    """Ten that nobody has taken yet."""
    for number in range(1, 11):
        yield CouponOffer(
            code=f"COUPON-{number}",
            names={"en": f"Coupon {number}"},
            funding=_BOTH,
            scope=Scope(floors=(_FLOORS[number % 5],)),
            face=PercentOff(basis_points=500 * number, most_minor=300_00),
            minimum_spend_minor=100_00,
            issue=(ClaimedInApp(), BoughtWithPoints(points=1_000), ByCode())[number % 3],
            quota=10_000,
        )


def _gifts() -> Iterator[GiftOffer]:
    yield _gift(_PLENTY, _PLENTIFUL, limit_per_member_day=_OFTEN)
    yield _gift(_GONE, 1, limit_per_member_day=_OFTEN)
    for number in range(1, 7):
        threshold = SpendThreshold(minimum_spend_minor=number * 5_000_00)
        yield _gift(f"SPEND-{number}", 100, threshold=threshold, scope=Scope(floors=(_FLOORS[number % 5],)))


def _gift(code: str, units: int, **others: object) -> GiftOffer:
    return GiftOffer.model_validate(
        {
            "code": code,
            "names": {"en": code.capitalize()},
            "funding": _BOTH,
            "unit_cost_minor": 50_00,
            "pools": (GiftPool(code=_POOL, desk=_DESK, units_per_day=units),),
            **others,
        }
    )


def _diaries() -> Iterator[BookingWindow]:
    for number in (1, 2):
        opening = BookingOpening.model_validate({"days_before": 7 * number, "at": "10:00:00"})
        yield BookingWindow(
            code=f"VISITS-{number}", names={"en": f"Visits {number}"}, funding=_BOTH, openings=(opening,)
        )
