"""Gifts that are tied to appointments: what becomes of them when a stop is booked, moved, cancelled or missed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import pytest

from membership.appointments.errors import AppointmentStepRefused, CapacityReached, UnknownAppointment
from membership.appointments.model import AppointmentState, Stop
from membership.appointments.rules.steps import Step
from membership.gifts.errors import GiftStaysAtDesk, GiftVisitOver, UnknownGift
from membership.gifts.model import Gift, GiftState
from membership.gifts.store import list_gifts_of_visits
from membership.kernel.actor import Role
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from membership.redis.client import RedisClient
from support.appointment_desk import rules
from support.gift_desk import BRAND, COUNTER, new_key
from support.patience import open_patiently
from support.tie_desk import TieDesk, at, open_tie_desk


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def desk(database: Database, conn: Conn, client: RedisClient, keyring: Keyring) -> TieDesk:
    return await open_tie_desk(database, conn, client, keyring)


async def gift_of(desk: TieDesk, given: Gift) -> Gift:
    return await desk.gifts.gift(given.gift_id)


async def test_a_gift_waits_at_the_brand_and_is_collected_during_the_appointment(desk: TieDesk, conn: Conn) -> None:
    taken = await desk.claimed()
    booked = await desk.booked(taken.membership, at(15, days=2))
    away = await desk.tie(taken, booked)
    assert away == await gift_of(desk, taken)
    assert away.wait is not None
    assert (away.wait.uid, away.wait.counter_id) == (booked.uid, desk.gifts.shop.counters[BRAND])
    desk.gifts.clock.set(at(15, days=2))
    for step in (Step.CHECK_IN, Step.START):
        await desk.step(booked, step)
    assert await list_gifts_of_visits(conn, [booked.uid]) == {booked.uid: [away]}
    assert (await desk.gifts.collect_at(BRAND, taken)).state is GiftState.COLLECTED
    await desk.step(booked, Step.COMPLETE)
    assert (await desk.gifts.level()).confirmed == 1


async def test_a_gift_that_was_forgotten_at_the_appointment_waits_there_until_the_day_ends(desk: TieDesk) -> None:
    taken = await desk.claimed()
    booked = await desk.booked(taken.membership, at(15))
    await desk.tie(taken, booked)
    desk.gifts.clock.set(at(16))
    for step in (Step.CHECK_IN, Step.START, Step.COMPLETE):
        await desk.step(booked, step)
    desk.gifts.clock.set(at(21))
    assert (await desk.gifts.collect_at(BRAND, taken)).state is GiftState.COLLECTED


async def test_a_repeat_is_told_the_same(desk: TieDesk) -> None:
    taken, key = await desk.claimed(), new_key()
    booked = await desk.booked(taken.membership, at(15))
    away = await desk.tie(taken, booked, key=key)
    await desk.gifts.untie(taken)
    assert await desk.tie(taken, booked, key=key) == away
    assert (await gift_of(desk, taken)).wait is None
    other = await desk.booked(taken.membership, at(18))
    with pytest.raises(IdempotencyConflict):
        await desk.tie(taken, other, key=key)


async def test_only_a_members_own_gift_to_a_members_own_appointment(desk: TieDesk) -> None:
    taken, other = await desk.claimed(), await desk.claimed()
    own, strange = await desk.booked(taken.membership, at(15)), await desk.booked(other.membership, at(15))
    with pytest.raises(UnknownAppointment):
        await desk.tie(taken, strange)
    with pytest.raises(UnknownGift):
        await desk.tie(replace(other, membership=taken.membership), own)
    with pytest.raises(UnknownGift):
        await desk.tie(taken, strange, actor=desk.gifts.services)  # staff may touch both, but not mix them
    with pytest.raises(UnknownAppointment):
        await desk.tie(
            taken, own, actor=replace(desk.gifts.services, programme_id=desk.gifts.desk.world.hangang.programme_id)
        )
    assert (await desk.tie(taken, own, actor=desk.gifts.services)).wait is not None


@pytest.mark.parametrize("state", ["HELD", "PENDING", "CANCELLED", "NO_SHOW", "COMPLETED", "SUPERSEDED"])
async def test_only_to_what_is_booked(desk: TieDesk, state: str) -> None:
    taken = await desk.claimed()
    given = rules(answer_minutes=60) if state == "PENDING" else rules()
    service = await desk.diary.service("VIEWING", units=2, counter=BRAND, given=given)
    [booked] = await desk.diary.hold(taken.membership, Stop(service.service_id, at(15)))
    if state != "HELD":
        [booked] = await desk.diary.confirm(taken.membership, booked)
    desk.gifts.clock.set(at(15, 20) if state == "NO_SHOW" else at(12))
    steps = {"CANCELLED": [Step.CANCEL], "NO_SHOW": [Step.NO_SHOW]}
    if state == "COMPLETED":
        desk.gifts.clock.set(at(15))
        steps[state] = [Step.CHECK_IN, Step.START, Step.COMPLETE]
    for step in steps.get(state, []):
        await desk.step(booked, step)
    if state == "SUPERSEDED":
        await desk.diary.move(taken.membership, booked, at(18))
    with pytest.raises(AppointmentStepRefused) as refused:
        await desk.tie(taken, booked)
    assert refused.value.state == state
    assert (await gift_of(desk, taken)).wait is None


@pytest.mark.parametrize("steps", [[], [Step.CHECK_IN], [Step.CHECK_IN, Step.START]])
async def test_also_to_one_that_has_begun(desk: TieDesk, steps: list[Step]) -> None:
    taken = await desk.claimed()
    booked = await desk.booked(taken.membership, at(15))
    desk.gifts.clock.set(at(15))
    for step in steps:
        await desk.step(booked, step)
    assert (await desk.tie(taken, booked)).wait is not None


async def test_not_to_one_that_nobody_has_ended(desk: TieDesk) -> None:
    first = await desk.claimed()
    booked = await desk.booked(first.membership, at(15))
    desk.gifts.clock.set(at(12, days=10))
    taken = await desk.gifts.claim(first.membership, desk.gifts.pool(day=at(12, days=10).date()))
    with pytest.raises(GiftVisitOver):
        await desk.tie(taken, booked)


async def test_an_offer_that_says_nothing_of_visits(desk: TieDesk) -> None:
    taken = await desk.claimed(visit_days_after=None)
    booked = await desk.booked(taken.membership, at(15))
    with pytest.raises(GiftStaysAtDesk):
        await desk.tie(taken, booked)


@pytest.mark.parametrize(
    ("by_member", "now", "state", "collect_until"),
    [
        (True, at(13), AppointmentState.CANCELLED, at(4, days=1)),
        (True, at(14, 30, days=2), AppointmentState.LATE_CANCELLED, at(4, days=3)),
        (False, at(13), AppointmentState.CANCELLED, at(4, days=3)),  # the house: as long as the visit would have
    ],
)
async def test_a_stop_that_is_cancelled_gives_its_gifts_back(
    desk: TieDesk, by_member: bool, now: datetime, state: AppointmentState, collect_until: datetime
) -> None:
    taken = await desk.claimed()
    booked = await desk.booked(taken.membership, at(15, days=2))
    await desk.tie(taken, booked)
    desk.gifts.clock.set(now)
    assert (await desk.step(booked, Step.CANCEL, by_member=by_member)).state is state
    back = await gift_of(desk, taken)
    assert (back.state, back.wait, back.collect_until) == (GiftState.CONFIRMED, None, collect_until)
    assert (await desk.gifts.collect(taken)).state is GiftState.COLLECTED


async def test_nobody_came(desk: TieDesk) -> None:
    """Who comes later that day finds it at its desk; then it is forfeited."""
    taken = await desk.claimed()
    booked = await desk.booked(taken.membership, at(15, days=2))
    await desk.tie(taken, booked)
    desk.gifts.clock.set(at(15, 20, days=2))
    await desk.step(booked, Step.NO_SHOW)
    back = await gift_of(desk, taken)
    assert (back.wait, back.collect_until) == (None, at(4, days=3))
    desk.gifts.clock.set(back.collect_until)
    assert await desk.gifts.forfeit() == 1
    assert (await desk.gifts.level()).confirmed == 0


async def test_a_stop_that_is_moved_takes_its_gifts_along_and_too_far_leaves_them(desk: TieDesk) -> None:
    taken = await desk.claimed()
    booked = await desk.booked(taken.membership, at(15))
    await desk.tie(taken, booked)
    moved = await desk.diary.move(taken.membership, booked, at(18, days=5))
    assert moved.uid == booked.uid
    away = await gift_of(desk, taken)
    assert away.wait is not None
    assert (away.wait.uid, away.wait.until, away.collect_until) == (booked.uid, at(4, days=6), at(4, days=6))
    again = await desk.diary.move(taken.membership, moved, at(18, days=6))
    back = await gift_of(desk, taken)
    assert (back.wait, back.collect_until) == (None, at(4, days=1))
    await desk.step(again, Step.CANCEL)
    assert await gift_of(desk, taken) == back


async def test_a_move_that_is_refused_leaves_everything(desk: TieDesk) -> None:
    """A5, for what is tied to it too."""
    taken = await desk.claimed()
    viewing = await desk.diary.service("VIEWING", units=1, counter=BRAND)
    await desk.booked(await desk.diary.join(), at(15, days=1), viewing)
    booked = await desk.booked(taken.membership, at(18), viewing)
    away = await desk.tie(taken, booked)
    with pytest.raises(CapacityReached):
        await desk.diary.move(taken.membership, booked, at(15, days=1))
    assert await gift_of(desk, taken) == away


async def test_what_a_merge_gives_up_is_told_by_the_outbox(desk: TieDesk) -> None:
    """Both had an appointment at that hour. The house cancels the later one in the middle of the merge, where nobody is
    told of it; the gift goes home with its event, and keeps the days that the visit would have given it."""
    first, second = await desk.claimed(), await desk.claimed()
    kept, given_up = [await desk.booked(one.membership, at(15, days=2)) for one in (first, second)]
    for one, booked in ((first, kept), (second, given_up)):
        await desk.tie(one, booked)
    await desk.gifts.merge(second.membership, first.membership)
    assert [(await gift_of(desk, one)).membership for one in (first, second)] == [first.membership] * 2
    await desk.hand_on_events()
    stays, back = await gift_of(desk, first), await gift_of(desk, second)
    assert stays.wait is not None
    assert (stays.wait.uid, back.wait, back.collect_until) == (kept.uid, None, at(4, days=3))


async def test_of_what_the_hook_was_told_the_outbox_finds_nothing_left(desk: TieDesk) -> None:
    taken = await desk.claimed()
    booked = await desk.booked(taken.membership, at(15))
    await desk.tie(taken, booked)
    moved = await desk.diary.move(taken.membership, booked, at(18, days=1))
    away = await gift_of(desk, taken)
    await desk.hand_on_events()
    assert await gift_of(desk, taken) == away
    await desk.step(moved, Step.CANCEL, by_member=True)
    back = await gift_of(desk, taken)
    await desk.hand_on_events()
    assert await gift_of(desk, taken) == back


async def test_the_outbox_may_tell_of_a_move_after_the_appointment(desk: TieDesk) -> None:
    """Who forgot the gift there still finds it there."""
    taken = await desk.claimed()
    booked = await desk.booked(taken.membership, at(13))
    await desk.tie(taken, booked)
    moved = await desk.diary.move(taken.membership, booked, at(14))
    waits = await gift_of(desk, taken)
    desk.gifts.clock.set(at(14))
    for step in (Step.CHECK_IN, Step.START, Step.COMPLETE):
        await desk.step(moved, step)
    await desk.hand_on_events()
    assert await gift_of(desk, taken) == waits
    assert (await desk.gifts.collect_at(BRAND, taken)).state is GiftState.COLLECTED


async def test_after_a_merge_what_was_tied_stays_tied(desk: TieDesk) -> None:
    taken, winner = await desk.claimed(), await desk.diary.join()
    booked = await desk.booked(taken.membership, at(15))
    away = await desk.tie(taken, booked)
    other = await desk.gifts.claim(taken.membership)
    await desk.gifts.merge(taken.membership, winner)
    assert (await gift_of(desk, taken)).wait == away.wait
    assert (await desk.tie(other, booked)).wait is not None  # by a token of before the merge
    await desk.diary.move(winner, booked, at(18, days=1))
    moved = await gift_of(desk, taken)
    assert moved.wait is not None and moved.wait.until == at(4, days=2)


async def test_several_gifts_of_several_stops(desk: TieDesk) -> None:
    first = await desk.claimed()
    member = first.membership
    taken = [first, *[await desk.gifts.claim(member) for _ in range(2)]]
    stops = [await desk.booked(member, at(15)), await desk.booked(member, at(18))]
    for one, stop in zip(taken, (stops[0], stops[0], stops[1]), strict=True):
        await desk.tie(one, stop)
    await desk.step(stops[0], Step.CANCEL, by_member=True)
    waits = [(await gift_of(desk, one)).wait for one in taken]
    assert [wait is None for wait in waits] == [True, True, False]


async def test_without_ties_a_cancellation_reads_little_more(desk: TieDesk, statements: list[str]) -> None:
    member = await desk.diary.join()
    booked = await desk.booked(member, at(15))
    statements.clear()
    await desk.step(booked, Step.CANCEL, by_member=True)
    ours = [text for text in statements if "waits_for = ANY" in text or "coupons.ties" in text or "uid = ANY" in text]
    assert len(ours) == 3


async def test_several_gifts_are_collected_in_a_slot_at_the_gift_desk(desk: TieDesk) -> None:
    """A collection slot is a service of the gift desk with so many places; nobody in particular serves it."""
    slot = await desk.diary.service(
        "GIFT-COLLECTION", units=1, counter=COUNTER, given=rules(duration_minutes=15, every_minutes=15)
    )
    first = await desk.claimed()
    member = first.membership
    taken = [first, await desk.gifts.claim(member)]
    booked = await desk.booked(member, at(15, days=1), slot)
    with pytest.raises(CapacityReached):
        await desk.booked(await desk.diary.join(), at(15, days=1), slot)
    for one in taken:
        away = await desk.tie(one, booked)  # at its own desk, but longer than until tonight
        assert (away.wait is not None, away.counter_id) == (True, desk.gifts.shop.counters[COUNTER])
    desk.gifts.clock.set(at(15, days=1))
    at_desk = desk.diary.actor(Role.DESK, COUNTER)
    for step in (Step.CHECK_IN, Step.START):
        await desk.diary.step(booked, step, actor=at_desk)
    for one in taken:
        assert (await desk.gifts.collect(one)).state is GiftState.COLLECTED
    done = await desk.diary.step(booked, Step.COMPLETE, actor=at_desk)
    assert done.state is AppointmentState.COMPLETED
    assert (await desk.gifts.level()).confirmed == 2
