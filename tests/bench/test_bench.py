"""The bench runs end to end and writes what it promises. How fast anything is, no test says."""

import json
import subprocess
import sys
from pathlib import Path

# In a process of its own: servers are started from the main thread, and event loops are made.
SMALL = """
import sys
from pathlib import Path
from membership.bench import Plan, run_bench
SMALL = Plan(
    people=25, rounds=1, connections=(2,), warm_up_seconds=0, members=2_000, units=50, claimers=8, drops=1,
    associates=2, past_days=1, listings=2, bookings=10, storms=2, tills=2, overtimes=2, refusals=1,
    watchers=20, slow=2, together=3,
)
run_bench(Path(sys.argv[1]), 0.2, SMALL)
"""

FIELDS = {"operation", "rps", "p50_ms", "p95_ms", "p99_ms", "sql_round_trips", "ratio_to_pgbench", "ratio_to_hello"}
DROP_FIELDS = {"operation", "rps", "p50_ms", "p99_ms", "units", "script_rps", "ratio_to_script"}
THROUGH_THE_API = [
    "look-up by code",
    "member home",
    "quote",
    "quote, 50 rules live",
    "commit",
    "commit, 50 rules live",
    "commit, 30 lines",
    "claim a gift",
    "claim, sold out",
    "free times, 40 brands",
    "visit proposals, 3 stops",
]
CONVERSATION = "a till's conversation"
IN_PROCESS = [
    "claim, in process, gathered",
    "sold out, in process, gathered",
    "claim, in process, one by one",
    "sold out, in process, one by one",
]
DIARIES = [
    "list a day, 640 appointments",
    "list a day, 32,320 appointments",
    "propose 3 stops, 1 day",
    "propose 3 stops, 7 days",
]
WATCHED = "20 subscriptions"
BOOKINGS = ["book one stop", "storm of visits, 40 clients"]
TRACED = ["member home, traced", "commit, traced"]
OVERTIME = "query past its time limit"
SCALED = ["look-up by code", "quote", "commit", "member home", "levels of a drop", "claim a gift", "claim, sold out"]
MIXED = ["the day's mix", "the day's mix"]


def test_a_small_run_writes_every_figure_of_every_operation(tmp_path: Path) -> None:
    results = tmp_path / "bench" / "results.json"
    finished = subprocess.run([sys.executable, "-c", SMALL, str(results)], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    written = json.loads(results.read_text(encoding="utf-8"))
    refused = [row for row in written if row["operation"].startswith("refuse: ")]
    scaled = [row for row in written if "postgres_ms" in row]
    found = [row for row in written if row not in refused and row not in scaled]
    assert len(refused) > 50
    assert [row["p99_ms"] for row in refused] == sorted((row["p99_ms"] for row in refused), reverse=True)
    assert not {row["code"] for row in refused} & {"INTERNAL_SERVER_ERROR", "UNAVAILABLE"}
    assert [row["operation"] for row in found[:-1]] == [
        *THROUGH_THE_API,
        CONVERSATION,
        *IN_PROCESS,
        *DIARIES,
        *BOOKINGS,
        OVERTIME,
        *TRACED,
        WATCHED,
    ]
    rows, issued = {row["operation"]: row for row in found}, found[-1]
    api, dropped = [rows[name] for name in THROUGH_THE_API], [rows[name] for name in IN_PROCESS]
    assert all(rows[name]["rps"] > 0 for name in [*DIARIES, *BOOKINGS])
    short, long = (rows[name] for name in DIARIES[:2])
    assert short["sql_round_trips"] == long["sql_round_trips"] == 2
    assert (short["rows_read"], short["found"]) == (long["rows_read"], long["found"])
    assert (short["beside"], long["beside"]) == (None, short["operation"])
    sold = rows[CONVERSATION]
    assert all(sold[name] > 0 for name in ("rps", "p95_ms", "requests_per_second", "client_cpu_ms", "receipts"))
    assert sold["tills"] == 2
    storm = rows[BOOKINGS[1]]
    assert (storm["asked"], storm["deadlocks"]) == (80, 0)
    assert 0 < storm["won"] < storm["asked"]
    assert storm["slots"] == 3 * storm["won"] <= storm["contested"]
    assert rows[OVERTIME]["calls"] == 2
    assert 0 < rows[OVERTIME]["gone_p50_ms"] <= rows[OVERTIME]["gone_most_ms"]
    assert all({"cpu_ms", "cpu_at_ratio", "cpu_of_all"} <= rows[name].keys() for name in TRACED)
    assert [(rows[name]["ratio"], rows[name]["rounds"]) for name in TRACED] == [(0.1, 1)] * 2
    for row, fields in [*((row, FIELDS) for row in api), *((row, DROP_FIELDS) for row in dropped)]:
        assert row.keys() >= fields
        assert all(row[name] > 0 for name in fields - {"operation"} if row[name] is not None)
        assert row["processors"] > 0
    compared = {row["operation"]: row["beside"] for row in api if row["beside"] is not None}
    assert compared == {
        "quote, 50 rules live": "quote",
        "commit, 50 rules live": "commit",
        "claim, sold out": "claim a gift",
    }
    assert (issued["members"], issued["coupons"]) == (2_000, 2_000)
    assert issued["rps"] > 0
    assert [row["operation"] for row in scaled] == SCALED + MIXED
    assert [row["processes"] for row in scaled] == [1] * len(SCALED) + [1, 3]
    assert all(row["rps"] > 0 and row["connections"] == 3 for row in scaled)
    assert "| the minute of a drop |" in finished.stdout
    assert all(row["operation"] in finished.stdout for row in [*found, *scaled])
    assert list(results.parent.iterdir()) == [results], "the servers' data are gone"
