"""A client for the app in TypeScript, generated from its documents: it compiles, and it works."""

import json

import pytest

from membership.graph.operations.documents import load_manifest
from support.deployment import Production
from support.drop import DESK, OFFER, Drop
from support.node import FOLDER, run, tool


@pytest.fixture(scope="module")
def compiled() -> None:
    """`--strict`, and more, by conformance/tsconfig.json."""
    assert list(run("codegen")) == []
    done = tool("tsc", "-p", FOLDER)
    assert done.status == 0, done.printed


@pytest.mark.usefixtures("compiled")
def test_it_sends_the_ids_of_the_manifest() -> None:
    listed = json.loads((FOLDER / "generated" / "persisted-documents.json").read_text(encoding="utf-8"))
    manifest = json.loads((FOLDER.parent / "graphql" / "operations" / "manifest.json").read_text(encoding="utf-8"))
    assert set(listed) == {identity for identity, file in manifest.items() if file.startswith("app/")}
    assert set(listed) <= set(load_manifest())


@pytest.mark.usefixtures("compiled")
def test_it_sends_no_text() -> None:
    generated = (FOLDER / "generated" / "js" / "generated" / "graphql.js").read_text(encoding="utf-8")
    assert generated.count("sha256:") > 50
    assert "selectionSet" not in generated


@pytest.mark.usefixtures("compiled")
def test_a_member_uses_it(production: Production, drop: Drop) -> None:
    drop.claim()
    desk = {"storeId": drop.store, "offer": OFFER, "desk": DESK}
    claim = {"idempotencyKey": "typed", "wanted": {"atDesk": desk}}
    [second] = run("app", url=production.url, token=drop.development.token("SECOND_MEMBER"), claim=claim)
    [refused] = run("app", url=production.url, token=drop.development.token("MEMBER"), claim=claim)
    assert "points, lately" in str(second["greeting"])
    assert str(second["claimed"]).startswith("CONFIRMED: show ")
    assert str(refused["claimed"]).startswith("MEMBER_LIMIT_REACHED: The member has had 1 of this today")
    assert {second["fault"], refused["fault"]} == {"UNAUTHENTICATED"}
