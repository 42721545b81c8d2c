"""Where traces are off they cost nothing to load, and settings say when that is."""

import subprocess
import sys

import pytest

from membership.cli.environment import read_settings
from membership.cli.failures import CommandFailed
from membership.kernel.recording import UNRECORDED, Step, System, noted, trace_id
from membership.settings import Settings
from membership.tracing.calls import OFF, UNTRACED, Origin
from membership.tracing.opening import API, tracing_of
from membership.tracing.otlp import OpenTelemetry
from support.traces import Recorder

_LOADED = "import sys, membership.app, membership.worker, membership.cli.serving; print(*sys.modules)"


def test_nothing_of_the_way_to_a_collector_is_loaded_before_somebody_asks_for_it() -> None:
    shown = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True).stdout.split()
    heavy = (
        "membership.tracing.otlp",
        "membership.tracing.sampled",
        "opentelemetry.exporter",
        "opentelemetry.sdk.trace",
    )
    assert [name for name in shown if name.startswith(heavy)] == []
    assert "membership.tracing.calls" in shown


@pytest.fixture
def _given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/membership")
    monkeypatch.setenv("REDIS_URL", "redis://redis/0")
    for name in ("HASH", "ENCRYPTION"):
        monkeypatch.setenv(f"MEMBERSHIP_IDENTITY_{name}_KEYS", f'{{"1": "{"0" * 64}"}}')


@pytest.mark.usefixtures("_given")
async def test_they_are_off_until_a_collector_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().traces_ratio == 0.1
    async with tracing_of(Settings(), API) as tracing:
        assert tracing is OFF
        assert tracing.operation(Origin.REQUEST, "any") is UNTRACED
    monkeypatch.setenv("MEMBERSHIP_TRACES_ENDPOINT", "http://collector:4318")
    async with tracing_of(Settings(), API) as tracing:
        assert isinstance(tracing, OpenTelemetry)
    monkeypatch.setenv("MEMBERSHIP_TRACES_RATIO", "0")
    async with tracing_of(Settings(), API) as tracing:
        assert tracing is OFF


@pytest.mark.usefixtures("_given")
@pytest.mark.parametrize(
    ("name", "wrong"),
    [("ENDPOINT", "collector:4318"), ("ENDPOINT", "grpc://collector:4317"), ("RATIO", "1.1"), ("RATIO", "-0.1")],
)
def test_a_wrong_one_names_itself(monkeypatch: pytest.MonkeyPatch, name: str, wrong: str) -> None:
    monkeypatch.setenv(f"MEMBERSHIP_TRACES_{name}", wrong)
    with pytest.raises(CommandFailed, match=f"MEMBERSHIP_TRACES_{name}"):
        read_settings(Settings)


def test_no_variable_of_the_library_has_a_say_in_what_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    recorder = Recorder()
    with recorder.tracing.operation(Origin.REQUEST, "any"):
        pass
    assert recorder.only()[0].name == "any"


def test_a_step_that_nobody_records_is_nothing() -> None:
    assert noted(Step(System.REDIS, "a.b", "EVALSHA")) is UNRECORDED
    assert trace_id() is None
