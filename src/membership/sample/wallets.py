"""One membership's coupons while its history is being made: what `coupons` records, in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from membership.campaigns.content import CouponOffer
from membership.campaigns.model import CampaignRevision, CouponApplied, CouponFacts, CouponId
from membership.coupons.model import Channel, Coupon, CouponState
from membership.coupons.rules import ENDED, Said, is_eligible, said_in, validity_from
from membership.members.model import MembershipKey
from membership.receipts.model import SaleId
from membership.sample.identifiers import coupon_offer_id
from membership.sample.moments import MomentIds
from membership.stores.model import Store

_JOB_DELAY = timedelta(minutes=4)


@dataclass(slots=True)
class RecordedRedemption:
    """What a sale did with a coupon; `reversed_at` when all of the sale had come back."""

    applied: CouponApplied
    sale_id: SaleId
    redeemed_at: datetime
    reversed_at: datetime | None = None


@dataclass(slots=True)
class Held:
    """A coupon as it stands, with its redemptions."""

    coupon: Coupon
    changed_at: datetime
    redemptions: list[RecordedRedemption] = field(default_factory=list)


class Wallet:
    """The coupons that everybody eligible has, of one campaign."""

    def __init__(self, revision: CampaignRevision, store: Store, membership: MembershipKey, ids: MomentIds) -> None:
        self._revision, self._membership, self._ids = revision, membership, ids
        self._offers = tuple(said_in(revision, offer.code, [store]) for offer in revision.content.rules_of(CouponOffer))
        self.held: dict[CouponId, Held] = {}

    def issue(self, tier: str, now: datetime) -> None:
        """To somebody who is eligible, once."""
        had = {entry.coupon.offer for entry in self.held.values()}
        for said in self._offers:
            if said.offer.code not in had and is_eligible(said.offer, tier):
                coupon = self._new(said, tier, now)
                self.held[coupon.coupon_id] = Held(coupon, now)

    def facts(self, at: datetime) -> tuple[CouponFacts, ...]:
        """What a till would read of the wallet."""
        return tuple(
            CouponFacts(c.coupon_id, c.revision_id, c.offer, c.valid_from, c.valid_until)
            for c in (entry.coupon for entry in self.held.values())
            if c.state not in ENDED and at < c.valid_until
        )

    def redeem(self, applied: Iterable[CouponApplied], sale_id: SaleId, now: datetime) -> None:
        for entry in applied:
            held = self.held[entry.coupon_id]
            held.coupon = replace(held.coupon, state=CouponState.REDEEMED, sale_id=sale_id)
            held.changed_at = now
            held.redemptions.append(RecordedRedemption(entry, sale_id, now))

    def reverse(self, sale_id: SaleId, now: datetime) -> tuple[CouponId, ...]:
        """All of a sale has come back: its coupons live again, if their time is not over. Which these are."""
        back = []
        for coupon_id, held in self.held.items():
            for redemption in held.redemptions:
                if redemption.sale_id == sale_id and redemption.reversed_at is None:
                    redemption.reversed_at = held.changed_at = now
                    alive = now < held.coupon.valid_until
                    state = CouponState.ACTIVE if alive else CouponState.EXPIRED
                    held.coupon = replace(held.coupon, state=state, sale_id=None)
                    back.append(coupon_id)
        return tuple(sorted(back))

    def pass_time(self, now: datetime) -> None:
        """What the job has expired by then."""
        for held in self.held.values():
            at = held.coupon.valid_until + _JOB_DELAY
            if held.coupon.state not in ENDED and at <= now:
                held.coupon, held.changed_at = replace(held.coupon, state=CouponState.EXPIRED), at

    def live_uses(self) -> Iterator[RecordedRedemption]:
        """What uses up amounts now."""
        return (use for held in self.held.values() for use in held.redemptions if use.reversed_at is None)

    def _new(self, said: Said, tier: str, now: datetime) -> Coupon:
        validity = validity_from(said, tier, now)
        return Coupon(
            coupon_id=CouponId(self._ids.at(now)()),
            membership=self._membership,
            offer_id=coupon_offer_id(self._revision.campaign_id, said.offer.code),
            campaign_code=self._revision.code,
            offer=said.offer.code,
            ordinal=1,
            revision_id=self._revision.revision_id,
            channel=Channel.TO_ALL,
            state=CouponState.ISSUED if now < validity.starts_at else CouponState.ACTIVE,
            valid_from=validity.starts_at,
            valid_until=validity.ends_at,
            issued_at=now,
            reserved_by=None,
            reserved_until=None,
            sale_id=None,
        )
