"""Whatever a season brings, in any order: units are conserved, limits kept, amounts used once, and who is judged is
judged rightly (I2, I3, I4, C6), and a gift that went to visits and back was always in one place."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count, pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.campaigns.content import GiftOffer, GiftPool, ReturnedUnits, SpendThreshold, ThresholdPer
from membership.gifts.model import Gift, GiftCause, GiftPoolId, GiftState
from membership.gifts.rules.preparing import offer_id_of
from membership.gifts.rules.states import TRANSITIONS, WAITING
from membership.kernel.errors import DomainError
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.receipts.model import ReturnRequest, SaleId
from membership.redis.client import RedisClient
from membership.tills.model import ExchangeLines
from support.campaign_desk import gift
from support.gift_desk import BRAND, COUNTER, DAY, NOON, GiftDesk, new_key, open_gift_desk
from support.patience import open_patiently
from support.till_world import basket, sale_id_of

Step = Callable[["Season"], Awaitable[None]]

AMOUNT = 1_000_00
UNITS, LIMIT_DAY, LIMIT = 3, 2, 4
VISIT_DAYS = 3
RULES = ("BY-SPEND", "PLAIN")
PLACINGS = (GiftCause.SENT_TO_COUNTER, GiftCause.BACK_AT_DESK)
WITH_UNIT = ("CONFIRMED", "READY", "COLLECTED", "CLAWBACK_DUE", "WAIVED")
_codes = count(1)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def gifts(database: Database, conn: Conn, client: RedisClient, keyring: Keyring) -> GiftDesk:
    return await open_gift_desk(database, conn, client, keyring)


@dataclass(slots=True)
class Season:
    """Two members and a campaign of two gifts: one for each full amount of a day, one for nothing."""

    gifts: GiftDesk
    members: list[MembershipKey]
    sales: list[tuple[MembershipKey, SaleId]] = field(default_factory=list)
    claimed: list[Gift] = field(default_factory=list)

    @property
    def today(self) -> date:
        """The cut-over of Chaoyang Galleria is at 04:00."""
        return (self.gifts.now.astimezone(ZoneInfo("Asia/Shanghai")) - timedelta(hours=4)).date()

    async def spend(self, who: int, amount_minor: int) -> None:
        member = self.members[who]
        self.sales.append((member, await self.gifts.spend(member, amount_minor)))

    async def buy(self, who: int, *, collect: bool) -> None:
        """A gift, by a receipt of its own."""
        await self.spend(who, AMOUNT)
        await self.claim(who, "BY-SPEND")
        if collect and self.claimed:
            await self.try_to(self.gifts.collect(self.claimed[-1]))

    async def claim(self, who: int, rule: str) -> None:
        pool_id = self.gifts.pool(rule=rule, day=self.today)
        await self.try_to(self._claim(self.members[who], pool_id))

    async def _claim(self, member: MembershipKey, pool_id: GiftPoolId) -> None:
        self.claimed.append(await self.gifts.claim(member, pool_id))

    async def one(self, which: int, act: Callable[[Gift], Awaitable[Gift]]) -> None:
        if self.claimed:
            await self.try_to(act(self.claimed[which % len(self.claimed)]))

    async def visit(self, which: int, hours: int) -> None:
        """To be collected at a brand, during an hour that begins so many hours from now."""
        there = self.gifts.stop(self.gifts.now + timedelta(hours=hours))
        await self.one(which, lambda one: self.gifts.send(one, there))

    async def end_visit(self, which: int, hours: int | None, *, by_house: bool) -> None:
        """The stop that a gift waits for is moved so many hours, or (None) is no more."""
        if not self.claimed:
            return
        wait = (await self.gifts.gift(self.claimed[which % len(self.claimed)].gift_id)).wait
        if wait is not None:
            later = None if hours is None else self.gifts.now + timedelta(hours=hours)
            moved = None if later is None else self.gifts.stop(later, uid=wait.uid)
            await self.gifts.follow(wait.uid, moved, by_house=by_house)

    async def take_back(self, which: int, how: str) -> None:
        if not self.sales:
            return
        member, sale_id = self.sales[which % len(self.sales)]
        till = self.gifts.till(member)
        match how:
            case "VOID":
                await self.try_to(till.void(sale_id))
            case "RETURN":
                await self.try_to(till.take_back(sale_id, (1, 1)))
            case _:
                await self.try_to(self._exchange(member, sale_id))

    async def _exchange(self, member: MembershipKey, sale_id: SaleId) -> None:
        till = self.gifts.till(member)
        command = ExchangeLines(
            idempotency_key=new_key(),
            sale=sale_id,
            lines=(ReturnRequest(1, 1),),
            sequence=till.next_sequence(),
            basket=basket(AMOUNT),
            sale_sequence=till.next_sequence(),
            returned_at=self.gifts.now,
        )
        answer = await till.tills.exchange(till.actor, command, self.gifts.now)
        assert answer.exchanged_for is not None
        self.sales.append((member, sale_id_of(answer.exchanged_for)))

    async def wait(self, hours: int) -> None:
        self.gifts.clock.advance(timedelta(hours=hours))
        await self.work()

    async def work(self) -> None:
        await self.gifts.judge_days()
        await self.gifts.forfeit()

    async def settle(self, *, keep: bool) -> None:
        """What is to be brought back is brought back, or may be kept."""
        for one in self.claimed:
            if await self.gifts.state(one) is GiftState.CLAWBACK_DUE:
                await (self.gifts.waive(one) if keep else self.gifts.take_back(one))
                keep = not keep

    async def try_to(self, act: Awaitable[object]) -> None:
        """Refusals are part of a season."""
        try:
            await act
        except DomainError:
            return


WHO, WHICH, AHEAD = st.integers(0, 1), st.integers(0, 5), st.integers(0, 96)
RETURNS = st.builds(
    lambda which, how: lambda season: season.take_back(which, how),
    WHICH,
    st.sampled_from(["RETURN", "VOID", "EXCHANGE"]),
)
VISITS = st.one_of(
    st.builds(lambda which, hours: lambda season: season.visit(which, hours), WHICH, AHEAD),
    st.builds(
        lambda which, hours, by_house: lambda season: season.end_visit(which, hours, by_house=by_house),
        WHICH,
        st.none() | AHEAD,
        st.booleans(),
    ),
    st.builds(lambda which: lambda season: season.one(which, season.gifts.untie), WHICH),
    st.builds(
        lambda which: lambda season: season.one(which, lambda one: season.gifts.collect_at(BRAND, one)),
        WHICH,
    ),
)
STEPS = st.one_of(
    RETURNS,
    RETURNS,
    VISITS,
    VISITS,
    st.builds(
        lambda who, amount: lambda season: season.spend(who, amount),
        WHO,
        st.sampled_from([400_00, 600_00, AMOUNT, 2 * AMOUNT]),
    ),
    st.builds(lambda who, rule: lambda season: season.claim(who, rule), WHO, st.sampled_from(RULES)),
    st.builds(lambda who, collect: lambda season: season.buy(who, collect=collect), WHO, st.booleans()),
    st.builds(lambda which: lambda season: season.one(which, season.gifts.collect), WHICH),
    st.builds(lambda which: lambda season: season.one(which, season.gifts.cancel), WHICH),
    st.builds(lambda keep: lambda season: season.settle(keep=keep), st.booleans()),
    st.just(lambda season: season.work()),
    st.builds(lambda hours: lambda season: season.wait(hours), st.sampled_from([2, 12, 24])),
)


def rules_of(returned_units: ReturnedUnits) -> tuple[GiftOffer, GiftOffer]:
    said: dict[str, object] = {
        "pools": (GiftPool(code="MAIN", desk=COUNTER, units_per_day=UNITS),),
        "days": (),
        "drop_time": None,
        "limit_per_member_day": LIMIT_DAY,
        "limit_per_member": LIMIT,
        "returned_units": returned_units,
        "collection": {"days_after": 1, "until": "22:00", "visit_days_after": VISIT_DAYS},
    }
    threshold = SpendThreshold(minimum_spend_minor=AMOUNT, per=ThresholdPer.PER_AMOUNT)
    by_spend, plain = RULES
    return gift(by_spend, threshold=threshold, **said), gift(plain, **said)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    returned_units=st.sampled_from(ReturnedUnits),
    steps=st.lists(STEPS, min_size=6, max_size=16),
)
async def test_any_season_keeps_the_laws(
    gifts: GiftDesk, conn: Conn, returned_units: ReturnedUnits, steps: list[Step]
) -> None:
    gifts.clock.set(NOON)
    await gifts.offer(*rules_of(returned_units), code=f"SEASON-{next(_codes)}")
    season = Season(gifts, [await gifts.join(), await gifts.join()])
    for who in (0, 1):
        await season.buy(who, collect=who == 0)
    for step in steps:
        await step(season)
        await check_units(season, conn)
        await check_limits(season, conn)
        await check_amounts(season, conn)
        await check_places(season)
    gifts.clock.advance(2 * DAY)
    await season.work()
    await check_places(season, forfeited=True)
    await check_judgements(season, conn)
    await season.settle(keep=False)
    await check_units(season, conn)
    await check_amounts(season, conn)
    await check_changes(season, conn)


async def check_units(season: Season, conn: Conn) -> None:
    """I2, I3: as many units as there were, wherever they are; PostgreSQL and Redis agree, and so do gifts."""
    for rule in RULES:
        offer_id = offer_id_of(season.gifts.campaign_id, rule)
        pools = await conn.fetch("SELECT * FROM inventory.pools WHERE offer_id = $1", offer_id)
        held = Counter(
            row["pool_id"]
            for row in await conn.fetch(
                "SELECT pool_id FROM gifts.gifts WHERE offer_id = $1 AND state = ANY ($2)", offer_id, list(WITH_UNIT)
            )
        )
        assert sum(pool["total"] for pool in pools) == UNITS * len(pools)
        levels = await season.gifts.inventory.levels([pool["pool_id"] for pool in pools], season.gifts.now)
        for pool in pools:
            assert pool["confirmed"] == held[pool["pool_id"]]
            assert pool["confirmed"] + pool["voided"] <= pool["total"]
            level = levels[pool["pool_id"]]
            assert (level.total, level.confirmed, level.voided) == (pool["total"], pool["confirmed"], pool["voided"])
            assert level.available + level.held == pool["total"] - pool["confirmed"] - pool["voided"]


async def check_limits(season: Season, conn: Conn) -> None:
    """I4, over everything but what was given up or cancelled."""
    rows = await conn.fetch(
        "SELECT member_id, offer_id, day FROM gifts.gifts WHERE member_id = ANY ($1) AND state <> 'CANCELLED'",
        [member.member_id for member in season.members],
    )
    by_day = Counter((row["member_id"], row["offer_id"], row["day"]) for row in rows)
    ever = Counter((row["member_id"], row["offer_id"]) for row in rows)
    assert max(by_day.values(), default=0) <= LIMIT_DAY
    assert max(ever.values(), default=0) <= LIMIT


async def check_amounts(season: Season, conn: Conn) -> None:
    """C6: no line is used up beyond itself, no gift takes more than it needs, who gave a gift up uses nothing."""
    rows = await conn.fetch(
        """
        SELECT used.sale_id, used.line_no, used.exclusive_group, used.used_minor, line.net_minor,
            given.gift_id, given.state
        FROM receipts.amounts_used used
        JOIN receipts.lines line USING (sale_id, line_no)
        JOIN gifts.gifts given ON given.gift_id = used.used_by_id
        WHERE given.member_id = ANY ($1)
        """,
        [member.member_id for member in season.members],
    )
    by_line: Counter[tuple[UUID, int, str, int]] = Counter()
    by_gift: Counter[UUID] = Counter()
    for row in rows:
        by_line[row["sale_id"], row["line_no"], row["exclusive_group"], row["net_minor"]] += row["used_minor"]
        by_gift[row["gift_id"]] += row["used_minor"]
        assert row["state"] not in ("CANCELLED", "RETURNED")
    assert all(used <= net for (_, _, _, net), used in by_line.items())
    assert max(by_gift.values(), default=0) <= AMOUNT


async def check_places(season: Season, *, forfeited: bool = False) -> None:
    """What waits for a visit is what is not over; no visit gives it more days than its offer says, or less than its
    desk; and what nobody collected is forfeited, wherever it was."""
    for given_once in season.claimed:
        one = await season.gifts.gift(given_once.gift_id)
        own = given_once.collect_until
        if one.wait is not None:
            assert one.state not in (GiftState.CANCELLED, GiftState.FORFEITED)
            assert one.collect_until == max(one.wait.until, one.wait.desk_until)
            assert one.wait.desk_until >= own
        assert own <= one.collect_until <= own + (VISIT_DAYS + 1) * DAY
        if forfeited and one.state in WAITING:
            assert season.gifts.now < one.collect_until


async def check_changes(season: Season, conn: Conn) -> None:
    """The log tells how each gift came to its state, by steps of the table, and that it came back after it was sent."""
    for given_once in season.claimed:
        now = await season.gifts.gift(given_once.gift_id)
        rows = await conn.fetch(
            "SELECT step, from_state, to_state, cause FROM gifts.changes WHERE gift_id = $1 ORDER BY step", now.gift_id
        )
        assert [row["step"] for row in rows] == list(range(2, now.step + 1))
        placings = [row for row in rows if row["cause"] in PLACINGS]
        assert all(row["from_state"] == row["to_state"] and GiftState(row["to_state"]) in WAITING for row in placings)
        assert all(
            row["cause"] == "SENT_TO_COUNTER" or before["cause"] == "SENT_TO_COUNTER"
            for before, row in pairwise(placings)
        )
        states = ["CONFIRMED", *(row["to_state"] for row in rows if row["cause"] not in PLACINGS)]
        assert states[-1] == now.state
        assert all(GiftState(to) in TRANSITIONS[GiftState(state)] for state, to in pairwise(states))


async def check_judgements(season: Season, conn: Conn) -> None:
    """Of each day that is over: what is kept pays for every gift that is not to be brought back, and for no more."""
    assert await conn.fetchval("SELECT count(*) FROM gifts.judgements WHERE due_at <= $1", season.gifts.now) == 0
    offer_id = offer_id_of(season.gifts.campaign_id, "BY-SPEND")
    for member in season.members:
        rows = await conn.fetch(
            "SELECT gift_id, day, state FROM gifts.gifts WHERE member_id = $1 AND offer_id = $2",
            member.member_id,
            offer_id,
        )
        for day in {row["day"] for row in rows}:
            states = Counter(row["state"] for row in rows if row["day"] == day)
            over = [row["gift_id"] for row in rows if row["day"] == day and row["state"] in ("WAIVED", "FORFEITED")]
            free = await free_of_day(conn, member, day, over)
            paid_for = states["CONFIRMED"] + states["READY"] + states["COLLECTED"]
            assert paid_for * AMOUNT <= free
            if states["CLAWBACK_DUE"]:
                assert (paid_for + 1) * AMOUNT > free


async def free_of_day(conn: Conn, member: MembershipKey, day: date, over: list[UUID]) -> int:
    """What is kept of a day's receipts and not used up by gifts that are over."""
    found = await conn.fetchval(
        """
        SELECT coalesce(sum(greatest(line.net_minor - line.returned_minor - coalesce(used.minor, 0), 0)), 0)::bigint
        FROM receipts.sales sale JOIN receipts.lines line USING (sale_id)
        LEFT JOIN LATERAL (
            SELECT sum(entry.used_minor) AS minor FROM receipts.amounts_used entry
            WHERE entry.sale_id = line.sale_id AND entry.line_no = line.line_no AND entry.used_by_id = ANY ($3)
        ) used ON true
        WHERE sale.member_id = $1 AND sale.business_date = $2 AND sale.state IN ('COMMITTED', 'PART_RETURNED')
        """,
        member.member_id,
        day,
        over,
    )
    return int(found)
