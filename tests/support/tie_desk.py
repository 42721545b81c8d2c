"""Gifts and appointments of the same members on the same clock: what is tied to what.

desk = await open_tie_desk(database, conn, redis, keyring)            # 12 November, 12:00
gift = await desk.claimed()                                           # at its desk until 22:00
booked = await desk.booked(gift.membership, at(15, days=2))           # an hour at the brand
await desk.tie(gift, booked)
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from membership.appointments.model import Appointment, Service, ServiceRules, Stop
from membership.appointments.rules.steps import Step
from membership.appointments.service import Appointments
from membership.campaigns.content import GiftPool
from membership.gifts.model import Gift
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import Handlers
from membership.redis.client import RedisClient
from membership.stores.rules import local_instant
from membership.stores.service import DirectoryCache
from membership.visits.ties import Ties
from support.appointment_desk import AppointmentDesk, rules
from support.campaign_desk import gift
from support.gift_desk import BRAND, COUNTER, FIRST_DAY, GiftDesk, member_actor, new_key, open_gift_desk

ZONE = ZoneInfo("Asia/Shanghai")


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    return local_instant(ZONE, FIRST_DAY + timedelta(days=days), time(hour, minute))


@dataclass(slots=True, repr=False)
class TieDesk:
    gifts: GiftDesk
    diary: AppointmentDesk
    ties: Ties
    fitting: Service

    async def claimed(self, *, visit_days_after: int | None = 5, units: int = 5) -> Gift:
        """At the desk until 22:00, or up to five days for a visit. Offers the gift the first time."""
        if self.gifts.campaign is None:
            pool = GiftPool.model_validate({"code": "MAIN", "desk": COUNTER, "units_per_day": units})
            collection = {"until": "22:00", "visit_days_after": visit_days_after}
            await self.gifts.offer(gift(pools=(pool,), collection=collection, limit_per_member_day=3))
        return await self.gifts.claim(await self.gifts.join())

    async def booked(self, member: MembershipKey, starts_at: datetime, service: Service | None = None) -> Appointment:
        [booked] = await self.diary.book(member, Stop((service or self.fitting).service_id, starts_at))
        return booked

    async def tie(
        self, given: Gift, booked: Appointment, *, actor: Actor | None = None, key: str | None = None
    ) -> Gift:
        actor = actor or member_actor(given.membership)
        return await self.ties.tie_gift(
            actor, self.gifts.now, given.gift_id, booked.appointment_id, key=key or new_key()
        )

    async def hand_on_events(self) -> None:
        handlers = Handlers()
        self.ties.react(handlers)
        await self.gifts.hand_on_events(handlers)

    async def step(self, booked: Appointment, step: Step, *, by_member: bool = False) -> Appointment:
        """By the counter, or the member."""
        actor = member_actor(booked.membership) if by_member else self.diary.actor(Role.ASSOCIATE, BRAND)
        return await self.diary.step(booked, step, actor=actor)


async def open_tie_desk(
    database: Database,
    conn: Conn,
    redis: RedisClient,
    keyring: Keyring,
    *,
    given: ServiceRules | None = None,
) -> TieDesk:
    gifts = await open_gift_desk(database, conn, redis, keyring)
    directories = DirectoryCache(database.pool)
    ties = Ties(database, directories, gifts.gifts.campaigns, gifts.gifts.waits)
    appointments = Appointments(database, directories, new_id, on_freed=ties.on_freed)
    diary = AppointmentDesk(database, conn, gifts.shop, appointments, gifts.clock)
    fitting = await diary.service("FITTING", units=4, counter=BRAND, given=given or rules(free_cancellation_minutes=60))
    return TieDesk(gifts, diary, ties, fitting)
