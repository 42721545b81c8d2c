"""The member at the till, as the lock holder sees them."""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from membership.campaigns.engine import days_from_birthday
from membership.campaigns.model import CouponStanding, MemberFacts
from membership.cards import service as cards
from membership.cards.model import CardStatus, Identified, IdentifiedBy, MemberLookup
from membership.members.model import MembershipKey
from membership.members.service import lock_membership
from membership.points.model import Account
from membership.postgres.connection import Conn
from membership.postgres.transaction import Transaction
from membership.receipts.model import DaySpend, QuoteId
from membership.tiers import service as tiers
from membership.tiers.rules.standing import standing_on, tier_on
from membership.tills.context import StoreContext, TillContext, Workings
from membership.tills.errors import SpendingNotConfirmed
from membership.tills.model import MemberAfter
from membership.tills.store import MemberState, get_member_state


@dataclass(frozen=True, slots=True)
class Customer:
    """A member whose lock is held, with the tier that holds today."""

    state: MemberState
    tier: str
    card_status: CardStatus | None

    @property
    def membership(self) -> MembershipKey:
        return self.state.membership

    @property
    def account(self) -> Account:
        return self.state.account

    @property
    def card_blocked(self) -> bool:
        return self.card_status is CardStatus.BLOCKED

    def after(self, account: Account, tier: str) -> MemberAfter:
        return MemberAfter(
            member_id=self.membership.member_id,
            tier=tier,
            tier_changed=tier != self.tier,
            available=account.available,
            pending=account.pending,
            balance=account.current_balance,
            debt=account.owed,
        )


async def identify(
    workings: Workings, transaction: Transaction, context: StoreContext, lookup: MemberLookup
) -> Identified:
    """Who that is in the store's programme. Raises what the reading of a code, card or phone is refused for."""
    return await workings.card_reader.resolve(
        transaction.conn, lookup, programme_id=context.programme.programme_id, now=context.now
    )


async def lock_customer(transaction: Transaction, context: StoreContext, identified: Identified) -> Customer:
    """Lock the member that was identified, then read them (two statements: see get_member_state).

    Who was merged while we waited is answered as the member who took them over.
    """
    locked = await lock_membership(transaction.conn, identified.membership)
    return await read_customer(transaction.conn, context, locked.key, card_status=identified.card_status, own_hold=None)


async def read_customer(
    conn: Conn,
    context: StoreContext,
    membership: MembershipKey,
    *,
    card_status: CardStatus | None,
    own_hold: QuoteId | None,
) -> Customer:
    """Read a member whose lock is held."""
    state = await get_member_state(
        conn,
        membership,
        now=context.now,
        today=context.today,
        own_hold=own_hold,
        days_from=context.history_starts_on,
        ladders=context.ladders,
        capped_rules=context.capped_rules,
        judged_on=context.judged_on,
    )
    return Customer(state, tier_on(state.tier_records.standing, context.today), card_status or state.card_status)


def member_facts(context: StoreContext, customer: Customer, on: date) -> MemberFacts:
    """What a decision may know of the member on a business date, today or earlier. A blocked card uses no coupon."""
    birthday = customer.state.birthday
    tier = customer.tier if on >= context.today else _tier_then(context, customer, on)
    coupons = customer.state.coupons
    if customer.card_blocked:
        coupons = tuple(replace(coupon, standing=CouponStanding.NOT_USABLE) for coupon in coupons)
    return MemberFacts(
        tier=tier,
        days_from_birthday=None if birthday is None else days_from_birthday(*birthday, on),
        coupons=coupons,
        earned_before=customer.state.earned_before,
    )


def _tier_then(context: StoreContext, customer: Customer, day: date) -> str:
    facts = tiers.facts_of(context.ladders, customer.state.tier_records, customer.state.days, context.history_starts_on)
    return tier_on(standing_on(facts, day), day)


async def change_tier(
    transaction: Transaction, context: StoreContext, customer: Customer, spend: DaySpend, *, cause: UUID
) -> str:
    """Let the tier follow a day's spend (taken off, when its amounts are negative); returns the tier of today.

    Whoever has another tier by it gets the coupons that everybody of that tier has.
    """
    change = await tiers.after_spend_change(
        transaction,
        customer.membership,
        context.ladders,
        days=with_spend(customer.state.days, spend),
        complete_from=context.history_starts_on,
        records=customer.state.tier_records,
        today=context.today,
        cause=cause,
    )
    tier = tier_on(change.after, context.today)
    if tier != customer.tier:
        await context.newly_eligible.issue(transaction, customer.membership, tier)
    return tier


def with_spend(days: tuple[DaySpend, ...], spend: DaySpend) -> tuple[DaySpend, ...]:
    """The days, earliest first, with the spend of one added to it."""
    by_date = {day.business_date: day for day in days}
    before = by_date.get(spend.business_date, DaySpend(spend.business_date, 0, 0))
    by_date[spend.business_date] = DaySpend(
        spend.business_date, before.tier_minor + spend.tier_minor, before.base_points + spend.base_points
    )
    return tuple(by_date[day] for day in sorted(by_date))


async def authorise_spending(
    transaction: Transaction, context: TillContext, identified: Identified, spent_for: UUID, points: int
) -> None:
    """A code step spends once, at one till; a card or phone needs the member's confirmation in the app.

    Raises SpendingNotConfirmed, or what the code is refused for (law P8).
    """
    if identified.by is IdentifiedBy.CODE:
        await cards.spend_code(transaction, identified, till_id=context.till.till_id, spent_for=spent_for)
        return
    confirmed = await cards.use_confirmation(
        transaction,
        identified.membership,
        store_id=context.store.store_id,
        points=points,
        spent_for=spent_for,
    )
    if not confirmed:
        raise SpendingNotConfirmed
