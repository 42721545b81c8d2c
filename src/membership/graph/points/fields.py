"""Points: adjustments by member services, of which a large one waits for a second person."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import strawberry

from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.fields import field, mutation
from membership.graph.kit.relay import (
    After,
    Connection,
    First,
    Keyset,
    Node,
    connection,
    global_id,
    key_of,
    node_loader,
)
from membership.graph.kit.scalars import Points
from membership.graph.operations.faults import bad_user_input
from membership.kernel.payment_cards import PaymentCardNumber
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.points import errors, store
from membership.points.model import Adjustment, AdjustmentId, AdjustmentState
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.model import ProgrammeId

describe_enum(
    AdjustmentState,
    "How far an adjustment has come.",
    {
        AdjustmentState.PENDING_APPROVAL: "It waits for a second person.",
        AdjustmentState.APPLIED: "The points were moved.",
        AdjustmentState.REJECTED: "It was declined; nothing was moved.",
    },
)

PENDING = Keyset("pending_adjustments", (UUID,))
"""Those that wait, the oldest first."""


@strawberry.type(description="Points given to or taken from a member by hand.")
class PointsAdjustment(Node):
    member_id: strawberry.ID = strawberry.field(description="The member.")
    points: Points = strawberry.field(description="How many; below zero when they are taken.")
    reason: str = strawberry.field(description="Why, in the words of who asked for it.")
    state: AdjustmentState = strawberry.field(description="How far it has come.")
    requested_by: str = strawberry.field(description="Who asked for it.")
    requested_at: datetime = strawberry.field(description="When.")
    decided_by: str | None = strawberry.field(description="The second person; null while there is none.")
    decided_at: datetime | None = strawberry.field(description="When that was.")
    decision_reason: str | None = strawberry.field(description="Why it was declined; null otherwise.")


@strawberry.input(description="Points to give or take.")
class AdjustPointsInput:
    idempotency_key: strawberry.ID = strawberry.field(description="Tells this request from every other.")
    member_id: strawberry.ID = strawberry.field(description="The member.")
    points: Points = strawberry.field(description="How many to give; below zero to take.")
    reason: str = strawberry.field(description="Why. Names of people do not belong here.")


@strawberry.input(description="An adjustment to agree to.")
class ApproveAdjustmentInput:
    idempotency_key: strawberry.ID = strawberry.field(description="Tells this request from every other.")
    adjustment_id: strawberry.ID = strawberry.field(description="The adjustment.")


@strawberry.input(description="An adjustment to decline.")
class RejectAdjustmentInput:
    idempotency_key: strawberry.ID = strawberry.field(description="Tells this request from every other.")
    adjustment_id: strawberry.ID = strawberry.field(description="The adjustment.")
    reason: str = strawberry.field(description="Why not.")


@strawberry.type(description="The adjustment as it stands after the request.")
class AdjustmentPayload:
    adjustment: PointsAdjustment = strawberry.field(description="The adjustment.")


DECISION_REFUSALS = (
    IdempotencyConflict,
    errors.UnknownAdjustment,
    errors.OwnAdjustment,
    errors.AdjustmentDecided,
    UnknownMember,
)


@strawberry.type
class PointsQuery:
    @field(description="Adjustments of the caller's programme that wait for a second person, the oldest first.")
    async def pending_adjustments(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[PointsAdjustment]:
        context = info.context
        programme_id, page = _programme_id(context), PENDING.page(first, after)
        (key,) = page.after
        async with context.reader() as conn:
            found = await store.list_pending_adjustments(
                conn,
                programme_id,
                after=AdjustmentId(key) if isinstance(key, UUID) else None,
                limit=page.size + 1,
            )
        return connection(found, page, PENDING, node=adjustment_node, key=_key)


@strawberry.type
class PointsMutation:
    @mutation(
        IdempotencyConflict,
        UnknownMember,
        errors.InvalidAdjustment,
        errors.ReasonMissing,
        PaymentCardNumber,
        errors.NotEnoughPoints,
        description="Give or take points: at once, or, if they are many, once a second person agrees.",
    )
    async def adjust_points(self, info: Info, input: AdjustPointsInput) -> AdjustmentPayload:  # noqa: A002
        context = info.context
        adjustment = await context.services.adjustments.request(
            context.actor,
            context.now,
            MembershipKey(MemberId(key_of(input.member_id, "Member")), _programme_id(context)),
            points=input.points,
            reason=input.reason,
            key=input.idempotency_key,
        )
        return AdjustmentPayload(adjustment=adjustment_node(adjustment))

    @mutation(
        *DECISION_REFUSALS,
        errors.NotEnoughPoints,
        description="Agree to an adjustment that somebody else asked for; its points are moved.",
    )
    async def approve_adjustment(self, info: Info, input: ApproveAdjustmentInput) -> AdjustmentPayload:  # noqa: A002
        context = info.context
        adjustment = await context.services.adjustments.approve(
            context.actor, context.now, _adjustment_id(input.adjustment_id), key=input.idempotency_key
        )
        return AdjustmentPayload(adjustment=adjustment_node(adjustment))

    @mutation(
        *DECISION_REFUSALS,
        errors.ReasonMissing,
        PaymentCardNumber,
        description="Decline an adjustment that somebody else asked for; nothing is moved.",
    )
    async def reject_adjustment(self, info: Info, input: RejectAdjustmentInput) -> AdjustmentPayload:  # noqa: A002
        context = info.context
        adjustment = await context.services.adjustments.reject(
            context.actor,
            context.now,
            _adjustment_id(input.adjustment_id),
            reason=input.reason,
            key=input.idempotency_key,
        )
        return AdjustmentPayload(adjustment=adjustment_node(adjustment))


@node_loader("PointsAdjustment")
async def load_adjustments(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        found = await store.list_adjustments_by_id(conn, keys)
    return {adjustment.adjustment_id: adjustment_node(adjustment) for adjustment in found}


def adjustment_node(adjustment: Adjustment) -> PointsAdjustment:
    return PointsAdjustment(
        id=global_id("PointsAdjustment", adjustment.adjustment_id),
        member_id=global_id("Member", adjustment.membership.member_id),
        points=Points(adjustment.points),
        reason=adjustment.reason,
        state=adjustment.state,
        requested_by=adjustment.requested_by,
        requested_at=adjustment.requested_at,
        decided_by=adjustment.decided_by,
        decided_at=adjustment.decided_at,
        decision_reason=adjustment.decision_reason,
    )


def _key(adjustment: Adjustment) -> tuple[UUID]:
    return (adjustment.adjustment_id,)


def _adjustment_id(value: strawberry.ID) -> AdjustmentId:
    return AdjustmentId(key_of(value, "PointsAdjustment"))


def _programme_id(context: RequestContext) -> ProgrammeId:
    if context.actor.programme_id is None:
        raise bad_user_input("The token names no programme.")
    return ProgrammeId(context.actor.programme_id)
