"""The second wall, table by table and role by role: what a reader's transaction sees of the four places of a world in
which everybody has everything, whatever statement it sends. No use case and no permission stands before it here."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace
from uuid import UUID

import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.clock import START
from support.servers import Addresses
from support.walls_world import Place, Walls, Where, walls_apart

ROLES = (
    Role.MEMBER,
    Role.TILL,
    Role.ASSOCIATE,
    Role.DESK,
    Role.MEMBER_SERVICES,
    Role.PLANNER,
    Role.APPROVER,
    Role.ADMIN,
    Role.SERVICE,
)

REACH: Mapping[str, set[Where]] = {
    "-": set(),
    "o": {Where.OWN},
    "s": {Where.OWN, Where.OTHER_COUNTER},
    "p": {Where.OWN, Where.OTHER_COUNTER, Where.OTHER_STORE},
    "a": set(Where),
}
"""Nothing; one's own member, counter or brand; the store's; the programme's; everything."""

#   table: whose a row is, and what each role sees: member till associate desk services planner approver admin service
WALLS: Mapping[str, tuple[str, str]] = {
    "appointments.appointments": ("member_id", "o - o s p - - a p"),
    "appointments.changes": ("appointment_id", "o - o s p - - a p"),
    "calendars.feeds": ("member_id", "o - - - - - - - -"),
    "campaigns.campaigns": ("campaign_id", "- - - - - p p a -"),
    "campaigns.calendars": ("revision_id", "- - - - - p p a -"),
    "campaigns.revisions": ("revision_id", "- - - - - p p a -"),
    "campaigns.state_changes": ("campaign_id", "- - - - - p p a -"),
    "cards.cards": ("member_id", "o p p p p - - a p"),
    "coupons.coupons": ("member_id", "o p p p p - - a p"),
    "coupons.issue_runs": ("offer_id", "- - - - - p p a -"),
    "coupons.offer_days": ("offer_id", "p p p p p p p a p"),
    "coupons.offers": ("offer_id", "p p p p p p p a p"),
    "coupons.redemptions": ("coupon_id", "o o o s p - - a p"),
    "coupons.ties": ("coupon_id", "o - o s p - - a p"),
    "gifts.changes": ("gift_id", "o - o s p - - a p"),
    "gifts.gifts": ("member_id", "o - o s p - - a p"),
    "gifts.offers": ("offer_id", "p p p p p p p a p"),
    "gifts.pools": ("offer_id", "p p p p p p p a p"),
    "inventory.claims": ("member_id", "o - - - p - - a p"),
    "inventory.member_counts": ("member_id", "o - - - p - - a p"),
    "inventory.offers": ("offer_id", "p p p p p p p a p"),
    "inventory.pools": ("offer_id", "p p p p p p p a p"),
    "members.consents": ("member_id", "o - - - p - - a p"),
    "members.identities": ("member_id", "o - - - p - - a -"),
    "members.members": ("member_id", "o p p p p - - a p"),
    "members.memberships": ("member_id", "o p p p p - - a p"),
    "platform.audit_entries": ("member_id", "- - - - - - - a -"),
    "planning.simulations": ("simulation_id", "- - - - - p p a -"),
    "points.accounts": ("member_id", "o p p p p - - a p"),
    "points.adjustments": ("member_id", "- - - - p - p a -"),
    "points.entries": ("member_id", "o - - - p - - a p"),
    "points.holds": ("member_id", "o p p p p - - a p"),
    "points.lots": ("member_id", "o p p p p - - a p"),
    "points.lot_uses": ("lot_id", "- - - - - - - - -"),
    "receipts.amounts_used": ("sale_id", "o o o s p - - a p"),
    "receipts.business_days": ("member_id", "o - - - p - - a p"),
    "receipts.group_amounts": ("sale_id", "o o o s p - - a p"),
    "receipts.lines": ("sale_id", "o o o s p - - a p"),
    "receipts.quotes": ("member_id", "o o - - - - - a -"),
    "receipts.return_lines": ("return_id", "o o o s p - - a p"),
    "receipts.returns": ("sale_id", "o o o s p - - a p"),
    "receipts.sales": ("member_id", "o o o s p - - a p"),
    "receipts.tenders": ("sale_id", "o o o s p - - a p"),
    "tiers.grants": ("member_id", "o p p p p - - a p"),
    "tiers.reviews": ("member_id", "o p p p p - - a p"),
    "tiers.standings": ("member_id", "o p p p p - - a p"),
    "visits.visits": ("visit_id", "o - o s p - - a p"),
    "waitlist.changes": ("entry_id", "o - o s p - - a p"),
    "waitlist.entries": ("member_id", "o - o s p - - a p"),
}
"""Limited units and what is offered are a programme's. Points of lot_uses are read by use cases only."""

LINEAGE: Mapping[str, str] = {
    "member_id": "SELECT member_id, member_id FROM members.members",
    "sale_id": "SELECT sale_id, member_id FROM receipts.sales",
    "return_id": "SELECT return_id, member_id FROM receipts.returns JOIN receipts.sales USING (sale_id)",
    "coupon_id": "SELECT coupon_id, member_id FROM coupons.coupons",
    "gift_id": "SELECT gift_id, member_id FROM gifts.gifts",
    "appointment_id": "SELECT appointment_id, member_id FROM appointments.appointments",
    "visit_id": "SELECT visit_id, member_id FROM appointments.appointments WHERE visit_id IS NOT NULL",
    "entry_id": "SELECT entry_id, member_id FROM waitlist.entries",
    "lot_id": "SELECT lot_id, member_id FROM points.lots",
    "campaign_id": "SELECT campaign_id, campaign_id FROM campaigns.campaigns",
    "revision_id": "SELECT revision_id, campaign_id FROM campaigns.revisions",
    "offer_id": "SELECT offer_id, campaign_id FROM gifts.offers UNION ALL SELECT offer_id, campaign_id"
    " FROM coupons.offers",
    "simulation_id": "SELECT simulation_id, programme_id FROM planning.simulations",
}
"""From the column that says whose a row is to a member or a campaign of a place."""


@pytest.fixture(scope="module")
async def walls(addresses: Addresses, server_conn: Conn, redis_database: str) -> AsyncIterator[Walls]:
    """One world for the tests of this module, which read, and put back what they change."""
    async with walls_apart(addresses, server_conn, redis_database) as walls:
        for place in walls.places.values():
            for statement in _filling(place):
                await walls.conn.execute(statement)
        yield walls


@pytest.fixture
def database(walls: Walls) -> Database:
    return walls.services.database


@pytest.fixture
def conn(walls: Walls) -> Conn:
    return walls.conn


def _filling(place: Place) -> list[str]:
    """What no use case leaves behind on a quiet morning."""
    member, programme = place.member.member_id, place.member.programme_id
    sale, coupon, offer = place.sale_id, place.coupon.coupon_id, place.offers["CLAIMED"].offer_id
    given_back, at = new_id(), "'2026-05-20T04:00Z'"
    return [
        f"INSERT INTO coupons.redemptions (coupon_id, sale_id, discount_minor, redeemed_at)"
        f" VALUES ('{coupon}', '{sale}', 1, {at})",
        f"INSERT INTO platform.audit_entries (audit_id, at, actor_role, actor, action, subject_kind, subject_id,"
        f" member_id) VALUES ('{new_id()}', {at}, 'desk', 'somebody', 'cards.block', 'card', 'card-1', '{member}')",
        f"INSERT INTO coupons.offer_days VALUES ('{offer}', '2026-05-20', 2, 1)",
        f"INSERT INTO coupons.issue_runs (offer_id, pass, looked_at, issued, started_at, changed_at)"
        f" VALUES ('{offer}', 1, 1, 1, {at}, {at})",
        f"INSERT INTO points.holds (hold_id, member_id, programme_id, points, held_at, expires_at)"
        f" VALUES ('{new_id()}', '{member}', '{programme}', 1, {at}, '2026-05-21')",
        f"INSERT INTO points.lot_uses SELECT lot_id, entry_id, 1 FROM points.lots WHERE member_id = '{member}' LIMIT 1",
        f"INSERT INTO receipts.group_amounts VALUES ('{sale}', 1, 'GROUP', 1, 1)",
        f"INSERT INTO receipts.amounts_used VALUES ('{sale}', 1, 'GROUP', 'GIFT', '{new_id()}', 1, {at})",
        f"INSERT INTO receipts.returns (return_id, sale_id, kind, store_id, till_id, business_date, body_hash,"
        f" amount_minor, points_clawed_back, points_given_back, points_shortfall, returned_at, answer)"
        f" SELECT '{given_back}', sale_id, 'VOID', store_id, till_id, business_date, '', 1, 0, 0, 0, sold_at, '{{}}'"
        f" FROM receipts.sales WHERE sale_id = '{sale}'",
        f"INSERT INTO receipts.return_lines VALUES ('{given_back}', 1, 1, 1, 0)",
        f"INSERT INTO tiers.reviews (review_id, member_id, programme_id, step, due_on, effective_on, from_tier,"
        f" to_tier, ladder_revision, reviewed_at) VALUES ('{new_id()}', '{member}', '{programme}', 'KEPT',"
        f" '2026-05-20', '2026-05-20', 'A', 'A', 1, {at})",
    ]


async def _owners(walls: Walls) -> Mapping[str, Mapping[UUID, Where]]:
    """By column: whose each id is."""
    roots: dict[UUID, Where] = {}
    for where, place in walls.places.items():
        of_campaign = (place.campaign.campaign_id, place.draft.campaign_id)
        roots |= dict.fromkeys((place.member.member_id, place.spare.member_id, *of_campaign), where)
    roots[walls.places[Where.OTHER_PROGRAMME].store.programme_id] = Where.OTHER_PROGRAMME
    simulated = {place.simulation.simulation_id: where for where, place in walls.places.items()}
    found = {
        column: {row[0]: roots[row[1]] for row in await walls.conn.fetch(text)}
        for column, text in LINEAGE.items()
        if column != "simulation_id"
    }
    return {**found, "simulation_id": dict(simulated)}


async def _seen(conn: Conn, table: str, column: str, owners: Mapping[UUID, Where]) -> set[Where]:
    rows = await conn.fetch(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL")
    return {owners[row[0]] for row in rows}


async def test_every_wall_is_in_the_table(schema_conn: Conn) -> None:
    rows = await schema_conn.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relrowsecurity"
        " AND has_any_column_privilege('membership_reader', c.oid, 'SELECT')"
    )
    assert {row["name"] for row in rows} == set(WALLS)


async def test_each_role_sees_through_no_wall(walls: Walls, database: Database) -> None:
    owners, wrong = await _owners(walls), []
    for table, (column, _) in WALLS.items():
        there = await _seen(walls.conn, table, column, owners[column])
        assert there == set(Where), f"{table} holds nothing of {set(Where) - there}: nothing would be proved"
    for place_role, role in enumerate(ROLES):
        async with database.reader(walls.own.actor(role)) as conn:
            for table, (column, marks) in WALLS.items():
                seen = await _seen(conn, table, column, owners[column])
                mark = marks.split()[place_role]
                if seen != REACH[mark]:
                    wrong.append(f"{table} as {role.value}: {mark} allows {_names(REACH[mark])}, seen {_names(seen)}")
    assert wrong == []


def _names(places: Collection[Where]) -> list[str]:
    return sorted(where.name for where in places)


async def test_a_token_without_claims_sees_nothing_but_an_administrators(walls: Walls, database: Database) -> None:
    """Settings that are empty open nothing: '' is no member, no store and no programme."""
    owners, wrong = await _owners(walls), []
    for role in ROLES:
        async with database.reader(Actor(role, "nobody")) as conn:
            for table, (column, marks) in WALLS.items():
                seen = await _seen(conn, table, column, owners[column])
                if seen and not (role is Role.ADMIN and "a" in marks.split()):
                    wrong.append(f"{table} as {role.value}: seen {_names(seen)}")
    assert wrong == []


async def test_a_reader_of_nobody_sees_nothing(walls: Walls, conn: Conn) -> None:
    """The role alone, before any setting was made on the connection."""
    async with conn.transaction():
        await conn.execute("SET LOCAL ROLE membership_reader")
        seen = [table for table, (column, _) in WALLS.items() if await conn.fetch(f"SELECT {column} FROM {table}")]
    assert seen == []


async def test_a_claim_of_a_member_in_another_roles_token_opens_nothing(walls: Walls, database: Database) -> None:
    stranger = walls.places[Where.OTHER_PROGRAMME].member.member_id
    seen = set()
    for role in ROLES[1:]:
        async with database.reader(replace(walls.own.actor(role), member_id=stranger)) as conn:
            if await conn.fetchval("SELECT count(*) FROM receipts.sales WHERE member_id = $1", stranger):
                seen.add(role)
    assert seen == {Role.ADMIN}


async def test_a_counters_till_reads_its_counter_whatever_its_token_leaves_out(
    walls: Walls, database: Database
) -> None:
    """A token needs no claim of a counter, because a central cashier has none; the list of tills says which it is."""
    here, beside = walls.own.sale_id, walls.places[Where.OTHER_COUNTER].sale_id
    elsewhere = walls.places[Where.OTHER_STORE].sale_id
    counter = replace(walls.own.actor(Role.TILL), counter_id=None)
    cashier = replace(counter, till_id=walls.own.store.central_cashier)
    strange = replace(counter, till_id=new_id())
    moved = replace(counter, store_id=walls.places[Where.OTHER_STORE].store.store_id)
    for actor, expected in ((counter, {here}), (cashier, {here, beside}), (strange, set()), (moved, set())):
        async with database.reader(actor) as conn:
            rows = await conn.fetch("SELECT sale_id FROM receipts.sales")
        assert {row["sale_id"] for row in rows} == expected
        assert elsewhere not in expected


async def test_a_till_out_of_service_reads_nothing(walls: Walls, database: Database) -> None:
    actor = walls.own.actor(Role.TILL)
    await walls.conn.execute("UPDATE stores.tills SET revoked_at = $2 WHERE till_id = $1", actor.till_id, START)
    try:
        async with database.reader(actor) as conn:
            assert await conn.fetch("SELECT sale_id FROM receipts.sales") == []
    finally:
        await walls.conn.execute("UPDATE stores.tills SET revoked_at = NULL WHERE till_id = $1", actor.till_id)
