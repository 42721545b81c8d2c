"""The costliest documents that were found are all refused, each by the limit that is meant for it. How fast, no test
says: `membership bench` does."""

import gc
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from membership.bench.rejection import ANSWERED, measure_rejections
from membership.bench.worst import Candidate, candidates
from membership.graph.operations.documents import Documents, load_manifest
from membership.graph.schema import build_schema
from membership.settings import Profile, Settings
from membership.web.development_issuer import ensure_keys

_UNMEANT = (ANSWERED, "INTERNAL_SERVER_ERROR", "UNAVAILABLE", "RATE_LIMITED")
LIMITS = {
    "body": {
        "BODY_TOO_LARGE",
        "BAD_REQUEST",
        "TOO_MANY_VALUES",
        "GRAPHQL_PARSE_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
    },
    "variables": {"TOO_MANY_VALUES", "TOO_DEEP", "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "TOO_MANY_REPEATS"},
    "right": {"GRAPHQL_VALIDATION_FAILED", "UNAUTHENTICATED"},
}


async def test_each_is_refused_and_none_is_a_bug(settings: Settings, tmp_path: Path) -> None:
    configured = settings.model_copy(update={"token_jwks_file": ensure_keys(tmp_path)})
    found = await measure_rejections(configured, tmp_path, calls=1)

    assert len(found) > 50
    assert [result.p99_ms for result in found] == sorted((result.p99_ms for result in found), reverse=True)
    assert [result for result in found if result.code in _UNMEANT] == []
    for result in found:
        part = result.operation.removeprefix("refuse: ").partition(":")[0]
        assert result.code in LIMITS.get(part, {result.code}), result


_FEW = 10
_PRINTED = 1_000
"""What the engine leaves of a value that it prints in a message, 120 objects deep."""


@pytest.fixture
def uncollected() -> Iterator[None]:
    """The garbage collector comes when it is called."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def texts() -> list[Candidate]:
    """Those that come as far as to be parsed."""
    found = candidates(build_schema()._schema, load_manifest())
    return [
        entry for entry in found if entry.method == "POST" and entry.name.split(":")[0] not in ("body", "production")
    ]


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("introspection", [True, False])
def test_what_is_refused_leaves_next_to_nothing_to_the_collector(introspection: bool) -> None:
    schema = build_schema(Profile.OPEN)._schema
    documents = Documents(schema, {}, takes_text=True, introspection=introspection)
    left: dict[str, int] = {}
    for candidate in texts():
        text = str(orjson.loads(candidate.make(1))["query"])
        documents.find(None, text)
        gc.collect()
        documents.find(None, text + " ")
        left[candidate.name] = gc.collect()

    printed = left.pop("arguments: an object 120 deep")
    assert {name: count for name, count in left.items() if count > _FEW} == {}
    assert printed < _PRINTED
