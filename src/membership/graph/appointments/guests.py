"""What a counter is told of the members whom it expects."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import strawberry

from membership.appointments.model import Appointment, AppointmentId, AppointmentState
from membership.appointments.rules.states import state_at
from membership.appointments.store import count_broken
from membership.gifts import store as gift_store
from membership.gifts.rules.waiting import wait_of
from membership.graph.kit.context import RequestContext
from membership.members import rules, store
from membership.members.model import ConsentPurpose, MemberId
from membership.postgres.transaction import Transaction
from membership.stores.model import ActivationLevel, Brand, ProgrammeId, Store
from membership.stores.rules import business_date
from membership.tiers.rules.standing import tier_on
from membership.tiers.store import list_records

MISSED_LATELY = timedelta(days=90)


@strawberry.type(
    description="What a counter is told of a member whom it expects: never what identifies them elsewhere. Beyond the "
    "initials it takes the member's consent to share data with the brand, and a brand that may use it."
)
class BoardGuest:
    name: str | None = strawberry.field(
        description="The name that the member chose, where the brand may use it, else its initials to greet with; null "
        "if the member gave none."
    )
    tier: str | None = strawberry.field(description="Code of the tier that holds today; null where that is not told.")
    gift_waits: bool = strawberry.field(description="Whether a gift waits here for the member, for this appointment.")
    missed: int = strawberry.field(
        description="How often in 90 days the member did not come or cancelled late, where the caller sees it."
    )


@dataclass(frozen=True, slots=True)
class GuestFacts:
    """`consents`: to share data with the brand that asks."""

    display_name: str | None
    consents: bool
    tier: str | None
    gift_waits: bool
    missed: int


def shown_guest(level: ActivationLevel, facts: GuestFacts) -> BoardGuest:
    """A TRADITIONAL brand uses no member data, a SELECTIVE one the name and an ACTIVE one the tier too, none of them
    without the member's consent. That a gift waits is no data about the member but work of the counter."""
    named = facts.consents and level is not ActivationLevel.TRADITIONAL
    initials = None if facts.display_name is None else rules.masked_name(facts.display_name)
    return BoardGuest(
        name=facts.display_name if named else initials,
        tier=facts.tier if facts.consents and level is ActivationLevel.ACTIVE else None,
        gift_waits=facts.gift_waits,
        missed=facts.missed,
    )


async def guests_of(
    context: RequestContext, appointments: Sequence[Appointment], *, brand: Brand, shop: Store
) -> Mapping[AppointmentId, BoardGuest]:
    """Who is expected, in five statements. Nothing is told of who is only looking (HELD) or has no card."""
    expected = [
        entry
        for entry in appointments
        if not entry.is_guest and state_at(entry, context.now) is not AppointmentState.HELD
    ]
    members = {entry.membership.member_id for entry in expected}
    missed = await _missed(context, members, brand.programme_id)
    async with context.services.database.engine(context.actor, context.now) as tx:
        known = await _known(context, tx, missed, brand=brand, shop=shop)
        waiting = await _waiting(tx, [entry.uid for entry in expected])
    return {
        entry.appointment_id: shown_guest(
            brand.activation_level,
            replace(known[entry.membership.member_id], gift_waits=entry.uid in waiting),
        )
        for entry in expected
    }


async def guest_of(
    context: RequestContext, member_id: MemberId, appointments: Sequence[Appointment], *, brand: Brand, shop: Store
) -> BoardGuest:
    """A member who stands at the counter, with the appointments that they have there."""
    missed = await _missed(context, {member_id}, brand.programme_id)
    async with context.services.database.engine(context.actor, context.now) as tx:
        known = await _known(context, tx, missed, brand=brand, shop=shop)
        waiting = await _waiting(tx, [entry.uid for entry in appointments])
    return shown_guest(brand.activation_level, replace(known[member_id], gift_waits=bool(waiting)))


async def _known(
    context: RequestContext, tx: Transaction, missed: Mapping[MemberId, int], *, brand: Brand, shop: Store
) -> Mapping[MemberId, GuestFacts]:
    """One entry for each member."""
    member_ids = missed.keys()
    people = await store.list_members(tx.conn, member_ids, keyring=context.services.keyring)
    consenting = await _consenting(tx, member_ids, brand)
    tiers = await _tiers(context, tx, brand.programme_id, consenting, shop)
    names = {member_id: person.profile.display_name for member_id, person in people.items()}
    return {
        member_id: GuestFacts(
            display_name=names.get(member_id),
            consents=member_id in consenting,
            tier=tiers.get(member_id),
            gift_waits=False,
            missed=missed[member_id],
        )
        for member_id in member_ids
    }


async def _missed(
    context: RequestContext, member_ids: Collection[MemberId], programme_id: ProgrammeId
) -> Mapping[MemberId, int]:
    """Held to what the caller may see: row-level security counts for an associate what was missed at the counter."""
    async with context.reader() as conn:
        return await count_broken(conn, member_ids, programme_id, since=context.now - MISSED_LATELY)


async def _consenting(tx: Transaction, member_ids: Collection[MemberId], brand: Brand) -> set[MemberId]:
    return {
        consent.membership.member_id
        for consent in await store.list_consents(tx.conn, member_ids)
        if consent.answer.purpose is ConsentPurpose.BRAND_SHARING
        and consent.answer.brand_id == brand.brand_id
        and consent.answer.granted
    }


async def _tiers(
    context: RequestContext, tx: Transaction, programme_id: ProgrammeId, member_ids: Collection[MemberId], shop: Store
) -> Mapping[MemberId, str]:
    ladders = await context.services.ladders.find(programme_id, context.now)
    if ladders is None or not member_ids:
        return {}
    today = business_date(shop, context.now)
    found = await list_records(tx.conn, programme_id, member_ids, ladders=ladders, today=today)
    return {member_id: tier_on(records.standing, today) for member_id, records in found.items()}


async def _waiting(tx: Transaction, uids: Collection[UUID]) -> set[UUID]:
    gifts = await gift_store.list_gifts_of_visits(tx.conn, uids)
    return {uid for uid, waiting in gifts.items() if any(wait_of(gift, tx.now) is not None for gift in waiting)}
