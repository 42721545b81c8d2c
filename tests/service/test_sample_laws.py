"""The loaded sample keeps the laws that real sales keep. One load for all tests here: they only read."""

import json
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import date
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from pydantic import TypeAdapter

from membership.campaigns.engine import decide_sale
from membership.campaigns.model import SaleDecision, SaleFacts
from membership.campaigns.store import load_frozen
from membership.kernel.actor import Actor, Role
from membership.members.keyring import Keyring
from membership.members.model import MemberId, MembershipKey
from membership.points import service as points
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.receipts.model import DaySpend
from membership.sample.configuration import sample_configuration, sample_ladders
from membership.sample.loading import SampleSummary, load_sample
from membership.stores.service import Directory
from membership.tiers import jobs
from membership.tiers.records import records_of
from membership.tiers.rules.standing import Facts, settled, standing_on, tier_on
from sample_generation import NOW, TODAY, repeatable_keyring
from sample_store import sample_world
from support.servers import Addresses

PEOPLE = 300
ACTOR = Actor(Role.SERVICE, "test")
_FACTS, _DECISION = TypeAdapter(SaleFacts), TypeAdapter(SaleDecision)


@pytest.fixture(scope="module")
async def sample_dsn(addresses: Addresses, server_conn: Conn) -> AsyncIterator[str]:
    name = f"test_sample_{secrets.token_hex(8)}"
    await server_conn.execute(f"CREATE DATABASE {name} TEMPLATE {addresses.template} STRATEGY file_copy")
    yield addresses.dsn(name)
    await server_conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    return repeatable_keyring()


@pytest.fixture(scope="module")
async def summary(sample_dsn: str, keyring: Keyring) -> SampleSummary:
    return await load_sample(sample_dsn, keyring=keyring, size=PEOPLE, today=TODAY, now=NOW)


@pytest.fixture
async def sample(sample_dsn: str, summary: SampleSummary) -> AsyncIterator[Conn]:
    assert summary.members == PEOPLE
    conn = await asyncpg.connect(sample_dsn)
    yield conn
    await conn.close()


async def broken(conn: Conn, query: str) -> list[asyncpg.Record]:
    """Rows that break a law, a few of them."""
    return list(await conn.fetch(f"{query} LIMIT 5"))


async def test_every_table_of_a_history_has_rows(sample: Conn) -> None:
    for table in (
        "members.identities",
        "members.consents",
        "cards.code_seeds",
        "points.entries",
        "points.lot_uses",
        "receipts.returns",
        "tiers.standings",
        "tiers.grants",
        "tiers.reviews",
        "tiers.rank_awards",
    ):
        assert await sample.fetchval(f"SELECT count(*) FROM {table}") > 0, table
    assert await sample.fetchval("SELECT count(*) FROM members.members") == PEOPLE
    assert await sample.fetchval("SELECT count(*) FROM receipts.sales") > 8 * PEOPLE


async def test_a_balance_is_the_sum_of_its_entries(sample: Conn) -> None:
    """L1."""
    assert not await broken(
        sample,
        """
        SELECT account.member_id, account.balance, entries.points FROM points.accounts account
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(CASE credit WHEN 'MEMBER' THEN points ELSE -points END), 0) AS points
            FROM points.entries entry
            WHERE entry.member_id = account.member_id AND entry.programme_id = account.programme_id
        ) entries ON true
        WHERE account.balance <> entries.points
        """,
    )


async def test_a_balance_is_what_lots_hold_less_the_debt(sample: Conn) -> None:
    """L1."""
    assert not await broken(
        sample,
        """
        SELECT account.member_id FROM points.accounts account
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(lot.remaining), 0) AS remaining FROM points.lots lot
            WHERE lot.member_id = account.member_id AND lot.programme_id = account.programme_id
        ) lots ON true
        WHERE account.balance <> lots.remaining - account.debt OR (account.debt > 0 AND lots.remaining > 0)
        """,
    )


async def test_lifetime_points_are_what_was_issued_less_what_returns_took_back(sample: Conn) -> None:
    assert not await broken(
        sample,
        """
        SELECT account.member_id FROM points.accounts account
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(CASE debit WHEN 'ISSUE' THEN points ELSE -points END), 0) AS points
            FROM points.entries entry
            WHERE entry.member_id = account.member_id AND entry.programme_id = account.programme_id
                AND 'ISSUE' IN (debit, credit)
        ) issued ON true
        WHERE account.lifetime_earned <> issued.points
        """,
    )


async def test_what_remains_of_a_lot_is_the_lot_less_its_uses(sample: Conn) -> None:
    """L3."""
    assert not await broken(
        sample,
        """
        SELECT lot.lot_id FROM points.lots lot
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(used.points), 0) AS points FROM points.lot_uses used WHERE used.lot_id = lot.lot_id
        ) uses ON true
        WHERE lot.remaining <> lot.points - uses.points
        """,
    )


async def test_a_line_earned_what_its_lots_were_made_of(sample: Conn) -> None:
    """L6."""
    assert not await broken(
        sample,
        """
        SELECT line.sale_id, line.line_no FROM receipts.lines line
        JOIN receipts.sales sale ON sale.sale_id = line.sale_id
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(lot.points), 0) AS points FROM points.lots lot
            WHERE lot.sale_id = line.sale_id AND lot.line_no = line.line_no
        ) lots ON true
        WHERE line.points <> lots.points AND sale.member_id IS NOT NULL
        """,
    )


async def test_payments_and_points_add_up_to_the_lines(sample: Conn) -> None:
    assert not await broken(
        sample,
        """
        SELECT sale.sale_id FROM receipts.sales sale
        WHERE sale.net_minor <> (SELECT sum(net_minor) FROM receipts.lines line WHERE line.sale_id = sale.sale_id)
            OR sale.returned_minor <>
                (SELECT sum(returned_minor) FROM receipts.lines line WHERE line.sale_id = sale.sale_id)
            OR sale.net_minor <> (sale.inputs ->> 'points_value_minor')::bigint + coalesce(
                (SELECT sum(amount_minor) FROM receipts.tenders tender WHERE tender.sale_id = sale.sale_id), 0)
                + sale.discount_minor
        """,
    )


async def test_returns_add_up_to_what_lines_and_sales_say(sample: Conn) -> None:
    """P7."""
    assert not await broken(
        sample,
        """
        SELECT sale.sale_id FROM receipts.sales sale
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(back.amount_minor), 0) AS amount_minor,
                coalesce(sum(back.points_given_back), 0) AS points_given_back
            FROM receipts.returns back WHERE back.sale_id = sale.sale_id
        ) returns ON true
        WHERE sale.returned_minor <> returns.amount_minor OR sale.points_returned <> returns.points_given_back
        """,
    )
    assert not await broken(
        sample,
        """
        SELECT line.sale_id FROM receipts.lines line
        JOIN receipts.sales sale ON sale.sale_id = line.sale_id
        WHERE (sale.state IN ('VOIDED', 'RETURNED') AND line.returned_quantity <> line.quantity)
            OR (sale.state = 'COMMITTED' AND line.returned_quantity <> 0)
        """,
    )


async def test_running_stored_decisions_again_gives_what_is_stored(sample: Conn) -> None:
    """P5."""
    terms = {entry.programme_id: entry.terms[0].terms for entry in sample_configuration().programmes}
    revisions = await load_frozen(
        sample, [row["revision_id"] for row in await sample.fetch("SELECT revision_id FROM campaigns.revisions")]
    )
    assert [revision.code for revision in revisions.values()] == ["ANNIVERSARY-2025"]
    sales = await sample.fetch("SELECT programme_id, inputs, decision FROM receipts.sales")
    for sale in sales:
        facts = _FACTS.validate_json(sale["inputs"])
        decided = decide_sale(facts, terms[sale["programme_id"]], revisions)
        assert decided == _DECISION.validate_json(sale["decision"])


async def test_business_days_are_the_lines_less_what_came_back(sample: Conn) -> None:
    """Every return is judged on the cumulative amount, like the clawback (L5)."""
    assert not await broken(
        sample,
        """
        SELECT day.member_id, day.business_date FROM receipts.business_days day
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(line.tier_minor - CASE
                WHEN line.returned_minor = line.net_minor THEN line.tier_minor
                ELSE line.tier_minor * line.returned_minor / line.net_minor END), 0) AS tier_minor
            FROM receipts.sales sale JOIN receipts.lines line ON line.sale_id = sale.sale_id
            WHERE sale.member_id = day.member_id AND sale.programme_id = day.programme_id
                AND sale.business_date = day.business_date
        ) lines ON true
        WHERE day.tier_minor <> lines.tier_minor
        """,
    )


async def test_standings_are_what_the_fold_makes_of_the_days(sample: Conn) -> None:
    """T1."""
    days: dict[MembershipKey, list[DaySpend]] = defaultdict(list)
    for row in await sample.fetch("SELECT * FROM receipts.business_days ORDER BY business_date"):
        key = MembershipKey(row["member_id"], row["programme_id"])
        days[key].append(DaySpend(row["business_date"], row["tier_minor"], row["base_points"]))
    recorded = {
        MembershipKey(row["member_id"], row["programme_id"]): row["records"]
        for row in await sample.fetch("SELECT member_id, programme_id, records FROM tiers.records")
    }
    tiers = set()
    for key in {*days, *recorded}:
        ladders = (sample_ladders()[key.programme_id],)
        records = records_of(recorded.get(key), ladders, TODAY)
        facts = Facts(ladders, tuple(days[key]), records.grants, records.step_downs)
        folded = standing_on(facts, TODAY)
        assert settled(records.standing, TODAY) == folded
        tiers.add(folded.hold.tier)
    assert {"SILVER", "GOLD", "PLATINUM", "BLACK", "RED", "CLARET"} <= tiers


async def test_jobs_find_nothing_left_to_do(sample_dsn: str, sample: Conn) -> None:
    """Expired lots, due reviews and ranks were posted, reviewed and awarded as the history went on."""
    pool = await open_pool(sample_dsn)
    database, directory = Database(pool), Directory(sample_configuration())
    async with database.engine(ACTOR, NOW) as tx:
        assert await points.post_expiries(tx, directory, limit=100) == 0
    for programme_id, entry in sample_ladders().items():
        facts = {"programme_id": programme_id, "ladders": (entry,), "today": TODAY}
        assert await jobs.award_ranks(database, ACTOR, NOW, **facts) == []  # type: ignore[arg-type]
        assert (await jobs.review_due(database, ACTOR, NOW, **facts)).looked_at == 0  # type: ignore[arg-type]
    await pool.close()
    assert await sample.fetchval("SELECT count(*) FROM platform.outbox") == 0


async def test_two_days_of_the_year_draw_the_crowd(sample: Conn) -> None:
    world = sample_world()
    by_day = await sample.fetch(
        "SELECT business_date, count(*) AS sales FROM receipts.sales WHERE store_id = $1 GROUP BY 1 ORDER BY 2 DESC",
        world.chaoyang.store_id,
    )
    busiest = {row["business_date"] for row in by_day[:8]}
    april = {date(2026, 4, day) for day in range(16, 27)}
    november = {date(2026, 11, day) for day in range(12, 22)} | {date(2025, 11, day) for day in range(13, 24)}
    assert busiest <= april | november


async def tiers_today(conn: Conn) -> dict[MemberId, str]:
    """Of everybody who ever left the lowest tier; later tiers begin by the clock alone."""
    rows = await conn.fetch("SELECT member_id, programme_id, records FROM tiers.records")
    return {
        row["member_id"]: tier_on(
            records_of(row["records"], (sample_ladders()[row["programme_id"]],), TODAY).standing, TODAY
        )
        for row in rows
    }


async def test_named_members_are_in_the_states_they_are_named_for(sample: Conn) -> None:
    member, tiers = sample_world().cast, await tiers_today(sample)
    named = {"LIN": "GOLD", "ZHOU": "SILVER", "SHEN": "BLACK", "KIM": "GOLD", "OKAFOR": "MIDNIGHT"}
    assert {code: tiers[member[code]] for code in named} == named
    assert member["PRIYA"] not in tiers
    debts = {row["member_id"]: row["debt"] for row in await sample.fetch("SELECT member_id, debt FROM points.accounts")}
    assert debts[member["DENG"]] > 0
    blocked = await sample.fetchval("SELECT status FROM cards.cards WHERE member_id = $1", member["MA"])
    assert blocked == "BLOCKED"
    waiting = await sample.fetchrow("SELECT member_id, state FROM points.adjustments")
    assert waiting is not None
    assert (waiting["member_id"], waiting["state"]) == (member["XU"], "PENDING_APPROVAL")
    lots = await sample.fetch(
        "SELECT remaining, activates_at, expires_at FROM points.lots WHERE member_id = $1", member["LIN"]
    )
    assert any(lot["remaining"] and lot["activates_at"] > NOW for lot in lots)
    soonest = min(lot["expires_at"] for lot in lots if lot["remaining"])
    assert soonest.astimezone(ZoneInfo("Asia/Shanghai")).date() == date(2026, 11, 23)


async def test_answers_of_sales_can_be_told_again(sample: Conn) -> None:
    """What is stored of a sale's answer is what its ledger says."""
    row = await sample.fetchrow(
        "SELECT answer, points_redeemed FROM receipts.sales WHERE points_redeemed > 0 ORDER BY sale_id LIMIT 1"
    )
    assert row is not None
    assert json.loads(row["answer"])["points_redeemed"] == row["points_redeemed"]
