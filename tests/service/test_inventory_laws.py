"""I1–I9 on real servers: any history of claims, changes and losses, looked at after every step."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.embedded.process import free_port
from membership.inventory.errors import AllHeld, SoldOut, StockBelowConfirmed
from membership.inventory.model import ClaimId, GiveBackTo, GrantedClaim, Limits, Mode
from membership.inventory.rules import deadline_of
from membership.inventory.service import Inventory
from membership.inventory.stock import Fenced, Stock, ToHold
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient, open_redis
from support.clock import StoppedClock
from support.drop_world import APP, DropWorld, Outcome, open_drop
from support.patience import open_patiently

POOLS = 3


@dataclass(frozen=True)
class Claim:
    """By one of two processes."""

    member: int
    key: int
    pool: int
    process: int


@dataclass(frozen=True)
class Together:
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class DieHolding:
    """A process holds a unit for a claim and dies."""

    claim: Claim


@dataclass(frozen=True)
class DieCommitted:
    """A process commits a claim and dies before it confirms."""

    claim: Claim


@dataclass(frozen=True)
class GiveBack:
    granted: int
    to: GiveBackTo | int
    frees_limit: bool


@dataclass(frozen=True)
class ChangeTotal:
    pool: int
    by: int


@dataclass(frozen=True)
class VoidUnits:
    pool: int
    units: int


@dataclass(frozen=True)
class Sweep:
    after_seconds: int


@dataclass(frozen=True)
class Flush:
    pass


@dataclass(frozen=True)
class Rebuild:
    pass


@dataclass(frozen=True)
class LoseRedis:
    """Met by a process that cannot reach it, with a claim."""

    claim: Claim


@dataclass(frozen=True)
class Probe:
    after_seconds: int


Step = (
    Claim | Together | DieHolding | DieCommitted | GiveBack | ChangeTotal | VoidUnits | Sweep | Flush | Rebuild
    | LoseRedis | Probe
)  # fmt: skip

pools = st.integers(0, POOLS - 1)
claims = st.builds(Claim, st.integers(0, 4), st.integers(0, 2), pools, st.integers(0, 1))
histories = st.lists(
    st.one_of(
        claims,
        claims,
        st.builds(Together, st.lists(claims, min_size=2, max_size=5).map(tuple)),
        st.builds(Together, st.lists(claims, min_size=2, max_size=5).map(tuple)),
        st.builds(DieHolding, claims),
        st.builds(DieCommitted, claims),
        st.builds(GiveBack, st.integers(0, 9), st.sampled_from([*GiveBackTo, 0, 1, 2]), st.booleans()),
        st.builds(ChangeTotal, pools, st.sampled_from([-2, -1, 1, 2])),
        st.builds(VoidUnits, pools, st.integers(1, 2)),
        st.builds(Sweep, st.sampled_from([0, 5, 10])),
        st.just(Flush()),
        st.just(Rebuild()),
        st.builds(LoseRedis, claims),
        st.builds(Probe, st.sampled_from([0, 10])),
    ),
    min_size=4,
    max_size=16,
)
all_limits = st.sampled_from([Limits(), Limits(per_member=2), Limits(per_member_day=1), Limits(2, 1)])


class SilentStock(Stock):
    """Of a process that dies before it can confirm."""

    async def confirm(self, *_: object) -> int:
        raise ConnectionError("dead")


class History:
    """One offer, and what everybody was told for good."""

    def __init__(self, world: DropWorld, client: RedisClient, nowhere: RedisClient) -> None:
        self.world = world
        self.client = client
        self.stock = Stock(client)
        self.processes = [world.inventory, world.process(client)]
        self.cut_off = world.process(nowhere)
        self.dying = world.process(client)
        self.dying._claiming._holding._stock = SilentStock(client)
        self.told: dict[ClaimId, str] = {}
        self.granted: list[ClaimId] = []

    async def take(self, step: Step) -> None:
        world = self.world
        match step:
            case Claim():
                await self._claim(step, self.processes[step.process])
            case Together(several):
                await asyncio.gather(*(self._claim(claim, self.processes[claim.process]) for claim in several))
            case DieHolding(claim):
                await self._hold(claim)
            case DieCommitted(claim):
                await self._claim(claim, self.dying)
            case LoseRedis(claim):
                await self._claim(claim, self.cut_off)
            case GiveBack():
                await self._give_back(step)
            case ChangeTotal(pool, by):
                await self._change("change_total", pool, (await self._row(pool))["total"] + by)
            case VoidUnits(pool, units):
                await self._change("void_units", pool, units)
            case Sweep(seconds):
                await world.inventory.sweep(world.clock.advance(timedelta(seconds=seconds)))
            case Flush():
                await self.client.flushdb()
            case Rebuild():
                await self._rebuild_twice()
            case Probe(seconds):
                await world.inventory.probe(world.clock.advance(timedelta(seconds=seconds)))
        await self._check()

    async def _claim(self, claim: Claim, by: Inventory) -> None:
        """I5: what was told for good is told again. I9: nothing was free when SOLD_OUT was told. Nothing in these
        histories frees a unit while claims are under way, so it is not now either."""
        request = self.world.request(claim.member, key=str(claim.key), pool=claim.pool)
        outcome = await self.world.claim(claim.member, key=str(claim.key), pool=claim.pool, by=by)
        first_time = request.claim_id not in self.told
        if (word := _for_good(outcome)) is not None and word != "IDEMPOTENCY_CONFLICT":
            assert self.told.setdefault(request.claim_id, word) == word
        if isinstance(outcome, GrantedClaim) and request.claim_id not in self.granted:
            self.granted.append(request.claim_id)
        if isinstance(outcome, SoldOut) and first_time:
            row = await self._row(claim.pool)
            assert row["confirmed"] + row["voided"] == row["total"]
        if isinstance(outcome, AllHeld):
            level = await self.world.level(claim.pool)
            # What was held may have been confirmed meanwhile, by who claimed at the same time.
            assert level.held > 0 or level.available == 0, "something was held, or it would have been given"

    async def _hold(self, claim: Claim) -> None:
        request = self.world.request(claim.member, key=str(claim.key), pool=claim.pool)
        row = await self._row(claim.pool)
        held = ToHold(
            request.claim_id, request.pool_id, request.member.member_id, row["day"], request.fingerprint,
            deadline_of(self.world.clock.now()),
        )  # fmt: skip
        if row["mode"] == Mode.REDIS:
            try:
                await self.stock.hold(self.world.offer.offer_id, row["epoch"], [held])
            except Fenced:
                return

    async def _give_back(self, step: GiveBack) -> None:
        if not self.granted:
            return
        to = step.to if isinstance(step.to, GiveBackTo) else self.world.pools[step.to]
        claim_id = self.granted[step.granted % len(self.granted)]
        async with self.world.database.engine(APP, self.world.clock.now()) as tx:
            await self.world.inventory.give_back(tx, [claim_id], to=to, frees_limit=step.frees_limit)

    async def _change(self, change: str, pool: int, units: int) -> None:
        try:
            await self.world.run(change, pool, units)
        except StockBelowConfirmed as refused:
            row = await self._row(pool)
            assert refused.confirmed == row["confirmed"] + row["voided"] > refused.asked

    async def _rebuild_twice(self) -> None:
        """I8."""
        seen = []
        for _ in range(2):
            await self.world.inventory.rebuild(self.world.offer.offer_id, self.world.clock.now())
            keys = [f"inventory:{{{self.world.offer.offer_id}}}:{part}" for part in ("head", "claims", "members")]
            head, *rest = [await self.client.hgetall(key) for key in keys]
            head.pop(b"epoch")
            seen.append([head, *rest])
        assert seen[0] == seen[1]

    async def _check(self) -> None:
        """I1, I2, I3, I4: what holds at every moment."""
        await self.world.check_records()
        levels = await self.world.inventory.levels(self.world.pools, self.world.clock.now())
        for level in levels.values():
            assert min(level.available, level.held, level.confirmed, level.voided) >= 0
            assert level.total == level.available + level.held + level.confirmed + level.voided

    async def end(self) -> None:
        """Once quiet: nothing is held, and what is free can be had."""
        for _ in range(2):
            now = self.world.clock.advance(timedelta(seconds=11))
            await self.world.inventory.sweep(now)
            await self.world.inventory.probe(now)
        await self.world.check_quiet()
        for pool in range(POOLS):
            free = (await self.world.level(pool)).available
            newcomers = [await self.world.claim(1_000 * (pool + 1) + number, pool=pool) for number in range(free + 1)]
            assert [isinstance(told, GrantedClaim) for told in newcomers] == [True] * free + [False]
            assert isinstance(newcomers[-1], SoldOut)
        await self.world.check_quiet()
        for pool in range(POOLS):
            await self.world.run("close_pool", pool)

    async def _row(self, pool: int) -> asyncpg.Record:
        row = await self.world.database.pool.fetchrow(
            "SELECT total, confirmed, voided, day, mode, epoch FROM inventory.pools WHERE pool_id = $1",
            self.world.pools[pool],
        )
        assert row is not None
        return row


def _for_good(outcome: Outcome) -> str | None:
    if isinstance(outcome, GrantedClaim):
        return "GRANTED"
    return None if outcome.retryable else outcome.code


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def nowhere() -> AsyncIterator[RedisClient]:
    """Nobody listens there."""
    client = open_redis(f"redis://127.0.0.1:{free_port()}/0")
    yield client
    await client.aclose()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=histories, limits=all_limits)
async def test_any_history_keeps_the_laws(
    database: Database,
    conn: Conn,
    client: RedisClient,
    nowhere: RedisClient,
    clock: StoppedClock,
    history: list[Step],
    limits: Limits,
) -> None:
    world = await open_drop(database, conn, client, clock, units=[2, 3, 1], limits=limits)
    world.salt = str(world.offer.offer_id)
    run = History(world, client, nowhere)
    for step in history:
        await run.take(step)
    await run.end()
