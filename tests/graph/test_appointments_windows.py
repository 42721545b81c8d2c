"""Booking windows of a campaign, through the API: what is listed for a member is what they may book (A2)."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

import pytest

from membership.appointments.model import Service, Stop
from membership.campaigns.content import BookingOpening, BookingWindow
from membership.campaigns.model import CampaignId
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Role
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.stores.rules import local_instant
from membership.tiers.model import HandReason
from support.appointment_desk import ZONE, AppointmentDesk, new_key, rules
from support.appointment_graph import answer, appointment_desk_on, change, node_id, part, rows, stop
from support.campaign_desk import MALL, CampaignDesk, anniversary, key, open_campaign_desk
from support.clock import StoppedClock
from support.operations import Run, trusted

AVAILABILITY, HOLD = trusted("app/Availability"), trusted("app/HoldAppointment")
MOVE = trusted("app/RescheduleAppointment")
FIRST_DAY = date(2026, 11, 12)


def local(day: date, hour: int) -> datetime:
    return local_instant(ZONE, day, time(hour))


AFTERNOON = local(FIRST_DAY, 14)
GOLD_MAY, ALL_MAY = local(date(2026, 10, 29), 10), local(date(2026, 11, 5), 12)


def window() -> BookingWindow:
    openings = (
        BookingOpening(tiers=("GOLD",), days_before=14, at=time(10)),
        BookingOpening(tiers=("CARD",), days_before=7, at=time(12)),
    )
    return BookingWindow(code="VISITS", names={"en": "Visits"}, funding=MALL, openings=openings)


@dataclass(slots=True)
class Desk:
    appointments: AppointmentDesk
    campaigns: CampaignDesk
    services: Services

    async def join(self, tier: str | None = None) -> MembershipKey:
        member = await self.appointments.join()
        if tier is not None:
            await self.services.hand_grants.give(
                self.appointments.actor(Role.MEMBER_SERVICES),
                self.campaigns.now,
                member,
                tier=tier,
                ends_on=date(2027, 6, 1),
                reason=HandReason.GOODWILL,
                key=new_key(),
            )
        return member

    async def listed(self, run: Run, member: MembershipKey, service: Service) -> bool:
        of = {"serviceIds": [global_id("Service", service.service_id)]}
        asked = {"of": of, "from": FIRST_DAY.isoformat()}
        free = answer(await run(AVAILABILITY, asked, caller=self.appointments.member(member)))
        return "2026-11-12T14:00:00+08:00" in {slot["startsAt"] for slot in rows(free, "slots")}

    async def hold(self, run: Run, member: MembershipKey, service: Service) -> dict[str, object]:
        return await change(run, HOLD, self.appointments.member(member), stop=stop(service, AFTERNOON))


@pytest.fixture
async def desk(services: Services, conn: Conn, clock: StoppedClock) -> Desk:
    campaigns = await open_campaign_desk(services.database, conn)
    appointments = await appointment_desk_on(services, conn, clock)
    return Desk(appointments, replace(campaigns, cache=services.campaign_cache), services)


async def fitting(desk: Desk) -> Service:
    await desk.campaigns.scheduled(anniversary((window(),)))
    return await desk.appointments.service("FITTING", rooms=9, given=rules(horizon_days=120))


@pytest.mark.parametrize(
    ("tier", "now", "code"),
    [
        ("GOLD", GOLD_MAY - timedelta(minutes=1), "TOO_EARLY_FOR_TIER"),
        ("GOLD", GOLD_MAY, None),
        (None, GOLD_MAY, "TOO_EARLY_FOR_TIER"),
        (None, ALL_MAY, None),
        ("SILVER", ALL_MAY, "BOOKING_NOT_FOR_TIER"),
    ],
)
async def test_each_tier_from_its_time_on(
    run: Run, desk: Desk, tier: str | None, now: datetime, code: str | None
) -> None:
    service, member = await fitting(desk), await desk.join(tier)
    desk.appointments.clock.set(now)
    assert await desk.listed(run, member, service) is (code is None)
    held = await desk.hold(run, member, service)
    assert held.get("code") == code
    if code == "TOO_EARLY_FOR_TIER":
        opens, others = ("2026-11-05T12:00+08:00", True) if tier is None else ("2026-10-29T10:00+08:00", False)
        assert (held["opensAt"], held["openToOthers"], held["field"]) == (opens, others, "startsAt")


async def test_nothing_is_booked_while_the_campaign_is_paused(run: Run, desk: Desk) -> None:
    service, member = await fitting(desk), await desk.join()
    desk.appointments.clock.set(ALL_MAY)
    assert (await desk.hold(run, member, service))["__typename"] == "HoldAppointmentPayload"
    [campaign_id] = await desk.appointments.conn.fetch("SELECT campaign_id FROM campaigns.campaigns")
    await desk.campaigns.campaigns.pause(
        desk.campaigns.planner, ALL_MAY, CampaignId(campaign_id["campaign_id"]), reason="flood", key=key()
    )
    desk.appointments.clock.advance(timedelta(minutes=1))
    other = await desk.join()
    assert not await desk.listed(run, other, service)
    refused = await desk.hold(run, other, service)
    assert (refused["code"], "ANNIVERSARY-2026 is paused" in str(refused["message"])) == ("BOOKING_PAUSED", True)


async def test_a_move_is_no_way_around_a_window(run: Run, desk: Desk) -> None:
    service, member = await fitting(desk), await desk.join()
    desk.appointments.clock.set(GOLD_MAY)
    [booked] = await desk.appointments.book(member, Stop(service.service_id, AFTERNOON - timedelta(days=2)))
    caller = desk.appointments.member(member)
    named = {"appointmentId": node_id(booked), "startsAt": AFTERNOON.isoformat()}
    assert (await change(run, MOVE, caller, **named))["code"] == "TOO_EARLY_FOR_TIER"
    desk.appointments.clock.set(ALL_MAY)
    moved = await change(run, MOVE, caller, **named)
    assert part(moved, "appointment")["startsAt"] == "2026-11-12T14:00:00+08:00"
