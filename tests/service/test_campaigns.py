"""A campaign from its draft to its closing, on real PostgreSQL."""

from datetime import timedelta

import pytest

from membership.campaigns.errors import OwnApproval
from membership.campaigns.model import CampaignState
from membership.campaigns.records import RevisionStatus
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.campaign_desk import (
    CLOSING,
    OPENING,
    CampaignDesk,
    anniversary,
    key,
    open_campaign_desk,
    revision_of,
)


@pytest.fixture
async def desk(database: Database, conn: Conn) -> CampaignDesk:
    return await open_campaign_desk(database, conn)


async def test_the_clock_opens_and_closes_it(desk: CampaignDesk) -> None:
    worked = await desk.scheduled()
    revision_id = revision_of(worked).revision_id
    black = OPENING - timedelta(hours=24)
    for at, expected in [
        (desk.now, []),
        (black - timedelta(seconds=1), []),
        (black, [revision_id]),
        (OPENING, [revision_id]),
        (CLOSING - timedelta(seconds=1), [revision_id]),
        (CLOSING, []),
    ]:
        issuing = await desk.cache.issuing(desk.shop.store_id, at, at)
        assert [revision.revision_id for revision in issuing] == expected, at
    assert await desk.cache.issuing(desk.world.brompton.store_id, OPENING, OPENING) == ()


async def test_an_approval_freezes_the_revision(desk: CampaignDesk) -> None:
    worked = await desk.scheduled()
    revision = revision_of(worked)
    assert worked.campaign.state is CampaignState.SCHEDULED
    assert revision.status is RevisionStatus.SCHEDULED
    frozen = await desk.cache.revision(revision.revision_id)
    assert frozen.content == anniversary()
    assert frozen.calendars[desk.shop.store_id].opens_at == OPENING


async def test_who_submits_never_approves(desk: CampaignDesk) -> None:
    submitted = await desk.submitted()
    with pytest.raises(OwnApproval):
        await desk.campaigns.approve(desk.planner, desk.now, submitted.campaign.campaign_id, key=key())
