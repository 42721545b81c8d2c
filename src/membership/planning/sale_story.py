"""A receipt's story: what it earned by which rule, which coupons it used, and why not more. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from membership.campaigns.content import CouponOffer, EarnRule, Multiple
from membership.campaigns.model import Reason, ReasonGiven, SaleDecision, SaleFacts
from membership.planning.codex import Codex, of_sale
from membership.planning.why import Fact, Remark, Why, why_of
from membership.points.model import BASE_RULE
from membership.receipts.model import Sale, SaleState

_TOLD_WITH_AWARDS = frozenset({Why.RULE_APPLIES, Why.COUPON_APPLIES})
"""What an award or a coupon used says already, with its amount."""


@dataclass(frozen=True, slots=True)
class SaleExplanation:
    """`is_reproduced`: deciding again on the stored facts gave the stored decision (law P5)."""

    sale: Sale
    facts: SaleFacts
    decision: SaleDecision
    is_reproduced: bool
    remarks: tuple[Remark, ...]


def sale_story(sale: Sale, facts: SaleFacts, decision: SaleDecision, codex: Codex) -> tuple[Remark, ...]:
    """In the order in which a service desk reads it out: the receipt, its points, its coupons, what was not given, and
    what became of it."""
    return (
        Remark(
            Why.SOLD,
            {
                "number": str(sale.sequence),
                "on": sale.business_date,
                "store_names": codex.store.names,
                "net_minor": sale.net_minor,
            },
        ),
        *_awards(facts, decision, codex),
        *_coupons(decision, codex),
        *(told(given, facts, codex) for given in decision.reasons if why_of(given.reason) not in _TOLD_WITH_AWARDS),
        *_afterwards(sale),
    )


def told(given: ReasonGiven, facts: SaleFacts, codex: Codex) -> Remark:
    """A reason of the engine with everything its sentence may need."""
    filled: dict[str, Fact] = of_sale(facts, codex)
    tier = None if facts.member is None else facts.member.tier
    line = next((line for line in facts.lines if line.line_no == given.line_no), None)
    if line is not None:
        filled |= {"brand": codex.brand(line), "category": codex.category(line)}
    rule = given.rule or _rule_of_coupon(given, facts, codex)
    if rule is not None and "/" in rule:
        filled |= codex.of_rule(rule, tier)
    elif rule is not None:
        filled |= {"rule_code": rule, "tender": codex.tender(rule)}
    filled |= {"missing_minor": given.minor, "discount_minor": given.minor, "points": given.points}
    coupon = next(
        (coupon for coupon in (facts.member.coupons if facts.member else ()) if coupon.coupon_id == given.coupon_id),
        None,
    )
    if given.reason is Reason.NOTHING_IN_SCOPE:
        filled["bought"] = codex.bought(facts)
    if coupon is not None:
        filled |= {"valid_from": coupon.valid_from, "valid_until": coupon.valid_until}
    return Remark(why_of(given.reason), filled, given.line_no, rule, given.coupon_id)


def earned(rule: str, points: int, facts: SaleFacts, codex: Codex) -> Remark:
    """What one rule gave, over all lines."""
    if rule == BASE_RULE:
        return Remark(Why.EARNED_AT_PLAIN_RATE, {"points": points}, rule=rule)
    found = codex.rule(rule)
    if "/" not in rule:
        return Remark(Why.EARNED_BY_STANDING_RULE, {"points": points, "rule_code": rule}, rule=rule)
    tier = None if facts.member is None else facts.member.tier
    is_multiple = isinstance(found, EarnRule) and isinstance(found.effect, Multiple)
    why = Why.EARNED_MULTIPLE if is_multiple else Why.EARNED_BONUS
    return Remark(why, {**codex.of_rule(rule, tier), "points": points}, rule=rule)


def _awards(facts: SaleFacts, decision: SaleDecision, codex: Codex) -> Iterator[Remark]:
    points: Counter[str] = Counter()
    for award in decision.awards:
        points[award.rule] += award.points
    for rule, number in sorted(points.items(), key=lambda entry: (entry[0] != BASE_RULE, entry[0])):
        yield earned(rule, number, facts, codex)


def _coupons(decision: SaleDecision, codex: Codex) -> Iterator[Remark]:
    for coupon in decision.coupons:
        facts = {**codex.of_rule(coupon.rule, None), "discount_minor": coupon.discount_minor}
        yield Remark(Why.COUPON_APPLIES, facts, rule=coupon.rule, coupon_id=coupon.coupon_id)


def _rule_of_coupon(given: ReasonGiven, facts: SaleFacts, codex: Codex) -> str | None:
    if facts.member is None or given.coupon_id is None:
        return None
    for coupon in facts.member.coupons:
        if coupon.coupon_id == given.coupon_id:
            revisions: Sequence[str] = [
                code for code, entry in codex.revisions.items() if entry.revision_id == coupon.revision_id
            ]
            offers = [f"{code}/{coupon.offer}" for code in revisions]
            return next((name for name in offers if isinstance(codex.rule(name), CouponOffer)), None)
    return None


def _afterwards(sale: Sale) -> Iterator[Remark]:
    if sale.points_redeemed:
        yield Remark(Why.POINTS_SPENT, {"points": sale.points_redeemed})
    for noted in sale.exceptions:
        yield Remark(Why.POSTED_WITH_FAULT, {"fault": noted.code.value})
    if sale.state is SaleState.VOIDED:
        yield Remark(Why.SALE_VOIDED)
    elif sale.returned_minor:
        yield Remark(Why.SALE_RETURNED, {"returned_minor": sale.returned_minor})
