"""membership check, as an operator uses it. What it finds, tests/service/test_checks.py looks at."""

import json

from membership.postgres.connection import Conn
from support.command import Command
from support.till_world import TillWorld


async def test_it_says_what_drifts_and_the_way_out(
    membership: Command, postgres_dsn: str, till: TillWorld, conn: Conn
) -> None:
    await till.sell(2_000_00)
    clean = membership("check", "--only", "ledger,receipts", DATABASE_URL=postgres_dsn)
    assert (clean.returncode, clean.stdout.splitlines()[-1]) == (0, "Everything that was looked at holds."), (
        clean.stderr
    )
    await conn.execute("UPDATE points.accounts SET balance = balance + 1")
    drifting = membership("check", "--only", "ledger", DATABASE_URL=postgres_dsn)
    assert drifting.returncode == 1
    assert "ledger, L1: A balance is the sum of its entries. 1 do not:" in drifting.stdout
    assert f"member {till.member_actor.member_id}: is 2001, should be 2000" in drifting.stdout
    assert "Way out: " in drifting.stdout
    told = json.loads(membership("check", "--only", "ledger", "--json", DATABASE_URL=postgres_dsn).stdout)
    assert (told["holds"], {law["law"] for law in told["laws"] if law["drifts"]}) == (False, {"L1", "L1 lots"})


async def test_what_cannot_be_looked_at_is_no_drift(membership: Command, postgres_dsn: str) -> None:
    unknown = membership("check", "--only", "ledgers", DATABASE_URL=postgres_dsn)
    assert (unknown.returncode, "There is no area ledgers. There are schema, ledger," in unknown.stderr) == (2, True)
    without_keys = membership("check", "--only", "identities", DATABASE_URL=postgres_dsn)
    assert (without_keys.returncode, "settings have no keys" in without_keys.stderr) == (2, True), without_keys.stderr
