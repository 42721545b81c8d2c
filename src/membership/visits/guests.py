"""What is known of members whom a counter expects, or has before it; what of that it is told is decided where it is
shown."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from membership.appointments.model import Appointment, AppointmentId, AppointmentState
from membership.appointments.rules.states import state_at
from membership.appointments.store import count_broken
from membership.gifts import store as gift_store
from membership.gifts.rules.waiting import wait_of
from membership.kernel.actor import Actor
from membership.members import store
from membership.members.keyring import Keyring
from membership.members.model import ConsentPurpose, MemberId
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction
from membership.stores.model import Brand, ProgrammeId, Store
from membership.stores.rules import business_date
from membership.tiers.rules.standing import tier_on
from membership.tiers.service import LadderCache
from membership.tiers.store import list_records

MISSED_LATELY = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class GuestFacts:
    """`consents`: to share data with the brand that asks."""

    display_name: str | None
    consents: bool
    tier: str | None
    gift_waits: bool
    missed: int


@dataclass(frozen=True, slots=True)
class Guests:
    """One per process. A use case: consents and gifts of a member are of the whole house, and a counter is told no row
    of them, only what follows for it. That the board or the counter is the caller's, `check_board` has said."""

    database: Database
    ladders: LadderCache
    keyring: Keyring

    async def expected(
        self, actor: Actor, now: datetime, appointments: Sequence[Appointment], *, brand: Brand, shop: Store
    ) -> Mapping[AppointmentId, GuestFacts]:
        """In five statements. Nothing is known of who is only looking (HELD) or has no card."""
        expected = [
            entry for entry in appointments if not entry.is_guest and state_at(entry, now) is not AppointmentState.HELD
        ]
        members = {entry.membership.member_id for entry in expected}
        missed = await self._missed(actor, now, members, brand.programme_id)
        async with self.database.engine(actor, now) as tx:
            known = await self._known(tx, missed, brand=brand, shop=shop)
            waiting = await _waiting(tx, [entry.uid for entry in expected])
        return {
            entry.appointment_id: replace(known[entry.membership.member_id], gift_waits=entry.uid in waiting)
            for entry in expected
        }

    async def present(
        self,
        actor: Actor,
        now: datetime,
        member_id: MemberId,
        appointments: Sequence[Appointment],
        *,
        brand: Brand,
        shop: Store,
    ) -> GuestFacts:
        """Of a member who stands at the counter, with the appointments that they have there."""
        missed = await self._missed(actor, now, {member_id}, brand.programme_id)
        async with self.database.engine(actor, now) as tx:
            known = await self._known(tx, missed, brand=brand, shop=shop)
            waiting = await _waiting(tx, [entry.uid for entry in appointments])
        return replace(known[member_id], gift_waits=bool(waiting))

    async def _known(
        self, tx: Transaction, missed: Mapping[MemberId, int], *, brand: Brand, shop: Store
    ) -> Mapping[MemberId, GuestFacts]:
        """One entry for each member."""
        member_ids = missed.keys()
        people = await store.list_members(tx.conn, member_ids, keyring=self.keyring)
        consenting = await _consenting(tx, member_ids, brand)
        tiers = await self._tiers(tx, brand.programme_id, consenting, shop)
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
        self, actor: Actor, now: datetime, member_ids: Collection[MemberId], programme_id: ProgrammeId
    ) -> Mapping[MemberId, int]:
        """Held to what the caller may see: row-level security counts for an associate what was missed at the
        counter."""
        async with self.database.reader(actor) as conn:
            return await count_broken(conn, member_ids, programme_id, since=now - MISSED_LATELY)

    async def _tiers(
        self, tx: Transaction, programme_id: ProgrammeId, member_ids: Collection[MemberId], shop: Store
    ) -> Mapping[MemberId, str]:
        ladders = await self.ladders.find(programme_id, tx.now)
        if ladders is None or not member_ids:
            return {}
        today = business_date(shop, tx.now)
        found = await list_records(tx.conn, programme_id, member_ids, ladders=ladders, today=today)
        return {member_id: tier_on(records.standing, today) for member_id, records in found.items()}


async def _consenting(tx: Transaction, member_ids: Collection[MemberId], brand: Brand) -> set[MemberId]:
    return {
        consent.membership.member_id
        for consent in await store.list_consents(tx.conn, member_ids)
        if consent.answer.purpose is ConsentPurpose.BRAND_SHARING
        and consent.answer.brand_id == brand.brand_id
        and consent.answer.granted
    }


async def _waiting(tx: Transaction, uids: Collection[UUID]) -> set[UUID]:
    gifts = await gift_store.list_gifts_of_visits(tx.conn, uids)
    return {uid for uid, waiting in gifts.items() if any(wait_of(gift, tx.now) is not None for gift in waiting)}
