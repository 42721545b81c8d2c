"""Who may speak to whom: what the policies allow is what k8s/network.md draws, and both ends of a way agree."""

import re
from collections.abc import Iterator
from typing import TypeAlias
from urllib.parse import urlsplit

import pytest

from support.manifests import OVERLAYS, ROOT, Object, component, name, objects, ours, pod, settings_of, workloads

Way: TypeAlias = tuple[str, str, int]
"""From, to, port."""

by_overlay = pytest.mark.parametrize("overlay", OVERLAYS)

EVERYONE, ANYWHERE = "everyone", "anywhere"
OF_SERVERS = {
    "postgres": {5432, 8000},  # and what CloudNativePG asks its instances for
    "pooler": {5432},
    "redis": {6379, 16379},  # and the bus of a Redis Cluster, which is its port and 10000
    "kube-dns": {53},
}
"""Where each listens."""
EXPORTERS = {"postgres": 9187, "pooler": 9127}
"""Where CloudNativePG tells of them."""
KUBERNETES = 6443


def _components(overlay: str) -> set[str]:
    made_by_operators = {
        of["kind"]: of["metadata"]["labels"].get("app.kubernetes.io/component")
        for of in objects(overlay, "RedisCluster")
    }
    for of in objects(overlay, "Cluster"):
        made_by_operators["Cluster"] = of["spec"]["inheritedMetadata"]["labels"]["app.kubernetes.io/component"]
    for of in objects(overlay, "Pooler"):
        made_by_operators["Pooler"] = of["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
    of_pods = {pod(of)["metadata"]["labels"]["app.kubernetes.io/component"] for of in workloads(overlay)}
    return of_pods | set(made_by_operators.values())


def _selected(overlay: str, selector: Object) -> set[str]:
    """By their component; a selector that says something else is not understood here."""
    if not selector:
        return {EVERYONE}
    there = _components(overlay)
    if selector.get("matchLabels") == {"app.kubernetes.io/name": "membership"}:
        return {component(of) for of, _ in ours(overlay)} & {"api", "api-tills", "worker"}
    labels: Object = dict(selector.get("matchLabels", {}))
    chosen = {labels.pop("app.kubernetes.io/component")} if labels else there
    assert not labels, selector
    for expression in selector.get("matchExpressions", []):
        assert (expression["key"], expression["operator"]) == ("app.kubernetes.io/component", "In")
        chosen &= set(expression["values"])
    return chosen & there


def _peers(overlay: str, peer: Object) -> set[str]:
    if "ipBlock" in peer:
        return {ANYWHERE}
    if "namespaceSelector" in peer:
        (place,) = peer["namespaceSelector"]["matchLabels"].values()
        return {"kube-dns"} if "podSelector" in peer else {str(place)}
    return _selected(overlay, peer["podSelector"])


def _ways(overlay: str, direction: str) -> Iterator[Way]:
    word = {"ingress": "from", "egress": "to"}[direction]
    for policy in objects(overlay, "NetworkPolicy"):
        for rule in policy["spec"].get(direction, []):
            # A rule that names no peer or no port lets everybody in, or through every port.
            for port in rule["ports"]:
                for peer in rule[word]:
                    for own in _selected(overlay, policy["spec"]["podSelector"]):
                        for other in _peers(overlay, peer):
                            way = (own, other) if direction == "egress" else (other, own)
                            yield (*way, port["port"])


def _drawn(overlay: str) -> set[Way]:
    text = (ROOT / "k8s/network.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## `{overlay}`$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^ +(\S+) -->\|([\d, ]+)\| (\S+)$", section, re.MULTILINE)
    return {(source, target, int(port)) for source, ports, target in lines for port in ports.split(",")}


@by_overlay
def test_the_policies_allow_what_is_drawn(overlay: str) -> None:
    allowed = set(_ways(overlay, "ingress")) | set(_ways(overlay, "egress"))
    assert allowed == _drawn(overlay)


@by_overlay
def test_both_ends_of_a_way_allow_it(overlay: str) -> None:
    there = _components(overlay)
    leaving = {way for way in _ways(overlay, "egress") if way[1] in there}
    arriving = {way for way in _ways(overlay, "ingress") if way[0] in there}
    assert leaving == arriving


@by_overlay
def test_whatever_is_not_allowed_is_denied(overlay: str) -> None:
    deny = [of["spec"] for of in objects(overlay, "NetworkPolicy") if of["spec"]["podSelector"] == {}]
    closed = {
        kind for spec in deny if not spec.get("ingress") and not spec.get("egress") for kind in spec["policyTypes"]
    }
    assert closed == {"Ingress", "Egress"}
    for policy in objects(overlay, "NetworkPolicy"):
        # A direction that a policy does not name would be decided by whether it has rules for it.
        directions = {direction for direction in ("ingress", "egress") if policy["spec"].get(direction)}
        assert directions <= {kind.lower() for kind in policy["spec"]["policyTypes"]}, name(policy)


@by_overlay
def test_every_port_is_one_that_somebody_listens_at(overlay: str) -> None:
    settings = {component(of): settings_of(overlay, container) for of, container in ours(overlay)}
    api = settings["api"]
    assert api["MEMBERSHIP_TOKEN_JWKS_URL"] and api["MEMBERSHIP_TRACES_ENDPOINT"] and api["MEMBERSHIP_PORT"]
    issuer = urlsplit(api["MEMBERSHIP_TOKEN_JWKS_URL"])
    collector = urlsplit(api["MEMBERSHIP_TRACES_ENDPOINT"])
    assert collector.hostname is not None and collector.port is not None
    listening = {
        **OF_SERVERS,
        collector.hostname.split(".")[1]: {collector.port},
        ANYWHERE: {issuer.port or 443, KUBERNETES},
    }
    for of, container in ours(overlay):
        if component(of) in {"api", "api-tills", "worker"}:
            listening[component(of)] = {port["containerPort"] for port in container["ports"]}
    for source, target, port in _drawn(overlay):
        exporters = {EXPORTERS[target]} if source == "monitoring" and target in EXPORTERS else set()
        assert port in listening[target] | exporters, (source, target, port)


@by_overlay
def test_only_an_ingress_reaches_what_clients_ask_and_only_monitoring_the_rest(overlay: str) -> None:
    drawn = _drawn(overlay)
    for tier in {"api", "api-tills"} & _components(overlay):
        assert {(source, port) for source, target, port in drawn if target == tier} == {
            ("ingress", 8000),
            ("monitoring", 9000),
        }
    assert {(source, port) for source, target, port in drawn if target == "worker"} == {("monitoring", 9000)}


def test_behind_the_pooler_only_those_who_may_not_be_pooled_reach_postgres() -> None:
    direct = {source for source, target, port in _drawn("group") if (target, port) == ("postgres", 5432)}
    assert direct == {"pooler", "worker", "migrate", "postgres", "cnpg-system"}
