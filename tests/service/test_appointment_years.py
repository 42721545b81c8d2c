"""A2 and A6 on real PostgreSQL, over a year of random calendars: every slot that is listed books, is what a clock on
the wall allows, and is free again once it is cancelled."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from membership.appointments import store
from membership.appointments.errors import MemberElsewhere, SlotTaken
from membership.appointments.model import (
    AppointmentState,
    Period,
    ResourceId,
    ResourceKind,
    Service,
    ServiceRules,
    Slot,
    Stop,
    resource_of,
)
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.model import OpeningHours
from support.appointment_desk import HOUR, AppointmentDesk, at, new_key, open_appointment_desk, rules
from support.calendars import (
    DAY,
    LONDON,
    LORD_HOWE,
    NEW_YORK,
    bookable,
    changes_of,
    days_to_try,
    opening_hours,
    periods_around,
    service_rules,
)

CLOSES_LATE = (time(17), time(2, 30))


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


def rules_of_a_year(pick: Random, day: date) -> ServiceRules:
    """Of few slots a day, each of which is booked."""
    changed = {"duration_minutes": pick.choice((30, 45, 150)), "every_minutes": pick.choice((30, 45, 60))}
    return service_rules(pick, [day]).model_copy(update=changed)


async def open_store(desk: AppointmentDesk, zone: ZoneInfo, hours: OpeningHours) -> None:
    await desk.conn.execute(
        "UPDATE stores.stores SET zone = $2, opening_hours = $3 WHERE store_id = $1",
        desk.store.store_id,
        zone.key,
        hours.model_dump_json(),
    )
    await desk.appointments.directories.reload(desk.now)


async def counter_of(desk: AppointmentDesk, day: date, pick: Random) -> Service:
    """A room, and two associates with random shifts around the day."""
    associates = await desk.resources(ResourceKind.ASSOCIATE, 2, at_work=False)
    around = datetime.combine(day, time(), tzinfo=UTC)
    for associate in associates:
        always = [Period(around - 2 * DAY, around + 3 * DAY)]
        await desk.work(associate, *pick.choice((always, periods_around(pick, day, 2))))
    [room] = await desk.resources(ResourceKind.ROOM, 1)
    return await desk.service(
        f"FITTING-{new_key()}",
        given=rules_of_a_year(pick, day),
        candidates={ResourceKind.ASSOCIATE: associates, ResourceKind.ROOM: [room]},
    )


def _some(pick: Random, slots: Sequence[Slot]) -> list[Slot]:
    return pick.sample(slots, k=min(2, len(slots)))


async def starts_by_the_minute(
    desk: AppointmentDesk, service: Service, day: date, member: MembershipKey
) -> set[datetime]:
    midday = datetime.combine(day, time(12), tzinfo=UTC)
    person: ResourceId = resource_of(member.member_id)
    everybody = [*service.resource_ids, person]
    taken = await store.list_taken(desk.conn, everybody, Period(midday - 4 * DAY, midday + 4 * DAY), now=desk.now)
    directory = await desk.appointments.directories.directory(desk.now)
    return bookable(service, directory.store(service.store_id), [day], taken, now=desk.now, member=person)


@pytest.mark.parametrize("zone", [LONDON, NEW_YORK, LORD_HOWE], ids=str)
@settings(
    max_examples=5,
    deadline=None,
    # A failing example is told as it was found: to shrink it takes minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(seed=st.integers(0, 2**32 - 1))
async def test_every_listed_slot_books(desk: AppointmentDesk, zone: ZoneInfo, seed: int) -> None:
    """Both days on which clocks are changed, the day before one of them, which closes in that night, and any day."""
    pick = Random(seed)
    late = pick.choice(changes_of(zone)) - DAY
    days = sorted({*changes_of(zone), late, pick.choice(days_to_try(pick, zone))})
    hours = opening_hours(pick, days)
    exceptions = hours.exceptions | {late: CLOSES_LATE}
    await open_store(desk, zone, hours.model_copy(update={"exceptions": exceptions}))
    member, other = await desk.join(), await desk.join()
    for day in days:
        desk.clock.set(datetime.combine(day, time(), tzinfo=UTC) - timedelta(hours=pick.randint(-12, 30)))
        service = await counter_of(desk, day, pick)
        tasting = await desk.service(f"TASTING-{new_key()}", given=HOUR, candidates=service.candidates)
        for slot in _some(pick, await desk.slots(tasting, day)):
            # One may need the time of the other.
            with suppress(SlotTaken, MemberElsewhere):
                await desk.book(other, Stop(tasting.service_id, slot.period.start))
        found = await desk.slots(service, day, member=member)
        assert {slot.period.start for slot in found} == await starts_by_the_minute(desk, service, day, member)
        for slot in found:
            wished = slot.free[ResourceKind.ASSOCIATE][-1]
            [booked] = await desk.book(member, Stop(service.service_id, slot.period.start, wished))
            assert (booked.state, booked.period) == (AppointmentState.CONFIRMED, slot.period)
            await desk.cancel(member, booked)
        assert await desk.slots(service, day, member=member) == found


async def test_what_lies_in_the_buffers_around_an_opening_is_known(desk: AppointmentDesk) -> None:
    """The fitting begins at 15:00 and takes its associate from 14:30, who gives tastings before and after its hours."""
    own = OpeningHours(weekly=dict.fromkeys(range(1, 8), (time(15), time(17))))
    given = rules(before_minutes=30, after_minutes=30, hours=own.model_dump())
    fitting = await desk.service("FITTING", associates=1, given=given)
    tasting = await desk.service("TASTING", candidates=fitting.candidates)
    assert await desk.starts(fitting) == [at(15), at(15, 30), at(16)]
    for start in (at(13, 30), at(17)):
        [booked] = await desk.book(await desk.join(), Stop(tasting.service_id, start))
        assert booked.associate_id == fitting.candidates[ResourceKind.ASSOCIATE][0]
    assert await desk.starts(fitting) == [at(15), at(15, 30)]
    [early] = await desk.book(await desk.join(), Stop(fitting.service_id, at(15)))
    assert early.period.start == at(15)
