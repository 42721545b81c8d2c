"""No answer costs more than was said before it was asked for.

10,000 operations are made up from the schema, the same in every run: with arguments, variables with and without
defaults, aliases, fragments, @skip and @include. Each is priced as the gate prices it. 9,800 are executed by the engine
against the golden schema in memory, where every list is as long as some number that its `@listSize` allows, often the
longest, and every abstract type is any of its types. So what is shown of these is: priced right, given that lists keep
to their declared size. That they do, is shown for 200 that are executed on a database; anywhere else a list that is
longer than declared is logged as an error: see graph/operations/execution.py.

What was spent is counted from the answer, by weights read from the text of the schema: see support/actual_cost.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import pytest
from graphql import (
    DocumentNode,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    is_required_argument,
    parse,
)
from structlog.testing import capture_logs

from membership.graph.operations.cost import Pricer
from membership.graph.operations.documents import graphql_folder
from membership.graph.permissions import EVERYBODY, PERMISSIONS
from membership.graph.schema import MembershipSchema
from membership.kernel.actor import Role
from support.actual_cost import ActualCost
from support.imagined_world import ImaginedWorld
from support.operations import Run
from support.random_operations import Operation, RandomOperations
from support.till_world import TillWorld

SEEDS = range(4)
IN_MEMORY = 2_450
"""Of each seed."""
IN_DATABASE = 100
"""Of each role."""
_TEXTS = ("", "a", "0190a000-0000-7000-8000-000000000001")


@pytest.fixture(scope="module")
def golden() -> GraphQLSchema:
    return build_schema((graphql_folder() / "schema.graphql").read_text(encoding="utf-8"), assume_valid=True)


def leaf(random: Random, name: str) -> object:
    if name in ("Int", "Points", "MinorUnits"):
        return random.choice((0, 1, 5, 20))
    return random.random() < 0.5 if name == "Boolean" else random.choice(_TEXTS)


@dataclass(frozen=True, slots=True)
class Priced:
    operation: Operation
    document: DocumentNode
    price: int


def priced(schema: MembershipSchema, golden: GraphQLSchema, seed: int, roots: Sequence[str] = ()) -> Iterator[Priced]:
    """Without end, and without the limits and the validation that the gate has before: they cost more than the rest."""
    source = RandomOperations(golden, seed, leaf, roots)
    while True:
        made = source.make("mutation" if seed % 4 == 3 else "query")
        document = parse(made.text)
        operation = document.definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        price = Pricer(schema._schema, document).operation(operation)
        yield Priced(made, document, price.cost(made.variables))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_imagined_answer_costs_more_than_was_said(
    seed: int, open_schema: MembershipSchema, golden: GraphQLSchema
) -> None:
    random, spent_in_all = Random(seed), 0
    for _, made in zip(range(IN_MEMORY), priced(open_schema, golden, seed), strict=False):
        variables = made.operation.variables
        answer = execute_sync(
            golden,
            made.document,
            variable_values=dict(variables),
            field_resolver=ImaginedWorld(golden, random).resolve,
        )
        assert answer.errors is None, made.operation
        spent = ActualCost.of(golden, made.document, variables, answer.data)
        spent_in_all += spent
        assert spent <= made.price, made.operation
    # Much was resolved, or nothing would be shown.
    assert spent_in_all > 50 * IN_MEMORY


@pytest.mark.parametrize("role", [Role.MEMBER, Role.MEMBER_SERVICES])
async def test_no_answer_of_a_database_costs_more_than_was_said(
    role: Role, open_schema: MembershipSchema, golden: GraphQLSchema, run: Run, till: TillWorld
) -> None:
    for _ in range(3):
        await till.sell(1_000_00, 500_00)
    caller = replace(till.actor, role=role, member_id=till.member.member_id)
    assert golden.query_type is not None
    roots = [
        name
        for name, field in golden.query_type.fields.items()
        if role in (PERMISSIONS[f"Query.{name}"] or EVERYBODY)
        and not any(is_required_argument(argument) for argument in field.args.values())
    ]
    spent_in_all = executed = 0
    for made in priced(open_schema, golden, seed=4, roots=roots):
        variables = made.operation.variables
        with capture_logs() as logs:
            result = await run(made.operation.text, dict(variables), caller=caller)
        assert [entry for entry in logs if entry["event"] == "list longer than declared"] == []
        if result.data is None:
            continue  # A field that the role may not see, or a cost beyond its limit.
        executed += 1
        spent = ActualCost.of(golden, made.document, variables, result.data)
        spent_in_all += spent
        assert spent <= made.price, made.operation
        assert result.extensions is not None
        assert result.extensions["cost"]["requested"] == made.price
        if executed == IN_DATABASE:
            break
    assert spent_in_all > 10 * executed
