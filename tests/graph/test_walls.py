"""The first wall, cell by cell: field × role × whose it is. Asked about one's own place and about three others, each
root field finds what the table of permissions says its role meets, and of everything else nothing, and changes nothing.
"""

import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import cast

import pytest
from graphql import GraphQLObjectType
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from membership.graph.kit.context import RequestContext
from membership.graph.kit.relay import global_id
from membership.graph.permissions import RULES
from membership.graph.reach import Scope
from membership.graph.schema import MembershipSchema
from membership.graph.services import Services
from membership.kernel.actor import Actor, Role
from membership.postgres.connection import Conn
from support.operations import runner
from support.servers import Addresses
from support.walls_asking import Outcome, document, outcome
from support.walls_calls import ASKS_FOR_THE_STORE, CALLS, STAYS, WITHOUT_TARGET
from support.walls_world import Undoing, Walls, Where, walls_apart

COVERED: Mapping[Scope, Collection[Where]] = {
    Scope.SELF: {Where.OWN},
    Scope.COUNTER: {Where.OWN},
    Scope.BRAND: {Where.OWN},
    Scope.STORE: {Where.OWN, Where.OTHER_COUNTER},
    Scope.PROGRAMME: {Where.OWN, Where.OTHER_COUNTER, Where.OTHER_STORE},
    Scope.EVERY: set(Where),
}
ROOTS = ("Query", "Mutation", "Subscription")

BY_USE_CASES: Mapping[str, str] = {
    "Query.associateDay": "rooms and pauses are kept beside members' ids; guests, see guest",
    "Query.availability": "free times follow from everybody's appointments, and tell of none",
    "Query.calendarFeeds": "whose a feed is follows merges and staff numbers",
    "Query.counterBoard": "rooms and pauses are kept beside members' ids; guests, see guest",
    "Query.counterShifts": "who works when is no reader's to see",
    "Query.explainOffer": "why follows from all that is known of a member, and is told in words",
    "Query.explainSale": "why follows from all that was known of a member then, and is told in words",
    "Query.findGift": "a gift of another desk is named as that, by its code",
    "Query.giftOffers": "what a member may still claim follows from their tier and spend",
    "Query.giftPools": "sums over everybody's gifts",
    "Query.giftsToCollect": "a code is spent by showing it",
    "Query.guest": "consents decide what of a member is told; a code is spent by showing it",
    "Query.identifyMember": "a code is spent by showing it, and who is recognised is told in part",
    "Query.member": "who is recognised is found by keyed hashes",
    "Query.memberCode": "codes are made of secrets",
    "Query.memberCoupons": "who is recognised is found by keyed hashes",
    "Query.myWaitlist": "how many are before somebody is a sum",
    "Query.visitMoves": "free times follow from everybody's appointments, and tell of none",
    "Query.visitProposals": "free times follow from everybody's appointments, and tell of none",
    "Query.waitlistAtCounter": "how many are before somebody is a sum",
    "Subscription.associateDay": "as the query",
    "Subscription.counterBoard": "as the query",
}
"""Queries that a use case answers, and why what their caller may see would not do. All others read as
`membership_reader` and as nothing else."""


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
    """What is theirs first, which is taken back; then everything else, of which nothing may stay."""
    asking = Asking(walls, open_schema, coordinate)
    cells = [(role, where) for role in Role for where in Where]
    theirs = [cell for cell in cells if cell[1] in asking.covered(cell[0])]
    others = [(role, where) for role, where in cells if asking.may_ask(role) and (role, where) not in theirs]
    refused = [(role, Where.OWN) for role in Role if not asking.may_ask(role)]
    Undoing.opened_by.clear()
    wrong = [await asking.told(cell, Outcome.FOUND) for cell in theirs]
    wrong += asking.reached_too_far()
    before = await fingerprint(walls.conn)
    wrong += [await asking.told(cell, Outcome.NOTHING) for cell in others]
    wrong += [await asking.told(cell, Outcome.FORBIDDEN) for cell in refused]
    assert not any(wrong), "\n".join(filter(None, wrong))
    assert await fingerprint(walls.conn) == before, "somebody changed what is not theirs"


class Asking:
    """One field, asked as the roles of the own place."""

    def __init__(self, walls: Walls, schema: MembershipSchema, coordinate: str) -> None:
        self._walls, self._schema, self._coordinate = walls, schema, coordinate

    def may_ask(self, role: Role) -> bool:
        return RULES[self._coordinate].scope(role) is not None

    def covered(self, role: Role) -> Collection[Where]:
        scope = RULES[self._coordinate].scope(role)
        if scope is Scope.KIND:
            kind = {Role.TILL: "Query.sale", Role.PLANNER: "Query.campaign", Role.APPROVER: "Query.campaign"}
            scope = RULES[kind.get(role, "Query.appointment")].scope(role)
        if role is Role.ASSOCIATE and self._coordinate in ASKS_FOR_THE_STORE:
            return COVERED[Scope.STORE]
        return set() if scope is None else COVERED[scope]

    async def told(self, cell: tuple[Role, Where], expected: Outcome) -> str:
        """What is wrong with the answer; empty where nothing is."""
        role, where = cell
        stays = expected is not Outcome.FOUND or self._coordinate in STAYS
        result = await self.about(where, role, undone=not stays)
        got, said = outcome(result)
        if got is not expected:
            return f"{role.value} of {where.name}: expected {expected.name}, got {got.name}: {said}"
        text = json.dumps(result.data, default=str)
        at_store = role is Role.ASSOCIATE and self._coordinate in ASKS_FOR_THE_STORE
        reached = {Where.OWN} if at_store else self.covered(role)
        named = sorted(
            other.name for other in set(Where) - set(reached) if any(one in text for one in marks(self._walls, other))
        )
        return f"{role.value} of {where.name}: the answer names what is of {named}: {said}" if named else ""

    def reached_too_far(self) -> list[str]:
        """The engine role is opened by use cases alone, and for queries by those that are listed here."""
        wrong = [f"{module} opened it" for module in Undoing.opened_by if module.startswith("membership.graph")]
        is_query = not self._coordinate.startswith("Mutation.")
        if is_query and bool(Undoing.opened_by) is not (self._coordinate in BY_USE_CASES):
            wrong.append(f"answered by use cases of {sorted(set(Undoing.opened_by))}")
        return wrong

    async def about(self, where: Where, role: Role, *, undone: bool) -> ExecutionResult:
        place = self._walls.places[where]
        call = CALLS.get(self._coordinate) or WITHOUT_TARGET[self._coordinate]
        services = self._walls.undone if undone else self._walls.services
        assert services is not None
        arguments, caller = call(place, role), self._caller(role)
        text = document(self._schema, self._coordinate, role, arguments)
        if self._coordinate.startswith("Subscription."):
            return await first_of(self._schema, services, text, arguments, caller)
        return await runner(self._schema, services)(text, arguments, caller=caller)

    def _caller(self, role: Role) -> Actor:
        """An administrator needs no programme, but to name members in it."""
        own = self._walls.own
        in_programme = role is Role.ADMIN and RULES[self._coordinate].scope(role) is Scope.PROGRAMME
        return replace(own.actor(role), programme_id=own.store.programme_id) if in_programme else own.actor(role)


async def first_of(
    schema: MembershipSchema, services: Services, text: str, arguments: Mapping[str, object], caller: Actor
) -> ExecutionResult:
    context = RequestContext(
        services=services, caller=caller, now=services.clock.now(), locale="en", correlation_id="walls"
    )
    results = await schema.stream(
        text, variable_values=dict(arguments), context_value=context, allowed_operation_types=set(OperationType)
    )
    async with aclosing(results):
        return cast(ExecutionResult, await anext(results))


@pytest.mark.parametrize("coordinate", sorted(WITHOUT_TARGET))
async def test_what_is_about_the_caller_names_nobody_else(
    walls: Walls, open_schema: MembershipSchema, coordinate: str
) -> None:
    asking = Asking(walls, open_schema, coordinate)
    Undoing.opened_by.clear()
    wrong = [
        await asking.told((role, Where.OWN), Outcome.FOUND if asking.may_ask(role) else Outcome.FORBIDDEN)
        for role in Role
    ]
    wrong += asking.reached_too_far()
    assert not any(wrong), "\n".join(filter(None, wrong))


async def test_a_quote_of_another_till_is_not_committed(walls: Walls, open_schema: MembershipSchema) -> None:
    """A sale that happened is recorded whatever quote it names; it is nobody's then, and the quote stays open."""
    run, own = runner(open_schema, walls.services), walls.own
    for number, place in enumerate(other for other in walls.places.values() if other is not own):
        arguments = WITHOUT_TARGET["Mutation.commitSale"](own, Role.TILL)
        given = {**cast(dict[str, object], arguments["input"]), "sequence": 950 + number, "member": None}
        given["quoteId"] = global_id("Quote", place.quote_id)
        text = document(open_schema, "Mutation.commitSale", Role.TILL, arguments)
        got, said = outcome(await run(text, {"input": given}, caller=own.actor(Role.TILL)))
        assert got is Outcome.FOUND, said
        sold = await walls.conn.fetchrow(
            "SELECT member_id, quote_id FROM receipts.sales WHERE till_id = $1 AND sequence = $2",
            own.actor(Role.TILL).till_id,
            950 + number,
        )
        assert sold is not None and tuple(sold) == (None, None)
        state = await walls.conn.fetchval("SELECT state FROM receipts.quotes WHERE quote_id = $1", place.quote_id)
        assert state == "QUOTED"


def marks(walls: Walls, where: Where) -> set[str]:
    """What in an answer would be of that place: the ids of its members and of what is theirs."""
    place = walls.places[where]
    return {
        str(global_id("Member", place.member.member_id)),
        str(global_id("Sale", place.sale_id)),
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
