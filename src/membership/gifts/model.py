"""What a gift is: the offer's pools by day and desk, a member's gift in one of them, and what happened to it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from membership.campaigns.model import CampaignId, RevisionId
from membership.members.model import MembershipKey
from membership.postgres.json import digest
from membership.receipts.model import SaleId
from membership.stores.model import CategoryId, CounterId, ProgrammeId, StoreId

GiftId = NewType("GiftId", UUID)
"""The claim's id in `inventory`: a repeated claim is the same gift."""
GiftOfferId = NewType("GiftOfferId", UUID)
"""The same in `inventory`: limits per member span the pools of an offer."""
GiftPoolId = NewType("GiftPoolId", UUID)


class GiftState(StrEnum):
    """Of a unit that a member was promised.

    HELD, EXPIRED and RELEASED come before: they are states of a claim in `inventory`, of which no gift was made yet.
    """

    CONFIRMED = "CONFIRMED"
    READY = "READY"
    COLLECTED = "COLLECTED"
    CANCELLED = "CANCELLED"
    FORFEITED = "FORFEITED"
    CLAWBACK_DUE = "CLAWBACK_DUE"
    RETURNED = "RETURNED"
    WAIVED = "WAIVED"


class GiftCause(StrEnum):
    """Why a gift went on to its state, or to another place: the last two change no state."""

    PACKED = "PACKED"
    HANDED_OVER = "HANDED_OVER"
    MEMBER_CANCELLED = "MEMBER_CANCELLED"
    NOT_COLLECTED = "NOT_COLLECTED"
    SPEND_RETURNED = "SPEND_RETURNED"
    COVERED_AGAIN = "COVERED_AGAIN"
    BROUGHT_BACK = "BROUGHT_BACK"
    GOODWILL = "GOODWILL"
    STORE_ERROR = "STORE_ERROR"
    GIFT_DAMAGED = "GIFT_DAMAGED"
    SENT_TO_COUNTER = "SENT_TO_COUNTER"
    BACK_AT_DESK = "BACK_AT_DESK"


class WaiverReason(StrEnum):
    """Why member services let a member keep a gift that is no longer covered."""

    GOODWILL = "GOODWILL"
    STORE_ERROR = "STORE_ERROR"
    GIFT_DAMAGED = "GIFT_DAMAGED"


@dataclass(frozen=True, slots=True)
class PreparedOffer:
    """The rule of a campaign whose pools were opened, as of the latest revision that did so."""

    offer_id: GiftOfferId
    programme_id: ProgrammeId
    campaign_id: CampaignId
    revision_id: RevisionId
    rule_code: str


@dataclass(frozen=True, slots=True)
class PreparedPool:
    """Units of one desk on one business day. `closed_at`: a later revision no longer has it."""

    pool_id: GiftPoolId
    offer: PreparedOffer
    store_id: StoreId
    day: date
    code: str
    counter_id: CounterId
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a gift takes of its day's spend. `group`: where an amount counts once, the offer itself if none is said."""

    minimum_spend_minor: int
    group: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """A stop of a visit, as far as gifts have to know it. `uid` stays when the stop is moved."""

    uid: UUID
    store_id: StoreId
    counter_id: CounterId
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Gone:
    """A stop that is no more. `by_house`: the store has cancelled it, not the member."""

    by_house: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """A gift waits at this counter for the stop of this UID; from `until` on it is at its desk again. Stays once it was
    collected there. `desk_until`: until when it could be collected without the visit."""

    counter_id: CounterId
    uid: UUID
    until: datetime
    desk_until: datetime


@dataclass(frozen=True, slots=True)
class Gift:
    """A member's gift. `step` counts its changes and guards each of them: who changes it says which one they saw.
    `counter_id` is its desk; where it is collected, rules.waiting.place_of says."""

    gift_id: GiftId
    code: str
    membership: MembershipKey
    offer_id: GiftOfferId
    pool_id: GiftPoolId
    store_id: StoreId
    day: date
    counter_id: CounterId
    revision_id: RevisionId
    rule_code: str
    state: GiftState
    step: int
    claimed_at: datetime
    collect_until: datetime
    threshold: Threshold | None = None
    ready_at: datetime | None = None
    collected_at: datetime | None = None
    collected_by: str | None = None
    ended_at: datetime | None = None
    cause: GiftCause | None = None
    wait: Wait | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Spend of a business day that a return took from: are the gifts that were claimed upon it still covered?"""

    membership: MembershipKey
    store_id: StoreId
    day: date
    due_at: datetime


@dataclass(frozen=True, slots=True)
class DayLine:
    """A line sold to the member on a business day. `free_minor`: what of it came neither back nor is used up in the
    exclusive group by anything but gifts."""

    sale_id: SaleId
    line_no: int
    counter_id: CounterId
    category_id: CategoryId
    free_minor: int


@dataclass(frozen=True, slots=True)
class PoolCount:
    """How many gifts of a pool are in a state."""

    pool_id: GiftPoolId
    state: GiftState
    gifts: int


@dataclass(frozen=True, slots=True)
class AtDesk:
    """A pool by what is written on a poster: which gift, at which desk, on which day (None: today)."""

    store_id: StoreId
    offer: str  # as campaigns.model.rule_name says it
    desk: str
    day: date | None = None


@dataclass(frozen=True, slots=True)
class ClaimGift:
    """What a member asks for. `asked`: the words for it, where the pool was found by them; a repeat uses the same
    words, which may mean another pool by then."""

    idempotency_key: str
    pool_id: GiftPoolId
    asked: AtDesk | None = None

    @property
    def request_hash(self) -> bytes:
        """Of what the caller sent."""
        return digest(["gifts.claim", str(self.pool_id)]) if self.asked is None else hash_of_words(self.asked)


def hash_of_words(asked: AtDesk) -> bytes:
    day = None if asked.day is None else asked.day.isoformat()
    return digest(["gifts.claim", str(asked.store_id), asked.offer, asked.desk, day])


@dataclass(frozen=True, slots=True)
class ById:
    gift_id: GiftId


@dataclass(frozen=True, slots=True)
class ByGiftCode:
    """As the app shows it, and the desk types or scans it."""

    code: str


GiftReference = ById | ByGiftCode
