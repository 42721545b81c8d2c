"""What of each line counts: what was paid for it, weighed by the tenders."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from membership.campaigns.engine.standing import POINTS_TENDER
from membership.campaigns.model import LineFacts, SaleFacts, TenderFacts
from membership.kernel.shares import BASIS_POINTS, largest_remainder

WeightOf = Callable[[TenderFacts], int]


def weighted(
    facts: SaleFacts, paid: Sequence[int], weight_of: WeightOf, group_of: Callable[[LineFacts], int]
) -> list[int]:
    """Per line, the amount that counts: the tenders' weighted total, spread over all lines by what was paid for them.

    Spread first over the groups that are judged as one and then within each, so that cutting a line in two
    moves nothing between groups. What is paid with points is a tender of weight zero, so it earns nothing.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for position, line in enumerate(facts.lines):
        members[group_of(line)].append(position)
    groups = sorted(members)
    amounts = [[paid[position] for position in members[group]] for group in groups]
    counted = [0] * len(facts.lines)
    group_totals = largest_remainder(_total(facts, sum(paid), weight_of), [sum(nets) for nets in amounts])
    for group, group_total, nets in zip(groups, group_totals, amounts, strict=True):
        for position, share in zip(members[group], largest_remainder(group_total, nets), strict=True):
            counted[position] = share
    return counted


def _total(facts: SaleFacts, paid_minor: int, weight_of: WeightOf) -> int:
    """The tenders' weighted total.

    Tenders sum to the lines less their discounts. While a quote does not know the discount yet, the payments (points
    aside) are cut to what is due, each in proportion: what a coupon takes off was never paid.
    """
    weighted_total = sum(tender.amount_minor * weight_of(tender) for tender in facts.tenders)
    excess = sum(tender.amount_minor for tender in facts.tenders) - paid_minor
    if excess <= 0 or paid_minor == facts.net_minor:
        return weighted_total // BASIS_POINTS
    payments = [tender for tender in facts.tenders if tender.tender_type != POINTS_TENDER]
    offered = sum(tender.amount_minor for tender in payments)
    if offered == 0:
        return 0
    due = max(0, offered - excess)
    return sum(tender.amount_minor * weight_of(tender) for tender in payments) * due // (offered * BASIS_POINTS)
