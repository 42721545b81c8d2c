"""Gifts that wait at the counter of a visit, on real servers."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from membership.campaigns.content import GiftPool, SpendThreshold
from membership.gifts import store
from membership.gifts.errors import (
    GiftAtAnotherDesk,
    GiftChangeRefused,
    GiftCollectedAlready,
    GiftNotCollectedInTime,
    GiftStaysAtDesk,
    GiftWaitsForVisit,
    GiftWrongStore,
    UnknownGift,
)
from membership.gifts.model import ByGiftCode, ById, Gift, GiftCause, GiftState
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from membership.stores.rules import local_instant
from support.campaign_desk import gift
from support.gift_desk import BRAND, COUNTER, FIRST_DAY, GiftDesk, member_actor, new_key, open_gift_desk
from support.patience import open_patiently


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def gifts(database: Database, conn: Conn, client: RedisClient, keyring: Keyring) -> GiftDesk:
    return await open_gift_desk(database, conn, client, keyring)


SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(hour: int, *, days: int = 0) -> datetime:
    return local_instant(SHANGHAI, FIRST_DAY + timedelta(days=days), time(hour))


def waits(units: int = 2, **others: object) -> GiftPool:
    return GiftPool.model_validate({"code": "MAIN", "desk": COUNTER, "units_per_day": units, **others})


async def claimed(gifts: GiftDesk, *, until: str = "22:00", visit_days_after: int | None = 5) -> Gift:
    """At the desk until 22:00, or up to five days for a visit."""
    collection = {"until": until, "visit_days_after": visit_days_after}
    await gifts.offer(gift(pools=(waits(),), collection=collection))
    return await gifts.claim(await gifts.join())


async def log_of(conn: Conn, given: Gift) -> list[str]:
    rows = await conn.fetch("SELECT cause FROM gifts.changes WHERE gift_id = $1 ORDER BY step", given.gift_id)
    return [row["cause"] for row in rows]


async def events_of(conn: Conn) -> list[str]:
    rows = await conn.fetch("SELECT name FROM platform.outbox WHERE name LIKE 'gifts.%' ORDER BY sequence")
    return [row["name"] for row in rows]


async def test_collected_at_the_brand(gifts: GiftDesk, conn: Conn) -> None:
    taken = await claimed(gifts)
    there = gifts.stop(at(15, days=3))
    away = await gifts.send(taken, there)
    assert away == await gifts.gift(taken.gift_id)
    assert (away.state, away.cause, away.step) == (GiftState.CONFIRMED, GiftCause.SENT_TO_COUNTER, 2)
    gifts.clock.set(at(15, days=3))
    assert await gifts.forfeit() == 0  # longer than its desk would have had it
    collected = await gifts.collect_at(BRAND, taken)
    assert (collected.state, collected.collected_by, collected.wait) == (GiftState.COLLECTED, "associate-1", away.wait)
    assert await log_of(conn, taken) == ["SENT_TO_COUNTER", "PACKED", "HANDED_OVER"]
    assert (await gifts.level()).confirmed == 1
    for act in (gifts.untie(taken), gifts.collect_at(BRAND, taken), gifts.collect(taken)):
        with pytest.raises(GiftCollectedAlready):
            await act


async def test_who_hands_it_over_while_it_is_away(gifts: GiftDesk) -> None:
    taken = await claimed(gifts)
    await gifts.send(taken, gifts.stop(at(15)))
    with pytest.raises(GiftWaitsForVisit) as refused:
        await gifts.collect(taken)
    assert (refused.value.counter, refused.value.until) == (BRAND, "2026-11-13T04:00+08:00")
    for stranger in (gifts.associate(COUNTER), replace(gifts.associate(), counter_id=None)):
        with pytest.raises(GiftWaitsForVisit):
            await gifts.changes.hand_over(stranger, gifts.now, ById(taken.gift_id), key=new_key())
    elsewhere = replace(gifts.associate(), store_id=gifts.desk.world.hangang.store_id)
    with pytest.raises(GiftWrongStore):
        await gifts.changes.hand_over(elsewhere, gifts.now, ById(taken.gift_id), key=new_key())
    # The desk packs it and sends it there, and finds it by its code.
    scanned = ByGiftCode(taken.code)
    assert (await gifts.changes.pack(gifts.desk_actor(), gifts.now, scanned, key=new_key())).state is GiftState.READY
    assert (await gifts.changes.find(gifts.desk_actor(), gifts.now, scanned)).wait is not None
    collected = await gifts.changes.hand_over(gifts.associate(), gifts.now, scanned, key=new_key())
    assert collected.state is GiftState.COLLECTED


async def test_an_associate_hands_over_nothing_that_waits_at_its_desk(gifts: GiftDesk) -> None:
    taken = await claimed(gifts)
    with pytest.raises(GiftAtAnotherDesk) as refused:
        await gifts.collect_at(BRAND, taken)
    assert refused.value.desk == COUNTER


async def test_a_desk_of_the_whole_store_hands_over_what_is_away(gifts: GiftDesk) -> None:
    taken = await claimed(gifts)
    await gifts.send(taken, gifts.stop(at(15)))
    collected = await gifts.changes.hand_over(gifts.desk_actor(None), gifts.now, ById(taken.gift_id), key=new_key())
    assert collected.state is GiftState.COLLECTED


async def test_after_the_day_of_the_visit_it_is_at_its_desk_by_the_clock(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(waits(),), collection={"days_after": 5, "visit_days_after": 5}))
    taken = await gifts.claim(await gifts.join())
    await gifts.send(taken, gifts.stop(at(15)))
    gifts.clock.set(at(10, days=1))  # nobody has written anything down
    with pytest.raises(GiftAtAnotherDesk):
        await gifts.collect_at(BRAND, taken)
    assert (await gifts.collect(taken)).state is GiftState.COLLECTED


async def test_sent_again_and_brought_back(gifts: GiftDesk, conn: Conn) -> None:
    taken = await claimed(gifts)
    first, second = gifts.stop(at(15)), gifts.stop(at(15, days=2), counter=COUNTER)
    await gifts.send(taken, first)
    again = await gifts.send(taken, first)
    assert again.step == 2  # nothing to do
    away = await gifts.send(taken, second)
    assert away.wait is not None
    assert (away.wait.counter_id, away.wait.desk_until) == (gifts.shop.counters[COUNTER], at(22))
    back = await gifts.untie(taken)
    assert back == await gifts.gift(taken.gift_id)
    assert (back.wait, back.collect_until, back.cause) == (None, at(4, days=1), GiftCause.BACK_AT_DESK)
    assert (await gifts.untie(taken)).step == back.step  # it waits at its desk
    assert await log_of(conn, taken) == ["SENT_TO_COUNTER", "SENT_TO_COUNTER", "BACK_AT_DESK"]
    assert (await gifts.collect(taken)).state is GiftState.COLLECTED
    assert await events_of(conn) == []  # whoever did it was there


@pytest.mark.parametrize("who", ["member", "desk", "counter", "services"])
async def test_who_may_bring_it_back(gifts: GiftDesk, who: str) -> None:
    taken = await claimed(gifts)
    await gifts.send(taken, gifts.stop(at(15)))
    actors = {
        "member": member_actor(taken.membership),
        "desk": gifts.desk_actor(),
        "counter": gifts.associate(),
        "services": gifts.services,
    }
    assert (await gifts.untie(taken, actors[who])).wait is None


async def test_who_may_not(gifts: GiftDesk) -> None:
    taken = await claimed(gifts)
    await gifts.send(taken, gifts.stop(at(15)))
    stranger = await gifts.join()
    other_programme = replace(gifts.services, programme_id=gifts.desk.world.hangang.programme_id)
    till = Actor(Role.TILL, "till", programme_id=gifts.shop.programme_id, store_id=gifts.shop.store_id)
    for actor in (member_actor(stranger), other_programme, till):
        with pytest.raises(UnknownGift):
            await gifts.untie(taken, actor)
    with pytest.raises(GiftWaitsForVisit):
        await gifts.untie(taken, gifts.associate("2F-SUYIN"))
    assert (await gifts.gift(taken.gift_id)).wait is not None


async def test_nobody_sends_the_gift_of_another(gifts: GiftDesk) -> None:
    taken, other = await claimed(gifts), await gifts.join()
    with pytest.raises(UnknownGift):
        await gifts.send(replace(taken, membership=other), gifts.stop(at(15)))


async def test_an_offer_that_says_nothing_of_visits(gifts: GiftDesk) -> None:
    taken = await claimed(gifts, visit_days_after=None)
    with pytest.raises(GiftStaysAtDesk) as refused:
        await gifts.send(taken, gifts.stop(at(15)))
    assert refused.value.desk == COUNTER


async def test_a_gift_claimed_before_a_revision_waits_as_was_said_then(gifts: GiftDesk) -> None:
    taken = await claimed(gifts)
    await gifts.revise(gift(pools=(waits(),), collection={"until": "22:00"}))
    assert (await gifts.send(taken, gifts.stop(at(15, days=5)))).wait is not None


@pytest.mark.parametrize("end", ["cancel", "forfeit", "judge"])
async def test_a_gift_that_ends_waits_for_no_visit(gifts: GiftDesk, conn: Conn, end: str) -> None:
    threshold = SpendThreshold(minimum_spend_minor=1_000_00)
    collection = {"until": "22:00", "visit_days_after": 0}
    await gifts.offer(gift(pools=(waits(),), threshold=threshold, collection=collection))
    member = await gifts.join()
    sale_id = await gifts.spend(member, 1_000_00)
    taken = await gifts.claim(member)
    there = gifts.stop(at(15))
    away = await gifts.send(taken, there)
    match end:
        case "cancel":
            await gifts.cancel(taken)
        case "forfeit":
            gifts.clock.set(away.collect_until)
            assert await gifts.forfeit() == 1
        case _:
            await gifts.take_back_lines(member, sale_id, (1, 1))
            await gifts.hand_on_events()
            gifts.clock.set(away.collect_until)
            await gifts.judge_days()
    ended = await gifts.gift(taken.gift_id)
    assert (ended.wait, ended.state) == (None, GiftState.FORFEITED if end == "forfeit" else GiftState.CANCELLED)
    assert await store.list_gifts_of_visits(conn, [there.uid]) == {}
    level = await gifts.level()
    assert (level.confirmed, level.available) == (0, 2)
    gifts.clock.set(at(15))
    for act in (gifts.untie(taken), gifts.send(taken, there), gifts.collect_at(BRAND, taken)):
        with pytest.raises((GiftChangeRefused, GiftAtAnotherDesk)):
            await act


async def test_a_stop_that_is_moved_takes_its_gifts_along(gifts: GiftDesk, conn: Conn) -> None:
    taken = await claimed(gifts)
    there = gifts.stop(at(15))
    await gifts.send(taken, there)
    moved = gifts.stop(at(18, days=4), counter=COUNTER, uid=there.uid)
    await gifts.follow(there.uid, moved)
    away = await gifts.gift(taken.gift_id)
    assert away.wait is not None
    assert (away.wait.counter_id, away.wait.uid, away.wait.until) == (moved.counter_id, there.uid, at(4, days=5))
    assert await events_of(conn) == []


async def test_a_stop_that_is_moved_too_far_leaves_them(gifts: GiftDesk, conn: Conn) -> None:
    taken = await claimed(gifts)
    there = gifts.stop(at(15))
    await gifts.send(taken, there)
    await gifts.follow(there.uid, gifts.stop(at(15, days=6), uid=there.uid))
    back = await gifts.gift(taken.gift_id)
    assert (back.wait, back.collect_until) == (None, at(4, days=1))
    assert await events_of(conn) == ["gifts.back_at_desk"]


@pytest.mark.parametrize(("by_house", "collect_until"), [(False, at(4, days=3)), (True, at(4, days=6))])
async def test_a_stop_that_is_cancelled_gives_them_back(
    gifts: GiftDesk, conn: Conn, by_house: bool, collect_until: datetime
) -> None:
    """Two days after the claim: the desk's own window was over long ago."""
    taken = await claimed(gifts)
    there = gifts.stop(at(15, days=5))
    await gifts.send(taken, there)
    gifts.clock.set(at(12, days=2))
    await gifts.follow(there.uid, None, by_house=by_house)
    back = await gifts.gift(taken.gift_id)
    assert (back.wait, back.collect_until) == (None, collect_until)
    assert await events_of(conn) == ["gifts.back_at_desk"]
    gifts.clock.set(collect_until - timedelta(seconds=1))
    assert await gifts.forfeit() == 0
    gifts.clock.set(collect_until)
    assert await gifts.forfeit() == 1


async def test_a_stop_that_is_over_changes_nothing_of_what_was_collected_there(gifts: GiftDesk, conn: Conn) -> None:
    taken = await claimed(gifts)
    there = gifts.stop(at(15))
    await gifts.send(taken, there)
    collected = await gifts.collect_at(BRAND, taken)
    await gifts.follow(there.uid, None)
    assert await gifts.gift(taken.gift_id) == collected
    assert await store.list_gifts_of_visits(conn, [there.uid]) == {there.uid: [collected]}


async def test_nothing_follows_that_was_not_collected_in_time(gifts: GiftDesk) -> None:
    taken = await claimed(gifts)
    there = gifts.stop(at(15))
    await gifts.send(taken, there)
    gifts.clock.set(at(5, days=1))
    await gifts.follow(there.uid, gifts.stop(at(15, days=2), uid=there.uid))
    with pytest.raises(GiftNotCollectedInTime):
        await gifts.collect_at(BRAND, taken)
    assert await gifts.forfeit() == 1


async def test_a_merge_takes_the_visit_along(gifts: GiftDesk) -> None:
    taken, winner = await claimed(gifts), await gifts.join()
    await gifts.send(taken, gifts.stop(at(15)))
    await gifts.merge(taken.membership, winner)
    moved = await gifts.gift(taken.gift_id)
    assert (moved.membership, moved.wait is None) == (winner, False)
    assert (await gifts.untie(taken)).wait is None  # by a token of before the merge


async def test_the_gifts_of_many_stops_are_one_statement(gifts: GiftDesk, conn: Conn, statements: list[str]) -> None:
    await gifts.offer(gift(pools=(waits(5),), collection={"visit_days_after": 5}, limit_per_member_day=5))
    member = await gifts.join()
    stops = [gifts.stop(at(15)), gifts.stop(at(18))]
    taken = [await gifts.claim(member) for _ in range(3)]
    for one, there in zip(taken, (stops[0], stops[0], stops[1]), strict=True):
        await gifts.send(one, there)
    statements.clear()
    async with gifts.database.reader(gifts.associate()) as reader:
        found = await store.list_gifts_of_visits(reader, [*(there.uid for there in stops), new_id()])
    assert len([text for text in statements if "gifts.gifts" in text]) == 1
    assert {uid: {one.gift_id for one in there} for uid, there in found.items()} == {
        stops[0].uid: {taken[0].gift_id, taken[1].gift_id},
        stops[1].uid: {taken[2].gift_id},
    }


async def test_an_associate_sees_what_waits_at_the_counter_alone(gifts: GiftDesk) -> None:
    taken = await claimed(gifts)

    async def seen(actor: Actor) -> bool:
        async with gifts.database.reader(actor) as reader:
            return taken.gift_id in await store.list_gifts_by_id(reader, [taken.gift_id])

    assert not await seen(gifts.associate())
    await gifts.send(taken, gifts.stop(at(15)))
    assert await seen(gifts.associate())
    assert not await seen(gifts.associate(COUNTER))
    await gifts.collect_at(BRAND, taken)
    assert await seen(gifts.associate())
