"""Last year's anniversary in the loaded sample keeps the laws of coupons, gifts and inventory. One load for all."""

import secrets
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from pydantic import TypeAdapter

from membership.campaigns import store as campaigns
from membership.campaigns.model import CampaignState, SaleDecision
from membership.campaigns.rules.states import CAMPAIGN_STEPS
from membership.gifts import store as gifts
from membership.gifts.model import GiftState
from membership.gifts.rules.states import may_follow
from membership.postgres.connection import Conn
from membership.sample.loading import SampleSummary, load_sample
from sample_generation import NOW, TODAY, repeatable_keyring
from sample_store import sample_world
from support.servers import Addresses

PEOPLE = 700
SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST, LAST = date(2025, 11, 13), date(2025, 11, 23)
STORE = sample_world().chaoyang
_DECISION = TypeAdapter(SaleDecision)


@pytest.fixture(scope="module")
async def sample_dsn(addresses: Addresses, server_conn: Conn) -> AsyncIterator[str]:
    name = f"test_sample_{secrets.token_hex(8)}"
    await server_conn.execute(f"CREATE DATABASE {name} TEMPLATE {addresses.template} STRATEGY file_copy")
    yield addresses.dsn(name)
    await server_conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def summary(sample_dsn: str) -> SampleSummary:
    return await load_sample(sample_dsn, keyring=repeatable_keyring(), size=PEOPLE, today=TODAY, now=NOW)


@pytest.fixture
async def sample(sample_dsn: str, summary: SampleSummary) -> AsyncIterator[Conn]:
    assert summary.members == PEOPLE
    conn = await asyncpg.connect(sample_dsn)
    yield conn
    await conn.close()


async def broken(conn: Conn, query: str) -> list[asyncpg.Record]:
    """Rows that break a law, a few of them."""
    return list(await conn.fetch(f"{query} LIMIT 5"))


async def states_of(conn: Conn, table: str) -> Counter[str]:
    rows = await conn.fetch(f"SELECT state, count(*) AS number FROM {table} GROUP BY state")
    return Counter({row["state"]: row["number"] for row in rows})


# ---- the campaign


async def test_it_was_planned_approved_and_closed(sample: Conn) -> None:
    found = await campaigns.find_campaign_by_code(sample, STORE.programme_id, "ANNIVERSARY-2025")
    assert found is not None
    assert found.state is CampaignState.CLOSED
    (log,) = (await campaigns.list_state_changes(sample, [found.campaign_id])).values()
    steps = [(change.from_state, change.to_state) for change in log]
    assert [to for _, to in steps] == [
        CampaignState.DRAFT,
        CampaignState.REVIEW,
        CampaignState.SCHEDULED,
        CampaignState.SETTLING,
        CampaignState.CLOSED,
    ]
    allowed = {(before, after) for (before, _), after in CAMPAIGN_STEPS.items()}
    assert set(steps[1:]) <= allowed
    assert [change.at for change in log] == sorted(change.at for change in log)
    assert log[2].actor != log[1].actor


async def test_its_revision_is_frozen_with_the_days_of_its_rule(sample: Conn) -> None:
    (row,) = await sample.fetch("SELECT revision_id FROM campaigns.revisions")
    (revision,) = (await campaigns.load_frozen(sample, [row["revision_id"]])).values()
    calendar = revision.calendars[STORE.store_id]
    assert (calendar.days[0], calendar.days[-1]) == (FIRST, LAST)
    assert calendar.rule_days["BRAND-DAY-BEAUTY"] == {date(2025, 11, 15)}


async def test_its_rules_gave_points_on_their_days_alone(sample: Conn) -> None:
    rows = await sample.fetch(
        "SELECT lot.rule, lot.revision, sale.business_date, sum(lot.points) AS points FROM points.lots lot"
        " JOIN receipts.sales sale USING (sale_id) WHERE lot.rule LIKE 'ANNIVERSARY-2025/%' GROUP BY 1, 2, 3"
    )
    days: dict[str, set[date]] = {}
    for row in rows:
        assert row["revision"] == "campaign:ANNIVERSARY-2025:1"
        days.setdefault(row["rule"].partition("/")[2], set()).add(row["business_date"])
    assert days["BRAND-DAY-BEAUTY"] == {date(2025, 11, 15)}
    assert days["BRAND-DAY-WOMEN"] == {date(2025, 11, 16)}
    assert min(days["BONUS-2000"]) >= date(2025, 11, 12)  # the evening before, for whoever is invited to it
    assert max(days["BONUS-2000"]) <= LAST


async def test_capped_rules_gave_nobody_more_than_their_caps(sample: Conn) -> None:
    assert not await broken(
        sample,
        """
        SELECT lot.member_id FROM points.lots lot JOIN receipts.sales sale USING (sale_id)
        WHERE lot.rule LIKE 'ANNIVERSARY-2025/BRAND-DAY-%' GROUP BY lot.member_id, lot.rule, sale.business_date
        HAVING sum(lot.points) > 60000
        """,
    )
    given = await sample.fetch(
        "SELECT sum(points) AS points FROM points.lots WHERE rule = 'ANNIVERSARY-2025/BONUS-2000' GROUP BY member_id"
    )
    assert max(row["points"] for row in given) == 6_000  # somebody reached it


# ---- coupons


async def test_coupons_were_redeemed_and_the_others_expired(sample: Conn) -> None:
    """C10."""
    states = await states_of(sample, "coupons.coupons")
    assert set(states) == {"REDEEMED", "EXPIRED"}
    assert min(states.values()) > 5
    assert not await broken(
        sample,
        """
        SELECT coupon_id FROM coupons.coupons coupon
        WHERE (state = 'REDEEMED') <> EXISTS (
            SELECT FROM coupons.redemptions use
            WHERE use.coupon_id = coupon.coupon_id AND use.sale_id = coupon.sale_id AND use.reversed_at IS NULL
        )
        """,
    )


async def test_everybody_has_a_coupon_of_an_offer_once(sample: Conn) -> None:
    """C1."""
    assert not await broken(
        sample, "SELECT member_id FROM coupons.coupons GROUP BY member_id, offer_id HAVING count(*) > 1"
    )
    assert not await broken(
        sample,
        """
        SELECT run.offer_id FROM coupons.issue_runs run
        WHERE run.issued <> (SELECT count(*) FROM coupons.coupons coupon WHERE coupon.offer_id = run.offer_id)
        """,
    )


async def test_coupons_were_used_within_their_time(sample: Conn) -> None:
    """C4."""
    assert not await broken(
        sample,
        """
        SELECT coupon_id FROM coupons.redemptions JOIN coupons.coupons coupon USING (coupon_id)
        WHERE redeemed_at < coupon.valid_from OR redeemed_at >= coupon.valid_until OR redeemed_at < coupon.issued_at
        """,
    )


async def test_discounts_are_what_coupons_took_off(sample: Conn) -> None:
    """C8: of receipts, their lines and the decisions behind them."""
    assert not await broken(
        sample,
        """
        SELECT sale.sale_id FROM receipts.sales sale
        WHERE sale.discount_minor <>
                (SELECT sum(line.discount_minor) FROM receipts.lines line WHERE line.sale_id = sale.sale_id)
            OR sale.returned_discount_minor <>
                (SELECT sum(line.returned_discount_minor) FROM receipts.lines line WHERE line.sale_id = sale.sale_id)
            OR sale.discount_minor <> coalesce(
                (SELECT sum(use.discount_minor) FROM coupons.redemptions use WHERE use.sale_id = sale.sale_id), 0)
            OR sale.returned_discount_minor <> coalesce(
                (SELECT sum(back.discount_minor) FROM receipts.returns back WHERE back.sale_id = sale.sale_id), 0)
        """,
    )
    discounted = await sample.fetch("SELECT sale_id, decision FROM receipts.sales WHERE discount_minor > 0")
    assert len(discounted) > 5
    for row in discounted:
        for applied in _DECISION.validate_json(row["decision"]).coupons:
            assert sum(share.discount_minor for share in applied.shares) == applied.discount_minor


async def test_a_coupon_of_a_receipt_that_came_back_lives_again_or_has_expired(sample: Conn) -> None:
    """C2."""
    assert not await broken(
        sample,
        """
        SELECT use.coupon_id FROM coupons.redemptions use JOIN receipts.sales sale USING (sale_id)
        WHERE (use.reversed_at IS NOT NULL) <> (sale.state IN ('VOIDED', 'RETURNED'))
        """,
    )


async def test_an_amount_is_used_once_in_each_group(sample: Conn) -> None:
    """C6."""
    assert not await broken(
        sample,
        """
        SELECT total.sale_id FROM receipts.group_amounts total
        JOIN receipts.lines line USING (sale_id, line_no)
        WHERE total.used_minor > line.net_minor OR total.net_minor <> line.net_minor
            OR total.used_minor <> (
                SELECT sum(used.used_minor) FROM receipts.amounts_used used
                WHERE (used.sale_id, used.line_no, used.exclusive_group)
                    = (total.sale_id, total.line_no, total.exclusive_group)
            )
        """,
    )
    assert not await broken(
        sample,
        """
        SELECT coupon.coupon_id FROM coupons.coupons coupon
        WHERE (coupon.state = 'REDEEMED') <> EXISTS (
            SELECT FROM receipts.amounts_used used
            WHERE used.used_by_id = coupon.coupon_id AND used.used_by = 'COUPON' AND used.sale_id = coupon.sale_id
        )
        """,
    )


# ---- gifts and their units


async def test_a_gift_went_through_the_steps_that_its_log_says(sample: Conn) -> None:
    states = await states_of(sample, "gifts.gifts")
    assert {"COLLECTED", "FORFEITED"} <= set(states)
    for row in await sample.fetch(
        "SELECT gift.state, array_agg(change.from_state ORDER BY change.step) AS before,"
        " array_agg(change.to_state ORDER BY change.step) AS after,"
        " array_agg(change.step ORDER BY change.step) AS steps,"
        " array_agg(change.at ORDER BY change.step) AS moments, gift.step, gift.claimed_at, gift.collect_until"
        " FROM gifts.gifts gift JOIN gifts.changes change USING (gift_id) GROUP BY gift.gift_id"
    ):
        assert row["before"] == ["CONFIRMED", *row["after"][:-1]]
        assert all(
            may_follow(GiftState(before), GiftState(after))
            for before, after in zip(row["before"], row["after"], strict=True)
        )
        assert (row["after"][-1], row["steps"]) == (row["state"], list(range(2, row["step"] + 1)))
        assert row["moments"] == sorted(row["moments"])
        collected = [at for at, to in zip(row["moments"], row["after"], strict=True) if to == "COLLECTED"]
        assert all(row["claimed_at"] < at < row["collect_until"] for at in collected)


async def test_gifts_and_claims_are_the_same(sample: Conn) -> None:
    """I5."""
    assert not await broken(
        sample,
        """
        SELECT coalesce(gift_id, claim_id) FROM gifts.gifts gift
        FULL JOIN inventory.claims claim ON claim.claim_id = gift.gift_id
        WHERE gift_id IS NULL OR claim_id IS NULL OR gift.pool_id <> claim.pool_id
            OR (claim.state = 'RETURNED') <> (gift.state IN ('CANCELLED', 'FORFEITED', 'RETURNED'))
        """,
    )


async def test_pools_account_for_every_unit(sample: Conn) -> None:
    """I1, I2, I3: what is confirmed has a claim, and no unit came from nowhere or went."""
    assert not await broken(
        sample,
        """
        SELECT pool_id FROM inventory.pools pool
        WHERE confirmed <> (SELECT count(*) FROM inventory.claims claim
                WHERE claim.pool_id = pool.pool_id AND claim.state = 'CONFIRMED')
            OR confirmed + voided > total OR closed_at IS NULL
        """,
    )
    totals = await sample.fetch(
        "SELECT offer.rule_code, sum(stock.total) AS total FROM inventory.pools stock"
        " JOIN gifts.offers offer USING (offer_id) GROUP BY 1"
    )
    assert {row["rule_code"]: row["total"] for row in totals} == {"DAILY-GIFT": 11 * 40, "SPEND-18000": 11 * 18}


async def test_nobody_has_more_than_the_limits_allow(sample: Conn) -> None:
    """I4, and the counts that guard it."""
    assert not await broken(
        sample,
        """
        SELECT held.member_id FROM inventory.member_counts held
        WHERE held.claimed <> (SELECT count(*) FROM inventory.claims claim
            WHERE claim.offer_id = held.offer_id AND claim.member_id = held.member_id AND claim.counts
                AND (held.day IS NULL OR claim.day = held.day))
        """,
    )
    assert not await broken(
        sample,
        """
        SELECT claim.member_id FROM inventory.claims claim JOIN gifts.offers offer USING (offer_id)
        GROUP BY claim.member_id, offer.rule_code
        HAVING count(*) > count(DISTINCT claim.day)
            OR count(*) > CASE offer.rule_code WHEN 'DAILY-GIFT' THEN 2 ELSE 3 END
        """,
    )


async def test_the_daily_gift_went_from_ten_on(sample: Conn) -> None:
    claims = await sample.fetch(
        "SELECT gift.day, gift.claimed_at FROM gifts.gifts gift WHERE gift.rule_code = 'DAILY-GIFT' ORDER BY claimed_at"
    )
    by_day: dict[date, list[datetime]] = {}
    for row in claims:
        by_day.setdefault(row["day"], []).append(row["claimed_at"].astimezone(SHANGHAI))
    assert len(by_day) == 11
    for day, moments in by_day.items():
        assert {at.date() for at in moments} == {day}
        assert time(10) <= moments[0].time() < time(10, 1)
        assert moments[-1].time() < time(21, 30)


async def test_gifts_for_spend_are_covered_by_the_receipts_of_their_day(sample: Conn) -> None:
    assert not await broken(
        sample,
        """
        SELECT gift.gift_id, gift.state, used.minor FROM gifts.gifts gift
        LEFT JOIN LATERAL (
            SELECT sum(entry.used_minor) AS minor, count(*) FILTER (
                WHERE sale.business_date <> gift.day OR sale.member_id <> gift.member_id) AS strange
            FROM receipts.amounts_used entry JOIN receipts.sales sale USING (sale_id)
            WHERE entry.used_by = 'GIFT' AND entry.used_by_id = gift.gift_id
        ) used ON true
        WHERE gift.rule_code = 'SPEND-18000' AND (used.strange > 0 OR CASE
            WHEN gift.state IN ('COLLECTED', 'FORFEITED') THEN used.minor IS DISTINCT FROM gift.minimum_spend_minor
            WHEN gift.state IN ('CANCELLED', 'RETURNED') THEN used.minor IS NOT NULL
            ELSE coalesce(used.minor, 0) >= gift.minimum_spend_minor END)
        """,
    )
    assert not await broken(
        sample, "SELECT gift_id FROM gifts.gifts WHERE (spend_group IS NULL) <> (rule_code = 'DAILY-GIFT')"
    )


async def test_jobs_find_nothing_left_to_do(sample: Conn) -> None:
    async with sample.transaction():
        assert await gifts.lock_overdue(sample, STORE.store_id, NOW, limit=5) == []
    assert await gifts.list_due_judgements(sample, NOW, limit=5) == []
    assert await gifts.list_past_pools(sample, {STORE.store_id: TODAY}, limit=5) == []
    assert not await broken(sample, "SELECT offer_id FROM coupons.issue_runs WHERE next_at IS NOT NULL")


async def test_a_sample_made_just_after_the_anniversary_is_in_the_middle_of_it(postgres_dsn: str, conn: Conn) -> None:
    """Settling; nothing has happened yet that is to come."""
    now = datetime(2026, 11, 24, 3, tzinfo=UTC)
    await load_sample(postgres_dsn, keyring=repeatable_keyring(), size=400, today=now.date(), now=now)
    found = await campaigns.find_campaign_by_code(conn, STORE.programme_id, "ANNIVERSARY-2026")
    assert found is not None
    assert found.state is CampaignState.SETTLING
    assert not await broken(
        conn,
        f"""
        SELECT gift_id FROM gifts.gifts gift LEFT JOIN gifts.changes change USING (gift_id)
        WHERE claimed_at > '{now}' OR change.at > '{now}'
            OR (gift.state IN ('CONFIRMED', 'READY') AND gift.collect_until <= '{now}')
        """,
    )
    assert (await states_of(conn, "gifts.gifts"))["COLLECTED"]
    assert set(await states_of(conn, "coupons.coupons")) == {"REDEEMED", "EXPIRED"}
