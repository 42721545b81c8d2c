"""Basket to awards: one pure function, called by quote, by commit and by every later re-run (law P5)."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from typing import assert_never

from membership.campaigns.model import (
    LineDecision,
    LineFacts,
    MemberFacts,
    Reason,
    ReasonGiven,
    SaleDecision,
    SaleFacts,
)
from membership.kernel.shares import BASIS_POINTS, largest_remainder
from membership.points.model import EarnLine, LineAward, Multiplier
from membership.points.rules import decide_earning
from membership.stores.model import BirthdayMultiplier, ProgrammeTerms, StandingRule, TierMultiplier

POINTS_TENDER = "POINTS"
"""The tender type under which the value of spent points appears. Its weights are zero."""


def decide_sale(facts: SaleFacts, terms: ProgrammeTerms) -> SaleDecision:
    """What the basket earns, per line, and a reason for everything that earns less or more than the plain rate.

    `terms` must be the revision that `facts` names.
    """
    earn_minor = _weighted(
        facts,
        [tender.earn_weight_basis_points for tender in facts.tenders],
        lambda line: line.spend_minor_per_point if _earns(line) else 0,
    )
    tier_minor = _weighted(facts, [tender.tier_weight_basis_points for tender in facts.tenders], _counts_for_tier)
    reasons = list(_basket_reasons(facts))
    multipliers = _multipliers(facts, terms, reasons)
    awards = _awards(facts, earn_minor, multipliers)
    points = {line.line_no: 0 for line in facts.lines}
    for award in awards:
        points[award.line_no] += award.points
    for line, counted in zip(facts.lines, earn_minor, strict=True):
        reasons.extend(_line_reasons(line, counted, points[line.line_no], facts.member is not None))
    lines = tuple(
        LineDecision(
            line_no=line.line_no,
            earn_minor=earned,
            tier_minor=counted if _counts_for_tier(line) else 0,
            points=points[line.line_no],
        )
        for line, earned, counted in zip(facts.lines, earn_minor, tier_minor, strict=True)
    )
    return SaleDecision(lines, awards, tuple(reasons))


def days_from_birthday(month: int, day: int, on: date) -> int:
    """Signed days from the nearest birthday to `on`, negative before it.

    A birthday of 29 February falls on 1 March in common years.
    """
    distances = [(on - _birthday_in(year, month, day)).days for year in (on.year - 1, on.year, on.year + 1)]
    return min(distances, key=abs)


def _birthday_in(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, 3, 1)


def _weighted(facts: SaleFacts, weights: list[int], group_of: Callable[[LineFacts], int]) -> list[int]:
    """Per line, the amount that counts: the tenders' weighted total, spread over all lines by their amounts.

    Spread first over the groups that are judged as one and then within each, so that cutting a line in two
    moves nothing between groups. What is paid with points is a tender of weight zero, so it earns nothing.
    """
    total = sum(tender.amount_minor * weight for tender, weight in zip(facts.tenders, weights, strict=True))
    members: dict[int, list[int]] = defaultdict(list)
    for position, line in enumerate(facts.lines):
        members[group_of(line)].append(position)
    groups = sorted(members)
    amounts = [[facts.lines[position].net_minor for position in members[group]] for group in groups]
    counted = [0] * len(facts.lines)
    group_totals = largest_remainder(total // BASIS_POINTS, [sum(nets) for nets in amounts])
    for group, group_total, nets in zip(groups, group_totals, amounts, strict=True):
        for position, share in zip(members[group], largest_remainder(group_total, nets), strict=True):
            counted[position] = share
    return counted


def _awards(facts: SaleFacts, earn_minor: list[int], multipliers: list[Multiplier]) -> tuple[LineAward, ...]:
    if facts.member is None:
        return ()
    lines = [
        EarnLine(line.line_no, amount, line.spend_minor_per_point if _earns(line) else None)
        for line, amount in zip(facts.lines, earn_minor, strict=True)
    ]
    return decide_earning(lines, multipliers)


def _earns(line: LineFacts) -> bool:
    return line.brand_earns_points and line.category_earns_points


def _counts_for_tier(line: LineFacts) -> bool:
    return line.brand_counts_for_tier and line.category_counts_for_tier


def _multipliers(facts: SaleFacts, terms: ProgrammeTerms, reasons: list[ReasonGiven]) -> list[Multiplier]:
    """The standing rules that apply; why a rule does or does not is appended to `reasons`."""
    if facts.member is None:
        return []
    found: list[Multiplier] = []
    for rule in terms.standing_rules:
        basis_points, reason = _judge(rule, facts.member)
        if basis_points > BASIS_POINTS:
            found.append(Multiplier(rule.code, basis_points))
        if reason is not None:
            reasons.append(ReasonGiven(reason, rule=rule.code))
    return found


def _judge(rule: StandingRule, member: MemberFacts) -> tuple[int, Reason | None]:
    match rule:
        case TierMultiplier():
            basis_points = rule.basis_points_by_tier.get(member.tier, BASIS_POINTS)
            return basis_points, Reason.TIER_MULTIPLE if basis_points > BASIS_POINTS else None
        case BirthdayMultiplier():
            distance = member.days_from_birthday
            if distance is None:
                return BASIS_POINTS, Reason.BIRTHDAY_UNKNOWN
            if not -rule.days_before <= distance <= rule.days_after:
                return BASIS_POINTS, Reason.NOT_NEAR_BIRTHDAY
            return rule.basis_points_by_tier.get(member.tier, rule.basis_points), Reason.BIRTHDAY_MULTIPLE
        case _:
            assert_never(rule)


def _basket_reasons(facts: SaleFacts) -> Iterator[ReasonGiven]:
    if facts.member is None:
        yield ReasonGiven(Reason.NO_MEMBER)
    if facts.points_value_minor:
        yield ReasonGiven(Reason.PAID_WITH_POINTS)
    for tender in facts.tenders:
        if tender.earn_weight_basis_points < BASIS_POINTS and tender.tender_type != POINTS_TENDER:
            yield ReasonGiven(Reason.TENDER_EARNS_IN_PART, rule=tender.tender_type)


def _line_reasons(line: LineFacts, earn_minor: int, points: int, has_member: bool) -> Iterator[ReasonGiven]:
    if not line.brand_earns_points:
        yield ReasonGiven(Reason.BRAND_GIVES_NO_POINTS, line.line_no)
    elif not line.category_earns_points:
        yield ReasonGiven(Reason.CATEGORY_GIVES_NO_POINTS, line.line_no)
    elif has_member and points == 0 and earn_minor > 0:
        yield ReasonGiven(Reason.BELOW_ONE_POINT, line.line_no)
    if not line.brand_counts_for_tier:
        yield ReasonGiven(Reason.BRAND_DOES_NOT_COUNT_FOR_TIER, line.line_no)
    elif not line.category_counts_for_tier:
        yield ReasonGiven(Reason.CATEGORY_DOES_NOT_COUNT_FOR_TIER, line.line_no)
