"""/calendar/<token>.ics, as calendar programmes fetch it."""

import httpx
import pytest
from structlog.testing import capture_logs

from membership.appointments.model import Stop
from membership.calendars.service import Calendars, CreatedFeed
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_desk import at
from support.calendar_client import by_icalendar
from support.calendar_desk import CalendarDesk, open_calendar_desk
from support.clock import StoppedClock

UNKNOWN = f"/calendar/{'0' * 64}.ics"


@pytest.fixture
async def calendar(database: Database, conn: Conn, keyring: Keyring, clock: StoppedClock) -> CalendarDesk:
    made = await open_calendar_desk(database, conn, keyring)
    made.desk.clock = clock
    return made


@pytest.fixture
async def member(calendar: CalendarDesk) -> MembershipKey:
    member = await calendar.desk.join()
    fitting = await calendar.desk.service("FITTING", associates=1)
    await calendar.desk.book(member, Stop(fitting.service_id, at(14)))
    return member


@pytest.fixture
async def feed(calendar: CalendarDesk, member: MembershipKey) -> CreatedFeed:
    return await calendar.member_feed(member)


def body_of(response: httpx.Response) -> str:
    """Without the correlation id, which is another one each time."""
    return response.text.replace(response.headers["x-correlation-id"], "")


async def test_it_is_a_calendar_for_its_reader_alone(client: httpx.AsyncClient, feed: CreatedFeed) -> None:
    response = await client.get(feed.path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["content-disposition"] == 'inline; filename="appointments.ics"'
    [event] = by_icalendar(response.content)
    assert event.status == "CONFIRMED"


async def test_what_has_not_changed_is_not_sent_again(
    client: httpx.AsyncClient, calendar: CalendarDesk, member: MembershipKey, feed: CreatedFeed
) -> None:
    first = await client.get(feed.path)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = await client.get(feed.path, headers={"If-None-Match": known})
        assert (response.status_code, response.content) == (304, b"")
        assert (response.headers["etag"], response.headers["cache-control"]) == (tag, "private, no-cache")
    [booked] = await calendar.desk.conn.fetch("SELECT appointment_id FROM appointments.appointments")
    await calendar.desk.conn.execute(
        "UPDATE appointments.appointments SET sequence = 1 WHERE appointment_id = $1", booked["appointment_id"]
    )
    changed = await client.get(feed.path, headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag


async def test_head_says_what_get_would(client: httpx.AsyncClient, feed: CreatedFeed) -> None:
    got, head = await client.get(feed.path), await client.head(feed.path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-length", "content-type", "cache-control"):
        assert head.headers[name] == got.headers[name]


async def test_an_address_that_ended_one_that_never_was_and_any_other_path_look_alike(
    client: httpx.AsyncClient, calendar: CalendarDesk, member: MembershipKey, feed: CreatedFeed
) -> None:
    await calendar.member_feed(member)
    answers = [
        await client.get(path)
        for path in (feed.path, UNKNOWN, "/calendar/x.ics", "/calendar/%00%ff.ics", "/calendar/", "/nowhere")
    ]
    assert {response.status_code for response in answers} == {404}
    assert len({body_of(response) for response in answers}) == 1
    told = [{name: value for name, value in answer.headers.items() if name != "x-correlation-id"} for answer in answers]
    assert all(headers == told[0] for headers in told)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_is_refused_whatever_the_address(
    client: httpx.AsyncClient, feed: CreatedFeed, method: str
) -> None:
    answers = [await client.request(method, path) for path in (feed.path, UNKNOWN)]
    assert {response.status_code for response in answers} == {405}
    assert {frozenset(response.headers["allow"].split(", ")) for response in answers} == {frozenset({"GET", "HEAD"})}
    assert len({body_of(response) for response in answers}) == 1


async def test_the_address_is_in_no_log(client: httpx.AsyncClient, feed: CreatedFeed) -> None:
    with capture_logs() as lines:
        for method in ("GET", "HEAD", "POST"):
            await client.request(method, feed.path, headers={"X-Correlation-Id": "phone-2026-05"})
        await client.get(UNKNOWN)
    fetched = [line for line in lines if line["event"] == "calendar fetched"]
    assert [line["status"] for line in fetched] == [200, 200, 404]
    assert fetched[0]["correlation_id"] == "phone-2026-05"
    assert set(fetched[0]) == {"event", "log_level", "correlation_id", "status", "duration_ms"}
    assert feed.token not in str(lines) and "/calendar" not in str(lines)


async def test_what_goes_wrong_is_logged_and_masked(
    client: httpx.AsyncClient, feed: CreatedFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(Calendars, "fetch", fail)
    with capture_logs() as lines:
        response = await client.get(feed.path)
    assert response.status_code == 500 and "hunter2" not in response.text
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    error, fetched = lines
    assert isinstance(error["exc_info"], RuntimeError)
    assert (fetched["status"], error["correlation_id"]) == (500, fetched["correlation_id"])
    assert feed.token not in str(lines)
