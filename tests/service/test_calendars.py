"""Feeds: whose appointments they show and how, who may have one, and what becomes of their addresses."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from membership.accounts import merge as accounts
from membership.accounts.model import MergeMembers
from membership.appointments import store as appointments_store
from membership.appointments.errors import AppointmentStepRefused, UnknownAppointment
from membership.appointments.model import Appointment, ResourceKind, Service, Stop
from membership.appointments.rules.states import HOLD
from membership.appointments.rules.steps import Step
from membership.calendars import store
from membership.calendars.errors import UnknownAssociate, UnknownCalendarFeed
from membership.calendars.rules.showing import KEPT_BACK, KEPT_CANCELLED
from membership.calendars.rules.writing import UID_DOMAIN
from membership.calendars.service import CreatedFeed, associate_owner, member_owner
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import derived_id, new_id
from membership.members.errors import UnknownMember
from membership.members.keyring import Keyring
from membership.members.model import MemberId, MembershipKey
from membership.members.store import NAME
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from support.appointment_desk import COUNTER, OTHER_COUNTER, at, rules
from support.calendar_client import ReadEvent, by_icalendar, by_vobject
from support.calendar_desk import CalendarDesk, open_calendar_desk
from support.people import account_workings


@pytest.fixture
async def calendar(database: Database, conn: Conn, keyring: Keyring) -> CalendarDesk:
    return await open_calendar_desk(database, conn, keyring)


def uid_of(appointment: Appointment) -> str:
    return f"{appointment.uid}@{UID_DOMAIN}"


async def shown(calendar: CalendarDesk, member: MembershipKey) -> list[ReadEvent]:
    return by_vobject(await calendar.fetch(await calendar.member_feed(member)))


async def fitting_of(calendar: CalendarDesk, associates: int = 2) -> Service:
    service = await calendar.desk.service("FITTING", associates=associates)
    await calendar.desk.conn.execute(
        'UPDATE appointments.services SET names = \'{"en": "Fitting", "zh-CN": "试衣"}\' WHERE service_id = $1',
        service.service_id,
    )
    return service


async def test_a_member_sees_what_where_and_with_whom(calendar: CalendarDesk, statements: list[str]) -> None:
    desk = calendar.desk
    fitting, member = await fitting_of(calendar, associates=1), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    feed = await calendar.member_feed(member)
    statements.clear()
    content = await calendar.fetch(feed)
    assert len([text for text in statements if "calendars" in text or "appointments" in text]) == 2
    [associate] = fitting.candidates[ResourceKind.ASSOCIATE]
    names = await store.find_associate(desk.conn, associate, fitting.counter_id)
    for read in (by_icalendar, by_vobject):
        [event] = read(content)
        assert (event.uid, event.sequence, event.status) == (uid_of(booked), 0, "CONFIRMED")
        assert event.times == (booked.period.start, booked.period.end)
        assert (event.title, event.note) == ("Fitting · Alvenna", f"With {names['en'] if names else None}")
        assert event.place.startswith("Alvenna, ")
        assert event.alarms == (timedelta(hours=-2),)
    assert b"X-WR-CALNAME:" in content and b"METHOD:PUBLISH" in content
    assert str(member.member_id).encode() not in content


async def test_it_speaks_the_language_it_was_created_in(calendar: CalendarDesk) -> None:
    fitting, member = await fitting_of(calendar), await calendar.desk.join()
    await calendar.desk.book(member, Stop(fitting.service_id, at(14)))
    feed = await calendar.member_feed(member, locale="zh-CN")
    [event] = by_vobject(await calendar.fetch(feed))
    assert event.title.startswith("试衣 · ")
    assert event.note is not None and event.note.startswith("接待顾问：")


async def test_a_request_is_tentative_until_it_is_accepted(calendar: CalendarDesk) -> None:
    desk = calendar.desk
    viewing = await desk.service("VIEWING", associates=1, given=rules(answer_minutes=60))
    member = await desk.join()
    [asked] = await desk.book(member, Stop(viewing.service_id, at(14)))
    [event] = await shown(calendar, member)
    assert (event.status, event.title) == ("TENTATIVE", "To be confirmed: Viewing · Alvenna")
    desk.clock.advance(timedelta(minutes=1))
    await desk.step(asked, Step.ACCEPT)
    [event] = await shown(calendar, member)
    assert (event.status, event.sequence, event.stamp) == ("CONFIRMED", 0, desk.now)


async def test_what_is_only_held_is_nowhere(calendar: CalendarDesk) -> None:
    desk = calendar.desk
    fitting, member = await fitting_of(calendar), await desk.join()
    [held] = await desk.hold(member, Stop(fitting.service_id, at(14)))
    [other] = await desk.hold(member, Stop(fitting.service_id, at(16)))
    await desk.cancel(member, other)
    assert await shown(calendar, member) == []
    desk.clock.advance(HOLD)
    assert await shown(calendar, member) == []
    found = await store.list_entries(desk.conn, appointment_id=held.appointment_id, limit=1)
    with pytest.raises(AppointmentStepRefused):
        await calendar.calendars.file_of_appointment(found, desk.now, locale="en")


async def test_a_moved_one_is_one_under_its_uid(calendar: CalendarDesk) -> None:
    desk = calendar.desk
    fitting, member = await fitting_of(calendar), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    moved = await desk.move(member, booked, at(16))
    again = await desk.move(member, moved, at(15))
    [event] = await shown(calendar, member)
    assert (event.uid, event.sequence) == (uid_of(booked), 2)
    assert event.times == (again.period.start, again.period.end)


async def test_a_cancelled_one_stays_for_a_while_to_be_taken_out(calendar: CalendarDesk) -> None:
    desk = calendar.desk
    fitting, member = await fitting_of(calendar), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14, days=1)))
    await desk.cancel(member, booked)
    [event] = await shown(calendar, member)
    assert (event.uid, event.sequence, event.status) == (uid_of(booked), 1, "CANCELLED")
    assert event.alarms == ()
    desk.clock.advance(KEPT_CANCELLED)
    assert len(await shown(calendar, member)) == 1
    desk.clock.advance(timedelta(seconds=1))
    assert await shown(calendar, member) == []


async def test_what_nobody_answered_is_cancelled_before_and_after_it_is_written(calendar: CalendarDesk) -> None:
    desk = calendar.desk
    viewing = await desk.service("VIEWING", associates=1, given=rules(answer_minutes=60))
    member = await desk.join()
    stop = Stop(viewing.service_id, at(18))
    [asked] = await desk.book(member, stop)
    desk.clock.set(asked.lapses_at or desk.now)
    [event] = await shown(calendar, member)
    assert (event.status, event.sequence) == ("CANCELLED", 1)
    await desk.book(await desk.join(), stop)  # which clears it
    [written] = await appointments_store.list_appointments(desk.conn, [asked.appointment_id])
    assert written.sequence == 1
    [event] = await shown(calendar, member)
    assert (event.status, event.sequence) == ("CANCELLED", 1)


async def test_it_goes_back_so_far_and_no_further(calendar: CalendarDesk) -> None:
    desk = calendar.desk
    fitting, member = await fitting_of(calendar), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    desk.clock.set(booked.period.start + KEPT_BACK)
    assert len(await shown(calendar, member)) == 1
    desk.clock.advance(timedelta(seconds=1))
    assert await shown(calendar, member) == []


async def test_a_member_sees_nobody_elses(calendar: CalendarDesk) -> None:
    fitting = await fitting_of(calendar)
    one, other = await calendar.desk.join(), await calendar.desk.join()
    [booked] = await calendar.desk.book(one, Stop(fitting.service_id, at(14)))
    await calendar.desk.book(other, Stop(fitting.service_id, at(14)))
    assert [event.uid for event in await shown(calendar, one)] == [uid_of(booked)]


# ---- addresses


async def test_a_repeat_gets_the_same_address_and_only_its_hash_is_kept(calendar: CalendarDesk, conn: Conn) -> None:
    member = await calendar.desk.join()
    first = await calendar.member_feed(member, key="again")
    again = await calendar.member_feed(member, key="again")
    assert again == first and len(first.token) == 64
    assert first.path == f"/calendar/{first.token}.ics"
    kept = await conn.fetchval(
        "SELECT string_agg(kept, '') FROM ("
        " SELECT row_to_json(f)::text AS kept FROM calendars.feeds f"
        " UNION ALL SELECT row_to_json(k)::text FROM platform.idempotency_keys k"
        " UNION ALL SELECT row_to_json(o)::text FROM platform.outbox o"
        " UNION ALL SELECT row_to_json(a)::text FROM platform.audit_entries a"
        ") everything"
    )
    assert str(first.feed.feed_id) in kept and first.token not in kept
    with pytest.raises(IdempotencyConflict):
        await calendar.member_feed(member, locale="ko", key="again")


async def test_a_new_address_ends_the_one_before(calendar: CalendarDesk) -> None:
    member = await calendar.desk.join()
    first, other = (
        await calendar.member_feed(member, key="first"),
        await calendar.member_feed(await calendar.desk.join()),
    )
    second = await calendar.member_feed(member)
    assert not await calendar.leads_somewhere(first)
    assert await calendar.leads_somewhere(second) and await calendar.leads_somewhere(other)
    # A late repeat of the first request is answered as it was, and makes nothing work again.
    assert (await calendar.member_feed(member, key="first")).token == first.token
    assert not await calendar.leads_somewhere(first)


async def test_a_revoked_address_leads_nowhere(calendar: CalendarDesk) -> None:
    desk, member = calendar.desk, await calendar.desk.join()
    feed = await calendar.member_feed(member)
    stranger = desk.member(await desk.join())
    for actor in (stranger, calendar.associate()):
        with pytest.raises(UnknownCalendarFeed):
            await calendar.calendars.revoke_feed(actor, desk.now, feed.feed.feed_id)
    assert await calendar.leads_somewhere(feed)
    owner = member_owner(member.member_id, member.programme_id)
    assert await calendar.calendars.feeds_of(desk.member(member), desk.now, owner) == [feed.feed]
    assert await calendar.calendars.feeds_of(stranger, desk.now, owner) == []
    revoked = await calendar.calendars.revoke_feed(desk.member(member), desk.now, feed.feed.feed_id)
    desk.clock.advance(timedelta(hours=1))
    assert await calendar.calendars.revoke_feed(desk.member(member), desk.now, feed.feed.feed_id) == revoked
    assert not await calendar.leads_somewhere(feed)
    assert await calendar.calendars.feeds_of(desk.member(member), desk.now, owner) == []


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "ü" * 40])
async def test_what_is_no_address_leads_nowhere(calendar: CalendarDesk, token: str) -> None:
    await calendar.member_feed(await calendar.desk.join())
    assert await calendar.calendars.fetch(token, calendar.desk.now) is None


async def test_nobody_creates_an_address_for_somebody_else(calendar: CalendarDesk) -> None:
    desk = calendar.desk
    member, [associate] = await desk.join(), await desk.resources(ResourceKind.ASSOCIATE, 1)
    [room] = await desk.resources(ResourceKind.ROOM, 1)
    theirs = member_owner(member.member_id, member.programme_id)
    nobody = member_owner(MemberId(new_id()), member.programme_id)
    at_counter = associate_owner(associate, desk.counter(), desk.store.programme_id)
    is_room = associate_owner(room, desk.counter(), desk.store.programme_id)
    stranger = desk.member(await desk.join())
    for actor, owner, refusal in (
        (stranger, theirs, UnknownMember),
        (stranger, nobody, UnknownMember),
        (calendar.associate(), theirs, UnknownMember),
        (stranger, at_counter, UnknownAssociate),
        (calendar.associate(OTHER_COUNTER), at_counter, UnknownAssociate),
        (calendar.associate(), is_room, UnknownAssociate),
    ):
        with pytest.raises(refusal):
            await calendar.calendars.create_feed(actor, desk.now, owner, locale="en", key=str(new_id()))


async def test_an_associate_of_another_counter_with_the_same_staff_number_is_told_no_address(
    calendar: CalendarDesk, conn: Conn
) -> None:
    """By the same key and staff number: what is repeated is one's own request."""
    desk = calendar.desk
    own, other = [
        (await desk.resources(ResourceKind.ASSOCIATE, 1, counter=code))[0] for code in (COUNTER, OTHER_COUNTER)
    ]
    await conn.execute("UPDATE appointments.resources SET code = 'somebody' WHERE resource_id = ANY ($1)", [own, other])

    async def create(counter: str) -> CreatedFeed:
        owner = associate_owner(None, desk.counter(counter), desk.store.programme_id)
        return await calendar.calendars.create_feed(
            calendar.associate(counter), desk.now, owner, locale="en", key="monday"
        )

    first, second = await create(COUNTER), await create(OTHER_COUNTER)
    assert (first.feed.owner.associate_id, second.feed.owner.associate_id) == (own, other)
    assert first.token != second.token


# ---- merges


async def merge(calendar: CalendarDesk, loser: MembershipKey, winner: MembershipKey) -> None:
    desk = calendar.desk
    command = MergeMembers(str(new_id()), winner.member_id, loser.member_id)
    workings = account_workings(desk.database, calendar.calendars.keyring)
    await accounts.merge(workings, desk.actor(Role.MEMBER_SERVICES), desk.now, command)


async def test_after_a_merge_both_addresses_show_all_of_it_until_a_new_one_is_created(calendar: CalendarDesk) -> None:
    desk, fitting = calendar.desk, await fitting_of(calendar)
    loser, winner = await desk.join(), await desk.join()
    feeds = [await calendar.member_feed(member) for member in (loser, winner)]
    booked = [
        (await desk.book(member, Stop(fitting.service_id, at(hour))))[0] for member, hour in ((loser, 14), (winner, 17))
    ]
    last = await desk.join()
    await merge(calendar, loser, winner)
    await merge(calendar, winner, last)
    for feed in feeds:
        assert [event.uid for event in by_vobject(await calendar.fetch(feed))] == [uid_of(entry) for entry in booked]
    # A token of before the merge is the winner's.
    anew = await calendar.member_feed(loser)
    assert anew.feed.owner.member_id == last.member_id
    assert [await calendar.leads_somewhere(feed) for feed in (*feeds, anew)] == [False, False, True]
    for member in (loser, winner, last):
        owner = member_owner(member.member_id, member.programme_id)
        assert await calendar.calendars.feeds_of(desk.member(member), desk.now, owner) == [anew.feed]


async def test_addresses_are_read_by_whose_they_are(calendar: CalendarDesk, database: Database) -> None:
    """Of the table itself: whatever a use case forgets to ask for."""
    desk, fitting, member = calendar.desk, await fitting_of(calendar, associates=1), await calendar.desk.join()
    await calendar.member_feed(member)
    await calendar.associate_feed(fitting.candidates[ResourceKind.ASSOCIATE][0])

    async def sees(actor: Actor) -> int:
        async with database.reader(actor) as conn:
            number: int = await conn.fetchval("SELECT count(feed_id) FROM calendars.feeds")
        return number

    assert await sees(desk.member(member)) == await sees(calendar.associate()) == 1
    assert await sees(desk.member(await desk.join())) == await sees(calendar.associate(OTHER_COUNTER)) == 0
    for role in set(Role) - {Role.MEMBER, Role.ASSOCIATE}:
        assert await sees(desk.actor(role)) == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.reader(desk.member(member)) as conn:
            await conn.fetch("SELECT token_hash FROM calendars.feeds")


async def test_nothing_is_shown_of_who_is_erased(calendar: CalendarDesk, conn: Conn) -> None:
    member = await calendar.desk.join()
    feed = await calendar.member_feed(member)
    await conn.execute("UPDATE members.members SET status = 'ERASED' WHERE member_id = $1", member.member_id)
    assert not await calendar.leads_somewhere(feed)


# ---- associates


async def named(conn: Conn, keyring: Keyring, member: MembershipKey, name: str) -> None:
    sealed = keyring.seal_text(NAME, name)
    await conn.execute(
        "UPDATE members.members SET display_name_encrypted = $2, display_name_key_version = $3 WHERE member_id = $1",
        member.member_id,
        sealed.ciphertext,
        sealed.key_version,
    )


async def consent(conn: Conn, member: MembershipKey, brand_id: UUID, *, granted: bool, at: datetime) -> None:
    await conn.execute(
        "INSERT INTO members.consents (consent_id, member_id, programme_id, purpose, brand_id, granted, recorded_at,"
        " source) VALUES ($1, $2, $3, 'BRAND_SHARING', $4, $5, $6, 'APP')",
        new_id(),
        member.member_id,
        member.programme_id,
        brand_id,
        granted,
        at,
    )


@pytest.mark.parametrize("level", ["ACTIVE", "SELECTIVE", "TRADITIONAL"])
async def test_an_associate_is_told_of_a_member_what_the_brand_may_know(
    calendar: CalendarDesk, conn: Conn, keyring: Keyring, level: str
) -> None:
    desk = calendar.desk
    brand_id: UUID = await conn.fetchval("SELECT brand_id FROM stores.counters WHERE counter_id = $1", desk.counter())
    await conn.execute("UPDATE stores.brands SET activation_level = $2 WHERE brand_id = $1", brand_id, level)
    fitting = await fitting_of(calendar, associates=1)
    [associate] = fitting.candidates[ResourceKind.ASSOCIATE]
    member = await desk.join()
    await named(conn, keyring, member, "王小明")
    lowest = desk.store.ladder.ladder.tiers[0].names["en"]
    await desk.book(member, Stop(fitting.service_id, at(14)))
    feed = await calendar.associate_feed(associate)

    async def title() -> str:
        content = await calendar.fetch(feed)
        assert "小明" not in content.decode()
        [event] = by_vobject(content)
        assert (event.note, event.alarms) == (None, (timedelta(minutes=-15),))
        return event.title.removeprefix("Fitting · ")

    assert await title() == "Member"
    await consent(conn, member, brand_id, granted=True, at=desk.now)
    assert await title() == {"ACTIVE": f"王•• · {lowest}", "SELECTIVE": "王••", "TRADITIONAL": "Member"}[level]
    await consent(conn, member, brand_id, granted=False, at=desk.now + timedelta(seconds=1))
    assert await title() == "Member"


async def test_somebody_without_a_card_is_in_the_associates_calendar(calendar: CalendarDesk) -> None:
    desk, fitting = calendar.desk, await fitting_of(calendar, associates=1)
    [associate] = fitting.candidates[ResourceKind.ASSOCIATE]
    booked = await desk.appointments.walk_in(calendar.associate(), desk.now, None, fitting.service_id, key="walk-in")
    [event] = by_vobject(await calendar.fetch(await calendar.associate_feed(associate)))
    assert (event.uid, event.status, event.title) == (uid_of(booked), "CONFIRMED", "Fitting · Walk-in")


async def test_what_somebody_else_took_over_is_off_in_the_associates_calendar(calendar: CalendarDesk) -> None:
    desk, fitting = calendar.desk, await fitting_of(calendar)
    one, other = fitting.candidates[ResourceKind.ASSOCIATE]
    member = await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14), one))
    feeds = {associate: await calendar.associate_feed(associate) for associate in (one, other)}

    async def standing() -> dict[object, list[tuple[str, int, datetime]]]:
        return {
            associate: [
                (event.status, event.sequence, event.times[0]) for event in by_vobject(await calendar.fetch(feed))
            ]
            for associate, feed in feeds.items()
        }

    moved = await desk.appointments.reschedule(
        desk.member(member), desk.now, booked.appointment_id, at(16), associate_id=other, key="to-other"
    )
    assert await standing() == {one: [("CANCELLED", 1, at(14))], other: [("CONFIRMED", 1, at(16))]}
    await desk.appointments.reschedule(
        desk.member(member), desk.now, moved.appointment_id, at(18), associate_id=one, key="back"
    )
    assert await standing() == {one: [("CONFIRMED", 2, at(18))], other: [("CANCELLED", 2, at(16))]}


async def test_an_associate_who_left_is_shown_nothing(calendar: CalendarDesk) -> None:
    [associate] = await calendar.desk.resources(ResourceKind.ASSOCIATE, 1)
    feed = await calendar.associate_feed(associate)
    assert await calendar.leads_somewhere(feed)
    await appointments_store.retire_resource(calendar.desk.conn, associate, at=calendar.desk.now)
    assert not await calendar.leads_somewhere(feed)


async def test_an_associates_calendar_is_in_the_audit_trail(calendar: CalendarDesk, conn: Conn) -> None:
    [associate] = await calendar.desk.resources(ResourceKind.ASSOCIATE, 1)
    feed = await calendar.associate_feed(associate)
    await calendar.calendars.revoke_feed(calendar.associate(), calendar.desk.now, feed.feed.feed_id)
    rows = await conn.fetch("SELECT action, subject_id FROM platform.audit_entries ORDER BY audit_id")
    assert [tuple(row) for row in rows] == [
        (action, str(feed.feed.feed_id)) for action in ("calendars.create_feed", "calendars.revoke_feed")
    ]


# ---- files


async def test_a_file_is_of_the_appointment_as_it_is_today(calendar: CalendarDesk) -> None:
    desk = calendar.desk
    fitting, member = await fitting_of(calendar), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14, days=1)))
    moved = await desk.move(member, booked, at(16, days=1))

    async def file() -> bytes:
        found = await store.list_entries(desk.conn, appointment_id=booked.appointment_id, limit=1)
        return (await calendar.calendars.file_of_appointment(found, desk.now, locale="en")).content

    content = await file()
    [event] = by_vobject(content)
    assert b"METHOD:REQUEST" in content
    assert (event.uid, event.sequence, event.times[0]) == (uid_of(booked), 1, moved.period.start)
    await desk.cancel(member, moved)
    desk.clock.advance(KEPT_CANCELLED * 2)
    content = await file()
    [event] = by_vobject(content)
    assert b"METHOD:CANCEL" in content
    assert (event.uid, event.sequence, event.status) == (uid_of(booked), 2, "CANCELLED")


async def test_there_is_no_file_of_nothing(calendar: CalendarDesk) -> None:
    found = await store.list_entries(calendar.desk.conn, appointment_id=None, visit_id=None, limit=10)
    assert found == []
    with pytest.raises(UnknownAppointment):
        await calendar.calendars.file_of_appointment(found, calendar.desk.now, locale="en")
    assert await calendar.calendars.file_of_visit(found, calendar.desk.now, locale="en") is None


async def test_a_visits_stops_are_one_file(calendar: CalendarDesk, conn: Conn) -> None:
    desk = calendar.desk
    fitting, member = await fitting_of(calendar), await desk.join()
    stops = [Stop(fitting.service_id, at(hour, days=1)) for hour in (13, 15, 17)]
    first, second, third = await desk.book(member, *stops)
    visit_id = derived_id("visit")
    await conn.execute("UPDATE appointments.appointments SET visit_id = $1", visit_id)
    [first, second, third] = await appointments_store.list_appointments(
        conn, [entry.appointment_id for entry in (first, second, third)]
    )
    await desk.move(member, second, at(19, days=1))
    await desk.cancel(member, third)
    found = await store.list_entries(conn, visit_id=second.visit_id, limit=10)
    file = await calendar.calendars.file_of_visit(found, desk.now, locale="en")
    assert file is not None and b"METHOD:PUBLISH" in file.content
    assert [(event.uid, event.sequence, event.status) for event in by_icalendar(file.content)] == [
        (uid_of(first), 0, "CONFIRMED"),
        (uid_of(third), 1, "CANCELLED"),
        (uid_of(second), 1, "CONFIRMED"),
    ]
