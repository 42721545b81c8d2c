"""Campaigns over GraphQL: a planner drafts and submits, an approver lets pass, both read."""

from datetime import date, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from strawberry.types import ExecutionResult

from membership.campaigns.content import CampaignContent
from membership.campaigns.files import export
from membership.graph.campaigns.content import TYPES
from membership.graph.kit.relay import global_id
from membership.kernel.actor import Actor, Role
from membership.postgres.connection import Conn
from sample_store import World, load_world
from support.campaign_desk import OCTOBER, anniversary, gift, november
from support.campaign_input import as_input, sent
from support.clock import StoppedClock
from support.operations import Run, codes, trusted
from unit.campaigns.strategies import contents

CREATE, EDIT, SUBMIT, APPROVE = (
    trusted(f"planner/{name}") for name in ("CreateCampaign", "EditCampaign", "SubmitCampaign", "ApproveCampaign")
)
SEND_BACK, PAUSE, RESUME, END, CANCEL = (
    trusted(f"planner/{name}Campaign") for name in ("SendBack", "Pause", "Resume", "End", "Cancel")
)
IMPORT, REVISE, CAMPAIGN, CAMPAIGNS, EXPORT, PREVIEW = (
    trusted(f"planner/{name}")
    for name in (
        "ImportCampaign",
        "ReviseCampaign",
        "Campaign",
        "Campaigns",
        "ExportCampaign",
        "PreviewCampaignDates",
    )
)
_keys = count(1)


@pytest.fixture
async def world(conn: Conn, clock: StoppedClock) -> World:
    clock.set(OCTOBER)
    return await load_world(conn)


def staff(world: World, role: Role, subject: str = "") -> Actor:
    return Actor(role, subject or f"the {role.value}", programme_id=world.chaoyang.programme_id)


def payload(result: ExecutionResult) -> dict[str, object]:
    assert result.errors is None, result.errors
    assert result.data is not None
    (found,) = result.data.values()
    assert isinstance(found, dict)
    inner = found.get("campaign", found)
    assert isinstance(inner, dict)
    return inner


async def do(run: Run, document: str, /, *, by: Actor, **given: object) -> dict[str, object]:
    asked = {"idempotencyKey": f"graph-{next(_keys)}", **given}
    return payload(await run(document, {"input": asked}, caller=by))


async def test_a_campaign_from_its_draft_to_its_pause(run: Run, world: World) -> None:
    planner, approver = staff(world, Role.PLANNER), staff(world, Role.APPROVER)
    drafted = await do(run, CREATE, by=planner, code="ANNIVERSARY-2026", content=sent(anniversary()))
    assert (drafted["state"], drafted["name"]) == ("DRAFT", "Anniversary")
    campaign = {"campaignId": drafted["id"]}
    submitted = await do(run, SUBMIT, by=planner, **campaign)
    assert submitted["state"] == "REVIEW"
    sent_back = await do(run, SEND_BACK, by=approver, reason="Check the brands.", **campaign)
    assert sent_back["state"] == "DRAFT"
    draft = sent_back["draft"]
    assert isinstance(draft, dict)
    fewer = anniversary([gift()])
    edited = await do(run, EDIT, by=planner, revisionId=draft["id"], expectedVersion=1, content=sent(fewer))
    assert edited["draft"] == {**draft, "version": 2}
    await do(run, SUBMIT, by=planner, **campaign)
    approved = await do(run, APPROVE, by=approver, **campaign)
    assert (approved["state"], approved["phase"], approved["draft"]) == ("SCHEDULED", "SCHEDULED", None)
    assert approved["opensAt"] == "2026-11-10T20:00:00+00:00"
    paused = await do(run, PAUSE, by=planner, reason="Stock is late.", **campaign)
    assert paused["state"] == "PAUSED"
    assert (await do(run, RESUME, by=approver, **campaign))["state"] == "SCHEDULED"


@pytest.mark.parametrize("ends", [["EndCampaign", "SettleCampaign", "CloseCampaign"], ["CancelCampaign"]])
async def test_a_campaign_to_its_end(run: Run, world: World, clock: StoppedClock, ends: list[str]) -> None:
    """Each step leaves an entry in the audit trail: support/trail.py watches."""
    planner, approver = staff(world, Role.PLANNER), staff(world, Role.APPROVER)
    drafted = await do(run, CREATE, by=planner, code="ANNIVERSARY-2026", content=sent(anniversary()))
    campaign = {"campaignId": drafted["id"]}
    await do(run, SUBMIT, by=planner, **campaign)
    await do(run, APPROVE, by=approver, **campaign)
    for name in ends:
        if name == "EndCampaign":
            clock.set(OCTOBER + timedelta(days=45))
        given = {} if name in ("SettleCampaign", "CloseCampaign") else {"reason": "It is over."}
        ended = await do(run, trusted(f"planner/{name}"), by=planner, **campaign, **given)
    assert ended["state"] == ("CLOSED" if len(ends) > 1 else "CANCELLED")


async def test_refusals_name_their_facts(run: Run, world: World) -> None:
    planner, approver = staff(world, Role.PLANNER), staff(world, Role.APPROVER)
    admin = staff(world, Role.ADMIN)
    drafted = await do(run, CREATE, by=admin, code="SALE", content=sent(anniversary()))
    campaign = {"campaignId": drafted["id"]}
    taken = await do(run, CREATE, by=planner, code="SALE", content=sent(anniversary()))
    assert taken["code"] == "CAMPAIGN_CODE_TAKEN"
    await do(run, SUBMIT, by=admin, **campaign)
    assert (await do(run, APPROVE, by=admin, **campaign))["code"] == "OWN_APPROVAL"
    approved = await do(run, APPROVE, by=approver, **campaign)
    in_force = approved["inForce"]
    assert isinstance(in_force, dict)
    frozen = await do(run, EDIT, by=planner, revisionId=in_force["id"], expectedVersion=1, content=sent(anniversary()))
    assert frozen["code"] == "FROZEN_REVISION"
    assert (await do(run, END, by=planner, reason="Enough.", **campaign))["code"] == "CAMPAIGN_NOT_OPENED"
    assert (await do(run, CANCEL, by=planner, reason=" ", **campaign))["code"] == "STEP_REASON_MISSING"
    wrong = sent(anniversary())
    wrong["stores"] = []
    malformed = await do(run, CREATE, by=planner, code="OTHER", content=wrong)
    assert (malformed["code"], malformed["field"]) == ("UNREADABLE_DOCUMENT", "document")


async def test_last_years_file_is_next_years_draft(run: Run, world: World) -> None:
    planner = staff(world, Role.PLANNER)
    await do(run, IMPORT, by=planner, code="ANNIVERSARY-2026", document=export(anniversary()))
    exported = await run(EXPORT, {"by": {"code": "ANNIVERSARY-2026"}}, caller=planner)
    assert exported.data is not None
    assert exported.data == {"exportCampaign": export(anniversary())}
    document = exported.data["exportCampaign"]
    copied = await do(run, IMPORT, by=planner, code="ANNIVERSARY-2027", document=document, year=2027)
    shown = payload(await run(CAMPAIGN, {"by": {"id": copied["id"]}}, caller=planner))
    draft = shown["draft"]
    assert isinstance(draft, dict)
    (dates,) = draft["resolvedDates"]["stores"]
    assert (dates["days"][0], dates["days"][-1]) == ("2027-11-11", "2027-11-21")
    missing = await run(EXPORT, {"by": {"code": "NONE"}}, caller=planner)
    assert missing.data == {"exportCampaign": None}


async def test_a_calendar_is_looked_at_before_it_is_saved(run: Run, world: World) -> None:
    planner = staff(world, Role.PLANNER)
    three = [world.chaoyang.code, world.hangang.code, world.brompton.code]
    asked = {"calendar": sent(november()), "stores": three}
    result = await run(PREVIEW, {"input": asked}, caller=planner)
    assert result.errors is None, result.errors
    assert result.data is not None
    opens = [entry["opensAt"] for entry in result.data["previewCampaignDates"]["stores"]]
    assert opens == ["2026-11-12T04:00:00+08:00", "2026-11-12T05:00:00+09:00", "2026-11-12T04:00:00+00:00"]
    # 01:30 of business day 28 March is past midnight: in London clocks skip it.
    gap = november(first_day={"kind": "DATE", "date": date(2026, 3, 28)}, opens_at="01:30")
    refused = payload(await run(PREVIEW, {"input": {**asked, "calendar": sent(gap)}}, caller=planner))
    assert refused["code"] == "DROP_TIME_IN_DST_GAP"


@pytest.mark.parametrize("role", [Role.PLANNER, Role.APPROVER])
async def test_another_programmes_staff_see_nothing(run: Run, world: World, role: Role) -> None:
    drafted = await do(run, CREATE, by=staff(world, Role.PLANNER), code="SALE", content=sent(anniversary()))
    elsewhere = Actor(role, "Ada", programme_id=world.brompton.programme_id)
    found = await run(CAMPAIGN, {"by": {"id": drafted["id"]}}, caller=elsewhere)
    assert found.data == {"campaign": None}
    listed = await run(CAMPAIGNS, caller=elsewhere)
    assert listed.data is not None
    assert listed.data["campaigns"]["nodes"] == []
    refused = await do(run, PAUSE, by=elsewhere, campaignId=drafted["id"], reason="x")
    assert refused["code"] == "UNKNOWN_CAMPAIGN"


async def test_a_list_takes_as_many_statements_for_many_as_for_one(
    run: Run, world: World, statements: list[str]
) -> None:
    planner = staff(world, Role.PLANNER)
    counts, shown = [], []
    for code in ("ONE", "TWO", "THREE"):
        await do(run, CREATE, by=planner, code=code, content=sent(anniversary()))
        statements.clear()
        listed = await run(CAMPAIGNS, caller=planner)
        assert listed.data is not None
        counts.append(len(statements))
        shown = [entry["code"] for entry in listed.data["campaigns"]["nodes"]]
    assert shown == ["THREE", "TWO", "ONE"]
    assert len(set(counts)) == 1


async def test_a_page_begins_after_the_last(run: Run, world: World, clock: StoppedClock) -> None:
    planner = staff(world, Role.PLANNER)
    for code in ("ONE", "TWO", "THREE"):
        await do(run, CREATE, by=planner, code=code, content=sent(anniversary()))
    seen: list[str] = []
    after = None
    for _ in range(3):
        listed = await run(CAMPAIGNS, {"first": 1, "after": after}, caller=planner)
        assert listed.data is not None
        seen += [entry["code"] for entry in listed.data["campaigns"]["nodes"]]
        after = listed.data["campaigns"]["pageInfo"]["endCursor"]
    assert seen == ["THREE", "TWO", "ONE"]


async def test_a_campaign_and_its_revisions_are_nodes(run: Run, world: World) -> None:
    planner = staff(world, Role.PLANNER)
    drafted = await do(run, CREATE, by=planner, code="SALE", content=sent(anniversary()))
    draft = drafted["draft"]
    assert isinstance(draft, dict)
    document = """
        query ($campaign: ID!, $revision: ID!) {
          campaign: node(id: $campaign) { id }
          revision: node(id: $revision) {
            ... on CampaignRevision {
              rule(code: "DAILY-GIFT") {
                ... on GiftRule { pools { desk tiers } days { ... on CampaignDay { day } } }
              }
            }
          }
        }
    """
    found = await run(document, {"campaign": drafted["id"], "revision": draft["id"]}, caller=planner)
    assert found.errors is None, found.errors
    assert found.data is not None
    assert found.data["campaign"] == {"id": drafted["id"]}
    rule = {"pools": [{"desk": "2F-ALVENNA", "tiers": []}], "days": [{"day": 1}, {"day": -1}]}
    assert found.data["revision"] == {"rule": rule}


async def test_a_member_and_a_till_have_no_business_here(run: Run, world: World) -> None:
    for role in (Role.MEMBER, Role.TILL):
        caller = Actor(role, "x", programme_id=world.chaoyang.programme_id)
        asked = {"by": {"id": global_id("Campaign", world.chaoyang.store_id)}}
        assert codes(await run(CAMPAIGN, asked, caller=caller)) == ["FORBIDDEN"]


@settings(max_examples=50)
@given(content=contents)
def test_inputs_say_all_that_a_campaign_may_say(content: CampaignContent) -> None:
    """The input types are made of the documents: what is sent for a document comes out as that document."""
    assert CampaignContent.model_validate(TYPES.plain(CampaignContent, as_input(content))) == content
