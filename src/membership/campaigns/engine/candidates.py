"""Coupons that could apply, reduced to what a choice among them depends on."""

from dataclasses import dataclass
from datetime import datetime

from membership.campaigns.model import CouponId

Order = tuple[datetime, CouponId]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A coupon that could apply alone. It takes `discount` off, and uses `use` of the amounts in its places.

    `exclusive`: within which an amount is used once. `only_one_of`: the group of which one may apply, if any.
    """

    coupon_id: CouponId
    valid_until: datetime
    discount: int
    use: int
    places: tuple[int, ...]
    exclusive: str
    only_one_of: str | None

    @property
    def order(self) -> Order:
        return self.valid_until, self.coupon_id

    @property
    def effect(self) -> tuple[int, int, tuple[int, ...], str, str]:
        """What makes two coupons the same. Sorts the largest discount first, then the least use."""
        return -self.discount, self.use, self.places, self.exclusive, self.only_one_of or ""


@dataclass(frozen=True, slots=True)
class Kind:
    """Coupons that do the same, the first to expire first."""

    like: Candidate
    orders: tuple[Order, ...]

    @property
    def most(self) -> int:
        """How many of them may apply, if there is room."""
        return len(self.orders) if self.like.only_one_of is None else 1


Counted = list[tuple[Kind, int]]
"""How many of each kind apply."""
