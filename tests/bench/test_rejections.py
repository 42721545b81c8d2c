"""The costliest documents that were found are all refused, each by the limit that is meant for it. How fast, no test
says: `membership bench` does."""

from pathlib import Path

from membership.bench.rejection import ANSWERED, measure_rejections
from membership.settings import Settings
from membership.web.development_issuer import ensure_keys

_UNMEANT = (ANSWERED, "INTERNAL_SERVER_ERROR", "UNAVAILABLE", "RATE_LIMITED")
LIMITS = {
    "body": {"BODY_TOO_LARGE", "BAD_REQUEST", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"},
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
