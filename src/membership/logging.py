"""Logs: one JSON object a line, with the correlation id of the call, and no personal data.

`event` is a constant sentence; facts go beside it as keys: `log.info("sale committed", sale_id=sale_id)`.
Two nets catch what should not have been logged: keys that may hold personal data lose their value, and any text
loses what looks like an address, a phone, card or member code number, or a token.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from functools import lru_cache
from types import TracebackType
from typing import IO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from membership.kernel.recording import trace_id

MASK = "[personal]"

_PERSONAL_KEYS = re.compile(
    r"phone|mobile|mail|birth|display_?name|full_?name|(first|last|family|given)_?name|wechat|union_?id|open_?id|identity$"
    r"|card_?(no|number)|pan$|member_?code|totp|token|secret|password|authorization|cookie|address"
    r"|^(value|payload|variables|input|body|document|query_string|reference|note|basket|before|after)$",
    re.IGNORECASE,
)
_PERSONAL_TEXT = re.compile(
    r"[\w.+-]+@[\w-]+(\.[\w-]+)+"  # e-mail
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # token
    r"|(?<=/calendar/)[^\s\"]+|(?<=/graphql\?)[^\s\"]+"  # the secret of a feed's address; variables
    r"|\+\d[\d ()-]{5,}\d"  # phone as people write it
    r"|(?<![0-9A-Za-z.-])\d{7,}(?![0-9A-Za-z-])"  # phone, card, member code; not a part of an id
)


def correlated(correlation_id: str) -> AbstractContextManager[object]:
    """Everything logged inside the block, by this task and those it starts, carries the id."""
    return structlog.contextvars.bound_contextvars(correlation_id=correlation_id)


def correlation_id() -> str | None:
    """The id of the call that is being served, if any."""
    value = structlog.contextvars.get_contextvars().get("correlation_id")
    return value if isinstance(value, str) else None


def configure(level: str, stream: IO[str] | None = None) -> None:
    """Send the logs of this service and of every library to `stream` (standard error) as JSON lines."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        name_trace,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        describe_exception,
        mask_personal_data,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    # Libraries log plain text with its arguments; the same nets hold for them.
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    # While the database is away every pool would say so of each try, with a trace. Who needs a connection says so once.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)


def name_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The trace of an operation that is recorded, so that the two can be joined."""
    if (found := trace_id()) is not None:
        event["trace_id"] = found
    return event


def without_personal_text(value: str) -> str:
    return _PERSONAL_TEXT.sub(MASK, value)


def mask_personal_data(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key: _masked(key, value) for key, value in event.items()}


def describe_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An exception as its type, place and constraint.

    Messages of libraries quote the values they choke on (a duplicate key's DETAIL, a number that would not parse),
    so only messages of our own exceptions are kept: those hold no personal data by the rules of the house.
    """
    info = event.pop("exc_info", None)
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    if info is True:
        error = sys.exc_info()[1]
    if error is not None:
        event["exception"] = describe(error)
    return event


def describe(error: BaseException) -> dict[str, object]:
    """What may be told of an exception without telling a value."""
    kind = type(error)
    described: dict[str, object] = {
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "frames": _frames(error.__traceback__),
    }
    if kind.__module__.partition(".")[0] == "membership":
        described["message"] = str(error)
    for fact in ("sqlstate", "constraint_name", "table_name", "errno"):
        if (value := getattr(error, fact, None)) is not None:
            described[fact] = value
    if isinstance(error, BaseExceptionGroup):
        described["exceptions"] = [describe(inner) for inner in error.exceptions]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        described["cause"] = describe(cause)
    return described


def summary(error: BaseException) -> str:
    """The same on one line, for a text column: type, facts, and the innermost place of ours."""
    told = describe(error)
    facts = [str(told[fact]) for fact in ("sqlstate", "constraint_name", "message") if fact in told]
    frames = _frames(error.__traceback__)
    ours = [frame for frame in frames if frame.startswith("membership.")] or frames
    return " ".join([str(told["type"]), *(f"({fact})" for fact in facts), *(f"at {frame}" for frame in ours[-1:])])


def _frames(traceback: TracebackType | None) -> list[str]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = traceback.tb_frame.f_globals.get("__name__", "?")
        frames.append(f"{module}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return frames


@lru_cache(maxsize=1024)
def _is_personal(key: str) -> bool:
    return _PERSONAL_KEYS.search(key) is not None


def _masked(key: str, value: object) -> object:
    if value is not None and not isinstance(value, bool) and _is_personal(key):
        return MASK
    if isinstance(value, str):
        return without_personal_text(value)
    if isinstance(value, Mapping):
        return {str(inner): _masked(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", item) for item in value]
    return value


def _render(_: WrappedLogger, __: str, event: MutableMapping[str, object]) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
