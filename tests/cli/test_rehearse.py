"""`membership rehearse` says what it cannot do. What it does is `make rehearse`, of which CI runs the short form."""

from pathlib import Path

from support.command import Command


def test_a_fault_that_there_is_not_is_told_with_those_that_there_are(membership: Command, tmp_path: Path) -> None:
    result = membership("rehearse", "--only", "flood", "--results", str(tmp_path / "rehearsal.json"))
    assert result.returncode == 2
    assert "There is no flood; choose of: restart, migration, api, valkey, postgres, crash." in result.stderr


def test_a_pgbouncer_that_is_none_is_told_before_anything_starts(membership: Command, tmp_path: Path) -> None:
    results = tmp_path / "rehearsal.json"
    for program, complaint in (
        ("/nowhere/pgbouncer", "There is no /nowhere/pgbouncer."),
        ("/bin/true", "is no PgBouncer"),
    ):
        result = membership("rehearse", "--results", str(results), "--pgbouncer", program)
        assert (result.returncode, complaint in result.stderr) == (2, True), result.stderr
    assert list(tmp_path.iterdir()) == []
