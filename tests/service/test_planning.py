"""Simulate and explain, on last year's anniversary as the sample lived it."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from membership.campaigns.cache import CampaignCache
from membership.campaigns.errors import UnknownCampaign
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.planning import store
from membership.planning.arrivals import DEFAULT_MODEL, ParametersFrom
from membership.planning.cases import ExplainOffer
from membership.planning.drafting import Period
from membership.planning.errors import PastCampaignNeverOpened, PeriodNotOver, PeriodOutOfOrder, PeriodTooLong
from membership.planning.explaining import Explanations
from membership.planning.learning import PastDrops, list_past_pools
from membership.planning.mapping import DayMapping, days_between
from membership.planning.model import (
    Assumption,
    Forecast,
    PastCampaign,
    PastDays,
    SimulateCampaign,
    SimulationId,
    SimulationState,
    StoredDraft,
    UnsavedDraft,
)
from membership.planning.service import MOST_ATTEMPTS, SILENT_AFTER, Simulations, find_simulation
from membership.planning.why import Remark, Why
from membership.planning.wording import Voice, facts_in, languages, speak
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.postgres.idempotency import IdempotencyConflict
from membership.receipts.errors import UnknownSale
from membership.receipts.model import SaleId
from membership.sample.campaign_files import campaign_content
from membership.sample.loading import load_sample
from membership.stores.errors import UnknownProgramme
from membership.stores.service import Directory, DirectoryCache
from membership.tiers.service import LadderCache
from membership.worker.planning import keep_simulating
from sample_generation import NOW, TODAY, repeatable_keyring
from sample_store import sample_world
from support.campaign_desk import CLOSING, OPENING, open_campaign_desk
from support.clock import StoppedClock
from support.servers import Addresses

PEOPLE = 240
WORLD = sample_world()
STORE = WORLD.chaoyang
LAST_YEAR, THIS_YEAR = "ANNIVERSARY-2025", "ANNIVERSARY-2026"
LAST_CLOSING, LONG_AGO = datetime(2025, 11, 23, 20, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
PLANNER = Actor(Role.PLANNER, "planner", programme_id=STORE.programme_id)
DESK = Actor(Role.DESK, "desk", programme_id=STORE.programme_id, store_id=STORE.store_id)


@dataclass(frozen=True)
class Planning:
    database: Database
    conn: Conn
    clock: StoppedClock
    simulations: Simulations
    explanations: Explanations
    directory: Directory

    @property
    def voice(self) -> Voice:
        return voice_in("en")

    async def simulate(self, command: SimulateCampaign, now: datetime = NOW) -> Forecast:
        told: list[tuple[int, int]] = []

        async def tell(done: int, total: int) -> None:
            told.append((done, total))

        forecast = await self.simulations.simulate(PLANNER, now, command, tell)
        assert told[0][0] == 0
        assert told[-1][0] == told[-1][1]
        return forecast


def voice_in(locale: str) -> Voice:
    language = locale.partition("-")[0]
    zone = ZoneInfo("Asia/Shanghai")
    return Voice(
        locale, zone, "CNY", 2, lambda names: names.get(locale) or names.get(language) or next(iter(names.values()))
    )


@pytest.fixture(scope="module")
async def sample_dsn(addresses: Addresses, server_conn: Conn) -> AsyncIterator[str]:
    """One sample for all tests of this module, which write nothing but simulations."""
    name = f"test_{secrets.token_hex(8)}"
    await server_conn.execute(f"CREATE DATABASE {name} TEMPLATE {addresses.template} STRATEGY file_copy")
    await load_sample(addresses.dsn(name), keyring=repeatable_keyring(), size=PEOPLE, today=TODAY, now=NOW)
    yield addresses.dsn(name)
    await server_conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def planning(sample_dsn: str) -> AsyncIterator[Planning]:
    pool = await open_pool(sample_dsn, max_size=6)
    conn = await asyncpg.connect(sample_dsn)
    database, clock = Database(pool), StoppedClock(NOW)
    directories, ladders, campaigns = DirectoryCache(pool), LadderCache(pool), CampaignCache(pool)
    yield Planning(
        database=database,
        conn=conn,
        clock=clock,
        simulations=Simulations(database, directories, ladders, campaigns, new_id, clock),
        explanations=Explanations(database, directories, ladders, campaigns),
        directory=await directories.directory(NOW),
    )
    await conn.close()
    await pool.close()


def own_year(key: str = "own") -> SimulateCampaign:
    return SimulateCampaign(key, STORE.programme_id, StoredDraft(LAST_YEAR), PastCampaign(LAST_YEAR))


def this_year(key: str = "draft") -> SimulateCampaign:
    draft = UnsavedDraft(THIS_YEAR, campaign_content("anniversary-2026"))
    return SimulateCampaign(key, STORE.programme_id, draft, PastCampaign(LAST_YEAR))


async def recorded(conn: Conn) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Points by rule in the ledger's lots, discounts and uses by coupon in the wallets: nothing that a replay reads."""
    points = Counter[str]()
    for row in await conn.fetch(
        "SELECT lot.rule, sum(lot.points)::bigint AS points FROM points.lots lot "
        "JOIN receipts.sales sale USING (sale_id) WHERE lot.rule LIKE $1 AND sale.state <> 'VOIDED' GROUP BY lot.rule",
        f"{LAST_YEAR}/%",
    ):
        points[row["rule"].partition("/")[2]] = row["points"]
    discounts, uses = Counter[str](), Counter[str]()
    for row in await conn.fetch(
        "SELECT offer.code, sum(used.discount_minor)::bigint AS discount_minor, count(*) AS uses "
        "FROM coupons.redemptions used JOIN coupons.coupons USING (coupon_id) "
        "JOIN coupons.offers offer USING (offer_id) JOIN receipts.sales sale ON sale.sale_id = used.sale_id "
        "WHERE sale.state <> 'VOIDED' GROUP BY offer.code"
    ):
        discounts[row["code"]], uses[row["code"]] = row["discount_minor"], row["uses"]
    return points, discounts, uses


async def test_last_year_on_its_own_receipts_is_last_year(planning: Planning) -> None:
    """Exact: each rule's points are the ledger's, each coupon's discounts and uses the wallet's."""
    forecast = await planning.simulate(own_year())
    points, discounts, uses = await recorded(planning.conn)
    assert forecast.mapping is DayMapping.SAME_DAYS
    assert forecast.differing_receipts == 0
    assert Counter({rule.rule: rule.points for rule in forecast.rules if rule.points}) == points
    assert Counter({rule.rule: rule.discount_minor for rule in forecast.rules if rule.discount_minor}) == discounts
    assert Counter({rule.rule: rule.coupons_redeemed for rule in forecast.rules if rule.coupons_redeemed}) == uses
    assert points
    assert discounts
    assert forecast.recorded.discount_minor == forecast.discount_minor == discounts.total()
    assert Assumption.RECORDED_FACTS in {stated.assumption for stated in forecast.assumptions}


async def test_days_within_its_own_days_are_exact_too(planning: Planning) -> None:
    period = PastDays(date(2025, 11, 15), date(2025, 11, 16))
    forecast = await planning.simulate(replace(own_year(), period=period))
    assert forecast.differing_receipts == 0
    assert [day.day for day in forecast.days if day.receipts] == [period.first, period.last]


async def test_a_draft_by_last_year_s_receipts(planning: Planning) -> None:
    forecast = await planning.simulate(this_year())
    assert forecast.mapping is DayMapping.DAY_BY_DAY
    assert forecast.differing_receipts is None
    assert forecast.recorded == (await planning.simulate(own_year())).recorded
    by_rule = {rule.rule: rule for rule in forecast.rules}
    assert by_rule["BRAND-DAY-BEAUTY"].points > 0
    assert by_rule["OWN-COUNTERS-DOUBLE"].points > 0
    assert 0 < by_rule["VOUCHER-500"].coupons_redeemed <= by_rule["VOUCHER-500"].coupons_issued
    assert by_rule["VOUCHER-500"].discount_minor == 50_000 * by_rule["VOUCHER-500"].coupons_redeemed
    first = next(day for day in forecast.days if day.day == date(2026, 11, 12))
    assert first.past_days == (date(2025, 11, 13),)


async def test_one_friday_is_replayed_on_the_draft_s_first_friday(planning: Planning) -> None:
    friday = date(2025, 11, 14)
    forecast = await planning.simulate(replace(this_year(), period=PastDays(friday, friday)))
    assert forecast.mapping is DayMapping.BY_WEEKDAY
    assert [(day.day, day.past_days) for day in forecast.days if day.receipts] == [(date(2026, 11, 13), (friday,))]
    told = {stated.assumption: stated.facts for stated in forecast.assumptions}
    assert told[Assumption.FIRST_DAYS_PAIRED] == {"past_day": "2025-11-14", "draft_day": "2026-11-13"}
    assert Assumption.DAYS_UNUSED not in told
    assert told[Assumption.DAYS_WITHOUT_RECEIPTS] == {"days": 11}  # ten and the day of the preview


async def test_a_forecast_adds_up(planning: Planning) -> None:
    forecast = await planning.simulate(this_year())
    days, rules, pools = forecast.days, forecast.rules, forecast.pools
    assert forecast.receipts == sum(day.receipts for day in days)
    assert forecast.base_points == sum(day.base_points for day in days)
    assert forecast.bonus_points == sum(day.bonus_points for day in days) == sum(rule.points for rule in rules)
    assert forecast.discount_minor == sum(day.discount_minor for day in days)
    assert forecast.discount_minor == sum(cost.discounts_minor for cost in forecast.costs)
    assert forecast.gifts_claimed == sum(pool.claimed for pool in pools) == sum(day.gifts_claimed for day in days)
    assert forecast.cost_minor == sum(cost.total_minor for rule in rules for cost in rule.costs)
    assert all(pool.claimed <= min(pool.units, max(pool.wanted, pool.claimed)) for pool in pools)
    assert all(pool.opens_at < pool.sold_out_at for pool in pools if pool.sold_out_at)


async def test_it_is_the_same_whenever_it_is_asked(planning: Planning) -> None:
    """Before its opening, in its midst and after its closing, though nobody came to any of its own drops; stored or
    not. What last year's drops showed is learned by then."""
    desk = await open_campaign_desk(planning.database, planning.conn)
    desk.now = OPENING - timedelta(days=30)
    await desk.scheduled(campaign_content("anniversary-2026"))
    stored = replace(this_year(), draft=StoredDraft(THIS_YEAR))
    moments = (OPENING - timedelta(hours=1), NOW, CLOSING + timedelta(hours=1))
    asked = [await planning.simulate(command, at) for at in moments for command in (stored, this_year())]
    assert asked[0].arrivals.learned_from is ParametersFrom.PAST_CLAIMS
    assert all(forecast == asked[0] for forecast in asked)
    assert Assumption.TIERS_OF_TODAY in {stated.assumption for stated in asked[0].assumptions}
    at_the_end = PastDrops(STORE.programme_id, CLOSING + timedelta(hours=1), LONG_AGO, left_out=None)
    own = {pool.day.year for pool in await list_past_pools(planning.conn, planning.directory, at_the_end)}
    assert own == {2025, 2026}, "without being left out, its own drops would be learned from"


async def test_a_campaign_learns_from_itself_only_where_it_is_decided_again_as_recorded(planning: Planning) -> None:
    spring = PastDays(date(2026, 3, 1), date(2026, 3, 14))
    assert (await planning.simulate(own_year())).arrivals.learned_from is ParametersFrom.PAST_CLAIMS
    on_other_days = await planning.simulate(replace(own_year(), period=spring))
    assert on_other_days.arrivals == DEFAULT_MODEL


async def test_a_campaign_that_is_not_over_yet_teaches_nothing(planning: Planning) -> None:
    past = PastDrops(STORE.programme_id, LAST_CLOSING, LONG_AGO, left_out=None)
    over = await list_past_pools(planning.conn, planning.directory, past)
    assert {pool.day for pool in over} == set(days_between(date(2025, 11, 13), date(2025, 11, 23)))
    running = replace(past, over_by=LAST_CLOSING - timedelta(microseconds=1))
    assert await list_past_pools(planning.conn, planning.directory, running) == []
    assert await list_past_pools(planning.conn, planning.directory, replace(past, since=LAST_CLOSING)) == []
    assert await list_past_pools(planning.conn, planning.directory, replace(past, left_out=LAST_YEAR)) == []


async def test_days_on_which_it_was_paused_teach_nothing(planning: Planning) -> None:
    """Nobody could come. The 16th to the 18th; the transaction is rolled back."""
    past = PastDrops(STORE.programme_id, LAST_CLOSING, LONG_AGO, left_out=None)
    transaction = planning.conn.transaction()
    await transaction.start()
    for at, state in ((date(2025, 11, 16), "PAUSED"), (date(2025, 11, 19), "SCHEDULED")):
        await planning.conn.execute(
            "INSERT INTO campaigns.state_changes (campaign_id, number, at, actor_role, actor, from_state, to_state) "
            "SELECT campaign_id, (SELECT max(number) + 1 FROM campaigns.state_changes), $1, 'PLANNER', 'p', $2, $3 "
            "FROM campaigns.campaigns WHERE code = $4",
            datetime.combine(at, time(0), ZoneInfo("Asia/Shanghai")),
            "SCHEDULED" if state == "PAUSED" else "PAUSED",
            state,
            LAST_YEAR,
        )
    found = {pool.day.day for pool in await list_past_pools(planning.conn, planning.directory, past)}
    await transaction.rollback()
    assert found == {13, 14, 15, 19, 20, 21, 22, 23}


async def test_one_that_waited_learns_what_was_over_when_it_was_asked_for(planning: Planning) -> None:
    patient, asked_at = replace(planning.simulations, at_once_members=0), LAST_CLOSING - timedelta(days=1)
    command = replace(this_year("waited"), period=PastDays(date(2025, 11, 13), date(2025, 11, 19)))
    waiting = await patient.request(PLANNER, asked_at, command)
    assert await patient.run_next(NOW, simulation_id=waiting.simulation_id) == 1
    async with planning.database.reader(PLANNER) as reader:
        done = await find_simulation(reader, waiting.simulation_id)
    assert done is not None
    assert done.forecast is not None
    assert done.forecast.arrivals == DEFAULT_MODEL


async def test_a_small_one_is_done_at_once_and_a_repeat_finds_it(planning: Planning) -> None:
    done = await planning.simulations.request(PLANNER, NOW, own_year("at-once"))
    assert (done.state, done.progress_percent, done.failure) == (SimulationState.DONE, 100, None)
    assert done.forecast is not None
    assert done.forecast == await planning.simulate(own_year())
    assert await planning.simulations.request(PLANNER, NOW, own_year("at-once")) == done
    with pytest.raises(IdempotencyConflict):
        await planning.simulations.request(PLANNER, NOW, this_year("at-once"))


async def test_a_large_one_waits_for_a_worker(planning: Planning) -> None:
    patient = replace(planning.simulations, at_once_members=0)
    waiting = await patient.request(PLANNER, NOW, own_year("later"))
    assert (waiting.state, waiting.progress_percent) == (SimulationState.QUEUED, 0)
    assert await patient.run_next(NOW) == 1
    assert await patient.run_next(NOW) == 0
    async with planning.database.reader(PLANNER) as reader:
        done = await find_simulation(reader, waiting.simulation_id)
    assert done is not None
    assert done.state is SimulationState.DONE


async def test_a_run_that_falls_silent_is_taken_over_and_its_late_result_counts_for_nothing(planning: Planning) -> None:
    patient = replace(planning.simulations, at_once_members=0)
    waiting = await patient.request(PLANNER, NOW, own_year("taken-over"))
    async with planning.database.engine(PLANNER, NOW) as tx:
        stalled = await store.take_simulation(tx.conn, NOW, silent_since=NOW - SILENT_AFTER)
    assert stalled is not None
    assert await patient.run_next(NOW) == 0
    assert await patient.run_next(NOW + SILENT_AFTER + timedelta(seconds=1)) == 1
    async with planning.database.engine(PLANNER, NOW) as tx:
        assert not await store.update_progress(tx.conn, stalled, done=1, total=2, now=NOW)
        await store.finish_simulation(tx.conn, stalled, forecast=None, failure="late", now=NOW)
    async with planning.database.reader(PLANNER) as reader:
        done = await find_simulation(reader, waiting.simulation_id)
    assert done is not None
    assert (done.state, done.failure) == (SimulationState.DONE, None)


async def test_two_workers_run_one_simulation_once(planning: Planning) -> None:
    patient = replace(planning.simulations, at_once_members=0)
    await patient.request(PLANNER, NOW, own_year("contested"))
    with pytest.raises(ConnectionAbortedError):
        async with planning.database.engine(PLANNER, NOW) as tx:
            assert await store.take_simulation(tx.conn, NOW, silent_since=NOW - SILENT_AFTER) is not None
            assert await patient.run_next(NOW) == 0  # the other one holds the row
            raise ConnectionAbortedError
    assert await patient.run_next(NOW) == 1


async def test_one_that_takes_every_worker_with_it_is_given_up(planning: Planning) -> None:
    patient, at = replace(planning.simulations, at_once_members=0), NOW
    waiting = await patient.request(PLANNER, NOW, own_year("poison"))
    for _ in range(MOST_ATTEMPTS):
        async with planning.database.engine(PLANNER, at) as tx:
            assert await store.take_simulation(tx.conn, at, silent_since=at - SILENT_AFTER) is not None
        at += SILENT_AFTER + timedelta(seconds=1)
    assert await patient.run_next(at) == 1
    async with planning.database.reader(PLANNER) as reader:
        given_up = await find_simulation(reader, waiting.simulation_id)
    assert given_up is not None
    assert given_up.state is SimulationState.FAILED


async def test_a_worker_goes_on_until_nothing_waits(planning: Planning) -> None:
    patient, stop = replace(planning.simulations, at_once_members=0), asyncio.Event()
    for key in ("first", "second"):
        await patient.request(PLANNER, NOW, own_year(f"worked-{key}"))

    class UntilIdle(Simulations):
        async def run_next(self, now: datetime, *, simulation_id: SimulationId | None = None) -> int:
            done = await super().run_next(now, simulation_id=simulation_id)
            if not done:
                stop.set()
            return done

    fields = {name: getattr(patient, name) for name in Simulations.__dataclass_fields__}
    await keep_simulating(UntilIdle(**fields), planning.clock, stop)
    waiting = await planning.conn.fetchval(
        "SELECT count(*) FROM planning.simulations WHERE state IN ('QUEUED', 'RUNNING')"
    )
    assert waiting == 0


async def test_however_small_the_batches_the_answer_is_the_same(
    planning: Planning, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await planning.simulate(this_year())
    monkeypatch.setattr("membership.planning.running.BATCH", 3)
    assert await planning.simulate(this_year()) == whole


async def test_a_batch_reads_the_receipts_of_its_members_and_no_others(planning: Planning) -> None:
    """By index, however many others there are."""
    await planning.conn.execute("ANALYZE receipts.sales")
    first, last = date(2025, 11, 13), date(2025, 11, 23)
    period = Period(STORE.programme_id, first, last, (STORE.store_id,))
    members = await store.list_members(planning.conn, period, after=None, limit=5)
    plan = await planning.conn.fetchval(
        f"EXPLAIN (ANALYZE, FORMAT JSON) {store.SQL.list_sales_of_members.text}",
        members,
        period.programme_id,
        first,
        last,
        list(period.store_ids),
    )
    nodes = nodes_of(json.loads(plan)[0]["Plan"])
    assert "sales_member" in {node.get("Index Name") for node in nodes}
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}
    looked_at = sum(
        number_in(node, "Actual Loops") * (number_in(node, "Actual Rows") + number_in(node, "Rows Removed by Filter"))
        for node in nodes
        if node.get("Relation Name") == "sales"
    )
    theirs = await planning.conn.fetchval("SELECT count(*) FROM receipts.sales WHERE member_id = ANY ($1)", members)
    all_of_them = await planning.conn.fetchval("SELECT count(*) FROM receipts.sales")
    assert len(members) == 5
    assert 0 < looked_at <= theirs < all_of_them


def nodes_of(node: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Of a plan, it and all below it."""
    children = node.get("Plans", [])
    assert isinstance(children, list)
    return [node, *(below for child in children for below in nodes_of(child))]


def number_in(node: Mapping[str, object], name: str) -> float:
    return float(str(node.get(name, 0)))


async def test_one_that_fails_says_so(planning: Planning, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("membership.planning.running.forecast", fail)
    failed = await planning.simulations.request(PLANNER, NOW, own_year("fails"))
    assert failed.state is SimulationState.FAILED
    assert failed.failure is not None
    assert failed.forecast is None


async def test_whoever_does_not_plan_sees_no_simulation(planning: Planning) -> None:
    done = await planning.simulations.request(PLANNER, NOW, own_year("seen"))
    for actor, sees in ((PLANNER, True), (DESK, False), (replace(PLANNER, programme_id=new_id()), False)):
        async with planning.database.reader(actor) as reader:
            assert (await find_simulation(reader, done.simulation_id) is not None) is sees


@pytest.mark.parametrize(
    ("period", "refusal"),
    [
        (PastDays(date(2025, 11, 14), date(2025, 11, 13)), PeriodOutOfOrder),
        (PastDays(TODAY, TODAY), PeriodNotOver),
        (PastDays(date(2024, 1, 1), date(2025, 6, 1)), PeriodTooLong),
        (PastCampaign("NO-SUCH-CAMPAIGN"), UnknownCampaign),
    ],
)
async def test_periods_that_cannot_be_replayed(
    planning: Planning, period: PastDays | PastCampaign, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await planning.simulations.request(PLANNER, NOW, replace(this_year(f"{period}"), period=period))


async def test_a_campaign_of_other_stores_has_no_days_to_replay(planning: Planning) -> None:
    draft = UnsavedDraft("HANGANG", campaign_content("anniversary-hangang-2026"))
    with pytest.raises(PastCampaignNeverOpened):
        command = SimulateCampaign("hangang", STORE.programme_id, draft, PastCampaign(LAST_YEAR))
        content = draft.content.model_copy(update={"stores": ("CHAOYANG-GALLERIA",), "rules": ()})
        unopened = replace(command, draft=UnsavedDraft("X", content), period=PastCampaign("UNOPENED"))
        await planning.conn.execute(
            "INSERT INTO campaigns.campaigns (campaign_id, programme_id, code, state, created_by, created_at) "
            "VALUES ($1, $2, 'UNOPENED', 'DRAFT', 'planner', $3) ON CONFLICT DO NOTHING",
            new_id(),
            STORE.programme_id,
            NOW,
        )
        await planning.simulations.request(PLANNER, NOW, unopened)


async def test_another_programme_is_none_of_a_planner_s(planning: Planning) -> None:
    stranger = replace(PLANNER, programme_id=new_id())
    with pytest.raises(UnknownProgramme):
        await planning.simulations.request(stranger, NOW, own_year("stranger"))


# ---- explain


def assert_told(remarks: tuple[Remark, ...]) -> None:
    """Each sentence has all its facts, in every language."""
    for remark in remarks:
        for language, sentences in languages().items():
            missing = [
                name
                for name in facts_in(sentences[remark.why.value])
                if remark.facts.get(name) is None or remark.facts.get(name) == ()
            ]
            assert not missing, (language, remark)
            assert "{" not in speak(remark.why.value, remark.facts, voice_in("zh-CN" if language == "zh" else language))


async def sales_of_the_campaign(conn: Conn) -> list[asyncpg.Record]:
    return await conn.fetch(
        "SELECT sale_id, member_id, state, discount_minor, decision FROM receipts.sales WHERE store_id = $1 AND "
        "business_date BETWEEN '2025-11-13' AND '2025-11-23' ORDER BY sale_id",
        STORE.store_id,
    )


async def test_every_receipt_of_the_campaign_is_told_and_decided_again_as_recorded(planning: Planning) -> None:
    """P5, on every receipt; and no sentence lacks a fact."""
    seen: Counter[Why] = Counter()
    rows = await sales_of_the_campaign(planning.conn)
    for row in rows:
        found = await planning.explanations.sale(DESK, NOW, SaleId(row["sale_id"]))
        assert found.is_reproduced
        assert_told(found.remarks)
        seen.update(remark.why for remark in found.remarks)
        points = sum(award["points"] for award in json.loads(row["decision"])["awards"])
        assert points == sum(
            int(str(remark.facts["points"])) for remark in found.remarks if remark.why.value.startswith("EARNED_")
        )
    assert rows
    assert seen[Why.SOLD] == len(rows)
    assert {Why.EARNED_MULTIPLE, Why.EARNED_BONUS, Why.COUPON_APPLIES, Why.NOT_THIS_DAY, Why.GIFT_CLAIMED} <= set(seen)


async def test_a_receipt_is_told_to_whom_it_concerns(planning: Planning) -> None:
    sale = next(row for row in await sales_of_the_campaign(planning.conn) if row["member_id"])
    sale_id = SaleId(sale["sale_id"])
    owner = Actor(Role.MEMBER, "m", member_id=sale["member_id"], programme_id=STORE.programme_id)
    stranger = replace(owner, member_id=new_id())
    elsewhere = replace(DESK, store_id=new_id())
    for actor in (owner, DESK, PLANNER, Actor(Role.ADMIN, "a")):
        assert (await planning.explanations.sale(actor, NOW, sale_id)).sale.sale_id == sale_id
    for actor in (stranger, elsewhere, replace(PLANNER, programme_id=new_id())):
        with pytest.raises(UnknownSale):
            await planning.explanations.sale(actor, NOW, sale_id)


async def explain(planning: Planning, member_id: MemberId, rule: str, **asked: object) -> Mapping[Why, Remark]:
    membership = MembershipKey(member_id, STORE.programme_id)
    found = await planning.explanations.offer(
        DESK,
        NOW,
        ExplainOffer(membership, LAST_YEAR, rule, **asked),  # type: ignore[arg-type]
    )
    assert_told(found.remarks)
    return {remark.why: remark for remark in found.remarks}


async def test_each_gift_is_told_from_its_claim_to_its_end(planning: Planning) -> None:
    rows = await planning.conn.fetch(
        "SELECT DISTINCT member_id, rule_code FROM gifts.gifts WHERE store_id = $1", STORE.store_id
    )
    seen: Counter[Why] = Counter()
    for row in rows:
        seen.update(list(await explain(planning, row["member_id"], row["rule_code"])))
    assert seen[Why.GIFT_CLAIMED] == len(rows) > 0
    assert seen[Why.GIFT_COLLECTED] > 0
    assert seen[Why.GIFT_FORFEITED] > 0


async def test_who_came_too_late_for_a_gift_is_told_when_it_was_gone(planning: Planning) -> None:
    row = await planning.conn.fetchrow(
        "SELECT gift.day, gift.pool_id, max(gift.claimed_at) AS last FROM gifts.gifts gift "
        "JOIN inventory.pools stock USING (pool_id) WHERE gift.rule_code = 'DAILY-GIFT' "
        "GROUP BY gift.day, gift.pool_id, stock.total ORDER BY count(*)::numeric / stock.total DESC LIMIT 1"
    )
    assert row is not None
    units = await planning.conn.fetchval("SELECT count(*) FROM gifts.gifts WHERE pool_id = $1", row["pool_id"])
    await planning.conn.execute(
        "UPDATE inventory.pools SET total = $2, voided = 0 WHERE pool_id = $1", row["pool_id"], units
    )
    had = "SELECT member_id FROM gifts.gifts WHERE day = $2"
    other = await planning.conn.fetchval(
        f"SELECT member_id FROM members.memberships WHERE programme_id = $1 AND member_id NOT IN ({had}) LIMIT 1",
        STORE.programme_id,
        row["day"],
    )
    told = await explain(planning, other, "DAILY-GIFT", at=row["last"] + timedelta(minutes=5))
    assert Why.GIFT_NEVER_CLAIMED in told
    assert {Why.SOLD_OUT, Why.GIFT_AVAILABLE, Why.ALL_HELD} & set(told)


async def test_the_clock_of_then_decides(planning: Planning) -> None:
    rows = await sales_of_the_campaign(planning.conn)
    member_id = next(row["member_id"] for row in rows if row["member_id"])
    opens_at = await planning.conn.fetchval("SELECT opens_at FROM campaigns.campaigns WHERE code = $1", LAST_YEAR)
    closes_at = await planning.conn.fetchval("SELECT closes_at FROM campaigns.campaigns WHERE code = $1", LAST_YEAR)
    day_after = timedelta(days=1)
    assert Why.NOT_STARTED in await explain(planning, member_id, "BONUS-2000", at=opens_at - day_after)
    assert Why.ENDED in await explain(planning, member_id, "BONUS-2000", at=closes_at + timedelta(hours=1))
    assert Why.OFFER_OPEN in await explain(planning, member_id, "BONUS-2000", at=opens_at + 3 * day_after)
    assert Why.NOT_THIS_DAY in await explain(planning, member_id, "BRAND-DAY-BEAUTY", at=opens_at + 5 * day_after)
    assert Why.NOT_APPROVED in await explain(planning, member_id, "BONUS-2000", at=opens_at - timedelta(days=200))
    assert Why.NO_SUCH_OFFER_THEN in await explain(planning, member_id, "NO-SUCH-RULE", at=opens_at + 3 * day_after)


async def test_a_coupon_is_told_from_its_issue_to_its_use(planning: Planning) -> None:
    used = await planning.conn.fetchrow(
        "SELECT coupon.member_id, offer.code, used.sale_id FROM coupons.redemptions used "
        "JOIN coupons.coupons coupon USING (coupon_id) JOIN coupons.offers offer USING (offer_id) LIMIT 1"
    )
    assert used is not None
    told = await explain(planning, used["member_id"], used["code"])
    assert {Why.COUPON_ISSUED, Why.COUPON_REDEEMED} <= set(told)
    on_receipt = await explain(planning, used["member_id"], used["code"], sale_id=SaleId(used["sale_id"]))
    assert Why.COUPON_APPLIES in on_receipt
    other = "VOUCHER-1000" if used["code"] != "VOUCHER-1000" else "VOUCHER-500"
    refused = await explain(planning, used["member_id"], other, sale_id=SaleId(used["sale_id"]))
    assert {Why.COUPON_NEVER_ISSUED, Why.TIER_NOT_ELIGIBLE} <= set(refused)


async def test_a_member_asks_about_nobody_else(planning: Planning) -> None:
    rows = [row["member_id"] for row in await sales_of_the_campaign(planning.conn) if row["member_id"]]
    one, other = rows[0], next(member_id for member_id in rows if member_id != rows[0])
    caller = Actor(Role.MEMBER, "m", member_id=one, programme_id=STORE.programme_id)
    asked = ExplainOffer(MembershipKey(other, STORE.programme_id), LAST_YEAR, "BONUS-2000")
    with pytest.raises(UnknownMember):
        await planning.explanations.offer(caller, NOW, asked)
