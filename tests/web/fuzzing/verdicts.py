"""What no answer may be, however mad the question."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from membership.graph.operations.faults import FaultCode
from web.fuzzing.wire import Answer, Conversation

_CODES = frozenset(code.value for code in FaultCode)
_BUGS = frozenset({FaultCode.INTERNAL.value, FaultCode.UNAVAILABLE.value})
_INTERNAL = re.compile(
    r"Traceback|\.py\b|line \d+, in |object at 0x|<class |<function |"
    r"\b(asyncpg|strawberry|starlette|uvicorn|pydantic|joserfc|orjson|hiredis)\b|membership\.[a-z]+\.|"
    r"\b(SELECT|INSERT INTO|DELETE FROM|UPDATE \w+\.|relation \"|violates|pg_\w+|SQLSTATE)\b|\$\d+::|"
    r"\b(KeyError|ValueError|TypeError|AttributeError|IndexError|OverflowError|RecursionError|UnicodeEncodeError|"
    r"DataError|UndefinedError|AssertionError)\b|/(work|home|usr|tmp)/"
)
_CLOSES = frozenset({1000, 1008, 1013, 4400, 4401, 4403, 4406, 4408, 4409, 4429})


def judge(answer: Answer, asked: object) -> None:
    """By HTTP. `asked` is shown when something is wrong with it."""
    if not answer.status:
        # The client hung up before it had asked.
        return
    text = answer.body.decode()
    assert answer.status < 500, (answer.status, text, asked)
    assert answer.headers.get("x-correlation-id"), (answer.status, answer.headers, asked)
    assert not _INTERNAL.search(text), (text, asked)
    if answer.status == 204 or (answer.is_stream and not answer.is_complete):
        return
    for result in answer.results():
        judge_result(result, asked, correlation_id=answer.headers["x-correlation-id"])
        assert answer.status < 300 or result.get("errors"), (answer.status, text, asked)


def judge_result(result: Mapping[str, object], asked: object, *, correlation_id: str | None = None) -> None:
    errors = result.get("errors", ())
    assert isinstance(errors, Sequence), (result, asked)
    assert errors or "data" in result, (result, asked)
    judge_errors(errors, asked, correlation_id=correlation_id)


def judge_errors(errors: Iterable[object], asked: object, *, correlation_id: str | None = None) -> None:
    for error in errors:
        assert isinstance(error, dict), (error, asked)
        extensions = error["extensions"]
        assert error["message"], (error, asked)
        assert extensions["code"] in _CODES, (error, asked)
        assert extensions["code"] not in _BUGS, (error, asked)
        assert extensions["correlationId"], (error, asked)
        assert correlation_id is None or extensions["correlationId"] == correlation_id, (error, asked)


def judge_conversation(heard: Conversation, asked: object) -> None:
    text = json.dumps(heard.said) + heard.reason
    assert not _INTERNAL.search(text), (text, asked)
    if heard.refused is not None:
        judge(heard.refused, asked)
        return
    assert heard.code is None or heard.code in _CLOSES, (heard.code, heard.reason, asked)
    assert heard.code in (None, 1000) or heard.reason, (heard.code, asked)
    for message in heard.said:
        match message["type"]:
            case "connection_ack":
                assert _object(message)["correlationId"], (message, asked)
            case "next":
                judge_result(_object(message), asked)
            case "error":
                errors = message["payload"]
                assert isinstance(errors, list), (message, asked)
                assert errors, (message, asked)
                judge_errors(errors, asked)
            case other:
                assert other in ("pong", "complete"), (message, asked)


def _object(message: Mapping[str, object]) -> dict[str, object]:
    payload = message["payload"]
    assert isinstance(payload, dict), message
    return payload


def was_carried_out(answer: Answer) -> bool:
    """Whether any result in it is more than a refusal."""
    for result in answer.results() if answer.is_complete else ():
        data = result.get("data")
        if isinstance(data, dict) and any(_is_payload(value) for value in data.values()):
            return True
    return False


def _is_payload(value: object) -> bool:
    return value is not None and not (isinstance(value, dict) and {"code", "message"} <= value.keys())
