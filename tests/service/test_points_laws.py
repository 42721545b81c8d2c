"""L1–L8 on real PostgreSQL: any history of events, compared with a plain model after every step."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.points import store
from membership.points.adjustments import Adjustments
from membership.points.errors import AlreadyPosted, NotEnoughPoints
from membership.points.model import Account, HoldId, LotId
from membership.points.rules import expires_at
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.model import ReturnPolicy
from support.clock import START, StoppedClock
from support.ledger import LINE_MINOR, LedgerDesk, Sold, open_ledger
from support.plain_ledger import Heap, PlainLedger, PlainSale, Purse

MEMBERS = 2


@dataclass(frozen=True)
class Sell:
    member: int
    awards: tuple[int, ...]
    redeem: int
    active_in_days: int
    expires_in_days: int | None
    hold_first: bool


@dataclass(frozen=True)
class TakeBack:
    sale: int
    minor: int
    give_back_percent: int
    grace_days: int


@dataclass(frozen=True)
class Hold:
    member: int
    points: int


@dataclass(frozen=True)
class Adjust:
    member: int
    points: int


@dataclass(frozen=True)
class Advance:
    days: int


@dataclass(frozen=True)
class PostExpiries:
    limit: int


@dataclass(frozen=True)
class Merge:
    pass


@dataclass(frozen=True)
class Repeat:
    sale: int


Step = Sell | TakeBack | Hold | Adjust | Advance | PostExpiries | Merge | Repeat

sells = st.builds(
    Sell,
    member=st.integers(0, MEMBERS - 1),
    awards=st.lists(st.integers(0, 60), min_size=1, max_size=3).map(tuple),
    redeem=st.sampled_from([0, 0, 20, 70, 1_000]),
    active_in_days=st.sampled_from([0, 0, 3]),
    expires_in_days=st.sampled_from([None, 5, 12]),
    hold_first=st.booleans(),
)
take_backs = st.builds(
    TakeBack,
    sale=st.integers(0, 9),
    minor=st.sampled_from([1, 333, 500, LINE_MINOR]),
    give_back_percent=st.sampled_from([0, 50, 100]),
    grace_days=st.sampled_from([0, 7]),
)
histories = st.lists(
    st.one_of(
        sells,
        sells,
        take_backs,
        take_backs,
        st.builds(Hold, st.integers(0, MEMBERS - 1), st.sampled_from([10, 40])),
        st.builds(Adjust, st.integers(0, MEMBERS - 1), st.sampled_from([-60, -20, 25])),
        st.builds(Advance, st.sampled_from([1, 2, 6])),
        st.builds(PostExpiries, st.sampled_from([1, 100])),
        st.just(Merge()),
        st.builds(Repeat, st.integers(0, 9)),
    ),
    min_size=3,
    max_size=14,
)


class Run:
    """One history on both ledgers. Members who were merged are found at their winner."""

    def __init__(self, ledger: LedgerDesk, policy: ReturnPolicy) -> None:
        self.ledger = ledger
        ledger.policy = policy
        self.plain = PlainLedger(policy, ledger.now)
        self.sales: list[tuple[Sold, PlainSale]] = []

    async def begin(self) -> None:
        self.ledger.members.clear()
        self.members = [await self.ledger.join() for _ in range(MEMBERS)]
        self.purses = [Purse() for _ in range(MEMBERS)]

    async def take(self, step: Step) -> None:
        match step:
            case Sell():
                await self._sell(step)
            case TakeBack():
                await self._take_back(step)
            case Hold():
                await self._hold(step.member, step.points)
            case Adjust():
                await self._adjust(step)
            case Advance():
                self.ledger.clock.advance(timedelta(days=step.days))
                self.plain.advance(self.purses, self.ledger.now)
            case PostExpiries():
                await self.ledger.post_expiries(limit=step.limit)
            case Merge():
                await self._merge()
            case Repeat():
                await self._repeat(step)

    async def compare(self) -> None:
        for member, purse in zip(self.members, self.purses, strict=True):
            assert seen(await self.ledger.account(member)) == self.plain.view(purse)
        await self.ledger.check()

    async def sell_and_return(self) -> None:
        """L4: a sale and its full return net to zero, or to the shortfall that the policy records."""
        member = self.members[0]
        await self.take(Sell(0, (31, 17), 20, 0, None, hold_first=True))
        sold, _ = self.sales[-1]
        after_sale = await self.ledger.account(member)
        posted = await self.ledger.take_back(
            sold, dict.fromkeys(sold.awards, LINE_MINOR), give_back=sold.posted.redeemed
        )
        before_sale = after_sale.current_balance - 48 + sold.posted.redeemed
        assert posted.account.current_balance - before_sale == posted.shortfall
        assert posted.shortfall == 0 or self.plain.policy is not ReturnPolicy.ALLOW_NEGATIVE
        await self.ledger.check()

    async def _sell(self, step: Sell) -> None:
        member, purse = self.members[step.member], self.purses[step.member]
        hold_id = await self._hold(step.member, step.redeem) if step.hold_first and step.redeem else None
        before = self.plain.view(purse)
        if hold_id is not None:
            purse.holds.pop()
        awards = {place + 1: points for place, points in enumerate(step.awards)}
        sold = await self.ledger.sell(
            member,
            awards,
            redeem=step.redeem,
            active_in_days=step.active_in_days,
            expires_in_days=step.expires_in_days,
            hold_id=hold_id,
        )
        paid_from = self.plain.spend(purse, step.redeem)
        for lot in await store.list_lots_of_lines(self.ledger.conn, sold.sale_id, list(awards)):
            heap = Heap(lot.lot_id, lot.sale_id, lot.line_no, lot.points, lot.points, lot.activates_at, lot.expires_at)
            self.plain.give(purse, heap, earned=True)
        assert sold.posted.redeemed == sum(points for _, points in paid_from)
        assert sold.posted.redeemed <= before["available"] + before["held"], "L8"
        assert not (before["owed"] and sold.posted.redeemed), "L8"
        assert seen(sold.posted.account) == self.plain.view(purse)
        self.sales.append((sold, PlainSale(purse, paid_from)))

    async def _take_back(self, step: TakeBack) -> None:
        if not self.sales:
            return
        sold, plain_sale = self.sales[step.sale % len(self.sales)]
        minor = {
            line: min(step.minor, LINE_MINOR - sold.returned_minor.get(line, 0))
            for line in sold.awards
            if sold.returned_minor.get(line, 0) < LINE_MINOR
        }
        refund = (sold.posted.redeemed - sold.given_back) * step.give_back_percent // 100
        posted = await self.ledger.take_back(sold, minor, give_back=refund, grace_days=step.grace_days)
        self.plain.refund(plain_sale, refund, self.ledger.now + timedelta(days=step.grace_days))
        shares = {line: (sold.returned_minor[line], LINE_MINOR) for line in minor}
        assert self.plain.undo(plain_sale, sold.sale_id, shares) == (posted.clawed_back, posted.shortfall)
        assert seen(posted.account) == self.plain.view(plain_sale.purse)

    async def _hold(self, place: int, points: int) -> HoldId | None:
        purse = self.purses[place]
        available = self.plain.view(purse)["available"]
        try:
            hold_id = await self.ledger.hold(self.members[place], points)
        except NotEnoughPoints as refusal:
            assert refusal.available_points == available < points
            return None
        assert points <= available
        purse.holds.append((points, self.ledger.now + timedelta(seconds=120)))
        return hold_id

    async def _adjust(self, step: Adjust) -> None:
        member, purse = self.members[step.member], self.purses[step.member]
        view = self.plain.view(purse)
        there = max(0, view["balance"] - view["held"])
        desk = Adjustments(self.ledger.database, self.ledger.cache, new_id)
        staff = Actor(role=Role.MEMBER_SERVICES, subject="ann", programme_id=member.programme_id)
        ask = desk.request(staff, self.ledger.now, member, points=step.points, reason="r", key=str(new_id()))
        if -step.points > there:
            with pytest.raises(NotEnoughPoints):
                await ask
            return
        await ask
        if step.points < 0:
            self.plain.take(purse, -step.points, pending_too=True)
            return
        dies = expires_at(self.ledger.world.chaoyang.terms, self.ledger.store, self.ledger.today)
        heap = Heap(LotId(new_id()), None, None, step.points, step.points, self.ledger.now, dies)
        self.plain.give(purse, heap, earned=False)

    async def _merge(self) -> None:
        (loser, winner), (poor, rich) = self.members, self.purses
        if loser == winner:
            return
        await self.ledger.merge(loser, winner)
        assert (await self.ledger.account(loser)).balance == 0
        self.plain.pour(poor, rich)
        self.members, self.purses = [winner] * MEMBERS, [rich] * MEMBERS
        for sold, plain_sale in self.sales:
            sold.membership, plain_sale.purse = winner, rich

    async def _repeat(self, step: Repeat) -> None:
        """L2, L7: the same sale again is refused, and changes nothing."""
        if not self.sales:
            return
        sold, _ = self.sales[step.sale % len(self.sales)]
        if any(sold.awards.values()):
            with pytest.raises(AlreadyPosted):
                await self.ledger.sell(sold.membership, sold.awards, sale_id=sold.sale_id)


def seen(account: Account) -> dict[str, int]:
    return {
        "balance": account.current_balance,
        "available": account.available,
        "pending": account.pending,
        "held": account.held,
        "owed": account.owed,
        "lifetime": account.lifetime_earned,
    }


@pytest.fixture
async def ledger(database: Database, conn: Conn, clock: StoppedClock) -> LedgerDesk:
    return await open_ledger(database, conn, clock)


@given(policy=st.sampled_from(ReturnPolicy), history=histories)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_l1_to_l8_any_history_agrees_with_the_plain_model(
    ledger: LedgerDesk, policy: ReturnPolicy, history: list[Step]
) -> None:
    ledger.clock.set(START)
    run = Run(ledger, policy)
    await run.begin()
    for step in history:
        await run.take(step)
        await run.compare()
    await run.sell_and_return()
