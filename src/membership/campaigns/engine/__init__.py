"""Facts of a basket, a member and a moment → awards, discounts and reasons: one pure function.

Keeps laws C4, C6–C9, L6, P5, T3.

The order of things, which no order of lines, coupons or revisions changes:

1. Lines that no rule can tell apart are bundled (`basket`); all is decided on bundles and then spread over their lines,
   so that cutting a line in two moves nothing.
2. Coupons (`couponing`): each is judged alone by the offer of its own revision, on the amounts before any discount. Of
   those that could apply the best set is chosen (`choosing`), its amounts are allotted (`allotting`).
3. Points and tier spend are computed on what is paid, that is each line less its discount: the standing rules of the
   programme (`standing`) and the earn rules of the campaigns that issue (`earning`).

`explaining` asks the same code about a single rule or coupon. Never raises for what a customer, till or planner did.
"""

from membership.campaigns.engine.explaining import explain_coupon, explain_earn_rule
from membership.campaigns.engine.sale import decide_sale
from membership.campaigns.engine.standing import POINTS_TENDER, days_from_birthday

__all__ = ["POINTS_TENDER", "days_from_birthday", "decide_sale", "explain_coupon", "explain_earn_rule"]
