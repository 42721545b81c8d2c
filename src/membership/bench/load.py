"""What the load generator is asked to do, and what it found: one line of JSON each way."""

from dataclasses import dataclass
from typing import TypeAlias

import orjson

Caller: TypeAlias = dict[str, str]
"""What fills the template of one caller's requests: `token`, and whatever else the template names."""

NUMBER = "<number>"
"""In a template: counted up from request to request."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request. `template` is the body; `<name>` in it is filled from the caller. `weight`: how often it is
    asked for among the others of a load."""

    template: str
    callers: list[Caller]
    first_number: int
    expects: str
    """Every answer must hold this text, or the run fails."""
    weight: float = 1


@dataclass(frozen=True, slots=True)
class Load:
    """Requests for a time, of each kind as often as it weighs. The connections are spread over the ports."""

    ports: list[int]
    path: str
    connections: int
    seconds: float
    kinds: list[Kind]


def load_of(line: bytes) -> Load:
    """From JSON."""
    given = orjson.loads(line)
    return Load(**{**given, "kinds": [Kind(**kind) for kind in given["kinds"]]})


@dataclass(frozen=True, slots=True)
class Found:
    """`failure` is the first answer that was not as expected."""

    requests: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    failure: str | None = None

    @property
    def rate(self) -> float:
        return self.requests / self.seconds
