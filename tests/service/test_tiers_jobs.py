"""Reviews and awards of ranks on real PostgreSQL: batches that may be repeated."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.members.model import MembershipKey
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.tiers.jobs import RankAward, ReviewRun
from membership.tiers.model import Hold, LadderRevision
from sample_store import sample_world
from support.ladder_desk import ACTOR, LadderDesk, moment, open_ladder_desk, same_ladder_desk
from unit.tiers.ladders import brompton, chaoyang, podium, revision_of

D = date
NOTHING = ReviewRun()


@pytest.fixture
async def desk(database: Database, conn: Conn) -> LadderDesk:
    return await open_ladder_desk(database, conn, chaoyang())


async def test_a_life_of_one_gold(desk: LadderDesk) -> None:
    """Warned, stepped down by one, and so on, a year each."""
    member = await desk.join()
    await desk.spend(member, D(2024, 1, 1), 100_000_00)
    assert await desk.review(D(2024, 12, 1)) == NOTHING
    assert await desk.review(D(2024, 12, 2)) == ReviewRun(looked_at=1, warned=1)
    assert await desk.review(D(2024, 12, 2)) == NOTHING
    assert await desk.tier(member, D(2024, 12, 31)) == "GOLD"
    assert await desk.review(D(2025, 1, 1)) == ReviewRun(looked_at=1, stepped_down=1)
    assert await desk.review(D(2025, 1, 1)) == NOTHING
    assert (await desk.standing(member, D(2025, 1, 1))).hold == Hold("SILVER", 1, D(2025, 1, 1), D(2026, 1, 1))
    await desk.review_until(D(2025, 12, 2), D(2026, 1, 1))
    assert await desk.reviews(member) == [
        ("WARNED", D(2025, 1, 1), "GOLD", "GOLD"),
        ("STEPPED_DOWN", D(2025, 1, 1), "GOLD", "SILVER"),
        ("WARNED", D(2026, 1, 1), "SILVER", "SILVER"),
        ("STEPPED_DOWN", D(2026, 1, 1), "SILVER", "CARD"),
    ]
    assert await desk.events(member) == [
        ("granted", "GOLD"),
        ("warned", "GOLD"),
        ("stepped_down", "SILVER"),
        ("warned", "SILVER"),
        ("stepped_down", "CARD"),
    ]
    assert await desk.review(D(2030, 1, 1)) == NOTHING
    await desk.check(D(2026, 1, 1))


async def test_whoever_qualifies_after_the_warning_keeps_the_tier(desk: LadderDesk) -> None:
    member = await desk.join()
    await desk.spend(member, D(2024, 1, 1), 20_000_00)
    await desk.review_until(D(2024, 12, 2))
    await desk.spend(member, D(2024, 12, 20), 20_000_00)
    assert await desk.review(D(2024, 12, 31)) == NOTHING
    assert await desk.review(D(2025, 1, 1)) == ReviewRun(looked_at=1, kept=1)
    assert await desk.events(member) == [("granted", "SILVER"), ("warned", "SILVER"), ("kept", "SILVER")]
    assert (await desk.standing(member, D(2025, 1, 1))).hold.ends_on == D(2025, 12, 20)
    await desk.check(D(2025, 1, 1))


async def test_a_return_before_the_review_leaves_it_nothing_to_do(desk: LadderDesk) -> None:
    member = await desk.join()
    await desk.spend(member, D(2024, 1, 1), 20_000_00)
    await desk.review_until(D(2024, 12, 2))
    await desk.spend(member, D(2024, 1, 1), -1, today=D(2024, 12, 20))
    assert await desk.tier(member, D(2024, 12, 20)) == "CARD"
    await desk.review_until(D(2025, 1, 1))
    assert [step for step, *_ in await desk.reviews(member)] == ["WARNED", "OVERTAKEN"]
    assert await desk.events(member) == [("granted", "SILVER"), ("warned", "SILVER"), ("rescinded", "SILVER")]


async def test_a_late_receipt_overturns_the_step_down(desk: LadderDesk) -> None:
    member = await desk.join()
    await desk.spend(member, D(2024, 1, 1), 20_000_00)
    await desk.review_until(D(2024, 12, 2), D(2025, 1, 1))
    assert await desk.tier(member, D(2025, 1, 1)) == "CARD"
    await desk.spend(member, D(2024, 12, 28), 1_00, today=D(2025, 1, 3))
    assert (await desk.standing(member, D(2025, 1, 3))).hold == Hold("SILVER", 1, D(2024, 1, 1), D(2025, 12, 28))
    assert await desk.conn.fetchval("SELECT overturned FROM tiers.reviews WHERE step = 'STEPPED_DOWN'")
    await desk.spend(member, D(2024, 12, 28), -1_00, today=D(2025, 1, 4))
    assert await desk.tier(member, D(2025, 1, 4)) == "CARD"
    assert not await desk.conn.fetchval("SELECT overturned FROM tiers.reviews WHERE step = 'STEPPED_DOWN'")
    await desk.check(D(2025, 1, 4))


async def test_a_job_that_was_down_warns_late_and_gives_full_notice_all_the_same(desk: LadderDesk) -> None:
    member = await desk.join()
    await desk.spend(member, D(2024, 1, 1), 20_000_00)
    await desk.review_until(D(2025, 2, 1))
    assert await desk.reviews(member) == [("WARNED", D(2025, 3, 3), "SILVER", "SILVER")]
    await desk.review_until(D(2025, 3, 2))
    assert await desk.tier(member, D(2025, 3, 2)) == "SILVER"
    await desk.review_until(D(2025, 3, 3))
    assert await desk.tier(member, D(2025, 3, 3)) == "CARD"


async def test_a_batch_is_limited_and_comes_to_its_end(desk: LadderDesk, statements: list[str]) -> None:
    for count in range(5):
        await desk.spend(await desk.join(), D(2024, 1, 1 + count), 20_000_00)
    statements.clear()
    assert await desk.review(D(2025, 6, 1), limit=2) == ReviewRun(looked_at=2, warned=2)
    assert len([text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]) == 7
    assert (await desk.review(D(2025, 6, 1), limit=2)).warned == 2
    assert (await desk.review(D(2025, 6, 1), limit=2)).warned == 1
    assert await desk.review(D(2025, 6, 1), limit=2) == NOTHING


async def test_a_member_at_a_till_is_left_to_the_next_batch(desk: LadderDesk) -> None:
    busy, free = await desk.join(), await desk.join()
    for member in (busy, free):
        await desk.spend(member, D(2024, 1, 1), 20_000_00)
    async with desk.database.engine(ACTOR, moment(D(2025, 6, 1))) as till:
        await lock_memberships(till.conn, [busy])
        assert (await desk.review(D(2025, 6, 1))).looked_at == 1
        assert await desk.review(D(2025, 6, 1)) == NOTHING
    assert [len(await desk.reviews(member)) for member in (busy, free)] == [0, 1]
    assert (await desk.review(D(2025, 6, 1))).looked_at == 1


async def test_other_programmes_are_left_alone(desk: LadderDesk) -> None:
    member = await desk.join()
    await desk.spend(member, D(2024, 1, 1), 20_000_00)
    elsewhere = LadderDesk(desk.database, desk.conn, sample_world().brompton, (revision_of(brompton()),))
    assert await elsewhere.review(D(2025, 6, 1)) == NOTHING
    assert (await desk.review(D(2025, 6, 1))).warned == 1


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_t4_no_life_falls_faster_than_a_step_a_review(
    database: Database, conn: Conn, data: st.DataObject
) -> None:
    """T4, on real tables: between any two looks a member has lost no more steps than there were reviews."""
    desk = await same_ladder_desk(database, conn, chaoyang())
    member = await desk.join()
    amounts = st.sampled_from([20_000_00, 100_000_00, 300_000_00, 1_000_000_00])
    sales = data.draw(st.dictionaries(st.dates(D(2024, 1, 1), D(2025, 6, 1)), amounts, min_size=1, max_size=3))
    looks = data.draw(st.lists(st.dates(D(2024, 1, 1), D(2028, 1, 1)), min_size=3, max_size=12))
    level = 0
    for day in sorted({*sales, *looks}):
        if day in sales:
            await desk.spend(member, day, sales[day])
            level = (await desk.standing(member, day)).hold.level
        run = await desk.review(day)
        after = (await desk.standing(member, day)).hold.level
        assert after == level - run.stepped_down
        assert run.stepped_down <= 1
        level = after
    await desk.check(D(2028, 1, 1), [member])
    await desk.conn.execute("UPDATE tiers.standings SET review_on = NULL")


NEW_YEAR = D(2026, 1, 1)


@pytest.fixture
async def race(database: Database, conn: Conn) -> LadderDesk:
    """Two crowns for the best two of 2025."""
    return await open_ladder_desk(database, conn, podium(best=2))


async def joined(desk: LadderDesk, *amounts: int, year: int = 2025) -> list[MembershipKey]:
    members = []
    for place, amount in enumerate(amounts):
        members.append(await desk.join())
        await desk.spend(members[-1], D(year, 3, 1) + timedelta(days=place), amount)
    return members


async def test_the_best_are_crowned_as_the_period_of_benefit_begins(race: LadderDesk) -> None:
    await joined(race, 5_000, 9_000, 4_000, 1_999)
    assert await race.award(D(2025, 12, 31)) == [RankAward("CROWN", D(2024, 1, 1), 0, 0)]
    assert await race.tiers(D(2025, 12, 31)) == ["SILVER", "SILVER", "SILVER", "SILVER"]
    assert await race.award(NEW_YEAR) == [RankAward("CROWN", D(2025, 1, 1), granted=2, stepped_down=0)]
    assert await race.tiers(NEW_YEAR) == ["CROWN", "CROWN", "SILVER", "SILVER"]
    rows = await race.conn.fetch(
        "SELECT rank, rank_cap, rank_floor_minor, starts_on, ends_on FROM tiers.grants WHERE source = 'RANKED'"
        " ORDER BY rank"
    )
    assert [tuple(row) for row in rows] == [
        (1, 2, 4_000, NEW_YEAR, D(2027, 1, 1)),
        (2, 2, 4_000, NEW_YEAR, D(2027, 1, 1)),
    ]
    assert await race.events(race.members[1]) == [("granted", "SILVER"), ("granted", "CROWN")]
    await race.check(NEW_YEAR)


async def test_ranks_are_awarded_once(race: LadderDesk) -> None:
    await joined(race, 5_000, 9_000)
    assert len(await race.award(NEW_YEAR)) == 1
    assert await race.award(NEW_YEAR) == []
    [late] = await joined(race, 50_000)
    assert await race.award(D(2026, 2, 1)) == []
    assert await race.tier(late, D(2026, 2, 1)) == "SILVER"


async def test_ties_go_to_who_reached_it_earlier_and_then_to_the_lower_id(race: LadderDesk) -> None:
    """T5, on real tables."""
    first, second, third = await joined(race, 5_000, 5_000, 5_000)
    await race.award(NEW_YEAR)
    assert await race.tiers(NEW_YEAR) == ["CROWN", "CROWN", "SILVER"]
    assert await race.tier(third, NEW_YEAR) == "SILVER"
    assert first < second


async def holders(desk: LadderDesk, today: date) -> int:
    return (await desk.tiers(today)).count("CROWN")


async def test_t5_never_more_holders_than_the_cap_from_one_year_to_the_next(race: LadderDesk) -> None:
    """T5: who loses the crown goes one step down in the transaction that crowns the next."""
    first, second, third, fourth = await joined(race, 9_000, 8_000, 7_000, 6_000)
    await race.award(NEW_YEAR)
    for member, amount in ((first, 3_000), (third, 9_000), (fourth, 8_000), (second, 4_000)):
        await race.spend(member, D(2026, 5, 1), amount)
    await race.review_until(D(2026, 12, 2))
    assert await race.reviews(first) == [("WARNED", D(2027, 1, 1), "CROWN", "CROWN")]
    await race.review_until(D(2027, 1, 1))
    assert await holders(race, D(2027, 1, 1)) == 2
    assert await race.award(D(2027, 1, 1)) == [RankAward("CROWN", D(2026, 1, 1), granted=2, stepped_down=2)]
    assert await race.tiers(D(2027, 1, 1)) == ["SILVER", "SILVER", "CROWN", "CROWN"]
    assert await race.reviews(first) == [
        ("WARNED", D(2027, 1, 1), "CROWN", "CROWN"),
        ("STEPPED_DOWN", D(2027, 1, 1), "CROWN", "SILVER"),
    ]
    assert (await race.events(first))[-2:] == [("warned", "CROWN"), ("stepped_down", "SILVER")]
    await race.review_until(D(2027, 1, 1), D(2027, 1, 2))
    assert await holders(race, D(2027, 1, 2)) == 2
    await race.check(D(2027, 1, 2))


async def test_whoever_is_among_the_best_again_has_kept_the_crown(race: LadderDesk) -> None:
    first, _ = await joined(race, 9_000, 8_000)
    await race.award(NEW_YEAR)
    await race.spend(first, D(2026, 5, 1), 9_000)
    await race.review_until(D(2026, 12, 2))
    assert await race.award(D(2027, 1, 1)) == [RankAward("CROWN", D(2026, 1, 1), granted=1, stepped_down=1)]
    assert [step for step, *_ in await race.reviews(first)] == ["WARNED", "KEPT"]
    assert (await race.standing(first, D(2027, 1, 1))).hold == Hold("CROWN", 2, NEW_YEAR, D(2028, 1, 1))
    assert (await race.events(first))[-1] == ("kept", "CROWN")
    await race.check(D(2027, 1, 1))


async def test_a_return_below_the_one_left_out_loses_the_crown_at_once(race: LadderDesk) -> None:
    first, second, _ = await joined(race, 9_000, 8_000, 7_000)
    await race.award(NEW_YEAR)
    await race.spend(first, D(2025, 3, 1), -2_000, today=D(2026, 1, 10))
    assert await race.tier(first, D(2026, 1, 10)) == "CROWN"
    await race.spend(first, D(2025, 3, 1), -1, today=D(2026, 1, 11))
    assert await race.tier(first, D(2026, 1, 11)) == "SILVER"
    assert (await race.events(first))[-1] == ("rescinded", "CROWN")
    assert await race.tier(second, D(2026, 1, 11)) == "CROWN"
    await race.check(D(2026, 1, 11))


async def test_a_holder_who_lost_the_rank_by_a_return_after_the_award_is_reviewed_like_everybody(
    race: LadderDesk,
) -> None:
    """Crowned twice, and the second time on spend that came back: nobody takes the place, so there is a warning."""
    first, _, _ = await joined(race, 9_000, 8_000, 7_000)
    await race.award(NEW_YEAR)
    for member, amount in zip(race.members, (9_000, 8_000, 7_000), strict=True):
        await race.spend(member, D(2026, 5, 1), amount)
    await race.review_until(D(2026, 12, 2), D(2027, 1, 1))
    await race.award(D(2027, 1, 1))
    await race.spend(first, D(2026, 5, 1), -5_000, today=D(2027, 1, 5))
    assert await race.tier(first, D(2027, 1, 5)) == "CROWN"
    await race.review_until(D(2027, 1, 5))
    await race.review_until(D(2027, 2, 4))
    assert await race.tier(first, D(2027, 2, 4)) == "SILVER"
    assert [step for step, *_ in await race.reviews(first)] == ["WARNED", "KEPT", "WARNED", "STEPPED_DOWN"]


async def test_members_who_were_merged_away_are_not_crowned(race: LadderDesk) -> None:
    members = await joined(race, 9_000, 8_000, 7_000)
    await race.conn.execute(
        "UPDATE members.members SET status = 'MERGED', merged_into = $2 WHERE member_id = $1",
        members[0].member_id,
        members[1].member_id,
    )
    await race.conn.execute(
        "UPDATE members.memberships SET merged_into = $2 WHERE member_id = $1",
        members[0].member_id,
        members[1].member_id,
    )
    await race.award(NEW_YEAR)
    assert await race.tier(members[0], NEW_YEAR) == "SILVER"


async def test_an_award_is_a_constant_number_of_statements(race: LadderDesk, statements: list[str]) -> None:
    counts = []
    for year, members in ((2025, 2), (2026, 40)):
        await joined(race, *([5_000] * members), year=year)
        statements.clear()
        await race.award(D(year + 1, 1, 1))
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_a_cap_that_the_next_ladder_raises_holds_from_its_first_award(database: Database, conn: Conn) -> None:
    second = LadderRevision(2, D(2026, 6, 1), podium(best=3))
    desk = await open_ladder_desk(database, conn, revision_of(podium(best=1)), second)
    await joined(desk, 9_000, 8_000, 7_000, 6_000)
    await desk.award(NEW_YEAR)
    assert await holders(desk, NEW_YEAR) == 1
    for member in desk.members:
        await desk.spend(member, D(2026, 3, 1), 5_000)
    await desk.award(D(2027, 1, 1))
    assert await holders(desk, D(2027, 1, 1)) == 3
