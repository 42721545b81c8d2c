"""The waitlist: the app joins, withdraws and answers offers; the counter sees who waits."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Annotated
from uuid import UUID

import strawberry

from membership.appointments import errors as appointments
from membership.appointments.model import ResourceId, ServiceId
from membership.campaigns import errors as campaigns
from membership.graph.kit.callers import find_own, membership_meant, own_membership
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.fields import field, mutation
from membership.graph.kit.relay import After, Connection, First, Keyset, connection, key_of
from membership.graph.operations.faults import bad_user_input
from membership.graph.tills.inputs import KEY
from membership.graph.waitlist.types import WaitlistEntry, entry_node, entry_nodes
from membership.members.errors import UnknownMember
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.model import CounterId
from membership.waitlist import errors, store
from membership.waitlist.model import Entry, EntryId, JoinWaitlist, Wish

MINE = Keyset("my_waitlist", (datetime, UUID))
"""A member's entries, the latest first."""
AT_COUNTER = Keyset("waitlist_at_counter", (datetime, UUID))
"""Who waits at a counter, the longest first."""

JOIN_REFUSALS = (
    IdempotencyConflict,
    UnknownMember,
    appointments.UnknownService,
    appointments.AssociateNotSkilled,
    appointments.TooEarlyToBook,
    appointments.BookingSuspended,
    campaigns.TooEarlyForTier,
    campaigns.BookingNotForTier,
    campaigns.BookingPaused,
    errors.WaitTooLong,
    errors.NothingToWaitFor,
    errors.WaitIsOver,
    errors.SlotFreeNow,
    errors.AlreadyWaiting,
    errors.TooManyWaiting,
)
STEP_REFUSALS = (IdempotencyConflict, UnknownMember, errors.UnknownWaitlistEntry, errors.WaitlistStepRefused)

_WHO = "Who waits; absent: the caller. Staff name the member."


@strawberry.input(description="When the member would come.")
class WaitlistWishInput:
    first_day: date = strawberry.field(description="The first day, by the opening of the store that begins on it.")
    last_day: date | None = strawberry.field(
        default=None, description="The last one, at most 14 days in all; absent: the first is the only one."
    )
    from_time: time | None = strawberry.field(
        default=None,
        description="From when on these days, by the store's clock; absent: from the opening. Where that "
        "lasts past midnight, a time before the cut-over is past midnight too.",
    )
    until_time: time | None = strawberry.field(
        default=None,
        description="Until when, all of the appointment, read as `fromTime` is; absent: to the closing. If not after "
        "`fromTime`, it is of the date after.",
    )

    def to_model(self) -> Wish:
        return Wish(self.first_day, self.last_day or self.first_day, self.from_time, self.until_time)


@strawberry.input(description="A member who wants to wait for a place.")
class JoinWaitlistInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    service_id: strawberry.ID = strawberry.field(description="What for.")
    wish: WaitlistWishInput = strawberry.field(description="When.")
    associate_id: strawberry.ID | None = strawberry.field(
        default=None, description="Who has to serve; absent: whoever is free."
    )
    member_id: strawberry.ID | None = strawberry.field(default=None, description=_WHO)

    def to_model(self) -> JoinWaitlist:
        associate = None if self.associate_id is None else ResourceId(key_of(self.associate_id, "Associate"))
        return JoinWaitlist(ServiceId(key_of(self.service_id, "Service")), self.wish.to_model(), associate)


@strawberry.input(description="An entry of the waitlist, and what is answered.")
class WaitlistEntryInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    entry_id: strawberry.ID = strawberry.field(description="The entry.")

    def key(self) -> EntryId:
        return EntryId(key_of(self.entry_id, "WaitlistEntry"))


@strawberry.type(description="The member waits.")
class JoinWaitlistPayload:
    entry: WaitlistEntry = strawberry.field(description="The entry.")


@strawberry.type(description="The member waits no longer.")
class WithdrawFromWaitlistPayload:
    entry: WaitlistEntry = strawberry.field(description="The entry as it ended.")


@strawberry.type(description="The place is booked.")
class AcceptWaitlistOfferPayload:
    entry: WaitlistEntry = strawberry.field(
        description="The entry. Its offer's appointment is CONFIRMED, or PENDING where the brand has to accept it."
    )


@strawberry.type(description="The place went to the next who waits.")
class DeclineWaitlistOfferPayload:
    entry: WaitlistEntry = strawberry.field(description="The entry as it ended.")


@strawberry.type
class WaitlistQuery:
    @field(description="What the caller waits for and was offered, the latest first.")
    async def my_waitlist(self, info: Info, first: First = None, after: After = None) -> Connection[WaitlistEntry]:
        context, page = info.context, MINE.page(first, after)

        async def find() -> list[Entry]:
            async with context.reader() as conn:
                return await store.list_member_entries(
                    conn, own_membership(context), before=_place(page.after), limit=page.size + 1
                )

        found = await find_own(context, find)
        nodes = _by_id(found, await entry_nodes(context, found))
        return connection(found, page, MINE, node=lambda entry: nodes[entry.entry_id], key=_key)

    @field(
        description="Who waits or has an offer at the caller's counter, or at one that is named by a token without a "
        "counter; the longest waiting first."
    )
    async def waitlist_at_counter(
        self,
        info: Info,
        counter_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The counter; absent: the caller's.")
        ] = None,
        first: First = None,
        after: After = None,
    ) -> Connection[WaitlistEntry]:
        context, page = info.context, AT_COUNTER.page(first, after)
        counter = _counter(context, counter_id)
        async with context.reader() as conn:
            found = await store.list_counter_entries(
                conn, counter, context.now, after=_place(page.after), limit=page.size + 1
            )
        nodes = _by_id(found, await entry_nodes(context, found))
        return connection(found, page, AT_COUNTER, node=lambda entry: nodes[entry.entry_id], key=_key)


@strawberry.type
class WaitlistMutation:
    @mutation(
        *JOIN_REFUSALS,
        description="Wait for a place with a service that is full. What comes free is kept for whose turn it is: by "
        "tier, then by time.",
    )
    async def join_waitlist(self, info: Info, input: JoinWaitlistInput) -> JoinWaitlistPayload:  # noqa: A002
        context = info.context
        entry = await context.services.waitlist.join(
            context.actor,
            context.now,
            membership_meant(context, input.member_id),
            input.to_model(),
            key=input.idempotency_key,
        )
        return JoinWaitlistPayload(entry=await entry_node(context, entry))

    @mutation(*STEP_REFUSALS, description="Wait no longer.")
    async def withdraw_from_waitlist(
        self,
        info: Info,
        input: WaitlistEntryInput,  # noqa: A002
    ) -> WithdrawFromWaitlistPayload:
        context = info.context
        entry = await context.services.waitlist.withdraw(
            context.actor, context.now, input.key(), key=input.idempotency_key
        )
        return WithdrawFromWaitlistPayload(entry=await entry_node(context, entry))

    @mutation(*STEP_REFUSALS, errors.WaitlistOfferLapsed, description="Book the place that is kept for the member.")
    async def accept_waitlist_offer(
        self,
        info: Info,
        input: WaitlistEntryInput,  # noqa: A002
    ) -> AcceptWaitlistOfferPayload:
        context = info.context
        entry = await context.services.waitlist.accept(
            context.actor, context.now, input.key(), key=input.idempotency_key
        )
        return AcceptWaitlistOfferPayload(entry=await entry_node(context, entry))

    @mutation(
        *STEP_REFUSALS,
        errors.WaitlistOfferLapsed,
        description="Leave the place that is kept for the member to the next.",
    )
    async def decline_waitlist_offer(
        self,
        info: Info,
        input: WaitlistEntryInput,  # noqa: A002
    ) -> DeclineWaitlistOfferPayload:
        context = info.context
        entry = await context.services.waitlist.decline(
            context.actor, context.now, input.key(), key=input.idempotency_key
        )
        return DeclineWaitlistOfferPayload(entry=await entry_node(context, entry))


def _counter(context: RequestContext, counter_id: strawberry.ID | None) -> CounterId:
    """The one that is asked about: who does not serve there is shown nothing of it."""
    if counter_id is not None:
        return CounterId(key_of(counter_id, "Counter"))
    if context.actor.counter_id is None:
        raise bad_user_input("`counterId` is needed: the token names no counter.")
    return CounterId(context.actor.counter_id)


def _place(after: Sequence[object]) -> tuple[datetime | None, EntryId | None]:
    joined_at, entry_id = after
    return (
        joined_at if isinstance(joined_at, datetime) else None,
        EntryId(entry_id) if isinstance(entry_id, UUID) else None,
    )


def _by_id(entries: Sequence[Entry], nodes: Sequence[WaitlistEntry]) -> dict[EntryId, WaitlistEntry]:
    return dict(zip((entry.entry_id for entry in entries), nodes, strict=True))


def _key(entry: Entry) -> tuple[datetime, UUID]:
    return entry.joined_at, entry.entry_id
