"""The audit trail covers every mutation, for every role of staff that may run it.

`support/trail_table.py` says what each leaves. That it does leave it is watched while all tests of this folder run
their mutations (`support/trail.py`), and `support/evidence.py` asks at the end that each of them was seen doing it.
"""

from datetime import UTC, datetime

import pytest

from membership.graph.permissions import PERMISSIONS
from membership.graph.schema import MembershipSchema
from membership.kernel.actor import STAFF, Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import AuditEntry
from support import trail
from support.operations import SampleStores
from support.trail_table import TRAIL, MembersOwn

NOW = datetime(2026, 11, 13, 2, 0, tzinfo=UTC)


def mutations(schema: MembershipSchema) -> set[str]:
    root = schema._schema.mutation_type
    assert root is not None
    return set(root.fields)


def test_every_mutation_has_a_row_and_every_row_a_mutation(open_schema: MembershipSchema) -> None:
    assert set(TRAIL) == mutations(open_schema)


def test_only_what_no_staff_may_run_is_left_to_members(open_schema: MembershipSchema) -> None:
    own = {name for name, row in TRAIL.items() if isinstance(row, MembersOwn)}
    staff = {name for name in mutations(open_schema) if (PERMISSIONS[f"Mutation.{name}"] or STAFF) & STAFF}
    assert own == set(TRAIL) - staff


@pytest.mark.parametrize("role", list(Role))
async def test_what_staff_do_leaves_an_entry_whatever_their_role(database: Database, conn: Conn, role: Role) -> None:
    async with database.engine(Actor(role, "somebody", origin="10.0.0.7", correlation_id="call-1"), NOW) as tx:
        tx.audit_staff(AuditEntry("cards.block", "card", "card-1", before={"state": "A"}, after={"state": "B"}))
    rows = await conn.fetch("SELECT at, actor_role, actor, origin, correlation_id FROM platform.audit_entries")
    wanted = (NOW, role.value, "somebody", "10.0.0.7", "call-1")
    assert [tuple(row) for row in rows] == ([wanted] if role in STAFF else [])


@pytest.mark.parametrize("actions", [(), ("cards.block",)])
async def test_the_watch_itself_refuses_what_nobody_tells(
    database: Database, sample: SampleStores, conn: Conn, actions: tuple[str, ...]
) -> None:
    """Neither silence nor an entry about something else will do."""
    planner = Actor(Role.PLANNER, "planner-1", programme_id=sample.programme_id)
    with trail.running("mutation { pauseCampaign { __typename } }", None, planner), pytest.raises(trail.Untold):
        async with database.engine(planner, NOW) as tx:
            await tx.conn.execute(
                "INSERT INTO members.members (member_id, status, joined_at) VALUES ($1, 'ACTIVE', $2)", new_id(), NOW
            )
            for action in actions:
                tx.audit(AuditEntry(action, "card", "card-1"))
    trail.SEEN.difference_update([seen for seen in trail.SEEN if not seen.is_told])
    assert await conn.fetchval("SELECT count(*) FROM members.members") == 0
