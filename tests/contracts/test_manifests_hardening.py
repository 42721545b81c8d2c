"""What holds for every pod of k8s/, whoever wrote its image."""

import re

import pytest

from support.manifests import (
    OVERLAYS,
    WORKLOADS,
    Object,
    component,
    containers,
    folder,
    is_ours,
    name,
    names,
    objects,
    pod,
    workloads,
)

by_overlay = pytest.mark.parametrize("overlay", OVERLAYS)

PINNED = re.compile(r"[\w./-]+(:[\w.-]*\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})")


def _images(overlay: str) -> set[str]:
    found = {container["image"] for of in workloads(overlay) for container in containers(of)}
    found |= {of["spec"]["imageName"] for of in objects(overlay, "Cluster")}
    found |= {one["image"] for of in objects(overlay, "Pooler") for one in of["spec"]["template"]["spec"]["containers"]}
    return found | {of["spec"]["kubernetesConfig"]["image"] for of in objects(overlay, "RedisCluster")}


@by_overlay
def test_every_image_is_of_an_exact_version(overlay: str) -> None:
    images = _images(overlay)
    assert len(images) >= 3
    assert [image for image in images if PINNED.fullmatch(image) is None] == []
    # Of ours everywhere the same, or a migration would be of another version than the code.
    assert len({image for image in images if "/membership" in image}) == 1


@by_overlay
def test_every_container_says_what_it_needs_and_what_it_may_take(overlay: str) -> None:
    resources = [container["resources"] for of in workloads(overlay) for container in containers(of)]
    for kind in ("Cluster", "RedisCluster", "Pooler"):
        resources += [_resources(of) for of in objects(overlay, kind)]
    for one in resources:
        assert one["requests"].keys() == one["limits"].keys() == {"cpu", "memory"}


def _resources(of: Object) -> Object:
    spec: Object = of["spec"]
    match of["kind"]:
        case "RedisCluster":
            spec = spec["kubernetesConfig"]
        case "Pooler":
            (spec,) = spec["template"]["spec"]["containers"]
    found: Object = spec["resources"]
    return found


@by_overlay
def test_nothing_runs_as_root_or_writes_to_its_image(overlay: str) -> None:
    for of in workloads(overlay):
        spec = pod(of)["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(of):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            # The service writes no file but backups: `make image-steps` runs it where it could not.
            if is_ours(container):
                written = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
                assert written == (["/backups"] if component(of) == "backup" else [])


@by_overlay
def test_nothing_gets_a_token_of_kubernetes_or_variables_of_its_services(overlay: str) -> None:
    for of in workloads(overlay):
        spec = pod(of)["spec"]
        assert spec["automountServiceAccountToken"] is False
        # A Service called `membership` would set MEMBERSHIP_PORT.
        assert spec["enableServiceLinks"] is False
    assert all(of["automountServiceAccountToken"] is False for of in objects(overlay, "ServiceAccount"))


@by_overlay
def test_everything_lies_in_one_namespace_but_what_lies_in_none(overlay: str) -> None:
    for of in objects(overlay):
        wanted = None if of["kind"] in {"Namespace", "PriorityClass"} else "membership"
        assert of["metadata"].get("namespace") == wanted, name(of)


@by_overlay
def test_what_is_referred_to_is_there(overlay: str) -> None:
    priorities, accounts = names(overlay, "PriorityClass"), names(overlay, "ServiceAccount")
    maps, claims = names(overlay, "ConfigMap"), names(overlay, "PersistentVolumeClaim")
    for of in workloads(overlay):
        spec = pod(of)["spec"]
        assert spec.get("priorityClassName", "membership") in priorities, name(of)
        assert spec.get("serviceAccountName", "membership") in accounts, name(of)
        sources = [source for container in containers(of) for source in container.get("envFrom", [])]
        assert {source["configMapRef"]["name"] for source in sources} <= maps
        volumes = spec.get("volumes", [])
        assert {volume["configMap"]["name"] for volume in volumes if "configMap" in volume} <= maps
        found = {one["persistentVolumeClaim"]["claimName"] for one in volumes if "persistentVolumeClaim" in one}
        assert found <= claims
        there = {volume["name"] for volume in volumes}
        there |= {of["metadata"]["name"] for of in of["spec"].get("volumeClaimTemplates", [])}
        assert {one["name"] for container in containers(of) for one in container.get("volumeMounts", [])} <= there


@by_overlay
def test_servers_and_the_first_migration_need_nothing_that_comes_after_them(overlay: str) -> None:
    """They are applied alone, before the rest is."""
    there = [*folder(f"{overlay}-servers"), *folder(f"{overlay}-pre")]
    by_kind = {kind: {name(of) for of in there if of["kind"] == kind} for kind in ("PriorityClass", "ServiceAccount")}
    assert {name(of) for of in there if of["kind"] == "Namespace"} == {"membership"}
    assert "deny-all" in {name(of) for of in there if of["kind"] == "NetworkPolicy"}
    specs = [pod(of)["spec"] for of in there if of["kind"] in WORKLOADS]
    assert specs
    for spec in specs:
        assert spec.get("priorityClassName", "membership") in by_kind["PriorityClass"]
        assert spec.get("serviceAccountName", "membership") in by_kind["ServiceAccount"]
    for of in there:
        assert of["kind"] != "Cluster" or of["spec"]["priorityClassName"] in by_kind["PriorityClass"]


@by_overlay
def test_what_several_pods_do_never_stops_for_maintenance(overlay: str) -> None:
    budgets = {
        tuple(sorted(of["spec"]["selector"]["matchLabels"].items())): of["spec"]
        for of in objects(overlay, "PodDisruptionBudget")
    }
    scaled = {of["spec"]["scaleTargetRef"]["name"]: of["spec"] for of in objects(overlay, "HorizontalPodAutoscaler")}
    several = [
        of
        for of in objects(overlay, "Deployment")
        if scaled.get(name(of), {}).get("minReplicas", of["spec"].get("replicas", 1)) > 1
    ]
    assert several
    for of in several:
        budget = budgets[tuple(sorted(of["spec"]["selector"]["matchLabels"].items()))]
        assert budget["maxUnavailable"] == 1
        assert pod(of)["spec"]["topologySpreadConstraints"]
        # Until a new one is ready, no old one goes.
        assert of["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert scaled.keys() <= names(overlay, "Deployment")
    # A number of replicas beside an autoscaler would undo what that decided.
    assert all("replicas" not in of["spec"] for of in objects(overlay, "Deployment") if name(of) in scaled)
