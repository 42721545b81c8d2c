"""Operations that schemathesis makes up from the schema, in process, in the open profile: none ends in a server error.

Three seeds with 200 operations each, of every field of Query and Mutation, by a role that may use the field (one in ten
by another), in a world with one of everything. Half of the ids are such as the world holds, or nothing would be found.
More of them: `SCHEMATHESIS_EXAMPLES=2000 make test ARGS=tests/web/test_schemathesis.py`.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
import schemathesis
from graphql import (
    ArgumentNode,
    ObjectFieldNode,
    StringValueNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes
from structlog.testing import capture_logs

from membership.graph.operations.documents import graphql_folder
from membership.graph.permissions import PERMISSIONS
from membership.kernel.actor import Role
from membership.postgres.connection import Conn
from support.servers import Addresses
from support.walls_world import Where, walls_apart
from web.fuzzing.arena import Arena, open_arena
from web.fuzzing.verdicts import judge
from web.fuzzing.wire import ask
from web.test_fuzz_storm import JSON, bearer, encoded

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "200"))
SEEDS = (1, 2, 3)

_WHOLE = st.integers(-(2**54), 2**54).map(nodes.Int)
for _name, _strategy in {
    "LocalDate": st.dates().map(str).map(nodes.String),
    "LocalTime": st.times().map(str).map(nodes.String),
    "Points": _WHOLE,
    "MinorUnits": _WHOLE,
    "CardNumber": st.from_regex(r"\A[0-9]{12}\Z").map(nodes.String),
}.items():
    schemathesis.graphql.scalar(_name, _strategy)


@dataclass(frozen=True)
class MadeUp:
    """`field`: of Query or Mutation, which the operation asks for."""

    field: str
    text: str


def operations() -> st.SearchStrategy[MadeUp]:
    schema = schemathesis.graphql.from_file((graphql_folder() / "schema.graphql").read_text(encoding="utf-8"))
    every = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    return st.sampled_from(every).flatmap(
        lambda operation: operation.as_strategy().map(lambda case: MadeUp(operation.label, str(case.body)))
    )


OPERATIONS = operations()


class _KnownIds(Visitor):
    """Puts ids of the world where ids were made up."""

    def __init__(self, rng: Random, known: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self._rng = rng
        self._known = known

    def enter(self, node: object, *_: object) -> object:
        if not isinstance(node, ArgumentNode | ObjectFieldNode) or not isinstance(node.value, StringValueNode):
            return None
        name = node.name.value
        if not name.endswith(("Id", "id")) or self._rng.random() < 0.5:
            return None
        stem = name.removesuffix("Id")
        of_type = self._known.get(stem[:1].upper() + stem[1:]) or self._known["Member"]
        return type(node)(name=node.name, value=StringValueNode(value=self._rng.choice(of_type)))


@pytest.fixture(scope="module")
async def arena(
    addresses: Addresses, server_conn: Conn, redis_database: str, issuer_folder: Path
) -> AsyncIterator[Arena]:
    async with (
        walls_apart(addresses, server_conn, redis_database) as walls,
        open_arena(walls, addresses, redis_database, issuer_folder) as arena,
    ):
        yield arena


def made_up(number: int) -> Sequence[MadeUp]:
    """The examples of one seed. Made before they are sent: whoever makes them knows of no event loop."""
    found: list[MadeUp] = []

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(example=OPERATIONS)
    def collect(example: MadeUp) -> None:
        found.append(example)

    collect()
    return found


@pytest.mark.parametrize("number", SEEDS)
async def test_no_operation_ends_in_a_server_error(arena: Arena, number: int) -> None:
    rng, asked_by, asked_for = Random(number), set[Role](), set[str]()
    examples = made_up(number)
    for example in examples:
        roles = PERMISSIONS.get(example.field)
        role = rng.choice(sorted(roles) if roles and rng.random() < 0.9 else list(Role))
        text = print_ast(visit(parse(example.text), _KnownIds(rng, arena.values.known)))
        headers = (JSON, bearer(arena.tokens[Where.OWN, role]))
        with capture_logs() as logs:
            answer = await ask(arena.open, headers=headers, pieces=(encoded({"query": text}),))
        judge(answer, (role, text))
        assert [entry for entry in logs if entry["log_level"] == "error"] == [], (role, text)
        asked_by.add(role)
        asked_for.add(example.field)

    assert len(examples) == EXAMPLES
    assert {Role.ADMIN, Role.MEMBER, Role.TILL} <= asked_by
    assert len(asked_for) > min(EXAMPLES // 5, 100)
