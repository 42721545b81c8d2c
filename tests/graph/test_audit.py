"""The audit trail covers every mutation, for every role of staff that may run it.

`support/trail_table.py` says what each leaves. That it does leave it is watched while all tests of this folder run
their mutations (`support/trail.py`), and `support/evidence.py` asks at the end that each of them was seen doing it.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from membership.graph.kit.relay import global_id
from membership.graph.permissions import PERMISSIONS
from membership.graph.schema import MembershipSchema
from membership.kernel.actor import STAFF, Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import AuditEntry
from support import trail
from support.evidence import mutations_without_a_trail
from support.operations import Run, SampleStores, actor, trusted
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


def test_a_mutation_that_no_test_runs_is_named_at_the_end_of_a_run(tmp_path: Path) -> None:
    owed = {name for name, row in TRAIL.items() if not isinstance(row, MembersOwn)}
    for process, names in (("gw0", {"blockCard"}), ("gw1", owed - {"blockCard", "voidSale"})):
        (tmp_path / f"mutations-{process}.json").write_text(json.dumps(sorted(names)), encoding="utf-8")
    [complaint] = mutations_without_a_trail(tmp_path)
    assert "no test saw voidSale leave" in complaint


TRAIL_DOCUMENT = trusted("planner/AuditTrail")
MEMBER, HERE, ELSEWHERE = new_id(), new_id(), new_id()


async def written(database: Database) -> None:
    """Five acts of two people in two programmes, the last of them in neither."""
    changed = {"before": {"status": "ACTIVE"}, "after": {"status": "BLOCKED", "cards": 1}}
    acts = (
        ("wang.fang", AuditEntry("cards.block", "card", "card-1", MEMBER, HERE, **changed)),  # type: ignore[arg-type]
        ("wang.fang", AuditEntry("cards.unblock", "card", "card-1", MEMBER, HERE)),
        ("li.na", AuditEntry("cards.close", "card", "card-2", None, HERE)),
        ("li.na", AuditEntry("campaigns.pause", "campaign", "campaign-1", None, ELSEWHERE)),
        ("operator:li.hua", AuditEntry("keys.end_rotation", "keys", "identities")),
    )
    for who, entry in acts:
        async with database.engine(Actor(Role.MEMBER_SERVICES, who, origin="10.0.0.7"), NOW) as tx:
            tx.audit(entry)


async def read(run: Run, caller: Actor, **given: object) -> tuple[list[dict[str, object]], str | None]:
    result = await run(TRAIL_DOCUMENT, given, caller=caller)
    assert result.errors is None, result.errors
    assert result.data is not None
    found = result.data["auditTrail"]
    return found["nodes"], found["pageInfo"]["endCursor"] if found["pageInfo"]["hasNextPage"] else None


@pytest.mark.parametrize(
    ("about", "actions"),
    [
        (None, ["keys.end_rotation", "campaigns.pause", "cards.close", "cards.unblock", "cards.block"]),
        ({"actor": "li.na"}, ["campaigns.pause", "cards.close"]),
        ({"memberId": global_id("Member", MEMBER)}, ["cards.unblock", "cards.block"]),
        ({"subject": {"kind": "card", "id": "card-2"}}, ["cards.close"]),
    ],
)
async def test_an_auditor_reads_who_did_what(
    run: Run, database: Database, about: dict[str, object] | None, actions: list[str]
) -> None:
    await written(database)
    auditor = actor(Role.ADMIN)
    entries, _ = await read(run, auditor, about=about)
    assert [entry["action"] for entry in entries] == actions
    one_by_one, after = [], None
    for _ in actions:
        page, after = await read(run, auditor, about=about, first=1, after=after)
        one_by_one += [entry["action"] for entry in page]
    assert (one_by_one, after) == (actions, None)


async def test_an_entry_says_what_was_changed_and_from_where(run: Run, database: Database) -> None:
    await written(database)
    [*_, blocked] = (await read(run, actor(Role.ADMIN)))[0]
    assert (blocked["role"], blocked["actor"], blocked["origin"]) == ("MEMBER_SERVICES", "wang.fang", "10.0.0.7")
    assert (blocked["memberId"], blocked["subjectId"]) == (global_id("Member", MEMBER), "card-1")
    assert blocked["changes"] == [
        {"name": "status", "before": '"ACTIVE"', "after": '"BLOCKED"'},
        {"name": "cards", "before": None, "after": "1"},
    ]


async def test_an_auditor_of_a_programme_reads_that_programmes_and_what_is_of_none(
    run: Run, database: Database
) -> None:
    await written(database)
    entries, _ = await read(run, actor(Role.ADMIN, programme_id=HERE))
    mine = ["keys.end_rotation", "cards.close", "cards.unblock", "cards.block"]
    assert [entry["action"] for entry in entries] == mine
    about = {"actor": "operator:li.hua"}, {"subject": {"kind": "keys", "id": "identities"}}
    for asked in about:
        entries, _ = await read(run, actor(Role.ADMIN, programme_id=HERE), about=asked)
        assert [entry["action"] for entry in entries] == ["keys.end_rotation"]


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMIN}))
async def test_row_level_security_shows_the_trail_to_nobody_else(database: Database, role: Role) -> None:
    """The second wall: as if the table of permissions did not ask."""
    await written(database)
    async with database.reader(actor(role, programme_id=HERE)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM platform.audit_entries") == 0
