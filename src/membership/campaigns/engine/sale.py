"""Basket to decision: one pure function, called by quote, by commit and by every later re-run (law P5)."""

from collections.abc import Mapping

from membership.campaigns.engine.basket import bundled, counts_for_tier, earns
from membership.campaigns.engine.couponing import CouponVerdict, judge_coupons
from membership.campaigns.engine.earning import campaign_awards
from membership.campaigns.engine.paying import weighted
from membership.campaigns.engine.scoping import Revisions
from membership.campaigns.engine.standing import basket_reasons, line_reasons, standing_awards
from membership.campaigns.model import (
    CampaignRevision,
    LineDecision,
    RevisionId,
    SaleDecision,
    SaleFacts,
)
from membership.points.model import LineAward
from membership.stores.model import ProgrammeTerms

NO_REVISIONS: Mapping[RevisionId, CampaignRevision] = {}


def decide_sale(facts: SaleFacts, terms: ProgrammeTerms, revisions: Revisions = NO_REVISIONS) -> SaleDecision:
    """What the basket earns and which coupons apply, per line, with a reason for everything that is not at the plain
    rate: what gives more, and what gives nothing.

    `terms` must be the revision that `facts` names, and `revisions` hold at least those that it names; KeyError if not.
    """
    basket = bundled(facts)
    coupons = judge_coupons(facts, basket, revisions)
    paid = [line.net_minor - taken for line, taken in zip(facts.lines, coupons.discount_by_line, strict=True)]
    earn_minor = weighted(
        facts,
        paid,
        lambda tender: tender.earn_weight_basis_points,
        lambda line: line.spend_minor_per_point if earns(line) else 0,
    )
    tier_minor = weighted(facts, paid, lambda tender: tender.tier_weight_basis_points, counts_for_tier)
    reasons = list(basket_reasons(facts))
    awards = standing_awards(facts, terms, earn_minor, reasons)
    awards += campaign_awards(facts, basket, revisions, paid=paid, earn_minor=earn_minor, reasons=reasons)
    awards = _by_line(facts, awards)
    reasons.extend(coupons.reasons(of_each=facts.coupons_wanted is not None))
    lines = _line_decisions(facts, earn_minor, tier_minor, awards, coupons)
    for line, decided in zip(facts.lines, lines, strict=True):
        reasons.extend(line_reasons(line, decided.earn_minor, decided.points, facts.member is not None))
    return SaleDecision(lines, awards, tuple(reasons), coupons.applied)


def _by_line(facts: SaleFacts, awards: tuple[LineAward, ...]) -> tuple[LineAward, ...]:
    """In the order of the lines. The sort is stable, so the rules of one line stay in their order."""
    position = {line.line_no: place for place, line in enumerate(facts.lines)}
    return tuple(sorted(awards, key=lambda award: position[award.line_no]))


def _line_decisions(
    facts: SaleFacts,
    earn_minor: list[int],
    tier_minor: list[int],
    awards: tuple[LineAward, ...],
    coupons: CouponVerdict,
) -> tuple[LineDecision, ...]:
    points = {line.line_no: 0 for line in facts.lines}
    for award in awards:
        points[award.line_no] += award.points
    return tuple(
        LineDecision(
            line_no=line.line_no,
            earn_minor=earned,
            tier_minor=counted if counts_for_tier(line) else 0,
            points=points[line.line_no],
            discount_minor=taken,
        )
        for line, earned, counted, taken in zip(
            facts.lines, earn_minor, tier_minor, coupons.discount_by_line, strict=True
        )
    )
