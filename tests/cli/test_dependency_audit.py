"""`make audit`: silence is not a clean bill of health. The tools that it asks are played by what they print."""

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "dependency_audit.py"

SOUND = {"name": "asyncpg", "version": "0.32.0", "vulns": []}
UNKNOWN = {"name": "orjson", "skip_reason": "Dependency not found on PyPI"}
HOLED = {"name": "jinja2", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("dependency_audit", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr("sys.argv", ["dependency_audit"])
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "NPM_FOLDERS", ())
    return module


def _prints(monkeypatch: pytest.MonkeyPatch, audit: ModuleType, *, stdout: str, stderr: str = "") -> None:
    done = subprocess.CompletedProcess([], 0, stdout, stderr)
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: done)


def _report(*packages: object) -> str:
    return json.dumps({"dependencies": packages})


@pytest.mark.parametrize(
    ("packages", "code"), [((SOUND,), 0), ((SOUND, HOLED), 1), ((SOUND, UNKNOWN), 3), ((UNKNOWN, HOLED), 1)]
)
def test_three_outcomes(
    monkeypatch: pytest.MonkeyPatch, audit: ModuleType, packages: tuple[object, ...], code: int
) -> None:
    _prints(monkeypatch, audit, stdout=_report(*packages))

    assert audit.main() == code


def test_a_hole_is_named_with_the_version_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, audit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    _prints(monkeypatch, audit, stdout=_report(HOLED))

    audit.main()

    assert "HOLE jinja2 2.0: PYSEC-1, mended in 2.1" in capsys.readouterr().out


def test_a_source_that_is_away_is_told_and_is_not_clean(
    monkeypatch: pytest.MonkeyPatch, audit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    _prints(monkeypatch, audit, stdout="", stderr="connection refused")

    assert audit.main() == 3
    told = capsys.readouterr().out
    assert "no answer: connection refused" in told
    assert "NOT AUDITED" in told


def test_ci_goes_on_where_a_source_is_away_but_not_with_a_hole(
    monkeypatch: pytest.MonkeyPatch, audit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["dependency_audit", "--tolerate-silence"])
    _prints(monkeypatch, audit, stdout=_report(UNKNOWN))
    assert audit.main() == 0
    assert "NOT AUDITED" in capsys.readouterr().out

    _prints(monkeypatch, audit, stdout=_report(UNKNOWN, HOLED))
    assert audit.main() == 1


@pytest.mark.parametrize("printed", ['{"dependencies": null}', '{"dependencies": [', "{}", '{"dependencies": []}'])
def test_a_report_that_cannot_be_read_or_is_of_nothing_is_silence(
    monkeypatch: pytest.MonkeyPatch, audit: ModuleType, capsys: pytest.CaptureFixture[str], printed: str
) -> None:
    """Neither a hole, as a program that breaks off would say by its exit code, nor a clean bill of health."""
    _prints(monkeypatch, audit, stdout=printed)

    assert audit.main() == 3
    assert "NOT AUDITED" in capsys.readouterr().out


@pytest.mark.parametrize(
    "printed",
    [
        '{"vulnerabilities": {}, "metadata": {"dependencies": {"total": 0}}}',
        '{"vulnerabilities": [], "metadata": {}}',
        '{"message": "no such host"}',
    ],
)
def test_npm_that_looked_nothing_up_is_silence(
    monkeypatch: pytest.MonkeyPatch, audit: ModuleType, tmp_path: Path, printed: str
) -> None:
    (tmp_path / "conformance").mkdir()
    (tmp_path / "conformance" / "package-lock.json").write_text("{}")
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    monkeypatch.setattr(audit, "NPM_FOLDERS", ("conformance",))
    monkeypatch.setattr(audit, "PYTHON_LOCKS", ())
    monkeypatch.setattr(audit.shutil, "which", lambda _: "npm")
    _prints(monkeypatch, audit, stdout=printed)

    assert audit.main() == 3
