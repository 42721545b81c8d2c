"""What a campaign says, as GraphQL types and inputs, both made of `campaigns.content`."""

from membership.campaigns import content
from membership.campaigns.content import CampaignContent, EarnStacking, ReturnedUnits, StackingPolicy, ThresholdPer
from membership.graph.kit.document_types import DocumentTypes, members_of
from membership.graph.kit.enums import describe_enum

describe_enum(
    EarnStacking,
    "How an earn rule goes together with others.",
    {
        EarnStacking.ADD: "On top of all else.",
        EarnStacking.HIGHEST: "Of all rules that say so, a line gets the one that gives it most.",
    },
)
describe_enum(
    StackingPolicy,
    "Which of a group's coupons a receipt takes.",
    {
        StackingPolicy.STACKABLE: "All of them.",
        StackingPolicy.BEST_FOR_MEMBER: "The one that is best for the member.",
        StackingPolicy.FIRST: "The first by priority.",
    },
)
describe_enum(
    ReturnedUnits,
    "What becomes of a gift's unit that was forfeited, cancelled or brought back.",
    {
        ReturnedUnits.SAME_POOL: "It goes back to its pool.",
        ReturnedUnits.NEXT_DAY: "It goes to the pool of the next day.",
        ReturnedUnits.VOID: "It is not given any more.",
    },
)
describe_enum(
    ThresholdPer,
    "Whether more spend gives more gifts.",
    {
        ThresholdPer.ONCE: "One gift a day, however much is spent.",
        ThresholdPer.PER_AMOUNT: "One gift for each full amount.",
    },
)

TYPES = DocumentTypes(
    module=__name__,
    # In the whole schema a bare name would say too little, or belongs to what members hold.
    names={
        content.Calendar: "CampaignCalendar",
        content.Scope: "RuleScope",
        content.Multiple: "PointsMultiple",
        content.ByCode: "IssuedByCode",
        content.CouponOffer: "CouponRule",
        content.GiftOffer: "GiftRule",
        content.GiftPool: "GiftRulePool",
        content.Collection: "GiftCollection",
        content.BookingWindow: "BookingRule",
    },
    unions={
        members_of(content.FirstDay): "FirstDay",
        members_of(content.LastDay): "LastDay",
        members_of(content.DayRule): "DayRule",
        members_of(content.EarnEffect): "EarnEffect",
        members_of(content.CouponFace): "CouponFace",
        members_of(content.CouponIssue): "CouponIssue",
        members_of(content.Rule): "CampaignRule",
    },
)

CONTENT = TYPES.output(CampaignContent)
CONTENT_INPUT = TYPES.input(CampaignContent)
RULE = TYPES.output_union(members_of(content.Rule))
CALENDAR_INPUT = TYPES.input(content.Calendar)
