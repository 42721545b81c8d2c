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
run_bench(Path(sys.argv[1]), 0.2, Plan(people=25, rounds=1, connections=(2,), warm_up_seconds=0))
"""

FIELDS = {"operation", "rps", "p50_ms", "p95_ms", "p99_ms", "sql_round_trips", "ratio_to_pgbench", "ratio_to_hello"}


def test_a_small_run_writes_every_figure_of_every_operation(tmp_path: Path) -> None:
    results = tmp_path / "bench" / "results.json"
    finished = subprocess.run([sys.executable, "-c", SMALL, str(results)], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(results.read_text(encoding="utf-8"))
    assert [row["operation"] for row in found] == [
        "look-up by code",
        "member home",
        "quote",
        "commit",
        "commit, 30 lines",
    ]
    for row in found:
        assert row.keys() >= FIELDS
        assert all(row[name] > 0 for name in FIELDS - {"operation"} if row[name] is not None)
        assert row["operation"] in finished.stdout
    assert list(results.parent.iterdir()) == [results], "the servers' data are gone"
