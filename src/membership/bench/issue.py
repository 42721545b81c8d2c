"""A coupon to every eligible member: how long a whole pass takes, and a second one that finds nothing to do.

Members are made in the database, a fifth of them one step up the ladder; the campaign comes into force by the real
steps, and its run is the worker's.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import perf_counter

from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import (
    AmountOff,
    Calendar,
    CampaignContent,
    CouponOffer,
    DaysAfter,
    Funding,
    OnDate,
    ToAllEligible,
)
from membership.campaigns.service import Campaigns
from membership.coupons.context import IssueWorkings
from membership.coupons.issuing import campaign_hooks, issue_to_all
from membership.coupons.model import Offer
from membership.coupons.store import list_offers_of_campaign
from membership.kernel.actor import Actor, Role
from membership.kernel.clock import SystemClock
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.model import Store
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache

_CODE = "BENCH-TO-ALL"
_MEMBERS = """
    INSERT INTO members.members (member_id, status, joined_at)
    SELECT ('00000000-bbbb-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid, 'ACTIVE', now()
    FROM generate_series(1, $1) AS number
"""
_MEMBERSHIPS = """
    INSERT INTO members.memberships (membership_id, member_id, programme_id, home_store_id, enrolled_at)
    SELECT gen_random_uuid(), member_id, $1, $2, joined_at FROM members.members
    WHERE member_id::text LIKE '00000000-bbbb-7%'
"""
_STANDINGS = """
    INSERT INTO tiers.standings (member_id, programme_id, tier, level, since, ends_on, upcoming, ladder_revision)
    SELECT member_id, programme_id, $2, 1, $3::date - 10, $3::date + 300, '[]', $4 FROM members.memberships
    WHERE programme_id = $1 AND member_id::text LIKE '00000000-bbbb-7%' AND right(member_id::text, 1) IN ('0', '5', 'a')
"""


@dataclass(frozen=True, slots=True)
class IssueFigures:
    """Seconds of a pass in which everybody gets a coupon, and of one in which everybody has it."""

    members: int
    issued: int
    first_seconds: float
    second_seconds: float


async def measure_issue(database: Database, conn: Conn, shop: Store, *, members: int) -> IssueFigures:
    """On a database with the store's configuration. `conn`: as a superuser, to make members."""
    now = SystemClock().now()
    workings = IssueWorkings(
        database, DirectoryCache(database.pool), LadderCache(database.pool), CampaignCache(database.pool)
    )
    ladder = (await workings.ladders.ladders(shop.programme_id, now))[-1]
    await _make(conn, shop, members, tier=ladder.ladder.tiers[1].code, revision=ladder.revision, today=now.date())
    offer = await _schedule(workings, shop, now)
    actor = Actor(Role.SERVICE, "bench", programme_id=shop.programme_id)
    began = perf_counter()
    issued = await issue_to_all(workings, actor, offer, clock=SystemClock().now)
    first = perf_counter() - began
    began = perf_counter()
    if again := await issue_to_all(workings, actor, offer, clock=SystemClock().now):
        raise RuntimeError(f"{again} members got a second coupon")
    return IssueFigures(members, issued, first, perf_counter() - began)


async def _make(conn: Conn, shop: Store, members: int, *, tier: str, revision: int, today: date) -> None:
    await conn.execute(_MEMBERS, members)
    await conn.execute(_MEMBERSHIPS, shop.programme_id, shop.store_id)
    await conn.execute(_STANDINGS, shop.programme_id, tier, today, revision)
    await conn.execute("ANALYZE members.memberships, tiers.standings")


async def _schedule(workings: IssueWorkings, shop: Store, now: datetime) -> Offer:
    """In force from tomorrow on."""
    tomorrow = now.date() + timedelta(days=1)
    offer = CouponOffer(
        code="WELCOME",
        names={"en": "Welcome"},
        funding=Funding(mall_basis_points=10_000, brand_basis_points=0),
        face=AmountOff(amount_minor=100_00),
        minimum_spend_minor=500_00,
        issue=ToAllEligible(),
    )
    content = CampaignContent(
        names={"en": "Bench"},
        stores=(shop.code,),
        calendar=Calendar(year=tomorrow.year, first_day=OnDate(date=tomorrow), last_day=DaysAfter(days=10)),
        rules=(offer,),
    )
    campaigns = Campaigns(
        workings.database,
        workings.directory,
        workings.ladders,
        cache=workings.campaigns,
        new_id=new_id,
        hooks=campaign_hooks(workings.directory, new_id),
    )
    planner, approver = (
        Actor(role, f"bench-{role.value}", programme_id=shop.programme_id) for role in (Role.PLANNER, Role.APPROVER)
    )
    made = await campaigns.create(planner, now, shop.programme_id, code=_CODE, content=content, key="bench-create")
    campaign_id = made.campaign.campaign_id
    await campaigns.submit(planner, now, campaign_id, key="bench-submit")
    await campaigns.approve(approver, now, campaign_id, key="bench-approve")
    async with workings.database.pool.acquire() as conn:
        (found,) = await list_offers_of_campaign(conn, _CODE, shop.programme_id)
    return found
