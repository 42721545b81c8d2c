"""C1, C2, C3, C5 and C10 over any course of events, on real PostgreSQL."""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.campaigns.model import CouponId
from membership.campaigns.records import Campaign
from membership.campaigns.rules.states import Step
from membership.coupons import store
from membership.coupons.model import CouponState
from membership.coupons.service import release, renew
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.receipts.model import QuoteId
from support.clock import StoppedClock
from support.coupon_desk import CouponDesk, key, offer, open_coupon_desk

QUOTA, PER_DAY, LIMIT = 5, 3, 2
FINAL = {CouponState.EXPIRED.value, CouponState.VOIDED.value}


@pytest.fixture
async def desk(database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring) -> CouponDesk:
    return await open_coupon_desk(database, conn, clock, keyring)


@dataclass(slots=True)
class Holding:
    """What a till believes to hold until then."""

    coupon_id: CouponId
    member: MembershipKey
    until: datetime


@dataclass(slots=True)
class Course:
    """A campaign of four days with one offer, two members, and what has happened."""

    desk: CouponDesk
    campaign: Campaign
    code: str
    members: list[MembershipKey]
    coupons: list[tuple[MembershipKey, CouponId]] = field(default_factory=list)
    quotes: dict[UUID, Holding] = field(default_factory=dict)
    sales: list[tuple[MembershipKey, UUID]] = field(default_factory=list)
    ended: dict[CouponId, str] = field(default_factory=dict)
    issued_on: Counter[date] = field(default_factory=Counter)

    def some_coupon(self, which: int) -> tuple[MembershipKey, CouponId] | None:
        return self.coupons[which % len(self.coupons)] if self.coupons else None

    async def claim(self, who: int) -> None:
        member = self.members[who % len(self.members)]
        coupon = await self.desk.claim(member, self.code)
        self.coupons.append((member, coupon.coupon_id))
        self.issued_on[self.desk.today] += 1

    async def hold(self, which: int) -> None:
        found = self.some_coupon(which)
        if found is None:
            return
        member, coupon_id = found
        quote = new_id()
        await self.desk.reserve(member, quote, coupon_id)
        others = [other for other in self.quotes.values() if other.coupon_id == coupon_id]
        assert all(other.until <= self.desk.now for other in others), "C3: held twice"
        self.quotes[quote] = Holding(coupon_id, member, self.desk.now + timedelta(seconds=120))

    async def hold_longer(self, which: int) -> None:
        live = [quote for quote, held in self.quotes.items() if held.until > self.desk.now]
        if live:
            quote = live[which % len(live)]
            until = self.desk.now + timedelta(seconds=120)
            async with self.desk.database.engine(self.desk.planner, self.desk.now) as tx:
                await renew(tx, QuoteId(quote), [self.quotes[quote].coupon_id], until)
            self.quotes[quote].until = until

    async def let_go(self, which: int) -> None:
        if self.quotes:
            quote = list(self.quotes)[which % len(self.quotes)]
            async with self.desk.database.engine(self.desk.planner, self.desk.now) as tx:
                await release(tx, QuoteId(quote), [self.quotes.pop(quote).coupon_id])

    async def pay(self, which: int) -> None:
        """By a quote: while it lives, what it holds is redeemed for sure (C7)."""
        if self.quotes:
            quote = list(self.quotes)[which % len(self.quotes)]
            held, sale = self.quotes.pop(quote), new_id()
            unredeemed = await self.desk.redeem(held.member, sale, held.coupon_id, quote_id=quote)
            assert not unredeemed or held.until <= self.desk.now, "C7: held and refused"
            self.sales.append((held.member, sale))

    async def pay_without_quote(self, which: int) -> None:
        found = self.some_coupon(which)
        if found is not None:
            sale = new_id()
            await self.desk.redeem(found[0], sale, found[1])
            self.sales.append((found[0], sale))

    async def bring_back(self, which: int) -> None:
        if self.sales:
            member, sale = self.sales[which % len(self.sales)]
            await self.desk.reverse(member, sale)

    async def withdraw(self, which: int) -> None:
        found = self.some_coupon(which)
        if found is not None:
            await self.desk.void(found[1])

    async def pause_or_resume(self, which: int) -> None:
        """C5: no state of a coupon changes by it."""
        before = await self.states()
        campaigns, campaign_id = self.desk.campaigns, self.campaign.campaign_id
        if which % 2:
            await campaigns.pause(self.desk.planner, self.desk.now, campaign_id, reason=str(Step.PAUSE), key=key())
        else:
            await campaigns.resume(self.desk.planner, self.desk.now, campaign_id, key=key())
        assert await self.states() == before, "C5: a pause touched a coupon"

    async def wait(self, which: int) -> None:
        self.desk.clock.advance([timedelta(seconds=60), timedelta(seconds=121), timedelta(days=1)][which % 3])

    async def tidy_up(self, _: int) -> None:
        before = await self.states()
        await self.desk.expire()
        assert await self.states() == before, "a job changed what the clock says"

    async def states(self) -> dict[CouponId, str]:
        return {coupon_id: await self.desk.state(coupon_id) for _, coupon_id in self.coupons}

    async def check(self) -> None:
        found = await self.desk.offer(self.code)
        assert len(self.coupons) == found.issued <= QUOTA, "C1"
        assert all(issued <= PER_DAY for issued in self.issued_on.values()), "C1"
        for member in self.members:
            assert sum(owner == member for owner, _ in self.coupons) <= LIMIT, "C1"
        states = await self.states()
        for coupon_id, state in self.ended.items():
            assert states[coupon_id] == state, "C10"
        self.ended = {coupon_id: state for coupon_id, state in states.items() if state in FINAL}
        rows = await self.desk.conn.fetch(
            "SELECT coupon_id, count(*) AS live FROM coupons.redemptions WHERE reversed_at IS NULL GROUP BY coupon_id"
        )
        live = {row["coupon_id"]: row["live"] for row in rows}
        for coupon_id, state in states.items():
            assert live.get(coupon_id, 0) == (1 if state == "REDEEMED" else 0), "C2"


MOVES: list[Callable[[Course, int], Awaitable[None]]] = [
    Course.claim,
    Course.claim,
    Course.hold,
    Course.hold,
    Course.hold_longer,
    Course.let_go,
    Course.pay,
    Course.pay_without_quote,
    Course.bring_back,
    Course.withdraw,
    Course.pause_or_resume,
    Course.wait,
    Course.tidy_up,
]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(st.tuples(st.integers(0, len(MOVES) - 1), st.integers(0, 11)), min_size=6, max_size=24))
async def test_any_course_of_events_keeps_the_laws(desk: CouponDesk, steps: list[tuple[int, int]]) -> None:
    began, code = desk.now, f"L{new_id().hex[-12:].upper()}"
    rule = offer(code, quota=QUOTA, quota_per_day=PER_DAY, limit_per_member=LIMIT)
    campaign = await desk.campaign(rule, code=f"K{code}", days=4)
    course = Course(desk, campaign, code, [await desk.join() for _ in range(3)])
    for move, which in steps:
        with suppress(DomainError):
            await MOVES[move](course, which)
        await course.check()
    desk.clock.set(began)


async def test_the_state_by_the_clock_is_the_same_in_python_and_in_sql(desk: CouponDesk, conn: Conn) -> None:
    member = await desk.join()
    await desk.campaign(offer("ONE", limit_per_member=9), days=2)
    coupons = [await desk.claim(member, "ONE") for _ in range(4)]
    await desk.reserve(member, new_id(), coupons[1].coupon_id)
    await desk.redeem(member, new_id(), coupons[2].coupon_id)
    await desk.void(coupons[3].coupon_id)
    for seconds in (-1, 0, 119, 120, 86_400 * 3):
        at = desk.now + timedelta(seconds=seconds)
        rows = await conn.fetch(
            "SELECT coupon_id, coupons.state_at(state, valid_from, valid_until, reserved_until, $1) AS state"
            " FROM coupons.coupons",
            at,
        )
        desk.clock.set(at)
        for row in rows:
            assert row["state"] == await desk.state(row["coupon_id"]), (seconds, row)
        desk.clock.set(at - timedelta(seconds=seconds))
    assert await store.find_coupon(conn, CouponId(new_id())) is None
