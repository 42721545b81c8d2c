"""Every hot use case has rows of one member, and writes beside them only what is named here, so that `member_id` can be
a distribution key. Looked at in what was sent, and in the rows that it left behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from contracts.test_distribution import AFTER_LOCK, BY_ID, BY_NUMBER, UNRESTRICTED
from membership.accounts.home import find_home
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from membership.tills.model import AttachSale
from support.campaign_desk import gift
from support.clock import StoppedClock
from support.coupon_desk import offer
from support.coupon_till import open_coupon_till
from support.distribution import columns, of_members, queries_by_text
from support.gift_desk import open_gift_desk
from support.patience import open_patiently
from support.people import account_workings, join
from support.till_world import COUNTER, TillWorld, new_key, sale_id_of

ONE_NODE = {"platform.idempotency_keys", "platform.outbox", "platform.audit_entries"}
OF_THE_SALE = {"receipts.sales", "receipts.lines", "receipts.tenders", "receipts.quotes", "receipts.group_amounts"}
OF_THE_RETURN = {*OF_THE_SALE, "receipts.returns", "receipts.return_lines", "receipts.amounts_used"}
OF_THE_CLAIM = {"inventory.claims", "inventory.member_counts", "inventory.pools"}
OF_JOINING = {"members.members", "members.identities", "members.invitations"}
FOUND_BY_THEIRS = {"points.lot_uses", "coupons.redemptions", "gifts.changes", "cards.code_spends"}
"""One member's, by way of their lot, coupon, gift or code."""

HOT_ANYWAY = {BY_NUMBER, BY_ID, AFTER_LOCK, UNRESTRICTED["tills.get_member_state"]}
"""Why a statement of a hot use case may leave out whose rows it wants. None is of many members."""


class Evidence:
    """What a use case sent and left behind."""

    def __init__(self) -> None:
        self.queries: set[str] = set()
        self.members: set[UUID] = set()
        self.beside: set[str] = set()

    def check(self, member: MembershipKey, *, beside: set[str]) -> None:
        assert self.queries, "it sent something"
        assert self.members <= {member.member_id}, "rows of one member"
        assert self.beside <= beside | ONE_NODE | FOUND_BY_THEIRS
        unsaid = {UNRESTRICTED[name] for name in self.queries if name in UNRESTRICTED}
        assert unsaid <= HOT_ANYWAY


@asynccontextmanager
async def watching(conn: Conn, statements: list[str]) -> AsyncIterator[Evidence]:
    evidence = Evidence()
    statements.clear()
    since = await conn.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    yield evidence
    names = queries_by_text()
    evidence.queries = {names[text] for text in statements if text in names}
    for table in columns():
        fresh = f"FROM {table} WHERE xmin::text::bigint >= $1"
        if table in of_members():
            rows = await conn.fetch(f"SELECT DISTINCT member_id {fresh}", since)
            evidence.members |= {row["member_id"] for row in rows}
        elif await conn.fetchval(f"SELECT EXISTS (SELECT {fresh})", since):
            evidence.beside.add(table)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def busy(till: TillWorld, conn: Conn) -> TillWorld:
    """A shop where somebody else has bought before, so that there are rows to get wrong."""
    other = await till.another_member(conn)
    await other.sell(500_00, 20_00)
    return till


async def test_quote(busy: TillWorld, conn: Conn, statements: list[str]) -> None:
    async with watching(conn, statements) as seen:
        await busy.quote(busy.basket(400_00), member=await busy.show_code())
    seen.check(busy.member, beside={"receipts.quotes"})


async def test_commit(busy: TillWorld, conn: Conn, statements: list[str]) -> None:
    async with watching(conn, statements) as seen:
        await busy.sell(20_000_00)
    assert seen.members == {busy.member.member_id}
    seen.check(busy.member, beside=OF_THE_SALE)


async def test_return_and_void(busy: TillWorld, conn: Conn, statements: list[str]) -> None:
    returned, voided = await busy.sell(400_00, 600_00), await busy.sell(300_00)
    for undone in (returned, voided):
        async with watching(conn, statements) as seen:
            if undone is voided:
                await busy.void(sale_id_of(undone))
            else:
                await busy.take_back(sale_id_of(undone), (1, 1))
        assert seen.members == {busy.member.member_id}
        seen.check(busy.member, beside=OF_THE_RETURN)


async def test_attach(busy: TillWorld, conn: Conn, statements: list[str]) -> None:
    sale = await busy.sell_anonymously(700_00)
    command = AttachSale(
        new_key(), busy.store.store_id, f"{COUNTER}-01", sale.business_date, sale.sequence, sale.net_minor, busy.card
    )
    async with watching(conn, statements) as seen:
        await busy.tills.attach(busy.actor, command, busy.now)
    assert seen.members == {busy.member.member_id}
    seen.check(busy.member, beside=OF_THE_SALE)


async def test_redeem_a_coupon(
    busy: TillWorld, database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring, statements: list[str]
) -> None:
    shop = await open_coupon_till(busy, database, conn, clock, keyring)
    await shop.campaign(offer("CNY-100"))
    await shop.has("CNY-100", (await busy.another_member(conn)).member)
    async with watching(conn, statements) as seen:
        await shop.has("CNY-100")
    seen.check(busy.member, beside={*OF_THE_CLAIM, "coupons.offer_days"})
    async with watching(conn, statements) as seen:
        quoted = await shop.quote(600_00)
        await shop.pay(quoted, 600_00)
    assert seen.members == {busy.member.member_id}
    seen.check(busy.member, beside=OF_THE_SALE)


async def test_claim_a_gift(
    database: Database, conn: Conn, client: RedisClient, keyring: Keyring, statements: list[str]
) -> None:
    desk = await open_gift_desk(database, conn, client, keyring)
    await desk.offer(gift())
    await desk.claim(await desk.join())
    member = await desk.join()
    async with watching(conn, statements) as seen:
        await desk.claim(member)
    assert seen.members == {member.member_id}
    seen.check(member, beside=OF_THE_CLAIM)


async def test_enrol(busy: TillWorld, database: Database, conn: Conn, statements: list[str]) -> None:
    workings = account_workings(database)
    async with watching(conn, statements) as seen:
        joined = await join(workings, busy.store, now=busy.now)
    assert seen.members == {joined.membership.key.member_id}
    seen.check(joined.membership.key, beside=OF_JOINING)


async def test_home(busy: TillWorld, database: Database, conn: Conn, keyring: Keyring, statements: list[str]) -> None:
    await busy.sell(100_00)
    workings = busy.tills.workings
    directory = await workings.directories.directory(busy.now)
    ladders = await workings.ladders.ladders(busy.member.programme_id, busy.now)
    async with watching(conn, statements) as seen, database.reader(busy.member_actor) as reader:
        home = await find_home(reader, busy.member, directory=directory, ladders=ladders, keyring=keyring, now=busy.now)
    assert home is not None
    assert seen.members == set()
    seen.check(busy.member, beside=set())
