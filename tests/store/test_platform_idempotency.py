"""One key, one effect, one answer (law P1)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import SQL, IdempotencyConflict, Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import Event, Transaction
from support.blocked import until_blocked
from support.clock import StoppedClock
from support.refusals import PoolBusy, PoolEmpty

TILL = Actor(Role.TILL, "till", till_id=new_id())
REQUEST = Keyed("commitSale", "key-1", {"sequence": 7, "lines": [1, 2]})

Work = Callable[[Transaction], Awaitable[int]]


@pytest.fixture(autouse=True)
async def effects(conn: Conn) -> None:
    await conn.execute(
        "CREATE TABLE public.effects (number bigint GENERATED ALWAYS AS IDENTITY); "
        "GRANT SELECT, INSERT ON public.effects TO membership_engine"
    )


async def _draw(transaction: Transaction) -> int:
    """An effect whose answer differs every time it happens."""
    transaction.emit(Event("test.drawn", new_id(), {}))
    return int(await transaction.conn.fetchval("INSERT INTO public.effects DEFAULT VALUES RETURNING number"))


async def _restore(_: Conn, facts: Json) -> int:
    return int(str(facts["number"]))


@dataclass(frozen=True)
class Caller:
    database: Database
    clock: StoppedClock
    actor: Actor = TILL

    async def ask(self, keyed: Keyed, work: Work = _draw) -> int:
        return await once(
            self.database,
            self.actor,
            self.clock.now(),
            keyed,
            work=work,
            facts=lambda number: {"number": number},
            restore=_restore,
        )


@pytest.fixture
def caller(database: Database, clock: StoppedClock) -> Caller:
    return Caller(database, clock)


async def _count(conn: Conn, table: str = "public.effects") -> int:
    return int(await conn.fetchval(f"SELECT count(*) FROM {table}"))


async def test_p1_fifty_concurrent_repeats_have_one_effect_and_one_answer(caller: Caller, conn: Conn) -> None:
    answers = await asyncio.gather(*(caller.ask(REQUEST) for _ in range(50)))
    assert len(set(answers)) == 1
    assert await _count(conn) == 1
    assert await _count(conn, "platform.outbox") == 1


async def test_p1_a_later_repeat_gets_the_recorded_answer(caller: Caller, conn: Conn) -> None:
    first = await caller.ask(REQUEST)
    assert await caller.ask(replace(REQUEST, request={"lines": [1, 2], "sequence": 7})) == first
    assert await _count(conn) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, request={"sequence": 8, "lines": [1, 2]}),
        replace(REQUEST, request={"sequence": 7, "lines": [2, 1]}),
        replace(REQUEST, operation="voidSale"),
    ],
    ids=["other input", "other order of a list", "other operation"],
)
async def test_p1_another_request_under_the_same_key_conflicts_and_changes_nothing(
    caller: Caller, conn: Conn, other: Keyed
) -> None:
    first = await caller.ask(REQUEST)
    with pytest.raises(IdempotencyConflict):
        await caller.ask(other)
    assert await caller.ask(REQUEST) == first
    assert await _count(conn) == 1


async def test_p1_of_two_different_requests_at_once_under_one_key_one_conflicts(caller: Caller, conn: Conn) -> None:
    other = replace(REQUEST, operation="voidSale")
    answers = await asyncio.gather(caller.ask(REQUEST), caller.ask(other), return_exceptions=True)
    assert [type(answer) for answer in answers if not isinstance(answer, int)] == [IdempotencyConflict]
    assert await _count(conn) == 1


async def test_keys_of_different_callers_never_meet(caller: Caller, conn: Conn) -> None:
    member = new_id()
    others = [
        Actor(Role.TILL, "till", till_id=new_id()),
        Actor(Role.MEMBER, "m", member_id=member),
        Actor(Role.MEMBER_SERVICES, str(member)),
        Actor(Role.ADMIN, str(member)),
    ]
    for actor in [TILL, *others]:
        await replace(caller, actor=actor).ask(REQUEST)
    assert await _count(conn) == 5


async def test_a_final_refusal_is_recorded_without_its_effects_and_repeats_get_it(caller: Caller, conn: Conn) -> None:
    async def refused(transaction: Transaction) -> int:
        await _draw(transaction)
        raise PoolEmpty(left=0)

    for work in (refused, _draw):
        with pytest.raises(PoolEmpty) as refusal:
            await caller.ask(REQUEST, work)
        assert refusal.value.facts() == {"left": 0}
    assert await _count(conn) == 0
    assert await _count(conn, "platform.outbox") == 0


async def test_a_retryable_refusal_is_not_recorded(caller: Caller, conn: Conn) -> None:
    async def busy(transaction: Transaction) -> int:
        await _draw(transaction)
        raise PoolBusy

    with pytest.raises(PoolBusy):
        await caller.ask(REQUEST, busy)
    assert await _count(conn, "platform.idempotency_keys") == 0
    await caller.ask(REQUEST)
    assert await _count(conn) == 1


async def test_fifty_concurrent_repeats_of_a_refused_request_all_get_the_same_refusal(
    caller: Caller, conn: Conn
) -> None:
    left = iter(range(50))

    async def refused(transaction: Transaction) -> int:
        await _draw(transaction)
        raise PoolEmpty(left=next(left))

    answers = await asyncio.gather(*(caller.ask(REQUEST, refused) for _ in range(50)), return_exceptions=True)
    told = [answer.left for answer in answers if isinstance(answer, PoolEmpty)]
    assert len(told) == 50
    # Several may have come to a refusal of their own; only the recorded one is told.
    recorded = await conn.fetchval("SELECT outcome->'facts'->>'left' FROM platform.idempotency_keys")
    assert set(told) == {int(recorded)}
    assert await _count(conn) == 0


async def test_when_the_first_owner_of_a_key_rolls_back_one_that_waits_goes_on(caller: Caller, conn: Conn) -> None:
    entered, fail = asyncio.Event(), asyncio.Event()

    async def failing(transaction: Transaction) -> int:
        await _draw(transaction)
        entered.set()
        await fail.wait()
        raise RuntimeError

    first = asyncio.create_task(caller.ask(REQUEST, failing))
    await entered.wait()
    waiting = [asyncio.create_task(caller.ask(REQUEST)) for _ in range(2)]
    await until_blocked(conn, count=2)
    fail.set()
    with pytest.raises(RuntimeError):
        await first
    one, other = await asyncio.gather(*waiting)
    assert one == other
    assert await _count(conn) == 1


async def test_a_refusal_and_a_success_of_the_same_request_at_once_end_in_one_answer(
    caller: Caller, conn: Conn
) -> None:
    entered, refuse = asyncio.Event(), asyncio.Event()

    async def refused(_: Transaction) -> int:
        entered.set()
        await refuse.wait()
        raise PoolEmpty(left=0)

    first = asyncio.create_task(caller.ask(REQUEST, refused))
    await entered.wait()
    second = asyncio.create_task(caller.ask(REQUEST))
    await until_blocked(conn)
    refuse.set()
    answers = await asyncio.gather(first, second, return_exceptions=True)
    assert len({str(answer) for answer in answers}) == 1
    assert await _count(conn) == sum(isinstance(answer, int) for answer in answers[:1])


async def test_a_keyed_use_case_pays_two_round_trips_for_its_key_and_events(
    caller: Caller, statements: list[str]
) -> None:
    await caller.ask(REQUEST)
    begin, *own, commit = (text for text in statements if "public.effects" not in text)
    assert begin.startswith("BEGIN")
    assert own == [SQL.insert_idempotency_key.text, SQL.insert_events_and_outcome.text]
    assert commit == "COMMIT"


@pytest.mark.parametrize("key", ["", "  ", "k" * 201])
def test_a_key_that_cannot_be_one_never_reaches_the_database(key: str) -> None:
    with pytest.raises(ValueError, match="1 to 200"):
        Keyed("commitSale", key, None)
