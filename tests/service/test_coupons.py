"""Coupons on real PostgreSQL: who gets one, in which states it can be, and what each refusal says."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import time, timedelta
from itertools import count
from uuid import UUID

import asyncpg
import pytest

from membership.accounts.merge import merge
from membership.accounts.model import MergeMembers
from membership.campaigns.content import BoughtWithPoints, ByCode, ClaimedInApp, CouponValidity, ToAllEligible
from membership.campaigns.errors import CampaignHasOpened
from membership.campaigns.model import CouponId
from membership.coupons import store
from membership.coupons.claiming import Codes
from membership.coupons.codes import coupon_number, find_coupon_id
from membership.coupons.errors import (
    CodeNotAccepted,
    CodeTaken,
    CouponHeldElsewhere,
    CouponLimitReached,
    CouponNotOpen,
    NotEligibleForOffer,
    OfferEnded,
    OfferNotStarted,
    OfferPaused,
    OfferSoldOut,
    QuotaBelowIssued,
    QuotaOnOfferToAll,
    UnusableCode,
    WrongChannel,
)
from membership.coupons.issuing import step_due
from membership.coupons.model import CouponState
from membership.coupons.rules import TRANSITIONS
from membership.coupons.service import release
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.kernel.randomness import random_bytes
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.points.errors import NotEnoughPoints
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.receipts.model import QuoteId
from support.clock import StoppedClock
from support.coupon_desk import CouponDesk, for_tiers, key, offer, open_coupon_desk
from support.people import account_workings, services_of

_numbers = count(1)


@pytest.fixture
async def desk(database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring) -> CouponDesk:
    return await open_coupon_desk(database, conn, clock, keyring)


async def test_everybody_who_is_eligible_gets_one_coupon_however_often_it_is_issued(desk: CouponDesk) -> None:
    members = [await desk.join() for _ in range(7)]
    await desk.campaign(offer("WELCOME", issue=ToAllEligible()))
    assert await desk.issue("WELCOME", size=3) == 7
    assert await desk.issue("WELCOME", size=3) == 0
    for member in members:
        (coupon,) = await desk.coupons(member)
        assert (coupon.offer, coupon.state, coupon.ordinal) == ("WELCOME", CouponState.ACTIVE, 1)


async def test_an_offer_for_a_tier_goes_to_that_tier(desk: CouponDesk, conn: Conn) -> None:
    silver, basic = await desk.join(), await desk.join()
    await _put_into_tier(conn, desk, silver.member_id, "SILVER", 1)
    await desk.campaign(offer("SILVER-ONLY", issue=ToAllEligible(), scope=for_tiers("SILVER")))
    assert await desk.issue("SILVER-ONLY") == 1
    assert len(await desk.coupons(silver)) == 1
    assert await desk.coupons(basic) == []


async def _put_into_tier(conn: Conn, desk: CouponDesk, member_id: object, tier: str, level: int) -> None:
    await conn.execute(
        "INSERT INTO tiers.standings (member_id, programme_id, tier, level, since, ends_on, upcoming, ladder_revision)"
        " VALUES ($1, $2, $3, $4, $5, $6, '[]', 1)",
        member_id,
        desk.shop.programme_id,
        tier,
        level,
        desk.today - timedelta(days=10),
        desk.today + timedelta(days=300),
    )


async def test_a_coupon_waits_for_the_opening_and_becomes_active_by_the_clock(desk: CouponDesk) -> None:
    member = await desk.join()
    await desk.campaign(offer("WELCOME", issue=ToAllEligible()), starts_in=3)
    await desk.issue("WELCOME")
    (coupon,) = await desk.coupons(member)
    assert (coupon.state, await desk.state(coupon.coupon_id)) == (CouponState.ISSUED, "ISSUED")
    desk.clock.set(coupon.valid_from)
    assert await desk.state(coupon.coupon_id) == "ACTIVE"
    desk.clock.set(coupon.valid_until)
    assert await desk.state(coupon.coupon_id) == "EXPIRED"


async def test_a_run_goes_on_where_it_stopped_and_passes_again(desk: CouponDesk) -> None:
    for _ in range(5):
        await desk.join()
    await desk.campaign(offer("WELCOME", issue=ToAllEligible()))
    found = await desk.offer("WELCOME")
    assert await step_due(desk.workings, desk.planner, desk.now, size=2) == 2
    run = (await store.list_issue_runs(desk.conn, [found.offer_id]))[found.offer_id]
    assert (run.pass_no, run.looked_at, run.issued) == (1, 2, 2)
    assert await step_due(desk.workings, desk.planner, desk.now, size=2) == 2
    assert await step_due(desk.workings, desk.planner, desk.now, size=2) == 1
    assert await step_due(desk.workings, desk.planner, desk.now, size=2) == 0
    late = await desk.join()
    desk.clock.advance(timedelta(minutes=1))
    assert await step_due(desk.workings, desk.planner, desk.now, size=100) == 6
    assert len(await desk.coupons(late)) == 1


async def test_a_run_that_is_under_way_stops_at_a_pause_and_goes_on_after_it(desk: CouponDesk) -> None:
    for _ in range(5):
        await desk.join()
    campaign = await desk.campaign(offer("WELCOME", issue=ToAllEligible()))
    assert await step_due(desk.workings, desk.planner, desk.now, size=2) == 2
    await desk.pause(campaign)
    assert await step_due(desk.workings, desk.planner, desk.now, size=2) == 0
    assert await desk.issue("WELCOME", size=2) == 0
    await desk.campaigns.resume(desk.planner, desk.now, campaign.campaign_id, key=key())
    assert await desk.issue("WELCOME", size=2) == 3


async def test_what_is_cancelled_before_its_opening_is_withdrawn(desk: CouponDesk) -> None:
    member = await desk.join()
    campaign = await desk.campaign(offer("WELCOME", issue=ToAllEligible()), starts_in=3)
    await desk.issue("WELCOME")
    await desk.campaigns.cancel(desk.planner, desk.now, campaign.campaign_id, reason="Called off.", key=key())
    while await step_due(desk.workings, desk.planner, desk.now):
        pass
    (coupon,) = await desk.coupons(member)
    assert coupon.state is CouponState.VOIDED


async def test_a_paused_campaign_issues_nothing_and_takes_nothing_away(desk: CouponDesk) -> None:
    """C5"""
    member, late = await desk.join(), await desk.join()
    campaign = await desk.campaign(offer("CLAIMED"))
    coupon = await desk.claim(member, "CLAIMED")
    await desk.pause(campaign)
    with pytest.raises(OfferPaused):
        await desk.claim(late, "CLAIMED")
    assert await desk.state(coupon.coupon_id) == "ACTIVE"
    quote = new_id()
    await desk.reserve(member, quote, coupon.coupon_id)
    assert await desk.redeem(member, new_id(), coupon.coupon_id, quote_id=quote) == ()
    await desk.campaigns.resume(desk.planner, desk.now, campaign.campaign_id, key=key())
    await desk.claim(late, "CLAIMED")


async def test_a_revision_of_a_paused_campaign_issues_nothing_until_it_goes_on(desk: CouponDesk) -> None:
    """Its offers once were open again as soon as the revision was approved, old ones and new ones."""
    member = await desk.join()
    campaign = await desk.campaign(offer("KNOWN"), offer("WELCOME", issue=ToAllEligible()))
    await desk.pause(campaign)
    rules = (offer("KNOWN"), offer("NEW"), offer("WELCOME", issue=ToAllEligible()))
    await desk.revise(campaign, desk.content(*rules))
    for code in ("KNOWN", "NEW"):
        with pytest.raises(OfferPaused):
            await desk.claim(member, code)
    assert await desk.issue("WELCOME") == 0
    await desk.campaigns.resume(desk.planner, desk.now, campaign.campaign_id, key=key())
    assert [(await desk.claim(member, code)).offer for code in ("KNOWN", "NEW")] == ["KNOWN", "NEW"]
    assert await desk.issue("WELCOME") == 1


async def test_a_claim_is_refused_before_and_after_the_campaign_and_to_other_tiers(desk: CouponDesk) -> None:
    member = await desk.join()
    await desk.campaign(offer("CLAIMED"), offer("SILVER-ONLY", scope=for_tiers("SILVER")), starts_in=3, days=2)
    with pytest.raises(OfferNotStarted):
        await desk.claim(member, "CLAIMED")
    desk.clock.advance(timedelta(days=3))
    with pytest.raises(NotEligibleForOffer) as refusal:
        await desk.claim(member, "SILVER-ONLY")
    assert refusal.value.tiers == ["SILVER"]
    await desk.claim(member, "CLAIMED")
    desk.clock.advance(timedelta(days=2))
    with pytest.raises(OfferEnded):
        await desk.claim(await desk.join(), "CLAIMED")


async def test_a_drop_opens_at_its_time(desk: CouponDesk) -> None:
    member = await desk.join()
    await desk.campaign(offer("DROP", issue=ClaimedInApp(drop_time=time(23, 30))))
    with pytest.raises(OfferNotStarted):
        await desk.claim(member, "DROP")


async def test_the_quotas_of_the_offer_and_of_the_day_are_kept(desk: CouponDesk) -> None:
    """C1"""
    members = [await desk.join() for _ in range(4)]
    await desk.campaign(offer("FEW", quota=3, quota_per_day=2))
    for member in members[:2]:
        await desk.claim(member, "FEW")
    with pytest.raises(OfferSoldOut) as refusal:
        await desk.claim(members[2], "FEW")
    assert refusal.value.of_the_day
    desk.clock.advance(timedelta(days=1))
    await desk.claim(members[2], "FEW")
    with pytest.raises(OfferSoldOut) as refusal:
        await desk.claim(members[3], "FEW")
    assert not refusal.value.of_the_day


async def test_a_member_has_as_many_as_one_may_have(desk: CouponDesk) -> None:
    """C1"""
    member = await desk.join()
    await desk.campaign(offer("TWO", limit_per_member=2))
    for _ in range(2):
        await desk.claim(member, "TWO")
    with pytest.raises(CouponLimitReached) as refusal:
        await desk.claim(member, "TWO")
    assert refusal.value.most == 2


async def test_a_repeat_of_a_claim_is_the_same_coupon(desk: CouponDesk) -> None:
    member = await desk.join()
    await desk.campaign(offer("CLAIMED", limit_per_member=5))
    found = await desk.offer("CLAIMED")
    actor, same = desk.actor_of(member), key()
    first = await desk.claims.claim(actor, desk.now, member, found.offer_id, key=same)
    assert await desk.claims.claim(actor, desk.now, member, found.offer_id, key=same) == first
    assert len(await desk.coupons(member)) == 1


async def test_an_offer_is_issued_only_in_its_own_way(desk: CouponDesk) -> None:
    member = await desk.join()
    await desk.campaign(offer("TO-ALL", issue=ToAllEligible()))
    with pytest.raises(WrongChannel):
        await desk.claim(member, "TO-ALL")


async def test_a_coupon_is_bought_with_points_or_not_at_all(desk: CouponDesk, conn: Conn) -> None:
    member = await desk.join()
    await desk.campaign(offer("BOUGHT", issue=BoughtWithPoints(points=500)))
    found = await desk.offer("BOUGHT")
    with pytest.raises(NotEnoughPoints):
        await desk.claims.buy(desk.actor_of(member), desk.now, member, found.offer_id, key=key())
    assert await desk.coupons(member) == []
    await _give_points(conn, desk, member.member_id, 800)
    coupon = await desk.claims.buy(desk.actor_of(member), desk.now, member, found.offer_id, key=key())
    row = await conn.fetchrow(
        "SELECT entry.kind, entry.points, account.balance FROM points.entries entry"
        " JOIN points.accounts account USING (member_id) WHERE cause_event = $1",
        coupon.coupon_id,
    )
    assert row is not None
    assert tuple(row) == ("REDEEM", 500, 300)


async def _give_points(conn: Conn, desk: CouponDesk, member_id: object, points: int) -> None:
    entry, lot = new_id(), new_id()
    await conn.execute(
        "INSERT INTO points.entries (entry_id, member_id, programme_id, kind, debit, credit, points, cause_event,"
        " cause_item, cause_revision, occurred_at, recorded_at, business_date)"
        " VALUES ($1, $2, $3, 'EARN', 'ISSUE', 'MEMBER', $4, $1, 'test', 'test', $5, $5, $6)",
        entry,
        member_id,
        desk.shop.programme_id,
        points,
        desk.now,
        desk.today,
    )
    await conn.execute(
        "INSERT INTO points.lots (lot_id, member_id, programme_id, entry_id, rule, revision, points, remaining,"
        " activates_at) VALUES ($1, $2, $3, $4, 'BASE', 'test', $5, $5, $6)",
        lot,
        member_id,
        desk.shop.programme_id,
        entry,
        points,
        desk.now,
    )
    await conn.execute("UPDATE points.accounts SET balance = balance + $2 WHERE member_id = $1", member_id, points)


async def test_a_code_is_good_once_and_a_wrong_one_is_told_from_a_used_one_by_nothing(desk: CouponDesk) -> None:
    first, second = await desk.join(), await desk.join()
    await desk.campaign(offer("CODED", issue=ByCode()))
    found = await desk.offer("CODED")
    batch = await desk.codes.generate(desk.planner, desk.now, found.offer_id, count=3, key=key())
    typed = batch.codes[0].lower().replace("-", " ")
    coupon = await desk.claims.redeem_code(desk.actor_of(first), desk.now, first, typed, key=key())
    assert coupon.offer == "CODED"
    told = []
    for code in (batch.codes[0], "0000-0000-0000", "\ud800", "", "X" * 5_000):
        with pytest.raises(CodeNotAccepted) as refusal:
            await desk.claims.redeem_code(desk.actor_of(second), desk.now, second, code, key=key())
        told.append((refusal.value.code, refusal.value.message, refusal.value.facts()))
    assert all(entry == told[0] for entry in told)


async def test_a_repeat_of_making_codes_is_told_the_same_codes_and_none_is_stored(desk: CouponDesk, conn: Conn) -> None:
    await desk.campaign(offer("CODED", issue=ByCode()))
    found, same = await desk.offer("CODED"), key()
    batch = await desk.codes.generate(desk.planner, desk.now, found.offer_id, count=20, key=same)
    assert await desk.codes.generate(desk.planner, desk.now, found.offer_id, count=20, key=same) == batch
    assert len(set(batch.codes)) == 20
    text = str(await conn.fetch("SELECT * FROM coupons.codes")) + str(
        await conn.fetch("SELECT outcome FROM platform.idempotency_keys")
    )
    assert not any(code in text or code.replace("-", "") in text for code in batch.codes)


async def test_a_printed_code_is_one_code_while_keys_are_rotated(desk: CouponDesk) -> None:
    """Its hash under the new key would be free. And a repeat of before the rotation is no other request."""
    await desk.campaign(offer("CODED", issue=ByCode()))
    found, same = await desk.offer("CODED"), key()
    both = {1: b"1" * 32, 2: b"2" * 32}
    old, new = (
        Codes(
            replace(
                desk.workings,
                keyring=Keyring(hash_keys=both, encryption_keys=both, random_bytes=random_bytes, hash_version=version),
            )
        )
        for version in (1, 2)
    )
    batch = await old.take_in(desk.planner, desk.now, found.offer_id, given=("GIFT 2026-A", "GIFT 2026-B"), key=same)
    again = await new.take_in(desk.planner, desk.now, found.offer_id, given=("GIFT 2026-A", "GIFT 2026-B"), key=same)
    assert again == batch
    with pytest.raises(CodeTaken) as taken:
        await new.take_in(desk.planner, desk.now, found.offer_id, given=("gift2026b", "NEW1"), key=key())
    assert taken.value.taken == 1


async def test_imported_codes_are_taken_all_or_none(desk: CouponDesk, conn: Conn) -> None:
    await desk.campaign(offer("CODED", issue=ByCode()))
    found = await desk.offer("CODED")
    await desk.codes.take_in(desk.planner, desk.now, found.offer_id, given=("GIFT 2026-A", "GIFT 2026-B"), key=key())
    with pytest.raises(CodeTaken) as taken:
        await desk.codes.take_in(desk.planner, desk.now, found.offer_id, given=("gift2026b", "NEW1"), key=key())
    assert taken.value.taken == 1
    with pytest.raises(UnusableCode) as unusable:
        await desk.codes.take_in(desk.planner, desk.now, found.offer_id, given=("NEW2", "new-2"), key=key())
    assert unusable.value.position == 2
    assert await conn.fetchval("SELECT count(*) FROM coupons.codes") == 2


async def test_a_quota_is_never_lowered_below_what_is_issued(desk: CouponDesk) -> None:
    campaign = await desk.campaign(offer("FEW", quota=3))
    for _ in range(2):
        await desk.claim(await desk.join(), "FEW")
    lower = desk.content(offer("FEW", quota=1))
    campaign_id = campaign.campaign_id
    await desk.campaigns.revise(desk.planner, desk.now, campaign_id, content=lower, key=key())
    await desk.campaigns.submit(desk.planner, desk.now, campaign_id, key=key())
    with pytest.raises(QuotaBelowIssued):
        await desk.campaigns.approve(desk.approver, desk.now, campaign_id, key=key())


async def test_an_offer_to_all_has_no_quota(desk: CouponDesk) -> None:
    with pytest.raises(QuotaOnOfferToAll):
        await desk.campaign(offer("WELCOME", issue=ToAllEligible(), quota=10))


async def test_a_coupon_of_some_days_counts_the_day_of_issue(desk: CouponDesk) -> None:
    await desk.campaign(offer("THREE-DAYS", validity=CouponValidity(days_from_issue=3)))
    coupon = await desk.claim(await desk.join(), "THREE-DAYS")
    assert coupon.valid_from == desk.now
    assert timedelta(days=2) < coupon.valid_until - desk.now <= timedelta(days=3)


async def test_a_merged_member_brings_all_coupons_along(desk: CouponDesk) -> None:
    """C1: over the limit they keep what they have, and get no more."""
    winner, loser = await desk.join(), await desk.join()
    await desk.campaign(offer("ONE"))
    for member in (winner, loser):
        await desk.claim(member, "ONE")
    await store.merge_member(
        desk.conn, loser_id=loser.member_id, winner_id=winner.member_id, programme_id=winner.programme_id
    )
    assert [coupon.ordinal for coupon in await desk.coupons(winner)] in ([1, 2], [2, 1])
    with pytest.raises(CouponLimitReached):
        await desk.claim(winner, "ONE")


async def test_a_printed_number_leads_back_to_its_coupon() -> None:
    coupon_id = new_id()
    number = coupon_number(coupon_id)  # type: ignore[arg-type]
    assert find_coupon_id(number.lower().replace("-", " ")) == coupon_id
    assert find_coupon_id("not a number") is None


# ---- states


@dataclass(slots=True)
class Subject:
    """One coupon, with a quote and a sale that may have it."""

    desk: CouponDesk
    member: MembershipKey
    coupon_id: CouponId
    quote: UUID
    sale: UUID

    async def wait(self) -> None:
        self.desk.clock.advance(timedelta(hours=1))

    async def outlive(self) -> None:
        self.desk.clock.advance(timedelta(days=5))
        await self.desk.expire()

    async def reserve(self) -> None:
        await self.desk.reserve(self.member, new_id(), self.coupon_id)

    async def release(self) -> None:
        async with self.desk.database.engine(self.desk.planner, self.desk.now) as tx:
            await release(tx, QuoteId(self.quote), [self.coupon_id])

    async def redeem(self) -> None:
        await self.desk.redeem(self.member, new_id(), self.coupon_id, quote_id=self.quote)

    async def reverse(self) -> None:
        await self.desk.reverse(self.member, self.sale)

    async def reverse_late(self) -> None:
        self.desk.clock.advance(timedelta(days=5))
        await self.desk.reverse(self.member, self.sale)

    async def void(self) -> None:
        await self.desk.void(self.coupon_id)

    async def become(self, state: CouponState) -> None:
        match state:
            case CouponState.ISSUED:
                await self.desk.conn.execute(
                    "UPDATE coupons.coupons SET state = 'ISSUED', valid_from = $2 WHERE coupon_id = $1",
                    self.coupon_id,
                    self.desk.now + timedelta(hours=1),
                )
            case CouponState.RESERVED:
                await self.desk.reserve(self.member, self.quote, self.coupon_id)
            case CouponState.REDEEMED:
                await self.desk.redeem(self.member, self.sale, self.coupon_id)
            case CouponState.EXPIRED:
                await self.outlive()
            case CouponState.VOIDED:
                await self.void()
            case CouponState.ACTIVE:
                pass


MOVES: list[Callable[[Subject], Awaitable[None]]] = [
    Subject.wait,
    Subject.outlive,
    Subject.reserve,
    Subject.release,
    Subject.redeem,
    Subject.reverse,
    Subject.reverse_late,
    Subject.void,
]
BY_SEVERAL_STEPS = {
    CouponState.ISSUED: {CouponState.EXPIRED},  # it was ACTIVE in between
    CouponState.RESERVED: {CouponState.EXPIRED},  # the reservation lapsed first
    CouponState.ACTIVE: {CouponState.REDEEMED},  # a commit without a quote: reserved and redeemed at once
}


@pytest.mark.parametrize("start", list(CouponState))
async def test_a_coupon_goes_only_where_the_table_says(desk: CouponDesk, start: CouponState) -> None:
    """Every pair of states: what the operations and the clock reach from a state is what the table allows."""
    reached = {await _moved(desk, start, move) for move in MOVES} - {start}
    assert reached == TRANSITIONS[start] | BY_SEVERAL_STEPS.get(start, set())


async def _moved(desk: CouponDesk, start: CouponState, move: Callable[[Subject], Awaitable[None]]) -> CouponState:
    """The state after one move from `start`, by the clock."""
    member, began, code = await desk.join(), desk.now, f"C-{next(_numbers)}"
    await desk.campaign(offer(code), code=f"K-{code}", days=3)
    subject = Subject(desk, member, (await desk.claim(member, code)).coupon_id, new_id(), new_id())
    await subject.become(start)
    with suppress(DomainError):
        await move(subject)
    state = CouponState(await desk.state(subject.coupon_id))
    desk.clock.set(began)
    return state


async def test_what_is_expired_or_voided_stays_so_whoever_writes(desk: CouponDesk, conn: Conn) -> None:
    """C10 by the trigger alone."""
    member = await desk.join()
    await desk.campaign(offer("CLAIMED"))
    coupon = await desk.claim(member, "CLAIMED")
    await desk.void(coupon.coupon_id)
    for state in ("ACTIVE", "EXPIRED"):
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute("UPDATE coupons.coupons SET state = $2 WHERE coupon_id = $1", coupon.coupon_id, state)


async def test_a_coupon_is_held_only_inside_its_time(desk: CouponDesk) -> None:
    """C4, by the clock: no job has been by."""
    member = await desk.join()
    await desk.campaign(offer("WELCOME", issue=ToAllEligible()), starts_in=2, days=2)
    await desk.issue("WELCOME")
    (coupon,) = await desk.coupons(member)
    for moment in (coupon.valid_from - timedelta(seconds=1), coupon.valid_until):
        desk.clock.set(moment)
        with pytest.raises(CouponHeldElsewhere):
            await desk.reserve(member, new_id(), coupon.coupon_id)
    desk.clock.set(coupon.valid_from)
    await desk.reserve(member, new_id(), coupon.coupon_id)


async def test_a_coupon_that_a_till_holds_is_not_withdrawn(desk: CouponDesk) -> None:
    member = await desk.join()
    await desk.campaign(offer("CLAIMED"))
    coupon = await desk.claim(member, "CLAIMED")
    await desk.reserve(member, new_id(), coupon.coupon_id)
    with pytest.raises(CouponHeldElsewhere):
        await desk.void(coupon.coupon_id)
    desk.clock.advance(timedelta(seconds=120))
    await desk.void(coupon.coupon_id)
    with pytest.raises(CouponNotOpen):
        await desk.void(coupon.coupon_id)


async def test_a_claim_that_is_repeated_after_its_key_was_forgotten_has_the_same_coupon(
    desk: CouponDesk, conn: Conn
) -> None:
    """Keys are kept for some days and campaigns last longer: the repeat once ended in an error of ours."""
    member = await desk.join()
    await desk.campaign(offer("THREE", limit_per_member=3))
    found = await desk.offer("THREE")

    async def claim() -> CouponId:
        coupon = await desk.claims.claim(desk.actor_of(member), desk.now, member, found.offer_id, key="the same")
        return coupon.coupon_id

    first = await claim()
    await conn.execute("DELETE FROM platform.idempotency_keys")
    assert await claim() == first
    assert len(await desk.coupons(member)) == 1


async def test_a_cancelled_campaign_withdraws_every_coupon_of_a_member(
    desk: CouponDesk, conn: Conn, database: Database
) -> None:
    """Of a member with two (by a merge), a step that ended between them once left the second."""
    winner, loser, _ = [await desk.join() for _ in range(3)]
    campaign = await desk.campaign(offer("WELCOME", issue=ToAllEligible()), starts_in=3)
    await desk.issue("WELCOME")
    command = MergeMembers(key(), winner.member_id, loser.member_id)
    await merge(account_workings(database), services_of(desk.shop), desk.now, command)
    await desk.campaigns.cancel(desk.planner, desk.now, campaign.campaign_id, reason="Called off.", key=key())
    while await step_due(desk.workings, desk.planner, desk.now, size=1):
        pass
    states = await conn.fetch("SELECT state FROM coupons.coupons")
    assert [row["state"] for row in states] == ["VOIDED"] * len(states)
    assert len(states) >= 3


async def test_a_campaign_that_was_open_cannot_be_put_off_and_cancelled(desk: CouponDesk, conn: Conn) -> None:
    """A revision with a later first day once made it one that never opened, whose coupons were all withdrawn."""
    member = await desk.join()
    campaign = await desk.campaign(offer("CNY-100"), offer("WELCOME", issue=ToAllEligible()))
    await desk.issue("WELCOME")
    await desk.claim(member, "CNY-100")
    later = desk.content(offer("CNY-100"), offer("WELCOME", issue=ToAllEligible()), starts_in=3)
    await desk.revise(campaign, later)
    with pytest.raises(CampaignHasOpened):
        await desk.campaigns.cancel(desk.planner, desk.now, campaign.campaign_id, reason="Called off.", key=key())
    await desk.campaigns.end_early(desk.planner, desk.now, campaign.campaign_id, reason="Called off.", key=key())
    states = await conn.fetch("SELECT state FROM coupons.coupons")
    assert [row["state"] for row in states] == ["ACTIVE", "ACTIVE"]


async def test_who_joins_while_a_campaign_is_paused_has_the_coupon_as_it_goes_on(desk: CouponDesk) -> None:
    """They once waited for the pass of the next business day, and on the last day got none."""
    campaign = await desk.campaign(offer("WELCOME", issue=ToAllEligible()), days=1)
    await desk.issue("WELCOME")
    desk.clock.advance(timedelta(minutes=2))
    while await step_due(desk.workings, desk.planner, desk.now):
        pass
    await desk.pause(campaign)
    member = await desk.join()
    desk.clock.advance(timedelta(minutes=2))
    assert await step_due(desk.workings, desk.planner, desk.now) == 0
    await desk.campaigns.resume(desk.planner, desk.now, campaign.campaign_id, key=key())
    while await step_due(desk.workings, desk.planner, desk.now):
        pass
    assert [coupon.offer for coupon in await desk.coupons(member)] == ["WELCOME"]


async def test_a_cancelled_campaign_withdraws_also_what_a_revision_left_out(desk: CouponDesk) -> None:
    """Such an offer had ended, not been cancelled, and its coupons were good from the day of an opening that never
    was."""
    member = await desk.join()
    known, other = offer("WELCOME", issue=ToAllEligible()), offer("OTHER", issue=ToAllEligible())
    campaign = await desk.campaign(known, starts_in=3)
    await desk.issue("WELCOME")
    await desk.revise(campaign, desk.content(other, starts_in=3))
    await desk.campaigns.cancel(desk.planner, desk.now, campaign.campaign_id, reason="Called off.", key=key())
    while await step_due(desk.workings, desk.planner, desk.now):
        pass
    assert [coupon.state for coupon in await desk.coupons(member)] == [CouponState.VOIDED]
