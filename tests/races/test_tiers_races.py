"""Tiers, two at once: the job beside a till, a job beside itself, two awards of the same ranks."""

import asyncio
from datetime import date

import pytest

from membership.kernel.ids import new_id
from membership.members.store import lock_free_memberships, lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.tiers import jobs, service, store
from membership.tiers.errors import LadderPublishedMeanwhile
from membership.tiers.jobs import RankAward, ReviewRun
from membership.tiers.outcomes import Batch
from support.blocked import until_blocked
from support.ladder_desk import ACTOR, LadderDesk, moment, open_ladder_desk
from unit.tiers.ladders import chaoyang, podium

D = date
NEW_YEAR = D(2026, 1, 1)


@pytest.fixture
async def desk(database: Database, conn: Conn) -> LadderDesk:
    return await open_ladder_desk(database, conn, chaoyang())


async def test_t5_two_awards_at_once_crown_once(database: Database, conn: Conn) -> None:
    """T5: the second waits for the first one's claim, and then finds the ranks awarded."""
    race = await open_ladder_desk(database, conn, podium(best=2))
    for place in range(4):
        await race.spend(await race.join(), D(2025, 3, 1 + place), 5_000)
    async with database.engine(ACTOR, moment(NEW_YEAR)) as holding:
        await lock_memberships(holding.conn, race.members[:1])
        first = asyncio.create_task(race.award(NEW_YEAR))
        await until_blocked(conn, count=1)
        second = asyncio.create_task(race.award(NEW_YEAR))
        await until_blocked(conn, count=2)
    assert await first == [RankAward("CROWN", D(2025, 1, 1), granted=2, stepped_down=0)]
    assert await second == []
    assert (await race.tiers(NEW_YEAR)).count("CROWN") == 2
    assert await conn.fetchval("SELECT count(*) FROM tiers.grants WHERE source = 'RANKED'") == 2


async def test_t5_a_sale_during_the_award_waits_and_then_sees_the_crown(database: Database, conn: Conn) -> None:
    race = await open_ladder_desk(database, conn, podium(best=1))
    member, rival = await race.join(), await race.join()
    await race.spend(member, D(2025, 3, 1), 5_000)
    await race.spend(rival, D(2025, 3, 1), 4_000)
    async with database.engine(ACTOR, moment(NEW_YEAR)) as award:
        await lock_memberships(award.conn, [member])
        returning = asyncio.create_task(race.spend(member, D(2025, 3, 1), -2_000, today=NEW_YEAR))
        await until_blocked(conn)
        tier = race.ladders[0].ladder.tiers[2]
        assert tier.rank_cap is not None
        await jobs.award_tier(award, race.shop.programme_id, Batch(race.ladders, NEW_YEAR, new_id), tier, tier.rank_cap)
    assert [(lost.hold.tier, lost.instead) for lost in (await returning).lost] == [("CROWN", "SILVER")]
    await race.check(NEW_YEAR)


async def test_t4_two_review_jobs_at_once_take_one_step(desk: LadderDesk, conn: Conn) -> None:
    """T4: whom the first job holds is skipped by the second, and not due any more when it lets go."""
    for _ in range(3):
        await desk.spend(await desk.join(), D(2024, 1, 1), 300_000_00)
    await desk.review_until(D(2024, 12, 2))
    runs = await asyncio.gather(*(desk.review(D(2025, 1, 1)) for _ in range(6)))
    assert sum(run.stepped_down for run in runs) == 3
    assert set(await desk.tiers(D(2025, 1, 1))) == {"GOLD"}
    assert await desk.review(D(2025, 1, 1)) == ReviewRun()
    await desk.check(D(2025, 1, 1))


async def test_t4_a_job_that_listed_a_member_before_another_reviewed_them_does_nothing(desk: LadderDesk) -> None:
    """T4: the list is read without locks, so what is due is decided again under the lock."""
    member = await desk.join()
    await desk.spend(member, D(2024, 1, 1), 300_000_00)
    await desk.review_until(D(2024, 12, 2))
    due_day = D(2025, 1, 1)
    async with desk.database.engine(ACTOR, moment(due_day)) as slow:
        listed = await store.list_due_for_review(slow.conn, member.programme_id, due_day, 10)
        assert listed == [member.member_id]
        assert (await desk.review(due_day)).stepped_down == 1
        locked = await lock_free_memberships(slow.conn, [member])
        assert len(locked) == 1
        batch = Batch(desk.ladders, due_day, new_id)
        again = await jobs.review_members(slow, desk.shop.programme_id, batch, listed)
        assert again == ReviewRun(looked_at=1)
    assert await desk.tier(member, due_day) == "GOLD"


async def test_a_sale_that_waited_for_the_review_is_judged_by_what_the_review_left(
    desk: LadderDesk, conn: Conn
) -> None:
    member = await desk.join()
    await desk.spend(member, D(2024, 1, 1), 100_000_00)
    await desk.review_until(D(2024, 12, 2))
    today = D(2025, 1, 1)
    async with desk.locked(today, member) as reviewing:
        sale = asyncio.create_task(desk.spend(member, today, 20_000_00))
        await until_blocked(conn)
        batch = Batch(desk.ladders, today, new_id)
        await jobs.review_members(reviewing, desk.shop.programme_id, batch, [member.member_id])
    change = await sale
    assert (change.before.hold.tier, change.after.hold.tier) == ("SILVER", "SILVER")
    assert change.after.hold.ends_on == D(2026, 1, 1)
    await desk.check(today)


async def test_two_sales_of_one_member_at_once_both_count(desk: LadderDesk, conn: Conn) -> None:
    """Each is half of a tier: whichever comes second crosses the threshold, once."""
    member = await desk.join()
    today = D(2026, 6, 1)
    async with desk.locked(today, member) as first:
        second = asyncio.create_task(desk.spend(member, today, 10_000_00))
        await until_blocked(conn)
        await first.conn.execute(
            "INSERT INTO receipts.business_days VALUES ($1, $2, $3, 1000000, 0)",
            member.member_id,
            member.programme_id,
            today,
        )
        assert (await desk.follow(first, member, today)).is_nothing
    assert [hold.tier for hold in (await second).granted] == ["SILVER"]
    assert await desk.events(member) == [("granted", "SILVER")]


async def test_a_ladder_published_by_two_is_published_once(desk: LadderDesk, conn: Conn) -> None:
    """The second waits for the revision number, finds it taken, and is told to look again."""
    today = D(2026, 6, 1)

    async def publish() -> int:
        async with desk.database.engine(ACTOR, moment(today)) as tx:
            entry = await service.publish_ladder(
                tx, desk.shop.programme_id, chaoyang(), effective_from=D(2027, 1, 1), today=today
            )
            return entry.revision

    async with desk.database.engine(ACTOR, moment(today)) as first:
        await service.publish_ladder(
            first, desk.shop.programme_id, chaoyang(), effective_from=D(2027, 1, 1), today=today
        )
        second = asyncio.create_task(publish())
        await until_blocked(conn)
    with pytest.raises(LadderPublishedMeanwhile):
        await second
    assert (
        await conn.fetchval("SELECT max(revision) FROM tiers.ladders WHERE programme_id = $1", desk.shop.programme_id)
        == 2
    )
