"""The Dockerfile fits the manifests and the locks. `make image-steps` carries it out."""

import re
import tomllib

from membership.settings import Settings
from support.manifests import OVERLAYS, ROOT, component, ours, pod, settings_of


def test_the_image_is_what_the_manifests_run() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (user,) = re.findall(r"^USER (\d+):(\d+)$", text, re.MULTILINE)
    for overlay in OVERLAYS:
        for of, container in ours(overlay):
            context = pod(of)["spec"]["securityContext"]
            assert (str(context["runAsUser"]), str(context["runAsGroup"])) == user
            for variable, value in re.findall(r"(MEMBERSHIP_\w+)=(\S+)", text):
                assert variable in {f"MEMBERSHIP_{field.upper()}" for field in Settings.model_fields}
                said = settings_of(overlay, container)
                assert component(of) in {"migrate", "backup"} or said[variable] == value


def test_what_builds_the_image_is_what_the_project_pins() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / "tools/build.in").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == project["build-system"]["requires"]
    complete = _locked("requirements.lock")
    assert _locked("requirements-runtime.lock").items() <= complete.items(), "run `make lock`"
    assert _locked("tools/build.lock").items() <= complete.items(), "run `make lock`"
    pinned = {re.sub(r"\[.*\]", "", pin).partition("==")[0] for pin in project["project"]["dependencies"]}
    assert pinned <= _locked("requirements-runtime.lock").keys(), "run `make lock`"
    # Of what tests and checks need, some comes along with what the service needs.
    assert not {"pytest", "mypy", "ruff", "hatchling"} & _locked("requirements-runtime.lock").keys()


def _locked(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    blocks = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    return dict(block.split()[0].split("==", 1) for block in blocks)
