"""What a member wants to find at a stop: gifts that wait there instead of at their desk, coupons for the associate to
think of.

Gifts and coupons know the stop by its UID, which stays when it is moved. What becomes of them when a stop ends or moves
is decided in that very transaction: a gift is where it is said to be for whoever stands there. The outbox, which tells
of every end, is the net below.

Locks: the member, who is the only one to change their appointments; at the end the gifts. Whoever has a gift in hand
waits for nothing of a diary, so the hook may wait for one with resources in its hands.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from membership.appointments.boards import WATCHER
from membership.appointments.changing import is_self, lock_own
from membership.appointments.errors import AppointmentStepRefused
from membership.appointments.model import Appointment, AppointmentId, AppointmentState, BoardDay
from membership.appointments.rules.states import state_at
from membership.appointments.store import list_current
from membership.campaigns.cache import CampaignCache
from membership.campaigns.model import CouponId
from membership.coupons import store as coupons
from membership.coupons import tying
from membership.coupons.errors import UnknownCoupon
from membership.coupons.model import Coupon
from membership.coupons.service import coupon_fact, restore_coupon
from membership.coupons.tying import CouponStop
from membership.gifts.model import Gift, GiftId, Gone, Occasion
from membership.gifts.store import list_gifts_of_visits
from membership.gifts.waiting import GiftWaits
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import Fact
from membership.members.model import MemberId, MembershipKey
from membership.members.service import lock_membership
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.outbox import Delivery, Handlers
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.model import ProgrammeId
from membership.stores.service import Directory, DirectoryCache
from membership.visits.store import TieVersion, list_tie_versions

BOOKED = frozenset({AppointmentState.CONFIRMED, AppointmentState.CHECKED_IN, AppointmentState.IN_SERVICE})
"""To what is only held or asked for, nothing is sent yet."""

ENDS = ("appointments.cancelled", "appointments.late_cancelled", "appointments.no_show", "appointments.superseded")

_GIFT = TypeAdapter(Gift)


@dataclass(frozen=True, slots=True)
class Ties:
    """One per process. Writes are keyed. `on_freed` is a hook of `appointments`."""

    database: Database
    directories: DirectoryCache
    campaigns: CampaignCache
    gifts: GiftWaits

    async def tie_gift(
        self, actor: Actor, now: datetime, gift_id: GiftId, appointment_id: AppointmentId, *, key: str
    ) -> Gift:
        """It waits at the counter of the appointment, also if it waited for another one before.

        Raises UnknownAppointment, AppointmentStepRefused, UnknownMember, and what GiftWaits.send refuses.
        """

        async def work(tx: Transaction) -> Gift:
            owner, appointment = await _booked(tx, appointment_id)
            return await self.gifts.send(tx, owner, gift_id, _occasion(appointment))

        keyed = Keyed("visits.tie_gift", key, [str(gift_id), str(appointment_id)])
        return await once(self.database, actor, now, keyed, work=work, facts=lambda gift: gift, restore=_restore_gift)

    async def tie_coupon(
        self, actor: Actor, now: datetime, coupon_id: CouponId, appointment_id: AppointmentId, *, key: str
    ) -> Coupon:
        """The associate is told to have it applied; it is no better for it than it was.

        Raises UnknownAppointment, AppointmentStepRefused, UnknownMember, UnknownCoupon, CouponNotOpen,
        CouponNotForVisit.
        """
        directory = await self.directories.directory(now)

        async def work(tx: Transaction) -> Coupon:
            owner, appointment = await _booked(tx, appointment_id)
            stop = _coupon_stop(appointment, directory)
            coupon = await tying.tie(tx, self.campaigns, owner, coupon_id, stop)
            tx.audit_staff(_of_coupon("coupons.tie", coupon, {"appointment_uid": str(stop.uid)}))
            return coupon

        keyed = Keyed("visits.tie_coupon", key, [str(coupon_id), str(appointment_id)])
        return await once(self.database, actor, now, keyed, work=work, facts=coupon_fact, restore=restore_coupon)

    async def untie_coupon(self, actor: Actor, now: datetime, coupon_id: CouponId, *, key: str) -> Coupon:
        """It is meant for no appointment any more. Raises UnknownCoupon, UnknownMember."""

        async def work(tx: Transaction) -> Coupon:
            coupon = await coupons.find_coupon(tx.conn, coupon_id)
            if coupon is None or not await _reaches(tx, coupon.membership):
                raise UnknownCoupon
            await lock_membership(tx.conn, coupon.membership)
            await coupons.untie(tx.conn, coupon_id)
            tx.audit_staff(_of_coupon("coupons.untie", coupon, {"appointment_uid": None}))
            return coupon

        keyed = Keyed("visits.untie_coupon", key, str(coupon_id))
        return await once(self.database, actor, now, keyed, work=work, facts=coupon_fact, restore=restore_coupon)

    async def versions(self, days: Collection[BoardDay], now: datetime) -> Mapping[BoardDay, TieVersion]:
        """Of all boards that are watched, in one statement that costs what their days hold."""
        asked = list(days)
        async with self.database.engine(WATCHER, now) as tx:
            return dict(zip(asked, await list_tie_versions(tx.conn, asked), strict=True))

    async def on_freed(self, tx: Transaction, freed: Sequence[Appointment]) -> None:
        """Confirmed appointments were cancelled, moved, or nobody came. What was tied to them goes along or ends."""
        await self._follow(tx, {appointment.uid for appointment in freed})

    def react(self, handlers: Handlers) -> None:
        """The net below the hook, for whoever ends an appointment without telling it: a merge does."""
        for name in ENDS:
            handlers.on(name, self.after)

    async def after(self, tx: Transaction, delivery: Delivery) -> None:
        """Mostly nothing is tied, so nobody is locked; nothing can be any more to what has ended."""
        said = delivery.payload
        uid = UUID(str(said["uid"]))
        if not await list_gifts_of_visits(tx.conn, [uid]) and not await coupons.list_coupons_of_stops(tx.conn, [uid]):
            return
        member_id, programme_id = UUID(str(said["member_id"])), UUID(str(said["programme_id"]))
        await lock_membership(tx.conn, MembershipKey(MemberId(member_id), ProgrammeId(programme_id)))
        await self._follow(tx, {uid})

    async def _follow(self, tx: Transaction, uids: Collection[UUID]) -> None:
        """By what has become of appointments, however often it is asked, and however late: what took place meanwhile
        has ended nothing."""
        found = await list_current(tx.conn, uids)
        current = [entry for entry in found if entry.state is not AppointmentState.COMPLETED]
        stops = {entry.uid: _occasion(entry) if entry.state in BOOKED else _gone(tx, entry) for entry in current}
        await self.gifts.follow(tx, stops)
        ended = [uid for uid, stop in stops.items() if isinstance(stop, Gone)]
        if ended:
            await coupons.untie_all_of(tx.conn, ended)


async def _booked(tx: Transaction, appointment_id: AppointmentId) -> tuple[MembershipKey, Appointment]:
    """An appointment that is booked, and whose it is by now; the member is locked."""
    [appointment] = await lock_own(tx, [appointment_id])
    state = state_at(appointment, tx.now)
    if state not in BOOKED:
        raise AppointmentStepRefused(state.value)
    return (await lock_membership(tx.conn, appointment.membership)).key, appointment


def _of_coupon(action: str, coupon: Coupon, after: dict[str, Fact]) -> AuditEntry:
    whose = coupon.membership
    return AuditEntry(
        action,
        "coupon",
        str(coupon.coupon_id),
        member_id=whose.member_id,
        programme_id=whose.programme_id,
        after=after,
    )


async def _reaches(tx: Transaction, membership: MembershipKey) -> bool:
    if tx.actor.role is Role.MEMBER:
        return await is_self(tx.conn, tx.actor, membership)
    return tx.actor.programme_id in (None, membership.programme_id)


def _occasion(appointment: Appointment) -> Occasion:
    period = appointment.period
    return Occasion(appointment.uid, appointment.store_id, appointment.counter_id, period.start, period.end)


def _gone(tx: Transaction, appointment: Appointment) -> Gone:
    """Late or free, a member's own cancellation is theirs, and so is not coming."""
    by_house = appointment.state is AppointmentState.CANCELLED and tx.actor.role is not Role.MEMBER
    return Gone(by_house)


def _coupon_stop(appointment: Appointment, directory: Directory) -> CouponStop:
    counter = directory.counter(appointment.counter_id)
    return CouponStop(
        uid=appointment.uid,
        store=directory.store(appointment.store_id),
        counter=counter.code,
        brand=directory.brand(counter.brand_id).code,
        floor=directory.floor(counter.floor_id).code,
        starts_at=appointment.period.start,
    )


async def _restore_gift(conn: Conn, recorded: Json) -> Gift:
    del conn  # the recorded facts are the whole answer
    return _GIFT.validate_python(recorded)
