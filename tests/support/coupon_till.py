"""A till and the coupons of a campaign in force, on the same database.

shop = await open_coupon_till(till, database, conn, clock, keyring)
coupon = await shop.has("CNY-100")                       # the till's member has claimed one
quoted = await shop.till.quote(shop.basket(600_00))      # CNY 100 off
answer = await shop.pay(quoted, 600_00)                  # the rest in cash, by the quote
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from membership.campaigns.content import Rule
from membership.campaigns.model import CouponId
from membership.coupons.model import Coupon
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.tills.model import BasketReported, CommitSale, QuoteAnswer, SaleAnswer
from support.clock import StoppedClock
from support.coupon_desk import CouponDesk, open_coupon_desk
from support.till_world import TillWorld, basket, quote_id_of


@dataclass(slots=True, repr=False)
class CouponTill:
    till: TillWorld
    desk: CouponDesk

    @property
    def now(self) -> datetime:
        return self.till.now

    async def campaign(self, *rules: Rule, days: int = 10) -> None:
        await self.desk.campaign(*rules, days=days)
        await self.till.tills.workings.newly_eligible.offers.reload(self.desk.conn, self.now)

    async def has(self, code: str, member: MembershipKey | None = None) -> Coupon:
        return await self.desk.claim(member or self.till.member, code)

    def basket(self, *amounts_minor: int, discount_minor: int = 0, **others: object) -> BasketReported:
        """Paid in cash but for the discount."""
        sold = basket(*amounts_minor, points_value_minor=discount_minor)
        return replace(sold, **others)  # type: ignore[arg-type]

    def commit_of(
        self, *amounts_minor: int, discount_minor: int = 0, coupons: tuple[UUID, ...] | None = None
    ) -> CommitSale:
        named = None if coupons is None else tuple(CouponId(coupon) for coupon in coupons)
        return self.till.commit_of(self.basket(*amounts_minor, discount_minor=discount_minor, coupons=named))

    async def quote(self, *amounts_minor: int, coupons: tuple[CouponId, ...] | None = None) -> QuoteAnswer:
        return await self.till.quote(self.basket(*amounts_minor, tenders=(), coupons=coupons))

    async def pay(self, quoted: QuoteAnswer, *amounts_minor: int, **changes: object) -> SaleAnswer:
        """By a quote, what is due in cash."""
        command = self.commit_of(*amounts_minor, discount_minor=quoted.decision.discount_minor)
        command = replace(command, quote_id=quote_id_of(quoted), member=None, **changes)  # type: ignore[arg-type]
        return await self.till.commit(command)

    async def state(self, coupon: Coupon) -> str:
        return await self.desk.state(coupon.coupon_id)


async def open_coupon_till(
    till: TillWorld, database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring
) -> CouponTill:
    cache = till.tills.workings.campaigns
    return CouponTill(till, await open_coupon_desk(database, conn, clock, keyring, world=till.world, cache=cache))
