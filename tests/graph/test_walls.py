"""The first wall, cell by cell: field × role × whose it is. Asked about one's own place and about three others, each
root field finds what the table of permissions says its role meets, and of everything else nothing, and changes nothing.
"""

import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing

import pytest
from graphql import GraphQLObjectType
from strawberry.types import ExecutionResult

from membership.graph.kit.context import RequestContext
from membership.graph.permissions import RULES
from membership.graph.reach import Scope
from membership.graph.schema import MembershipSchema
from membership.graph.services import Services
from membership.kernel.actor import Actor, Role
from membership.postgres.connection import Conn
from support.operations import runner
from support.servers import Addresses
from support.walls_asking import Outcome, document, outcome
from support.walls_calls import CALLS, WITHOUT_TARGET
from support.walls_world import Walls, Where, walls_apart

COVERED: Mapping[Scope, Collection[Where]] = {
    Scope.SELF: {Where.OWN},
    Scope.COUNTER: {Where.OWN},
    Scope.BRAND: {Where.OWN},
    Scope.STORE: {Where.OWN, Where.OTHER_COUNTER},
    Scope.PROGRAMME: {Where.OWN, Where.OTHER_COUNTER, Where.OTHER_STORE},
    Scope.EVERY: set(Where),
}
ROOTS = ("Query", "Mutation", "Subscription")


@pytest.fixture(scope="module")
async def walls(addresses: Addresses, server_conn: Conn, redis_database: str) -> AsyncIterator[Walls]:
    async with walls_apart(addresses, server_conn, redis_database) as walls:
        yield walls


def test_every_root_field_is_asked(open_schema: MembershipSchema) -> None:
    there = set()
    for name in ROOTS:
        root = open_schema._schema.type_map[name]
        assert isinstance(root, GraphQLObjectType)
        there |= {f"{name}.{field}" for field in root.fields}
    assert set(CALLS) | set(WITHOUT_TARGET) == there
    assert set(CALLS) & set(WITHOUT_TARGET) == set()


@pytest.mark.parametrize("coordinate", sorted(CALLS))
async def test_whose_it_is(walls: Walls, open_schema: MembershipSchema, coordinate: str) -> None:
    asking, wrong = Asking(walls, open_schema, coordinate), []
    before = await fingerprint(walls.conn)
    for role in Role:
        scope = RULES[coordinate].scope(role)
        for where in Where:
            if scope is None:
                expected = Outcome.FORBIDDEN
            elif where in asking.covered(scope, role):
                expected = Outcome.FOUND
            else:
                expected = Outcome.NOTHING
            got, said = outcome(await asking.about(where, role, undone=expected is Outcome.FOUND))
            if got is not expected:
                wrong.append(f"{role.value} of {where.name}: expected {expected.name}, got {got.name}: {said}")
            if scope is None:
                break
    assert not wrong, "\n".join(wrong)
    assert await fingerprint(walls.conn) == before, "somebody changed what is not theirs"


class Asking:
    """One field, asked as the roles of the own place."""

    def __init__(self, walls: Walls, schema: MembershipSchema, coordinate: str) -> None:
        self._walls, self._schema, self._coordinate = walls, schema, coordinate

    def covered(self, scope: Scope, role: Role) -> Collection[Where]:
        if scope is Scope.KIND:
            kind = {Role.TILL: "Query.sale", Role.PLANNER: "Query.campaign", Role.APPROVER: "Query.campaign"}
            found = RULES[kind.get(role, "Query.appointment")].scope(role)
            assert found is not None
            return COVERED[found]
        return COVERED[scope]

    async def about(self, where: Where, role: Role, *, undone: bool) -> ExecutionResult:
        place = self._walls.places[where]
        call = CALLS.get(self._coordinate) or WITHOUT_TARGET[self._coordinate]
        services = self._walls.undone if undone else self._walls.services
        assert services is not None
        caller, text = self._walls.own.actor(role), document(self._schema, self._coordinate, role)
        if self._coordinate.startswith("Subscription."):
            return await first_of(self._schema, services, text, call(place, role), caller)
        return await runner(self._schema, services)(text, call(place, role), caller=caller)


async def first_of(
    schema: MembershipSchema, services: Services, text: str, arguments: Mapping[str, object], caller: Actor
) -> ExecutionResult:
    context = RequestContext(
        services=services, caller=caller, now=services.clock.now(), locale="en", correlation_id="walls"
    )
    stream = await schema.subscribe(text, variable_values=dict(arguments), context_value=context)
    if not hasattr(stream, "aclose"):
        return stream  # type: ignore[return-value]
    async with aclosing(stream) as values:  # type: ignore[type-var]
        first: ExecutionResult = await anext(values)  # type: ignore[call-overload]
        return first


@pytest.mark.parametrize("coordinate", sorted(WITHOUT_TARGET))
async def test_what_is_about_the_caller_names_nobody_else(
    walls: Walls, open_schema: MembershipSchema, coordinate: str
) -> None:
    asking, wrong = Asking(walls, open_schema, coordinate), []
    for role in Role:
        scope = RULES[coordinate].scope(role)
        result = await asking.about(Where.OWN, role, undone=True)
        got, said = outcome(result)
        if got is not (Outcome.FORBIDDEN if scope is None else Outcome.FOUND):
            wrong.append(f"{role.value}: got {got.name}: {said}")
        elif scope is not None:
            others = set(Where) - set(asking.covered(scope, role))
            text = json.dumps(result.data, default=str)
            named = [where.name for where in others for one in marks(walls, where) if one in text]
            wrong += [f"{role.value}: names what is of {where}: {text[:300]}" for where in sorted(set(named))]
    assert not wrong, "\n".join(wrong)


def marks(walls: Walls, where: Where) -> set[str]:
    """What in an answer would be of that place: the ids of its members and of what is theirs."""
    from membership.graph.kit.relay import global_id

    place = walls.places[where]
    return {
        str(global_id("Member", place.member.member_id)),
        str(global_id("Sale", place.sale.sale_id)),
        str(global_id("Coupon", place.coupon.coupon_id)),
        str(global_id("Gift", place.gift.gift_id)),
        str(global_id("Appointment", place.booked.appointment_id)),
        str(global_id("Visit", place.visit.record.visit.visit_id)),
        str(global_id("WaitlistEntry", place.entry.entry_id)),
        str(global_id("Campaign", place.campaign.campaign_id)),
        str(global_id("PointsAdjustment", place.adjustment.adjustment_id)),
        str(global_id("CalendarFeed", place.feed_id)),
    }


async def fingerprint(conn: Conn) -> str:
    """Of every row but recorded answers: a refusal is remembered under its key, and is nothing of anybody's."""
    tables = await conn.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'jobs')"
        " AND (schemaname, tablename) <> ('platform', 'idempotency_keys') ORDER BY 1"
    )
    sums = " UNION ALL ".join(
        f"SELECT '{row['name']}', count(*), sum(hashtextextended(t::text, 0)) FROM {row['name']} t" for row in tables
    )
    return str([tuple(row) for row in await conn.fetch(sums)])
