"""A programme's standing rules, and the reasons that lines, tenders and the member give by themselves."""

from collections.abc import Iterator
from datetime import date
from typing import assert_never

from membership.campaigns.engine.basket import earns
from membership.campaigns.model import LineFacts, MemberFacts, Reason, ReasonGiven, SaleFacts
from membership.kernel.shares import BASIS_POINTS
from membership.points.model import EarnLine, LineAward, Multiplier
from membership.points.rules import decide_earning
from membership.stores.model import BirthdayMultiplier, ProgrammeTerms, StandingRule, TierMultiplier

POINTS_TENDER = "POINTS"
"""The tender type under which the value of spent points appears. Its weights are zero."""


def standing_awards(
    facts: SaleFacts, terms: ProgrammeTerms, earn_minor: list[int], reasons: list[ReasonGiven]
) -> tuple[LineAward, ...]:
    """What the plain rate and the standing rules give; why a rule does or does not is appended to `reasons`."""
    if facts.member is None:
        return ()
    multipliers = _multipliers(facts.member, terms, reasons)
    lines = [
        EarnLine(line.line_no, amount, line.spend_minor_per_point if earns(line) else None)
        for line, amount in zip(facts.lines, earn_minor, strict=True)
    ]
    return decide_earning(lines, multipliers)


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


def _multipliers(member: MemberFacts, terms: ProgrammeTerms, reasons: list[ReasonGiven]) -> list[Multiplier]:
    found: list[Multiplier] = []
    for rule in terms.standing_rules:
        basis_points, reason = _judge(rule, member)
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


def basket_reasons(facts: SaleFacts) -> Iterator[ReasonGiven]:
    if facts.member is None:
        yield ReasonGiven(Reason.NO_MEMBER)
    if facts.points_value_minor:
        yield ReasonGiven(Reason.PAID_WITH_POINTS)
    for tender in facts.tenders:
        if tender.earn_weight_basis_points < BASIS_POINTS and tender.tender_type != POINTS_TENDER:
            yield ReasonGiven(Reason.TENDER_EARNS_IN_PART, rule=tender.tender_type)


def line_reasons(line: LineFacts, earn_minor: int, points: int, has_member: bool) -> Iterator[ReasonGiven]:
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
