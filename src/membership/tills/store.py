"""What the till's conversation reads before it decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import orjson

from membership.campaigns.model import CouponFacts, EarnedBefore
from membership.cards.model import CardStatus
from membership.coupons.service import wallet_facts
from membership.members.model import MembershipKey
from membership.members.service import lock_membership
from membership.points.model import Account
from membership.points.store import account_of
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.receipts.model import DaySpend, Quote, QuoteId
from membership.receipts.store import quote_of
from membership.stores.model import TillId
from membership.tiers.model import LadderRevision, TierRecords
from membership.tiers.records import days_of, records_of

SQL = queries_of("tills")


@dataclass(frozen=True, slots=True)
class MemberState:
    """A member as the lock holder sees them. Points are whole points."""

    membership: MembershipKey
    birthday: tuple[int, int] | None
    account: Account
    days: tuple[DaySpend, ...]
    tier_records: TierRecords
    card_status: CardStatus | None
    coupons: tuple[CouponFacts, ...] = ()
    earned_before: tuple[EarnedBefore, ...] = ()


async def lock_quote_and_member(conn: Conn, quote_id: QuoteId, till_id: TillId) -> Quote | None:
    """Both locked. Who was merged while we waited is locked as the member who took them over: one statement more."""
    row = await SQL.lock_quote_and_member.maybe(conn, quote_id, till_id)
    if row is None:
        return None
    quote = quote_of(row)
    if quote.membership is not None and quote.member_id != row["locked_member_id"]:
        await lock_membership(conn, quote.membership)
    return quote


async def get_member_state(
    conn: Conn,
    membership: MembershipKey,
    *,
    now: datetime,
    today: date,
    own_hold: QuoteId | None,
    days_from: date,
    ladders: Sequence[LadderRevision],
    capped_rules: Sequence[str] = (),
    judged_on: date | None = None,
) -> MemberState:
    """`own_hold` is left out of what is held: the quote being committed may spend what it set aside.

    `capped_rules`: whose points so far are to be known, and those of the business date `judged_on`.
    """
    row = await SQL.get_member_state.one(
        conn,
        membership.member_id,
        membership.programme_id,
        now,
        own_hold,
        days_from,
        capped_rules,
        judged_on or today,
    )
    return MemberState(
        membership=membership,
        birthday=None if row["birthday_month"] is None else (row["birthday_month"], row["birthday_day"]),
        account=account_of(row),
        days=days_of(row["dates"], row["tier_minor"], row["base_points"]),
        tier_records=records_of(row["records"], ladders, today),
        card_status=None if row["card_status"] is None else CardStatus(row["card_status"]),
        coupons=wallet_facts(row["coupons"]),
        earned_before=tuple(EarnedBefore(*entry) for entry in orjson.loads(row["earned_before"] or "[]")),
    )
