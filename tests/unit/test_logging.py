"""Logs are JSON lines with a correlation id; personal data never reaches them."""

import asyncio
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import orjson
import pytest
import structlog

from membership.kernel.errors import DomainError
from membership.logging import MASK, configure, correlated, correlation_id, describe

SALE = UUID("0199a5b0-0000-7000-8000-000000000001")


@dataclass(eq=False)
class TillAsleep(DomainError):
    code = "TEST_TILL_ASLEEP"
    till: str

    @property
    def message(self) -> str:
        return f"Till {self.till} is asleep. Wake it."


@contextmanager
def _captured(level: str = "INFO") -> Iterator[io.StringIO]:
    """Logs of the block; the test runner's own handlers come back afterwards."""
    root = logging.getLogger()
    handlers, before, configured = root.handlers[:], root.level, structlog.get_config()
    stream = io.StringIO()
    configure(level, stream)
    try:
        yield stream
    finally:
        root.handlers, root.level = handlers, before
        structlog.configure(**configured)


def _lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_level_logger_and_time() -> None:
    with _captured() as stream:
        structlog.get_logger("membership.tills").info("sale committed", sale_id=SALE, lines=3)
    [line] = _lines(stream)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "sale committed",
        "sale_id": str(SALE),
        "lines": 3,
        "level": "info",
        "logger": "membership.tills",
    }


def test_lines_below_the_level_are_dropped() -> None:
    with _captured("WARNING") as stream:
        structlog.get_logger().info("quiet")
        structlog.get_logger().warning("loud")
    assert [line["event"] for line in _lines(stream)] == ["loud"]


async def test_the_correlation_id_follows_the_call_into_its_tasks_and_no_further() -> None:
    log = structlog.get_logger()

    async def work() -> None:
        log.info("inside")

    with _captured() as stream:
        with correlated("call-1"):
            assert correlation_id() == "call-1"
            await asyncio.create_task(work())
        assert correlation_id() is None
        log.info("outside")
    inside, outside = _lines(stream)
    assert inside["correlation_id"] == "call-1"
    assert "correlation_id" not in outside


@pytest.mark.parametrize(
    "key",
    [
        "phone", "phone_number", "mobile", "email", "e_mail", "birthday", "birth_year", "display_name", "full_name",
        "family_name", "wechat_union_id", "open_id", "identity", "card_number", "card_no", "pan", "member_code", "totp",
        "access_token", "secret", "password", "authorization", "cookie", "client_address",
        "value", "payload", "variables", "input", "body", "query_string", "note", "basket", "before", "after",
    ],
)  # fmt: skip
def test_a_key_that_may_hold_personal_data_loses_its_value(key: str) -> None:
    with _captured() as stream:
        structlog.get_logger().info("x", **{key: "Li Hua", "nested": {key: ["Li Hua"]}})
    [line] = _lines(stream)
    assert line[key] == MASK
    assert line["nested"] == {key: MASK}
    assert "Li Hua" not in stream.getvalue()


@pytest.mark.parametrize("key", ["name", "operation", "code", "state", "sale_id", "events", "job"])
def test_a_plain_fact_is_kept(key: str) -> None:
    with _captured() as stream:
        structlog.get_logger().info("x", **{key: "COMMITTED"})
    assert _lines(stream)[0][key] == "COMMITTED"


@pytest.mark.parametrize(
    "text",
    [
        "+8613800138000",
        "+86 138 0013 8000",
        "13800138000",
        "li.hua@example.cn",
        "880000000123456789012345"[:20],
        "628000000017",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",  # pragma: allowlist secret
    ],
)
def test_text_loses_what_looks_personal_wherever_it_stands(text: str) -> None:
    with _captured() as stream:
        structlog.get_logger().info(f"called {text}", path=f"/x/{text}", rows=[{"a": f"<{text}>"}])
        logging.getLogger("some.library").warning("cannot read %s", text)
    assert text not in stream.getvalue()
    own, library = _lines(stream)
    assert own["event"] == f"called {MASK}"
    assert own["path"] == f"/x/{MASK}"
    assert own["rows"] == [{"a": f"<{MASK}>"}]
    assert library["event"] == f"cannot read {MASK}"


@pytest.mark.parametrize(
    "text", [str(SALE), "2025-11-13T10:00:00.123456+08:00", "CNY 123456", "sha256:00ff1234567890ab"]
)
def test_ids_times_and_hashes_are_kept(text: str) -> None:
    with _captured() as stream:
        structlog.get_logger().info("x", fact=text)
    assert _lines(stream)[0]["fact"] == text


def test_an_exception_is_told_by_type_and_place_and_without_the_values_it_quotes() -> None:
    with _captured() as stream:
        try:
            int("Li Hua")
        except ValueError:
            structlog.get_logger().exception("broken")
            logging.getLogger("some.library").exception("broken")
    assert "Li Hua" not in stream.getvalue()
    for line in _lines(stream):
        exception = line["exception"]
        assert isinstance(exception, dict)
        assert exception["type"] == "builtins.ValueError"
        assert "test_an_exception_is_told" in exception["frames"][-1]


def test_a_refusal_of_ours_keeps_its_message_and_the_cause_is_told_too() -> None:
    try:
        try:
            raise KeyError("Li Hua")
        except KeyError as error:
            raise TillAsleep("T-7") from error
    except TillAsleep as refusal:
        TillAsleep.__module__ = "membership.tests"
        told = describe(refusal)
    assert told["message"] == "TEST_TILL_ASLEEP: Till T-7 is asleep. Wake it."
    assert isinstance(told["cause"], dict)
    assert told["cause"]["type"] == "builtins.KeyError"
    assert "Li Hua" not in str(told)


def test_a_pool_does_not_say_of_each_try_that_the_database_is_away() -> None:
    """It would, several times a second, with a trace; whoever wanted a connection says so once."""
    with _captured() as stream:
        logging.getLogger("asyncpg.pool").warning("Failed to restore the pool connection floor; retrying")
    assert stream.getvalue() == ""
