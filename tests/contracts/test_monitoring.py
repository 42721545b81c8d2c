"""Metrics, dashboard, alerts and runbook say the same: what is drawn or watched is exposed, what is exposed is
described, what wakes somebody says what to do, and no label has values without end."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis.asyncio
import yaml  # type: ignore[import-untyped]
from graphql import GraphQLError, OperationDefinitionNode, parse

from membership.app import create_app
from membership.graph.operations.documents import load_manifest
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.monitoring.operations import OTHER, OperationMetrics, Outcome, operations_in
from membership.monitoring.readings import open_registry
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.settings import Settings
from membership.worker import run_worker
from support.clock import StoppedClock
from support.drop_world import open_drop
from support.monitoring import Scrape, ask, bound, scrape

FOLDER = Path(__file__).parents[2] / "k8s"
README, DASHBOARD, ALERTS = (FOLDER / "monitoring" / name for name in ("README.md", "dashboard.json", "alerts.yaml"))
PATIENCE_SECONDS = 60

BOUNDED: Mapping[str, str] = {
    "operation": "trusted documents and `other`",
    "role": "roles and `anonymous`",
    "outcome": "what the code knows",
    "code": "codes of errors and refusals and `other`",
    "transport": "two",
    "path": "our own paths and `other`",
    "status": "of HTTP",
    "client": "kinds of clients that have a rate limit",
    "decided_by": "three",
    "kind": "tills and others",
    "state": "a few each",
    "loop": "of the worker",
    "task": "periodic jobs",
    "offer": "the latest, as many as 200 pools belong to",
    "pool": "200",
    "programme": "one for each currency and ladder",
    "generation": "three",
    "le": "buckets",
}
"""Why each label comes to an end. A new one is put here on purpose: never what tells of a person, or a free text."""


@dataclass(frozen=True)
class Described:
    labels: frozenset[str]
    by: frozenset[str]


def described() -> Mapping[str, Described]:
    """The tables of the README: `metric`, its labels, which process has it."""
    rows = re.findall(r"^\| `([a-z_]+)` \|([^|]*)\| ([^|]*) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        family_of(name): Described(frozenset(re.findall(r"`(\w+)`", labels)), frozenset(by.strip().split(", ")))
        for name, labels, by in rows
    }


def expressions() -> Iterator[tuple[str, str]]:
    """Every one of the dashboard and the alerts, with where it stands."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield f"dashboard: {panel['title']}", target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"dashboard: {variable['name']}", variable["query"]["query"]
    for alert in alerts():
        yield f"alert: {alert['alert']}", str(alert["expr"])


def alerts() -> list[dict[str, object]]:
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in rules["spec"]["groups"] for rule in group["rules"]]


NAME = re.compile(r"\b((?:graphql|membership|process|python)_[a-z_]+)")
EXPRESSIONS = [pytest.param(text, id=where) for where, text in expressions()]


def family_of(series: str) -> str:
    return re.sub(r"_(total|bucket|count|sum)$", "", series)


# ---- what is exposed


@pytest.fixture
async def scrapes(
    settings: Settings, database: Database, conn: Conn, redis: "redis.asyncio.Redis", clock: StoppedClock
) -> Mapping[str, Scrape]:
    """Of a real application and a real worker, with a drop that is on."""
    await open_drop(database, conn, redis, clock)
    app = create_app(settings, database, redis, clock)
    stop = asyncio.Event()
    with bound() as listener:
        worker = asyncio.create_task(run_worker(settings, stop=stop, jobs=(), monitoring=listener))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (seen := Scrape((await ask(listener, "/metrics")).text)).value("membership_sight_up") == 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            stop.set()
            await worker
    return {"API": await scrape(app.state.monitoring), "worker": seen}


async def test_what_is_exposed_is_described_and_what_is_described_is_exposed(scrapes: Mapping[str, Scrape]) -> None:
    by: dict[str, set[str]] = {}
    for process, seen in scrapes.items():
        for family in seen.families:
            by.setdefault(family.name, set()).add(process)
    assert {name: set(told.by) for name, told in described().items()} == by


async def test_labels_are_the_ones_described_and_come_to_an_end(scrapes: Mapping[str, Scrape]) -> None:
    found: dict[str, set[str]] = {}
    for seen in scrapes.values():
        for family in seen.families:
            for sample in family.samples:
                found.setdefault(family.name, set()).update(sample.labels)
    told = {name: set(entry.labels) for name, entry in described().items()}
    assert {name: labels - {"le"} for name, labels in found.items() if labels - {"le"} - told[name]} == {}
    assert {label for labels in (*told.values(), *found.values()) for label in labels} <= set(BOUNDED)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_what_is_drawn_or_watched_is_described(text: str) -> None:
    names = {family_of(name) for name in NAME.findall(text)}
    assert names <= set(described())
    assert names or 'up{job=~".*membership.*"}' in text


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_what_is_drawn_or_watched_is_asked_by_labels_that_are_there(text: str) -> None:
    """A label that no metric has would make an alert that never rings."""
    told = {label for name in NAME.findall(text) for label in described().get(family_of(name), NOTHING).labels}
    asked = {label for inside in re.findall(r"\{([^}]*)\}", text) for label in re.findall(r"(\w+)=~?", inside)}
    grouped = {label for inside in re.findall(r"by \(([^)]*)\)", text) for label in inside.split(", ")}
    assert (asked | grouped) - told <= {"le", "instance", "job"}


NOTHING = Described(frozenset(), frozenset())


def test_values_of_labels_that_alerts_ask_for_are_some_that_there_are() -> None:
    text = ALERTS.read_text(encoding="utf-8")
    outcomes = set(re.findall(r'graphql_operations_total\{[^}]*outcome="(\w+)"', text))
    roles = set(re.findall(r'role="(\w+)"', text))
    clients = {one for many in re.findall(r'client=~"([\w|]+)"', text) for one in many.split("|")}
    assert outcomes == {Outcome.FAILED}
    assert roles <= set(Role)
    assert clients <= set(Role)


# ---- the runbook


ALL_ALERTS = [pytest.param(alert, id=str(alert["alert"])) for alert in alerts()]


@pytest.mark.parametrize("alert", ALL_ALERTS)
def test_an_alert_says_how_bad_it_is_and_what_it_means(alert: dict[str, object]) -> None:
    labels, notes = alert["labels"], alert["annotations"]
    assert isinstance(labels, dict)
    assert isinstance(notes, dict)
    assert labels["severity"] in {"page", "ticket"}
    assert set(notes) == {"summary", "description", "runbook"}


@pytest.mark.parametrize("alert", ALL_ALERTS)
def test_an_alert_has_an_entry_in_the_runbook(alert: dict[str, object]) -> None:
    notes = alert["annotations"]
    assert isinstance(notes, dict)
    file, _, anchor = notes["runbook"].partition("#")
    assert file == "k8s/README.md"
    assert anchor in anchors()


def anchors() -> set[str]:
    """Of the runbook's headings, as GitHub makes them."""
    headings = re.findall(r"^#{2,4} (.+)$", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_two_alerts_have_one_name() -> None:
    names = [alert["alert"] for alert in alerts()]
    assert len(set(names)) == len(names)


# ---- labels have an end


def test_the_operations_that_are_known_are_those_of_trusted_documents() -> None:
    parsed = {
        definition.name.value
        for text in load_manifest().values()
        for definition in parse(text).definitions
        if isinstance(definition, OperationDefinitionNode) and definition.name
    }
    assert operations_in(load_manifest().values()) == parsed


def test_whatever_comes_in_makes_no_label_without_end() -> None:
    registry = open_registry()
    metrics = OperationMetrics(registry, known={"Stores"})
    for number in range(50):
        caller = Actor(Role.MEMBER, f"somebody {number}", member_id=new_id())
        metrics.ended(f"Made{number}", caller, code=f"MADE_{number}", refusals=[f"MADE_{number}"], seconds=0.1)
        metrics.told([GraphQLError("no", extensions={"code": f"MADE_{number}"})])
    labels = {
        tuple(sorted(sample.labels.items()))
        for family in registry.collect()
        for sample in family.samples
        if "le" not in sample.labels
    }
    assert labels == {
        (("operation", OTHER), ("outcome", Outcome.CUT_OFF), ("role", "member")),
        (("operation", OTHER), ("role", "member")),
        (("code", OTHER),),
    }
