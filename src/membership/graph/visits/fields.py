"""Visits: found, held, booked, extended, moved and cancelled as one; a member's, and those of a day in a store."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import strawberry

from membership.appointments import errors as appointments
from membership.appointments.model import Period
from membership.graph.kit.callers import find_own, membership_meant, own_membership
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import many, weighing
from membership.graph.kit.errors import as_part, part_type
from membership.graph.kit.fields import field, mutation, query
from membership.graph.kit.relay import After, Connection, First, Keyset, Page, connection, key_of
from membership.graph.operations.faults import bad_user_input
from membership.graph.visits.inputs import (
    SEARCH,
    SEARCH_OF_A_STOP,
    AddToVisitInput,
    CancelVisitInput,
    ConfirmVisitInput,
    MakeVisitInput,
    MoveVisitInput,
    VisitMovesInput,
    VisitWishInput,
    visit_key,
)
from membership.graph.visits.types import Visit, VisitProposal, proposal_nodes, visit_nodes
from membership.kernel.payment_cards import PaymentCardNumber
from membership.members.errors import UnknownMember
from membership.members.model import MemberId
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.errors import UnknownStore
from membership.stores.model import Store, StoreId
from membership.stores.rules import business_date, business_day_ends, business_day_starts
from membership.stores.service import Directory
from membership.visits import errors, store
from membership.visits.errors import UnavailableStop
from membership.visits.model import MOST_PROPOSALS, MOST_STOPS, Made, Proposals, VisitRecord
from membership.visits.store import Position

VISITS = Keyset("visits", (datetime, UUID))
"""A member's, the one that begins last first."""
OF_DAY = Keyset("visits_of_day", (datetime, UUID))
"""Of a day in a store, by their first stop of that day."""

FIND_REFUSALS = (
    UnknownMember,
    appointments.UnknownService,
    errors.VisitOutOfBounds,
    errors.VisitInSeveralStores,
)
KEEP_REFUSALS = (
    IdempotencyConflict,
    *FIND_REFUSALS,
    errors.VisitPartlyUnavailable,
    # By the constraint alone, where no lock is common: see appointments.holding.
    appointments.MemberElsewhere,
)
CHANGE_REFUSALS = (IdempotencyConflict, UnknownMember, errors.UnknownVisit)


@strawberry.type(description="Visits that could be booked.")
class VisitProposalsPayload:
    proposals: list[VisitProposal] = strawberry.field(
        description="The best first: less time between the stops, then the earlier, then less walking. Of those that "
        "begin at the same time only the best, and of several days none fills the list while others have something.",
        directives=many(MOST_PROPOSALS),
    )
    complete: bool = strawberry.field(
        description="Whether every possibility was looked at. With many stops on many days there may be a better one."
    )
    why_none: str | None = strawberry.field(
        description="Where there are no proposals, why, and what to do about it; otherwise null."
    )
    unavailable: list[part_type(UnavailableStop)] = strawberry.field(  # type: ignore[valid-type]
        description="Where there are no proposals, the stops that cannot be had then even by themselves, and why. "
        "None: each can, but not all of them together.",
        directives=many(MOST_STOPS),
    )


@strawberry.type(description="A visit that was made.")
class MakeVisitPayload:
    visit: Visit = strawberry.field(description="The visit.")
    missing: list[part_type(UnavailableStop)] = strawberry.field(  # type: ignore[valid-type]
        description="With BEST_EFFORT, the stops that could not be had, and what would fit instead.",
        directives=many(MOST_STOPS),
    )


@strawberry.type(description="A visit that was changed.")
class ChangeVisitPayload:
    visit: Visit = strawberry.field(description="The visit as it is now.")


@strawberry.type
class VisitsQuery:
    @query(
        *FIND_REFUSALS,
        description="Find visits of several stops that can be booked now, in one look at what is free.",
        directives=weighing(SEARCH),
    )
    async def visit_proposals(
        self,
        info: Info,
        wish: Annotated[VisitWishInput, strawberry.argument(description="What is wanted.")],
        for_member: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="For staff: the member who wants to come. Members ask for themselves."),
        ] = None,
    ) -> VisitProposalsPayload:
        context = info.context
        found = await context.services.visits.propose(
            context.actor, context.now, membership_meant(context, for_member), wish.to_model()
        )
        return await _proposed(context, found)

    @query(
        errors.UnknownVisit,
        errors.VisitStepRefused,
        errors.VisitOutOfBounds,
        appointments.UnknownService,
        description="Other times for the stops of a visit that can still be moved, all of them together, as "
        "`moveVisit` takes them now. They may overlap with the present times, and a stop may be proposed where it is, "
        "but not all of them.",
        directives=weighing(SEARCH + MOST_STOPS * SEARCH_OF_A_STOP),
    )
    async def visit_moves(
        self,
        info: Info,
        visit_id: Annotated[strawberry.ID, strawberry.argument(description="The visit.")],
        wish: Annotated[VisitMovesInput, strawberry.argument(description="When.")],
    ) -> VisitProposalsPayload:
        context = info.context
        found = await context.services.visits.propose_moves(
            context.actor, context.now, visit_key(visit_id), wish.bounds(), same_associates=wish.same_associates
        )
        return await _proposed(context, found)

    @field(description="One visit; null if there is none that the caller may see.")
    async def visit(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],  # noqa: A002
    ) -> Visit | None:
        context, wanted = info.context, visit_key(id)

        async def find() -> list[Visit]:
            async with context.reader() as conn:
                records = await store.list_records(conn, [wanted])
            return await visit_nodes(context, records)

        return next(iter(await find_own(context, find)), None)

    @field(description="The caller's own visits, the one that begins last first.")
    async def my_visits(self, info: Info, first: First = None, after: After = None) -> Connection[Visit]:
        context, page = info.context, VISITS.page(first, after)
        return await find_own(
            context,
            lambda: _of_member(context, own_membership(context).member_id, page),
            is_missing=lambda found: not found.nodes,
        )

    @field(description="A member's visits, as far as the caller may see them, the one that begins last first.")
    async def member_visits(
        self,
        info: Info,
        member_id: Annotated[strawberry.ID, strawberry.argument(description="The member.")],
        first: First = None,
        after: After = None,
    ) -> Connection[Visit]:
        page = VISITS.page(first, after)
        return await _of_member(info.context, MemberId(key_of(member_id, "Member")), page)

    @field(description="The visits with a stop on a business day in a store, as far as the caller may see them.")
    async def visits_of_day(
        self,
        info: Info,
        store_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The store; that of the token if absent.")
        ] = None,
        day: Annotated[date | None, strawberry.argument(description="The business day; today if absent.")] = None,
        first: First = None,
        after: After = None,
    ) -> Connection[Visit]:
        context, page = info.context, OF_DAY.page(first, after)
        shop = _store_meant(context, await context.directory(), store_id)
        on = business_date(shop, context.now) if day is None else day
        window = Period(business_day_starts(shop, on), business_day_ends(shop, on))
        async with context.reader() as conn:
            found = await store.list_records_of_store(
                conn, shop.store_id, window, after=_position(page), limit=page.size + 1
            )
        return await _connection(context, found, page, OF_DAY)


@strawberry.type
class VisitsMutation:
    @mutation(
        *KEEP_REFUSALS,
        PaymentCardNumber,
        description="Keep the stops of a visit for five minutes, all of them or none.",
    )
    async def hold_visit(self, info: Info, input: MakeVisitInput) -> MakeVisitPayload:  # noqa: A002
        context = info.context
        made = await context.services.visits.hold(
            context.actor,
            context.now,
            membership_meant(context, input.member_id),
            input.to_model(),
            mode=input.mode,
            note=input.checked_note(),
            key=input.idempotency_key,
        )
        return await _made(context, made)

    @mutation(*KEEP_REFUSALS, PaymentCardNumber, description="Book a visit at once, all of its stops or none.")
    async def book_visit(self, info: Info, input: MakeVisitInput) -> MakeVisitPayload:  # noqa: A002
        context = info.context
        made = await context.services.visits.book(
            context.actor,
            context.now,
            membership_meant(context, input.member_id),
            input.to_model(),
            mode=input.mode,
            note=input.checked_note(),
            key=input.idempotency_key,
        )
        return await _made(context, made)

    @mutation(
        *CHANGE_REFUSALS,
        errors.VisitStepRefused,
        appointments.HoldExpired,
        description="Book whatever of a visit is held, all of it or nothing.",
    )
    async def confirm_visit(self, info: Info, input: ConfirmVisitInput) -> ChangeVisitPayload:  # noqa: A002
        context = info.context
        made = await context.services.visits.confirm(
            context.actor, context.now, visit_key(input.visit_id), key=input.idempotency_key
        )
        return await _changed(context, made)

    @mutation(
        *KEEP_REFUSALS,
        errors.UnknownVisit,
        errors.VisitStepRefused,
        description="Further stops for a visit: kept like the others while it is only held, otherwise booked.",
    )
    async def add_to_visit(self, info: Info, input: AddToVisitInput) -> MakeVisitPayload:  # noqa: A002
        context = info.context
        made = await context.services.visits.add(
            context.actor,
            context.now,
            visit_key(input.visit_id),
            input.to_model(),
            mode=input.mode,
            key=input.idempotency_key,
        )
        return await _made(context, made)

    @mutation(
        *KEEP_REFUSALS,
        errors.UnknownVisit,
        appointments.UnknownAppointment,
        appointments.AppointmentStepRefused,
        description="Move stops of a visit, all that are named or none: refused, everything stays as it was.",
    )
    async def move_visit(self, info: Info, input: MoveVisitInput) -> ChangeVisitPayload:  # noqa: A002
        context = info.context
        made = await context.services.visits.move(
            context.actor, context.now, visit_key(input.visit_id), input.to_model(), key=input.idempotency_key
        )
        return await _changed(context, made)

    @mutation(
        *CHANGE_REFUSALS,
        errors.VisitStepRefused,
        appointments.UnknownAppointment,
        appointments.AppointmentStepRefused,
        appointments.AppointmentLeftToStaff,
        description="Cancel a visit, or some of its stops. Past its free time a stop is cancelled too, and marked.",
    )
    async def cancel_visit(self, info: Info, input: CancelVisitInput) -> ChangeVisitPayload:  # noqa: A002
        context = info.context
        made = await context.services.visits.cancel(
            context.actor,
            context.now,
            visit_key(input.visit_id),
            stops=input.keys(),
            members_wish=input.members_wish,
            key=input.idempotency_key,
        )
        return await _changed(context, made)


async def _proposed(context: RequestContext, found: Proposals) -> VisitProposalsPayload:
    return VisitProposalsPayload(
        proposals=await proposal_nodes(context, found.found),
        complete=found.complete,
        why_none=found.why_none,
        unavailable=[as_part(entry) for entry in found.unavailable],
    )


async def _made(context: RequestContext, made: Made) -> MakeVisitPayload:
    [visit] = await visit_nodes(context, [made.record])
    return MakeVisitPayload(visit=visit, missing=[as_part(entry) for entry in made.missing])


async def _changed(context: RequestContext, made: Made) -> ChangeVisitPayload:
    [visit] = await visit_nodes(context, [made.record])
    return ChangeVisitPayload(visit=visit)


def _store_meant(context: RequestContext, directory: Directory, store_id: strawberry.ID | None) -> Store:
    named = context.actor.store_id if store_id is None else key_of(store_id, "Store")
    if named is None:
        raise bad_user_input("`storeId` is needed: the token names no store.")
    try:
        return directory.store(StoreId(named))
    except UnknownStore:
        raise bad_user_input("`storeId` names no store.") from None


def _position(page: Page) -> Position:
    begins_at, visit_id = page.after
    return (
        begins_at if isinstance(begins_at, datetime) else None,
        visit_id if isinstance(visit_id, UUID) else None,
    )


async def _of_member(context: RequestContext, member_id: MemberId, page: Page) -> Connection[Visit]:
    async with context.reader() as conn:
        found = await store.list_records_of_member(conn, member_id, before=_position(page), limit=page.size + 1)
    return await _connection(context, found, page, VISITS)


async def _connection(
    context: RequestContext, found: list[tuple[datetime, VisitRecord]], page: Page, keyset: Keyset
) -> Connection[Visit]:
    nodes = await visit_nodes(context, [record for _, record in found])
    by_id = {record.visit.visit_id: node for (_, record), node in zip(found, nodes, strict=True)}
    return connection(
        found,
        page,
        keyset,
        node=lambda row: by_id[row[1].visit.visit_id],
        key=lambda row: (row[0], row[1].visit.visit_id),
    )
