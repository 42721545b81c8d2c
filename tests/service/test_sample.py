"""Loading the sample, and doing with it what a newcomer does first."""

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from membership.cards.codes import MemberCodes
from membership.cards.model import ByCode, ByPhone
from membership.cards.service import CardReader
from membership.coupons.context import IssueWorkings
from membership.coupons.issuing import campaign_hooks, step_due
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.points.adjustments import Adjustments
from membership.points.model import AdjustmentState
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.migrations import migrate
from membership.receipts.model import QuoteId, ReturnRequest
from membership.sample.campaign_files import campaign_content
from membership.sample.copying import Batch
from membership.sample.generator import Generator
from membership.sample.loading import SampleSummary, demo_ids, load_sample
from membership.sample.sizes import Size
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from membership.tills.model import (
    AttachSale,
    BasketReported,
    CommitSale,
    LineReported,
    QuoteSale,
    ReturnLines,
    TenderReported,
)
from membership.tills.service import Tills
from sample_generation import NOW, TODAY
from sample_store import sample_world
from support.campaign_desk import open_campaign_desk
from support.till_world import till_actor, workings_on

PEOPLE = 40
WORLD = sample_world()
STORE = WORLD.chaoyang
TILL = till_actor(STORE, STORE.till_of("1F-LISABEAU"), STORE.counters["1F-LISABEAU"])
LIN = MembershipKey(WORLD.cast["LIN"], STORE.programme_id)
LIN_ACTOR = Actor(Role.MEMBER, "member:lin", member_id=LIN.member_id, programme_id=LIN.programme_id)


@pytest.fixture
async def loaded(postgres_dsn: str, keyring: Keyring) -> SampleSummary:
    return await load_sample(postgres_dsn, keyring=keyring, size=PEOPLE, today=TODAY, now=NOW)


@pytest.fixture
def tills(database: Database, keyring: Keyring, loaded: SampleSummary) -> Tills:
    assert loaded.members == PEOPLE
    return Tills(workings_on(database, keyring))


async def test_progress_is_told_to_the_end(postgres_dsn: str, keyring: Keyring) -> None:
    told: list[tuple[int, int]] = []
    summary = await load_sample(
        postgres_dsn,
        keyring=keyring,
        size=PEOPLE,
        today=TODAY,
        now=NOW,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (PEOPLE, PEOPLE)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert summary.demo == demo_ids()
    assert summary.demo.member_id == LIN.member_id


@pytest.mark.parametrize("size", Size)
def test_sizes_are_as_specified(size: Size) -> None:
    assert size.members == {"demo": 2_000, "store": 200_000, "group": 1_000_000}[size.value]


async def test_an_interrupted_load_leaves_nothing(
    postgres_dsn: str, conn: Conn, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = Generator.batches

    def breaking(generator: Generator) -> Iterator[tuple[int, Batch]]:
        yield next(batches(generator))
        raise asyncio.CancelledError

    monkeypatch.setattr(Generator, "batches", breaking)
    with pytest.raises(asyncio.CancelledError):
        await load_sample(postgres_dsn, keyring=keyring, size=PEOPLE, today=TODAY, now=NOW)
    assert await conn.fetchval("SELECT count(*) FROM stores.programmes") == 0
    assert await conn.fetchval("SELECT count(*) FROM members.members") == 0


async def test_a_sample_needs_an_empty_database(postgres_dsn: str, keyring: Keyring, loaded: SampleSummary) -> None:
    with pytest.raises(ValueError, match="empty"):
        await load_sample(postgres_dsn, keyring=keyring, size=loaded.members, today=TODAY, now=NOW)


async def test_a_role_that_row_level_security_binds_loads_the_same(
    postgres_dsn: str, conn: Conn, keyring: Keyring
) -> None:
    """The owner of the database, who is no superuser: COPY is refused to it, so rows take the longer way."""
    assert await migrate(postgres_dsn) == []
    await conn.execute(
        "CREATE ROLE sample_loader LOGIN PASSWORD 'sample';"  # pragma: allowlist secret
        "GRANT membership_engine TO sample_loader WITH INHERIT TRUE"
    )
    try:
        address = postgres_dsn.partition("@")[2]
        dsn = f"postgresql://sample_loader:sample@{address}"  # pragma: allowlist secret
        await load_sample(dsn, keyring=keyring, size=PEOPLE, today=TODAY, now=NOW)
        assert await conn.fetchval("SELECT count(*) FROM members.members") == PEOPLE
        assert await conn.fetchval("SELECT count(*) FROM tiers.rank_awards") == 2
    finally:
        await conn.execute("DROP OWNED BY sample_loader; DROP ROLE sample_loader")


async def test_a_named_member_is_found_by_telephone(
    conn: Conn, keyring: Keyring, database: Database, loaded: SampleSummary
) -> None:
    found = await CardReader(keyring).resolve(
        conn, ByPhone("+861000000000", "CN"), programme_id=STORE.programme_id, now=NOW
    )
    assert found.membership == LIN
    assert loaded.demo.till_id == TILL.till_id


async def test_a_named_member_spends_points_with_the_code_of_the_app(
    tills: Tills, database: Database, keyring: Keyring
) -> None:
    codes = MemberCodes(database, DirectoryCache(database.pool), keyring, new_id)
    shown = await codes.show(LIN_ACTOR, NOW, LIN)
    basket = BasketReported(
        "CNY",
        (LineReported(1, "BEAUTY", 1, 560_00),),
        tenders=(TenderReported("WECHAT_PAY", 530_00),),
        points_to_spend=2_000,
    )
    quoted = await tills.quote(TILL, QuoteSale("quote", basket, ByCode(shown.code)), NOW)
    assert quoted.facts.points_value_minor == 30_00
    assert quoted.facts.member is not None
    assert quoted.facts.member.tier == "GOLD"
    assert quoted.quote_id is not None
    command = CommitSale("commit", basket, 1, NOW, quote_id=QuoteId(quoted.quote_id))
    answer = await tills.commit(TILL, command, NOW)
    assert (answer.points_redeemed, answer.exceptions) == (2_000, ())
    assert answer.points_earned == 530


async def test_a_receipt_of_the_sample_repeats_its_answer_and_comes_back(tills: Tills, conn: Conn) -> None:
    """P2: its natural key and body are those a till would have sent."""
    row = await conn.fetchrow(
        "SELECT sale.sale_id, sale.basket, sale.sequence, sale.sold_at, sale.till_id, category.code, sale.answer"
        " FROM receipts.sales sale JOIN receipts.lines line ON line.sale_id = sale.sale_id"
        " JOIN stores.categories category ON category.category_id = line.category_id"
        " WHERE sale.member_id = $1 ORDER BY sold_at DESC LIMIT 1",
        LIN.member_id,
    )
    assert row is not None
    till = till_actor(STORE, row["till_id"], STORE.counters["1F-MIRELIS"])
    line = LineReported(1, row["code"], 1, 1_860_00)
    sold = BasketReported("CNY", (line,), (TenderReported("WECHAT_PAY", 1_860_00),))
    command = CommitSale("again", sold, row["sequence"], row["sold_at"])
    answer = await tills.commit(till, command, NOW)
    assert answer.sale_id == row["sale_id"]
    assert answer.points_earned == 1_860
    back = ReturnLines("back", row["sale_id"], (ReturnRequest(1, 1),), 1, NOW)
    returned = await tills.return_lines(till, back, NOW)
    assert (returned.points_clawed_back, returned.amount_minor) == (1_860, 1_860_00)


async def test_the_forgotten_receipt_can_be_attached(tills: Tills, loaded: SampleSummary) -> None:
    receipt = loaded.forgotten_receipt
    assert receipt is not None
    command = AttachSale(
        "attach", STORE.store_id, receipt.till, receipt.business_date, receipt.sequence, receipt.net_minor
    )
    answer = await tills.attach(LIN_ACTOR, command, NOW)
    assert answer.points_earned == receipt.net_minor // 1_00


async def test_somebody_else_approves_the_adjustment_that_waits(database: Database, loaded: SampleSummary) -> None:
    adjustments = Adjustments(database, DirectoryCache(database.pool), new_id)
    approver = Actor(Role.APPROVER, "approver", programme_id=STORE.programme_id)
    decided = await adjustments.approve(approver, NOW + timedelta(minutes=1), loaded.demo.adjustment_id, key="approve")
    assert decided.state is AdjustmentState.APPLIED
    assert decided.membership == replace(LIN, member_id=WORLD.cast["XU"])


async def test_the_anniversary_of_the_file_comes_into_force_and_lin_has_its_voucher(
    database: Database, conn: Conn, loaded: SampleSummary
) -> None:
    """Beside last year's, which is closed."""
    directory = DirectoryCache(database.pool)
    desk = await open_campaign_desk(database, conn, hooks=campaign_hooks(directory, new_id))
    desk.now = NOW
    await desk.scheduled(campaign_content("anniversary-2026"))
    workings = IssueWorkings(database, directory, LadderCache(database.pool), desk.cache)
    while await step_due(workings, Actor(Role.SERVICE, "test"), NOW):
        pass
    rows = await conn.fetch(
        "SELECT offer.code FROM coupons.coupons JOIN coupons.offers offer USING (offer_id) WHERE member_id = $1",
        loaded.demo.member_id,
    )
    assert [row["code"] for row in rows] == ["VOUCHER-800"]


async def test_garbage_is_collected_as_before_once_the_sample_is_there(postgres_dsn: str, keyring: Keyring) -> None:
    before = gc.get_threshold()
    await load_sample(postgres_dsn, keyring=keyring, size=PEOPLE, today=TODAY, now=NOW)
    assert gc.get_threshold() == before
