"""What k8s/ says of the service is what the service is: its settings, ports, paths, limits and secrets."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis.asyncio
import typer
from starlette.routing import BaseRoute, Route, WebSocketRoute
from typer.core import TyperGroup

from membership.app import _BESIDE_CONNECTIONS, create_app
from membership.cli import app as command
from membership.cli import serving
from membership.kernel.clock import SystemClock
from membership.postgres.database import SERVER_SETTINGS, Database
from membership.postgres.migrations import Phase
from membership.settings import DatabaseSettings, Profile, Settings
from membership.web import health
from membership.worker import run as worker
from membership.worker import supervise
from support.manifests import (
    OVERLAYS,
    Object,
    component,
    containers,
    folder,
    name,
    objects,
    ours,
    pod,
    secrets_of,
    settings_of,
    workloads,
)

SECRET_VALUES = {
    "DATABASE_URL": "postgresql://somebody:something@membership-pooler:5432/membership",  # pragma: allowlist secret
    "REDIS_URL": "redis://:something@valkey:6379/0",
    "MEMBERSHIP_IDENTITY_HASH_KEYS": '{"1": "%s"}' % ("0" * 64),
    "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS": '{"1": "%s"}' % ("0" * 64),
}
"""What each Secret may hold, by variable: such as k8s/README.md tells how to make."""

IDLE_MEGABYTES = 135
KILOBYTES_OF_A_STREAM = 57
"""As measured: of a process that has just become ready, and of each open stream (`membership bench`)."""

LONG_RUNNING = {"api", "api-tills", "worker"}

by_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def _variable(field: str) -> str:
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"MEMBERSHIP_{field.upper()}"


KNOWN = {_variable(field): field for field in Settings.model_fields}


def _settings(overlay: str, container: Object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for variable, value in settings_of(overlay, container).items():
        monkeypatch.setenv(variable, SECRET_VALUES[variable] if value is None else value)
    return Settings()


def _long_running(overlay: str) -> list[tuple[Object, Object]]:
    return [(of, container) for of, container in ours(overlay) if component(of) in LONG_RUNNING]


@by_overlay
def test_every_variable_is_a_setting(overlay: str) -> None:
    for of, container in ours(overlay):
        unknown = settings_of(overlay, container).keys() - KNOWN.keys()
        assert not unknown, f"{name(of)}: {unknown} would be read by nobody"


@by_overlay
def test_every_value_is_one_that_the_service_takes(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for _, container in _long_running(overlay):
        settings = _settings(overlay, container, monkeypatch)
        assert settings.token_jwks_url is not None
        assert settings.redis_cluster is (overlay == "group")


@by_overlay
def test_what_has_no_default_is_said(overlay: str) -> None:
    required = {_variable(field) for field, of in Settings.model_fields.items() if of.is_required()}
    assert len(required) >= 4
    for of, container in _long_running(overlay):
        missing = required - settings_of(overlay, container).keys()
        assert not missing, f"{name(of)} lacks {missing}"


@by_overlay
def test_a_migration_gets_the_owners_address_and_nothing_else(overlay: str) -> None:
    required = {str(of.validation_alias) for of in DatabaseSettings.model_fields.values()}
    jobs = [(of, container) for of, container in ours(overlay) if component(of) == "migrate"]
    assert len(jobs) == 2
    for _, container in jobs:
        assert settings_of(overlay, container).keys() == required
        assert list(secrets_of(container)) == [("DATABASE_URL", "membership-owner-database", "DATABASE_URL")]


@by_overlay
def test_secrets_come_by_reference_under_the_name_of_their_variable(overlay: str) -> None:
    assert not objects(overlay, "Secret")
    for _, container in ours(overlay):
        found = list(secrets_of(container))
        assert {variable for variable, _, _ in found} <= SECRET_VALUES.keys()
        assert all(variable == key for variable, _, key in found)
        said = {variable for variable, value in settings_of(overlay, container).items() if value is not None}
        assert not said & SECRET_VALUES.keys()


@by_overlay
def test_the_api_a_worker_and_migrations_log_in_as_different_roles(overlay: str) -> None:
    by_component = {
        component(of): secret for of, container in ours(overlay) for variable, secret, _ in secrets_of(container)
        if variable == "DATABASE_URL"
    }  # fmt: skip
    assert by_component.get("api-tills", "membership-api-database") == by_component["api"] == "membership-api-database"
    assert by_component["worker"] == "membership-worker-database"
    assert by_component["migrate"] == "membership-owner-database"


@by_overlay
def test_ports_are_those_that_the_settings_say(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for of, container in _long_running(overlay):
        settings = _settings(overlay, container, monkeypatch)
        wanted = {"monitoring": settings.monitoring_port}
        if component(of) != "worker":
            wanted["http"] = settings.port
        assert {port["name"]: port["containerPort"] for port in container["ports"]} == wanted
        # Nobody outside the pod reaches a listener of this machine only.
        assert settings.host == settings.monitoring_host == "0.0.0.0"


@by_overlay
def test_every_command_is_one_that_there_is_with_its_options(overlay: str, tmp_path: Path) -> None:
    group = typer.main.get_command(command)
    assert isinstance(group, TyperGroup)
    for _, container in ours(overlay):
        mounted = {mount["mountPath"]: str(tmp_path) for mount in container.get("volumeMounts", [])}
        word, *options = [mounted.get(argument, argument) for argument in container["args"]]
        assert "command" not in container
        # Parses them, and runs nothing. Raises for what it does not know.
        group.commands[word].make_context(word, options)


@by_overlay
def test_migrations_come_in_their_two_phases(overlay: str) -> None:
    for phase in Phase:
        (job,) = [of for of in folder(f"{overlay}-{phase}") if of["kind"] == "Job"]
        assert containers(job)[0]["args"] == ["migrate", "--phase", phase.value]
        # A step would be applied with the long-running objects if their folder had it too.
        assert name(job) not in {name(of) for of in folder(overlay)}


@by_overlay
async def test_every_path_that_is_asked_for_is_answered(
    overlay: str, settings: Settings, database: Database, redis: "redis.asyncio.Redis"
) -> None:
    application = create_app(
        settings.model_copy(update={"profile": Profile.PRODUCTION}), database, redis, SystemClock()
    )
    try:
        answered = {
            "http": _paths(application.routes),
            "monitoring": _paths(application.state.monitoring.routes),
        }
    finally:
        await application.state.rates.close()
        await application.state.services.close()
    asked = 0
    for of, container in _long_running(overlay):
        for kind, path in (("startup", "/healthz"), ("liveness", "/healthz"), ("readiness", "/readyz")):
            probe = container[f"{kind}Probe"]["httpGet"]
            assert probe["path"] == path, f"{name(of)}: ready is not alive"
            assert path in answered[probe["port"]]
            asked += 1
    assert asked >= 6
    for monitor in objects(overlay, "ServiceMonitor"):
        assert {endpoint["path"] for endpoint in monitor["spec"]["endpoints"]} <= answered["monitoring"]
    for path, _, _ in _ways_in(overlay):
        assert any(route == path or route.startswith(f"{path}/") for route in answered["http"]), path


def _paths(routes: Sequence[BaseRoute]) -> set[str]:
    return {route.path for route in routes if isinstance(route, Route | WebSocketRoute)}


def _ways_in(overlay: str) -> list[tuple[str, str, str]]:
    """Path, Service, port of every way that an Ingress knows."""
    return [
        (path["path"], path["backend"]["service"]["name"], path["backend"]["service"]["port"]["name"])
        for ingress in objects(overlay, "Ingress")
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    ]


@by_overlay
def test_the_clients_of_an_ingress_never_reach_what_monitors(overlay: str) -> None:
    services = {name(of): of["spec"] for of in objects(overlay, "Service")}
    assert {port for _, _, port in _ways_in(overlay)} == {"http"}
    for _, service, port in _ways_in(overlay):
        (found,) = services[service]["ports"]
        assert (found["name"], found["targetPort"]) == (port, "http")


@by_overlay
def test_every_service_and_monitor_finds_pods_with_its_port(overlay: str) -> None:
    pods = [pod(of) for of in workloads(overlay)]
    for service in objects(overlay, "Service"):
        wanted = service["spec"]["selector"].items()
        chosen = [of for of in pods if wanted <= of["metadata"]["labels"].items()]
        assert chosen, name(service)
        for of in chosen:
            ports = {port["name"]: port["containerPort"] for one in of["spec"]["containers"] for port in one["ports"]}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports.keys(), name(service)
    (monitor,) = objects(overlay, "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    (service,) = [of for of in objects(overlay, "Service") if wanted <= of["metadata"]["labels"].items()]
    assert {one["port"] for one in monitor["spec"]["endpoints"]} == {one["name"] for one in service["spec"]["ports"]}
    scraped = service["spec"]["selector"].items()
    found = {component(of) for of in workloads(overlay) if scraped <= pod(of)["metadata"]["labels"].items()}
    assert found == {component(of) for of, _ in _long_running(overlay)}


@by_overlay
def test_a_pod_is_given_the_time_to_leave(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for of, container in _long_running(overlay):
        given = pod(of)["spec"]["terminationGracePeriodSeconds"]
        settings = _settings(overlay, container, monkeypatch)
        if component(of) == "worker":
            assert given >= worker._GRACE_SECONDS + supervise._CLOSE_SECONDS + 5
            continue
        longest = max(settings.query_seconds, settings.till_seconds, settings.mutation_seconds)
        finishing = serving._STREAMS_CLOSE_SECONDS + longest + serving._BEYOND_SECONDS
        assert given >= settings.drain_seconds + finishing + 5
        # While it drains it serves on; whoever sends requests has heard by then that it is leaving.
        probe = container["readinessProbe"]
        assert 0 < probe["periodSeconds"] * probe["failureThreshold"] < settings.drain_seconds
        # A time-out that cuts off a slow answer would take out a pod that is ready.
        assert probe["timeoutSeconds"] > 2 * health._TIMEOUT_SECONDS


@by_overlay
def test_memory_is_enough_for_all_streams(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for of, container in _long_running(overlay):
        if component(of) == "worker":
            continue
        streams = _settings(overlay, container, monkeypatch).stream_limit
        needed = IDLE_MEGABYTES + streams * KILOBYTES_OF_A_STREAM / 1_000
        resources = container["resources"]
        assert needed < _megabytes(resources["requests"]["memory"]) < _megabytes(resources["limits"]["memory"]), name(
            of
        )


def _megabytes(quantity: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * {"Mi": 2**20, "Gi": 2**30}[unit] / 1_000_000


def test_the_poolers_take_all_connections_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    (pooler,) = objects("group", "Pooler")
    (cluster,) = objects("group", "Cluster")
    bouncer = pooler["spec"]["pgbouncer"]
    most = sum(of["spec"]["maxReplicas"] for of in objects("group", "HorizontalPodAutoscaler"))
    settings = _settings(
        "group", next(one for of, one in _long_running("group") if component(of) == "api"), monkeypatch
    )
    # One pooler that is left has them all.
    assert most * (settings.database_pool_size + _BESIDE_CONNECTIONS) <= int(bouncer["parameters"]["max_client_conn"])
    assert bouncer["poolMode"] == "transaction"
    assert int(bouncer["parameters"]["max_prepared_statements"]) > 0 or settings.database_statement_cache_size == 0
    # What every connection asks for is either known to PgBouncer or ignored; what is ignored, the server has for all.
    ignored = set(bouncer["parameters"]["ignore_startup_parameters"].split(","))
    assert ignored == SERVER_SETTINGS.keys() - {"application_name"}
    parameters = cluster["spec"]["postgresql"]["parameters"]
    assert {key: parameters[key] for key in ignored} == {key: SERVER_SETTINGS[key] for key in ignored}
    servers = pooler["spec"]["instances"] * int(bouncer["parameters"]["default_pool_size"])
    (login,) = [role for role in cluster["spec"]["managed"]["roles"] if role["name"] == "membership_api"]
    assert servers <= login["connectionLimit"]
    assert sum(role["connectionLimit"] for role in cluster["spec"]["managed"]["roles"]) < int(
        parameters["max_connections"]
    )


def test_tills_have_processes_that_nobody_else_asks() -> None:
    backends = {
        rule["host"]: {path["backend"]["service"]["name"] for path in rule["http"]["paths"]}
        for ingress in objects("group", "Ingress")
        for rule in ingress["spec"]["rules"]
    }
    assert backends == {
        "membership.example": {"membership-api"},
        "tills.membership.example": {"membership-api-tills"},
    }
    priorities = {name(of): of["value"] for of in objects("group", "PriorityClass")}
    given = {component(of): priorities[pod(of)["spec"]["priorityClassName"]] for of, _ in _long_running("group")}
    assert given["api-tills"] > given["api"] == given["worker"]
    # A till is served by what it asks, and by the servers behind.
    behind = {of["spec"]["priorityClassName"] for of in objects("group", "Cluster", "RedisCluster")}
    behind |= {of["spec"]["template"]["spec"]["priorityClassName"] for of in objects("group", "Pooler")}
    assert behind == {"membership-tills"}
    # The same program, settings and secrets.
    same = [containers(of)[0] for of, _ in _long_running("group") if component(of) != "worker"]
    assert len(same) == 2
    assert same[0] == same[1]
