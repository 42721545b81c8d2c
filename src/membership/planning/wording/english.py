"""In English."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    # Points of a sale.
    "NO_MEMBER": "No member was named, so the receipt earned nothing. It can be added within a few days.",
    "BRAND_GIVES_NO_POINTS": "{brand} gives no points.",
    "CATEGORY_GIVES_NO_POINTS": "{category} gives no points.",
    "BRAND_DOES_NOT_COUNT_FOR_TIER": "Purchases of {brand} do not count towards the tier.",
    "CATEGORY_DOES_NOT_COUNT_FOR_TIER": "Purchases of {category} do not count towards the tier.",
    "TENDER_EARNS_IN_PART": "What was paid by {tender} counts in part only.",
    "PAID_WITH_POINTS": "What was paid with points earns none.",
    "BELOW_ONE_POINT": "The amount is too small for a whole point.",
    "TIER_MULTIPLE": "The tier {tier} earns more than the plain rate.",
    "BIRTHDAY_MULTIPLE": "It was near the member's birthday, so there were more points.",
    "NOT_NEAR_BIRTHDAY": "It was not near the member's birthday.",
    "BIRTHDAY_UNKNOWN": "The member's birthday is not known, so its extra points are not given.",
    # Campaign rules and coupons.
    "RULE_APPLIES": "“{rule_names}” applies.",
    "NOT_STARTED": "“{campaign_names}” had not started: it opens on {opens_at}.",
    "ENDED": "“{campaign_names}” was over: it ended on {closes_at}.",
    "PAUSED": "“{campaign_names}” was paused at that moment.",
    "BLACKOUT": "{on} is left out of “{rule_names}”.",
    "OUTSIDE_DAILY_WINDOW": "“{rule_names}” holds at certain hours only, and this was outside of them.",
    "NOT_THIS_DAY": "“{rule_names}” does not hold on {on}; it holds on {days}.",
    "TIER_NOT_ELIGIBLE": "“{rule_names}” is not for the tier {tier}. It is for {tiers}.",
    "WRONG_STORE": "“{rule_names}” does not hold in this store.",
    "NOTHING_IN_SCOPE": "“{rule_names}” is not for what was bought: the receipt has {bought}.",
    "BELOW_MINIMUM_SPEND": "{missing_minor} were missing to the minimum spend of “{rule_names}”.",
    "MEMBER_CAP_REACHED": "The member has had as many points of “{rule_names}” as it gives to one person.",
    "ANOTHER_RULE_GIVES_MORE": "Another offer gave more than “{rule_names}”, and only the best counts.",
    "COUPON_APPLIES": "“{rule_names}” was used: {discount_minor} off.",
    "COUPON_HELD_ELSEWHERE": "The coupon “{rule_names}” was being used at another till at that moment.",
    "COUPON_NOT_YET_VALID": "The coupon “{rule_names}” was not valid yet: it is from {valid_from} on.",
    "COUPON_EXPIRED": "The coupon “{rule_names}” had expired: it was valid until {valid_until}.",
    "COUPON_NOT_USABLE": "The coupon “{rule_names}” was used up or taken back already.",
    "ANOTHER_COUPON_IS_BETTER": (
        "Another coupon was better for the member than “{rule_names}”, and they do not combine."
    ),
    "ANOTHER_COUPON_GOES_FIRST": "Another coupon goes before “{rule_names}”, and they do not combine.",
    "AMOUNT_USED_ALREADY": "The amount was used for another offer already, and counts once.",
    "CHOICE_NOT_PROVEN_BEST": "There were very many coupons; the best choice found was taken.",
    # A sale's story.
    "SOLD": "Receipt {number} of {on} at {store_names}: {net_minor}.",
    "EARNED_AT_PLAIN_RATE": "{points} points at the plain rate.",
    "EARNED_MULTIPLE": "{points} more points by “{rule_names}”, which gives {times_basis_points} times the plain rate.",
    "EARNED_BONUS": "{points} more points by “{rule_names}”.",
    "EARNED_BY_STANDING_RULE": "{points} more points by the programme's rule {rule_code}.",
    "POINTS_SPENT": "{points} points were spent on it.",
    "SALE_VOIDED": "The receipt was voided the same day, and all of this was undone.",
    "SALE_RETURNED": "{returned_minor} of it came back, and the points of that were taken back.",
    "POSTED_WITH_FAULT": "It was posted although something was wrong: {fault}.",
    # Whether an offer is there.
    "NO_SUCH_OFFER_THEN": "“{rule_names}” was no part of the campaign at that moment.",
    "NOT_APPROVED": "“{campaign_names}” was not approved at that moment.",
    "CANCELLED": "“{campaign_names}” was cancelled.",
    "ENDED_EARLY": "“{campaign_names}” was ended early.",
    "EARLIER_FOR_TIER": "For the tier {tier} it opened earlier, on {opens_at}.",
    "OFFER_OPEN": "“{rule_names}” was on offer to the member then.",
    # A coupon's story.
    "COUPON_NEVER_ISSUED": "The member never had the coupon “{rule_names}”.",
    "COUPON_ISSUED": "The member has had the coupon “{rule_names}” since {issued_at}; it is valid until {valid_until}.",
    "COUPON_RESERVED": "It is held for a till until {held_until}.",
    "COUPON_REDEEMED": "It was used on {redeemed_at}.",
    "COUPON_GIVEN_BACK": "The purchase came back, and so did the coupon.",
    "COUPON_VOIDED": "It was taken back on {voided_at}.",
    "COUPONS_ALL_TAKEN": "All {units} coupons “{rule_names}” were taken.",
    "COUPON_NOT_SHOWN": "The till did not ask for the coupon “{rule_names}”.",
    "COUPON_WAS_USABLE": "The coupon “{rule_names}” could be used then.",
    # A gift's story.
    "GIFT_NOT_DROPPED": "“{rule_names}” can be claimed from {drops_at} on.",
    "GIFT_DAY_OVER": "“{rule_names}” of {on} could be claimed until {closes_at}.",
    "SOLD_OUT": "All {units} of “{rule_names}” for {on} were given out; the last one on {sold_out_at}.",
    "ALL_HELD": "All that was left of “{rule_names}” was being claimed by others at that moment.",
    "MEMBER_LIMIT_DAY": "The member had “{rule_names}” on that day already; a member gets {limit} a day.",
    "MEMBER_LIMIT_CAMPAIGN": "The member had “{rule_names}” {had} times; a member gets {limit} in the campaign.",
    "BELOW_THRESHOLD": "{missing_minor} of that day's spend were missing: “{rule_names}” takes {minimum_minor}.",
    "THRESHOLD_REACHED": "The day's spend of {spent_minor} is enough for “{rule_names}”.",
    "GIFT_AVAILABLE": "“{rule_names}” could be claimed: {left} of {units} were left.",
    "GIFT_NEVER_CLAIMED": "The member did not claim “{rule_names}”.",
    "GIFT_CLAIMED": "The member claimed “{rule_names}” on {claimed_at}, to be collected by {collect_until}.",
    "GIFT_READY": "It was made ready on {at}.",
    "GIFT_COLLECTED": "It was handed over on {at}.",
    "GIFT_FORFEITED": "It was not collected in time and went back on {at}.",
    "GIFT_CANCELLED_BY_MEMBER": "The member gave it up on {at}.",
    "GIFT_CANCELLED_BY_RETURN": "What it was given for came back, so it was cancelled on {at}.",
    "GIFT_CLAWBACK_DUE": "After a return that day's spend no longer covers it: since {at} it is to be brought back.",
    "GIFT_COVERED_AGAIN": "Since {at} that day's spend covers it again, and the member keeps it.",
    "GIFT_BROUGHT_BACK": "It was brought back on {at}.",
    "GIFT_WAIVED": "On {at} member services let the member keep it.",
    # What a forecast takes for granted.
    "RECORDED_FACTS": "Every receipt is decided again on its recorded facts: coupons held, points had, tier of then.",
    "DAYS_STAND_FOR_THEMSELVES": "Every past day stands for itself.",
    "DAYS_PAIRED_IN_ORDER": "The k-th day of the past campaign stands for the k-th day of the draft.",
    "DAYS_PAIRED_BY_WEEKDAY": "Each past day stands for a day of the draft that falls on the same weekday.",
    "FIRST_DAYS_PAIRED": "{past_day} stands for {draft_day}, and the days after it one by one for the days after that.",
    "DAYS_UNUSED": "{days} past days stand for no day of the draft and are left out.",
    "DAYS_WITHOUT_RECEIPTS": "For {days} days of the draft there is no past day: they see no receipts.",
    "SAME_SHOPPING": "Members buy the same as then, at the same time of the day; the draft draws nobody in.",
    "TERMS_OF_THE_RECEIPT": "Earn rates, tier and birthday are those of the receipt.",
    "OTHER_CAMPAIGNS_LEFT_OUT": "Other campaigns of then and now are left out.",
    "VOIDED_LEFT_OUT": "Voided receipts are left out.",
    "RETURNS_NOT_FORESEEN": "Nothing comes back: points, discounts and gifts of later returns are included.",
    "TIERS_OF_TODAY": (
        "How many members are eligible, and which tier those of past drops had, is told by the tiers of today: asked "
        "again when members have joined or tiers have changed, the answer may differ."
    ),
    "VIRTUAL_WALLETS": (
        "Members hold the draft's coupons from its opening for their tier, or from reaching the tier; each is used "
        "on the first receipt on which the engine applies it."
    ),
    "COUPON_TAKE_UP": (
        "{percent} % of the eligible members take a coupon that has to be claimed or bought; who they are is drawn "
        "by lot."
    ),
    "CODES_NOT_FORESEEN": "Coupons by code are not foreseen: nobody knows whom the codes will reach.",
    "PAYMENT_SCALED": "Means of payment keep their proportions when a coupon changes what is due.",
    "ARRIVALS_LEARNED": (
        "Arrivals at a drop are learned from {claims} claims in {drops} drops of campaigns that are over: "
        "{rush_percent} % of the eligible members wait for it, with a mean delay of {rush_delay_seconds} s; "
        "{later_percent} % come from ten minutes after it on, with a mean delay of {later_delay_minutes} min; other "
        "shares by tier."
    ),
    "ARRIVALS_BY_DEFAULT": (
        "There are no past drops to learn from. Taken for granted: {rush_percent} % of the eligible members wait for "
        "a drop, with a mean delay of {rush_delay_seconds} s; {later_percent} % come from ten minutes after it on, "
        "with a mean delay of {later_delay_minutes} min."
    ),
    "GIFTS_AT_THE_THRESHOLD": "Whoever reaches a gift's threshold claims it at once, in a pool drawn by lot.",
    "GIFT_LIMIT_IN_EXPECTATION": "How many members have had as many gifts as they may is followed in expectation.",
    "GIFTS_NOT_RETURNED": "Every claimed gift is collected: no unit goes back to a pool.",
    "POINTS_VALUED": (
        "Points cost what they are worth when spent: {value_minor} for {block_points}, more for some tiers."
    ),
    "POINTS_WITHOUT_VALUE": "Points cannot be spent in this programme and cost nothing here.",
    "BRAND_SHARE_OF_GIFTS": (
        "The brands' share of a gift is spread over the brands whose sales earned it, or borne by the brand of its "
        "desk."
    ),
}
