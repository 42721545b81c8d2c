"""Adjustments: given and taken by member services, large ones by two people, each on record."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.kernel.payment_cards import PaymentCardNumber
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.points import store
from membership.points.adjustments import MOST_POINTS, MOST_REASON_CHARACTERS, TRANSITIONS, Adjustments
from membership.points.errors import (
    AdjustmentDecided,
    InvalidAdjustment,
    NotEnoughPoints,
    OwnAdjustment,
    ReasonMissing,
    UnknownAdjustment,
)
from membership.points.model import Adjustment, AdjustmentId, AdjustmentState
from membership.points.rules import expires_at
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from support.clock import StoppedClock
from support.ledger import LedgerDesk, open_ledger


@pytest.fixture
async def ledger(database: Database, conn: Conn, clock: StoppedClock) -> LedgerDesk:
    return await open_ledger(database, conn, clock)


@pytest.fixture
def desk(ledger: LedgerDesk) -> Adjustments:
    return Adjustments(ledger.database, ledger.cache, new_id)


@pytest.fixture
def ann(ledger: LedgerDesk) -> Actor:
    return Actor(role=Role.MEMBER_SERVICES, subject="ann", programme_id=ledger.world.chaoyang.programme_id)


@pytest.fixture
def bob(ann: Actor) -> Actor:
    return replace(ann, role=Role.APPROVER, subject="bob")


@pytest.fixture
def large(ledger: LedgerDesk) -> int:
    return ledger.world.chaoyang.terms.second_person_from_points


async def ask(
    desk: Adjustments, actor: Actor, ledger: LedgerDesk, member: MembershipKey, points: int, key: str = "k"
) -> Adjustment:
    return await desk.request(actor, ledger.now, member, points=points, reason="goodwill", key=key)


async def test_a_small_adjustment_gives_points_at_once(ledger: LedgerDesk, desk: Adjustments, ann: Actor) -> None:
    member = await ledger.join()
    adjustment = await ask(desk, ann, ledger, member, 500)
    assert (adjustment.state, adjustment.decided_by) == (AdjustmentState.APPLIED, None)
    assert (await ledger.account(member)).available == 500
    (lot,) = await store.list_lots_with_points(ledger.conn, member)
    assert lot.expires_at == expires_at(ledger.world.chaoyang.terms, ledger.store, ledger.today)
    await ledger.check()


async def test_a_small_adjustment_takes_points_earliest_expiry_first(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor
) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100}, expires_in_days=20)
    await ledger.sell(member, {1: 100}, expires_in_days=10)
    await ask(desk, ann, ledger, member, -130)
    (lot,) = await store.list_lots_with_points(ledger.conn, member)
    assert (lot.remaining, lot.expires_at) == (70, ledger.now + timedelta(days=20))
    await ledger.check()


async def test_no_more_is_taken_than_there_is_beside_what_quotes_hold(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor
) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    await ledger.hold(member, 30)
    with pytest.raises(NotEnoughPoints) as refusal:
        await ask(desk, ann, ledger, member, -71)
    assert refusal.value.available_points == 70
    assert (await ledger.account(member)).balance == 100


async def test_a_large_adjustment_moves_nothing_before_a_second_person_approves(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor, bob: Actor, large: int
) -> None:
    member = await ledger.join()
    asked = await ask(desk, ann, ledger, member, large)
    assert asked.state is AdjustmentState.PENDING_APPROVAL
    assert (await ledger.account(member)).balance == 0
    applied = await desk.approve(bob, ledger.now, asked.adjustment_id, key="b")
    assert (applied.state, applied.requested_by, applied.decided_by) == (AdjustmentState.APPLIED, "ann", "bob")
    assert (await ledger.account(member)).available == large
    await ledger.check()


async def test_one_point_less_than_large_needs_nobody_else(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor, large: int
) -> None:
    member = await ledger.join()
    assert (await ask(desk, ann, ledger, member, large - 1)).state is AdjustmentState.APPLIED


async def test_a_large_deduction_waits_too_and_is_judged_when_it_is_approved(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor, bob: Actor, large: int
) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: large})
    asked = await ask(desk, ann, ledger, member, -large)
    assert asked.state is AdjustmentState.PENDING_APPROVAL
    await ledger.sell(member, {}, redeem=1)
    with pytest.raises(NotEnoughPoints):
        await desk.approve(bob, ledger.now, asked.adjustment_id, key="b")
    assert (await store.get_adjustment(ledger.conn, asked.adjustment_id)).state is AdjustmentState.PENDING_APPROVAL
    assert (await ledger.account(member)).balance == large - 1


async def test_the_requester_can_neither_approve_nor_reject(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor, large: int
) -> None:
    asked = await ask(desk, ann, ledger, await ledger.join(), large)
    with pytest.raises(OwnAdjustment):
        await desk.approve(replace(ann, role=Role.APPROVER), ledger.now, asked.adjustment_id, key="b")
    with pytest.raises(OwnAdjustment):
        await desk.reject(ann, ledger.now, asked.adjustment_id, reason="mine", key="c")


async def test_a_rejection_says_why_and_moves_nothing(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor, bob: Actor, large: int
) -> None:
    member = await ledger.join()
    asked = await ask(desk, ann, ledger, member, large)
    with pytest.raises(ReasonMissing):
        await desk.reject(bob, ledger.now, asked.adjustment_id, reason=" ", key="b")
    rejected = await desk.reject(bob, ledger.now, asked.adjustment_id, reason="no receipt", key="c")
    assert (rejected.state, rejected.decision_reason) == (AdjustmentState.REJECTED, "no receipt")
    assert (await ledger.account(member)).balance == 0


@pytest.mark.parametrize(("before", "after"), list(product(AdjustmentState, AdjustmentState)))
async def test_every_pair_of_states(
    ledger: LedgerDesk,
    desk: Adjustments,
    ann: Actor,
    bob: Actor,
    large: int,
    before: AdjustmentState,
    after: AdjustmentState,
) -> None:
    """Only a decision changes a state, so no request leads back to PENDING_APPROVAL."""
    asked = await ask(desk, ann, ledger, await ledger.join(), large)

    async def decide(state: AdjustmentState, key: str) -> Adjustment:
        if state is AdjustmentState.APPLIED:
            return await desk.approve(bob, ledger.now, asked.adjustment_id, key=key)
        return await desk.reject(bob, ledger.now, asked.adjustment_id, reason="no", key=key)

    if before is not AdjustmentState.PENDING_APPROVAL:
        await decide(before, "first")
    if after is AdjustmentState.PENDING_APPROVAL:
        assert after not in TRANSITIONS[before]
    elif after in TRANSITIONS[before]:
        assert (await decide(after, "second")).state is after
    else:
        with pytest.raises(AdjustmentDecided) as refusal:
            await decide(after, "second")
        assert refusal.value.state == before


@pytest.mark.parametrize(
    ("points", "reason", "refusal"),
    [
        (0, "goodwill", InvalidAdjustment),
        (MOST_POINTS + 1, "goodwill", InvalidAdjustment),
        (-MOST_POINTS - 1, "goodwill", InvalidAdjustment),
        (10, "", ReasonMissing),
        (10, " \n", ReasonMissing),
        (10, "x" * (MOST_REASON_CHARACTERS + 1), ReasonMissing),
        (10, "refund to 4111 1111 1111 1111", PaymentCardNumber),
    ],
)
async def test_malformed_requests(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor, points: int, reason: str, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        await desk.request(ann, ledger.now, await ledger.join(), points=points, reason=reason, key="k")
    assert await ledger.conn.fetchval("SELECT count(*) FROM points.adjustments") == 0


async def test_staff_reach_their_own_programme_only(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor, bob: Actor, large: int
) -> None:
    member = await ledger.join()
    stranger = replace(ann, subject="sue", programme_id=ledger.world.hangang.programme_id)
    with pytest.raises(UnknownMember):
        await ask(desk, stranger, ledger, member, 10)
    with pytest.raises(UnknownMember):
        await ask(desk, ann, ledger, replace(member, member_id=MemberId(new_id())), 10)
    asked = await ask(desk, ann, ledger, member, large, key="large")
    with pytest.raises(UnknownAdjustment):
        await desk.approve(replace(stranger, role=Role.APPROVER), ledger.now, asked.adjustment_id, key="b")
    with pytest.raises(UnknownAdjustment):
        await desk.approve(bob, ledger.now, AdjustmentId(new_id()), key="c")


async def test_a_repeat_gets_the_same_answer_even_after_the_decision(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor, bob: Actor, large: int
) -> None:
    member = await ledger.join()
    asked = await ask(desk, ann, ledger, member, large)
    applied = await desk.approve(bob, ledger.now, asked.adjustment_id, key="b")
    assert await ask(desk, ann, ledger, member, large) == asked
    assert await desk.approve(bob, ledger.now, asked.adjustment_id, key="b") == applied
    assert (await ledger.account(member)).balance == large
    with pytest.raises(IdempotencyConflict):
        await ask(desk, ann, ledger, member, large + 1)


async def test_every_step_is_on_record_without_its_free_text(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor, bob: Actor, large: int
) -> None:
    member = await ledger.join()
    await ask(desk, ann, ledger, member, 30, key="small")
    asked = await ask(desk, ann, ledger, member, large)
    await desk.approve(bob, ledger.now, asked.adjustment_id, key="b")
    other = await ask(desk, ann, ledger, member, large, key="other")
    await desk.reject(bob, ledger.now, other.adjustment_id, reason="no receipt", key="c")
    rows = await ledger.conn.fetch("SELECT action, actor, before, after FROM platform.audit_entries ORDER BY audit_id")
    assert [(row["action"], row["actor"]) for row in rows] == [
        ("points.adjust", "ann"),
        ("points.request_adjustment", "ann"),
        ("points.adjust", "bob"),
        ("points.request_adjustment", "ann"),
        ("points.reject_adjustment", "bob"),
    ]
    assert f'"balance": {30 + large}' in rows[2]["after"]
    assert not any("goodwill" in row["after"] or "receipt" in row["after"] for row in rows)
    names = await ledger.conn.fetch("SELECT name FROM platform.outbox ORDER BY sequence")
    assert [row["name"] for row in names] == [
        "points.adjusted",
        "points.adjustment_requested",
        "points.adjusted",
        "points.adjustment_requested",
        "points.adjustment_rejected",
    ]


async def test_an_adjustment_of_a_merged_member_is_applied_to_the_winner(
    ledger: LedgerDesk, desk: Adjustments, ann: Actor, bob: Actor, large: int
) -> None:
    loser, winner = await ledger.join(), await ledger.join()
    asked = await ask(desk, ann, ledger, loser, large)
    await ledger.merge(loser, winner)
    await ledger.conn.execute(
        "UPDATE members.memberships SET merged_into = $2 WHERE member_id = $1", loser.member_id, winner.member_id
    )
    applied = await desk.approve(bob, ledger.now, asked.adjustment_id, key="b")
    assert applied.membership == winner
    assert (await ask(desk, ann, ledger, loser, 5, key="late")).membership == winner
    assert (await ledger.account(winner)).balance == large + 5
    await ledger.check()
