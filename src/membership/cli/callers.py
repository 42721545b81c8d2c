"""Tokens and first requests to paste, for `membership dev`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock
from membership.sample import identifiers as ids
from membership.web.development_issuer import issue_token

_PROGRAMME, _STORE, _TILL = "CHAOYANG", "CHAOYANG-BJ", "CENTRAL-01"


@dataclass(frozen=True, slots=True)
class Caller:
    """`query` is a first useful thing to ask."""

    label: str
    variable: str
    role: Role
    query: str
    store: UUID | None = None
    till: UUID | None = None
    member: UUID | None = None


def print_callers(url: str, keys: Path) -> None:
    """Not through rich: it would break the long lines, and they are to be pasted."""
    for caller in _callers():
        token = issue_token(
            keys,
            caller.role,
            now=SystemClock().now(),
            programme=ids.programme_id(_PROGRAMME),
            store=caller.store,
            till=caller.till,
            member=caller.member,
        )
        print(f"# {caller.label}")
        print(f"{caller.variable}={token}")
        print(
            f'curl -s {url} -H "Authorization: Bearer ${caller.variable}" '
            f"-H 'Content-Type: application/json' -d '{json.dumps({'query': caller.query})}'\n"
        )


def _callers() -> Iterator[Caller]:
    yield Caller(
        "A till", "TILL", Role.TILL, "{ __typename }", store=ids.store_id(_STORE), till=ids.till_id(_STORE, _TILL)
    )
    yield Caller("Member services", "SERVICES", Role.MEMBER_SERVICES, "{ __typename }")
    yield Caller("An approver", "APPROVER", Role.APPROVER, "{ __typename }")
