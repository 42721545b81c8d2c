"""The sample's appointments keep the laws that real ones keep. One load for all; tests that book have a copy."""

import secrets
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import asyncpg
import pytest

from membership.appointments import reading, store
from membership.appointments.model import Appointment, AppointmentState, Period, Service, ServiceId, Stop
from membership.appointments.rules.hours import opening_of
from membership.appointments.rules.slots import occupied_by
from membership.appointments.rules.states import LIVE, TRANSITIONS
from membership.appointments.service import Appointments
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.sample.loading import SampleSummary, demo_ids, load_sample
from membership.sample.offered import offered
from membership.stores.service import Directory, DirectoryCache
from membership.stores.store import load_configuration
from sample_generation import repeatable_keyring
from sample_store import SampleStore, add_member, sample_world
from support.servers import Addresses

PEOPLE = 300
TODAY, NOW = date(2026, 11, 10), datetime(2026, 11, 10, 3, tzinfo=UTC)
POPULAR_DAY = date(2026, 11, 21)
WORLD = sample_world()
STORES = [WORLD.chaoyang, WORLD.hangang, WORLD.brompton]
State = AppointmentState
DEMO = demo_ids()


@pytest.fixture(scope="module")
async def sample_dsn(addresses: Addresses, server_conn: Conn) -> AsyncIterator[str]:
    name = f"test_sample_{secrets.token_hex(8)}"
    await server_conn.execute(f"CREATE DATABASE {name} TEMPLATE {addresses.template} STRATEGY file_copy")
    yield addresses.dsn(name)
    await server_conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def summary(sample_dsn: str) -> SampleSummary:
    return await load_sample(sample_dsn, keyring=repeatable_keyring(), size=PEOPLE, today=TODAY, now=NOW)


@pytest.fixture
async def sample(sample_dsn: str, summary: SampleSummary) -> AsyncIterator[Conn]:
    assert summary.members == PEOPLE
    conn = await asyncpg.connect(sample_dsn)
    yield conn
    await conn.close()


@pytest.fixture
async def copy(sample_dsn: str, summary: SampleSummary, server_conn: Conn, addresses: Addresses) -> AsyncIterator[Conn]:
    """To write into."""
    assert summary.members == PEOPLE
    name = f"test_copy_{secrets.token_hex(8)}"
    await server_conn.execute(f"CREATE DATABASE {name} TEMPLATE {sample_dsn.rpartition('/')[2]} STRATEGY file_copy")
    conn = await asyncpg.connect(addresses.dsn(name))
    yield conn
    await conn.close()
    await server_conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def desk(copy: Conn, addresses: Addresses) -> AsyncIterator[Appointments]:
    pool = await open_pool(addresses.dsn(await copy.fetchval("SELECT current_database()")), max_size=4)
    yield Appointments(Database(pool), DirectoryCache(pool), new_id)
    await pool.close()


@pytest.fixture
async def directory(sample: Conn) -> Directory:
    return Directory(await load_configuration(sample))


async def broken(conn: Conn, query: str) -> list[asyncpg.Record]:
    """Rows that break a law, a few of them."""
    return list(await conn.fetch(f"{query} LIMIT 5"))


async def all_appointments(conn: Conn) -> list[Appointment]:
    rows = await conn.fetch("SELECT appointment_id FROM appointments.appointments")
    return await store.list_appointments(conn, [row["appointment_id"] for row in rows])


async def all_services(conn: Conn) -> dict[ServiceId, Service]:
    rows = await conn.fetch("SELECT service_id FROM appointments.services")
    return await store.list_services(conn, [row["service_id"] for row in rows])


def actor_of(shop: SampleStore) -> Actor:
    return Actor(Role.SERVICE, "test", programme_id=shop.programme_id, store_id=shop.store_id)


async def test_nobody_and_nothing_was_ever_in_two_places(sample: Conn) -> None:
    """A1, A3, A9, for what took place too: the constraint knows only what is still to come."""
    assert not await broken(
        sample,
        """
        WITH took_place AS (
            SELECT entry.* FROM appointments.occupied entry JOIN appointments.appointments USING (appointment_id)
            WHERE state NOT IN ('EXPIRED', 'DECLINED', 'CANCELLED', 'LATE_CANCELLED', 'SUPERSEDED')
        )
        SELECT one.resource_id FROM took_place one JOIN took_place other
            ON one.resource_id = other.resource_id AND one.appointment_id < other.appointment_id
            AND one.during && other.during
        """,
    )
    assert await sample.fetchval("SELECT count(*) FROM appointments.occupied") > 2 * PEOPLE


async def test_what_is_occupied_is_what_the_appointment_takes(sample: Conn) -> None:
    """Of each kind one, with buffers; the member without."""
    services, appointments = await all_services(sample), await all_appointments(sample)
    taken: dict[object, dict[object, Period]] = {}
    for row in await sample.fetch("SELECT * FROM appointments.occupied"):
        during = Period(row["during"].lower, row["during"].upper)
        taken.setdefault(row["appointment_id"], {})[row["resource_id"]] = during
    for entry in appointments:
        service, its = services[entry.service_id], taken[entry.appointment_id]
        assert its.pop(entry.membership.member_id) == entry.period
        assert set(its.values()) == {occupied_by(service.rules, entry.period)}
        assert len(its) == len(service.candidates)
        assert all(its.keys() & set(candidates) for candidates in service.candidates.values())
        assert entry.associate_id is None or entry.associate_id in its
    assert not await broken(
        sample,
        f"""
        SELECT entry.* FROM appointments.occupied entry JOIN appointments.appointments a USING (appointment_id)
        WHERE live <> (state = ANY ('{{{",".join(sorted(LIVE))}}}')) OR entry.lapses_at IS DISTINCT FROM a.lapses_at
        """,
    )


async def test_appointments_lie_in_the_hours_of_their_service(sample: Conn, directory: Directory) -> None:
    """A6. Whoever is booked ahead begins when listing says; a walk-in begins when it comes."""
    services = await all_services(sample)
    for entry in await all_appointments(sample):
        service, shop = services[entry.service_id], directory.store(entry.store_id)
        day = entry.period.start.astimezone(shop.zone).date()
        opening = opening_of(shop.opening_hours, shop.zone, day)
        assert opening is not None
        assert opening.start <= entry.period.start and entry.period.end <= opening.end
        assert entry.period.end - entry.period.start == service.rules.duration
        if entry.booked_at < entry.period.start:
            notice, horizon = service.rules.notice_minutes, service.rules.horizon_days
            assert entry.period.start - timedelta(days=horizon) <= entry.booked_at
            assert entry.booked_at <= entry.period.start - timedelta(minutes=notice)
            assert (entry.period.start - opening.start) % timedelta(minutes=5) == timedelta(0)


async def test_stories_take_the_steps_that_there_are(sample: Conn) -> None:
    """A7, and every step as the table of states allows it."""
    steps: dict[object, list[asyncpg.Record]] = {}
    for row in await sample.fetch("SELECT * FROM appointments.changes ORDER BY appointment_id, step"):
        steps.setdefault(row["appointment_id"], []).append(row)
    for entry in await all_appointments(sample):
        story = steps[entry.appointment_id]
        assert [row["step"] for row in story] == list(range(1, entry.step + 1))
        assert (story[0]["from_state"], story[0]["to_state"]) == (None, "HELD")
        for before, after in pairwise(story):
            assert after["from_state"] == before["to_state"]
            assert State(after["to_state"]) in TRANSITIONS[State(before["to_state"])]
            assert before["at"] <= after["at"] <= NOW
        assert (story[-1]["to_state"], story[-1]["at"]) == (entry.state, entry.changed_at)
        if entry.state in (State.CHECKED_IN, State.IN_SERVICE, State.COMPLETED):
            came = next(row["at"] for row in story if row["to_state"] == "CHECKED_IN")
            assert came >= entry.period.start - timedelta(hours=2)
        if entry.state is State.NO_SHOW:
            assert entry.changed_at >= entry.no_show_from
        if entry.state is State.LATE_CANCELLED:
            assert entry.changed_at > entry.free_until


async def test_whoever_was_moved_has_another_appointment(sample: Conn) -> None:
    """A5, A7."""
    appointments = await all_appointments(sample)
    by_id = {entry.appointment_id: entry for entry in appointments}
    replaced = {entry.replaces: entry for entry in appointments if entry.replaces}
    moved = [entry for entry in appointments if entry.state is State.SUPERSEDED]
    assert moved
    assert {entry.appointment_id for entry in moved} == replaced.keys()
    for old_id, entry in replaced.items():
        old = by_id[old_id]
        assert (entry.uid, entry.membership, entry.visit_id) == (old.uid, old.membership, old.visit_id)
        rises = 1 if entry.state in (State.CANCELLED, State.LATE_CANCELLED) else 0
        assert entry.sequence == old.sequence + 1 + rises
        assert entry.booked_at == old.changed_at


async def test_a_year_has_all_that_happens(sample: Conn) -> None:
    appointments = await all_appointments(sample)
    assert PEOPLE < len(appointments) < 3 * PEOPLE
    past = Counter(entry.state for entry in appointments if entry.period.end < NOW - timedelta(hours=1))
    assert 0.6 < past[State.COMPLETED] / past.total() < 0.9
    assert past.keys() >= {State.CANCELLED, State.LATE_CANCELLED, State.NO_SHOW, State.EXPIRED, State.SUPERSEDED}
    assert not past.keys() & {State.HELD, State.PENDING, State.CHECKED_IN, State.IN_SERVICE}
    ahead = Counter(entry.state for entry in appointments if entry.period.start > NOW)
    assert ahead[State.CONFIRMED] > 20
    assert (ahead[State.HELD], ahead[State.PENDING]) == (2, 3)
    assert not ahead.keys() & {State.COMPLETED, State.NO_SHOW, State.IN_SERVICE}
    assert min(entry.period.start for entry in appointments) < NOW - timedelta(days=360)
    assert max(entry.period.start for entry in appointments) > NOW + timedelta(days=14)
    assert {entry.store_id for entry in appointments} == {shop.store_id for shop in STORES}


async def test_visits_have_stops_of_one_day_with_time_to_walk(sample: Conn, directory: Directory) -> None:
    visits: dict[object, list[Appointment]] = {}
    for entry in await all_appointments(sample):
        if entry.visit_id is not None:
            visits.setdefault(entry.visit_id, []).append(entry)
    rows = await sample.fetch("SELECT * FROM visits.visits")
    assert {row["visit_id"] for row in rows} == visits.keys()
    assert {row["source"] for row in rows} == {"MEMBER", "MEMBER_SERVICES"}
    campaign = await sample.fetchval("SELECT campaign_id FROM campaigns.campaigns")
    assert {row["campaign_id"] for row in rows} == {None, campaign}
    assert max(len(stops) for stops in visits.values()) >= 3
    for row in rows:
        stops = visits[row["visit_id"]]
        assert len({stop.membership for stop in stops}) == 1
        assert {stop.store_id for stop in stops} == {row["store_id"]}
        zone = directory.store(row["store_id"]).zone
        assert len({stop.period.start.astimezone(zone).date() for stop in stops}) == 1
        live = [stop for stop in stops if stop.state in LIVE or stop.state is State.COMPLETED]
        for before, after in pairwise(sorted(live, key=lambda stop: stop.period)):
            assert before.period.end + directory.walking(before.counter_id, after.counter_id) <= after.period.start


async def test_shifts_are_there_for_weeks_behind_and_ahead_and_in_the_anniversary(
    sample: Conn, directory: Directory
) -> None:
    """A6."""
    rows = await sample.fetch(
        "SELECT store_id, during FROM appointments.shifts JOIN appointments.resources USING (resource_id)"
    )
    days: dict[object, set[date]] = {}
    for row in rows:
        shop = directory.store(row["store_id"])
        day = row["during"].lower.astimezone(shop.zone).date()
        opening = opening_of(shop.opening_hours, shop.zone, day)
        assert opening is not None
        assert opening.start <= row["during"].lower < row["during"].upper <= opening.end
        days.setdefault(shop.store_id, set()).add(day)
    for entry in STORES:
        assert min(days[entry.store_id]) == TODAY - timedelta(days=14)
        assert max(days[entry.store_id]) == TODAY + timedelta(days=62)
    assert {date(2026, 11, day) for day in range(12, 23)} <= days[WORLD.chaoyang.store_id]


@pytest.mark.parametrize("shop", STORES, ids=lambda shop: shop.code)
async def test_every_service_can_be_booked(copy: Conn, desk: Appointments, shop: SampleStore) -> None:
    """A2: the first slot that is listed, for somebody new."""
    services, open_now = await store.load_services(copy)
    service_ids = sorted(entry for entry in open_now if services[entry].store_id == shop.store_id)
    assert {*service_ids} == {service.service_id for service in offered(shop.programme_code).services}
    days = [TODAY + timedelta(days=number) for number in range(10)]
    actor, free = actor_of(shop), (await desk.availability(actor_of(shop), NOW, service_ids, days)).free
    for service_id in service_ids:
        slots_of_days = [slot for slots in free[service_id].values() for slot in slots]
        assert slots_of_days, service_id
        member = await add_member(copy, shop)
        stop = Stop(service_id, slots_of_days[0].period.start)
        [booked] = await desk.book(actor, NOW, member, [stop], key=str(new_id()))
        expected = State.CONFIRMED if booked.answer_until is None else State.PENDING
        assert booked.state is expected


async def test_one_day_of_the_anniversary_is_fully_booked_at_the_popular_counter(
    copy: Conn, desk: Appointments
) -> None:
    service_id, days = DEMO.popular_service_id, [POPULAR_DAY, POPULAR_DAY + timedelta(days=1)]
    free = (await desk.availability(actor_of(WORLD.chaoyang), NOW, [service_id], days)).free
    assert set(free[service_id]) == {days[1]}
    booked = await copy.fetch(
        "SELECT state, member_id FROM appointments.appointments WHERE service_id = $1 AND starts_at::date = $2"
        " AND state IN ('HELD', 'PENDING', 'CONFIRMED')",
        service_id,
        POPULAR_DAY,
    )
    assert len(booked) > 10
    assert {row["state"] for row in booked} == {"CONFIRMED"}
    assert WORLD.cast["SHEN"] in {row["member_id"] for row in booked}


async def test_whom_readme_acts_as(sample: Conn) -> None:
    """The member has time; the associate is at work, and has something to answer."""
    both = [DEMO.member_id, DEMO.second_member_id]
    assert await reading.list_upcoming(sample, both, NOW, after=(None, None), limit=100) == []
    past = await reading.list_past(sample, both, NOW, before=(None, None), limit=100)
    assert [entry.state for entry in past if entry.membership.member_id == DEMO.member_id] == [State.COMPLETED]
    assert not [entry for entry in past if entry.period.start >= NOW]
    associate = await store.find_associate(sample, DEMO.associate_counter_id, DEMO.staff_number)
    assert associate is not None
    shifts = await sample.fetchval(
        "SELECT count(*) FROM appointments.shifts WHERE resource_id = $1 AND during && tstzrange($2, $3)",
        associate.resource_id,
        datetime(2026, 11, 12, tzinfo=UTC),
        datetime(2026, 11, 23, tzinfo=UTC),
    )
    assert shifts == 11
    asked = await sample.fetch(
        "SELECT answer_until FROM appointments.appointments WHERE state = 'PENDING' AND counter_id = $1",
        DEMO.associate_counter_id,
    )
    assert [row["answer_until"] > NOW for row in asked] == [True]
    service = await sample.fetchrow(
        "SELECT * FROM appointments.services WHERE service_id = $1", DEMO.popular_service_id
    )
    assert service is not None
    assert service["counter_id"] == DEMO.associate_counter_id


async def test_an_appointment_is_made_as_the_service_makes_it(copy: Conn, desk: Appointments) -> None:
    """The moments that follow from the rules are those that a booking of the same service gets at the same time."""
    shop = WORLD.chaoyang
    pending = await copy.fetch("SELECT appointment_id FROM appointments.appointments WHERE state = 'PENDING'")
    asked = await store.list_appointments(copy, [row["appointment_id"] for row in pending])
    assert len(asked) == 3
    for entry in asked:
        member, day = await add_member(copy, shop), entry.period.start.date() + timedelta(days=7)
        free = (await desk.availability(actor_of(shop), entry.booked_at, [entry.service_id], [day])).free
        stop = Stop(entry.service_id, free[entry.service_id][day][-1].period.start)
        [booked] = await desk.book(actor_of(shop), entry.booked_at, member, [stop], key=str(new_id()))
        assert (booked.held_until, booked.answer_until) == (entry.held_until, entry.answer_until)
        assert booked.free_until - booked.period.start == entry.free_until - entry.period.start
        assert booked.no_show_from - booked.period.start == entry.no_show_from - entry.period.start
        assert (booked.state, booked.sequence, booked.uid) == (entry.state, 0, booked.appointment_id)
        assert entry.uid == entry.appointment_id
