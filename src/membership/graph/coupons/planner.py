"""Coupons for planners: codes to be printed or sent, and how far an offer has been issued to everybody."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry

from membership.coupons import errors, store
from membership.coupons.codes import MOST_IMPORTED
from membership.coupons.issuing import count_members
from membership.coupons.model import CodeBatch, IssueRun, Offer, OfferId, OfferState
from membership.graph.coupons.fields import KEY
from membership.graph.kit.context import Info
from membership.graph.kit.cost import weighing
from membership.graph.kit.fields import field, mutation
from membership.graph.kit.relay import After, Connection, First, Keyset, connection, global_id, key_of, rows_in_memory
from membership.graph.operations.faults import bad_user_input
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.model import ProgrammeId

ISSUES = Keyset("coupon_issues", (str,))
"""Offers of a campaign by code."""
CODE_REFUSALS = (IdempotencyConflict, errors.UnknownOffer, errors.WrongChannel, errors.TooManyCodes)


@strawberry.type(description="An offer of a campaign, and how far it has been issued.")
class CouponIssueProgress:
    offer_id: strawberry.ID = strawberry.field(description="For having codes made.")
    offer: str = strawberry.field(description="The offer's code in the campaign.")
    state: OfferState = strawberry.field(description="Whether it issues.")
    quota: int | None = strawberry.field(description="How many there are in all; null without a quota.")
    issued: int = strawberry.field(
        description="How many were issued: to everybody in runs, else against the quota (0 without one)."
    )
    looked_at: int | None = strawberry.field(description="Members looked at in this pass; null without a run.")
    members: int | None = strawberry.field(description="Members that a pass looks at; null without a run.")
    changed_at: datetime | None = strawberry.field(description="When the run went on last.")
    finished_at: datetime | None = strawberry.field(description="When the latest whole pass ended; null before.")
    next_at: datetime | None = strawberry.field(description="When it goes on or looks again; null: never.")


@strawberry.input(description="How many codes to make, for which offer.")
class GenerateCouponCodesInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    offer_id: strawberry.ID = strawberry.field(description="The offer: one that is issued by code.")
    count: int = strawberry.field(description="How many.")


@strawberry.input(description="Codes that exist already, such as printed ones.")
class ImportCouponCodesInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    offer_id: strawberry.ID = strawberry.field(description="The offer: one that is issued by code.")
    file: str = strawberry.field(description=f"One code a line, {MOST_IMPORTED} at most.")


@strawberry.type(description="Codes that were made.")
class GenerateCouponCodesPayload:
    batch_id: strawberry.ID = strawberry.field(description="The batch, for the audit trail.")
    count: int = strawberry.field(description="How many there are.")
    file: str = strawberry.field(
        description="One code a line. They are not stored: keep them, or repeat this very request."
    )


@strawberry.type(description="Codes that were taken in.")
class ImportCouponCodesPayload:
    batch_id: strawberry.ID = strawberry.field(description="The batch, for the audit trail.")
    count: int = strawberry.field(description="How many there were.")


@dataclass(frozen=True, slots=True)
class _Issue:
    offer: Offer
    run: IssueRun | None
    members: int


@strawberry.type
class CouponsPlannerQuery:
    @field(description="Coupon offers of a campaign of the caller's programme, and how far each has been issued.")
    async def coupon_issues(
        self,
        info: Info,
        campaign: Annotated[str, strawberry.argument(description="The campaign's code.")],
        first: First = None,
        after: After = None,
    ) -> Connection[CouponIssueProgress]:
        context, page = info.context, ISSUES.page(first, after)
        programme_id = context.actor.programme_id
        if programme_id is None:
            raise bad_user_input("The token names no programme.")
        async with context.reader() as conn:
            offers = await store.list_offers_of_campaign(conn, campaign, ProgrammeId(programme_id))
            runs = await store.list_issue_runs(conn, [offer.offer_id for offer in offers])
        members = await count_members(context.services.database, context.actor, context.now) if runs else 0
        issues = [_Issue(offer, runs.get(offer.offer_id), members) for offer in offers]
        rows = rows_in_memory(issues, page, key=_key)
        return connection(rows, page, ISSUES, node=_view, key=_key)


@strawberry.type
class CouponsPlannerMutation:
    @mutation(
        *CODE_REFUSALS,
        description="Make codes for an offer. Each gives one coupon to whoever enters it first.",
        directives=weighing(1_000),
    )
    async def generate_coupon_codes(
        self,
        info: Info,
        input: GenerateCouponCodesInput,  # noqa: A002
    ) -> GenerateCouponCodesPayload:
        context = info.context
        batch = await context.services.coupon_codes.generate(
            context.actor, context.now, _offer_id(input.offer_id), count=input.count, key=input.idempotency_key
        )
        return GenerateCouponCodesPayload(batch_id=_batch_id(batch), count=len(batch.codes), file=_file(batch))

    @mutation(
        *CODE_REFUSALS,
        errors.UnusableCode,
        errors.CodeTaken,
        description="Take in codes that exist already: all of a file, or none.",
        directives=weighing(500),
    )
    async def import_coupon_codes(
        self,
        info: Info,
        input: ImportCouponCodesInput,  # noqa: A002
    ) -> ImportCouponCodesPayload:
        context = info.context
        batch = await context.services.coupon_codes.take_in(
            context.actor,
            context.now,
            _offer_id(input.offer_id),
            given=tuple(line.strip() for line in input.file.splitlines() if line.strip()),
            key=input.idempotency_key,
        )
        return ImportCouponCodesPayload(batch_id=_batch_id(batch), count=len(batch.codes))


def _view(issue: _Issue) -> CouponIssueProgress:
    offer, run = issue.offer, issue.run
    return CouponIssueProgress(
        offer_id=global_id("CouponOffer", offer.offer_id),
        offer=offer.code,
        state=offer.state,
        quota=None if offer.quota is None else int(offer.quota),
        issued=int(offer.issued if run is None else run.issued),
        looked_at=None if run is None else int(run.looked_at),
        members=None if run is None else int(issue.members),
        changed_at=None if run is None else run.changed_at,
        finished_at=None if run is None else run.finished_at,
        next_at=None if run is None else run.next_at,
    )


def _key(issue: _Issue) -> tuple[str]:
    return (issue.offer.code,)


def _file(batch: CodeBatch) -> str:
    return "\n".join(batch.codes)


def _batch_id(batch: CodeBatch) -> strawberry.ID:
    return strawberry.ID(str(batch.batch_id))


def _offer_id(value: strawberry.ID) -> OfferId:
    return OfferId(key_of(value, "CouponOffer"))
