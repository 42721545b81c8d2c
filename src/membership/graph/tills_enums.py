"""The closed lists that a till is told from, described."""

from membership.campaigns.model import Reason
from membership.graph.enums import describe_enum
from membership.receipts.model import ReturnKind, SaleException

describe_enum(
    Reason,
    "Why something earned nothing, or otherwise than at the plain rate.",
    {
        Reason.NO_MEMBER: "The customer was not identified.",
        Reason.BRAND_GIVES_NO_POINTS: "The brand gives no points.",
        Reason.CATEGORY_GIVES_NO_POINTS: "The category gives no points.",
        Reason.BRAND_DOES_NOT_COUNT_FOR_TIER: "Spend at the brand does not count for the tier.",
        Reason.CATEGORY_DOES_NOT_COUNT_FOR_TIER: "Spend on the category does not count for the tier.",
        Reason.TENDER_EARNS_IN_PART: "What is paid with this tender earns in part, or not at all.",
        Reason.PAID_WITH_POINTS: "What is paid with points earns none.",
        Reason.BELOW_ONE_POINT: "The spend is too small for a point.",
        Reason.TIER_MULTIPLE: "The member's tier earns a multiple.",
        Reason.BIRTHDAY_MULTIPLE: "The member earns a multiple around the birthday.",
        Reason.NOT_NEAR_BIRTHDAY: "It is not near the member's birthday.",
        Reason.BIRTHDAY_UNKNOWN: "The member's birthday is not known.",
        Reason.RULE_APPLIES: "A rule of a campaign applies.",
        Reason.NOT_STARTED: "The campaign has not begun.",
        Reason.ENDED: "The campaign is over.",
        Reason.PAUSED: "The campaign is paused.",
        Reason.BLACKOUT: "The day is left out of the campaign or the offer.",
        Reason.OUTSIDE_DAILY_WINDOW: "It is not within the hours of the rule.",
        Reason.NOT_THIS_DAY: "The rule holds on other days.",
        Reason.TIER_NOT_ELIGIBLE: "The rule is not for the member's tier.",
        Reason.WRONG_STORE: "The rule does not hold in this store.",
        Reason.NOTHING_IN_SCOPE: "No line is of a floor, brand, category or counter that the rule is for.",
        Reason.BELOW_MINIMUM_SPEND: "The spend that counts is below the minimum; `missing` says by how much.",
        Reason.MEMBER_CAP_REACHED: "The rule has given the member all that it may.",
        Reason.ANOTHER_RULE_GIVES_MORE: "Of rules that exclude each other, another one gives more.",
        Reason.COUPON_APPLIES: "The coupon takes something off.",
        Reason.COUPON_HELD_ELSEWHERE: "The coupon is held by a quote of another till.",
        Reason.COUPON_NOT_YET_VALID: "The coupon is not valid yet.",
        Reason.COUPON_EXPIRED: "The coupon's time is over.",
        Reason.COUPON_NOT_USABLE: "The coupon was used, withdrawn, or is not the member's.",
        Reason.ANOTHER_COUPON_IS_BETTER: "Of coupons that exclude each other, another one takes more off.",
        Reason.AMOUNT_USED_ALREADY: "The amount counts for another coupon of the same exclusive group.",
    },
)
describe_enum(
    SaleException,
    "A loyalty fault that did not stop a paid receipt from being posted.",
    {
        SaleException.MEMBER_NOT_IDENTIFIED: "The member was not found; the receipt can be credited later.",
        SaleException.CARD_IS_BLOCKED: "The card is blocked: it earned, but did not spend.",
        SaleException.QUOTE_UNKNOWN: "There is no such quote at this till.",
        SaleException.QUOTE_EXPIRED: "The quote had lapsed.",
        SaleException.QUOTE_COMMITTED: "The quote was used for another receipt.",
        SaleException.QUOTE_ABANDONED: "The quote was abandoned before.",
        SaleException.NUMBERS_CHANGED: "The numbers differ from those of the quote.",
        SaleException.PAYMENT_CARD_MASKED: "A payment-card number was masked in a text.",
        SaleException.POINTS_VALUE_DIFFERS: "The till granted another amount for the points than they are worth.",
        SaleException.SPENDING_NEEDS_MEMBER: "Points were to be spent without a member.",
        SaleException.SPENDING_NOT_CONFIRMED: "Points were to be spent without a code or confirmation.",
        SaleException.REDEMPTION_NOT_OFFERED: "Points cannot be spent in this programme.",
        SaleException.POINTS_NOT_IN_BLOCKS: "The points were no multiple of a block, or below the minimum.",
        SaleException.SHORT_BALANCE: "Fewer points were available than were to be spent.",
        SaleException.MEMBER_IN_DEBT: "Nothing can be spent before a debt of points is earned back.",
        SaleException.POINTS_EXCEED_TOTAL: "The points were worth more than the basket.",
        SaleException.COUPON_NOT_APPLIED: "A coupon that was named takes nothing off; `because` says why.",
        SaleException.COUPON_NOT_REDEEMED: "A coupon had been used, withdrawn or reserved elsewhere meanwhile.",
        SaleException.DISCOUNT_DIFFERS: "The till granted another amount for the coupons than they take off.",
    },
)
describe_enum(
    ReturnKind,
    "How something came back.",
    {
        ReturnKind.VOID: "The whole sale was undone on its business day.",
        ReturnKind.RETURN: "Lines were returned.",
        ReturnKind.EXCHANGE: "Lines were returned and others bought.",
    },
)
