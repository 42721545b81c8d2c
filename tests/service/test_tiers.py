"""Tiers in somebody else's transaction, on real PostgreSQL: what is written, in how many statements, what is told."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.kernel.ids import new_id
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from membership.receipts.model import DaySpend
from membership.receipts.store import merge_member
from membership.tiers import service
from membership.tiers.errors import (
    LadderTooEarly,
    TierAlreadyHeld,
    TierGivenToday,
    TierNotGivenByHand,
    UnknownTierGrant,
)
from membership.tiers.model import GrantId, Hold, Rescission, Source, Standing
from membership.tiers.records import days_of, records_of
from membership.tiers.rules.change import StandingChange
from membership.tiers.rules.periods import history_starts_on
from membership.tiers.rules.projection import project
from membership.tiers.rules.standing import base_standing
from support.ladder_desk import STAFF, LadderDesk, key_of, moment, open_ladder_desk, same_ladder_desk
from support.recording import readings
from unit.tiers.ladders import brompton, chaoyang, hangang, patchwork

D = date
TODAY = D(2026, 6, 1)


@pytest.fixture
async def desk(database: Database, conn: Conn) -> LadderDesk:
    return await open_ladder_desk(database, conn, chaoyang())


async def grants(desk: LadderDesk, member: MembershipKey) -> list[tuple[str, str, str | None]]:
    rows = await desk.conn.fetch(
        "SELECT tier, source, rescinded_because FROM tiers.grants WHERE member_id = $1 ORDER BY grant_id",
        member.member_id,
    )
    return [tuple(row) for row in rows]


async def test_no_statement_while_nothing_changes_and_one_when_something_does(
    desk: LadderDesk, statements: list[str]
) -> None:
    member = await desk.join()
    counts = []
    for amount in (100, 20_000_00, 100, 80_000_00, -80_000_00):
        async with desk.locked(TODAY, member) as tx:
            records = await service.read_records(tx, member, desk.ladders, today=TODAY)
            spent = {day.business_date: day.tier_minor for day in await desk.days(member)}
            days = (DaySpend(TODAY, spent.get(TODAY, 0) + amount, 0),)
            statements.clear()
            await service.after_spend_change(
                tx, member, desk.ladders, days=days, complete_from=date.min, records=records, today=TODAY
            )
            counts.append(len(statements))
        await desk.conn.execute("DELETE FROM receipts.business_days")
        await desk.conn.execute(
            "INSERT INTO receipts.business_days VALUES ($1, $2, $3, $4, 0)", *key_of(member), TODAY, days[0].tier_minor
        )
    assert counts == [0, 1, 0, 1, 1]
    await desk.check(TODAY)


async def test_an_upgrade_is_recorded_and_told(desk: LadderDesk) -> None:
    member = await desk.join()
    await desk.spend(member, TODAY, 100_000_00)
    assert await desk.standing(member, TODAY) == Standing(Hold("GOLD", 2, TODAY, D(2027, 6, 1)))
    assert await grants(desk, member) == [("GOLD", "QUALIFIED", None)]
    assert await desk.events(member) == [("granted", "GOLD")]
    payload = await desk.conn.fetchval("SELECT payload FROM platform.outbox WHERE name = 'tiers.granted'")
    for fact in ('"instead_of": "CARD"', '"starts_on": "2026-06-01"', '"ends_on": "2027-06-01"'):
        assert fact in payload


async def test_a_return_rescinds_the_upgrade_in_its_own_transaction(desk: LadderDesk) -> None:
    member = await desk.join()
    await desk.spend(member, D(2026, 5, 1), 20_000_00)
    await desk.spend(member, TODAY, 80_000_00)
    await desk.spend(member, TODAY, -80_000_00, today=D(2026, 6, 20))
    assert await desk.tier(member, D(2026, 6, 20)) == "SILVER"
    assert await grants(desk, member) == [("SILVER", "QUALIFIED", None), ("GOLD", "QUALIFIED", "SPEND_RETURNED")]
    assert await desk.events(member) == [("granted", "SILVER"), ("granted", "GOLD"), ("rescinded", "GOLD")]
    await desk.check(D(2026, 6, 20))


async def test_what_begins_later_begins_by_the_clock_alone(database: Database, conn: Conn) -> None:
    desk = await open_ladder_desk(database, conn, hangang())
    member = await desk.join()
    await desk.spend(member, TODAY, 30_000_000)
    assert [await desk.tier(member, day) for day in (TODAY, D(2026, 7, 1), D(2027, 2, 1))] == ["WHITE", "RED", "GOLD"]
    for day in (D(2026, 6, 30), D(2026, 7, 1), D(2027, 1, 31), D(2027, 2, 1)):
        await desk.check(day)
    assert await desk.events(member) == [("granted", "RED"), ("granted", "GOLD")]


async def test_records_outlive_the_days_they_rested_on(database: Database, conn: Conn) -> None:
    """Brompton, four years on: the days read do not reach back, and the tier waits for its review all the same."""
    desk = await open_ladder_desk(database, conn, brompton())
    member = await desk.join()
    await desk.spend(member, D(2021, 6, 1), 5_000_00)
    far = D(2026, 6, 1)
    assert history_starts_on(desk.ladders, far) > D(2021, 12, 31)
    change = await desk.spend(member, far, 100)
    assert change.is_nothing
    assert (await desk.standing(member, far)).hold.tier == "CLARET"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_t1_any_order_of_arrival_leaves_the_same_records(
    database: Database, conn: Conn, data: st.DataObject
) -> None:
    """T1, on real tables: sales and returns of one life, reported in two orders to two members."""
    desk = await same_ladder_desk(database, conn, patchwork())
    days = st.dates(D(2025, 10, 1), D(2026, 5, 31))
    amounts = st.sampled_from([1, 999, 2_500, 3_000, 5_000, 20_000])
    sales = data.draw(st.lists(st.tuples(days, amounts), min_size=1, max_size=6))
    returned = data.draw(st.sets(st.integers(0, len(sales) - 1)))
    orders = [data.draw(st.permutations(range(len(sales)))) for _ in range(2)]
    seen = []
    for order in orders:
        member = await desk.join()
        for place in order:
            await desk.spend(member, *sales[place], today=TODAY, base_points=50)
        for place in (place for place in order if place in returned):
            day, amount = sales[place]
            await desk.spend(member, day, -amount, today=TODAY, base_points=-50)
        records = await desk.records(member, TODAY)
        live = {(grant.tier, grant.criterion, grant.qualified_on) for grant in records.grants}
        seen.append((records.standing, live))
        await desk.check(TODAY, [member])
    assert seen[0] == seen[1]


@pytest.mark.parametrize(("spend", "points", "tier"), [(1, 0, "VISITOR"), (0, 16, "BASE"), (0, 50, "VISITOR")])
async def test_t3_days_count_for_the_tier_by_spend_and_for_points_by_points(
    database: Database, conn: Conn, spend: int, points: int, tier: str
) -> None:
    """T3, on real tables: ten days at a maison without points, and at a brand that does not count for the tier."""
    desk = await open_ladder_desk(database, conn, patchwork())
    member = await desk.join()
    for day in range(1, 11):
        await desk.spend(member, D(2026, 5, day), spend, base_points=points)
    assert await desk.tier(member, D(2026, 5, 11)) == tier


async def test_a_tier_given_by_hand_is_held_told_and_audited(desk: LadderDesk) -> None:
    member = await desk.join()
    recorded = await desk.give(member, "PLATINUM", D(2026, 9, 1), today=TODAY)
    assert (recorded.grant.source, recorded.grant.criterion) == (Source.MANUAL, "GOODWILL")
    assert await desk.standing(member, TODAY) == Standing(Hold("PLATINUM", 3, TODAY, D(2026, 9, 1)))
    assert await desk.events(member) == [("granted", "PLATINUM")]
    row = await desk.conn.fetchrow(
        "SELECT action, actor, member_id, before, after, subject_id FROM platform.audit_entries"
    )
    assert row is not None
    assert (row["action"], row["actor"], row["member_id"]) == ("tiers.grant", "desk-7", member.member_id)
    assert (row["subject_id"], row["before"]) == (str(recorded.grant.grant_id), '{"tier": "CARD"}')
    assert '"reason": "GOODWILL"' in row["after"]
    await desk.check(TODAY)


async def test_a_tier_given_by_hand_may_be_taken_back_once(desk: LadderDesk) -> None:
    member = await desk.join()
    await desk.spend(member, D(2026, 5, 1), 20_000_00)
    grant_id = (await desk.give(member, "GOLD", D(2026, 9, 1), today=TODAY)).grant.grant_id
    ended = await desk.take_back(grant_id, today=TODAY)
    assert (ended.rescinded_at, ended.rescinded_because) == (moment(TODAY), Rescission.BY_HAND)
    assert await desk.tier(member, TODAY) == "SILVER"
    assert await grants(desk, member) == [("SILVER", "QUALIFIED", None), ("GOLD", "MANUAL", "BY_HAND")]
    assert await desk.events(member) == [("granted", "SILVER"), ("granted", "GOLD"), ("rescinded", "GOLD")]
    with pytest.raises(UnknownTierGrant):
        await desk.take_back(grant_id, today=TODAY)
    await desk.check(TODAY)


async def test_a_repeated_gift_is_answered_and_given_once(desk: LadderDesk) -> None:
    member = await desk.join()
    first = await desk.give(member, "GOLD", D(2026, 9, 1), today=TODAY, key="once")
    assert await desk.give(member, "GOLD", D(2026, 9, 1), today=TODAY, key="once") == first
    with pytest.raises(IdempotencyConflict):
        await desk.give(member, "GOLD", D(2026, 10, 1), today=TODAY, key="once")
    ended = await desk.take_back(first.grant.grant_id, today=TODAY, key="end")
    assert await desk.take_back(first.grant.grant_id, today=TODAY, key="end") == ended
    assert await desk.conn.fetchval("SELECT count(*) FROM platform.audit_entries") == 2


async def test_what_was_qualified_for_is_not_taken_back_by_hand(desk: LadderDesk) -> None:
    member = await desk.join()
    await desk.spend(member, TODAY, 20_000_00)
    [earned] = (await desk.records(member, TODAY)).grants
    with pytest.raises(UnknownTierGrant):
        await desk.take_back(earned.grant_id, today=TODAY)
    assert await desk.tier(member, TODAY) == "SILVER"


async def test_a_gift_that_lifts_nobody_yet_is_kept_for_later(desk: LadderDesk) -> None:
    """Given beyond the end of what is held: it takes over when that ends."""
    member = await desk.join()
    await desk.spend(member, D(2025, 9, 1), 100_000_00)
    await desk.give(member, "SILVER", D(2027, 3, 1), today=TODAY)
    assert (await desk.standing(member, TODAY)).hold.tier == "GOLD"
    await desk.review_until(D(2026, 8, 2), D(2026, 9, 1))
    assert (await desk.standing(member, D(2026, 9, 1))).hold == Hold("SILVER", 1, D(2026, 9, 1), D(2027, 9, 1))


@pytest.mark.parametrize(
    ("tier", "refusal"), [("BLACK", TierNotGivenByHand), ("SILVER", TierAlreadyHeld), ("GOLD", TierGivenToday)]
)
async def test_a_refused_gift_changes_nothing(desk: LadderDesk, tier: str, refusal: type[Exception]) -> None:
    member = await desk.join()
    await desk.give(member, "GOLD", D(2026, 9, 1), today=TODAY)
    before = await desk.records(member, TODAY)
    with pytest.raises(refusal):
        await desk.give(member, tier, D(2026, 8, 1) if tier == "SILVER" else D(2026, 10, 1), today=TODAY)
    assert await desk.records(member, TODAY) == before
    assert await desk.conn.fetchval("SELECT count(*) FROM platform.audit_entries") == 1


async def test_staff_reach_the_members_of_their_own_programme_only(desk: LadderDesk) -> None:
    member = await desk.join()
    recorded = await desk.give(member, "GOLD", D(2026, 9, 1), today=TODAY)
    elsewhere = replace(STAFF, programme_id=new_id())
    with pytest.raises(UnknownMember):
        await desk.give(member, "PLATINUM", D(2026, 9, 1), today=TODAY, by=elsewhere)
    with pytest.raises(UnknownTierGrant):
        await desk.take_back(recorded.grant.grant_id, today=TODAY, by=elsewhere)
    stranger = MembershipKey(MemberId(new_id()), desk.shop.programme_id)
    with pytest.raises(UnknownMember):
        await desk.give(stranger, "GOLD", D(2026, 9, 1), today=TODAY)
    with pytest.raises(UnknownTierGrant):
        await desk.take_back(GrantId(new_id()), today=TODAY)


async def test_a_merge_joins_spend_gifts_and_reviews(desk: LadderDesk, statements: list[str]) -> None:
    winner, loser = await desk.join(), await desk.join()
    await desk.spend(winner, D(2026, 5, 1), 12_000_00)
    await desk.spend(loser, D(2026, 4, 1), 9_000_00)
    await desk.give(loser, "GOLD", D(2026, 9, 1), today=TODAY)
    change = await merge(desk, loser, winner, statements)
    assert change.after.hold == Hold("GOLD", 2, TODAY, D(2026, 9, 1))
    assert await desk.standing(loser, TODAY) == base_standing(desk.ladders[0])
    assert await grants(desk, loser) == [("GOLD", "MANUAL", "MERGED")]
    assert sorted(await grants(desk, winner)) == [("GOLD", "MANUAL", None), ("SILVER", "QUALIFIED", None)]
    assert await desk.events(winner) == [("granted", "GOLD")]
    await desk.check(TODAY)
    # What the loser's gift leaves when it ends is what both bought.
    await desk.review_until(D(2026, 8, 2), D(2026, 9, 1))
    assert (await desk.standing(winner, D(2026, 9, 1))).hold.tier == "SILVER"


async def test_a_merge_takes_over_the_losers_step_downs(desk: LadderDesk, statements: list[str]) -> None:
    winner, loser = await desk.join(), await desk.join()
    await desk.spend(loser, D(2025, 3, 1), 100_000_00)
    await desk.review_until(D(2026, 1, 30), D(2026, 3, 1))
    assert await desk.tier(loser, TODAY) == "SILVER"
    change = await merge(desk, loser, winner, statements)
    assert change.after.hold == Hold("SILVER", 1, D(2026, 3, 1), D(2027, 3, 1))
    assert await desk.reviews(winner) == [("STEPPED_DOWN", D(2026, 3, 1), "GOLD", "SILVER")]
    await desk.check(TODAY)


async def test_the_next_ladder_is_published_with_its_audit_entry(desk: LadderDesk) -> None:
    async with desk.database.engine(STAFF, moment(TODAY)) as tx:
        entry = await service.publish_ladder(
            tx, desk.shop.programme_id, chaoyang(), effective_from=D(2027, 1, 1), today=TODAY
        )
    assert entry.revision == 2
    cache = service.LadderCache(desk.database.pool)
    assert await cache.ladders(desk.shop.programme_id, moment(TODAY)) == (*desk.ladders, entry)
    row = await desk.conn.fetchrow("SELECT action, before, after FROM platform.audit_entries")
    assert row is not None
    assert row["action"] == "tiers.publish_ladder"
    assert (row["before"], '"revision": 2' in row["after"]) == ('{"revision": 1}', True)


async def test_a_ladder_for_yesterday_is_refused(desk: LadderDesk) -> None:
    with pytest.raises(LadderTooEarly):
        async with desk.database.engine(STAFF, moment(TODAY)) as tx:
            await service.publish_ladder(tx, desk.shop.programme_id, chaoyang(), effective_from=TODAY, today=TODAY)
    assert await desk.conn.fetchval("SELECT count(*) FROM tiers.ladders WHERE revision > 1") == 0


async def test_ladders_are_kept_for_a_while_and_read_once_for_all(desk: LadderDesk, statements: list[str]) -> None:
    cache = service.LadderCache(desk.database.pool, max_age=timedelta(seconds=10))
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    statements.clear()
    first = await cache.ladders(desk.shop.programme_id, now)
    assert await cache.ladders(desk.shop.programme_id, now + timedelta(seconds=9)) is first
    assert len(readings(statements)) == 1
    await cache.ladders(desk.shop.programme_id, now + timedelta(seconds=10))
    assert len(readings(statements)) == 2


async def test_a_home_page_reads_the_projection_from_one_row(desk: LadderDesk) -> None:
    """What a query takes along for it: the records, and three arrays of days."""
    member = await desk.join()
    await desk.spend(member, D(2026, 5, 1), 30_000_00, base_points=3)
    row = await desk.conn.fetchrow(
        """
        SELECT recorded.records, days.dates, days.spend, days.points
        FROM tiers.records recorded
        CROSS JOIN LATERAL (
            SELECT array_agg(business_date) AS dates, array_agg(tier_minor) AS spend, array_agg(base_points) AS points
            FROM receipts.business_days day
            WHERE day.member_id = recorded.member_id AND day.programme_id = recorded.programme_id
        ) days
        WHERE recorded.member_id = $1
        """,
        member.member_id,
    )
    assert row is not None
    records = records_of(row["records"], desk.ladders, TODAY)
    found = project(desk.ladders, records.standing, days_of(row["dates"], row["spend"], row["points"]), TODAY)
    assert (found.standing.hold.tier, found.next_tier, found.spend_to_next_tier_minor) == ("SILVER", "GOLD", 70_000_00)


async def merge(desk: LadderDesk, loser: MembershipKey, winner: MembershipKey, statements: list[str]) -> StandingChange:
    async with desk.database.engine(STAFF, moment(TODAY)) as tx:
        await lock_memberships(tx.conn, [loser, winner])
        await merge_member(
            tx.conn, loser_id=loser.member_id, winner_id=winner.member_id, programme_id=winner.programme_id
        )
        rows = await tx.conn.fetch(
            "SELECT business_date, tier_minor, base_points FROM receipts.business_days WHERE member_id = $1"
            " ORDER BY business_date",
            winner.member_id,
        )
        statements.clear()
        change = await service.merge(
            tx,
            loser=loser,
            winner=winner,
            ladders=desk.ladders,
            days=[DaySpend(*row) for row in rows],
            today=TODAY,
        )
        assert len(statements) == 3
        return change
