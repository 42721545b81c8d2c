"""A campaign from its draft to its closing, on real PostgreSQL."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import product

import pytest

from membership.campaigns.content import CampaignDay, CouponOffer, DaysAfter, OnDate
from membership.campaigns.errors import (
    CampaignCodeTaken,
    CampaignOver,
    CampaignStateForbids,
    DraftChangedMeanwhile,
    FrozenRevision,
    OverlappingExclusiveGroups,
    OwnApproval,
    StepReasonMissing,
    UnknownCampaign,
    UnknownCode,
    UnknownRevision,
    UnreadableDocument,
)
from membership.campaigns.model import CampaignId, CampaignRevision, CampaignState, RevisionId
from membership.campaigns.records import RevisionStatus
from membership.campaigns.rules.states import CAMPAIGN_STEPS, Step
from membership.campaigns.scheduling import Hooks
from membership.inventory.errors import StockBelowConfirmed
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.kernel.payment_cards import PaymentCardNumber
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from membership.postgres.transaction import Transaction
from membership.stores.errors import UnknownProgramme
from support.campaign_desk import (
    CLOSING,
    OPENING,
    CampaignDesk,
    anniversary,
    brand_day,
    coupon,
    gift,
    key,
    november,
    open_campaign_desk,
    revision_of,
)
from support.recording import readings


@pytest.fixture
async def desk(database: Database, conn: Conn) -> CampaignDesk:
    return await open_campaign_desk(database, conn)


async def take(desk: CampaignDesk, step: Step, campaign_id: CampaignId) -> None:
    """One step as whoever may take it."""
    campaigns, now = desk.campaigns, desk.now
    match step:
        case Step.SUBMIT:
            await campaigns.submit(desk.planner, now, campaign_id, key=key())
        case Step.SEND_BACK:
            await campaigns.send_back(desk.approver, now, campaign_id, reason="No.", key=key())
        case Step.APPROVE:
            await campaigns.approve(desk.approver, now, campaign_id, key=key())
        case Step.REVISE:
            await campaigns.revise(desk.planner, now, campaign_id, content=anniversary(), key=key())
        case Step.PAUSE:
            await campaigns.pause(desk.planner, now, campaign_id, reason="Stock.", key=key())
        case Step.RESUME:
            await campaigns.resume(desk.planner, now, campaign_id, key=key())
        case Step.END_EARLY:
            await campaigns.end_early(desk.planner, now, campaign_id, reason="Sold out.", key=key())
        case Step.CANCEL:
            await campaigns.cancel(desk.planner, now, campaign_id, reason="Flood.", key=key())
        case Step.SETTLE:
            await campaigns.settle(desk.planner, now, campaign_id, key=key())
        case Step.CLOSE:
            await campaigns.close(desk.planner, now, campaign_id, key=key())


WAYS: dict[CampaignState, list[Step | datetime]] = {
    CampaignState.DRAFT: [],
    CampaignState.REVIEW: [Step.SUBMIT],
    CampaignState.SCHEDULED: [Step.SUBMIT, Step.APPROVE],
    CampaignState.PAUSED: [Step.SUBMIT, Step.APPROVE, Step.PAUSE],
    CampaignState.ENDED_EARLY: [Step.SUBMIT, Step.APPROVE, OPENING, Step.END_EARLY],
    CampaignState.CANCELLED: [Step.SUBMIT, Step.APPROVE, Step.CANCEL],
    CampaignState.SETTLING: [Step.SUBMIT, Step.APPROVE, CLOSING, Step.SETTLE],
    CampaignState.CLOSED: [Step.SUBMIT, Step.APPROVE, CLOSING, Step.SETTLE, Step.CLOSE],
}


async def brought_to(desk: CampaignDesk, state: CampaignState) -> CampaignId:
    campaign_id = (await desk.drafted()).campaign.campaign_id
    for way in WAYS[state]:
        if isinstance(way, datetime):
            desk.now = way
        else:
            await take(desk, way, campaign_id)
    return campaign_id


@pytest.mark.parametrize("state", CampaignState)
async def test_only_the_steps_of_the_table_are_taken(desk: CampaignDesk, conn: Conn, state: CampaignState) -> None:
    campaign_id = await brought_to(desk, state)
    changes = await conn.fetchval("SELECT count(*) FROM campaigns.state_changes")
    for step in Step:
        if (state, step) not in CAMPAIGN_STEPS:
            with pytest.raises(DomainError) as refused:
                await take(desk, step, campaign_id)
            assert isinstance(refused.value, CampaignStateForbids), step
    assert await conn.fetchval("SELECT state FROM campaigns.campaigns") == state.value
    assert await conn.fetchval("SELECT count(*) FROM campaigns.state_changes") == changes


@pytest.mark.parametrize("state", CampaignState)
async def test_every_step_is_logged_audited_and_told(desk: CampaignDesk, conn: Conn, state: CampaignState) -> None:
    await brought_to(desk, state)
    steps = [way for way in WAYS[state] if isinstance(way, Step)]
    logged = await conn.fetch("SELECT from_state, to_state, reason FROM campaigns.state_changes ORDER BY number")
    assert [row["to_state"] for row in logged][-1] == state.value
    assert [row["from_state"] for row in logged][1:] == [row["to_state"] for row in logged][:-1]
    assert len(logged) == 1 + len(steps)
    audited = [row["action"] for row in await conn.fetch("SELECT action FROM platform.audit_entries ORDER BY audit_id")]
    assert audited == ["campaigns.create", *(f"campaigns.{step.value.lower()}" for step in steps)]
    told = {
        Step.SUBMIT: "campaigns.submitted",
        Step.APPROVE: "campaigns.scheduled",
        Step.PAUSE: "campaigns.paused",
        Step.END_EARLY: "campaigns.ended_early",
        Step.CANCEL: "campaigns.cancelled",
        Step.SETTLE: "campaigns.settling",
        Step.CLOSE: "campaigns.closed",
    }
    events = await conn.fetch("SELECT name, payload::json ->> 'state' AS state FROM platform.outbox ORDER BY sequence")
    assert [row["name"] for row in events] == ["campaigns.created", *(told[step] for step in steps)]
    assert events[-1]["state"] == state.value


# ---- the clock


async def test_the_clock_opens_and_closes_it(desk: CampaignDesk) -> None:
    revision_id = revision_of(await desk.scheduled()).revision_id
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


async def test_an_approval_fixes_the_dates(desk: CampaignDesk, conn: Conn) -> None:
    """A store that moves to another zone afterwards keeps what its members were promised."""
    worked = await desk.scheduled()
    await conn.execute("UPDATE stores.stores SET zone = 'Europe/London'")
    again = await open_campaign_desk_on(desk)
    frozen = await again.cache.revision(revision_of(worked).revision_id)
    assert frozen.content == anniversary()
    assert frozen.calendars[desk.shop.store_id].opens_at == OPENING
    assert (worked.campaign.opens_at, worked.campaign.closes_at) == (OPENING - timedelta(hours=24), CLOSING)


async def open_campaign_desk_on(desk: CampaignDesk) -> CampaignDesk:
    """Another process on the same database."""
    return await open_campaign_desk(desk.database, desk.conn)


async def test_stores_in_three_zones_open_each_by_its_own_clock(desk: CampaignDesk, conn: Conn) -> None:
    """One campaign of one programme in Beijing, London and New York, whose clocks go back while it is open."""
    places = {
        "BEIJING": ("Asia/Shanghai", "04:00"),
        "LONDON": ("Europe/London", "04:00"),
        "NYC": ("America/New_York", "00:00"),
    }
    for code, (zone, cutover) in places.items():
        await conn.execute(
            'INSERT INTO stores.stores VALUES ($1, $2, $3, \'{"en": "x"}\', $4, $5, \'{"weekly": {}}\')',
            new_id(),
            desk.shop.programme_id,
            code,
            zone,
            time.fromisoformat(cutover),
        )
    ids = {row["code"]: row["store_id"] for row in await conn.fetch("SELECT code, store_id FROM stores.stores")}
    # London's clocks go back on 25 October, New York's on 1 November.
    calendar = november(first_day=OnDate(date=date(2026, 10, 24)), last_day=DaysAfter(days=8))
    await desk.scheduled(anniversary([brand_day(days=())], calendar=calendar, stores=tuple(places)))
    opens = {
        "BEIJING": datetime(2026, 10, 23, 20, tzinfo=UTC),
        "LONDON": datetime(2026, 10, 24, 3, tzinfo=UTC),
        "NYC": datetime(2026, 10, 24, 4, tzinfo=UTC),
    }
    closes = {
        "BEIJING": datetime(2026, 11, 1, 20, tzinfo=UTC),
        "LONDON": datetime(2026, 11, 2, 4, tzinfo=UTC),
        "NYC": datetime(2026, 11, 2, 5, tzinfo=UTC),
    }
    second = timedelta(seconds=1)
    for code, at in product(places, sorted({*opens.values(), *closes.values()})):
        for instant in (at - second, at):
            issuing = await desk.cache.issuing(ids[code], instant, instant)
            assert bool(issuing) == (opens[code] <= instant < closes[code]), (code, instant)


async def test_paused_and_ended_issue_nothing_and_stay_known(desk: CampaignDesk) -> None:
    """C5: what was issued by a revision is judged by it, whatever becomes of the campaign."""
    worked = await desk.scheduled()
    campaign_id, revision_id = worked.campaign.campaign_id, revision_of(worked).revision_id
    shop, noon = desk.shop.store_id, OPENING + timedelta(hours=8)
    desk.now = noon
    await take(desk, Step.PAUSE, campaign_id)
    assert await desk.cache.issuing(shop, noon, noon) == ()
    assert await desk.cache.upcoming(shop, noon) == ()
    assert [entry.revision_id for entry in await desk.cache.paused(shop, noon, noon)] == [revision_id]
    in_force = await desk.cache.in_force(campaign_id, noon)
    assert in_force is not None
    assert in_force.revision_id == revision_id
    await take(desk, Step.RESUME, campaign_id)
    assert len(await desk.cache.issuing(shop, noon, noon)) == 1
    await take(desk, Step.END_EARLY, campaign_id)
    assert await desk.cache.issuing(shop, noon, noon) == ()
    assert await desk.cache.in_force(campaign_id, noon) is None
    assert (await desk.cache.revision(revision_id)).revision_id == revision_id


async def test_a_late_report_is_judged_by_the_state_of_then(desk: CampaignDesk) -> None:
    """Paused for an hour, revised, ended: what was sold in between is judged as it would have been at once."""
    worked = await desk.scheduled()
    campaign_id, shop = worked.campaign.campaign_id, desk.shop.store_id
    answers: dict[datetime, list[RevisionId]] = {}

    async def look() -> None:
        at = desk.later(minutes=10)
        answers[at] = [entry.revision_id for entry in await desk.cache.issuing(shop, at, at)]

    desk.now = OPENING
    for act in (Step.PAUSE, Step.RESUME, "revise", Step.PAUSE, Step.RESUME, Step.END_EARLY):
        await look()
        desk.later(minutes=10)
        if isinstance(act, Step):
            await take(desk, act, campaign_id)
        else:
            await desk.revised(worked.campaign, anniversary([gift()]))
    await look()
    assert len({tuple(found) for found in answers.values()}) == 3  # nothing, the first revision, the second
    late = desk.later(days=30)
    for at, expected in answers.items():
        found = await desk.cache.issuing(shop, at, late)
        assert [entry.revision_id for entry in found] == expected, at


# ---- the cache


async def test_a_fresh_cache_asks_nothing(desk: CampaignDesk, statements: list[str]) -> None:
    await desk.scheduled()
    now = OPENING
    await desk.cache.issuing(desk.shop.store_id, now, now)
    statements.clear()
    (revision,) = await desk.cache.issuing(desk.shop.store_id, now, now + timedelta(seconds=1.9))
    await desk.cache.revisions([revision.revision_id])
    assert statements == []
    await desk.cache.issuing(desk.shop.store_id, now, now + timedelta(seconds=2))
    assert len(readings(statements)) == 1
    # A demonstration's clock that was set back does not keep what is known from then on.
    await desk.cache.issuing(desk.shop.store_id, now, now - timedelta(hours=1))
    assert len(readings(statements)) == 2


async def test_another_process_knows_within_two_seconds(desk: CampaignDesk) -> None:
    worked = await desk.scheduled()
    other = await open_campaign_desk_on(desk)
    desk.now = OPENING
    assert await other.cache.issuing(desk.shop.store_id, desk.now, desk.now)
    await take(desk, Step.PAUSE, worked.campaign.campaign_id)
    soon = desk.later(seconds=2)
    assert await other.cache.issuing(desk.shop.store_id, soon, soon) == ()


async def test_an_unknown_revision_is_refused(desk: CampaignDesk) -> None:
    draft = revision_of(await desk.drafted())
    for revision_id in (draft.revision_id, RevisionId(new_id())):
        with pytest.raises(UnknownRevision):
            await desk.cache.revision(revision_id)
    assert await desk.cache.revisions([draft.revision_id]) == {}


# ---- maker and checker


@pytest.mark.parametrize("by", ["submitter", "editor", "author"])
async def test_who_made_a_revision_never_approves_it(desk: CampaignDesk, by: str) -> None:
    drafted = await desk.drafted()
    programme_id = desk.shop.programme_id
    editor = Actor(Role.ADMIN, "editor", programme_id=programme_id)
    submitter = Actor(Role.ADMIN, "submitter", programme_id=programme_id)
    author = Actor(Role.ADMIN, desk.planner.subject, programme_id=programme_id)
    revision = revision_of(drafted)
    await desk.campaigns.edit(
        editor, desk.now, revision.revision_id, content=anniversary([gift()]), expected_version=1, key=key()
    )
    campaign_id = drafted.campaign.campaign_id
    await desk.campaigns.submit(submitter, desk.now, campaign_id, key=key())
    # Sent back and submitted by somebody else, it is still the work of the first submitter too.
    await desk.campaigns.send_back(desk.approver, desk.now, campaign_id, reason="Once more.", key=key())
    await desk.campaigns.submit(desk.planner, desk.now, campaign_id, key=key())
    actor = {"submitter": submitter, "editor": editor, "author": author}[by]
    with pytest.raises(OwnApproval):
        await desk.campaigns.approve(actor, desk.now, campaign_id, key=key())
    approved = await desk.campaigns.approve(desk.approver, desk.now, campaign_id, key=key())
    assert revision_of(approved).approved_by == desk.approver.subject


@pytest.mark.parametrize(("maker", "checker"), [("operator:li.hua", "li.hua"), ("li.hua", "operator:li.hua")])
async def test_one_person_is_one_at_the_command_line_and_by_token(desk: CampaignDesk, maker: str, checker: str) -> None:
    programme_id = desk.shop.programme_id
    desk.planner = Actor(Role.PLANNER, maker, programme_id=programme_id)
    drafted = await desk.drafted()
    campaign_id = drafted.campaign.campaign_id
    somebody = Actor(Role.PLANNER, "somebody", programme_id=programme_id)
    await desk.campaigns.submit(somebody, desk.now, campaign_id, key=key())
    with pytest.raises(OwnApproval):
        same = Actor(Role.APPROVER, checker, programme_id=programme_id)
        await desk.campaigns.approve(same, desk.now, campaign_id, key=key())
    approved = await desk.campaigns.approve(desk.approver, desk.now, campaign_id, key=key())
    assert approved.campaign.state is CampaignState.SCHEDULED


async def test_a_draft_is_checked_as_it_would_be_for_submission(desk: CampaignDesk) -> None:
    drafted = await desk.drafted()
    calendars = await desk.campaigns.check(desk.planner, desk.now, drafted.campaign.campaign_id)
    assert calendars[desk.shop.store_id].opens_at == OPENING
    with pytest.raises(CampaignOver):
        await desk.campaigns.check(desk.planner, CLOSING, drafted.campaign.campaign_id)
    submitted = await desk.campaigns.submit(desk.planner, desk.now, drafted.campaign.campaign_id, key=key())
    assert revision_of(submitted).version == revision_of(drafted).version


async def test_a_later_revision_is_in_force_once_it_is_approved(desk: CampaignDesk) -> None:
    worked = await desk.scheduled()
    campaign_id, first = worked.campaign.campaign_id, revision_of(worked)
    desk.now = OPENING
    revised = await desk.campaigns.revise(desk.planner, desk.now, campaign_id, content=anniversary([gift()]), key=key())
    second = revision_of(revised)
    assert (second.number, second.status, revised.campaign.state) == (2, RevisionStatus.DRAFT, CampaignState.SCHEDULED)
    await desk.campaigns.submit(desk.planner, desk.now, campaign_id, key=key())
    (still,) = await desk.cache.issuing(desk.shop.store_id, desk.now, desk.now)
    assert still.revision_id == first.revision_id
    approved_at = desk.later(minutes=1)
    await desk.campaigns.approve(desk.approver, approved_at, campaign_id, key=key())
    before = approved_at - timedelta(microseconds=1)
    for at, revision in ((before, first), (approved_at, second)):
        (found,) = await desk.cache.issuing(desk.shop.store_id, at, approved_at)
        assert found.revision_id == revision.revision_id
    assert (await desk.cache.revision(first.revision_id)).content == anniversary()


async def test_a_frozen_revision_is_not_edited(desk: CampaignDesk) -> None:
    worked = await desk.scheduled()
    with pytest.raises(FrozenRevision):
        await desk.campaigns.edit(
            desk.planner,
            desk.now,
            revision_of(worked).revision_id,
            content=anniversary([gift()]),
            expected_version=1,
            key=key(),
        )


async def test_what_is_in_review_is_sent_back_before_it_is_edited(desk: CampaignDesk) -> None:
    submitted = await desk.submitted()
    revision_id = revision_of(submitted).revision_id
    with pytest.raises(CampaignStateForbids):
        await desk.campaigns.edit(
            desk.planner, desk.now, revision_id, content=anniversary([]), expected_version=1, key=key()
        )
    await take(desk, Step.SEND_BACK, submitted.campaign.campaign_id)
    edited = await desk.campaigns.edit(
        desk.planner, desk.now, revision_id, content=anniversary([]), expected_version=1, key=key()
    )
    assert (revision_of(edited).version, revision_of(edited).content) == (2, anniversary([]))


async def test_two_editors_do_not_overwrite_each_other(desk: CampaignDesk) -> None:
    revision_id = revision_of(await desk.drafted()).revision_id
    await desk.campaigns.edit(
        desk.planner, desk.now, revision_id, content=anniversary([gift()]), expected_version=1, key=key()
    )
    with pytest.raises(DraftChangedMeanwhile) as refused:
        await desk.campaigns.edit(
            desk.planner, desk.now, revision_id, content=anniversary([coupon()]), expected_version=1, key=key()
        )
    assert refused.value.facts() == {"expected_version": 1, "version": 2}


async def test_a_campaign_has_one_draft_at_a_time(desk: CampaignDesk) -> None:
    worked = await desk.scheduled()
    await take(desk, Step.REVISE, worked.campaign.campaign_id)
    with pytest.raises(CampaignStateForbids):
        await take(desk, Step.REVISE, worked.campaign.campaign_id)


async def test_a_cancelled_campaign_gives_up_its_draft(desk: CampaignDesk, conn: Conn) -> None:
    worked = await desk.scheduled()
    await take(desk, Step.REVISE, worked.campaign.campaign_id)
    await take(desk, Step.CANCEL, worked.campaign.campaign_id)
    rows = await conn.fetch("SELECT status FROM campaigns.revisions ORDER BY number")
    assert [row["status"] for row in rows] == ["SCHEDULED", "DISCARDED"]


# ---- what is checked


async def test_what_makes_no_sense_is_not_submitted(desk: CampaignDesk) -> None:
    drafted = await desk.drafted(anniversary([coupon(stacking_group="NONE")]))
    with pytest.raises(UnknownCode):
        await desk.campaigns.submit(desk.planner, desk.now, drafted.campaign.campaign_id, key=key())


async def test_dates_of_the_past_are_not_submitted(desk: CampaignDesk) -> None:
    drafted = await desk.drafted(anniversary(calendar=november(year=2025)))
    with pytest.raises(CampaignOver):
        await desk.campaigns.submit(desk.planner, desk.now, drafted.campaign.campaign_id, key=key())


async def test_a_brand_that_left_meanwhile_stops_an_approval(desk: CampaignDesk, conn: Conn) -> None:
    submitted = await desk.submitted()
    await conn.execute("UPDATE stores.brands SET code = 'GONE' WHERE code = 'VAUDRELLE'")
    later = desk.later(minutes=1)
    with pytest.raises(UnknownCode) as refused:
        await desk.campaigns.approve(desk.approver, later, submitted.campaign.campaign_id, key=key())
    assert refused.value.facts() == {"rule": "BRAND-DAY", "kind": "brand", "named": "VAUDRELLE"}


@pytest.mark.parametrize("paused", [False, True])
async def test_two_campaigns_at_once_share_no_exclusive_group(desk: CampaignDesk, paused: bool) -> None:
    first = await desk.scheduled()
    if paused:
        await take(desk, Step.PAUSE, first.campaign.campaign_id)
    drafted = await desk.drafted(anniversary([coupon("OTHER-COUPON")]), code="FLASH")
    with pytest.raises(OverlappingExclusiveGroups) as refused:
        await desk.campaigns.submit(desk.planner, desk.now, drafted.campaign.campaign_id, key=key())
    assert (refused.value.rule, refused.value.other_campaign) == ("OTHER-COUPON", "ANNIVERSARY-2026")
    await take(desk, Step.CANCEL, first.campaign.campaign_id)
    submitted = await desk.campaigns.submit(desk.planner, desk.now, drafted.campaign.campaign_id, key=key())
    assert submitted.campaign.state is CampaignState.REVIEW


async def test_a_campaign_does_not_overlap_with_its_own_revisions(desk: CampaignDesk) -> None:
    worked = await desk.scheduled()
    revised = await desk.revised(worked.campaign, anniversary([coupon("COUPON-500")]))
    assert revision_of(revised).status is RevisionStatus.SCHEDULED


async def test_last_years_sales_are_no_rival(desk: CampaignDesk) -> None:
    this_year = desk.now
    desk.now = datetime(2025, 10, 1, tzinfo=UTC)
    await desk.scheduled(anniversary(calendar=november(year=2025)), code="ANNIVERSARY-2025")
    desk.now = this_year
    assert (await desk.scheduled()).campaign.state is CampaignState.SCHEDULED


async def test_a_code_is_given_once_in_a_programme(desk: CampaignDesk) -> None:
    await desk.drafted()
    with pytest.raises(CampaignCodeTaken):
        await desk.drafted()
    with pytest.raises(UnreadableDocument):
        await desk.drafted(code="anniversary 2026")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
async def test_a_reason_is_one_that_can_be_read(desk: CampaignDesk, reason: str) -> None:
    worked = await desk.scheduled()
    with pytest.raises(StepReasonMissing):
        await desk.campaigns.pause(desk.planner, desk.now, worked.campaign.campaign_id, reason=reason, key=key())
    with pytest.raises(PaymentCardNumber):
        await desk.campaigns.pause(
            desk.planner, desk.now, worked.campaign.campaign_id, reason="card 4111 1111 1111 1111", key=key()
        )


async def test_others_reach_nothing(desk: CampaignDesk) -> None:
    worked = await desk.drafted()
    other = Actor(Role.PLANNER, "ada", programme_id=desk.world.brompton.programme_id)
    with pytest.raises(UnknownCampaign):
        await desk.campaigns.submit(other, desk.now, worked.campaign.campaign_id, key=key())
    with pytest.raises(UnknownRevision):
        await desk.campaigns.edit(
            other,
            desk.now,
            revision_of(worked).revision_id,
            content=anniversary([]),
            expected_version=1,
            key=key(),
        )
    with pytest.raises(UnknownProgramme):
        await desk.campaigns.create(other, desk.now, desk.shop.programme_id, code="X", content=anniversary(), key=key())
    with pytest.raises(UnknownCampaign):
        await desk.campaigns.submit(desk.planner, desk.now, CampaignId(new_id()), key=key())


# ---- repeats


async def test_a_repeat_has_one_effect_and_the_same_answer(desk: CampaignDesk, conn: Conn) -> None:
    worked = await desk.scheduled()
    campaign_id, same = worked.campaign.campaign_id, key()
    first = await desk.campaigns.pause(desk.planner, desk.now, campaign_id, reason="Stock.", key=same)
    await take(desk, Step.RESUME, campaign_id)
    again = await desk.campaigns.pause(desk.planner, desk.now, campaign_id, reason="Stock.", key=same)
    assert again == first
    assert await conn.fetchval("SELECT state FROM campaigns.campaigns") == "SCHEDULED"
    with pytest.raises(IdempotencyConflict):
        await desk.campaigns.pause(desk.planner, desk.now, campaign_id, reason="Other.", key=same)


# ---- slices above


async def test_hooks_are_told_in_the_same_transaction(database: Database, conn: Conn) -> None:
    heard: list[tuple[object, ...]] = []

    async def prepare(tx: Transaction, revision: CampaignRevision, before: CampaignRevision | None) -> None:
        assert await tx.conn.fetchval("SELECT count(*) FROM campaigns.calendars") == revision.number
        heard.append(("first", revision.number, None if before is None else before.number))

    async def then(_: Transaction, revision: CampaignRevision, __: CampaignRevision | None) -> None:
        heard.append(("second", revision.number, len(list(revision.content.rules_of(CouponOffer)))))

    async def moved(
        _: Transaction, revision: CampaignRevision, from_state: CampaignState, to_state: CampaignState
    ) -> None:
        heard.append((revision.number, from_state.value, to_state.value))

    desk = await open_campaign_desk(database, conn, hooks=Hooks((prepare, then), (moved,)))
    worked = await desk.scheduled()
    await desk.revised(worked.campaign, anniversary([gift()]))
    await take(desk, Step.PAUSE, worked.campaign.campaign_id)
    await take(desk, Step.RESUME, worked.campaign.campaign_id)
    await take(desk, Step.CANCEL, worked.campaign.campaign_id)
    assert heard == [
        ("first", 1, None),
        ("second", 1, 1),
        ("first", 2, 1),
        ("second", 2, 0),
        (2, "SCHEDULED", "PAUSED"),
        (2, "PAUSED", "SCHEDULED"),
        (2, "SCHEDULED", "CANCELLED"),
    ]


async def test_what_a_hook_refuses_does_not_come_into_force(database: Database, conn: Conn) -> None:
    """Such as fewer gifts than are confirmed."""

    async def keep_stock(_: Transaction, revision: CampaignRevision, before: CampaignRevision | None) -> None:
        if before is not None:
            raise StockBelowConfirmed(20, 10)

    desk = await open_campaign_desk(database, conn, hooks=Hooks((keep_stock,)))
    worked = await desk.scheduled()
    with pytest.raises(StockBelowConfirmed):
        await desk.revised(worked.campaign, anniversary([gift(days=(CampaignDay(day=2),))]))
    statuses = await conn.fetch("SELECT status FROM campaigns.revisions ORDER BY number")
    assert [row["status"] for row in statuses] == ["SCHEDULED", "REVIEW"]
    assert await conn.fetchval("SELECT count(*) FROM campaigns.calendars") == 1
    desk.now = OPENING
    (still,) = await desk.cache.issuing(desk.shop.store_id, desk.now, desk.now)
    assert still.revision_id == revision_of(worked).revision_id
