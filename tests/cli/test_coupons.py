"""membership coupons issue, as an operator uses it: what it does not issue, it says why."""

import pytest

from membership.campaigns.content import ClaimedInApp, ToAllEligible
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.clock import StoppedClock
from support.command import Command
from support.coupon_desk import CouponDesk, key, offer, open_coupon_desk


@pytest.fixture
async def desk(database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring) -> CouponDesk:
    return await open_coupon_desk(database, conn, clock, keyring)


async def test_what_issues_nothing_is_told_with_its_cause(
    desk: CouponDesk, membership: Command, postgres_dsn: str
) -> None:
    to_all = [offer(code, issue=ToAllEligible()) for code in ("WELCOME", "THANKS")]
    claimed = offer("CLAIMED", issue=ClaimedInApp())
    draft = desk.content(*to_all)
    await desk.campaigns.create(
        desk.planner, desk.now, desk.shop.programme_id, code="DRAFTED", content=draft, key=key()
    )
    await desk.campaign(claimed, code="CLAIMS")
    await desk.pause(await desk.campaign(*to_all, claimed, code="PAUSED"))

    def told(*arguments: str) -> str:
        refused = membership("coupons", "issue", "--campaign", *arguments, DATABASE_URL=postgres_dsn)
        assert refused.returncode == 2
        return refused.stderr

    assert told("NOPE") == "membership: There is no campaign NOPE.\n"
    assert told("DRAFTED").startswith("membership: Campaign DRAFTED is not approved yet. ")
    assert told("CLAIMS").startswith("membership: Campaign CLAIMS has no offer to everybody: ")
    assert told("PAUSED", "--offer", "CLAIMED") == (
        "membership: Campaign PAUSED has no offer CLAIMED to everybody; choose one of: THANKS, WELCOME.\n"
    )
    assert told("PAUSED", "--offer", "WELCOME").startswith("membership: WELCOME of campaign PAUSED issues nothing now")
    assert " of campaign PAUSED issue nothing now: paused, ended or cancelled." in told("PAUSED")


async def test_who_issues_is_in_the_audit_trail(
    desk: CouponDesk, membership: Command, postgres_dsn: str, conn: Conn
) -> None:
    await desk.campaign(offer("WELCOME", issue=ToAllEligible()), code="SPRING")
    issued = membership("coupons", "issue", "--campaign", "SPRING", "--operator", "li.hua", DATABASE_URL=postgres_dsn)
    assert issued.returncode == 0, issued.stderr
    rows = await conn.fetch("SELECT action, actor FROM platform.audit_entries WHERE actor LIKE 'operator:%'")
    assert [tuple(row) for row in rows] == [("coupons.issue", "operator:li.hua")]
