"""`memberHome`: what it shows, and what it costs however long the history."""

from collections.abc import Iterator
from datetime import timedelta

import orjson
import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from support.operations import Run, codes, trusted
from support.till_world import ACTIVATION, TillWorld, sale_id_of

HOME = trusted("app/MemberHome")


async def test_home_shows_card_tier_points_and_the_latest_moves(till: TillWorld, run: Run) -> None:
    first = await till.sell(20_000_00)
    till.clock.advance(ACTIVATION)
    await till.take_back(sale_id_of(await till.sell(100_00)), (1, 1))
    result = await run(HOME, caller=till.member_actor)
    assert result.data is not None
    home = result.data["memberHome"]
    assert home["points"] == {"available": 20_000, "pending": 0, "held": 0, "balance": 20_000, "owed": 0}
    assert home["tier"]["current"]["tier"] == "SILVER"
    assert home["tier"]["nextTier"] == "GOLD"
    assert home["tier"]["spendToNextTier"] == {"amountMinor": 80_000_00, "currency": "CNY"}
    assert home["card"]["status"] == "ACTIVE"
    assert [(entry["kind"], entry["points"]) for entry in home["entries"]["nodes"]] == [
        ("REVERSE", -100),
        ("EARN", 100),
        ("EARN", first.points_earned),
    ]


async def test_moves_are_paged(till: TillWorld, run: Run) -> None:
    for _ in range(5):
        await till.sell(100_00)
    seen: list[str] = []
    after = None
    for _ in range(3):
        result = await run(HOME, {"first": 2, "after": after}, caller=till.member_actor)
        assert result.data is not None
        page = result.data["memberHome"]["entries"]
        seen += [entry["id"] for entry in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert len(seen) == len(set(seen)) == 5
    assert not page["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize("variables", [{"first": -1}, {"first": 101}, {"after": "no cursor"}])
async def test_a_bad_page_is_the_clients_fault(till: TillWorld, run: Run, variables: dict[str, object]) -> None:
    assert codes(await run(HOME, variables, caller=till.member_actor)) == ["BAD_USER_INPUT"]


async def test_another_members_home_cannot_be_reached(till: TillWorld, run: Run) -> None:
    stranger = Actor(Role.MEMBER, "stranger", member_id=new_id(), programme_id=till.member.programme_id)
    result = await run(HOME, caller=stranger)
    assert result.data == {"memberHome": None}


async def test_a_programme_that_does_not_exist_has_no_home(till: TillWorld, run: Run) -> None:
    astray = Actor(Role.MEMBER, "astray", member_id=till.member.member_id, programme_id=new_id())
    result = await run(HOME, caller=astray)
    assert result.errors is None
    assert result.data == {"memberHome": None}


@pytest.mark.parametrize("entries", [1, 1_000])
async def test_home_takes_two_round_trips_and_reads_few_rows_whatever_the_history(
    till: TillWorld, run: Run, conn: Conn, statements: list[str], entries: int
) -> None:
    await till.sell(100_00)
    till.clock.advance(ACTIVATION)
    await _copy_history(conn, entries - 1)
    await run(HOME, caller=till.member_actor)  # reads the directory and the ladders, as a running service has
    statements.clear()
    result = await run(HOME, caller=till.member_actor)
    assert result.errors is None
    inside = [text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]
    assert len(inside) == 2, inside
    arguments = (till.member.member_id, till.member.programme_id, till.now, (till.now - timedelta(days=900)).date())
    assert await _rows_read(conn, queries_of("home").find_home.text, *arguments) <= 20
    history = queries_of("points").list_entries.text
    assert await _rows_read(conn, history, *arguments[:2], None, 21) <= 21


async def _copy_history(conn: Conn, copies: int) -> None:
    """More entries and lots like the first, all of them long active and unspent."""
    await conn.execute(
        """
        WITH copy AS (
            INSERT INTO points.entries SELECT (jsonb_populate_record(entry, jsonb_build_object(
                'entry_id', gen_random_uuid(), 'cause_event', gen_random_uuid()))).*
            FROM points.entries entry, generate_series(1, $1::integer) RETURNING *
        )
        INSERT INTO points.lots SELECT (jsonb_populate_record(lot, jsonb_build_object(
            'lot_id', gen_random_uuid(), 'entry_id', copy.entry_id))).*
        FROM points.lots lot, copy
        """,
        copies,
    )
    await conn.execute("UPDATE points.accounts SET balance = (SELECT sum(points) FROM points.entries)")
    await conn.execute("ANALYZE")


async def _rows_read(conn: Conn, query: str, *arguments: object) -> int:
    """Rows that the scans of a plan produced, those that a filter threw away included."""
    plan = orjson.loads(await conn.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *arguments))
    return int(sum(_scanned(plan[0]["Plan"])))


def _scanned(node: dict[str, object]) -> Iterator[float]:
    if "Relation Name" in node:
        rows = float(node["Actual Rows"]) + float(node.get("Rows Removed by Filter", 0))  # type: ignore[arg-type]
        yield rows * float(node["Actual Loops"])  # type: ignore[arg-type]
    for child in node.get("Plans", []):  # type: ignore[attr-defined]
        yield from _scanned(child)
