"""Gifts over GraphQL: the app, the desk, member services, planners."""

from dataclasses import replace
from datetime import timedelta

import pytest
from strawberry.types import ExecutionResult

from membership.campaigns.content import GiftOffer, GiftPool, SpendThreshold
from membership.campaigns.scheduling import Hooks
from membership.cards.service import issue_code_seed
from membership.gifts.model import GiftState
from membership.graph.inventory import POOL
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.kernel.randomness import random_bytes
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from support.campaign_desk import gift, open_campaign_desk
from support.clock import StoppedClock
from support.gift_desk import BRAND, DAY, FIRST_DAY, NOON, GiftDesk, member_actor, new_key
from support.operations import Run, codes, trusted

OFFERS, MINE = trusted("app/GiftOffers"), trusted("app/MyGifts")
CLAIM, CANCEL = trusted("app/ClaimGift"), trusted("app/CancelGift")
AT_DESK, TO_COLLECT, FIND = trusted("desk/GiftsAtDesk"), trusted("desk/GiftsToCollect"), trusted("desk/FindGift")
READY, COLLECT = trusted("desk/MarkGiftReady"), trusted("desk/CollectGift")
TAKE_BACK, WAIVE = trusted("desk/TakeBackGift"), trusted("desk/WaiveGift")
POOLS = trusted("planner/GiftPools")


@pytest.fixture
async def gifts(services: Services, conn: Conn, clock: StoppedClock) -> GiftDesk:
    """On the services of the schema, whose clock it shares."""
    clock.set(NOON)
    hooks = Hooks(on_schedule=[services.gifts.preparation.on_schedule])
    desk = await open_campaign_desk(services.database, conn, hooks=hooks)
    return GiftDesk(
        database=services.database,
        conn=conn,
        keyring=services.keyring,
        desk=replace(desk, cache=services.gifts.campaigns),
        inventory=services.inventory,
        gifts=services.gifts,
        clock=clock,
    )


def few(units: int = 2, **others: object) -> GiftPool:
    return GiftPool.model_validate({"code": "MAIN", "desk": "2F-ALVENNA", "units_per_day": units, **others})


def by_spend(code: str = "DAILY-GIFT") -> GiftOffer:
    return gift(code, pools=(few(),), threshold=SpendThreshold(minimum_spend_minor=1_000_00))


def answer(result: ExecutionResult) -> dict[str, object]:
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    assert isinstance(payload, dict)
    return payload


def rows(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


def part(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


async def offered(gifts: GiftDesk, run: Run, member: MembershipKey, **more: object) -> list[dict[str, object]]:
    variables = {"storeId": global_id("Store", gifts.shop.store_id), **more}
    return rows(answer(await run(OFFERS, variables, caller=member_actor(member)))["pools"])


async def claimed(gifts: GiftDesk, run: Run, member: MembershipKey, **wanted: object) -> dict[str, object]:
    wanted = wanted or {"poolId": global_id(POOL, gifts.pool())}
    variables = {"input": {"idempotencyKey": new_key(), "wanted": wanted}}
    return answer(await run(CLAIM, variables, caller=member_actor(member)))


async def at_desk(gifts: GiftDesk, run: Run, document: str, by: dict[str, object]) -> dict[str, object]:
    variables = {"input": {"idempotencyKey": new_key(), "gift": by}}
    return answer(await run(document, variables, caller=gifts.desk_actor()))


async def test_the_story_of_a_gift(gifts: GiftDesk, run: Run) -> None:
    await gifts.offer(gift(pools=(few(),)))
    member = await gifts.join()
    [pool] = await offered(gifts, run, member)
    assert (pool["offer"], pool["name"], pool["desk"]) == ("ANNIVERSARY-2026/DAILY-GIFT", "Daily gift", "2F-ALVENNA")
    assert (pool["mayClaim"], pool["whyNot"]) == (True, None)
    assert pool["level"] == {"total": 2, "available": 2, "soldOut": False}

    taken = part((await claimed(gifts, run, member, poolId=pool["poolId"]))["gift"])
    assert (taken["state"], taken["day"], taken["storeName"]) == ("CONFIRMED", "2026-11-12", "Chaoyang Galleria")
    [mine] = rows(answer(await run(MINE, caller=member_actor(member)))["nodes"])
    assert (mine["id"], mine["code"]) == (taken["id"], taken["code"])

    by = {"code": taken["code"]}
    assert part(answer(await run(FIND, {"by": by}, caller=gifts.desk_actor()))["gift"])["id"] == taken["id"]
    assert part((await at_desk(gifts, run, READY, by))["gift"])["state"] == "READY"
    assert part((await at_desk(gifts, run, COLLECT, by))["gift"])["state"] == "COLLECTED"
    assert (await at_desk(gifts, run, COLLECT, by))["code"] == "GIFT_COLLECTED_ALREADY"


async def test_why_not(gifts: GiftDesk, run: Run) -> None:
    only_black = few(code="BLACK", tiers=("BLACK",))
    await gifts.offer(gift(pools=(few(1), only_black)), by_spend(code="BY-SPEND"))
    member, other = await gifts.join(), await gifts.join()

    def why_not(pools: list[dict[str, object]]) -> list[object]:
        return [None if pool["whyNot"] is None else part(pool["whyNot"])["code"] for pool in pools]

    # By offer and pool: BY-SPEND, then BLACK and MAIN of the daily gift.
    assert why_not(await offered(gifts, run, member)) == ["GIFT_BELOW_THRESHOLD", "GIFT_NOT_ELIGIBLE", None]
    await gifts.spend(member, 1_000_00)
    await gifts.claim(member)
    assert why_not(await offered(gifts, run, member)) == [None, "GIFT_NOT_ELIGIBLE", "MEMBER_LIMIT_REACHED"]
    later = await offered(gifts, run, other, day=(FIRST_DAY + 10 * DAY).isoformat())
    assert why_not(later) == ["GIFT_NOT_DROPPED"] * 3
    gifts.clock.advance(-timedelta(hours=4))
    assert why_not(await offered(gifts, run, other)) == ["GIFT_NOT_DROPPED"] * 3
    assert await offered(gifts, run, other, day="2026-12-24") == []


async def test_polling_reads_no_more_for_many_pools(gifts: GiftDesk, run: Run, statements: list[str]) -> None:
    counts = []
    member = await gifts.join()
    await gifts.offer(gift(pools=tuple(few(code=f"POOL-{number}", tiers=("CARD",)) for number in range(6))))
    for number in (6, 1):
        if number == 1:
            await gifts.revise(gift(pools=(few(code="POOL-0", tiers=("CARD",)),)))
        await offered(gifts, run, member)
        statements.clear()
        assert len(await offered(gifts, run, member)) == number
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_a_claim_by_what_the_poster_says(gifts: GiftDesk, run: Run) -> None:
    await gifts.offer(gift(pools=(few(code="BLACK", tiers=("BLACK",)), few(code="CARD", tiers=("CARD",)))))
    member = await gifts.join()
    poster = {
        "storeId": global_id("Store", gifts.shop.store_id),
        "offer": "ANNIVERSARY-2026/DAILY-GIFT",
        "desk": "2F-ALVENNA",
    }
    taken = part((await claimed(gifts, run, member, atDesk=poster))["gift"])
    assert taken["state"] == "CONFIRMED"
    elsewhere = {**poster, "desk": "1F-LISABEAU"}
    assert (await claimed(gifts, run, member, atDesk=elsewhere))["code"] == "UNKNOWN_GIFT_POOL"


def poster_of(gifts: GiftDesk, **more: object) -> dict[str, object]:
    offer = {"offer": "ANNIVERSARY-2026/DAILY-GIFT", "desk": "2F-ALVENNA"}
    return {"storeId": global_id("Store", gifts.shop.store_id), **offer, **more}


async def by_poster(run: Run, member: MembershipKey, key: str, poster: dict[str, object]) -> dict[str, object]:
    variables = {"input": {"idempotencyKey": key, "wanted": {"atDesk": poster}}}
    return answer(await run(CLAIM, variables, caller=member_actor(member)))


async def test_the_same_words_under_the_same_key_on_the_next_day(gifts: GiftDesk, run: Run) -> None:
    await gifts.offer(gift(pools=(few(1),)))
    member, other, key, late = await gifts.join(), await gifts.join(), new_key(), new_key()
    taken = part((await by_poster(run, member, key, poster_of(gifts)))["gift"])
    assert (await by_poster(run, other, late, poster_of(gifts)))["code"] == "SOLD_OUT"
    gifts.clock.advance(DAY)
    for hours in (0, 17):  # at noon, when another pool is meant, and after the cut-over, when none gives anything yet
        gifts.clock.advance(timedelta(hours=hours))
        again = part((await by_poster(run, member, key, poster_of(gifts)))["gift"])
        assert (again["id"], again["day"]) == (taken["id"], "2026-11-12")
        assert (await by_poster(run, other, late, poster_of(gifts)))["code"] == "SOLD_OUT"
    gifts.clock.set(NOON)
    for poster in (poster_of(gifts, day="2026-11-12"), poster_of(gifts, desk="1F-LISABEAU")):
        assert (await by_poster(run, member, key, poster))["code"] == "IDEMPOTENCY_CONFLICT"
    variables = {"input": {"idempotencyKey": key, "wanted": {"poolId": global_id(POOL, gifts.pool())}}}
    assert answer(await run(CLAIM, variables, caller=member_actor(member)))["code"] == "IDEMPOTENCY_CONFLICT"


async def test_by_the_poster_of_a_campaign_that_is_over(gifts: GiftDesk, run: Run) -> None:
    await gifts.offer(gift(pools=(few(),)))
    member = await gifts.join()
    gifts.clock.advance(DAY * 20)
    refused = await by_poster(run, member, new_key(), poster_of(gifts))
    assert refused["code"] == "GIFT_ENDED"
    assert "until 2026-11-23 04:00 (+08:00)." in str(refused["message"])
    unknown = await by_poster(run, member, new_key(), poster_of(gifts, offer="ANNIVERSARY-2026/NONE"))
    assert unknown["code"] == "UNKNOWN_GIFT_POOL"


async def test_refusals_carry_their_facts(gifts: GiftDesk, run: Run) -> None:
    await gifts.offer(gift(pools=(few(),)), by_spend(code="BY-SPEND"))
    member = await gifts.join()
    refused = await claimed(gifts, run, member, poolId=global_id(POOL, gifts.pool(rule="BY-SPEND")))
    assert (refused["code"], refused["missingMinor"]) == ("GIFT_BELOW_THRESHOLD", 1_000_00)
    refused = await claimed(gifts, run, member, poolId=global_id(POOL, gifts.pool(day=FIRST_DAY + 10 * DAY)))
    assert (refused["code"], refused["dropsAt"]) == ("GIFT_NOT_DROPPED", "2026-11-22T10:00+08:00")
    refused = await claimed(gifts, run, member, poolId=global_id(POOL, new_id()))
    assert refused["code"] == "UNKNOWN_GIFT_POOL"


async def test_cancel(gifts: GiftDesk, run: Run) -> None:
    await gifts.offer(gift(pools=(few(),)))
    member, stranger = await gifts.join(), await gifts.join()
    taken = part((await claimed(gifts, run, member))["gift"])
    variables = {"input": {"idempotencyKey": new_key(), "giftId": taken["id"]}}
    assert answer(await run(CANCEL, variables, caller=member_actor(stranger)))["code"] == "UNKNOWN_GIFT"
    variables = {"input": {"idempotencyKey": new_key(), "giftId": taken["id"]}}
    cancelled = part(answer(await run(CANCEL, variables, caller=member_actor(member)))["gift"])
    assert cancelled["state"] == "CANCELLED"


async def test_the_list_of_a_desk(gifts: GiftDesk, run: Run, statements: list[str]) -> None:
    await gifts.offer(gift(pools=(few(5), few(5, code="OTHER", desk="1F-LISABEAU"))))
    for _ in range(3):
        await gifts.claim(await gifts.join())
    await gifts.claim(await gifts.join(), gifts.pool(code="OTHER"))

    async def waiting(actor: Actor, **variables: object) -> list[dict[str, object]]:
        payload = answer(await run(AT_DESK, variables, caller=actor))
        return rows(part(payload["gifts"])["nodes"])

    await waiting(gifts.desk_actor(), first=1)
    statements.clear()
    assert len(await waiting(gifts.desk_actor(), first=1)) == 1
    single = len(statements)
    statements.clear()
    assert len(await waiting(gifts.desk_actor())) == 3
    assert len(statements) == single
    assert len(await waiting(gifts.desk_actor(None))) == 4
    assert len(await waiting(gifts.desk_actor(None), desk="1F-LISABEAU")) == 1
    payload = answer(await run(AT_DESK, {"desk": "NOWHERE"}, caller=gifts.desk_actor()))
    assert payload["code"] == "UNKNOWN_DESK"
    # Another desk is named only by a token without a counter: the list shows what each gift is handed over for.
    payload = answer(await run(AT_DESK, {"desk": "1F-LISABEAU"}, caller=gifts.desk_actor()))
    assert payload["code"] == "UNKNOWN_DESK"
    elsewhere = replace(gifts.desk_actor(None), store_id=gifts.desk.world.hangang.store_id)
    assert await waiting(elsewhere) == []


async def test_pages_of_a_desk(gifts: GiftDesk, run: Run) -> None:
    await gifts.offer(gift(pools=(few(5),)))
    taken = [await gifts.claim(await gifts.join()) for _ in range(3)]
    seen: list[object] = []
    after = None
    while True:
        payload = answer(await run(AT_DESK, {"first": 2, "after": after}, caller=gifts.desk_actor()))
        page = part(payload["gifts"])
        seen += [row["id"] for row in rows(page["nodes"])]
        info = part(page["pageInfo"])
        if not info["hasNextPage"]:
            break
        after = info["endCursor"]
    assert sorted(map(str, seen)) == sorted(global_id("Gift", one.gift_id) for one in taken)


async def test_by_the_members_code(gifts: GiftDesk, run: Run, services: Services) -> None:
    await gifts.offer(gift(pools=(few(),)))
    member = await gifts.join()
    async with services.database.engine(member_actor(member), gifts.now) as tx:
        await issue_code_seed(tx, member, keyring=services.keyring, random_bytes=random_bytes)
    shown = await services.codes.show(member_actor(member), gifts.now, member)
    taken = await gifts.claim(member)
    payload = answer(await run(TO_COLLECT, {"memberCode": shown.code}, caller=gifts.desk_actor()))
    assert [row["id"] for row in rows(payload["gifts"])] == [global_id("Gift", taken.gift_id)]
    collected = await at_desk(gifts, run, COLLECT, {"id": global_id("Gift", taken.gift_id)})
    assert part(collected["gift"])["state"] == "COLLECTED"
    payload = answer(await run(TO_COLLECT, {"memberCode": shown.code}, caller=gifts.desk_actor()))
    assert payload["gifts"] == []
    assert answer(await run(TO_COLLECT, {"memberCode": "1234"}, caller=gifts.desk_actor()))["code"] == "MALFORMED_CODE"


async def test_brought_back_or_waived(gifts: GiftDesk, run: Run) -> None:
    await gifts.offer(by_spend())
    taken = []
    for _ in range(2):
        member = await gifts.join()
        sale_id = await gifts.spend(member, 1_000_00)
        taken.append((member, sale_id, await gifts.collect(await gifts.claim(member))))
    gifts.clock.advance(DAY)
    for member, sale_id, _ in taken:
        await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.hand_on_events()
    (_, _, first), (_, _, second) = taken
    returned = await at_desk(gifts, run, TAKE_BACK, {"id": global_id("Gift", first.gift_id)})
    assert part(returned["gift"])["state"] == "RETURNED"
    variables = {
        "input": {
            "idempotencyKey": new_key(),
            "giftId": global_id("Gift", second.gift_id),
            "reason": "GIFT_DAMAGED",
        }
    }
    waived = part(answer(await run(WAIVE, variables, caller=gifts.services))["gift"])
    assert (waived["state"], waived["cause"]) == ("WAIVED", "GIFT_DAMAGED")


async def test_planners_see_numbers(gifts: GiftDesk, run: Run, statements: list[str]) -> None:
    await gifts.offer(gift(pools=(few(5),)))
    await gifts.claim(await gifts.join())
    await gifts.collect(await gifts.claim(await gifts.join()))
    planner = Actor(Role.PLANNER, "planner-1", programme_id=gifts.shop.programme_id)
    variables: dict[str, object] = {"storeId": global_id("Store", gifts.shop.store_id)}

    async def figures(**more: object) -> list[dict[str, object]]:
        return rows(part(answer(await run(POOLS, variables | more, caller=planner))["pools"])["nodes"])

    today, last = await figures()
    assert (today["day"], last["day"]) == ("2026-11-12", "2026-11-22")
    assert today["states"] == [{"state": "COLLECTED", "gifts": 1}, {"state": "CONFIRMED", "gifts": 1}]
    assert (part(today["level"])["confirmed"], last["states"]) == (2, [])
    statements.clear()
    await figures(first=1)
    single = len(statements)
    statements.clear()
    await figures()
    assert len(statements) == single
    stranger = replace(planner, programme_id=gifts.desk.world.hangang.programme_id)
    assert answer(await run(POOLS, variables, caller=stranger))["code"] == "UNKNOWN_STORE"


async def test_a_member_sees_no_gift_of_another(gifts: GiftDesk, run: Run) -> None:
    await gifts.offer(gift(pools=(few(),)))
    owner, stranger = await gifts.join(), await gifts.join()
    taken = await gifts.claim(owner)
    document = "query ($id: ID!) { node(id: $id) { id } }"
    variables = {"id": global_id("Gift", taken.gift_id)}
    assert (await run(document, variables, caller=member_actor(owner))).data == {"node": variables}
    assert (await run(document, variables, caller=member_actor(stranger))).data == {"node": None}
    assert (await run(document, variables, caller=gifts.desk_actor())).data == {"node": variables}
    assert rows(answer(await run(MINE, caller=member_actor(stranger)))["nodes"]) == []
    assert codes(await run(MINE, caller=gifts.desk_actor())) == ["FORBIDDEN"]


async def test_a_token_from_before_a_merge(gifts: GiftDesk, run: Run) -> None:
    await gifts.offer(gift(pools=(few(),), limit_per_member_day=2))
    loser, winner = await gifts.join(), await gifts.join()
    before = await gifts.claim(loser)
    await gifts.merge(loser, winner)
    await gifts.hand_on_events()
    taken = part((await claimed(gifts, run, loser))["gift"])
    mine = rows(answer(await run(MINE, caller=member_actor(loser)))["nodes"])
    assert {row["id"] for row in mine} == {global_id("Gift", before.gift_id), taken["id"]}
    assert {(await gifts.gift(before.gift_id)).membership} == {winner}
    assert await gifts.state(before) is GiftState.CONFIRMED


async def test_a_gift_that_waits_at_a_brand(gifts: GiftDesk, run: Run, services: Services) -> None:
    await gifts.offer(gift(pools=(few(),), collection={"until": "22:00", "visit_days_after": 1}))
    member = await gifts.join()
    async with services.database.engine(member_actor(member), gifts.now) as tx:
        await issue_code_seed(tx, member, keyring=services.keyring, random_bytes=random_bytes)
    shown = {"memberCode": (await services.codes.show(member_actor(member), gifts.now, member)).code}
    away, at_home = await gifts.claim(member), await gifts.claim(await gifts.join())
    await gifts.send(away, gifts.stop(gifts.now + DAY))

    [mine] = rows(answer(await run(MINE, caller=member_actor(member)))["nodes"])
    assert (mine["desk"], mine["homeDesk"], mine["cause"]) == (BRAND, "2F-ALVENNA", "SENT_TO_COUNTER")
    assert (mine["collectUntil"], mine["waitsForVisitUntil"]) == ("2026-11-13T20:00:00+00:00",) * 2
    for actor, there in ((gifts.associate(), [away]), (gifts.desk_actor(), [at_home, away])):
        payload = answer(await run(AT_DESK, caller=actor))
        found = [row["id"] for row in rows(part(payload["gifts"])["nodes"])]
        assert found == [global_id("Gift", one.gift_id) for one in there]
    for actor, seen in ((gifts.associate(), 1), (gifts.associate("2F-SUYIN"), 0), (gifts.desk_actor(), 1)):
        assert len(rows(answer(await run(TO_COLLECT, shown, caller=actor))["gifts"])) == seen

    by: dict[str, object] = {"id": global_id("Gift", away.gift_id)}
    refused = await at_desk(gifts, run, COLLECT, by)
    assert (refused["code"], refused["message"]) == (
        "GIFT_WAITS_FOR_VISIT",
        "This gift waits at counter 1F-LISABEAU for an appointment, until 2026-11-14 04:00 (+08:00). "
        "Send the member there, or have it brought back to its desk first.",
    )
    variables = {"input": {"idempotencyKey": new_key(), "gift": by}}
    collected = part(answer(await run(COLLECT, variables, caller=gifts.associate()))["gift"])
    assert (collected["state"], collected["waitsForVisitUntil"]) == ("COLLECTED", None)
    assert codes(await run(READY, variables, caller=gifts.associate())) == ["FORBIDDEN"]
