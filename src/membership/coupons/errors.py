"""Refusals about coupons."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError
from membership.kernel.wording import moment_text


@dataclass(eq=False)
class UnknownOffer(DomainError):
    """No such coupon offer that this caller may see."""

    code = "UNKNOWN_OFFER"
    field = "offerId"

    @property
    def message(self) -> str:
        return "There is no such coupon offer. Reload the list of offers."


@dataclass(eq=False)
class OfferNotStarted(DomainError):
    """The offer opens later, for this member's tier."""

    code = "OFFER_NOT_STARTED"
    field = "offerId"
    opens_at: str

    @property
    def message(self) -> str:
        return f"This coupon can be had from {moment_text(self.opens_at)} on. Come back then."


@dataclass(eq=False)
class OfferEnded(DomainError):
    """The offer is over."""

    code = "OFFER_ENDED"
    field = "offerId"
    closed_at: str

    @property
    def message(self) -> str:
        closed_at = moment_text(self.closed_at)
        return f"This offer closed at {closed_at}. Coupons that were issued before keep their own validity."


@dataclass(eq=False)
class OfferPaused(DomainError):
    """The offer issues nothing for the moment."""

    code = "OFFER_PAUSED"
    field = "offerId"

    @property
    def message(self) -> str:
        return "This offer is paused, so no coupon is issued now. Coupons that were issued before can be used."


@dataclass(eq=False)
class OfferInBlackout(DomainError):
    """The campaign leaves this day out."""

    code = "OFFER_IN_BLACKOUT"
    field = "offerId"
    business_date: str

    @property
    def message(self) -> str:
        return f"On {self.business_date} the campaign takes a break. Come back on another of its days."


@dataclass(eq=False)
class OfferClosedToday(DomainError):
    """The offer holds on other days of the campaign."""

    code = "OFFER_CLOSED_TODAY"
    field = "offerId"
    business_date: str

    @property
    def message(self) -> str:
        return f"This coupon is not issued on {self.business_date}. Look at the offer for its days."


@dataclass(eq=False)
class OfferOutsideHours(DomainError):
    """The offer holds at other hours of the day."""

    code = "OFFER_OUTSIDE_HOURS"
    field = "offerId"
    from_time: str
    until_time: str

    @property
    def message(self) -> str:
        return f"This coupon is issued from {self.from_time} to {self.until_time} (store time). Come back then."


@dataclass(eq=False)
class NotEligibleForOffer(DomainError):
    """The offer is not for members of this tier."""

    code = "NOT_ELIGIBLE_FOR_OFFER"
    field = "offerId"
    tier: str
    tiers: list[str]
    excluded_tiers: list[str]

    @property
    def message(self) -> str:
        if self.tiers:
            return f"This offer is for {', '.join(self.tiers)}; the member is {self.tier}."
        return f"This offer is not for {', '.join(self.excluded_tiers)}; the member is {self.tier}."


@dataclass(eq=False)
class OfferSoldOut(DomainError):
    """The quota of the offer, or of the day, is used up."""

    code = "OFFER_SOLD_OUT"
    field = "offerId"
    of_the_day: bool

    @property
    def message(self) -> str:
        if self.of_the_day:
            return "Today's coupons are all gone. There are new ones on the next day of the campaign."
        return "The coupons of this offer are all gone."


@dataclass(eq=False)
class CouponLimitReached(DomainError):
    """The member had as many coupons of the offer as one may have in the campaign."""

    code = "COUPON_LIMIT_REACHED"
    field = "offerId"
    most: int

    @property
    def message(self) -> str:
        return f"A member may have {self.most} of these coupons in the campaign, and this one had them all."


@dataclass(eq=False)
class WrongChannel(DomainError):
    """The offer is issued in another way than this."""

    code = "WRONG_CHANNEL"
    field = "offerId"
    channel: str

    @property
    def message(self) -> str:
        ways = {
            "TO_ALL": "Every eligible member has it already.",
            "CLAIM": "Claim it in the app.",
            "POINTS": "Buy it with points.",
            "CODE": "Enter the code.",
        }
        return f"This coupon is not issued in this way. {ways.get(self.channel, '')}".strip()


@dataclass(eq=False)
class CodeNotAccepted(DomainError):
    """A code that is wrong or was used before; which of the two is not said."""

    code = "CODE_NOT_ACCEPTED"
    field = "code"

    @property
    def message(self) -> str:
        return "This code cannot be redeemed. Check each character; a code is good once."


@dataclass(eq=False)
class UnknownCoupon(DomainError):
    """No such coupon that this caller may see."""

    code = "UNKNOWN_COUPON"
    field = "couponId"

    @property
    def message(self) -> str:
        return "There is no such coupon. Reload the member's coupons."


@dataclass(eq=False)
class CouponHeldElsewhere(DomainError):
    """A till holds the coupon for a quote."""

    code = "COUPON_HELD_ELSEWHERE"
    retryable = True
    field = "couponId"

    @property
    def message(self) -> str:
        return "A till holds this coupon for a sale at this moment. Try again when that is paid, or in two minutes."


@dataclass(eq=False)
class CouponNotOpen(DomainError):
    """The coupon was used, withdrawn, or its time is over."""

    code = "COUPON_NOT_OPEN"
    field = "couponId"
    state: str

    @property
    def message(self) -> str:
        return f"This coupon is {self.state.lower()}, so nothing can be done with it."


_WHY_NOT_THERE = {
    "COUPON_NOT_YET_VALID": "is not valid yet by then",
    "COUPON_EXPIRED": "is not valid any more by then",
    "WRONG_STORE": "does not hold in that store",
    "NOTHING_IN_SCOPE": "is not taken at that counter",
    "BLACKOUT": "does not hold on that day",
    "NOT_THIS_DAY": "does not hold on that day",
    "OUTSIDE_DAILY_WINDOW": "does not hold at that hour",
}


@dataclass(eq=False)
class CouponNotForVisit(DomainError):
    """No till would take the coupon at that counter and time, whatever is bought."""

    code = "COUPON_NOT_FOR_VISIT"
    field = "appointmentId"
    reasons: list[str]

    @property
    def message(self) -> str:
        said = [text for reason, text in _WHY_NOT_THERE.items() if reason in self.reasons]
        return f"This coupon {' and '.join(dict.fromkeys(said))}. Choose another appointment, or another coupon."


@dataclass(eq=False)
class QuotaBelowIssued(DomainError):
    """A revision would lower a quota below what is issued already."""

    code = "QUOTA_BELOW_ISSUED"
    field = "quota"

    @property
    def message(self) -> str:
        return "More coupons of an offer are issued than its new quota allows. Raise the quota, or pause the campaign."


@dataclass(eq=False)
class QuotaOnOfferToAll(DomainError):
    """What every eligible member gets cannot run out."""

    code = "QUOTA_ON_OFFER_TO_ALL"
    field = "quota"
    offer: str

    @property
    def message(self) -> str:
        return (
            f"{self.offer} goes to every eligible member, so it can have no quota. "
            "Take the quota away, or let members claim the coupon."
        )


@dataclass(eq=False)
class QuotaFrozen(DomainError):
    """A revision would give an offer in force another kind of quota, or another limit for what is contested."""

    code = "QUOTA_FROZEN"
    field = "quota"
    offer: str

    @property
    def message(self) -> str:
        return (
            f"{self.offer} is in force: its quota may get another number, but not come or go, and the limit per member "
            "of an offer with a quota stays. Make another offer of it."
        )


@dataclass(eq=False)
class TooManyCodes(DomainError):
    """More codes, or longer ones, than one request may make."""

    code = "TOO_MANY_CODES"
    field = "count"
    most: int

    @property
    def message(self) -> str:
        return f"One request makes or imports between 1 and {self.most} codes. Send several requests."


@dataclass(eq=False)
class UnusableCode(DomainError):
    """A code that nobody could type, or that stands twice in the file."""

    code = "UNUSABLE_CODE"
    field = "codes"
    position: int
    most_characters: int

    @property
    def message(self) -> str:
        return (
            f"Code number {self.position} is empty, repeated, longer than {self.most_characters} characters or holds "
            "other characters than letters, digits, spaces and hyphens. Correct the file and send it again."
        )


@dataclass(eq=False)
class CodeTaken(DomainError):
    """Codes that were imported before."""

    code = "CODE_TAKEN"
    field = "codes"
    taken: int

    @property
    def message(self) -> str:
        return f"{self.taken} of these codes exist already, so none was imported. Leave them out of the file."
