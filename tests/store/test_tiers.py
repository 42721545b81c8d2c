"""Every query of tiers against real PostgreSQL, what the database itself refuses, and how much the jobs read."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.receipts.model import DaySpend
from membership.tiers import store
from membership.tiers.model import (
    Grant,
    GrantId,
    Hold,
    OpenWarning,
    RankBasis,
    RecordedGrant,
    Rescission,
    ReviewId,
    Source,
    Standing,
    StepDown,
    TierRecords,
)
from membership.tiers.rules.ranking import Contender
from membership.tiers.rules.review import ReviewDecision, ReviewStep
from membership.tiers.rules.standing import base_standing
from membership.tiers.store import MemberWrite, NewReview
from support.ladder_desk import LadderDesk, key_of, open_ladder_desk
from unit.tiers.ladders import brompton, hangang, podium, revision_of

D = date
TODAY = D(2026, 6, 1)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GOLD = Standing(Hold("SILVER", 1, D(2026, 1, 5), D(2028, 1, 1)), (Hold("CROWN", 2, D(2027, 1, 1), D(2028, 1, 1)),))


@pytest.fixture
async def desk(database: Database, conn: Conn) -> LadderDesk:
    return await open_ladder_desk(database, conn, podium())


def write(member: MembershipKey, **more: object) -> MemberWrite:
    return replace(MemberWrite(member.member_id, GOLD, None, None), **more)  # type: ignore[arg-type]


def grant(**more: object) -> Grant:
    plain = Grant(GrantId(new_id()), "SILVER", Source.QUALIFIED, "YEAR", D(2026, 1, 5), D(2026, 1, 5), D(2028, 1, 1), 1)
    return replace(plain, **more)  # type: ignore[arg-type]


def ranked(rank: int, cap: int = 2) -> Grant:
    basis = RankBasis(rank, cap, D(2025, 1, 1), D(2026, 1, 1), 2_000)
    return grant(tier="CROWN", source=Source.RANKED, criterion="RANK", rank=basis)


async def save(desk: LadderDesk, *writes: MemberWrite) -> None:
    await store.write_changes(desk.conn, desk.shop.programme_id, desk.ladders[0], writes, NOW)


async def test_whoever_has_no_record_stands_at_the_beginning(desk: LadderDesk) -> None:
    assert await desk.records(await desk.join(), TODAY) == TierRecords(base_standing(desk.ladders[0]))


async def test_records_are_read_as_they_were_written(desk: LadderDesk) -> None:
    member, other = await desk.join(), await desk.join()
    decision = ReviewDecision(ReviewStep.STEPPED_DOWN, D(2026, 2, 1), "CROWN", "SILVER")
    step = NewReview(ReviewId(new_id()), decision, D(2026, 2, 3), 1, overturned=True)
    warned = NewReview(
        ReviewId(new_id()), ReviewDecision(ReviewStep.WARNED, D(2026, 2, 1), "CROWN", "CROWN"), D(2026, 1, 2), 1
    )
    grants = (grant(), ranked(1))
    warning = OpenWarning("CROWN", D(2026, 7, 1))
    await save(desk, write(member, warning=warning, grants=grants, reviews=(warned, step)), write(other))
    assert await desk.records(member, TODAY) == TierRecords(
        GOLD,
        warning,
        grants,
        (StepDown(step.review_id, D(2026, 2, 1), D(2026, 2, 3), "CROWN", "SILVER", 1, overturned=True),),
    )
    assert await desk.records(other, TODAY) == TierRecords(GOLD)


async def test_a_second_write_replaces_the_standing_and_rescinds_grants(desk: LadderDesk) -> None:
    member, first = await desk.join(), grant()
    decision = ReviewDecision(ReviewStep.STEPPED_DOWN, D(2026, 2, 1), "CROWN", "SILVER")
    step = NewReview(ReviewId(new_id()), decision, D(2026, 2, 3), 1)
    await save(desk, write(member, grants=(first,), reviews=(step,)))
    lower = base_standing(desk.ladders[0])
    await save(
        desk,
        write(
            member,
            standing=lower,
            rescinded=((first, Rescission.SPEND_RETURNED),),
            overturned=(step.review_id,),
        ),
    )
    records = await desk.records(member, TODAY)
    assert (records.standing, records.grants, records.step_downs[0].overturned) == (lower, (), True)
    row = await desk.conn.fetchrow("SELECT rescinded_at, rescinded_because FROM tiers.grants")
    assert row is not None
    assert tuple(row) == (NOW, "SPEND_RETURNED")
    await save(desk, write(member, restored=(step.review_id,)))
    assert not (await desk.records(member, TODAY)).step_downs[0].overturned


async def test_a_step_of_a_review_is_recorded_once(desk: LadderDesk) -> None:
    member = await desk.join()
    decision = ReviewDecision(ReviewStep.WARNED, D(2026, 7, 1), "SILVER", "SILVER")
    for _ in range(2):
        await save(desk, write(member, reviews=(NewReview(ReviewId(new_id()), decision, TODAY, 1),)))
    assert await desk.reviews(member) == [("WARNED", D(2026, 7, 1), "SILVER", "SILVER")]


async def test_t5_a_rank_is_given_once(desk: LadderDesk) -> None:
    """T5: the database itself gives each place to one member, and has no place beyond the cap."""
    await save(desk, write(await desk.join(), grants=(ranked(1),)))
    with pytest.raises(asyncpg.UniqueViolationError) as taken:
        await save(desk, write(await desk.join(), grants=(ranked(1),)))
    assert taken.value.constraint_name == "grants_rank_key"
    with pytest.raises(asyncpg.CheckViolationError) as beyond:
        await save(desk, write(await desk.join(), grants=(ranked(3),)))
    assert beyond.value.constraint_name == "grants_rank"


@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        ({"grants": (grant(ends_on=D(2026, 1, 5)),)}, "grants_term"),
        ({"grants": (grant(source=Source.RANKED),)}, "grants_rank_basis"),
        ({"grants": (grant(rank=ranked(1).rank),)}, "grants_rank_basis"),
        ({"grants": (grant(), grant())}, "grants_live_key"),
        ({"standing": Standing(Hold("BASE", 0, None, TODAY))}, "standings_lowest_never_ends"),
        ({"standing": Standing(Hold("SILVER", 1, TODAY, None))}, "standings_lowest_never_ends"),
    ],
)
async def test_what_the_tables_refuse(desk: LadderDesk, broken: dict[str, object], constraint: str) -> None:
    member = await desk.join()
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await save(desk, write(member, **broken))
    assert refused.value.constraint_name == constraint


async def test_facts_are_read_for_many_members_in_one_statement(desk: LadderDesk, statements: list[str]) -> None:
    first, second = sorted([await desk.join(), await desk.join()])
    await desk.spend(second, D(2026, 5, 2), 10)
    await desk.spend(second, D(2026, 5, 1), 1_000, base_points=7)
    await desk.spend(second, D(2024, 5, 1), 5)
    async with desk.locked(TODAY, first, second) as tx:
        statements.clear()
        found = await store.list_facts(
            tx.conn,
            desk.shop.programme_id,
            [second.member_id, first.member_id],
            ladders=desk.ladders,
            days_from=D(2025, 1, 1),
            today=TODAY,
        )
        assert len(statements) == 1
    assert [entry.member_id for entry in found] == [first.member_id, second.member_id]
    assert found[0].days == ()
    assert found[1].days == (DaySpend(D(2026, 5, 1), 1_000, 7), DaySpend(D(2026, 5, 2), 10, 0))
    assert found[1].records == await desk.records(second, TODAY)


async def test_ladders_are_read_by_programme_earliest_first(desk: LadderDesk) -> None:
    second = revision_of(brompton(), revision=2, effective_from=D(2026, 9, 1))
    assert await store.insert_ladder(desk.conn, desk.shop.programme_id, second)
    assert not await store.insert_ladder(desk.conn, desk.shop.programme_id, second)
    ladders = await store.load_ladders(desk.conn)
    assert ladders[desk.shop.programme_id] == (*desk.ladders, second)
    assert len(ladders) == 3


async def test_contenders_by_spend_then_attainment_then_member(desk: LadderDesk) -> None:
    by_id = sorted([await desk.join() for _ in range(5)])
    rich, late, early, lower, poor = by_id
    for member, days in (
        (rich, {D(2025, 3, 1): 9_000}),
        (late, {D(2025, 1, 1): 4_000, D(2025, 12, 31): 1_000}),
        (early, {D(2025, 1, 1): 5_000}),
        (lower, {D(2025, 1, 1): 5_000, D(2024, 12, 31): 9_000, D(2026, 1, 1): 9_000}),
        (poor, {D(2025, 1, 1): 1_999}),
    ):
        for day, amount in days.items():
            await desk.spend(member, day, amount, today=TODAY)
    # A day that a return has emptied attains nothing.
    await desk.spend(early, D(2025, 6, 1), 0, today=TODAY)

    async def best(limit: int) -> list[Contender]:
        return await store.list_contenders(
            desk.conn,
            desk.shop.programme_id,
            starts_on=D(2025, 1, 1),
            ends_on=D(2026, 1, 1),
            minimum_spend_minor=2_000,
            limit=limit,
        )

    assert await best(10) == [
        Contender(rich.member_id, 9_000, D(2025, 3, 1)),
        Contender(early.member_id, 5_000, D(2025, 1, 1)),
        Contender(lower.member_id, 5_000, D(2025, 1, 1)),
        Contender(late.member_id, 5_000, D(2025, 12, 31)),
    ]
    assert len(await best(2)) == 2


async def test_an_award_is_claimed_once(desk: LadderDesk) -> None:
    async def claim(period_starts_on: date) -> bool:
        return await store.claim_rank_award(
            desk.conn,
            desk.shop.programme_id,
            "CROWN",
            period_starts_on=period_starts_on,
            benefit_starts_on=period_starts_on + timedelta(days=365),
            ladder_revision=1,
            now=NOW,
        )

    assert [await claim(D(2025, 1, 1)), await claim(D(2025, 1, 1)), await claim(D(2024, 1, 1))] == [True, False, True]
    assert await store.list_rank_awards(desk.conn, desk.shop.programme_id) == {"CROWN": D(2026, 1, 1)}


async def test_who_is_due_the_longest_waiting_first(desk: LadderDesk) -> None:
    members = sorted([await desk.join() for _ in range(4)])
    days = [D(2026, 5, 3), D(2026, 6, 1), D(2026, 6, 2), None]
    await save(desk, *(write(member, review_on=day) for member, day in zip(members, days, strict=True)))
    due = await store.list_due_for_review(desk.conn, desk.shop.programme_id, TODAY, 10)
    assert due == [members[0].member_id, members[1].member_id]
    assert await store.list_due_for_review(desk.conn, desk.shop.programme_id, TODAY, 1) == due[:1]
    assert await store.list_holders(desk.conn, desk.shop.programme_id, "SILVER") == [key.member_id for key in members]


async def test_grants_are_paged_from_the_latest_and_found_by_id(desk: LadderDesk) -> None:
    member = await desk.join()
    first, second, third = grant(), ranked(1), grant(source=Source.MANUAL, criterion="GOODWILL")
    await save(desk, write(member, grants=(first, second, third)))
    await save(desk, write(member, rescinded=((first, Rescission.SPEND_RETURNED),)))
    page = await store.list_grants(desk.conn, member, after=None, limit=2)
    assert [entry.grant for entry in page] == [third, second]
    [last] = await store.list_grants(desk.conn, member, after=page[-1].grant.grant_id, limit=2)
    assert last == RecordedGrant(member, first, NOW, NOW, Rescission.SPEND_RETURNED)
    found = await store.list_grants_by_id(desk.conn, [second.grant_id, new_id()])
    assert found == {second.grant_id: RecordedGrant(member, second, NOW, None, None)}


async def test_a_merged_member_stands_nowhere(desk: LadderDesk) -> None:
    member = await desk.join()
    await save(desk, write(member, grants=(grant(),), warning=OpenWarning("SILVER", TODAY), review_on=TODAY))
    await store.close_merged(desk.conn, member.programme_id, member.member_id, "BASE", NOW)
    assert await desk.records(member, TODAY) == TierRecords(base_standing(desk.ladders[0]))
    assert await store.list_due_for_review(desk.conn, member.programme_id, TODAY, 10) == []


@pytest.mark.parametrize(
    ("actor", "sees"),
    [
        (Role.MEMBER, "own"),
        (Role.TILL, "programme"),
        (Role.MEMBER_SERVICES, "programme"),
        (Role.PLANNER, "nothing"),
        (Role.ADMIN, "programme"),
    ],
)
async def test_who_may_read_records(desk: LadderDesk, actor: Role, sees: str) -> None:
    """The view obeys the row-level security of its tables."""
    mine, other = await desk.join(), await desk.join()
    await save(desk, write(mine, grants=(grant(),)), write(other))
    member_id = mine.member_id if actor is Role.MEMBER else None
    reader = Actor(actor, "someone", member_id=member_id, programme_id=mine.programme_id)
    async with desk.database.reader(reader) as conn:
        rows = await conn.fetch("SELECT member_id FROM tiers.records")
    expected = {"own": {mine.member_id}, "programme": {mine.member_id, other.member_id}, "nothing": set()}[sees]
    assert {row["member_id"] for row in rows} == expected


async def test_due_members_are_found_without_reading_the_others(desk: LadderDesk) -> None:
    """The plan of the job's list reads as many rows as it returns, however many members there are."""
    members = [await desk.join() for _ in range(300)]
    await save(
        desk,
        *(
            write(member, review_on=TODAY if place % 100 == 0 else D(2027, 1, 1))
            for place, member in enumerate(members)
        ),
    )
    await desk.conn.execute("ANALYZE tiers.standings")
    query = store.SQL.list_due_for_review.text
    plan = await desk.conn.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", desk.shop.programme_id, TODAY, 100)
    assert rows_read(json.loads(plan)[0]["Plan"]) <= 2 * 3


def rows_read(node: dict[str, object]) -> int:
    children = node.get("Plans", [])
    assert isinstance(children, list)
    own = int(float(str(node["Actual Rows"]))) + int(float(str(node.get("Rows Removed by Filter", 0))))
    return max([own, *(rows_read(child) for child in children)])


async def test_the_records_of_one_member_are_read_by_index(desk: LadderDesk) -> None:
    members = [await desk.join() for _ in range(300)]
    await save(desk, *(write(member, grants=(grant(),)) for member in members))
    await desk.conn.execute("ANALYZE tiers.standings; ANALYZE tiers.grants; ANALYZE tiers.reviews")
    plan = await desk.conn.fetchval(
        "EXPLAIN (ANALYZE, FORMAT JSON) SELECT records FROM tiers.records WHERE member_id = $1 AND programme_id = $2",
        *key_of(members[7]),
    )
    assert rows_read(json.loads(plan)[0]["Plan"]) == 1


async def test_codes_of_an_earlier_ladder_are_read_as_those_of_today(database: Database, conn: Conn) -> None:
    """Red and Jade joined: whoever is on record as Red is read as Jade from that day on."""
    before = hangang()
    white, _, jade, *higher = before.tiers
    joined = before.model_copy(update={"tiers": (white, jade.model_copy(update={"replaces": ("RED",)}), *higher)})
    second = revision_of(joined, revision=2, effective_from=D(2026, 9, 1))
    desk = await open_ladder_desk(database, conn, revision_of(before), second)
    member = await desk.join()
    await desk.spend(member, D(2026, 4, 1), 2_000_000)
    assert (await desk.standing(member, D(2026, 7, 1))).hold == Hold("RED", 1, D(2026, 7, 1), D(2026, 10, 1))
    assert (await desk.standing(member, D(2026, 9, 1))).hold == Hold("JADE", 1, D(2026, 7, 1), D(2026, 10, 1))
