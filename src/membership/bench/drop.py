"""A drop in one process: how many claims are confirmed and refused in a second, beside what the bare script does.

Claims go through `Inventory`, without HTTP: what GraphQL adds is measured by the other operations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from membership.bench.pace import Pace, pace
from membership.inventory.errors import SoldOut
from membership.inventory.model import ClaimRequest, GrantedClaim, Limits, NewPool, Offer, OfferId, PoolId
from membership.inventory.rules import HOLD_FOR, claim_id_of
from membership.inventory.service import Inventory
from membership.inventory.stock import Stock, ToHold
from membership.inventory.writing import Batching
from membership.kernel.actor import Actor, Role
from membership.kernel.clock import SystemClock
from membership.kernel.ids import derived_id, new_id
from membership.members.model import MemberId, MembershipKey
from membership.postgres.database import Database, open_pool
from membership.postgres.json import digest
from membership.postgres.transaction import Transaction
from membership.redis.client import RedisClient, open_redis
from membership.settings import Settings
from membership.stores.model import ProgrammeId

WAYS: Mapping[str, Batching] = {"gathered": Batching(), "one by one": Batching(most=1, lanes=4)}
"""How claims are written: as the service does it, and each in a transaction of its own, four at a time."""

_PROGRAMME = ProgrammeId(derived_id("bench.drop"))
_MEMBERS = Actor(Role.SERVICE, "bench", programme_id=_PROGRAMME)


@dataclass(frozen=True, slots=True)
class DropFigures:
    """`script`: the same hold by the bare script, a call for each, one after the other on one connection."""

    confirmed: Pace
    refused: Pace
    script: Pace


async def measure_ways(
    settings: Settings, *, units: int, clients: int, rounds: int, advance: Callable[[], None] = lambda: None
) -> dict[str, list[DropFigures]]:
    """Both ways of writing claims, back to back in each round; `advance` is called after each of 2 × `rounds` steps."""
    pool = await open_pool(str(settings.database_url), max_size=settings.database_pool_size)
    redis = open_redis(str(settings.redis_url))
    found: dict[str, list[DropFigures]] = {way: [] for way in WAYS}
    try:
        for _ in range(rounds):
            for way, batching in WAYS.items():
                figures = await measure_drop(Database(pool), redis, units=units, clients=clients, batching=batching)
                found[way].append(figures)
                advance()
        return found
    finally:
        await redis.aclose()
        await pool.close()


async def measure_drop(
    database: Database, redis: RedisClient, *, units: int, clients: int, batching: Batching | None = None
) -> DropFigures:
    """`clients` at a time claim until all units are gone, and then as many claims are refused."""
    inventory = Inventory(database, redis, batching=batching)
    _, pool_id = await _open(database, inventory, units)
    numbers = count()

    async def claim() -> None:
        await inventory.claim(_MEMBERS, SystemClock().now(), _request(pool_id, next(numbers)), _give_nothing)

    async def be_refused() -> None:
        try:
            await claim()
        except SoldOut:
            return
        raise RuntimeError("a unit was left")

    confirmed = await pace(claim, units, clients)
    refused = await pace(be_refused, units, clients)
    return DropFigures(confirmed, refused, await _script_pace(database, inventory, redis, units))


async def _open(database: Database, inventory: Inventory, units: int) -> tuple[Offer, PoolId]:
    now = SystemClock().now()
    offer = Offer(OfferId(new_id()), _PROGRAMME, Limits(per_member=1, per_member_day=1))
    pool = NewPool(PoolId(new_id()), units, day=now.date())
    async with database.engine(_MEMBERS, now) as tx:
        await inventory.open_offer(tx, offer, [pool])
    return offer, pool.pool_id


def _request(pool_id: PoolId, number: int) -> ClaimRequest:
    member = MembershipKey(MemberId(derived_id("bench.member", number)), _PROGRAMME)
    return ClaimRequest(claim_id_of(member, str(pool_id)), pool_id, member, digest([str(pool_id)]))


async def _give_nothing(tx: Transaction, claims: Sequence[GrantedClaim]) -> None:
    """The owner's rows are the owner's cost."""


async def _script_pace(database: Database, inventory: Inventory, redis: RedisClient, units: int) -> Pace:
    """Of a fresh load, so that every call holds a unit."""
    fresh, pool_id = await _open(database, inventory, units)
    shelf = await inventory.rebuild(fresh.offer_id, SystemClock().now())
    if shelf is None:
        raise RuntimeError(f"offer {fresh.offer_id} is gone")
    stock, numbers, epoch = Stock(redis), count(), shelf.load.epoch
    deadline = SystemClock().now() + HOLD_FOR

    async def hold() -> None:
        request = _request(pool_id, next(numbers))
        day = shelf.pools[pool_id].day
        held = ToHold(request.claim_id, pool_id, request.member.member_id, day, request.fingerprint, deadline)
        await stock.hold(fresh.offer_id, epoch, [held])

    return await pace(hold, units, clients=1)
