"""The scripts, one by one: what they answer, that a repeat changes nothing, and what they do under a wrong load."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.exceptions import RedisError

from membership.inventory.model import ClaimId, Limits, Mode, OfferId, Pool, PoolId
from membership.inventory.rules import LiveStock
from membership.inventory.stock import Fenced, Freed, Held, OldLoad, Stock, ToHold, ToLoad
from membership.inventory.store import LoadedClaim
from membership.kernel.ids import new_id
from membership.members.model import MemberId
from membership.redis.client import RedisClient
from membership.redis.scripts import script
from support.clock import START
from support.drop_world import DAY
from support.patience import open_patiently

OFFER, POOL = OfferId(new_id()), PoolId(new_id())
ANN, BOB = MemberId(new_id()), MemberId(new_id())
GIVEN = ClaimId(new_id())
KEYS = [f"inventory:{{{OFFER}}}:{part}" for part in ("head", "claims", "holds", "members")]

Call = Callable[[Stock, int], Awaitable[object]]


def wanted(epoch: int) -> ToLoad:
    """Four units, of which Bob has one and one is voided; a member may have two, and one a day."""
    pool = Pool(POOL, OFFER, None, DAY, 4, 1, 1, Mode.POSTGRES, 0, None, START, None)
    given = LoadedClaim(GIVEN, POOL, BOB, DAY, b"f" * 16)
    return ToLoad(OFFER, epoch, Limits(2, 1), [pool], [given], {(BOB, None): 1, (BOB, DAY): 1})


def to_hold(claim_id: ClaimId, member_id: MemberId = ANN) -> ToHold:
    return ToHold(claim_id, POOL, member_id, DAY, b"a" * 16, START + timedelta(seconds=10))


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def stock(client: RedisClient) -> Stock:
    stock = Stock(client)
    await stock.load(wanted(7))
    return stock


async def contents(client: RedisClient) -> list[bytes | None]:
    return [await client.dump(key) for key in KEYS]


CALLS: dict[str, Call] = {
    "hold": lambda stock, epoch: stock.hold(OFFER, epoch, [to_hold(ClaimId(new_id()))]),
    "confirm": lambda stock, epoch: stock.confirm(OFFER, epoch, [GIVEN]),
    "release": lambda stock, epoch: stock.release(OFFER, epoch, [GIVEN]),
    "give_back": lambda stock, epoch: stock.give_back(OFFER, epoch, [GIVEN], to=Freed.FREE, frees_limit=True),
    "levels": lambda stock, epoch: stock.levels(OFFER, epoch, [POOL]),
    "overdue": lambda stock, epoch: stock.overdue(OFFER, epoch, until=None, most=-1),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("wrong", ["earlier epoch", "later epoch", "another server", "nothing"])
async def test_under_a_wrong_load_nothing_is_changed(client: RedisClient, stock: Stock, name: str, wrong: str) -> None:
    """I7."""
    if wrong == "another server":
        await client.hset(KEYS[0], "run_id", "0" * 40)
    if wrong == "nothing":
        await client.delete(KEYS[0])
    before = await contents(client)
    with pytest.raises(Fenced):
        await CALLS[name](stock, {"earlier epoch": 6, "later epoch": 8}.get(wrong, 7))
    assert await contents(client) == before


async def test_a_hold_takes_one_unit_however_often_it_is_sent(stock: Stock) -> None:
    claim = to_hold(ClaimId(new_id()))
    for later in (0, 5):
        repeated = replace(claim, deadline=claim.deadline + timedelta(seconds=later))
        assert await stock.hold(OFFER, 7, [repeated]) == [Held.HELD]
    assert (await stock.levels(OFFER, 7, [POOL]))[POOL] == LiveStock(4, 1, 1, 1, 1)
    assert [hold.claim_id for hold in await stock.overdue(OFFER, 7, until=claim.deadline, most=10)] == [claim.claim_id]


async def test_what_a_hold_is_refused_for(stock: Stock) -> None:
    mine = to_hold(ClaimId(new_id()))
    assert await stock.hold(OFFER, 7, [mine]) == [Held.HELD]
    others = [to_hold(ClaimId(new_id()), MemberId(new_id())) for _ in range(2)]
    asked = [
        replace(mine, fingerprint=b"b" * 16),
        replace(to_hold(GIVEN, BOB), fingerprint=b"f" * 16),
        to_hold(ClaimId(new_id())),
        replace(to_hold(ClaimId(new_id()), BOB), day=DAY + timedelta(days=1)),
        *others,
        replace(others[1], claim_id=ClaimId(new_id()), pool_id=PoolId(new_id())),
    ]
    assert await stock.hold(OFFER, 7, asked) == [
        Held.CONFLICT, Held.CONFIRMED, Held.LIMIT_DAY, Held.HELD, Held.EMPTY, Held.EMPTY, Held.NO_POOL,
    ]  # fmt: skip
    assert await stock.hold(OFFER, 7, [replace(to_hold(ClaimId(new_id()), BOB), day=DAY)]) == [Held.LIMIT_CAMPAIGN]


@pytest.mark.parametrize("settle", ["confirm", "release"])
async def test_a_hold_is_settled_once(stock: Stock, settle: str) -> None:
    claim = to_hold(ClaimId(new_id()))
    await stock.hold(OFFER, 7, [claim])
    assert [await getattr(stock, settle)(OFFER, 7, [claim.claim_id]) for _ in range(2)] == [1, 0]
    settled = LiveStock(4, 1, 0, 2, 1) if settle == "confirm" else LiveStock(4, 2, 0, 1, 1)
    assert (await stock.levels(OFFER, 7, [POOL]))[POOL] == settled
    assert await stock.overdue(OFFER, 7, until=None, most=-1) == []
    again = Held.CONFIRMED if settle == "confirm" else Held.HELD
    assert await stock.hold(OFFER, 7, [claim]) == [again]


@pytest.mark.parametrize("to", Freed)
@pytest.mark.parametrize("frees_limit", [True, False])
async def test_a_unit_is_given_back_once_and_a_late_confirmation_changes_nothing(
    stock: Stock, to: Freed, frees_limit: bool
) -> None:
    claim = to_hold(ClaimId(new_id()))
    await stock.hold(OFFER, 7, [claim])
    back = [await stock.give_back(OFFER, 7, [claim.claim_id], to=to, frees_limit=frees_limit) for _ in range(2)]
    assert back == [1, 0]
    assert await stock.confirm(OFFER, 7, [claim.claim_id]) == 0
    expected = LiveStock(4, 2, 0, 1, 1) if to is Freed.FREE else LiveStock(4, 1, 0, 1, 2)
    assert (await stock.levels(OFFER, 7, [POOL]))[POOL] == expected
    assert await stock.hold(OFFER, 7, [claim]) == [Held.RETURNED]
    again = await stock.hold(OFFER, 7, [to_hold(ClaimId(new_id()))])
    assert again == [Held.HELD if frees_limit else Held.LIMIT_DAY]


async def test_a_load_replaces_everything_and_only_a_greater_epoch_is_taken(client: RedisClient, stock: Stock) -> None:
    await stock.hold(OFFER, 7, [to_hold(ClaimId(new_id()))])
    run_id = await stock.load(wanted(8))
    assert await stock.overdue(OFFER, 8, until=None, most=-1) == []
    before = await contents(client)
    for old in (1, 7):
        with pytest.raises(OldLoad):
            await stock.load(wanted(old))
    staged = [f"inventory:{{{OFFER}}}:8:{part}" for part in ("head", "claims", "members")]
    answer = await script("membership.inventory", "load", prelude="fence").run(client, [*KEYS, *staged], [8, 7, 1, 2])
    assert answer == [b"OK", run_id.encode()], "a repeat is answered as the first time"
    assert await contents(client) == before
    assert [await client.ttl(key) for key in KEYS if await client.exists(key)] == [-1, -1, -1]


async def test_another_load_under_the_same_epoch_is_no_repeat(client: RedisClient, stock: Stock) -> None:
    """PostgreSQL was restored from a backup and drew the number again: what is there is of a later life."""
    await stock.hold(OFFER, 7, [to_hold(ClaimId(new_id()))])
    before = await contents(client)
    with pytest.raises(OldLoad) as old:
        await stock.load(wanted(7))
    assert old.value.loaded == 7
    assert await contents(client) == before


async def test_a_load_that_was_flushed_while_it_was_staged_is_not_taken(client: RedisClient, stock: Stock) -> None:
    class Flushed(Stock):
        async def _stage(self, key: str, fields: dict[object, object]) -> None:  # type: ignore[override]
            await super()._stage(key, fields)  # type: ignore[arg-type]
            if key.endswith("claims"):
                await client.flushdb()

    with pytest.raises(RedisError, match="INCOMPLETE"):
        await Flushed(client).load(wanted(9))
    assert not await client.exists(KEYS[0])


async def test_scripts_that_the_server_forgot_are_sent_again(client: RedisClient, stock: Stock) -> None:
    await client.script_flush()
    assert await stock.hold(OFFER, 7, [to_hold(ClaimId(new_id()))]) == [Held.HELD]
