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
    people=25, rounds=1, connections=(2,), warm_up_seconds=0, members=2_000, units=50, claimers=8, drops=1
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
]
IN_PROCESS = [
    "claim, in process, gathered",
    "sold out, in process, gathered",
    "claim, in process, one by one",
    "sold out, in process, one by one",
]


def test_a_small_run_writes_every_figure_of_every_operation(tmp_path: Path) -> None:
    results = tmp_path / "bench" / "results.json"
    finished = subprocess.run([sys.executable, "-c", SMALL, str(results)], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(results.read_text(encoding="utf-8"))
    api, dropped, issued = found[: len(THROUGH_THE_API)], found[len(THROUGH_THE_API) : -1], found[-1]
    assert [row["operation"] for row in api] == THROUGH_THE_API
    assert [row["operation"] for row in dropped] == IN_PROCESS
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
    assert all(row["operation"] in finished.stdout for row in found)
    assert list(results.parent.iterdir()) == [results], "the servers' data are gone"
