"""Deterministic races: a lock is held, the rivals are blocked, then let go."""

import asyncio
from collections.abc import Awaitable

import pytest

from membership.campaigns.errors import CampaignStateForbids, OverlappingExclusiveGroups
from membership.campaigns.records import RevisionStatus
from membership.campaigns.service import Worked
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import DomainError
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.blocked import until_blocked
from support.campaign_desk import (
    OPENING,
    CampaignDesk,
    anniversary,
    coupon,
    gift,
    key,
    open_campaign_desk,
    revision_of,
)


@pytest.fixture
async def desk(database: Database, conn: Conn) -> CampaignDesk:
    return await open_campaign_desk(database, conn)


async def outcome(work: Awaitable[Worked]) -> Worked | DomainError:
    try:
        return await work
    except DomainError as refusal:
        return refusal


async def test_of_two_campaigns_with_one_group_approved_at_once_one_comes_into_force(
    desk: CampaignDesk, conn: Conn, database: Database
) -> None:
    """Neither has seen the other when it was submitted. Both wait for the programme's schedule, then one of them sees
    what the other has done."""
    first = await desk.submitted(anniversary([coupon("A")]), code="FIRST")
    second = await desk.submitted(anniversary([coupon("B")]), code="SECOND")
    async with conn.transaction():
        await conn.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('campaigns.schedule/' || $1::uuid, 0))",
            desk.shop.programme_id,
        )
        approvals = [
            asyncio.create_task(
                outcome(desk.campaigns.approve(desk.approver, desk.now, submitted.campaign.campaign_id, key=key()))
            )
            for submitted in (first, second)
        ]
        async with database.pool.acquire() as watcher:
            await until_blocked(watcher, count=2)
    outcomes = await asyncio.gather(*approvals)
    assert {type(found) for found in outcomes} == {OverlappingExclusiveGroups, Worked}
    issuing = await desk.cache.issuing(desk.shop.store_id, OPENING, OPENING)
    assert len(issuing) == 1


async def test_two_approvals_of_one_revision_at_once_schedule_it_once(
    desk: CampaignDesk, conn: Conn, database: Database
) -> None:
    submitted = await desk.submitted()
    campaign_id = submitted.campaign.campaign_id
    other = Actor(Role.APPROVER, "approver-2", programme_id=desk.shop.programme_id)
    async with conn.transaction():
        await conn.execute("SELECT 1 FROM campaigns.campaigns FOR UPDATE")
        approvals = [
            asyncio.create_task(outcome(desk.campaigns.approve(actor, desk.now, campaign_id, key=key())))
            for actor in (desk.approver, other)
        ]
        async with database.pool.acquire() as watcher:
            await until_blocked(watcher, count=2)
    outcomes = await asyncio.gather(*approvals)
    assert {type(found) for found in outcomes} == {Worked, CampaignStateForbids}
    assert await conn.fetchval("SELECT count(*) FROM campaigns.calendars") == 1
    assert await conn.fetchval("SELECT count(*) FROM platform.outbox WHERE name = 'campaigns.scheduled'") == 1


async def test_an_edit_that_waits_for_a_submission_changes_nothing(
    desk: CampaignDesk, conn: Conn, database: Database
) -> None:
    """What an approver is shown is what was submitted."""
    drafted = await desk.drafted()
    revision = revision_of(drafted)
    async with conn.transaction():
        await conn.execute("SELECT 1 FROM campaigns.campaigns FOR UPDATE")
        submission = asyncio.create_task(
            outcome(desk.campaigns.submit(desk.planner, desk.now, drafted.campaign.campaign_id, key=key()))
        )
        async with database.pool.acquire() as watcher:
            await until_blocked(watcher, count=1)
        edit = asyncio.create_task(
            outcome(
                desk.campaigns.edit(
                    desk.planner,
                    desk.now,
                    revision.revision_id,
                    content=anniversary([gift()]),
                    expected_version=1,
                    key=key(),
                )
            )
        )
        async with database.pool.acquire() as watcher:
            await until_blocked(watcher, count=2)
    submitted, edited = await asyncio.gather(submission, edit)
    assert isinstance(submitted, Worked)
    assert isinstance(edited, CampaignStateForbids)
    assert revision_of(submitted).status is RevisionStatus.REVIEW
    content = await conn.fetchval("SELECT content ->> 'rules' FROM campaigns.revisions")
    assert "COUPON-300" in content


async def test_fifty_repeats_at_once_draft_one_campaign(desk: CampaignDesk, conn: Conn) -> None:
    same = key()
    drafts = await asyncio.gather(
        *(
            desk.campaigns.create(
                desk.planner, desk.now, desk.shop.programme_id, code="SALE", content=anniversary(), key=same
            )
            for _ in range(50)
        )
    )
    assert len({worked.campaign.campaign_id for worked in drafts}) == 1
    assert await conn.fetchval("SELECT count(*) FROM campaigns.revisions") == 1
