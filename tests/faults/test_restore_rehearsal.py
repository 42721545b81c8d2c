"""The rehearsal of a restore in small: a backup under load, another server, the Valkey of before, and trade again."""

from pathlib import Path

from membership.rehearsal.plan import Plan
from membership.rehearsal.restore import OLD, rehearse_restore


def test_a_backup_taken_under_load_is_restored_and_sold_from(tmp_path: Path) -> None:
    plan = Plan(tmp_path, people=40, tills=1, claimers=2, pause_seconds=0.02, scarce=5)
    rehearsed = rehearse_restore(plan, lambda _: None, lives=(OLD,))
    assert rehearsed.wrong == []
    steps = {step.name: step.what for step in rehearsed.steps}
    assert "claims were confirmed after the backup" in steps[f"restore, {OLD}"]
    assert steps[f"membership check, {OLD}"] == "all hold"
