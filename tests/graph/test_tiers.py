"""Tiers over GraphQL: the ladder, what a member was granted, grants by hand, the review."""

from datetime import timedelta

import pytest
from strawberry.types import ExecutionResult

from membership.graph.kit.relay import global_id
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from support.operations import Run, codes, trusted
from support.till_world import TillWorld, new_key, sale_id_of

LADDER, MINE = trusted("app/Ladder"), trusted("app/MyTierGrants")
GRANTS, GIVE, TAKE_BACK = trusted("desk/TierGrants"), trusted("desk/GrantTier"), trusted("desk/EndTierGrant")
REVIEW = trusted("planner/RunTierReview")


def answer(result: ExecutionResult) -> dict[str, object]:
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    assert isinstance(payload, dict)
    return payload


def nodes(result: ExecutionResult) -> list[dict[str, object]]:
    found = answer(result)["nodes"]
    assert isinstance(found, list)
    return found


def services_desk(till: TillWorld) -> Actor:
    return Actor(Role.MEMBER_SERVICES, "Mei", programme_id=till.store.programme_id)


def gift(till: TillWorld, **more: object) -> dict[str, object]:
    ends_on = (till.today + timedelta(days=90)).isoformat()
    plain = {
        "idempotencyKey": new_key(),
        "memberId": global_id("Member", till.member.member_id),
        "tier": "GOLD",
        "endsOn": ends_on,
        "reason": "SERVICE_RECOVERY",
    }
    return {"input": plain | more}


async def given(till: TillWorld, run: Run, **more: object) -> dict[str, object]:
    payload = answer(await run(GIVE, gift(till, **more), caller=services_desk(till)))
    grant = payload.get("grant", payload)
    assert isinstance(grant, dict)
    return grant


async def test_anybody_may_read_the_ladder(till: TillWorld, run: Run) -> None:
    ladder = answer(await run(LADDER, {"programme": "CHAOYANG"}, locale="zh-CN"))
    tiers = ladder["tiers"]
    assert isinstance(tiers, list)
    assert [tier["code"] for tier in tiers] == ["CARD", "SILVER", "GOLD", "PLATINUM", "DIAMOND", "BLACK"]
    assert tiers[2]["name"] == "金卡"
    [criterion] = tiers[2]["criteria"]
    assert (criterion["metric"], criterion["threshold"], criterion["windowDays"]) == ("NET_SPEND", 100_000_00, 365)
    assert criterion["term"]["months"] == 12
    assert tiers[5]["rank"] == {
        "best": 500,
        "period": "CALENDAR_YEAR",
        "minimumSpend": {"amountMinor": 1_000_000_00, "currency": "CNY"},
    }


@pytest.mark.parametrize(
    ("programme", "term"),
    [
        ("BROMPTON", {"kind": "TO_YEAR_END", "yearsAfter": 1}),
        ("HANGANG", {"kind": "BENEFIT_YEAR", "beginsMonth": 2, "beginsDay": 1}),
    ],
)
async def test_every_kind_of_term_is_shown(till: TillWorld, run: Run, programme: str, term: dict[str, object]) -> None:
    ladder = answer(await run(LADDER, {"programme": programme}))
    tiers = ladder["tiers"]
    assert isinstance(tiers, list)
    shown = tiers[2]["criteria"][0]["term"]
    assert {name: value for name, value in shown.items() if value is not None} == term


async def test_there_is_no_ladder_of_no_programme(till: TillWorld, run: Run) -> None:
    assert (await run(LADDER, {"programme": "NOWHERE"})).data == {"ladder": None}


async def test_a_member_sees_what_was_granted_and_what_came_of_it(till: TillWorld, run: Run) -> None:
    await till.sell(20_000_00)
    sold = await till.sell(80_000_00)
    await till.take_back(sale_id_of(sold), (1, 1))
    found = nodes(await run(MINE, caller=till.member_actor))
    assert [(grant["tier"], grant["rescindedBecause"]) for grant in found] == [
        ("SILVER", None),
        ("GOLD", "SPEND_RETURNED"),
        ("SILVER", "SUPERSEDED"),
    ]
    [first] = nodes(await run(MINE, {"first": 1}, caller=till.member_actor))
    assert first == found[0]


async def test_grants_are_paged(till: TillWorld, run: Run) -> None:
    await till.sell(20_000_00)
    await given(till, run, tier="GOLD")
    await given(till, run, tier="PLATINUM")
    seen: list[object] = []
    after: object = None
    more: object = True
    for _ in range(3):
        page = answer(await run(MINE, {"first": 1, "after": after}, caller=till.member_actor))
        info, found = page["pageInfo"], page["nodes"]
        assert isinstance(info, dict)
        assert isinstance(found, list)
        seen += [grant["tier"] for grant in found]
        after, more = info["endCursor"], info["hasNextPage"]
    assert (seen, more) == (["PLATINUM", "GOLD", "SILVER"], False)


async def test_the_number_of_statements_is_the_same_for_one_grant_and_for_many(
    till: TillWorld, run: Run, statements: list[str]
) -> None:
    counts = []
    for tier in ("SILVER", "GOLD", "PLATINUM", "DIAMOND"):
        await given(till, run, tier=tier)
        statements.clear()
        await run(MINE, caller=till.member_actor)
        counts.append(len(statements))
    assert len(set(counts)) == 1


async def test_members_do_not_see_each_other(till: TillWorld, run: Run, conn: Conn) -> None:
    await given(till, run)
    other = await till.another_member(conn)
    asked = {"memberId": global_id("Member", till.member.member_id)}
    assert nodes(await run(GRANTS, asked, caller=other.member_actor)) == []
    elsewhere = Actor(Role.MEMBER_SERVICES, "Ada", programme_id=till.world.brompton.programme_id)
    assert nodes(await run(GRANTS, asked, caller=elsewhere)) == []
    assert len(nodes(await run(GRANTS, asked, caller=services_desk(till)))) == 1


async def test_a_grant_is_a_node(till: TillWorld, run: Run) -> None:
    grant = await given(till, run)
    document = "query Grant($id: ID!) { node(id: $id) { id ... on TierGrant { tier source } } }"
    found = answer(await run(document, {"id": grant["id"]}, caller=till.member_actor))
    assert found == {"id": grant["id"], "tier": "GOLD", "source": "MANUAL"}


async def test_a_tier_given_by_hand_is_the_members_at_the_next_sale(till: TillWorld, run: Run) -> None:
    grant = await given(till, run)
    assert (grant["tier"], grant["criterion"], grant["startsOn"]) == ("GOLD", "SERVICE_RECOVERY", str(till.today))
    sold = await till.sell(100_00)
    assert sold.member is not None
    assert sold.member.tier == "GOLD"


async def test_a_repeat_is_answered_and_gives_nothing_more(till: TillWorld, run: Run) -> None:
    asked = gift(till)
    first = answer(await run(GIVE, asked, caller=services_desk(till)))
    assert answer(await run(GIVE, asked, caller=services_desk(till))) == first
    assert len(nodes(await run(MINE, caller=till.member_actor))) == 1


async def test_a_gift_is_taken_back_once(till: TillWorld, run: Run) -> None:
    grant = await given(till, run)

    async def take_back() -> dict[str, object]:
        asked = {"input": {"idempotencyKey": new_key(), "grantId": grant["id"]}}
        return answer(await run(TAKE_BACK, asked, caller=services_desk(till)))

    ended = (await take_back())["grant"]
    assert isinstance(ended, dict)
    assert ended["rescindedBecause"] == "BY_HAND"
    assert (await take_back())["code"] == "UNKNOWN_TIER_GRANT"
    sold = await till.sell(100_00)
    assert sold.member is not None
    assert sold.member.tier == "CARD"


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({"tier": "COPPER"}, "UNKNOWN_TIER", "tier"),
        ({"tier": "BLACK"}, "TIER_NOT_GIVEN_BY_HAND", "tier"),
        ({"endsOn": "2020-01-01"}, "TIER_TERM_OUT_OF_RANGE", "endsOn"),
        ({"memberId": global_id("Member", new_id())}, "UNKNOWN_MEMBER", None),
    ],
)
async def test_what_cannot_be_given_is_refused(
    till: TillWorld, run: Run, more: dict[str, object], code: str, field: str | None
) -> None:
    refused = await given(till, run, **more)
    assert (refused["code"], refused["field"]) == (code, field)
    assert nodes(await run(MINE, caller=till.member_actor)) == []


@pytest.mark.parametrize("member_id", ["no id", "TWVtYmVyOjE="])
async def test_a_malformed_id_is_the_clients_fault(till: TillWorld, run: Run, member_id: str) -> None:
    result = await run(GIVE, gift(till, memberId=member_id), caller=services_desk(till))
    assert codes(result) == ["BAD_USER_INPUT"]


async def test_the_review_is_run_by_those_who_may(till: TillWorld, run: Run) -> None:
    await till.sell(20_000_00)
    till.clock.advance(timedelta(days=340))
    admin = Actor(Role.ADMIN, "Wei")
    asked = {"input": {"programme": "CHAOYANG"}}
    first = answer(await run(REVIEW, asked, caller=admin))
    assert (first["lookedAt"], first["warned"]) == (1, 1)
    assert answer(await run(REVIEW, asked, caller=admin))["lookedAt"] == 0
    till.clock.advance(timedelta(days=31))
    stepped = answer(await run(REVIEW, asked, caller=Actor(Role.SERVICE, "jobs", programme_id=till.store.programme_id)))
    assert stepped["steppedDown"] == 1


@pytest.mark.parametrize("programme", ["NOWHERE", "BROMPTON"])
async def test_the_review_of_another_programme_is_refused(till: TillWorld, run: Run, programme: str) -> None:
    service = Actor(Role.SERVICE, "jobs", programme_id=till.store.programme_id)
    refused = answer(await run(REVIEW, {"input": {"programme": programme}}, caller=service))
    assert (refused["code"], refused["field"]) == ("UNKNOWN_PROGRAMME", "programme")
