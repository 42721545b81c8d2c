"""The units in systemd/ say what the code takes: commands, settings, ports, and how long an orderly end may last."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.main import get_command

from membership.app import create_app
from membership.cli import app, serving
from membership.settings import Settings
from membership.web.streams import StreamLimits
from membership.worker import run, supervise

UNITS = Path(__file__).parents[2] / "systemd"
DRAIN_SECONDS = 5
"""As k8s/README.md sets it on one machine."""
PROGRAM = "/opt/membership/bin/membership"
INSTANCES = {"membership-api@": ("8001",), "membership-migrate@": ("pre", "post")}
_HARDENING_BEGINS_WITH = "DynamicUser"

Unit = Sequence[tuple[str, str]]
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))


def read(name: str) -> Unit:
    """Every assignment, in order."""
    lines = (UNITS / name).read_text(encoding="utf-8").splitlines()
    return [(key, value) for key, _, value in (line.partition("=") for line in lines if line[:1].isalpha())]


def values(unit: Unit, key: str) -> list[str]:
    return [value for name, value in unit if name == key]


def variables() -> set[str]:
    """Every setting, as the environment has it."""
    return {
        str(field.validation_alias) if field.validation_alias else f"MEMBERSHIP_{name.upper()}"
        for name, field in Settings.model_fields.items()
    }


def test_there_are_units() -> None:
    assert {"membership-api@.service", "membership-worker.service", "membership-migrate@.service"} <= set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_runs_a_command_that_exists(name: str) -> None:
    (start,) = values(read(name), "ExecStart")
    program, command, *rest = start.split()
    assert program == PROGRAM
    known = get_command(app).commands[command]  # type: ignore[attr-defined]
    options = {option for parameter in known.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= options


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_sets_what_is_a_setting_and_reads_its_own_address(name: str) -> None:
    unit = read(name)
    said = [pair.partition("=")[0] for line in values(unit, "Environment") for pair in line.split()]
    assert set(said) <= variables()
    # The address of the database comes last: each login has its own.
    common, own = values(unit, "EnvironmentFile")
    assert common == "/etc/membership/membership.env"
    assert re.fullmatch(r"/etc/membership/(api|worker|owner|backup)\.env", own)


def test_a_restart_waits_for_the_instances_own_port() -> None:
    unit = read("membership-api@.service")
    assert "MEMBERSHIP_PORT=%i" in values(unit, "Environment")[0].split()
    (wait,) = values(unit, "ExecStartPost")
    assert wait.endswith(" http://127.0.0.1:%i/readyz")
    assert Settings.model_fields["host"].default == "127.0.0.1"
    assert '"/readyz"' in Path(create_app.__code__.co_filename).read_text(encoding="utf-8")


def test_systemd_kills_only_what_did_not_end_in_its_own_time() -> None:
    (api,) = values(read("membership-api@.service"), "TimeoutStopSec")
    longest = max(Settings.model_fields[f"{name}_seconds"].default for name in ("query", "till", "mutation"))
    assert int(api) > DRAIN_SECONDS + serving._STREAMS_CLOSE_SECONDS + longest + serving._BEYOND_SECONDS
    (worker,) = values(read("membership-worker.service"), "TimeoutStopSec")
    assert int(worker) > run._GRACE_SECONDS + supervise._CLOSE_SECONDS
    for name in SERVICES:
        assert values(read(name), "KillSignal") in ([], ["SIGTERM"])


def test_every_process_has_a_port_of_its_own_for_probes_and_metrics() -> None:
    assert "MEMBERSHIP_MONITORING_PORT=1%i" in values(read("membership-api@.service"), "Environment")[0].split()
    assert values(read("membership-worker.service"), "Environment") == ["MEMBERSHIP_MONITORING_PORT=19000"]
    assert Settings.model_fields["monitoring_host"].default == "127.0.0.1"


@pytest.mark.parametrize("name", SERVICES)
def test_no_unit_may_more_than_the_api(name: str) -> None:
    def hardening(unit: Unit) -> list[tuple[str, str]]:
        names = [key for key, _ in unit]
        kept = unit[names.index(_HARDENING_BEGINS_WITH) :]
        return [(key, value) for key, value in kept if key != "WantedBy"]

    wanted = hardening(read("membership-api@.service"))
    assert hardening(read(name)) == wanted
    assert {("NoNewPrivileges", "yes"), ("ProtectSystem", "strict"), ("CapabilityBoundingSet", "")} <= set(wanted)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_them(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("membership")
    for file in UNITS.glob("membership*"):
        text = file.read_text(encoding="utf-8").replace(PROGRAM, str(command)).replace("/usr/bin/curl", str(command))
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    for file in sorted(tmp_path.iterdir()):
        for instance in INSTANCES.get(file.stem, ("",)):
            unit = file.with_name(f"{file.stem}{instance}{file.suffix}")
            checked = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
            )
            # It looks at the machine's own units too, and has its opinion of them.
            ours = [line for line in checked.stderr.splitlines() if line.startswith(("membership", str(tmp_path)))]
            assert (checked.returncode, ours) == (0, [])


def test_what_stands_in_front_waits_longer_than_we_do_and_hears_of_a_drain() -> None:
    text = (UNITS / "haproxy.cfg").read_text(encoding="utf-8")
    seconds = dict(re.findall(r"^ +timeout ([a-z-]+) (\d+)s$", text, re.MULTILINE))
    longest = max(Settings.model_fields[f"{name}_seconds"].default for name in ("query", "till", "mutation"))
    assert int(seconds["server"]) > max(longest, StreamLimits(connections=1).keep_alive_seconds)
    assert int(seconds["http-keep-alive"]) < serving._KEEP_ALIVE_SECONDS
    found = re.search(r"default-server check inter (\d+)s fall (\d+)", text)
    assert found is not None and int(found[1]) * int(found[2]) < DRAIN_SECONDS
    ports = re.findall(r"^ +server api-(\d+) 127\.0\.0\.1:(\d+)$", text, re.MULTILINE)
    readme = (UNITS.parent / "k8s" / "README.md").read_text(encoding="utf-8")
    assert ports == [(port, port) for port in re.findall(r"systemctl restart membership-api@(\d+)", readme)]
    assert f"MEMBERSHIP_DRAIN_SECONDS={DRAIN_SECONDS}\n" in readme
    assert "MEMBERSHIP_TRUSTED_PROXIES=127.0.0.1\n" in readme
