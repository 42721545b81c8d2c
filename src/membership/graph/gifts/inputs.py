"""What is sent about gifts."""

from datetime import date

import strawberry

from membership.gifts.model import AtDesk, ByGiftCode, ById, GiftId, GiftPoolId, GiftReference, WaiverReason
from membership.graph.inventory import POOL
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.relay import key_of
from membership.graph.tills.inputs import KEY
from membership.stores.model import StoreId

describe_enum(
    WaiverReason,
    "Why a member may keep a gift whose spend was returned.",
    {
        WaiverReason.GOODWILL: "To be kind.",
        WaiverReason.STORE_ERROR: "The store made a mistake.",
        WaiverReason.GIFT_DAMAGED: "It is used, eaten or broken, and of no use to anybody else.",
    },
)


@strawberry.input(description="A gift by what is written on a poster.")
class GiftAtDeskInput:
    store_id: strawberry.ID = strawberry.field(description="The store.")
    offer: str = strawberry.field(description="The campaign's code and the gift's, as `giftOffers` says them.")
    desk: str = strawberry.field(description="Code of the counter that hands over.")
    day: date | None = strawberry.field(default=None, description="The business day; today if absent.")

    def to_model(self) -> AtDesk:
        return AtDesk(StoreId(key_of(self.store_id, "Store")), self.offer, self.desk, self.day)


@strawberry.input(one_of=True, description="Which gift is wanted: exactly one of these.")
class GiftWantedInput:
    pool_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The pool, as `giftOffers` gave it."
    )
    at_desk: GiftAtDeskInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="The gift and the desk; of several pools there the first that is for the member's tier.",
    )

    def to_model(self) -> GiftPoolId | AtDesk:
        if self.at_desk:
            return self.at_desk.to_model()
        return GiftPoolId(key_of(self.pool_id or "", POOL))


@strawberry.input(description="A gift to claim.")
class ClaimGiftInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    wanted: GiftWantedInput = strawberry.field(description="Which one.")


@strawberry.input(description="A gift that is not wanted after all.")
class CancelGiftInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    gift_id: strawberry.ID = strawberry.field(description="The gift.")

    def key(self) -> GiftId:
        return GiftId(key_of(self.gift_id, "Gift"))


@strawberry.input(name="GiftLookup", one_of=True, description="A gift at a desk: exactly one of these.")
class GiftLookupInput:
    code: str | None = strawberry.field(
        default=strawberry.UNSET, description="The gift's code, as scanned or typed; case and hyphens do not matter."
    )
    id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Its id, as a list of the desk gave it."
    )

    def to_model(self) -> GiftReference:
        if self.id:
            return ById(GiftId(key_of(self.id, "Gift")))
        return ByGiftCode(self.code or "")


@strawberry.input(description="A gift that a desk has in hand.")
class DeskGiftInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    gift: GiftLookupInput = strawberry.field(description="Which one.")


@strawberry.input(description="A gift that the member may keep.")
class WaiveGiftInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    gift_id: strawberry.ID = strawberry.field(description="The gift.")
    reason: WaiverReason = strawberry.field(description="Why.")

    def key(self) -> GiftId:
        return GiftId(key_of(self.gift_id, "Gift"))
