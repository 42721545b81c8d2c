"""Tiers: what a member was granted, grants by hand, and the review that staff may run."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import strawberry

from membership.graph.kit.callers import find_own, membership_meant
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import weighing
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
from membership.graph.operations.faults import bad_user_input
from membership.members.errors import UnknownMember
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.errors import UnknownProgramme
from membership.tiers import errors, store
from membership.tiers.jobs import review_due
from membership.tiers.model import GrantId, HandReason, RecordedGrant, Rescission, Source

describe_enum(
    Source,
    "How a grant came about.",
    {
        Source.QUALIFIED: "Spend, visits or points met a criterion.",
        Source.RANKED: "The member was among the best of a period.",
        Source.MANUAL: "Member services gave it.",
        Source.MERGED: "Kept when two members became one.",
    },
)
describe_enum(
    HandReason,
    "Why member services give a tier.",
    {
        HandReason.GOODWILL: "To be kind.",
        HandReason.SERVICE_RECOVERY: "To make up for something that went wrong.",
        HandReason.STATUS_MATCH: "The member holds the like of it elsewhere.",
        HandReason.CORRECTION: "What should have been counted was not.",
    },
)
describe_enum(
    Rescission,
    "Why a grant was taken back.",
    {
        Rescission.SPEND_RETURNED: "What it rested on was returned.",
        Rescission.SUPERSEDED: "Another day or tier took its place; the member lost nothing.",
        Rescission.BY_HAND: "Member services took it back.",
        Rescission.MERGED: "The member was merged into another, who has it now.",
    },
)

GRANTS = Keyset("tier_grants", (UUID,))
"""The latest first."""


@strawberry.type(description="A tier given to a member, for a time.")
class TierGrant(Node):
    member_id: strawberry.ID = strawberry.field(description="The member.")
    tier: str = strawberry.field(description="Code of the tier.")
    source: Source = strawberry.field(description="How it came about.")
    criterion: str = strawberry.field(description="Code of the criterion that was met, or of the reason by hand.")
    qualified_on: date = strawberry.field(description="The business day on which it was earned.")
    starts_on: date = strawberry.field(description="The first day with it.")
    ends_on: date = strawberry.field(
        description="The first day without it, as it was known when granted. What is held, and until when: `tier`."
    )
    granted_at: datetime = strawberry.field(description="When it was recorded.")
    rescinded_at: datetime | None = strawberry.field(description="When it was taken back; null while it stands.")
    rescinded_because: Rescission | None = strawberry.field(description="Why.")


@strawberry.input(description="A tier to give by hand.")
class GrantTierInput:
    idempotency_key: strawberry.ID = strawberry.field(description="Tells this request from every other.")
    member_id: strawberry.ID = strawberry.field(description="The member.")
    tier: str = strawberry.field(description="Code of the tier.")
    ends_on: date = strawberry.field(description="The first day without it.")
    reason: HandReason = strawberry.field(description="Why.")


@strawberry.input(description="A grant by hand to take back.")
class EndTierGrantInput:
    idempotency_key: strawberry.ID = strawberry.field(description="Tells this request from every other.")
    grant_id: strawberry.ID = strawberry.field(description="The grant.")


@strawberry.input(description="Whose tiers to review.")
class RunTierReviewInput:
    programme: str = strawberry.field(description="The programme's code.")


@strawberry.type(description="The tier that was given.")
class GrantTierPayload:
    grant: TierGrant = strawberry.field(description="The grant.")


@strawberry.type(description="The grant as it ended.")
class EndTierGrantPayload:
    grant: TierGrant = strawberry.field(description="The grant.")


@strawberry.type(description="What one batch of the review came to. Run it again while `lookedAt` is not 0.")
class RunTierReviewPayload:
    looked_at: int = strawberry.field(description="Members of the batch.")
    warned: int = strawberry.field(description="Warned that their tier ends.")
    kept: int = strawberry.field(description="Warned before, and have kept it.")
    stepped_down: int = strawberry.field(description="Went one step down.")


@strawberry.type
class TiersQuery:
    @field(
        description="What a member was granted in the programme of the token, the latest first; "
        "nothing for a member whom the caller may not see."
    )
    async def tier_grants(
        self,
        info: Info,
        member_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The member; without it, the caller.")
        ] = None,
        first: First = None,
        after: After = None,
    ) -> Connection[TierGrant]:
        page = GRANTS.page(first, after)
        (key,) = page.after
        if info.context.actor.programme_id is None:
            raise bad_user_input("The token names no programme.")
        before = GrantId(key) if isinstance(key, UUID) else None

        async def find() -> list[RecordedGrant]:
            membership = membership_meant(info.context, member_id)
            async with info.context.reader() as conn:
                return await store.list_grants(conn, membership, after=before, limit=page.size + 1)

        return connection(await find_own(info.context, find), page, GRANTS, node=grant_node, key=_key)


@strawberry.type
class TiersMutation:
    @mutation(
        IdempotencyConflict,
        UnknownMember,
        errors.UnknownTier,
        errors.TierNotGivenByHand,
        errors.TierTermOutOfRange,
        errors.TierAlreadyHeld,
        errors.TierGivenToday,
        description="Give a member a tier from today on. Whatever else justifies one counts beside it.",
    )
    async def grant_tier(self, info: Info, input: GrantTierInput) -> GrantTierPayload:  # noqa: A002
        context = info.context
        recorded = await context.services.hand_grants.give(
            context.actor,
            context.now,
            membership_meant(context, input.member_id),
            tier=input.tier,
            ends_on=input.ends_on,
            reason=input.reason,
            key=input.idempotency_key,
        )
        return GrantTierPayload(grant=grant_node(recorded))

    @mutation(
        IdempotencyConflict,
        UnknownMember,
        errors.UnknownTierGrant,
        description="Take a grant by hand back. The member stands at once as if it had never been given.",
    )
    async def end_tier_grant(self, info: Info, input: EndTierGrantInput) -> EndTierGrantPayload:  # noqa: A002
        context = info.context
        grant_id = GrantId(key_of(input.grant_id, "TierGrant"))
        recorded = await context.services.hand_grants.take_back(
            context.actor, context.now, grant_id, key=input.idempotency_key
        )
        return EndTierGrantPayload(grant=grant_node(recorded))

    @mutation(
        UnknownProgramme,
        description="Review the tiers that end: warn, keep, or step down by one. The worker does so every hour; "
        "running it as well changes nothing but the time.",
        directives=weighing(1_000),
    )
    async def run_tier_review(self, info: Info, input: RunTierReviewInput) -> RunTierReviewPayload:  # noqa: A002
        context, services = info.context, info.context.services
        directory = await context.directory()
        programme = directory.find_programme_by_code(input.programme)
        if programme is None or context.actor.programme_id not in (None, programme.programme_id):
            raise UnknownProgramme(input.programme)
        today = directory.earliest_business_date(programme.programme_id, context.now)
        if today is None:
            return RunTierReviewPayload(looked_at=0, warned=0, kept=0, stepped_down=0)
        run = await review_due(
            services.database,
            context.actor,
            context.now,
            programme_id=programme.programme_id,
            ladders=await services.ladders.ladders(programme.programme_id, context.now),
            today=today,
            new_id=services.new_id,
        )
        return RunTierReviewPayload(
            looked_at=run.looked_at, warned=run.warned, kept=run.kept, stepped_down=run.stepped_down
        )


@node_loader("TierGrant")
async def load_grants(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        found = await store.list_grants_by_id(conn, keys)
    return {recorded.grant.grant_id: grant_node(recorded) for recorded in found.values()}


def grant_node(recorded: RecordedGrant) -> TierGrant:
    grant = recorded.grant
    return TierGrant(
        id=global_id("TierGrant", grant.grant_id),
        member_id=global_id("Member", recorded.membership.member_id),
        tier=grant.tier,
        source=grant.source,
        criterion=grant.criterion,
        qualified_on=grant.qualified_on,
        starts_on=grant.starts_on,
        ends_on=grant.ends_on,
        granted_at=recorded.granted_at,
        rescinded_at=recorded.rescinded_at,
        rescinded_because=recorded.rescinded_because,
    )


def _key(recorded: RecordedGrant) -> tuple[UUID]:
    return (recorded.grant.grant_id,)
