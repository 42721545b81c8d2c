"""Gifts and coupons that are tied to appointments, over GraphQL."""

from dataclasses import dataclass, replace

import pytest
from strawberry.types import ExecutionResult

from membership.appointments.boards import board_day
from membership.appointments.model import Appointment, ResourceKind, Service, Stop
from membership.appointments.rules.steps import Step
from membership.campaigns.content import GiftPool
from membership.campaigns.scheduling import Hooks
from membership.cards.service import issue_code_seed
from membership.coupons.issuing import campaign_hooks
from membership.coupons.store import list_offers_of_campaign
from membership.graph.appointments.versions import board_versions
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Actor
from membership.kernel.ids import new_id
from membership.kernel.randomness import random_bytes
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.stores.service import DirectoryCache
from support.appointment_desk import AppointmentDesk, rules
from support.campaign_desk import gift, open_campaign_desk
from support.clock import StoppedClock
from support.coupon_desk import offer
from support.gift_desk import BRAND, COUNTER, NOON, GiftDesk, member_actor, new_key
from support.operations import Run, codes, trusted
from support.tie_desk import at

TIE, UNTIE, TIES = trusted("app/TieGiftToVisit"), trusted("app/UntieGiftFromVisit"), trusted("app/AppointmentTies")
TIE_COUPON, UNTIE_COUPON = trusted("app/TieCouponToVisit"), trusted("app/UntieCouponFromVisit")
BRING_BACK, AT_COUNTER = trusted("desk/BringGiftBack"), trusted("associate/AppointmentTiesAtCounter")
BOARD, SEND_BACK = trusted("associate/CounterBoard"), trusted("associate/SendGiftBack")
AT_THE_COUNTER, HAND_OVER = trusted("associate/GiftsAtCounter"), trusted("associate/CollectGiftAtCounter")
TO_COLLECT, COLLECT = trusted("desk/GiftsToCollect"), trusted("desk/CollectGift")


@dataclass(slots=True)
class House:
    """The services of the schema, and what members have of them."""

    gifts: GiftDesk
    diary: AppointmentDesk
    services: Services
    run: Run
    fitting: Service

    async def claimed(self, member: MembershipKey, *, code: str = "MAIN") -> dict[str, object]:
        taken = await self.gifts.claim(member, self.gifts.pool(code=code))
        return {"giftId": global_id("Gift", taken.gift_id)}

    async def booked(self, member: MembershipKey, *, hour: int = 15, service: Service | None = None) -> Appointment:
        stop = Stop((service or self.fitting).service_id, at(hour, days=1))
        [booked] = await self.diary.book(member, stop)
        return booked

    async def send(self, document: str, actor: Actor, **said: object) -> dict[str, object]:
        return answer(await self.run(document, {"input": {"idempotencyKey": new_key(), **said}}, caller=actor))

    async def tied(self, document: str, actor: Actor, *booked: Appointment) -> list[dict[str, object]]:
        ids = [global_id("Appointment", entry.appointment_id) for entry in booked]
        result = await self.run(document, {"appointmentIds": ids}, caller=actor)
        assert result.errors is None, result.errors
        assert result.data is not None
        found = result.data["appointmentTies"]
        assert isinstance(found, list)
        return found


@pytest.fixture
async def house(services: Services, conn: Conn, clock: StoppedClock, run: Run) -> House:
    clock.set(NOON)
    coupon_hooks = campaign_hooks(DirectoryCache(services.database.pool), new_id)
    hooks = Hooks(on_schedule=[*coupon_hooks.on_schedule, services.gifts.preparation.on_schedule])
    desk = await open_campaign_desk(services.database, conn, hooks=hooks)
    gifts = GiftDesk(
        database=services.database,
        conn=conn,
        keyring=services.keyring,
        desk=replace(desk, cache=services.gifts.campaigns),
        inventory=services.inventory,
        gifts=services.gifts,
        clock=clock,
    )
    diary = AppointmentDesk(services.database, conn, desk.shop, services.appointments, clock)
    fitting = await diary.service("FITTING", units=3, counter=BRAND, given=rules())
    pools = (pool("MAIN", COUNTER), pool("OTHER", "2F-SUYIN"))
    collection = {"until": "22:00", "visit_days_after": 2}
    await gifts.offer(gift(pools=pools, collection=collection, limit_per_member_day=3), offer("VISIT"))
    return House(gifts, diary, services, run, fitting)


def pool(code: str, desk: str) -> GiftPool:
    return GiftPool.model_validate({"code": code, "desk": desk, "units_per_day": 5})


def answer(result: ExecutionResult) -> dict[str, object]:
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    assert isinstance(payload, dict)
    return payload


def part(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def id_of(booked: Appointment) -> dict[str, object]:
    return {"appointmentId": global_id("Appointment", booked.appointment_id)}


def rows(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


async def coupon_of(house: House, member: MembershipKey) -> dict[str, object]:
    async with house.services.database.engine(member_actor(member), house.gifts.now) as tx:
        [found] = await list_offers_of_campaign(tx.conn, "ANNIVERSARY-2026")
    coupon = await house.services.claims.claim(
        member_actor(member), house.gifts.now, member, found.offer_id, key=new_key()
    )
    return {"couponId": global_id("Coupon", coupon.coupon_id)}


async def test_the_story_of_a_gift_at_a_brand(house: House) -> None:
    member = await house.gifts.join()
    wanted, booked = await house.claimed(member), await house.booked(member)
    me = member_actor(member)
    away = part((await house.send(TIE, me, **wanted, **id_of(booked)))["gift"])
    assert (away["desk"], away["homeDesk"], away["cause"]) == (BRAND, COUNTER, "SENT_TO_COUNTER")
    for document, actor in ((TIES, me), (AT_COUNTER, house.gifts.associate()), (AT_COUNTER, house.gifts.desk_actor())):
        [tied] = await house.tied(document, actor, booked)
        assert (tied["appointmentId"], tied["coupons"]) == (id_of(booked)["appointmentId"], [])
        assert [row["id"] for row in rows(tied["gifts"])] == [wanted["giftId"]]
    house.gifts.clock.set(at(15, days=1))
    collected = part((await house.send(COLLECT, house.gifts.associate(), gift={"id": wanted["giftId"]}))["gift"])
    assert collected["state"] == "COLLECTED"
    assert (await house.send(UNTIE, me, **wanted))["code"] == "GIFT_COLLECTED_ALREADY"
    [tied] = await house.tied(AT_COUNTER, house.gifts.associate(), booked)
    assert [row["state"] for row in rows(tied["gifts"])] == ["COLLECTED"]


async def test_an_appointment_that_is_cancelled_and_moved_by_the_services_of_the_schema(house: House) -> None:
    member = await house.gifts.join()
    wanted, booked = await house.claimed(member), await house.booked(member)
    me = member_actor(member)
    await house.send(TIE, me, **wanted, **id_of(booked))
    moved = await house.diary.move(member, booked, at(18, days=2))
    [tied] = await house.tied(TIES, me, moved)
    assert [row["waitsForVisitUntil"] for row in rows(tied["gifts"])] == [at(4, days=3).isoformat()]
    await house.diary.step(moved, Step.CANCEL, actor=me)
    assert await house.tied(TIES, me, moved) == []


async def test_brought_back(house: House) -> None:
    member = await house.gifts.join()
    wanted, booked = await house.claimed(member), await house.booked(member)
    for document, actor in (
        (UNTIE, member_actor(member)),
        (UNTIE, house.gifts.services),
        (BRING_BACK, house.gifts.desk_actor()),
        (BRING_BACK, house.gifts.associate()),
    ):
        await house.send(TIE, member_actor(member), **wanted, **id_of(booked))
        back = part((await house.send(document, actor, **wanted))["gift"])
        assert (back["desk"], back["waitsForVisitUntil"], back["cause"]) == (COUNTER, None, "BACK_AT_DESK")
    refused = await house.send(BRING_BACK, house.gifts.associate("2F-SUYIN"), **wanted)
    assert refused["code"] == "GIFT_AT_ANOTHER_DESK"


async def test_refusals_say_the_way_out(house: House) -> None:
    member, stranger = await house.gifts.join(), await house.gifts.join()
    wanted, booked = await house.claimed(member), await house.booked(member)
    me = member_actor(member)
    late = await house.diary.service("VIEWING", units=1, counter=BRAND)
    [after] = await house.diary.book(member, Stop(late.service_id, at(15, days=3)))
    refused = await house.send(TIE, me, **wanted, **id_of(after))
    assert refused["message"] == (
        "This gift waits for an appointment until 2026-11-15 04:00 (+08:00). "
        "Choose an earlier one, or collect it at its desk."
    )
    assert (await house.send(TIE, member_actor(stranger), **wanted, **id_of(booked)))["code"] == "UNKNOWN_APPOINTMENT"
    await house.diary.cancel(member, booked)
    refused = await house.send(TIE, me, **wanted, **id_of(booked))
    assert refused["code"] == "APPOINTMENT_STEP_REFUSED"
    assert "is cancelled" in str(refused["message"])


async def test_a_coupon_is_shown_at_the_counter(house: House) -> None:
    member = await house.gifts.join()
    coupon, booked = await coupon_of(house, member), await house.booked(member)
    me = member_actor(member)
    assert part((await house.send(TIE_COUPON, me, **coupon, **id_of(booked)))["coupon"])["state"] == "ACTIVE"
    [tied] = await house.tied(AT_COUNTER, house.gifts.associate(), booked)
    [shown] = rows(tied["coupons"])
    assert (shown["id"], part(shown["terms"])["rule"]) == (coupon["couponId"], "ANNIVERSARY-2026/VISIT")
    assert await house.tied(AT_COUNTER, house.gifts.associate(COUNTER), booked) == []  # not that counter's guest
    assert part((await house.send(UNTIE_COUPON, me, **coupon))["coupon"])["id"] == coupon["couponId"]
    assert await house.tied(TIES, me, booked) == []
    assert (await house.send(UNTIE_COUPON, house.gifts.services, **coupon))["__typename"] == "CouponPayload"
    stranger = member_actor(await house.gifts.join())
    assert (await house.send(UNTIE_COUPON, stranger, **coupon))["code"] == "UNKNOWN_COUPON"


async def test_member_services_tie_for_a_member_on_the_phone(house: House) -> None:
    """Each leaves an entry in the audit trail: support/trail.py watches."""
    member, desk = await house.gifts.join(), house.gifts.services
    coupon, wanted, booked = await coupon_of(house, member), await house.claimed(member), await house.booked(member)
    for document, named in ((TIE_COUPON, coupon), (TIE, wanted)):
        assert "code" not in await house.send(document, desk, **named, **id_of(booked))
    for document, named in ((UNTIE_COUPON, coupon), (UNTIE, wanted)):
        assert "code" not in await house.send(document, desk, **named)


async def test_what_the_board_of_the_counter_says(house: House, statements: list[str]) -> None:
    member = await house.gifts.join()
    me, booked = member_actor(member), await house.booked(member)
    await house.booked(member, hour=18)
    await house.send(TIE, me, **await house.claimed(member), **id_of(booked))
    coupon = await coupon_of(house, member)
    await house.send(TIE_COUPON, me, **coupon, **id_of(booked))
    statements.clear()
    first, second = await board_of(house)
    assert len([text for text in statements if "coupons.ties" in text]) == 1
    assert (part(first["guest"])["giftWaits"], part(second["guest"])["giftWaits"]) == (True, False)
    [shown] = rows(first["coupons"])
    assert (shown["id"], shown["state"], second["coupons"]) == (coupon["couponId"], "ACTIVE", [])
    await house.diary.cancel(member, booked)
    cancelled, _ = await board_of(house)
    assert (part(cancelled["guest"])["giftWaits"], cancelled["coupons"]) == (False, [])


async def board_of(house: House) -> list[dict[str, object]]:
    """The brand's, of tomorrow."""
    result = await house.run(BOARD, {"day": at(15, days=1).date().isoformat()}, caller=house.gifts.associate())
    return rows(answer(result)["appointments"])


async def test_a_board_is_told_anew_when_something_is_tied(house: House) -> None:
    services, shop = house.services, (await DirectoryCache(house.services.database.pool).directory(NOON))
    counter = shop.counter(house.gifts.shop.counters[BRAND])
    day = board_day(counter, shop.store(house.gifts.shop.store_id), at(15, days=1).date())
    member = await house.gifts.join()
    me, booked = member_actor(member), await house.booked(member)
    moved = await house.diary.move(member, booked, at(18, days=1))  # what it was counts no more
    wanted, coupon = await house.claimed(member), await coupon_of(house, member)
    seen = [(await board_versions(services.boards, services.ties, [day]))[day]]

    async def is_new() -> bool:
        seen.append((await board_versions(services.boards, services.ties, [day]))[day])
        return seen[-1] not in seen[:-1]

    await house.send(TIE, me, **wanted, **id_of(moved))
    assert await is_new()
    await house.send(TIE_COUPON, me, **coupon, **id_of(moved))
    assert await is_new()
    await house.send(HAND_OVER, house.gifts.associate(), gift={"id": wanted["giftId"]})
    assert await is_new()
    await house.send(UNTIE_COUPON, me, **coupon)
    assert await is_new()
    assert not await is_new()


async def test_the_associates_own_documents(house: House) -> None:
    member = await house.gifts.join()
    one, other, booked = await house.claimed(member), await house.claimed(member), await house.booked(member)
    for wanted in (one, other):
        await house.send(TIE, member_actor(member), **wanted, **id_of(booked))
    associate = house.gifts.associate()
    found = rows(part(answer(await house.run(AT_THE_COUNTER, caller=associate))["gifts"])["nodes"])
    assert {row["id"] for row in found} == {one["giftId"], other["giftId"]}
    handed = await house.send(HAND_OVER, associate, gift={"id": one["giftId"]})
    assert part(handed["gift"])["state"] == "COLLECTED"
    back = await house.send(SEND_BACK, associate, **other)
    assert part(back["gift"])["desk"] == COUNTER


async def test_a_board_reads_no_more_for_many(house: House, statements: list[str]) -> None:
    member = await house.gifts.join()
    me, booked = member_actor(member), [await house.booked(member, hour=hour) for hour in (11, 13, 15)]
    for stop in booked:
        await house.send(TIE, me, **await house.claimed(member), **id_of(stop))
    await house.tied(AT_COUNTER, house.gifts.associate(), *booked)
    counts = []
    for some in (booked[:1], booked):
        statements.clear()
        assert len(await house.tied(AT_COUNTER, house.gifts.associate(), *some)) == len(some)
        counts.append(len(statements))
    assert counts[0] == counts[1]
    too_many = {"appointmentIds": [id_of(booked[0])["appointmentId"]] * 51}
    assert codes(await house.run(TIES, too_many, caller=me)) == ["BAD_USER_INPUT"]


async def test_a_slot_at_the_gift_desk_with_the_documents_of_the_desk(house: House) -> None:
    """A service of so many places, which nobody in particular serves; gifts of other desks can be sent there."""
    member = await house.gifts.join()
    me, desk = member_actor(member), house.gifts.desk_actor()
    async with house.services.database.engine(me, house.gifts.now) as tx:
        await issue_code_seed(tx, member, keyring=house.services.keyring, random_bytes=random_bytes)
    slot = await house.diary.service("GIFT-COLLECTION", units=2, counter=COUNTER, given=rules(duration_minutes=15))
    assert set(slot.candidates) == {ResourceKind.UNIT}
    booked = await house.booked(member, service=slot)
    wanted = [await house.claimed(member), await house.claimed(member), await house.claimed(member, code="OTHER")]
    for one in wanted:
        assert part((await house.send(TIE, me, **one, **id_of(booked)))["gift"])["desk"] == COUNTER
    house.gifts.clock.set(at(15, days=1))
    await house.diary.step(booked, Step.CHECK_IN, actor=desk)
    shown = await house.services.codes.show(me, house.gifts.now, member)
    found = rows(answer(await house.run(TO_COLLECT, {"memberCode": shown.code}, caller=desk))["gifts"])
    assert {row["id"] for row in found} == {one["giftId"] for one in wanted}
    for one in found:
        assert part((await house.send(COLLECT, desk, gift={"id": one["id"]}))["gift"])["state"] == "COLLECTED"
