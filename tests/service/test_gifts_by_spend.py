"""Gifts that a day's spend buys (满额礼), and what a return does to them."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from membership.campaigns.content import GiftOffer, GiftPool, ReturnedUnits, Scope, SpendThreshold, ThresholdPer
from membership.gifts.errors import GiftBelowThreshold, GiftChangeRefused
from membership.gifts.model import GiftCause, GiftState
from membership.inventory.errors import MemberLimitReached
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.receipts.amounts import use_amounts
from membership.receipts.model import AmountUse, ReturnRequest, UsedBy
from membership.redis.client import RedisClient
from membership.sample import identifiers as ids
from membership.tills.model import AttachSale, ExchangeLines
from support.campaign_desk import gift
from support.gift_desk import COUNTER, DAY, FIRST_DAY, GiftDesk, new_key, open_gift_desk
from support.patience import open_patiently
from support.till_world import basket, sale_id_of

THOUSAND = 1_000_00


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def gifts(database: Database, conn: Conn, client: RedisClient, keyring: Keyring) -> GiftDesk:
    return await open_gift_desk(database, conn, client, keyring)


def by_spend(
    minimum_minor: int = THOUSAND, *, each: bool = False, code: str = "DAILY-GIFT", **others: object
) -> GiftOffer:
    """Of CNY 1,000, once a day or for each full amount; with no other limit that would be felt."""
    said: dict[str, object] = {
        "pools": (GiftPool(code="MAIN", desk=COUNTER, units_per_day=20),),
        "days": (),
        "limit_per_member_day": 100,
        "threshold": SpendThreshold(
            minimum_spend_minor=minimum_minor, per=ThresholdPer.PER_AMOUNT if each else ThresholdPer.ONCE
        ),
    }
    return gift(code, **said, **others)


async def test_below_the_threshold_by_how_much(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    await gifts.spend(member, 300_00)
    with pytest.raises(GiftBelowThreshold) as refused:
        await gifts.claim(member)
    assert (refused.value.minimum_spend_minor, refused.value.missing_minor) == (THOUSAND, 700_00)
    await gifts.spend(member, 700_00, counter="1F-LISABEAU")  # another concession of the store
    claimed = await gifts.claim(member)
    assert await gifts.used_minor([claimed]) == THOUSAND


async def test_once_a_day_however_much_is_spent(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    await gifts.spend(member, 5 * THOUSAND)
    await gifts.claim(member)
    with pytest.raises(MemberLimitReached):
        await gifts.claim(member)


async def test_c6_each_full_amount_buys_one(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend(each=True))
    member = await gifts.join()
    await gifts.spend(member, 2_999_00)
    claimed = [await gifts.claim(member) for _ in range(2)]
    with pytest.raises(GiftBelowThreshold) as refused:
        await gifts.claim(member)
    assert refused.value.missing_minor == 1_00
    assert await gifts.used_minor(claimed) == 2 * THOUSAND


async def test_c6_two_offers_of_a_group_do_not_share_an_amount(gifts: GiftDesk) -> None:
    one, two = (by_spend(code=code, exclusive_group="GIFTS") for code in ("ONE", "TWO"))
    await gifts.offer(one, two, by_spend(code="FREE"))
    member = await gifts.join()
    await gifts.spend(member, 1_500_00)
    await gifts.claim(member, gifts.pool(rule="ONE"))
    with pytest.raises(GiftBelowThreshold) as refused:
        await gifts.claim(member, gifts.pool(rule="TWO"))
    assert refused.value.missing_minor == 500_00
    await gifts.claim(member, gifts.pool(rule="FREE"))  # a group of its own


async def test_only_what_is_in_scope_counts(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend(scope=Scope(counters=("1F-LISABEAU",))))
    member = await gifts.join()
    await gifts.spend(member, 5 * THOUSAND)
    with pytest.raises(GiftBelowThreshold):
        await gifts.claim(member)
    await gifts.spend(member, THOUSAND, counter="1F-LISABEAU")
    await gifts.claim(member)


async def test_the_business_day_decides_not_the_calendar(gifts: GiftDesk) -> None:
    """A sale at 02:00 belongs to the day before; one after the cut-over to the next."""
    await gifts.offer(by_spend())
    member = await gifts.join()
    gifts.clock.advance(timedelta(hours=14))  # 02:00
    await gifts.spend(member, THOUSAND)
    claimed = await gifts.claim(member)
    assert claimed.day.isoformat() == "2026-11-12"
    gifts.clock.advance(timedelta(hours=10))  # 12:00 of the 13th
    other = await gifts.join()
    gifts.clock.advance(-timedelta(hours=10))
    await gifts.spend(other, THOUSAND)
    gifts.clock.advance(timedelta(hours=10))
    with pytest.raises(GiftBelowThreshold):
        await gifts.claim(other, gifts.pool(day=claimed.day + DAY))


async def test_a_forgotten_receipt_counts_once_it_is_attached(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    till = gifts.till(member)
    await till.sell_anonymously(THOUSAND)
    with pytest.raises(GiftBelowThreshold):
        await gifts.claim(member)
    command = AttachSale(
        idempotency_key=new_key(),
        store_id=gifts.shop.store_id,
        till=ids.till_code_of(COUNTER),
        business_date=FIRST_DAY,
        sequence=till.sequence,
        net_minor=THOUSAND,
        member=till.card,
    )
    await till.tills.attach(till.actor, command, gifts.now)
    assert (await gifts.claim(member)).state is GiftState.CONFIRMED


async def test_a_receipt_that_is_attached_later_wins_no_gift_back(gifts: GiftDesk) -> None:
    """Same day only: any receipt of the day that was found on the next one once covered a gift that was due back."""
    await gifts.offer(by_spend())
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND)
    till = gifts.till(member)
    await till.sell_anonymously(THOUSAND)
    command = AttachSale(
        idempotency_key=new_key(),
        store_id=gifts.shop.store_id,
        till=ids.till_code_of(COUNTER),
        business_date=FIRST_DAY,
        sequence=till.sequence,
        net_minor=THOUSAND,
        member=till.card,
    )
    claimed = await gifts.claim(member)
    await gifts.collect(claimed)
    gifts.clock.advance(DAY)
    await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.judge_days()
    assert await gifts.state(claimed) is GiftState.CLAWBACK_DUE
    await till.tills.attach(till.actor, command, gifts.now)
    await gifts.judge_days()
    assert await gifts.state(claimed) is GiftState.CLAWBACK_DUE


async def test_a_same_day_return_is_judged_when_the_day_ends(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend(collection={"days_after": 3}))
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND)
    claimed = await gifts.claim(member)
    await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.judge_days()
    assert await gifts.state(claimed) is GiftState.CONFIRMED
    gifts.clock.advance(timedelta(hours=15, minutes=59))
    await gifts.judge_days()
    assert await gifts.state(claimed) is GiftState.CONFIRMED
    gifts.clock.advance(timedelta(minutes=1))  # 04:00: the business day has ended
    await gifts.judge_days()
    judged = await gifts.gift(claimed.gift_id)
    assert (judged.state, judged.cause) == (GiftState.CANCELLED, GiftCause.SPEND_RETURNED)
    assert await gifts.used_minor() == 0
    assert (await gifts.level()).confirmed == 0


async def test_an_exchange_costs_no_gift(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend(collection={"days_after": 3}))
    member = await gifts.join()
    till = gifts.till(member)
    sale_id = sale_id_of(await till.sell(THOUSAND))
    claimed = await gifts.claim(member)
    command = ExchangeLines(
        idempotency_key=new_key(),
        sale=sale_id,
        lines=(ReturnRequest(1, 1),),
        sequence=till.next_sequence(),
        basket=basket(1_200_00),
        sale_sequence=till.next_sequence(),
        returned_at=gifts.now,
    )
    await till.tills.exchange(till.actor, command, gifts.now)
    gifts.clock.advance(DAY)
    await gifts.judge_days()
    assert await gifts.state(claimed) is GiftState.CONFIRMED
    assert await gifts.used_minor([claimed]) == THOUSAND


async def test_a_return_and_another_receipt_before_the_judgement(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND)
    collected = await gifts.collect(await gifts.claim(member))
    await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.spend(member, THOUSAND, counter="1F-LISABEAU")
    gifts.clock.advance(DAY)
    await gifts.judge_days()
    assert await gifts.state(collected) is GiftState.COLLECTED


async def test_a_void_is_a_return_too(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    till = gifts.till(member)
    sold = await till.sell(THOUSAND)
    collected = await gifts.collect(await gifts.claim(member))
    await till.void(sale_id_of(sold))
    gifts.clock.advance(DAY)
    await gifts.judge_days()
    assert await gifts.state(collected) is GiftState.CLAWBACK_DUE


async def test_a_later_return_is_judged_at_once(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend(collection={"days_after": 3}))
    keeps, waits = await gifts.join(), await gifts.join()
    sales = {member: await gifts.spend(member, THOUSAND, 50_00) for member in (keeps, waits)}
    collected, confirmed = await gifts.collect(await gifts.claim(keeps)), await gifts.claim(waits)
    gifts.clock.advance(DAY)
    for member, sale_id in sales.items():
        await gifts.take_back_lines(member, sale_id, (2, 1))
    await gifts.hand_on_events()
    assert await gifts.state(collected) is GiftState.COLLECTED  # still covered
    for member, sale_id in sales.items():
        await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.hand_on_events()
    assert await gifts.state(collected) is GiftState.CLAWBACK_DUE
    assert await gifts.state(confirmed) is GiftState.CANCELLED


async def test_brought_back(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend(returned_units=ReturnedUnits.VOID))
    member = await gifts.join()
    sale_id = await gifts.spend(member, 400_00, 600_00)
    collected = await gifts.collect(await gifts.claim(member))
    gifts.clock.advance(DAY)
    await gifts.take_back_lines(member, sale_id, (2, 1))
    await gifts.hand_on_events()
    assert await gifts.used_minor([collected]) == 400_00  # what is left of what bought it
    returned = await gifts.take_back(collected)
    assert (returned.state, returned.cause) == (GiftState.RETURNED, GiftCause.BROUGHT_BACK)
    assert await gifts.used_minor() == 0
    level = await gifts.level()
    assert (level.confirmed, level.voided) == (0, 1)
    with pytest.raises(GiftChangeRefused):
        await gifts.waive(collected)


async def test_waived_with_a_reason_and_audited(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND)
    collected = await gifts.collect(await gifts.claim(member))
    with pytest.raises(GiftChangeRefused):
        await gifts.waive(collected)
    gifts.clock.advance(DAY)
    await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.hand_on_events()
    waived = await gifts.waive(collected)
    assert (waived.state, waived.cause) == (GiftState.WAIVED, GiftCause.GOODWILL)
    entry = await gifts.conn.fetchrow(
        "SELECT actor, before, after FROM platform.audit_entries WHERE action = 'gifts.goodwill'"
    )
    assert entry is not None
    assert (entry["actor"], entry["after"]) == ("wang.fang", '{"cause": "GOODWILL", "state": "WAIVED"}')
    assert (await gifts.level()).confirmed == 1


async def test_covered_again_by_a_receipt_that_was_reported_late(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND)
    collected = await gifts.collect(await gifts.claim(member))
    offline = gifts.till(member, "1F-LISABEAU")
    late = offline.commit_of(offline.basket(THOUSAND))
    gifts.clock.advance(DAY)
    await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.hand_on_events()
    assert await gifts.state(collected) is GiftState.CLAWBACK_DUE
    await offline.commit(late)
    await gifts.hand_on_events()
    again = await gifts.gift(collected.gift_id)
    assert (again.state, again.cause) == (GiftState.COLLECTED, GiftCause.COVERED_AGAIN)
    assert again.collected_at == collected.collected_at
    assert await gifts.used_minor([again]) == THOUSAND


async def test_the_gift_in_the_hands_is_covered_before_the_one_that_waits(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend(each=True, collection={"days_after": 3}))
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND, THOUSAND)
    waiting, collected = await gifts.claim(member), await gifts.collect(await gifts.claim(member))
    gifts.clock.advance(DAY)
    await gifts.take_back_lines(member, sale_id, (2, 1))
    await gifts.hand_on_events()
    assert await gifts.state(collected) is GiftState.COLLECTED
    assert await gifts.state(waiting) is GiftState.CANCELLED


async def test_a_return_before_the_judgement_buys_no_second_gift(gifts: GiftDesk) -> None:
    """The receipt that took the place of the returned one holds the first gift up."""
    await gifts.offer(by_spend(each=True))
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND)
    await gifts.collect(await gifts.claim(member))
    await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.spend(member, THOUSAND)
    with pytest.raises(GiftBelowThreshold) as refused:
        await gifts.claim(member)
    assert refused.value.missing_minor == THOUSAND
    await gifts.spend(member, THOUSAND)
    await gifts.claim(member)


async def test_c6_who_lets_a_gift_lapse_gets_no_other_for_the_same_receipts(gifts: GiftDesk) -> None:
    early = by_spend(code="EARLY", exclusive_group="GIFTS", collection={"until": "20:00"})
    await gifts.offer(early, by_spend(code="LATE", exclusive_group="GIFTS"))
    member = await gifts.join()
    await gifts.spend(member, 1_500_00)
    claimed = await gifts.claim(member, gifts.pool(rule="EARLY"))
    gifts.clock.set(claimed.collect_until)
    assert await gifts.forfeit() == 1
    with pytest.raises(GiftBelowThreshold) as refused:
        await gifts.claim(member, gifts.pool(rule="LATE"))
    assert refused.value.missing_minor == 500_00
    assert await gifts.used_minor() == THOUSAND


async def test_c6_who_cancels_has_the_amount_again(gifts: GiftDesk) -> None:
    one, two = (by_spend(code=code, exclusive_group="GIFTS") for code in ("ONE", "TWO"))
    await gifts.offer(one, two)
    member = await gifts.join()
    await gifts.spend(member, THOUSAND)
    await gifts.cancel(await gifts.claim(member, gifts.pool(rule="ONE")))
    assert await gifts.used_minor() == 0
    await gifts.claim(member, gifts.pool(rule="TWO"))


async def test_c6_what_a_coupon_used_up_buys_no_gift(gifts: GiftDesk, database: Database) -> None:
    await gifts.offer(by_spend(exclusive_group="GIFTS"))
    member = await gifts.join()
    sale_id = await gifts.spend(member, 1_200_00)
    async with database.engine(gifts.services, gifts.now) as tx:
        used = AmountUse(new_id(), sale_id, 1, "GIFTS", 300_00)
        await use_amounts(tx.conn, UsedBy.COUPON, [used], gifts.now)
    with pytest.raises(GiftBelowThreshold) as refused:
        await gifts.claim(member)
    assert refused.value.missing_minor == 100_00
    await gifts.spend(member, 100_00)
    await gifts.claim(member)


async def test_a_merge_hands_over_gifts_and_days(gifts: GiftDesk) -> None:
    await gifts.offer(by_spend())
    loser, winner = await gifts.join(), await gifts.join()
    sale_id = await gifts.spend(loser, THOUSAND)
    collected = await gifts.collect(await gifts.claim(loser))
    await gifts.take_back_lines(loser, sale_id, (1, 1))
    await gifts.hand_on_events()
    await gifts.merge(loser, winner)
    await gifts.hand_on_events()
    assert (await gifts.gift(collected.gift_id)).membership == winner
    gifts.clock.advance(DAY)
    await gifts.judge_days()
    assert await gifts.state(collected) is GiftState.CLAWBACK_DUE
