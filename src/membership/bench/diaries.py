"""A store whose diaries are full, for the bench: every brand with so many associates, and as long a past as asked for.

Made set by set, in a database of its own. What took place is no longer live, but for one in twenty that nobody ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg

from membership.appointments.model import ResourceId, ServiceId, ServiceRules
from membership.bench.issue import make_members
from membership.bench.season import PROGRAMME, STORE
from membership.kernel.clock import SystemClock
from membership.members.model import MemberId, MembershipKey
from membership.postgres.connection import Conn
from membership.sample import identifiers as ids
from membership.settings import Settings

ASSOCIATES = 10
"""At each of the store's forty brands."""
MEMBERS = 4_000
_APPOINTMENTS_A_DAY = 4
_RULES = ServiceRules(duration_minutes=60, every_minutes=30, after_minutes=10)
_ASKED_IN, _AHEAD = timedelta(days=7), timedelta(days=50)
_DAY = timedelta(days=1)

_RESOURCES = """
    INSERT INTO appointments.resources (resource_id, store_id, counter_id, kind, code, names)
    SELECT md5(counter_id::text || '/' || number)::uuid, store_id, counter_id, 'ASSOCIATE', 'A' || number, '{"en": "A"}'
    FROM stores.counters, generate_series(1, $2::integer) AS number WHERE store_id = $1::uuid
"""
_SERVICES = """
    INSERT INTO appointments.services (service_id, programme_id, store_id, counter_id, code, names, needs, rules)
    SELECT md5(counter_id::text || '/service')::uuid, $2::uuid, store_id, counter_id, 'FITTING', '{"en": "Fitting"}',
        '{ASSOCIATE}', $3::jsonb
    FROM stores.counters WHERE store_id = $1::uuid
"""
_CANDIDATES = """
    INSERT INTO appointments.service_resources (service_id, resource_id)
    SELECT service_id, resource_id FROM appointments.services JOIN appointments.resources USING (counter_id)
"""
_SHIFTS = """
    INSERT INTO appointments.shifts (shift_id, resource_id, during)
    SELECT gen_random_uuid(), resource_id,
        tstzrange((day + time '10:00') AT TIME ZONE zone, (day + time '22:00') AT TIME ZONE zone)
    FROM appointments.resources JOIN stores.stores USING (store_id),
        generate_series(0, $2::date - $1::date) AS passed, LATERAL (SELECT $1::date + passed AS day) dated
"""
# Each associate every third hour; members in turn, so that nobody is in two places.
_MADE = """
    CREATE TEMPORARY TABLE made ON COMMIT DROP AS
    SELECT gen_random_uuid() AS appointment_id, associate.resource_id, associate.counter_id, member.member_id,
        (day + make_interval(hours => 10 + 3 * turn + associate.number % 3)) AT TIME ZONE associate.zone AS starts_at,
        day >= $3::date OR associate.number % 20 = 0 AS live
    FROM generate_series(0, $2::date - $1::date) AS passed
    CROSS JOIN LATERAL (SELECT $1::date + passed AS day) dated
    CROSS JOIN generate_series(0, $4::integer - 1) AS turn
    CROSS JOIN (
        SELECT resource_id, counter_id, zone, row_number() OVER (ORDER BY resource_id)::integer AS number
        FROM appointments.resources JOIN stores.stores USING (store_id)
    ) associate
    JOIN (SELECT member_id, row_number() OVER (ORDER BY member_id) - 1 AS number FROM members.members) member
        ON member.number = (associate.number + 400 * turn) % $5::integer
"""
_APPOINTMENTS = """
    INSERT INTO appointments.appointments (
        appointment_id, uid, sequence, member_id, programme_id, store_id, counter_id, service_id, associate_id,
        starts_at, ends_at, state, step, held_until, free_until, no_show_from, booked_at, changed_at
    )
    SELECT appointment_id, appointment_id, 0, member_id, $2::uuid, $1::uuid, counter_id,
        md5(counter_id::text || '/service')::uuid, resource_id, starts_at, starts_at + interval '1 hour',
        CASE WHEN live THEN 'CONFIRMED' ELSE 'COMPLETED' END, 3, starts_at - interval '5 days',
        starts_at - interval '1 day', starts_at + interval '15 minutes', starts_at - interval '5 days',
        starts_at - interval '5 days'
    FROM made
"""
_OCCUPIED = """
    INSERT INTO appointments.occupied (appointment_id, resource_id, during, live)
    SELECT appointment_id, resource_id, tstzrange(starts_at, starts_at + interval '70 minutes'), live FROM made
    UNION ALL
    SELECT appointment_id, member_id, tstzrange(starts_at, starts_at + interval '1 hour'), live FROM made
"""


@dataclass(frozen=True, slots=True)
class Diaries:
    """`day`: one on which a third of the time is taken. `free_days`: on which nothing is. `associates`: by service."""

    today: date
    day: date
    free_days: Sequence[date]
    services: Sequence[ServiceId]
    associates: dict[ServiceId, Sequence[ResourceId]]
    members: Sequence[MembershipKey]


async def open_diaries(settings: Settings, *, associates: int = ASSOCIATES) -> Diaries:
    """An empty past, a day that is well booked, and weeks that are free."""
    await make_members(settings, MEMBERS)
    conn = await asyncpg.connect(str(settings.database_url))
    store_id, programme_id = ids.store_id(STORE), ids.programme_id(PROGRAMME)
    try:
        zone = await conn.fetchval("SELECT zone FROM stores.stores WHERE store_id = $1", store_id)
        today = await _date(conn, SystemClock().now(), zone)
        async with conn.transaction():
            await conn.execute(_RESOURCES, store_id, associates)
            await conn.execute(_SERVICES, store_id, programme_id, _RULES.model_dump_json())
            await conn.execute(_CANDIDATES)
            await conn.execute(_SHIFTS, today, today + _AHEAD)
            await _fill(conn, today + _ASKED_IN, today + _ASKED_IN, today)
        await conn.execute("VACUUM ANALYZE")
        rows = await conn.fetch(
            "SELECT service_id, array_agg(resource_id ORDER BY resource_id) AS associates"
            " FROM appointments.service_resources GROUP BY service_id ORDER BY service_id"
        )
        members = await conn.fetch("SELECT member_id FROM members.members ORDER BY member_id DESC")
    finally:
        await conn.close()
    first_free = today + _ASKED_IN + _DAY
    return Diaries(
        today=today,
        day=today + _ASKED_IN,
        free_days=[first_free + number * _DAY for number in range((_AHEAD - _ASKED_IN).days - 1)],
        services=[row["service_id"] for row in rows],
        associates={row["service_id"]: row["associates"] for row in rows},
        members=[MembershipKey(MemberId(row["member_id"]), programme_id) for row in members],
    )


async def add_past(settings: Settings, diaries: Diaries, *, since: int, days: int) -> int:
    """So many days, `since` days ago at the latest. Returns how many appointments there are by then."""
    conn = await asyncpg.connect(str(settings.database_url))
    first, last = diaries.today - days * _DAY, diaries.today - since * _DAY
    try:
        async with conn.transaction():
            await conn.execute(_SHIFTS, first, last)
            await _fill(conn, first, last, diaries.today)
        await conn.execute("VACUUM ANALYZE")
        number: int = await conn.fetchval("SELECT count(*) FROM appointments.appointments")
        return number
    finally:
        await conn.close()


async def _fill(conn: Conn, first: date, last: date, today: date) -> None:
    await conn.execute(_MADE, first, last, today, _APPOINTMENTS_A_DAY, MEMBERS)
    await conn.execute(_APPOINTMENTS, ids.store_id(STORE), ids.programme_id(PROGRAMME))
    await conn.execute(_OCCUPIED)
    await conn.execute("DROP TABLE made")


async def _date(conn: Conn, now: datetime, zone: str) -> date:
    there: date = await conn.fetchval("SELECT ($1::timestamptz AT TIME ZONE $2)::date", now, zone)
    return there
