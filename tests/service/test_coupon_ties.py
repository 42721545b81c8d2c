"""Coupons that are meant for an appointment: shown there, and no better for it than they were."""

from dataclasses import replace
from datetime import timedelta

import pytest

from membership.appointments.errors import AppointmentStepRefused, UnknownAppointment
from membership.appointments.model import Appointment, Service, Stop
from membership.appointments.rules.steps import Step
from membership.appointments.service import Appointments
from membership.campaigns.content import CouponValidity, DailyWindow, OnDate, Scope
from membership.campaigns.model import CouponId
from membership.coupons.errors import CouponNotForVisit, CouponNotOpen, UnknownCoupon
from membership.coupons.model import Coupon
from membership.coupons.store import list_coupons_of_stops
from membership.gifts.waiting import GiftWaits
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.service import DirectoryCache
from membership.visits.ties import Ties
from support.appointment_desk import COUNTER, TODAY, AppointmentDesk, at, rules
from support.clock import StoppedClock
from support.coupon_desk import CouponDesk, key, offer, open_coupon_desk

BRAND = "1F-LISABEAU"
MORNING = DailyWindow.model_validate({"starts_at": "09:00", "ends_at": "13:00"})
TODAY_ONLY = CouponValidity(days_from_issue=1)


class Desk:
    """Coupons and appointments of the same members."""

    def __init__(self, coupons: CouponDesk) -> None:
        self.coupons = coupons
        database, campaigns = coupons.database, coupons.workings.campaigns
        directories = DirectoryCache(database.pool)
        self.ties = Ties(database, directories, campaigns, GiftWaits(campaigns, directories))
        appointments = Appointments(database, directories, new_id, on_freed=self.ties.on_freed)
        self.diary = AppointmentDesk(database, coupons.conn, coupons.shop, appointments, coupons.clock)
        self.fitting: Service | None = None

    async def coupon(self, **said: object) -> Coupon:
        await self.coupons.campaign(offer("VISIT", **said))
        return await self.coupons.claim(await self.coupons.join(), "VISIT")

    async def booked(self, member: MembershipKey, *, days: int = 1, hour: int = 15) -> Appointment:
        if self.fitting is None:
            self.fitting = await self.diary.service("FITTING", units=4, counter=BRAND, given=rules())
        [booked] = await self.diary.book(member, Stop(self.fitting.service_id, at(hour, days=days)))
        return booked

    async def tie(self, coupon: Coupon, booked: Appointment, *, actor: Actor | None = None) -> Coupon:
        return await self.ties.tie_coupon(
            actor or self.coupons.actor_of(coupon.membership),
            self.coupons.now,
            coupon.coupon_id,
            booked.appointment_id,
            key=key(),
        )

    async def untie(self, coupon: Coupon, *, actor: Actor | None = None) -> Coupon:
        actor = actor or self.coupons.actor_of(coupon.membership)
        return await self.ties.untie_coupon(actor, self.coupons.now, coupon.coupon_id, key=key())

    async def shown(self, booked: Appointment, actor: Actor | None = None) -> list[CouponId]:
        """To an associate of the counter."""
        async with self.coupons.database.reader(actor or self.diary.actor(Role.ASSOCIATE, BRAND)) as conn:
            found = await list_coupons_of_stops(conn, [booked.uid])
        return [coupon.coupon_id for coupon in found.get(booked.uid, [])]


@pytest.fixture
async def desk(database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring) -> Desk:
    return Desk(await open_coupon_desk(database, conn, clock, keyring))


async def test_the_associate_sees_what_the_member_means_to_use(desk: Desk) -> None:
    coupon = await desk.coupon()
    booked = await desk.booked(coupon.membership)
    assert await desk.tie(coupon, booked) == coupon
    assert await desk.tie(coupon, booked) == coupon
    assert await desk.shown(booked) == [coupon.coupon_id]
    other = replace(desk.diary.actor(Role.ASSOCIATE, BRAND), programme_id=desk.coupons.world.hangang.programme_id)
    assert await desk.shown(booked, other) == []
    # The second wall: of another counter's appointments nothing is told, although coupons may be read.
    assert await desk.shown(booked, desk.diary.actor(Role.ASSOCIATE, COUNTER)) == []
    assert await desk.shown(booked, desk.coupons.actor_of(coupon.membership)) == [coupon.coupon_id]
    assert await desk.untie(coupon) == coupon
    assert await desk.untie(coupon) == coupon
    assert await desk.shown(booked) == []


async def test_it_reserves_nothing(desk: Desk) -> None:
    """Another till takes it, and the board shows what has become of it."""
    coupon = await desk.coupon()
    booked = await desk.booked(coupon.membership)
    await desk.tie(coupon, booked)
    await desk.coupons.reserve(coupon.membership, new_id(), coupon.coupon_id)
    assert await desk.coupons.state(coupon.coupon_id) == "RESERVED"
    assert await desk.shown(booked) == [coupon.coupon_id]
    assert (await desk.tie(coupon, await desk.booked(coupon.membership, hour=18))).coupon_id == coupon.coupon_id


async def test_it_is_meant_for_one_appointment_at_a_time(desk: Desk) -> None:
    coupon = await desk.coupon()
    first, second = await desk.booked(coupon.membership), await desk.booked(coupon.membership, hour=18)
    await desk.tie(coupon, first)
    await desk.tie(coupon, second)
    assert (await desk.shown(first), await desk.shown(second)) == ([], [coupon.coupon_id])


async def test_it_goes_along_with_a_stop_that_is_moved_and_ends_with_it(desk: Desk) -> None:
    coupon = await desk.coupon()
    booked = await desk.booked(coupon.membership)
    await desk.tie(coupon, booked)
    moved = await desk.diary.move(coupon.membership, booked, at(18, days=2))
    assert await desk.shown(moved) == [coupon.coupon_id]
    await desk.diary.cancel(coupon.membership, moved)
    assert await desk.shown(moved) == []


async def test_it_stays_with_an_appointment_that_takes_place(desk: Desk) -> None:
    coupon = await desk.coupon()
    booked = await desk.booked(coupon.membership)
    await desk.tie(coupon, booked)
    desk.coupons.clock.set(at(15, days=1))
    for step in (Step.CHECK_IN, Step.START, Step.COMPLETE):
        await desk.diary.step(booked, step, actor=desk.diary.actor(Role.ASSOCIATE, BRAND))
    assert await desk.shown(booked) == [coupon.coupon_id]


async def test_whose_coupons_and_whose_appointments(desk: Desk) -> None:
    coupon, stranger = await desk.coupon(), await desk.coupons.join()
    own, strange = await desk.booked(coupon.membership), await desk.booked(stranger)
    with pytest.raises(UnknownAppointment):
        await desk.tie(coupon, strange)
    with pytest.raises(UnknownCoupon):
        await desk.tie(replace(coupon, membership=stranger), strange)
    services = Actor(Role.MEMBER_SERVICES, "wang.fang", programme_id=desk.coupons.shop.programme_id)
    with pytest.raises(UnknownCoupon):
        await desk.tie(coupon, strange, actor=services)
    assert await desk.tie(coupon, own, actor=services) == coupon
    elsewhere = replace(services, programme_id=desk.coupons.world.hangang.programme_id)
    for actor in (desk.coupons.actor_of(stranger), elsewhere):
        with pytest.raises(UnknownCoupon):
            await desk.untie(coupon, actor=actor)
    assert await desk.shown(own) == [coupon.coupon_id]


async def test_only_to_what_is_booked(desk: Desk) -> None:
    coupon = await desk.coupon()
    booked = await desk.booked(coupon.membership)
    await desk.diary.cancel(coupon.membership, booked)
    with pytest.raises(AppointmentStepRefused):
        await desk.tie(coupon, booked)


async def test_not_what_was_withdrawn(desk: Desk) -> None:
    coupon = await desk.coupon()
    booked = await desk.booked(coupon.membership)
    await desk.coupons.void(coupon.coupon_id)
    with pytest.raises(CouponNotOpen):
        await desk.tie(coupon, booked)


@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        ({"scope": Scope(brands=("ALVENNA",))}, ["NOTHING_IN_SCOPE"]),
        ({"scope": Scope(excluded_floors=("1F",))}, ["NOTHING_IN_SCOPE"]),
        ({"scope": Scope(counters=("2F-ALVENNA",))}, ["NOTHING_IN_SCOPE"]),
        ({"scope": Scope(excluded_counters=(BRAND,))}, ["NOTHING_IN_SCOPE"]),
        ({"validity": TODAY_ONLY}, ["COUPON_EXPIRED"]),
        ({"blackout": (OnDate(date=TODAY + timedelta(days=1)),)}, ["BLACKOUT"]),
        ({"daily_window": MORNING}, ["OUTSIDE_DAILY_WINDOW"]),
        ({"scope": Scope(brands=("ALVENNA",)), "validity": TODAY_ONLY}, ["COUPON_EXPIRED", "NOTHING_IN_SCOPE"]),
        ({"scope": Scope(floors=("1F",), counters=(BRAND,), categories=("BEAUTY",))}, []),
    ],
)
async def test_only_where_and_when_a_till_may_take_it(desk: Desk, said: dict[str, object], reasons: list[str]) -> None:
    coupon = await desk.coupon(**said)
    booked = await desk.booked(coupon.membership)
    if not reasons:
        assert await desk.tie(coupon, booked) == coupon
        return
    with pytest.raises(CouponNotForVisit) as refused:
        await desk.tie(coupon, booked)
    assert refused.value.reasons == reasons
    assert await desk.shown(booked) == []


def test_what_the_member_is_told() -> None:
    assert CouponNotForVisit(["COUPON_EXPIRED", "NOTHING_IN_SCOPE"]).message == (
        "This coupon is not valid any more by then and is not taken at that counter. "
        "Choose another appointment, or another coupon."
    )
