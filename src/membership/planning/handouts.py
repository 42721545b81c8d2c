"""How many coupons of each offer of a draft there would be, and from when until when they hold. Pure."""

from collections.abc import Iterator, Mapping

from membership.campaigns.content import ByCode, ClaimedInApp, CouponOffer, ToAllEligible
from membership.campaigns.model import CampaignRevision
from membership.campaigns.rules.calendar import drop_moment
from membership.coupons.rules import Said, is_eligible, said_in, validity_from, validity_of
from membership.planning.arrivals import ArrivalModel
from membership.planning.wallets import Handout, OfferPlan
from membership.stores.model import Store, StoreId

_EVER_MS = 365 * 24 * 3_600_000


def offer_plans(
    revision: CampaignRevision, stores: Mapping[StoreId, Store], members: Mapping[str, int], model: ArrivalModel
) -> tuple[OfferPlan, ...]:
    """`members`: of the programme, by tier. Codes are left out: nobody knows whom they will reach."""
    return tuple(
        _plan(said_in(revision, offer.code, stores.values()), members_of(offer, members), model)
        for offer in revision.content.rules_of(CouponOffer)
    )


def members_of(offer: CouponOffer, members: Mapping[str, int]) -> dict[str, int]:
    """Those whose tier is eligible."""
    return {tier: number for tier, number in members.items() if is_eligible(offer, tier)}


def issued(plan: OfferPlan, members: Mapping[str, int]) -> int:
    if isinstance(plan.offer.issue, ToAllEligible):
        return sum(members_of(plan.offer, members).values())
    return sum(handout.issued for handout in plan.handouts)


def take_up(model: ArrivalModel) -> float:
    """The share of eligible members who take part in something on offer for a day."""
    return model.claims_within({"": 1.0}, _EVER_MS)


def _plan(said: Said, members: Mapping[str, int], model: ArrivalModel) -> OfferPlan:
    match said.offer.issue:
        case ToAllEligible():
            # Also tiers that nobody has today, where the offer names them.
            tiers = {*members, *said.offer.scope.tiers} - set(said.offer.scope.excluded_tiers)
            return OfferPlan(said.offer, {tier: validity_of(said, tier) for tier in tiers})
        case ByCode():
            return OfferPlan(said.offer, {})
        case _:
            return OfferPlan(said.offer, {}, tuple(_handouts(said, members, model)))


def _handouts(said: Said, members: Mapping[str, int], model: ArrivalModel) -> Iterator[Handout]:
    """A drop is had on each of its days; what has no quota is taken, or bought, once, when it opens."""
    offer, eligible = said.offer, sum(members.values())
    wanted = int(model.claims_within({tier: float(number) for tier, number in members.items()}, _EVER_MS))
    is_drop = isinstance(offer.issue, ClaimedInApp) and (offer.quota or offer.quota_per_day)
    left = min(offer.quota or eligible * offer.limit_per_member, eligible * offer.limit_per_member)
    days = sorted({day for _, calendar in said.calendars for day in calendar.days_of(offer.code)})
    for day in days[: None if is_drop else 1]:
        number = min(wanted, left, offer.quota_per_day or wanted)
        left -= number
        if number:
            drop_time = offer.issue.drop_time if isinstance(offer.issue, ClaimedInApp) else None
            begins = min(drop_moment(store, day, drop_time) for store in said.stores)
            yield Handout(day, number, eligible, validity_from(said, "", begins))
