"""Calendars over GraphQL: the app's addresses and files, an associate's address."""

from dataclasses import replace

import pytest
from strawberry.types import ExecutionResult

from membership.appointments.model import ResourceKind, Service, Stop
from membership.calendars.rules.writing import UID_DOMAIN
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import derived_id
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from support.appointment_desk import OTHER_COUNTER, AppointmentDesk, at, open_appointment_desk
from support.calendar_client import by_vobject
from support.clock import StoppedClock
from support.operations import Run, codes, trusted

CREATE, REVOKE, FEEDS = (
    trusted("app/CreateCalendarFeed"),
    trusted("app/RevokeCalendarFeed"),
    trusted("app/CalendarFeeds"),
)
FILE, VISIT = trusted("app/AppointmentCalendar"), trusted("app/VisitCalendar")
AT_WORK = trusted("associate/CreateAssociateCalendarFeed")
END_AT_WORK, OF_COLLEAGUE = (
    trusted("associate/RevokeAssociateCalendarFeed"),
    trusted("associate/AssociateCalendarFeeds"),
)


@pytest.fixture
async def desk(services: Services, conn: Conn, clock: StoppedClock) -> AppointmentDesk:
    return replace(await open_appointment_desk(services.database, conn), clock=clock)


@pytest.fixture
async def fitting(desk: AppointmentDesk) -> Service:
    return await desk.service("FITTING", associates=1)


@pytest.fixture
async def member(desk: AppointmentDesk) -> MembershipKey:
    return await desk.join()


def answer(result: ExecutionResult) -> dict[str, object]:
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    assert isinstance(payload, dict)
    return payload


async def create(run: Run, caller: Actor, *, key: str = "k", locale: str = "en", **more: object) -> dict[str, object]:
    document = CREATE if caller.role is Role.MEMBER else AT_WORK
    return answer(await run(document, {"input": {"idempotencyKey": key, **more}}, caller=caller, locale=locale))


async def lead(services: Services, created: dict[str, object]) -> bytes | None:
    token = str(created["path"]).removeprefix("/calendar/").removesuffix(".ics")
    found = await services.calendars.fetch(token, services.clock.now())
    return None if found is None else found.content


async def test_a_member_creates_an_address_in_their_language_and_ends_it(
    run: Run, services: Services, desk: AppointmentDesk, fitting: Service, member: MembershipKey
) -> None:
    await desk.book(member, Stop(fitting.service_id, at(14)))
    caller = desk.member(member)
    created = await create(run, caller, locale="zh-CN")
    assert await create(run, caller, locale="zh-CN") == created
    content = await lead(services, created)
    assert content is not None and b"SUMMARY;LANGUAGE=zh-CN:" in content
    listed = await run(FEEDS, caller=caller)
    assert listed.data == {"calendarFeeds": [created["feed"]]}
    feed = created["feed"]
    assert isinstance(feed, dict)
    revoked = answer(await run(REVOKE, {"input": {"feedId": feed["id"]}}, caller=caller))
    assert isinstance(revoked["feed"], dict) and revoked["feed"]["revokedAt"] is not None
    assert await lead(services, created) is None
    assert (await run(FEEDS, caller=caller)).data == {"calendarFeeds": []}


async def test_of_somebody_elses_address_nobody_knows(
    run: Run, services: Services, desk: AppointmentDesk, member: MembershipKey
) -> None:
    created = await create(run, desk.member(member))
    feed = created["feed"]
    assert isinstance(feed, dict)
    stranger = desk.member(await desk.join())
    refused = answer(await run(REVOKE, {"input": {"feedId": feed["id"]}}, caller=stranger))
    assert refused["code"] == "UNKNOWN_CALENDAR_FEED"
    assert (await run(FEEDS, caller=stranger)).data == {"calendarFeeds": []}
    assert await lead(services, created) is not None


async def test_a_key_of_another_request_is_refused(run: Run, desk: AppointmentDesk, member: MembershipKey) -> None:
    await create(run, desk.member(member))
    assert (await create(run, desk.member(member), locale="ko"))["code"] == "IDEMPOTENCY_CONFLICT"


async def test_an_associate_creates_one_for_somebody_of_the_counter(
    run: Run, services: Services, desk: AppointmentDesk, fitting: Service, member: MembershipKey
) -> None:
    await desk.book(member, Stop(fitting.service_id, at(14)))
    [associate] = fitting.candidates[ResourceKind.ASSOCIATE]
    whose = {"associateId": global_id("Associate", associate)}
    created = await create(run, desk.actor(Role.ASSOCIATE), **whose)
    content = await lead(services, created)
    assert content is not None and [event.uid.partition("@")[2] for event in by_vobject(content)] == [UID_DOMAIN]
    listed = await run(OF_COLLEAGUE, whose, caller=desk.actor(Role.ASSOCIATE))
    assert listed.data == {"calendarFeeds": [created["feed"]]}
    elsewhere = desk.actor(Role.ASSOCIATE, OTHER_COUNTER)
    assert (await create(run, replace(elsewhere, subject="other"), **whose))["code"] == "UNKNOWN_ASSOCIATE"
    feed = created["feed"]
    assert isinstance(feed, dict)
    refused = answer(await run(END_AT_WORK, {"input": {"feedId": feed["id"]}}, caller=elsewhere))
    assert refused["code"] == "UNKNOWN_CALENDAR_FEED"
    answer(await run(END_AT_WORK, {"input": {"feedId": feed["id"]}}, caller=desk.actor(Role.ASSOCIATE)))
    assert await lead(services, created) is None


async def test_an_associate_who_names_nobody_means_themself(
    run: Run, services: Services, desk: AppointmentDesk, conn: Conn, fitting: Service, member: MembershipKey
) -> None:
    """A token's subject is the staff number, and so is the associate's code."""
    await desk.book(member, Stop(fitting.service_id, at(14)))
    [associate] = fitting.candidates[ResourceKind.ASSOCIATE]
    code: str = await conn.fetchval("SELECT code FROM appointments.resources WHERE resource_id = $1", associate)
    own = replace(desk.actor(Role.ASSOCIATE), subject=code)
    created = await create(run, own)
    content = await lead(services, created)
    assert content is not None and len(by_vobject(content)) == 1
    assert (await run(OF_COLLEAGUE, caller=own)).data == {"calendarFeeds": [created["feed"]]}
    nobody = replace(own, subject="serves nobody")
    assert (await create(run, nobody))["code"] == "UNKNOWN_ASSOCIATE"
    assert (await run(OF_COLLEAGUE, caller=nobody)).data == {"calendarFeeds": []}


async def test_a_member_names_no_associate(run: Run, desk: AppointmentDesk, member: MembershipKey) -> None:
    named = {"input": {"idempotencyKey": "k", "associateId": global_id("Associate", derived_id("a"))}}
    assert codes(await run(CREATE, named, caller=desk.member(member))) == ["BAD_USER_INPUT"]


async def test_a_token_that_names_no_counter_is_refused(run: Run, desk: AppointmentDesk) -> None:
    lost = replace(desk.actor(Role.ASSOCIATE), counter_id=None)
    assert codes(await run(AT_WORK, {"input": {"idempotencyKey": "k"}}, caller=lost)) == ["BAD_USER_INPUT"]


async def test_an_appointment_to_add_to_a_calendar(
    run: Run, desk: AppointmentDesk, fitting: Service, member: MembershipKey, statements: list[str]
) -> None:
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    moved = await desk.move(member, booked, at(16))
    variables = {"appointmentId": global_id("Appointment", booked.appointment_id)}
    file = answer(await run(FILE, variables, caller=desk.member(member)))
    assert (file["fileName"], file["mediaType"]) == ("appointment.ics", "text/calendar; charset=utf-8")
    [event] = by_vobject(str(file["text"]).encode())
    assert (event.uid, event.sequence) == (f"{booked.uid}@{UID_DOMAIN}", 1)
    assert event.times == (moved.period.start, moved.period.end)
    statements.clear()
    looked_after = answer(await run(FILE, variables, caller=desk.actor(Role.MEMBER_SERVICES)))
    assert looked_after["text"] == file["text"]
    assert len([text for text in statements if "appointments.appointments" in text]) == 1


async def test_of_somebody_elses_appointment_there_is_no_file(
    run: Run, desk: AppointmentDesk, fitting: Service, member: MembershipKey
) -> None:
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    variables = {"appointmentId": global_id("Appointment", booked.appointment_id)}
    stranger = desk.member(await desk.join())
    assert answer(await run(FILE, variables, caller=stranger))["code"] == "UNKNOWN_APPOINTMENT"
    elsewhere = replace(desk.actor(Role.MEMBER_SERVICES), programme_id=derived_id("programme"))
    assert answer(await run(FILE, variables, caller=elsewhere))["code"] == "UNKNOWN_APPOINTMENT"


async def test_of_what_is_only_held_there_is_none_yet(
    run: Run, desk: AppointmentDesk, fitting: Service, member: MembershipKey
) -> None:
    [held] = await desk.hold(member, Stop(fitting.service_id, at(14)))
    variables = {"appointmentId": global_id("Appointment", held.appointment_id)}
    assert answer(await run(FILE, variables, caller=desk.member(member)))["code"] == "APPOINTMENT_STEP_REFUSED"


async def test_a_visit_in_one_file(
    run: Run, desk: AppointmentDesk, conn: Conn, fitting: Service, member: MembershipKey
) -> None:
    await desk.book(member, *(Stop(fitting.service_id, at(hour)) for hour in (14, 16, 18)))
    await conn.execute("UPDATE appointments.appointments SET visit_id = $1", derived_id("visit"))
    variables = {"visitId": global_id("Visit", derived_id("visit"))}
    file = answer(await run(VISIT, variables, caller=desk.member(member)))
    assert file["fileName"] == "visit.ics"
    assert [event.times[0] for event in by_vobject(str(file["text"]).encode())] == [at(14), at(16), at(18)]
    stranger = await run(VISIT, variables, caller=desk.member(await desk.join()))
    assert stranger.data == {"visitCalendar": None}
