"""The next version is this one with a column more, and stops fitting loudly."""

from pathlib import Path

import pytest

from membership.postgres.migrations import Phase, migrations
from membership.rehearsal import next_version as subject
from membership.rehearsal.plan import RehearsalFailed


def test_it_writes_the_new_column_and_its_migrations_come_last(tmp_path: Path) -> None:
    code = subject.next_version(tmp_path / "next")
    folder = code.source.parent / "sql"
    queries = (folder / "queries" / "receipts.sql").read_text(encoding="utf-8")
    assert "expires_at, written_by\n)" in queries
    assert "'next'\n)" in queries
    steps = migrations(folder / "migrations")[-3:]
    assert [step.phase for step in steps] == [Phase.PRE, Phase.PRE, Phase.POST]
    assert not steps[1].in_transaction
    assert "UPDATE platform.schema_floor SET oldest = 9003;" in steps[2].text


def test_a_query_that_is_not_what_it_was_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(subject, "_COLUMNS", ("no such text", ""))
    with pytest.raises(RehearsalFailed, match="in another way"):
        subject.next_version(tmp_path / "next")
