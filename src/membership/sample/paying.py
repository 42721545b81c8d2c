"""What is paid with what: after coupons, with points and with the means of payment of the plan."""

from dataclasses import replace

from membership.kernel.shares import largest_remainder
from membership.points.model import Account
from membership.receipts.model import Basket, Tender
from membership.sample.plan import PlannedSale
from membership.stores.model import Redemption
from membership.tills.rules import find_spending_fault, value_of_points


def paid_basket(
    planned: PlannedSale, redemption: Redemption | None, tier: str, account: Account, discount_minor: int
) -> tuple[Basket, int]:
    """The basket with the points the shopper wants to spend, and what these are worth."""
    basket = planned.receipt.basket
    total_minor = basket.net_minor - discount_minor
    paid = basket if not discount_minor else replace(basket, tenders=_cut(basket.tenders, total_minor))
    if redemption is None or not planned.spend_percent:
        return paid, 0
    block_value = value_of_points(redemption, tier, redemption.block_points, total_minor)
    wanted = account.available * planned.spend_percent // 100 // redemption.block_points
    points = min(wanted, total_minor // block_value) * redemption.block_points if block_value else 0
    fault = find_spending_fault(
        points=points,
        redemption=redemption,
        tier=tier,
        available=account.available,
        debt=account.debt,
        card_blocked=False,
        total_minor=total_minor,
        currency=basket.currency,
        exponent=0,  # of a refusal that nobody reads
    )
    if fault is not None or not points:
        return paid, 0
    value_minor = value_of_points(redemption, tier, points, total_minor)
    due = total_minor - value_minor
    tenders = (Tender(basket.tenders[0].tender_type, due),) if due else ()
    return replace(basket, tenders=tenders, points_to_spend=points), value_minor


def _cut(tenders: tuple[Tender, ...], due_minor: int) -> tuple[Tender, ...]:
    """The same means of payment, in proportion to what is due."""
    amounts = largest_remainder(due_minor, [tender.amount_minor for tender in tenders])
    paid = (replace(tender, amount_minor=amount) for tender, amount in zip(tenders, amounts, strict=True))
    return tuple(tender for tender in paid if tender.amount_minor)
