"""Facts about coupons that others may react to."""

from membership.campaigns.model import CouponId
from membership.coupons.model import Channel
from membership.kernel.errors import Fact
from membership.members.model import MembershipKey
from membership.postgres.transaction import Event
from membership.receipts.model import SaleId


def issued(membership: MembershipKey, coupon_id: CouponId, rule: str, channel: Channel) -> Event:
    """A member took a coupon, or got one on becoming eligible. Not told of those that everybody gets at once."""
    return _about(membership, "coupons.issued", coupon_id=str(coupon_id), rule=rule, channel=channel.value)


def redeemed(membership: MembershipKey, coupon_id: CouponId, sale_id: SaleId, discount_minor: int) -> Event:
    return _about(
        membership, "coupons.redeemed", coupon_id=str(coupon_id), sale_id=str(sale_id), discount_minor=discount_minor
    )


def reversed_(membership: MembershipKey, coupon_id: CouponId, sale_id: SaleId, state: str) -> Event:
    """The sale came back whole: the coupon can be used again, or its time is over."""
    return _about(membership, "coupons.reversed", coupon_id=str(coupon_id), sale_id=str(sale_id), state=state)


def voided(membership: MembershipKey, coupon_id: CouponId, reason: str) -> Event:
    return _about(membership, "coupons.voided", coupon_id=str(coupon_id), reason=reason)


def _about(membership: MembershipKey, name: str, **facts: Fact) -> Event:
    return Event(
        name=name,
        ordering_key=membership.member_id,
        payload={"member_id": str(membership.member_id), "programme_id": str(membership.programme_id), **facts},
    )
