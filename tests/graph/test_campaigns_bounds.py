"""Campaigns over GraphQL at the bounds of what a file or an input can say: answered or refused, never a bug."""

from datetime import date

import pytest

from graph.test_campaigns import APPROVE, CAMPAIGN, CREATE, IMPORT, REVISE, SUBMIT, do, staff
from membership.campaigns.content import ClaimedInApp, Rule, ToAllEligible
from membership.campaigns.files import export
from membership.kernel.actor import Role
from membership.postgres.connection import Conn
from sample_store import World, load_world
from support.campaign_desk import OCTOBER, anniversary, gift
from support.campaign_input import sent
from support.clock import StoppedClock
from support.coupon_desk import offer
from support.operations import Run


@pytest.fixture
async def world(conn: Conn, clock: StoppedClock) -> World:
    clock.set(OCTOBER)
    return await load_world(conn)


async def approve(run: Run, world: World, *rules: Rule) -> dict[str, object]:
    planner, approver = staff(world, Role.PLANNER), staff(world, Role.APPROVER)
    drafted = await do(run, CREATE, by=planner, code="SALE", content=sent(anniversary(rules)))
    await do(run, SUBMIT, by=planner, campaignId=drafted["id"])
    return await do(run, APPROVE, by=approver, campaignId=drafted["id"])


async def revise(run: Run, world: World, campaign: object, *rules: Rule) -> dict[str, object]:
    planner, approver = staff(world, Role.PLANNER), staff(world, Role.APPROVER)
    await do(run, REVISE, by=planner, campaignId=campaign, content=sent(anniversary(rules)))
    await do(run, SUBMIT, by=planner, campaignId=campaign)
    return await do(run, APPROVE, by=approver, campaignId=campaign)


async def test_a_quota_on_a_coupon_for_everybody_is_refused(run: Run, world: World) -> None:
    answer = await approve(run, world, offer("WELCOME", issue=ToAllEligible(), quota=100))
    assert answer["code"] == "QUOTA_ON_OFFER_TO_ALL"


async def test_another_limit_of_a_gift_in_force_is_refused(run: Run, world: World) -> None:
    approved = await approve(run, world, gift())
    more = gift().model_copy(update={"limit_per_member_day": 7})
    answer = await revise(run, world, approved["id"], more)
    assert answer["code"] == "GIFT_LIMITS_FROZEN"


async def test_another_limit_of_a_drop_in_force_is_refused(run: Run, world: World) -> None:
    planner, approver = staff(world, Role.PLANNER), staff(world, Role.APPROVER)
    document = export(anniversary([offer("DROP", issue=ClaimedInApp(), quota=100)]))
    drafted = await do(run, IMPORT, by=planner, code="SALE", document=document)
    await do(run, SUBMIT, by=planner, campaignId=drafted["id"])
    await do(run, APPROVE, by=approver, campaignId=drafted["id"])
    answer = await revise(run, world, drafted["id"], offer("DROP", issue=ToAllEligible()))
    assert answer["code"] == "QUOTA_FROZEN"


@pytest.mark.parametrize("day", [date(1, 1, 1), date(9999, 12, 31)])
async def test_a_date_at_the_end_of_the_calendar_is_refused(run: Run, world: World, day: date) -> None:
    """Such a draft once was taken, and could be neither submitted nor shown: its days cannot be told as instants."""
    planner = staff(world, Role.PLANNER)
    rule = 'first_day = { kind = "NTH_WEEKDAY", month = 11, weekday = 4, nth = 2 }'
    document = export(anniversary())
    assert rule in document
    far = document.replace(rule, f'first_day = {{ kind = "DATE", date = {day.isoformat()} }}')
    refused = await do(run, IMPORT, by=planner, code="FAR", document=far)
    assert refused["code"] == "UNREADABLE_DOCUMENT"
    assert (await run(CAMPAIGN, {"by": {"code": "FAR"}}, caller=planner)).errors is None


@pytest.mark.parametrize("units", [2**31, 10**20])
async def test_a_number_that_nobody_can_hold_is_refused(run: Run, world: World, units: int) -> None:
    """GraphQL's Int has 32 bits: a draft with more once was taken, approved, and could not be shown."""
    planner = staff(world, Role.PLANNER)
    document = export(anniversary([offer("DROP", issue=ClaimedInApp(), quota=77_777)])).replace("77777", str(units))
    refused = await do(run, IMPORT, by=planner, code="HUGE", document=document)
    assert refused["code"] == "UNREADABLE_DOCUMENT"
    assert (await run(CAMPAIGN, {"by": {"code": "HUGE"}}, caller=planner)).errors is None
