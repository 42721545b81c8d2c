"""What k8s/ renders to, as the objects that a cluster would get."""

import json
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias

from membership.postgres.catalogue import sql_folder

ROOT = sql_folder().parent
Object: TypeAlias = dict[str, Any]
OVERLAYS = ("small", "group")


@cache
def _rendered() -> dict[str, list[Object]]:
    # By the tools' own Python: kubectl and a reader of YAML live there.
    command = [str(ROOT / ".tools/bin/python"), str(ROOT / "tools/manifests.py"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rendered: dict[str, list[Object]] = json.loads(done.stdout)
    return rendered


def objects(overlay: str, *kinds: str) -> list[Object]:
    """Of an overlay with its two steps of migrations; of these kinds, or all."""
    folders = (overlay, f"{overlay}-pre", f"{overlay}-post")
    return [of for folder in folders for of in _rendered()[folder] if not kinds or of["kind"] in kinds]


def folder(name: str) -> list[Object]:
    return _rendered()[name]


def names(overlay: str, *kinds: str) -> set[str]:
    return {name(of) for of in objects(overlay, *kinds)}


def name(of: Object) -> str:
    return str(of["metadata"]["name"])


def component(of: Object) -> str:
    return str(of["metadata"]["labels"]["app.kubernetes.io/component"])


def pod(of: Object) -> Object:
    """The pod of a Deployment, StatefulSet, Job or CronJob."""
    spec: Object = of["spec"]["jobTemplate"]["spec"] if of["kind"] == "CronJob" else of["spec"]
    template: Object = spec["template"]
    return template


WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")


def workloads(overlay: str) -> list[Object]:
    return objects(overlay, *WORKLOADS)


def containers(of: Object) -> list[Object]:
    spec = pod(of)["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def is_ours(container: Object) -> bool:
    return str(container["image"]).startswith("registry.example/membership:")


def ours(overlay: str) -> list[tuple[Object, Object]]:
    """Workloads that run our image, each with its container."""
    return [(of, container) for of in workloads(overlay) for container in containers(of) if is_ours(container)]


def settings_of(overlay: str, container: Object) -> dict[str, str | None]:
    """The variables of a container: None for what a Secret says."""
    maps = {name(of): of["data"] for of in objects(overlay, "ConfigMap")}
    found: dict[str, str | None] = {}
    for source in container.get("envFrom", []):
        found |= maps[source["configMapRef"]["name"]]
    for variable in container.get("env", []):
        found[variable["name"]] = variable.get("value")
    return found


def secrets_of(container: Object) -> Iterator[tuple[str, str, str]]:
    """Variable, Secret, key."""
    for variable in container.get("env", []):
        if "valueFrom" in variable:
            reference = variable["valueFrom"]["secretKeyRef"]
            yield variable["name"], reference["name"], reference["key"]
