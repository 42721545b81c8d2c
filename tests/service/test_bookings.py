"""Booking windows by tier on real PostgreSQL: what a campaign in force lets whom book, and what that costs."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import pytest

from membership.appointments.holding import hold_stops
from membership.appointments.model import Appointment, Service, Stop
from membership.appointments.rules.admitting import Admit, by_horizon
from membership.campaigns.bookings import BookingWindows
from membership.campaigns.content import BookingOpening, BookingWindow
from membership.campaigns.errors import BookingNotForTier, BookingPaused, TooEarlyForTier
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.rules import local_instant
from membership.stores.service import DirectoryCache
from membership.tiers.model import HandReason
from membership.tiers.service import LadderCache
from membership.tiers.staff import HandGrants
from support.appointment_desk import ZONE, AppointmentDesk, new_key, open_appointment_desk, rules
from support.campaign_desk import MALL, CampaignDesk, anniversary, key, open_campaign_desk

FIRST_DAY = date(2026, 11, 12)


def local(day: date, hour: int) -> datetime:
    return local_instant(ZONE, day, time(hour))


AFTERNOON = local(FIRST_DAY, 14)
GOLD_MAY, ALL_MAY = local(date(2026, 10, 29), 10), local(date(2026, 11, 5), 12)


def visits(**others: object) -> BookingWindow:
    openings = (
        BookingOpening(tiers=("GOLD",), days_before=14, at=time(10)),
        BookingOpening(tiers=("CARD",), days_before=7, at=time(12)),
    )
    fields = {"code": "VISITS", "names": {"en": "Visits"}, "funding": MALL, "openings": openings, **others}
    return BookingWindow.model_validate(fields)


@dataclass(slots=True)
class Desk:
    """An appointment desk in a store with campaigns; the clock is the campaigns'."""

    appointments: AppointmentDesk
    campaigns: CampaignDesk
    windows: BookingWindows
    grants: HandGrants

    async def join(self, tier: str | None = None) -> MembershipKey:
        member = await self.appointments.join()
        if tier is not None:
            actor = self.appointments.actor(Role.MEMBER_SERVICES)
            await self.grants.give(
                actor,
                self.campaigns.now,
                member,
                tier=tier,
                ends_on=date(2027, 6, 1),
                reason=HandReason.GOODWILL,
                key=new_key(),
            )
        return member

    async def admission(self, member: MembershipKey | None, now: datetime, *, actor: Actor | None = None) -> Admit:
        actor = actor or self.appointments.actor()
        async with self.campaigns.database.engine(actor, now) as tx:
            return await self.windows.admission(tx, member, [self.campaigns.shop.store_id])

    async def refusal(self, member: MembershipKey | None, service: Service, now: datetime) -> DomainError | None:
        admit = await self.admission(member, now)
        store = (await self.windows.directories.directory(now)).store(service.store_id)
        return admit(service, store, AFTERNOON, now)

    async def hold(self, member: MembershipKey, service: Service, now: datetime) -> list[Appointment]:
        """As a journey does it: one transaction, the window's answer instead of the horizon's."""
        stop = Stop(service.service_id, AFTERNOON)
        async with self.campaigns.database.engine(self.appointments.member(member), now) as tx:
            directory = await self.windows.directories.directory(now)
            admit = await self.windows.admission(tx, member, [service.store_id])
            held = await hold_stops(tx, directory, member, [stop], new_id=new_id, admit=admit)
            for refusal in held.refusals.values():
                raise refusal
            return list(held.appointments.values())


@pytest.fixture
async def desk(database: Database, conn: Conn) -> Desk:
    campaigns = await open_campaign_desk(database, conn)
    directories, ladders = DirectoryCache(database.pool), LadderCache(database.pool)
    return Desk(
        appointments=await open_appointment_desk(database, conn),
        campaigns=campaigns,
        windows=BookingWindows(directories, ladders, campaigns.cache),
        grants=HandGrants(database, directories, ladders, new_id),
    )


async def fitting(desk: Desk, horizon_days: int = 120) -> Service:
    return await desk.appointments.service("FITTING", rooms=5, given=rules(horizon_days=horizon_days))


async def test_without_a_window_the_horizon_holds_and_nothing_is_asked(desk: Desk, statements: list[str]) -> None:
    member = await desk.join("GOLD")
    await desk.campaigns.scheduled(anniversary())
    await desk.admission(member, desk.campaigns.now)
    statements.clear()
    assert await desk.admission(member, desk.campaigns.now) is by_horizon
    assert not [text for text in statements if "SELECT" in text and not text.startswith("BEGIN")]


async def test_a_higher_tier_books_first(desk: Desk) -> None:
    gold, plain = await desk.join("GOLD"), await desk.join()
    service = await fitting(desk, horizon_days=1)
    await desk.campaigns.scheduled(anniversary((visits(),)))
    with pytest.raises(TooEarlyForTier) as early:
        await desk.hold(gold, service, GOLD_MAY - timedelta(minutes=1))
    assert early.value.opens_at == "2026-10-29T10:00+08:00"
    assert await desk.hold(gold, service, GOLD_MAY)
    with pytest.raises(TooEarlyForTier) as later:
        await desk.hold(plain, service, GOLD_MAY)
    assert (later.value.tier, later.value.open_to_others) == ("CARD", True)
    assert await desk.hold(plain, service, ALL_MAY)
    silver = await desk.join("SILVER")
    with pytest.raises(BookingNotForTier):
        await desk.hold(silver, service, ALL_MAY)


async def test_two_statements_say_who_and_which_tier(desk: Desk, statements: list[str]) -> None:
    gold = await desk.join("GOLD")
    await desk.campaigns.scheduled(anniversary((visits(),)))
    await desk.admission(gold, GOLD_MAY)
    statements.clear()
    await desk.admission(gold, GOLD_MAY)
    asked = [text for text in statements if "members.members" in text or "tiers.records" in text]
    assert len(asked) == 2
    statements.clear()
    await desk.admission(None, GOLD_MAY)
    assert not [text for text in statements if "members.members" in text or "tiers.records" in text]


async def test_a_pause_stops_bookings_and_keeps_what_is_booked(desk: Desk) -> None:
    gold, service = await desk.join("GOLD"), await fitting(desk)
    campaign = (await desk.campaigns.scheduled(anniversary((visits(),)))).campaign
    [held] = await desk.hold(gold, service, ALL_MAY)
    booked = await desk.appointments.appointments.confirm(
        desk.appointments.member(gold), ALL_MAY, [held.appointment_id], key=new_key()
    )
    later = ALL_MAY + timedelta(hours=1)
    planner, planning = desk.campaigns.planner, desk.campaigns.campaigns
    await planning.pause(planner, later, campaign.campaign_id, reason="crowds", key=key())
    assert isinstance(await desk.refusal(gold, service, later + timedelta(seconds=3)), BookingPaused)
    states = await desk.appointments.states()
    assert states == ["CONFIRMED"] and booked[0].state == "CONFIRMED"
    await planning.resume(planner, later + timedelta(minutes=1), campaign.campaign_id, key=key())
    assert await desk.refusal(gold, service, later + timedelta(minutes=2)) is None


async def test_a_cancelled_campaign_leaves_the_horizon(desk: Desk) -> None:
    plain, service = await desk.join(), await fitting(desk)
    campaign = (await desk.campaigns.scheduled(anniversary((visits(),)))).campaign
    now = desk.campaigns.later(minutes=1)
    assert isinstance(await desk.refusal(plain, service, now), TooEarlyForTier)
    await desk.campaigns.campaigns.cancel(desk.campaigns.planner, now, campaign.campaign_id, reason="flood", key=key())
    assert await desk.refusal(plain, service, desk.campaigns.later(minutes=1)) is None


async def test_whoever_was_merged_away_has_the_tier_of_the_winner(desk: Desk, conn: Conn) -> None:
    winner, loser = await desk.join("GOLD"), await desk.join()
    service = await fitting(desk)
    await desk.campaigns.scheduled(anniversary((visits(),)))
    assert isinstance(await desk.refusal(loser, service, GOLD_MAY), TooEarlyForTier)
    await conn.execute(
        "UPDATE members.members SET status = 'MERGED', merged_into = $2 WHERE member_id = $1",
        loser.member_id,
        winner.member_id,
    )
    assert await desk.refusal(loser, service, GOLD_MAY) is None


async def test_nobody_has_no_tier(desk: Desk) -> None:
    await desk.campaigns.scheduled(anniversary((visits(),)))
    nobody = MembershipKey(MemberId(new_id()), desk.campaigns.shop.programme_id)
    with pytest.raises(UnknownMember):
        await desk.admission(nobody, GOLD_MAY)
