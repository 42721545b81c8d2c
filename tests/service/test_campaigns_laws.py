"""Whatever is done to campaigns, a moment is judged later as it was judged then."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.campaigns import store
from membership.campaigns.content import DaysAfter, OnDate, TierPreview
from membership.campaigns.model import CampaignRevision, CampaignState
from membership.campaigns.records import Campaign
from membership.campaigns.rules.states import Step
from membership.kernel.errors import DomainError
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.campaign_desk import OCTOBER, OPENING, CampaignDesk, anniversary, coupon, key, november, open_campaign_desk

CODES = ("FIRST", "SECOND")
steps = st.tuples(
    st.sampled_from(CODES),
    st.sampled_from([Step.PAUSE, Step.RESUME, Step.REVISE, Step.END_EARLY, Step.CANCEL, Step.SETTLE, Step.CLOSE]),
    st.integers(0, 90),
    st.integers(0, 4),
)


@pytest.fixture
async def desk(database: Database, conn: Conn) -> CampaignDesk:
    return await open_campaign_desk(database, conn)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=st.lists(steps, max_size=7), start=st.integers(-30, 40))
async def test_a_moment_is_judged_later_as_it_was_then(
    desk: CampaignDesk, history: list[tuple[str, Step, int, int]], start: int
) -> None:
    """Two campaigns with days of their own, any steps at any times, against a plain list of what was done."""
    await _forget(desk)
    desk.now = OCTOBER
    model = {code: Plain() for code in CODES}
    for code in CODES:
        await _schedule(desk, model[code], code, shift=0)
    desk.now = OPENING + timedelta(hours=start)
    answers: dict[datetime, list[tuple[str, int]]] = {}
    for code, step, hours, shift in history:
        # A change holds from its own instant on, so who looked at that very instant may have seen what was before.
        desk.later(minutes=1)
        await _take(desk, model[code], code, step=step, shift=shift)
        desk.later(hours=hours, minutes=1)
        found = await desk.cache.issuing(desk.shop.store_id, desk.now, desk.now)
        answers[desk.now] = [(revision.code, revision.number) for revision in found]
        assert answers[desk.now] == [(code, number) for code in CODES if (number := model[code].issues(desk.now))]
    late = desk.later(days=20)
    other = await open_campaign_desk(desk.database, desk.conn)
    for at, expected in answers.items():
        found = await other.cache.issuing(desk.shop.store_id, at, late)
        assert [(revision.code, revision.number) for revision in found] == expected, at


class Plain:
    """What was done to one campaign, in the order in which it was done."""

    def __init__(self) -> None:
        self.state = CampaignState.DRAFT
        self.revisions: list[CampaignRevision] = []

    def issues(self, at: datetime) -> int:
        """The number of the revision that issues now; 0 for none."""
        if self.state is not CampaignState.SCHEDULED:
            return 0
        (calendar,) = self.revisions[-1].calendars.values()
        return self.revisions[-1].number if calendar.first_opens_at <= at < calendar.closes_at else 0


async def _schedule(desk: CampaignDesk, plain: Plain, code: str, *, shift: int) -> None:
    calendar = november(
        first_day=OnDate(date=OPENING.date() + timedelta(days=1 + shift)),
        last_day=DaysAfter(days=2),
        previews=(TierPreview(tiers=("BLACK",), hours_before=5),),
    )
    content = anniversary([coupon(exclusive_group=code)], calendar=calendar)
    if plain.revisions:
        worked = await desk.revised((await _find(desk, code)), content)
    else:
        worked = await desk.scheduled(content, code=code)
    assert worked.revision is not None
    plain.revisions.append(await desk.cache.revision(worked.revision.revision_id))
    plain.state = worked.campaign.state


async def _take(desk: CampaignDesk, plain: Plain, code: str, *, step: Step, shift: int) -> None:
    """A step that is refused changes nothing."""
    campaign_id, campaigns = (await _find(desk, code)).campaign_id, desk.campaigns
    try:
        match step:
            case Step.REVISE:
                await _schedule(desk, plain, code, shift=shift)
            case Step.PAUSE:
                await campaigns.pause(desk.planner, desk.now, campaign_id, reason="x", key=key())
                plain.state = CampaignState.PAUSED
            case Step.RESUME:
                await campaigns.resume(desk.planner, desk.now, campaign_id, key=key())
                plain.state = CampaignState.SCHEDULED
            case Step.END_EARLY:
                await campaigns.end_early(desk.planner, desk.now, campaign_id, reason="x", key=key())
                plain.state = CampaignState.ENDED_EARLY
            case Step.CANCEL:
                await campaigns.cancel(desk.planner, desk.now, campaign_id, reason="x", key=key())
                plain.state = CampaignState.CANCELLED
            case Step.SETTLE:
                await campaigns.settle(desk.planner, desk.now, campaign_id, key=key())
                plain.state = CampaignState.SETTLING
            case _:
                await campaigns.close(desk.planner, desk.now, campaign_id, key=key())
                plain.state = CampaignState.CLOSED
    except DomainError:
        return


async def _find(desk: CampaignDesk, code: str) -> Campaign:
    found = await store.find_campaign_by_code(desk.conn, desk.shop.programme_id, code)
    assert found is not None
    return found


async def _forget(desk: CampaignDesk) -> None:
    """What the example before left behind: it is as if there had been no campaign."""
    await desk.conn.execute(
        "ALTER TABLE campaigns.revisions DISABLE TRIGGER USER; ALTER TABLE campaigns.calendars DISABLE TRIGGER USER;"
        "ALTER TABLE campaigns.state_changes DISABLE TRIGGER USER;"
        "TRUNCATE campaigns.campaigns, campaigns.revisions, campaigns.calendars, campaigns.state_changes;"
        "ALTER TABLE campaigns.revisions ENABLE TRIGGER USER; ALTER TABLE campaigns.calendars ENABLE TRIGGER USER;"
        "ALTER TABLE campaigns.state_changes ENABLE TRIGGER USER"
    )
    await desk.cache.reload(desk.now)
