"""A gift from its claim to its end, on real servers."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from membership.campaigns.content import GiftPool, ReturnedUnits, TierPreview
from membership.campaigns.errors import UnknownCode
from membership.gifts.errors import (
    GiftAtAnotherDesk,
    GiftChangeRefused,
    GiftCollectedAlready,
    GiftEnded,
    GiftLimitsFrozen,
    GiftNotCollectedInTime,
    GiftNotDropped,
    GiftNotEligible,
    GiftNotStarted,
    GiftPaused,
    GiftWrongStore,
    UnknownGift,
    UnknownGiftDesk,
    UnknownGiftPool,
)
from membership.gifts.model import ByGiftCode, GiftCause, GiftPoolId, GiftState
from membership.inventory.errors import MemberLimitReached, SoldOut, StockBelowConfirmed
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from membership.redis.client import RedisClient
from sample_store import add_member
from support.campaign_desk import gift, november
from support.gift_desk import DAY, FIRST_DAY, GiftDesk, new_key, open_gift_desk
from support.patience import open_patiently


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def gifts(database: Database, conn: Conn, client: RedisClient, keyring: Keyring) -> GiftDesk:
    return await open_gift_desk(database, conn, client, keyring)


def few(units: int = 2, **others: object) -> GiftPool:
    return GiftPool.model_validate({"code": "MAIN", "desk": "2F-ALVENNA", "units_per_day": units, **others})


async def test_claim_and_collect(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(),)))
    member = await gifts.join()
    claimed = await gifts.claim(member)
    assert (claimed.state, claimed.day) == (GiftState.CONFIRMED, FIRST_DAY)
    assert claimed == await gifts.gift(claimed.gift_id)
    collected = await gifts.collect(claimed)
    assert (collected.state, collected.collected_by, collected.step) == (GiftState.COLLECTED, "desk-1", 3)
    assert (await gifts.level()).confirmed == 1


async def test_a_repeat_is_told_the_same_whatever_has_happened_since(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(),)))
    member, key = await gifts.join(), new_key()
    claimed = await gifts.claim(member, key=key)
    assert await gifts.claim(member, key=key) == claimed
    gifts.clock.advance(DAY * 20)  # the time for claims is over
    assert await gifts.claim(member, key=key) == claimed
    with pytest.raises(IdempotencyConflict):
        await gifts.claim(member, gifts.pool(day=FIRST_DAY + 10 * DAY), key=key)
    assert (await gifts.level()).confirmed == 1


async def test_what_time_refuses_costs_no_query(gifts: GiftDesk, statements: list[str]) -> None:
    await gifts.offer(gift(pools=(few(),)))
    member = await gifts.join()
    gifts.clock.advance(-timedelta(hours=3))  # 09:00
    with pytest.raises(GiftNotDropped) as refused:
        await gifts.claim(member)
    assert refused.value.drops_at == "2026-11-12T10:00+08:00"
    await gifts.refresh()
    statements.clear()
    with pytest.raises(GiftNotDropped):
        await gifts.claim(member)
    assert statements == []


async def test_a_claim_is_one_transaction_of_its_own(gifts: GiftDesk, statements: list[str]) -> None:
    await gifts.offer(gift(pools=(few(),)))
    first, second = await gifts.join(), await gifts.join()
    await gifts.claim(first)
    statements.clear()
    await gifts.claim(second)
    texts = [text.splitlines()[0] for text in statements]
    assert len(texts) == 6, texts  # BEGIN, counts, pool, claims, gifts, COMMIT


async def test_a_tier_is_one_read_for_who_passes_the_cheap_checks(gifts: GiftDesk, statements: list[str]) -> None:
    await gifts.offer(gift(pools=(few(tiers=("BLACK",)),)))
    silver, black = await gifts.join(), await gifts.join(tier="BLACK")
    await gifts.claim(black)
    statements.clear()
    with pytest.raises(GiftNotEligible) as refused:
        await gifts.claim(silver)
    assert (refused.value.tier, refused.value.eligible_tiers) == ("CARD", ["BLACK"])
    reads = [text for text in statements if "tiers.records" in text]
    assert len(reads) == 1


async def test_pools_of_tiers(gifts: GiftDesk) -> None:
    pools = (few(code="ALL"), few(code="BLACK", tiers=("BLACK",)))
    await gifts.offer(gift(pools=pools, limit_per_member_day=2))
    black = await gifts.join(tier="BLACK")
    assert (await gifts.claim(black, gifts.pool(code="BLACK"))).pool_id == gifts.pool(code="BLACK")
    assert (await gifts.claim(black, gifts.pool(code="ALL"))).pool_id == gifts.pool(code="ALL")
    with pytest.raises(MemberLimitReached):  # limits span the pools
        await gifts.claim(black, gifts.pool(code="ALL"))


async def test_a_preview(gifts: GiftDesk) -> None:
    preview = TierPreview(tiers=("BLACK",), hours_before=2)
    await gifts.offer(gift(pools=(few(),)), calendar=november(opens_at="13:00", previews=(preview,)))
    silver, black = await gifts.join(), await gifts.join(tier="BLACK")
    await gifts.claim(black)
    with pytest.raises(GiftNotStarted):
        await gifts.claim(silver)
    gifts.clock.advance(timedelta(hours=1))
    await gifts.claim(silver)


async def test_limits_of_the_day_and_of_the_campaign(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(5),), days=(), limit_per_member_day=1, limit_per_member=2))
    member = await gifts.join()
    await gifts.claim(member)
    with pytest.raises(MemberLimitReached) as refused:
        await gifts.claim(member)
    assert refused.value.per == "DAY"
    gifts.clock.advance(DAY)
    await gifts.claim(member, gifts.pool(day=FIRST_DAY + DAY))
    gifts.clock.advance(DAY)
    with pytest.raises(MemberLimitReached) as refused:
        await gifts.claim(member, gifts.pool(day=FIRST_DAY + 2 * DAY))
    assert refused.value.per == "CAMPAIGN"


async def test_sold_out_and_free_again(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(1),)))
    first, second = await gifts.join(), await gifts.join()
    claimed = await gifts.claim(first)
    with pytest.raises(SoldOut):
        await gifts.claim(second)
    cancelled = await gifts.cancel(claimed)
    assert (cancelled.state, cancelled.cause) == (GiftState.CANCELLED, GiftCause.MEMBER_CANCELLED)
    assert (await gifts.claim(second)).state is GiftState.CONFIRMED
    assert (await gifts.level()).confirmed == 1


async def test_who_cancels_may_claim_again(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(1),), limit_per_member=1))
    member = await gifts.join()
    await gifts.cancel(await gifts.claim(member))
    assert (await gifts.claim(member)).state is GiftState.CONFIRMED


async def test_nobody_cancels_the_gift_of_another(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(),)))
    claimed, other = await gifts.claim(await gifts.join()), await gifts.join()
    with pytest.raises(UnknownGift):
        await gifts.changes.cancel(gifts.services, gifts.now, other, claimed.gift_id, key=new_key())
    assert await gifts.state(claimed) is GiftState.CONFIRMED


async def test_unknown_pools(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(),)))
    member = await gifts.join()
    with pytest.raises(UnknownGiftPool):
        await gifts.claim(member, GiftPoolId(new_id()))
    with pytest.raises(GiftNotDropped):
        await gifts.claim(member, gifts.pool(day=FIRST_DAY + 10 * DAY))


async def test_a_member_of_another_programme(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(),)))
    stranger = await add_member(gifts.conn, gifts.desk.world.brompton)
    with pytest.raises(GiftWrongStore) as refused:
        await gifts.claim(stranger)
    assert refused.value.store == "CHAOYANG-GALLERIA"


async def test_a_pause_that_this_process_has_not_heard_of(gifts: GiftDesk) -> None:
    """C5: the claim's own statement sees it; what was given stays good."""
    await gifts.offer(gift(pools=(few(),)))
    before, after = await gifts.claim(await gifts.join()), await gifts.join()
    campaigns = gifts.gifts.campaigns
    await gifts.pause()
    assert await campaigns.in_force(gifts.campaign_id, gifts.now) is not None
    with pytest.raises(GiftPaused):
        await gifts.claim(after)
    assert (await gifts.level()).confirmed == 1
    assert (await gifts.collect(before)).state is GiftState.COLLECTED


async def test_hand_over_once(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(),)))
    claimed, key = await gifts.claim(await gifts.join()), new_key()
    collected = await gifts.collect(claimed, key=key)
    assert await gifts.collect(claimed, key=key) == collected
    with pytest.raises(GiftCollectedAlready):
        await gifts.collect(claimed, subject="desk-2")
    with pytest.raises(GiftCollectedAlready):
        await gifts.cancel(claimed)


async def test_by_code_at_the_right_desk(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(),)))
    claimed = await gifts.claim(await gifts.join())
    typed = ByGiftCode(f"{claimed.code[:5]}-{claimed.code[5:]}".lower())
    elsewhere = gifts.desk_actor("1F-LISABEAU")
    with pytest.raises(GiftAtAnotherDesk) as refused:
        await gifts.changes.hand_over(elsewhere, gifts.now, typed, key=new_key())
    assert refused.value.desk == "2F-ALVENNA"
    packed = await gifts.changes.pack(gifts.desk_actor(None), gifts.now, typed, key=new_key())
    assert packed.state is GiftState.READY
    collected = await gifts.changes.hand_over(gifts.desk_actor(), gifts.now, typed, key=new_key())
    assert collected.state is GiftState.COLLECTED


async def test_not_collected_in_time(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(1),), collection={"until": "01:30"}, limit_per_member=1))
    claimed = await gifts.claim(await gifts.join())
    gifts.clock.set(claimed.collect_until - timedelta(seconds=1))
    assert await gifts.forfeit() == 0
    gifts.clock.set(claimed.collect_until)
    with pytest.raises(GiftNotCollectedInTime):
        await gifts.collect(claimed)
    assert await gifts.forfeit() == 1
    assert await gifts.forfeit() == 0
    forfeited = await gifts.gift(claimed.gift_id)
    assert (forfeited.state, forfeited.cause) == (GiftState.FORFEITED, GiftCause.NOT_COLLECTED)
    level = await gifts.level()
    assert (level.confirmed, level.available) == (0, 1)
    with pytest.raises(GiftChangeRefused):
        await gifts.collect(claimed)


@pytest.mark.parametrize(
    ("returned_units", "today", "tomorrow"),
    [
        (ReturnedUnits.SAME_POOL, (1, 0), (1, 0)),
        (ReturnedUnits.NEXT_DAY, (0, 0), (2, 0)),
        (ReturnedUnits.VOID, (1, 1), (1, 0)),
    ],
)
async def test_where_a_forfeited_unit_goes(
    gifts: GiftDesk, returned_units: ReturnedUnits, today: tuple[int, int], tomorrow: tuple[int, int]
) -> None:
    await gifts.offer(gift(pools=(few(1),), days=(), returned_units=returned_units, collection={"until": "22:00"}))
    claimed = await gifts.claim(await gifts.join())
    gifts.clock.set(claimed.collect_until)
    assert await gifts.forfeit() == 1
    levels = [await gifts.level(gifts.pool(day=FIRST_DAY + number * DAY)) for number in range(2)]
    assert [(level.total, level.voided) for level in levels] == [today, tomorrow]
    assert [level.confirmed for level in levels] == [0, 0]


async def test_a_unit_that_comes_back_late_goes_to_no_day_gone_by(gifts: GiftDesk) -> None:
    await gifts.offer(
        gift(pools=(few(1),), days=(), returned_units=ReturnedUnits.NEXT_DAY, collection={"days_after": 3})
    )
    claimed = await gifts.claim(await gifts.join())
    gifts.clock.set(claimed.collect_until)  # as the fifth day begins
    await gifts.forfeit()
    totals = [(await gifts.level(gifts.pool(day=FIRST_DAY + number * DAY))).total for number in range(6)]
    assert totals == [0, 1, 1, 1, 2, 1]


async def test_on_the_last_day_there_is_no_next_one(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(1),), returned_units=ReturnedUnits.NEXT_DAY))
    last = gifts.pool(day=FIRST_DAY + 10 * DAY)
    gifts.clock.advance(10 * DAY)
    claimed = await gifts.claim(await gifts.join(), last)
    gifts.clock.set(claimed.collect_until)
    await gifts.forfeit()
    assert (await gifts.level(last)).voided == 1


async def test_pools_of_days_gone_by_are_closed(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(1),)))
    claimed = await gifts.claim(await gifts.join())
    gifts.clock.advance(DAY)
    assert await gifts.jobs.close_pools(gifts.database, gifts.now) == 1
    assert await gifts.jobs.close_pools(gifts.database, gifts.now) == 0
    await gifts.refresh()
    with pytest.raises(GiftEnded):
        await gifts.claim(await gifts.join())
    assert await gifts.forfeit() == 1
    assert await gifts.state(claimed) is GiftState.FORFEITED
    assert (await gifts.level(gifts.pool(day=FIRST_DAY + 10 * DAY))).available == 1


async def test_a_later_revision(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(2),)))
    for _ in range(2):
        await gifts.claim(await gifts.join())
    with pytest.raises(StockBelowConfirmed):
        await gifts.revise(gift(pools=(few(1),)))
    assert (await gifts.level()).total == 2


async def test_more_units_more_days_and_a_pool_less(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(2), few(3, code="SECOND"))))
    await gifts.claim(await gifts.join())
    await gifts.revise(gift(pools=(few(5),), days=()))
    assert (await gifts.level()).total == 5
    assert (await gifts.level(gifts.pool(day=FIRST_DAY + DAY))).total == 5
    with pytest.raises(UnknownGiftPool):
        await gifts.claim(await gifts.join(), gifts.pool(code="SECOND"))
    gifts.clock.advance(DAY)
    claimed = await gifts.claim(await gifts.join(), gifts.pool(day=FIRST_DAY + DAY))
    assert claimed.day == FIRST_DAY + DAY


async def test_a_gift_that_a_revision_left_out_does_not_come_back_with_other_limits(gifts: GiftDesk) -> None:
    """It once did, and its claims were counted by those of before."""
    await gifts.offer(gift(pools=(few(9),)))
    await gifts.revise(gift("ANOTHER", pools=(few(9),)))
    with pytest.raises(GiftLimitsFrozen):
        await gifts.revise(gift(pools=(few(9),), limit_per_member_day=7))


async def test_a_gift_that_a_revision_left_out_comes_back_with_the_units_said_then(gifts: GiftDesk) -> None:
    """It once came back with those of before, however few there were by then."""
    await gifts.offer(gift(pools=(few(9),)))
    await gifts.claim(await gifts.join())
    await gifts.revise(gift("ANOTHER", pools=(few(9),)))
    await gifts.revise(gift(pools=(few(3),)))
    level = await gifts.level()
    assert (level.total, level.available) == (3, 2)


async def test_limits_in_force_stay(gifts: GiftDesk) -> None:
    await gifts.offer(gift(pools=(few(2),)))
    with pytest.raises(GiftLimitsFrozen):
        await gifts.revise(gift(pools=(few(2),), limit_per_member=7))


async def test_a_desk_that_no_store_has(gifts: GiftDesk) -> None:
    with pytest.raises((UnknownGiftDesk, UnknownCode)):
        await gifts.offer(gift(pools=(few(2, desk="9F-NOWHERE"),)))
