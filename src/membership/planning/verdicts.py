"""The reasons for an offer's outcome, by the kind of the offer: asks the slices' own rules about what is recorded."""

from collections.abc import AsyncIterator

from membership.campaigns.content import CouponOffer, EarnRule, GiftOffer
from membership.campaigns.engine import decide_sale, explain_coupon, explain_earn_rule
from membership.campaigns.model import CampaignState, CouponId, MemberFacts, SaleFacts
from membership.coupons.rules import said_in
from membership.gifts.rules.claiming import offered, threshold_of
from membership.gifts.rules.cover import lines_in_scope
from membership.gifts.rules.preparing import offer_id_of, pool_id_of
from membership.planning import evidence, offer_story
from membership.planning.cases import Case
from membership.planning.sale_story import earned, told
from membership.planning.why import Remark, Why
from membership.stores.rules import business_date, terms_at


async def explain(case: Case) -> AsyncIterator[Remark]:
    """Every reason, the plainest first."""
    kept_back = offer_story.of_state(case.state, case.told)
    if kept_back is not None:
        yield kept_back
    if case.rule is None:
        yield Remark(Why.NO_SUCH_OFFER_THEN, case.told)
        return
    match case.rule:
        case EarnRule():
            async for remark in _earn_rule(case):
                yield remark
        case CouponOffer() as offer:
            async for remark in _coupon(case, offer):
                yield remark
        case GiftOffer() as offer:
            async for remark in _gift(case, offer):
                yield remark
        case _:
            yield Remark(Why.OFFER_OPEN, case.told)


async def _earn_rule(case: Case) -> AsyncIterator[Remark]:
    """By the receipt; without one, by the moment and the member's tier alone."""
    revision = case.revision
    if revision is None:
        return
    facts = case.facts or _empty_basket(case)
    revisions = case.revisions
    terms = {entry.revision: entry.terms for entry in case.codex.programme.terms}[facts.terms_revision]
    given = explain_earn_rule(facts, terms, revisions, revision.revision_id, case.asked.rule)
    reasons = [told(reason, facts, case.codex) for reason in given]
    if case.facts is None:
        reasons = [remark for remark in reasons if remark.why is not Why.NOTHING_IN_SCOPE]
        if not reasons:
            yield Remark(Why.OFFER_OPEN, case.told)
    for remark in reasons:
        yield remark
    points = sum(award.points for award in decide_sale(facts, terms, revisions).awards if award.rule == case.name)
    if points:
        yield earned(case.name, points, facts, case.codex)


async def _coupon(case: Case, offer: CouponOffer) -> AsyncIterator[Remark]:
    campaign_id = case.campaign.campaign_id
    coupons = await evidence.list_coupons(case.conn, campaign_id, offer.code, case.asked.membership)
    for remark in offer_story.coupon_story(coupons, case.told, case.at):
        yield remark
    if not any(coupon.issued_at <= case.at for coupon in coupons) and case.revision is not None:
        said = said_in(case.revision, offer.code, case.stores)
        issued, quota = await evidence.find_coupon_offer(case.conn, campaign_id, offer.code)
        yield offer_story.could_have_had(said, case.tier, case.at, case.told, issued=issued, quota=quota)
    if case.facts is not None:
        async for remark in _coupon_on_receipt(case, offer):
            yield remark


async def _coupon_on_receipt(case: Case, offer: CouponOffer) -> AsyncIterator[Remark]:
    facts = case.facts
    if facts is None or facts.member is None:
        return
    revisions = case.revisions
    for coupon in facts.member.coupons:
        revision = revisions.get(coupon.revision_id)
        if coupon.offer == offer.code and revision is not None and revision.code == case.campaign.code:
            if facts.coupons_wanted is not None and coupon.coupon_id not in facts.coupons_wanted:
                yield Remark(Why.COUPON_NOT_SHOWN, case.told, coupon_id=coupon.coupon_id)
            for given in explain_coupon(facts, revisions, CouponId(coupon.coupon_id)):
                yield told(given, facts, case.codex)


async def _gift(case: Case, offer: GiftOffer) -> AsyncIterator[Remark]:
    gifts = await evidence.list_gifts(
        case.conn, offer_id_of(case.campaign.campaign_id, offer.code), case.asked.membership
    )
    changes = await evidence.list_gift_changes(case.conn, [gift.gift_id for gift in gifts], until=case.at)
    had = [gift for gift in gifts if gift.claimed_at <= case.at]
    for remark in offer_story.gift_story(had, changes, case.told):
        yield remark
    day = case.day.day
    if had and case.asked.at is None and case.asked.sale_id is None:
        return
    if any(gift.day == day for gift in had):
        return
    yield Remark(Why.GIFT_NEVER_CLAIMED, case.told)
    for remark in offer_story.gift_limits(offer, gifts, day, case.at, case.told):
        yield remark
    if (reached := await _threshold(case, offer)) is not None:
        yield reached
    async for remark in _pools(case, offer):
        yield remark


async def _threshold(case: Case, offer: GiftOffer) -> Remark | None:
    threshold = threshold_of(case.campaign.code, offer)
    if threshold is None:
        return None
    lines = await evidence.list_day_lines(case.conn, case.day, threshold.group)
    counted = lines_in_scope(lines, offer.scope, case.directory)
    spent = sum(line.free_minor for line in lines if (line.sale_id, line.line_no) in counted)
    return offer_story.gift_threshold(offer, spent, case.told)


async def _pools(case: Case, offer: GiftOffer) -> AsyncIterator[Remark]:
    """Of the pools that the member's tier may claim of; of the first where it may of none."""
    revision, store_id, day = case.revision, case.store.store_id, case.day.day
    if revision is None or store_id not in revision.calendars:
        yield Remark(Why.WRONG_STORE, case.told)
        return
    state = case.state or CampaignState.DRAFT
    closed: list[Remark] = []
    for pool in offer.pools:
        if case.asked.pool not in (None, pool.code):
            continue
        entry = offered(revision, state, offer, pool, store=case.store, day=day)
        kept_back = offer_story.gift_open(entry, case.tier, case.at, case.told)
        if kept_back is not None:
            closed.append(kept_back)
            continue
        pool_id = pool_id_of(offer_id_of(case.campaign.campaign_id, offer.code), store_id, day, pool.code)
        stock = offer_story.gift_stock(await evidence.find_stock(case.conn, pool_id, case.at), case.told)
        if stock is not None:
            yield stock
    if len(closed) == len(offer.pools):
        yield closed[0]


def _empty_basket(case: Case) -> SaleFacts:
    """The moment and the member's tier, with nothing bought."""
    local = case.at.astimezone(case.store.zone)
    return SaleFacts(
        business_date=business_date(case.store, case.at),
        terms_revision=terms_at(case.codex.programme, case.at).revision,
        ladder_revision=1,
        member=MemberFacts(case.tier, None),
        lines=(),
        tenders=(),
        points_to_spend=0,
        points_value_minor=0,
        store_id=case.store.store_id,
        at=case.at,
        local_time=local.time().replace(fold=0),
        store=case.store.code,
    )
