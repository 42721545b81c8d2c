"""Who becomes eligible later: at enrolment, by a merge, by an event; and what that costs while there is no offer."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from membership.accounts.context import AccountWorkings
from membership.accounts.merge import merge
from membership.accounts.model import MergeMembers
from membership.campaigns.content import CouponValidity, ToAllEligible
from membership.coupons.newcomers import TIER_EVENTS, NewlyEligible, OffersToAll
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import Delivery
from membership.worker.run import event_handlers
from support.clock import StoppedClock
from support.coupon_desk import CouponDesk, for_tiers, key, offer, open_coupon_desk
from support.people import account_workings, join, services_of


@pytest.fixture
async def desk(database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring) -> CouponDesk:
    return await open_coupon_desk(database, conn, clock, keyring)


@pytest.fixture
def workings(database: Database) -> AccountWorkings:
    return account_workings(database)


def newcomers(desk: CouponDesk) -> NewlyEligible:
    offers = OffersToAll(desk.workings.campaigns, max_age=timedelta(0))
    return NewlyEligible(offers, desk.workings.directory, desk.workings.ladders, new_id)


async def test_a_newcomer_has_the_coupon_of_everybody_at_once(desk: CouponDesk, workings: AccountWorkings) -> None:
    await desk.campaign(
        offer("WELCOME", issue=ToAllEligible()), offer("SILVER", issue=ToAllEligible(), scope=for_tiers("SILVER"))
    )
    enrolled = await join(workings, desk.shop, now=desk.now)
    assert [coupon.offer for coupon in await desk.coupons(enrolled.membership.key)] == ["WELCOME"]
    assert await desk.issue("WELCOME") == 0


async def test_a_merged_member_is_not_issued_a_second_one(desk: CouponDesk, workings: AccountWorkings) -> None:
    await desk.campaign(offer("WELCOME", issue=ToAllEligible()))
    winner, loser = [(await join(workings, desk.shop, now=desk.now)).membership.key for _ in range(2)]
    command = MergeMembers(key(), winner.member_id, loser.member_id)
    await merge(workings, services_of(desk.shop), desk.now, command)
    assert [coupon.ordinal for coupon in await desk.coupons(winner)] in ([1, 2], [2, 1])
    assert await desk.issue("WELCOME") == 0


async def test_a_tier_that_changed_elsewhere_gives_its_coupon_by_the_event(
    desk: CouponDesk, conn: Conn, redis: Redis
) -> None:
    member = await desk.join()
    await desk.campaign(offer("SILVER", issue=ToAllEligible(), scope=for_tiers("SILVER")))
    await conn.execute(
        "INSERT INTO tiers.standings (member_id, programme_id, tier, level, since, ends_on, upcoming, ladder_revision)"
        " VALUES ($1, $2, 'SILVER', 1, $3, $4, '[]', 1)",
        member.member_id,
        member.programme_id,
        desk.today - timedelta(days=1),
        desk.today + timedelta(days=300),
    )
    payload = {"member_id": str(member.member_id), "programme_id": str(member.programme_id)}
    delivery = Delivery(new_id(), member.member_id, "tiers.granted", payload, desk.now, 1, None)  # type: ignore[arg-type]
    for _ in range(2):
        async with desk.database.engine(desk.planner, desk.now) as tx:
            await newcomers(desk).on_tier_event(tx, delivery)
    assert [coupon.offer for coupon in await desk.coupons(member)] == ["SILVER"]
    assert all(event_handlers(desk.database, redis).of(name) for name in TIER_EVENTS)


async def test_it_costs_no_statement_while_no_such_offer_is_live(desk: CouponDesk, statements: list[str]) -> None:
    member = await desk.join()
    await desk.campaign(offer("CLAIMED"))
    eligible = NewlyEligible(
        OffersToAll(desk.workings.campaigns), desk.workings.directory, desk.workings.ladders, new_id
    )
    async with desk.database.engine(desk.planner, desk.now) as tx:
        await eligible.issue(tx, member, "CARD")
        statements.clear()
        await eligible.issue(tx, member, "SILVER")
        await eligible.issue_newcomer(tx, member)
        assert statements == []


async def test_days_of_validity_begin_with_the_issue_for_who_gets_it_late(desk: CouponDesk) -> None:
    """A pass on the fifth day once counted the two days of the coupon from the opening, and gave it to nobody."""
    early, late = await desk.join(), await desk.join()
    await desk.campaign(offer("WELCOME", issue=ToAllEligible(), validity=CouponValidity(days_from_issue=2)))
    await desk.issue("WELCOME")
    (first,) = await desk.coupons(early)
    await desk.conn.execute("DELETE FROM coupons.coupons WHERE member_id = $1", late.member_id)
    desk.clock.advance(timedelta(days=4))
    assert await desk.issue("WELCOME") == 1
    (second,) = await desk.coupons(late)
    assert second.valid_until - first.valid_until == timedelta(days=4)
