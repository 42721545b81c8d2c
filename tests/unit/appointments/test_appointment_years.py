"""A2 and A6 over a year of random calendars, against a clock that is looked at minute by minute: weekly hours with
exceptions, hours of the service's own, closing past midnight, both changes of clocks, shifts, buffers, who is busy."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membership.appointments.errors import NoSuchSlot, OutsideHours, TooEarlyToBook
from membership.appointments.model import (
    Period,
    ResourceId,
    ResourceKind,
    Service,
    ServiceId,
    Stop,
    Taken,
)
from membership.appointments.rules.admitting import Admit, by_horizon
from membership.appointments.rules.deciding import Diary, decide
from membership.appointments.rules.refusing import refusal_of
from membership.appointments.rules.slots import choose, slots
from membership.kernel.errors import DomainError
from membership.kernel.ids import derived_id
from membership.members.model import MemberId
from membership.stores.model import CounterId, ProgrammeId, Store, StoreId
from support.calendars import (
    DAY,
    LONDON,
    LORD_HOWE,
    MINUTE,
    NEW_YORK,
    YEAR,
    bookable,
    changes_of,
    days_to_try,
    opening_hours,
    periods_around,
    service_rules,
)

MEMBER = MemberId(derived_id("member"))
PERSON = ResourceId(MEMBER)
ASSOCIATES = tuple(sorted(ResourceId(derived_id("associate", number)) for number in range(2)))
ROOM = ResourceId(derived_id("room"))
ALWAYS = Period(datetime(YEAR - 1, 12, 1, tzinfo=UTC), datetime(YEAR + 1, 2, 1, tzinfo=UTC))
SEEDS = st.integers(0, 2**32 - 1)
KINDS = [
    {ResourceKind.ASSOCIATE: ASSOCIATES, ResourceKind.ROOM: (ROOM,)},
    {ResourceKind.ASSOCIATE: ASSOCIATES},
    {ResourceKind.UNIT: (*ASSOCIATES, ROOM)},
]


def counter(pick: Random, zone: ZoneInfo, days: list[date]) -> tuple[Store, Service]:
    programme, store = ProgrammeId(derived_id("p")), StoreId(derived_id("s"))
    shop = Store(store, programme, "S", {}, zone, time(4), opening_hours(pick, days))
    service = Service(
        service_id=ServiceId(derived_id("service")),
        programme_id=programme,
        store_id=store,
        counter_id=CounterId(derived_id("c")),
        code="SERVICE",
        names={},
        rules=service_rules(pick, days),
        candidates=pick.choice(KINDS),
    )
    return shop, service


def taking(pick: Random, day: date) -> Taken:
    busy = {resource: periods_around(pick, day, 4) for resource in (*ASSOCIATES, ROOM, PERSON)}
    shifts = {resource: pick.choice(([ALWAYS], periods_around(pick, day, 2))) for resource in ASSOCIATES}
    return Taken(busy, shifts)


def moment_before(pick: Random, day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC) - timedelta(hours=pick.randint(-16, 40))


def even_days_only(service: Service, store: Store, starts_at: datetime, now: datetime) -> DomainError | None:
    """Somebody who conducts bookings says who may book when; this one goes by the date."""
    if starts_at.astimezone(store.zone).day % 2:
        return TooEarlyToBook(service.code, starts_at.isoformat())
    return by_horizon(service, store, starts_at, now)


def listed(
    service: Service, shop: Store, days: Iterable[date], taken: Taken, now: datetime, admit: Admit
) -> list[datetime]:
    return [
        slot.period.start
        for day in days
        for slot in slots(service, shop, day, taken, now=now, member=PERSON, admit=admit)
    ]


def test_the_zones_change_their_clocks_twice_a_year() -> None:
    assert changes_of(LONDON) == (date(YEAR, 3, 29), date(YEAR, 10, 25))
    assert changes_of(NEW_YORK) == (date(YEAR, 3, 8), date(YEAR, 11, 1))
    assert changes_of(LORD_HOWE) == (date(YEAR, 4, 5), date(YEAR, 10, 4))


@pytest.mark.parametrize("zone", [LONDON, NEW_YORK, LORD_HOWE], ids=str)
@settings(max_examples=60)
@given(seed=SEEDS)
def test_what_is_listed_is_what_the_wall_and_the_minutes_say(zone: ZoneInfo, seed: int) -> None:
    """A2 and A6: exactly that, in every opening."""
    pick = Random(seed)
    day = pick.choice(days_to_try(pick, zone))
    shop, service = counter(pick, zone, [day])
    taken, now = taking(pick, day), moment_before(pick, day)
    for each in (day - DAY, day):
        found = listed(service, shop, [each], taken, now, by_horizon)
        assert found == sorted(set(found))
        assert set(found) == bookable(service, shop, [each], taken, now=now, member=PERSON)
        admitted = listed(service, shop, [each], taken, now, even_days_only)
        assert admitted == [start for start in found if start.astimezone(zone).day % 2 == 0]


@pytest.mark.parametrize("zone", [LONDON, NEW_YORK, LORD_HOWE], ids=str)
@settings(max_examples=25)
@given(seed=SEEDS)
def test_what_is_listed_is_chosen_at_once_and_nothing_else_is(zone: ZoneInfo, seed: int) -> None:
    """A2: the booking's decision takes every listed start, and has a reason against any other minute."""
    pick = Random(seed)
    day = pick.choice(days_to_try(pick, zone))
    shop, service = counter(pick, zone, [day])
    taken, now = taking(pick, day), moment_before(pick, day)
    admit = pick.choice((by_horizon, by_horizon, even_days_only))
    # A start may belong to the opening of its own date or of the date before, and this is the day and its neighbours.
    around = [day + by * DAY for by in (-2, -1, 0, 1)]
    starts = set(listed(service, shop, around, taken, now, admit))
    noon = datetime.combine(day, time(12), tzinfo=zone).astimezone(UTC)
    within = {start for start in starts if abs(start - noon) < DAY / 2}
    others = {noon + MINUTE * pick.randint(-720, 720) for _ in range(10)}
    others |= {start + by * MINUTE for start in sorted(within)[::5] for by in (-1, 5)}
    diary = Diary({service.service_id: service}, {shop.store_id: shop}, taken, admit)
    for start in sorted(within | others):
        associate = None if start in within else pick.choice((None, *ASSOCIATES))
        stop = Stop(service.service_id, start, associate)
        chosen = choose(service, shop, stop, taken, now=now, member=PERSON, admit=admit)
        decision = decide(diary, {0: stop}, member_id=MEMBER, now=now)
        assert decision.chosen == ({} if chosen is None else {0: chosen})
        if start in within:
            assert chosen is not None
        if start not in starts:
            assert chosen is None
        if chosen is None:
            refused = refusal_of(service, shop, stop, taken, now=now, member=PERSON, admit=admit)
            assert refused.message
            assert [type(why) for why in decision.refusals.values()] == [type(refused)]


@pytest.mark.parametrize("zone", [LONDON, NEW_YORK, LORD_HOWE], ids=str)
@settings(max_examples=40)
@given(seed=SEEDS)
def test_a_minute_outside_the_hours_is_refused_for_them(zone: ZoneInfo, seed: int) -> None:
    """A6, by the reason: with nobody busy, a start that is refused for its time is not one that the wall allows."""
    pick = Random(seed)
    day = pick.choice(days_to_try(pick, zone))
    shop, service = counter(pick, zone, [day])
    always = service.rules.model_copy(update={"notice_minutes": 0, "horizon_days": 366})
    service = replace(service, rules=always)
    taken = Taken(shifts={associate: [ALWAYS] for associate in ASSOCIATES})
    start = datetime.combine(day, time(12), tzinfo=UTC) + MINUTE * 5 * pick.randint(-288, 288)
    now, local = start - DAY, start.astimezone(zone).date()
    allowed = bookable(service, shop, [local - DAY, local], taken, now=now, member=PERSON)
    stop = Stop(service.service_id, start)
    if start in allowed:
        assert choose(service, shop, stop, taken, now=now, member=PERSON) is not None
    else:
        refused = refusal_of(service, shop, stop, taken, now=now, member=PERSON)
        assert isinstance(refused, OutsideHours | NoSuchSlot)
        if isinstance(refused, NoSuchSlot):
            assert datetime.fromisoformat(refused.nearest) in allowed
