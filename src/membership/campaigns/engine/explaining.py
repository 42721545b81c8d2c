"""Why a single rule or coupon did or did not apply: the code of the decision, asked for all reasons instead of one."""

from collections.abc import Iterator
from dataclasses import replace

from membership.campaigns.engine.basket import bundled, earns
from membership.campaigns.engine.couponing import coupon_faults, judge_coupons
from membership.campaigns.engine.sale import decide_sale
from membership.campaigns.engine.scoping import (
    CompiledEarnRule,
    CompiledRevision,
    Moment,
    Revisions,
    campaign_faults,
    compiled,
    earn_rule_faults,
    moment_of,
)
from membership.campaigns.model import CouponId, Reason, ReasonGiven, RevisionId, SaleFacts
from membership.stores.model import ProgrammeTerms


def explain_earn_rule(
    facts: SaleFacts, terms: ProgrammeTerms, revisions: Revisions, revision_id: RevisionId, code: str
) -> tuple[ReasonGiven, ...]:
    """All reasons for one earn rule of a revision, whether or not it issued; empty: the revision has no such rule.

    The state of the campaign (PAUSED, CANCELLED) is for the caller to tell: a revision does not know it.
    """
    revision = compiled(revisions[revision_id])
    entry = revision.earn_rule(code)
    if entry is None:
        return ()
    if facts.member is None:
        return (ReasonGiven(Reason.NO_MEMBER, rule=entry.name),)
    moment = moment_of(facts, facts.member)
    if moment is None:
        return (ReasonGiven(Reason.NOT_STARTED, rule=entry.name),)
    faults = tuple(ReasonGiven(reason, rule=entry.name) for reason in _faults(facts, entry, revision, moment))
    if faults:
        return faults
    issuing = replace(facts, issuing=tuple({*facts.issuing, revision_id}))
    decision = decide_sale(issuing, terms, revisions)
    told = tuple(given for given in decision.reasons if given.rule == entry.name and given.coupon_id is None)
    # Where coupons pay for all of its lines the decision has nothing to tell of a rule.
    return told or (ReasonGiven(Reason.BELOW_ONE_POINT, rule=entry.name),)


def _faults(facts: SaleFacts, entry: CompiledEarnRule, revision: CompiledRevision, moment: Moment) -> Iterator[Reason]:
    yield from campaign_faults(revision.source, moment)
    yield from earn_rule_faults(entry.rule, revision.source, moment)
    basket = bundled(facts)
    places = entry.lines.places(basket)
    if not places:
        yield Reason.NOTHING_IN_SCOPE
    elif not any(earns(basket.bundles[place].like) for place in places):
        likes = [basket.bundles[place].like for place in places]
        of_brand = any(not line.brand_earns_points for line in likes)
        yield Reason.BRAND_GIVES_NO_POINTS if of_brand else Reason.CATEGORY_GIVES_NO_POINTS


def explain_coupon(facts: SaleFacts, revisions: Revisions, coupon_id: CouponId) -> tuple[ReasonGiven, ...]:
    """All reasons for one coupon of the facts' wallet; one that was not asked for is told as if it had been."""
    if facts.member is None:
        return (ReasonGiven(Reason.NO_MEMBER, coupon_id=coupon_id),)
    coupon = next((entry for entry in facts.member.coupons if entry.coupon_id == coupon_id), None)
    moment = moment_of(facts, facts.member)
    if coupon is None or moment is None:
        return (ReasonGiven(Reason.COUPON_NOT_USABLE, coupon_id=coupon_id),)
    basket = bundled(facts)
    faults = tuple(coupon_faults(coupon, compiled(revisions[coupon.revision_id]), moment, basket))
    if faults:
        return faults
    asked = facts.coupons_wanted
    if asked is not None and coupon_id not in asked:
        facts = replace(facts, coupons_wanted=(*asked, coupon_id))
    verdict = judge_coupons(facts, basket, revisions)
    return tuple(given for given in verdict.told if given.coupon_id == coupon_id)
