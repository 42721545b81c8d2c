"""The virtual wallet: which coupons of a draft a member would hold, and how many of each offer there would be. Pure.

To all eligible: everybody of the offer's tiers has one, from the draft's opening for that tier on; who reaches such a
tier later, from that receipt on. Claimed or bought: on each of the offer's days so many as its quotas and the members
that take part allow (`Handout`); who they are is drawn by a hash of member, offer and day, so that the same simulation
gives the same answer. A coupon is used up by the first receipt on which the engine applies it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from membership.campaigns.content import CouponOffer
from membership.campaigns.model import CouponApplied, CouponFacts, CouponId, RevisionId
from membership.coupons.model import Validity
from membership.coupons.rules import is_eligible
from membership.members.model import MemberId

_WHOLE = 1 << 64


@dataclass(frozen=True, slots=True)
class Handout:
    """Coupons of an offer that members take themselves: on one day, `issued` for `eligible` members."""

    day: date
    issued: int
    eligible: int
    validity: Validity


@dataclass(frozen=True, slots=True)
class OfferPlan:
    """`to_all`: by tier, the validity of a coupon that all have; otherwise `handouts` say who draws one."""

    offer: CouponOffer
    to_all: Mapping[str, Validity]
    handouts: tuple[Handout, ...] = ()


class Wallet:
    """One member's virtual coupons of one draft."""

    def __init__(self, revision_id: RevisionId, member_id: MemberId, plans: Iterable[OfferPlan]) -> None:
        self._revision_id = revision_id
        self._member_id = member_id
        self._plans = tuple(plans)
        self._given: set[str] = set()
        self._coupons: dict[CouponId, CouponFacts] = {}

    def coupons(self, tier: str) -> tuple[CouponFacts, ...]:
        """What the member holds when shopping with this tier."""
        for plan in self._plans:
            if plan.offer.code not in self._given and is_eligible(plan.offer, tier):
                self._given.add(plan.offer.code)
                for validity in self._drawn(plan, tier):
                    self._add(plan.offer.code, validity)
        return tuple(self._coupons.values())

    def use(self, applied: Iterable[CouponApplied]) -> None:
        for coupon in applied:
            self._coupons.pop(coupon.coupon_id, None)

    def _drawn(self, plan: OfferPlan, tier: str) -> Iterator[Validity]:
        if validity := plan.to_all.get(tier):
            yield validity
        left = plan.offer.limit_per_member
        for handout in plan.handouts:
            if left and is_drawn(self._member_id, f"{plan.offer.code}/{handout.day}", handout.issued, handout.eligible):
                left -= 1
                yield handout.validity

    def _add(self, offer: str, validity: Validity) -> None:
        coupon_id = CouponId(UUID(int=len(self._given) * 1_000_000 + len(self._coupons) + 1))
        self._coupons[coupon_id] = CouponFacts(
            coupon_id, self._revision_id, offer, validity.starts_at, validity.ends_at
        )


def is_drawn(member_id: MemberId, what: str, drawn: int, among: int) -> bool:
    """Whether a member is one of so many among so many: a lot that always falls the same way."""
    return lot(member_id, what) * among < drawn * _WHOLE


def lot(member_id: MemberId, what: str) -> int:
    """A number of 64 bits, evenly spread."""
    return int.from_bytes(hashlib.sha256(member_id.bytes + what.encode()).digest()[:8])
