"""What the database itself refuses of campaigns, whoever asks."""

import asyncpg
import pytest

from membership.campaigns import store
from membership.campaigns.model import RevisionId
from membership.campaigns.rules.checking import check
from membership.kernel.actor import Actor, Role
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction
from support.campaign_desk import CampaignDesk, anniversary, open_campaign_desk, revision_of


@pytest.fixture
async def desk(database: Database, conn: Conn) -> CampaignDesk:
    return await open_campaign_desk(database, conn)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE campaigns.revisions SET content = '{}'",
        "UPDATE campaigns.revisions SET status = 'DRAFT', approved_by = NULL, scheduled_at = NULL",
        "UPDATE campaigns.revisions SET version = 9",
        "DELETE FROM campaigns.revisions",
        "TRUNCATE campaigns.revisions CASCADE",
        "UPDATE campaigns.calendars SET calendar = '{}'",
        "DELETE FROM campaigns.calendars",
        "UPDATE campaigns.state_changes SET to_state = 'DRAFT'",
        "DELETE FROM campaigns.state_changes",
    ],
)
async def test_what_was_in_force_never_changes(desk: CampaignDesk, conn: Conn, change: str) -> None:
    await desk.scheduled()
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await conn.execute(change)


async def test_what_is_in_review_keeps_its_content(desk: CampaignDesk, conn: Conn) -> None:
    await desk.submitted()
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="frozen"):
        await conn.execute("UPDATE campaigns.revisions SET content = '{}'")


@pytest.mark.parametrize("who", ["planner-1", "editor-2"])
async def test_no_path_lets_a_maker_approve(desk: CampaignDesk, conn: Conn, who: str) -> None:
    await desk.submitted()
    await conn.execute("UPDATE campaigns.revisions SET edited_by = edited_by || '{editor-2}'")
    with pytest.raises(asyncpg.CheckViolationError, match="revisions_second_person"):
        await conn.execute(
            "UPDATE campaigns.revisions SET status = 'SCHEDULED', approved_by = $1, scheduled_at = now()", who
        )


async def test_one_revision_at_a_time_is_worked_on(desk: CampaignDesk, conn: Conn) -> None:
    drafted = await desk.drafted()
    with pytest.raises(asyncpg.UniqueViolationError, match="revisions_open_key"):
        await conn.execute(
            "INSERT INTO campaigns.revisions (revision_id, campaign_id, number, status, version, content, created_by,"
            " created_at, edited_by) VALUES (gen_random_uuid(), $1, 2, 'DRAFT', 1, '{}', 'x', now(), '{x}')",
            drafted.campaign.campaign_id,
        )


async def test_a_revision_is_read_as_it_was_written(desk: CampaignDesk, conn: Conn) -> None:
    worked = await desk.scheduled()
    revision = revision_of(worked)
    assert await store.find_revision(conn, revision.revision_id) == revision
    frozen = (await store.load_frozen(conn, [revision.revision_id]))[revision.revision_id]
    assert frozen == revision.frozen(worked.campaign, frozen.calendars)
    codes = await desk.campaigns.scheduler.codes(
        Transaction(conn, desk.planner, desk.now), worked.campaign, anniversary()
    )
    assert dict(frozen.calendars) == check(anniversary(), codes)


async def test_a_draft_is_no_frozen_revision(desk: CampaignDesk, conn: Conn) -> None:
    draft = revision_of(await desk.drafted())
    assert await store.load_frozen(conn, [draft.revision_id, RevisionId(desk.shop.store_id)]) == {}


@pytest.mark.parametrize(
    ("role", "own", "sees"),
    [
        (Role.PLANNER, True, True),
        (Role.APPROVER, True, True),
        (Role.PLANNER, False, False),
        (Role.APPROVER, False, False),
        (Role.ADMIN, False, True),
        (Role.TILL, True, False),
        (Role.MEMBER, True, False),
        (Role.SERVICE, True, False),
    ],
)
async def test_who_plans_sees_the_campaigns_of_the_programme(
    desk: CampaignDesk, database: Database, role: Role, own: bool, sees: bool
) -> None:
    worked = await desk.scheduled()
    programme = desk.shop if own else desk.world.brompton
    async with database.reader(Actor(role, "x", programme_id=programme.programme_id)) as conn:
        for table in ("campaigns", "revisions", "calendars", "state_changes"):
            assert bool(await conn.fetchval(f"SELECT count(*) FROM campaigns.{table}")) is sees, table
        assert bool(await store.list_campaigns_by_id(conn, [worked.campaign.campaign_id])) is sees
