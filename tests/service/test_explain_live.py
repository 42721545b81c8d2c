"""Explain, told while it happens: at tills, at a desk, in the middle of a campaign. And what tills made, simulated."""

from collections.abc import AsyncIterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import EarnRule, Multiple, Scope
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.planning.cases import ExplainOffer
from membership.planning.explaining import Explanations, OfferExplanation
from membership.planning.model import PastCampaign, SimulateCampaign, StoredDraft
from membership.planning.service import Simulations
from membership.planning.why import Remark, Why
from membership.planning.wording import Voice, speak
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from service.test_gifts_by_spend import THOUSAND, by_spend
from support.campaign_desk import MALL
from support.clock import StoppedClock
from support.coupon_desk import offer
from support.coupon_till import CouponTill, open_coupon_till
from support.gift_desk import DAY, GiftDesk, open_gift_desk
from support.patience import open_patiently
from support.till_world import TillWorld, sale_id_of

TENFOLD = EarnRule(
    code="BRAND-DAY",
    names={"en": "Brand day", "zh-CN": "品牌日"},
    funding=MALL,
    scope=Scope(brands=("ALVENNA",)),
    effect=Multiple(basis_points=100_000),
)
ENGLISH = Voice("en", ZoneInfo("Asia/Shanghai"), "CNY", 2, lambda names: names["en"])


def explanations_on(database: Database) -> Explanations:
    pool = database.pool
    return Explanations(database, DirectoryCache(pool), LadderCache(pool), CampaignCache(pool))


def whys(remarks: tuple[Remark, ...]) -> list[Why]:
    return [remark.why for remark in remarks]


def said(remarks: tuple[Remark, ...], why: Why) -> str:
    return next(speak(remark.why.value, remark.facts, ENGLISH) for remark in remarks if remark.why is why)


# ---- at the till


@pytest.fixture
async def shop(till: TillWorld, database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring) -> CouponTill:
    return await open_coupon_till(till, database, conn, clock, keyring)


@pytest.fixture
def explanations(database: Database) -> Explanations:
    return explanations_on(database)


def services_of(shop: CouponTill) -> Actor:
    return Actor(Role.MEMBER_SERVICES, "wang.fang", programme_id=shop.till.store.programme_id)


async def ask(explanations: Explanations, shop: CouponTill, rule: str, **asked: object) -> OfferExplanation:
    wanted = ExplainOffer(shop.till.member, "ANNIVERSARY", rule, **asked)  # type: ignore[arg-type]
    return await explanations.offer(services_of(shop), shop.now, wanted)


async def test_ten_times_on_a_brand_day_with_a_coupon(shop: CouponTill, explanations: Explanations) -> None:
    await shop.campaign(offer("CNY-100"), TENFOLD)
    await shop.has("CNY-100")
    sold = await shop.pay(await shop.quote(600_00), 600_00)
    told = await explanations.sale(shop.till.actor, shop.now, sale_id_of(sold))
    assert told.is_reproduced
    assert said(told.remarks, Why.EARNED_AT_PLAIN_RATE) == "500 points at the plain rate."
    assert said(told.remarks, Why.EARNED_MULTIPLE) == (
        "4,500 more points by “Brand day”, which gives 10 times the plain rate."
    )
    assert said(told.remarks, Why.COUPON_APPLIES) == "“Coupon CNY-100” was used: CN¥100.00 off."
    rule = await ask(explanations, shop, "BRAND-DAY", sale_id=sale_id_of(sold))
    assert rule.applies
    assert Why.EARNED_MULTIPLE in whys(rule.remarks)


async def test_a_coupon_that_another_till_holds(shop: CouponTill, explanations: Explanations) -> None:
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    await shop.quote(600_00)
    sold = await shop.till.commit(shop.commit_of(700_00, coupons=(coupon.coupon_id,)))
    told = await explanations.sale(shop.till.actor, shop.now, sale_id_of(sold))
    assert said(told.remarks, Why.COUPON_HELD_ELSEWHERE) == (
        "The coupon “Coupon CNY-100” was being used at another till at that moment."
    )
    offered = await ask(explanations, shop, "CNY-100")
    assert Why.COUPON_RESERVED in whys(offered.remarks)


async def test_below_a_coupon_s_minimum_spend_by_how_much(shop: CouponTill, explanations: Explanations) -> None:
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    sold = await shop.till.commit(shop.commit_of(450_00, coupons=(coupon.coupon_id,)))
    told = await ask(explanations, shop, "CNY-100", sale_id=sale_id_of(sold))
    assert not told.applies
    assert said(told.remarks, Why.BELOW_MINIMUM_SPEND) == (
        "CN¥50.00 were missing to the minimum spend of “Coupon CNY-100”."
    )


async def test_what_is_of_another_brand(shop: CouponTill, explanations: Explanations) -> None:
    other = TENFOLD.model_copy(update={"scope": Scope(brands=("VAUDRELLE",))})
    await shop.campaign(other)
    sold = await shop.till.sell(100_00)
    told = await ask(explanations, shop, "BRAND-DAY", sale_id=sale_id_of(sold))
    assert not told.applies
    assert said(told.remarks, Why.NOTHING_IN_SCOPE).startswith(
        "“Brand day” is not for what was bought: the receipt has "
    )


async def test_while_the_campaign_is_paused(shop: CouponTill, explanations: Explanations) -> None:
    await shop.campaign(TENFOLD)
    shop.till.clock.advance(timedelta(minutes=1))
    await shop.desk.pause(shop.desk.made["ANNIVERSARY"])
    shop.till.clock.advance(timedelta(minutes=1))
    sold = await shop.till.sell(100_00)
    assert sold.points_earned == 100
    told = await explanations.sale(shop.till.actor, shop.now, sale_id_of(sold))
    assert said(told.remarks, Why.PAUSED) == "“Anniversary” was paused at that moment."
    by_rule = await ask(explanations, shop, "BRAND-DAY", sale_id=sale_id_of(sold))
    assert (by_rule.applies, whys(by_rule.remarks)[0]) == (False, Why.PAUSED)
    before = await ask(explanations, shop, "BRAND-DAY", at=shop.now - timedelta(minutes=2))
    assert Why.PAUSED not in whys(before.remarks)


async def test_a_coupon_given_back_by_a_return(shop: CouponTill, explanations: Explanations) -> None:
    await shop.campaign(offer("CNY-100"))
    await shop.has("CNY-100")
    sold = await shop.pay(await shop.quote(600_00), 600_00)
    shop.till.clock.advance(timedelta(minutes=5))
    await shop.till.take_back(sale_id_of(sold), (1, 1))
    told = await ask(explanations, shop, "CNY-100")
    story = whys(told.remarks)
    assert story[:3] == [Why.COUPON_ISSUED, Why.COUPON_REDEEMED, Why.COUPON_GIVEN_BACK]
    receipt = await explanations.sale(shop.till.actor, shop.now, sale_id_of(sold))
    assert Why.SALE_RETURNED in whys(receipt.remarks)


async def test_what_tills_made_is_simulated_exactly(shop: CouponTill, database: Database, conn: Conn) -> None:
    """Quotes, a receipt without one, a coupon, a cap that cuts, an anonymous receipt and a void."""
    await shop.campaign(offer("CNY-100"), TENFOLD.model_copy(update={"cap_points_per_member_day": 5_000}), days=2)
    await shop.has("CNY-100")
    await shop.pay(await shop.quote(600_00), 600_00)
    await shop.till.sell(300_00)
    await shop.till.sell_anonymously(900_00)
    other = await shop.till.another_member(conn)
    await other.sell(200_00)
    await other.void(sale_id_of(await other.sell(50_00)))
    shop.till.clock.advance(timedelta(days=3))
    pool, clock = database.pool, shop.till.clock
    simulations = Simulations(database, DirectoryCache(pool), LadderCache(pool), CampaignCache(pool), new_id, clock)
    planner = Actor(Role.PLANNER, "planner", programme_id=shop.till.store.programme_id)
    own = SimulateCampaign("own", shop.till.store.programme_id, StoredDraft("ANNIVERSARY"), PastCampaign("ANNIVERSARY"))
    done = await simulations.request(planner, shop.now, own)
    assert done.forecast is not None, done.failure
    ledger = await conn.fetchval(
        "SELECT sum(lot.points)::bigint FROM points.lots lot JOIN receipts.sales sale USING (sale_id) "
        "WHERE lot.rule = 'ANNIVERSARY/BRAND-DAY' AND sale.state <> 'VOIDED'"
    )
    by_rule = {rule.rule: rule for rule in done.forecast.rules}
    assert by_rule["BRAND-DAY"].points == ledger == 5_000 + 1_800
    assert (by_rule["CNY-100"].coupons_redeemed, by_rule["CNY-100"].discount_minor) == (1, 100_00)
    assert (done.forecast.receipts, done.forecast.anonymous_receipts, done.forecast.differing_receipts) == (4, 1, 0)


# ---- at the desk


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def gifts(database: Database, conn: Conn, client: RedisClient, keyring: Keyring) -> GiftDesk:
    return await open_gift_desk(database, conn, client, keyring)


async def about(gifts: GiftDesk, member: MembershipKey, **asked: object) -> OfferExplanation:
    assert gifts.campaign is not None
    wanted = ExplainOffer(member, gifts.campaign.code, "DAILY-GIFT", **asked)  # type: ignore[arg-type]
    return await explanations_on(gifts.database).offer(gifts.services, gifts.now, wanted)


async def test_a_gift_clawed_back_after_a_return(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend(collection={"days_after": 3}))
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND)
    await gifts.collect(await gifts.claim(member))
    gifts.clock.advance(DAY)
    await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.hand_on_events()
    told = await about(gifts, member)
    story = whys(told.remarks)
    assert story == [Why.GIFT_CLAIMED, Why.GIFT_READY, Why.GIFT_COLLECTED, Why.GIFT_CLAWBACK_DUE]
    assert said(told.remarks, Why.GIFT_CLAWBACK_DUE).startswith("After a return that day's spend no longer covers it")
    receipt = await explanations_on(gifts.database).sale(gifts.services, gifts.now, sale_id)
    assert {Why.SALE_RETURNED, Why.GIFT_CLAIMED, Why.GIFT_CLAWBACK_DUE} <= set(whys(receipt.remarks))


async def test_below_a_gift_s_threshold_by_how_much(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    await gifts.spend(member, 300_00)
    told = await about(gifts, member)
    assert not told.applies
    assert said(told.remarks, Why.BELOW_THRESHOLD) == (
        "CN¥700.00 of that day's spend were missing: “Daily gift” takes CN¥1,000.00."
    )
    assert Why.GIFT_AVAILABLE in whys(told.remarks)


async def test_sold_out_and_when(gifts: GiftDesk) -> None:
    few = by_spend()
    await gifts.offer(few.model_copy(update={"pools": (few.pools[0].model_copy(update={"units_per_day": 1}),)}))
    quick, late = await gifts.join(), await gifts.join()
    for member in (quick, late):
        await gifts.spend(member, THOUSAND)
    await gifts.claim(quick)
    gifts.clock.advance(timedelta(minutes=2))
    told = await about(gifts, late)
    assert Why.SOLD_OUT in whys(told.remarks)
    assert said(told.remarks, Why.SOLD_OUT).startswith("All 1 of “Daily gift” for Thursday, November 12, 2026")
    assert Why.THRESHOLD_REACHED in whys(told.remarks)


async def test_a_limit_that_was_reached_on_the_day(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    await gifts.spend(member, 2 * THOUSAND)
    await gifts.claim(member)
    gifts.clock.advance(timedelta(minutes=2))
    told = await about(gifts, member, at=gifts.now)
    assert Why.GIFT_CLAIMED in whys(told.remarks)


async def test_paused_for_a_gift(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    await gifts.pause()
    gifts.clock.advance(timedelta(minutes=1))
    told = await about(gifts, member)
    assert whys(told.remarks)[0] is Why.PAUSED
    assert not told.applies


async def test_before_the_drop(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    told = await about(gifts, member, at=gifts.now - timedelta(hours=gifts.now.hour + 1))
    assert {Why.NOT_STARTED, Why.GIFT_NOT_DROPPED, Why.GIFT_DAY_OVER} & set(whys(told.remarks))
