"""Members who contest units: `world = await open_drop(database, conn, redis, clock)`, then `await world.claim(1)`.

Members are numbers and have no rows of their own; gifts are rows of a scratch table, one for each granted claim.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID

from membership.inventory.model import (
    Admit,
    ClaimRequest,
    GrantedClaim,
    Limits,
    NewPool,
    Offer,
    OfferId,
    PoolId,
    PoolLevel,
)
from membership.inventory.rules import claim_id_of
from membership.inventory.service import Inventory
from membership.inventory.writing import Batching
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import DomainError
from membership.kernel.ids import derived_id, new_id
from membership.members.model import MemberId, MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.json import digest
from membership.postgres.transaction import Transaction
from membership.redis.client import RedisClient, is_ready
from membership.stores.model import ProgrammeId
from support.clock import StoppedClock

PROGRAMME = ProgrammeId(UUID("019a0000-0000-7000-8000-000000000001"))
APP = Actor(Role.SERVICE, "app", programme_id=PROGRAMME)
DAY = date(2026, 11, 12)

_LOADS = 10

Outcome = GrantedClaim | DomainError
Key = TypeVar("Key")

_GIFTS = """
    CREATE TABLE IF NOT EXISTS public.gifts (claim_id uuid PRIMARY KEY, member_id uuid NOT NULL, pool_id uuid NOT NULL);
    GRANT SELECT, INSERT, DELETE ON public.gifts TO membership_engine;
"""


def member(number: int) -> MembershipKey:
    return MembershipKey(MemberId(derived_id("member", number)), PROGRAMME)


async def give(tx: Transaction, claims: Sequence[GrantedClaim]) -> None:
    """What an owner does with claims that are granted. A second gift for a claim would break the key."""
    await tx.conn.execute(
        "INSERT INTO public.gifts SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[])",
        [claim.claim_id for claim in claims],
        [claim.member.member_id for claim in claims],
        [claim.pool_id for claim in claims],
    )


@dataclass
class DropWorld:
    database: Database
    conn: Conn
    inventory: Inventory
    clock: StoppedClock
    offer: Offer
    pools: list[PoolId]
    batching: Batching | None = None
    given: int = 0
    salt: str = ""  # before every key, where several worlds share a database
    troubles: list[Exception] = field(default_factory=list)

    async def give(self, tx: Transaction, claims: Sequence[GrantedClaim]) -> None:
        await give(tx, claims)
        self.given += len(claims)

    def request(self, number: int, *, key: str = "key", pool: int = 0, body: object = "gift") -> ClaimRequest:
        of = member(number)
        pool_id = self.pools[pool]
        return ClaimRequest(claim_id_of(of, self.salt + key), pool_id, of, digest([str(pool_id), body]), key=key)

    async def claim(
        self,
        number: int,
        *,
        key: str = "key",
        pool: int = 0,
        body: object = "gift",
        by: Inventory | None = None,
        admit: Admit | None = None,
    ) -> Outcome:
        """What a member is told; refusals as values."""
        request = self.request(number, key=key, pool=pool, body=body)
        try:
            return await (by or self.inventory).claim(APP, self.clock.now(), request, self.give, admit=admit)
        except DomainError as refusal:
            return refusal

    async def level(self, pool: int = 0) -> PoolLevel:
        return (await self.inventory.levels([self.pools[pool]], self.clock.now()))[self.pools[pool]]

    async def run(self, change: str, pool: int = 0, units: int = 0) -> None:
        """`change_total`, `void_units` or `close_pool`, in a transaction of its own."""
        async with self.database.engine(APP, self.clock.now()) as tx:
            match change:
                case "change_total":
                    await self.inventory.change_total(tx, self.pools[pool], units)
                case "void_units":
                    await self.inventory.void_units(tx, self.pools[pool], units)
                case "close_pool":
                    await self.inventory.close_pool(tx, self.pools[pool])
                case _:
                    raise ValueError(change)

    async def confirmed(self, pool: int = 0) -> int:
        """By the claims themselves."""
        return int(
            await self.conn.fetchval(
                "SELECT count(*) FROM inventory.claims WHERE pool_id = $1 AND state = 'CONFIRMED'", self.pools[pool]
            )
        )

    async def check_quiet(self) -> None:
        """I2, I3, I4 and one gift for each claim, by looking at both servers from outside."""
        report = await self.inventory.check(self.clock.now(), repair=False, settle_seconds=0)
        assert report.clean, [str(found) for found in (*report.drifts, *report.disagreements)]
        assert not report.unchecked
        levels = await self.inventory.levels(self.pools, self.clock.now())
        for level in levels.values():
            assert level.total == level.available + level.held + level.confirmed + level.voided, level
            assert level.held == 0, level
        await self.check_records()

    async def check_records(self) -> None:
        """What must hold at every moment, in PostgreSQL alone."""
        rows = await self.conn.fetch(
            "SELECT pool_id, total, confirmed, voided FROM inventory.pools WHERE offer_id = $1", self.offer.offer_id
        )
        claims = await self.conn.fetch(
            "SELECT claim_id, pool_id, member_id, day, state, counts FROM inventory.claims WHERE offer_id = $1",
            self.offer.offer_id,
        )
        by_pool = Counter(row["pool_id"] for row in claims if row["state"] == "CONFIRMED")
        for row in rows:
            assert row["confirmed"] == by_pool[row["pool_id"]]
            assert row["confirmed"] + row["voided"] <= row["total"]
        given = await self.conn.fetch("SELECT claim_id FROM public.gifts WHERE pool_id = ANY ($1)", self.pools)
        gifts = {row["claim_id"] for row in given}
        assert gifts == {row["claim_id"] for row in claims if row["state"] in ("CONFIRMED", "RETURNED")}
        self._check_limits(Counter(row["member_id"] for row in claims if row["counts"]), self.offer.limits.per_member)
        by_day = Counter((row["member_id"], row["day"]) for row in claims if row["counts"])
        self._check_limits(by_day, self.offer.limits.per_member_day)

    def _check_limits(self, counted: Mapping[Key, int], most: int | None) -> None:
        assert most is None or max(counted.values(), default=0) <= most

    def process(self, redis: RedisClient, database: Database | None = None) -> Inventory:
        """Another process, as far as inventory is concerned."""
        return Inventory(database or self.database, redis, batching=self.batching)


async def open_drop(
    database: Database,
    conn: Conn,
    redis: RedisClient,
    clock: StoppedClock,
    *,
    units: Sequence[int] = (3,),
    limits: Limits = Limits(per_member=1),  # noqa: B008 - frozen
    batching: Batching | None = None,
    offer_id: UUID | None = None,
) -> DropWorld:
    """An offer with a pool for each number of units, each pool on a day of its own."""
    await conn.execute(_GIFTS)
    inventory = Inventory(database, redis, batching=batching)
    offer = Offer(OfferId(offer_id or new_id()), PROGRAMME, limits)
    pools = [NewPool(PoolId(new_id()), total, day=_day(position)) for position, total in enumerate(units)]
    async with database.engine(APP, clock.now()) as tx:
        await inventory.open_offer(tx, offer, pools)
    world = DropWorld(database, conn, inventory, clock, offer, [pool.pool_id for pool in pools], batching)
    await _insist_on_redis(world, redis)
    return world


async def _insist_on_redis(world: DropWorld, redis: RedisClient) -> None:
    """On a busy machine the load may have run out of its second: then PostgreSQL decides, which is another test."""
    for _ in range(_LOADS):
        mode = await world.conn.fetchval("SELECT mode FROM inventory.pools WHERE pool_id = $1", world.pools[0])
        if mode == "REDIS" or not await is_ready(redis):
            return  # loaded, or a world without Redis, as some tests ask for
        await world.inventory.rebuild(world.offer.offer_id, world.clock.now())
    raise AssertionError("Redis answers, and was not loaded")


def _day(position: int) -> date:
    """Two pools share a day: limits per day span pools."""
    return DAY + timedelta(days=position // 2)
