"""Whatever members, counters and the clock do to appointments and gifts: a gift waits for what is booked, where and
until when that is, and its unit stays what it is (I2, A5)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.appointments.model import Appointment, AppointmentState
from membership.appointments.rules.steps import Step as Next
from membership.appointments.store import list_current
from membership.campaigns.content import GiftPool
from membership.gifts.model import Gift, GiftState
from membership.gifts.rules.states import WAITING
from membership.kernel.errors import DomainError
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from membership.stores.rules import business_date, business_day_ends
from support.appointment_desk import rules
from support.campaign_desk import gift
from support.gift_desk import BRAND, COUNTER, NOON
from support.patience import open_patiently
from support.tie_desk import TieDesk, at, open_tie_desk
from unit.gifts.shops import shop

Act = Callable[["Afternoons"], Awaitable[object]]

SHOP = shop()
"""With the clock and the cut-over of Chaoyang Galleria."""
UNITS = 6
STAYS = frozenset(
    {
        AppointmentState.CONFIRMED,
        AppointmentState.CHECKED_IN,
        AppointmentState.IN_SERVICE,
        AppointmentState.COMPLETED,
    }
)
"""What a gift may wait for: who has forgotten it there finds it until the day ends."""
_codes = count(1)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def desk(database: Database, conn: Conn, client: RedisClient, keyring: Keyring) -> TieDesk:
    return await open_tie_desk(database, conn, client, keyring)


@dataclass(slots=True)
class Afternoons:
    """Two members with a gift or two each, and what they book at a brand and at the desk."""

    desk: TieDesk
    members: list[MembershipKey]
    gifts: list[Gift]
    booked: list[Appointment] = field(default_factory=list)

    async def book(self, who: int, hour: int, day: int) -> None:
        self.booked.append(await self.desk.booked(self.members[who], at(hour, days=day)))

    def one(self, which: int) -> Appointment:
        return self.booked[which % len(self.booked)]

    def given(self, which: int) -> Gift:
        return self.gifts[which % len(self.gifts)]

    async def tie(self, which: int, to: int) -> None:
        await self.desk.tie(self.given(which), self.one(to))

    async def move(self, which: int, hour: int, day: int) -> None:
        old = self.one(which)
        moved = await self.desk.diary.move(old.membership, old, at(hour, days=day))
        self.booked[which % len(self.booked)] = moved

    async def step(self, which: int, step: Next, *, by_member: bool = False) -> None:
        await self.desk.step(self.one(which), step, by_member=by_member)

    async def wait(self, hours: int) -> None:
        self.desk.gifts.clock.advance(timedelta(hours=hours))
        await self.desk.gifts.forfeit()


WHO, WHICH, HOUR, DAY = st.integers(0, 1), st.integers(0, 5), st.integers(13, 20), st.integers(0, 4)
ACTS = st.one_of(
    st.builds(lambda who, hour, day: lambda them: them.book(who, hour, day), WHO, HOUR, DAY),
    st.builds(lambda which, to: lambda them: them.tie(which, to), WHICH, WHICH),
    st.builds(lambda which, to: lambda them: them.tie(which, to), WHICH, WHICH),
    st.builds(lambda which, hour, day: lambda them: them.move(which, hour, day), WHICH, HOUR, DAY),
    st.builds(lambda which, who: lambda them: them.step(which, Next.CANCEL, by_member=who), WHICH, st.booleans()),
    st.builds(
        lambda which, step: lambda them: them.step(which, step),
        WHICH,
        st.sampled_from([Next.CHECK_IN, Next.START, Next.COMPLETE, Next.NO_SHOW]),
    ),
    st.builds(lambda which: lambda them: them.desk.gifts.collect_at(BRAND, them.given(which)), WHICH),
    st.builds(lambda which: lambda them: them.desk.gifts.collect(them.given(which)), WHICH),
    st.builds(lambda which: lambda them: them.desk.gifts.untie(them.given(which)), WHICH),
    st.builds(lambda which: lambda them: them.desk.gifts.cancel(them.given(which)), WHICH),
    st.builds(lambda hours: lambda them: them.wait(hours), st.sampled_from([1, 2, 6, 20])),
)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(acts=st.lists(ACTS, min_size=6, max_size=18))
async def test_a_gift_waits_for_what_is_booked(desk: TieDesk, conn: Conn, acts: list[Act]) -> None:
    desk.gifts.clock.set(NOON)
    them = await two_members(desk)
    for act in acts:
        with suppress(DomainError):
            await act(them)
        await check_places(them, conn)
        await check_units(them)
    await them.wait(24 * 7)
    assert not {await desk.gifts.state(one) for one in them.gifts} & WAITING  # nobody waits for ever
    await check_units(them)


async def two_members(desk: TieDesk) -> Afternoons:
    """With an appointment of tomorrow each, for which a gift of theirs waits. The brand's places are their own."""
    number = next(_codes)
    given = rules(free_cancellation_minutes=60)
    desk.fitting = await desk.diary.service(f"FITTING-{number}", units=2, counter=BRAND, given=given)
    pool = GiftPool.model_validate({"code": "MAIN", "desk": COUNTER, "units_per_day": UNITS})
    rule = gift(pools=(pool,), collection={"until": "22:00", "visit_days_after": 3}, limit_per_member_day=2)
    await desk.gifts.offer(rule, code=f"AFTERNOONS-{number}")
    members = [await desk.gifts.join() for _ in range(2)]
    them = Afternoons(desk, members, [await desk.gifts.claim(member) for member in members for _ in range(2)])
    for who in range(2):
        await them.book(who, 15, 1)
        await them.tie(2 * who, who)
    return them


async def check_places(them: Afternoons, conn: Conn) -> None:
    for one in them.gifts:
        found = await them.desk.gifts.gift(one.gift_id)
        if found.wait is None or found.state not in WAITING:
            continue
        [stop] = await list_current(conn, [found.wait.uid])
        ends = business_day_ends(SHOP, business_date(SHOP, stop.period.start))
        assert stop.state in STAYS
        assert stop.membership == found.membership
        assert (found.wait.counter_id, found.wait.until) == (stop.counter_id, ends)
        assert business_date(SHOP, stop.period.start) <= date(2026, 11, 15)


async def check_units(them: Afternoons) -> None:
    states = [await them.desk.gifts.state(one) for one in them.gifts]
    gone = sum(state in (GiftState.CANCELLED, GiftState.FORFEITED) for state in states)
    level = await them.desk.gifts.level()
    assert (level.total, level.confirmed, level.voided) == (UNITS, len(states) - gone, 0)
    assert level.available + level.held == UNITS - level.confirmed
