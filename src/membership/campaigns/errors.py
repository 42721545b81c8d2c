"""Refusals about campaigns: their calendars, what their rules say, and the steps from draft to closed."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError
from membership.kernel.wording import moment_text

_NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _of_rule(rule: str | None) -> str:
    return "The calendar" if rule is None else f"Rule {rule}"


# ---- calendars


@dataclass(eq=False)
class NoSuchWeekday(DomainError):
    """A month of that year has no fifth such weekday."""

    code = "NO_SUCH_WEEKDAY"
    year: int
    month: int
    weekday: int
    nth: int

    @property
    def message(self) -> str:
        day = f"{_NTH[self.nth]} {_WEEKDAYS[self.weekday - 1]}"
        return f"{_MONTHS[self.month - 1]} {self.year} has no {day}. Say the last one (-1), or choose a date."


@dataclass(eq=False)
class LastDayBeforeFirst(DomainError):
    """The campaign would end before it begins."""

    code = "LAST_DAY_BEFORE_FIRST"
    field = "calendar"
    first_day: str
    last_day: str

    @property
    def message(self) -> str:
        return f"The last day, {self.last_day}, is before the first, {self.first_day}. Change one of the two rules."


@dataclass(eq=False)
class CampaignTooLong(DomainError):
    """A campaign is an occasion, with a number of days that can be looked at one by one."""

    code = "CAMPAIGN_TOO_LONG"
    field = "calendar"
    days: int
    most_days: int

    @property
    def message(self) -> str:
        return (
            f"The campaign would last {self.days} days; {self.most_days} is the most. "
            "Check the year of its dates, or make several campaigns of it."
        )


@dataclass(eq=False)
class NoSuchCampaignDay(DomainError):
    """The campaign has fewer days than the rule counts."""

    code = "NO_SUCH_CAMPAIGN_DAY"
    rule: str | None
    day: int
    days: int

    @property
    def message(self) -> str:
        return f"{_of_rule(self.rule)} names day {self.day} of a campaign that has {self.days}. Name a day it has."


@dataclass(eq=False)
class DayOutsideCampaign(DomainError):
    """A day by date that is none of the campaign's."""

    code = "DAY_OUTSIDE_CAMPAIGN"
    rule: str | None
    date: str
    first_day: str
    last_day: str

    @property
    def message(self) -> str:
        return (
            f"{_of_rule(self.rule)} names {self.date}, which is not between {self.first_day} and {self.last_day}. "
            "Choose one of those days."
        )


@dataclass(eq=False)
class NoDaysLeft(DomainError):
    """Blackout and the days of a rule leave no day on which it holds."""

    code = "NO_DAYS_LEFT"
    rule: str | None
    store: str

    @property
    def message(self) -> str:
        what = "the campaign" if self.rule is None else f"rule {self.rule}"
        return f"In {self.store} there is no day on which {what} holds. Take days out of the blackout, or name others."


@dataclass(eq=False)
class ClosesBeforeOpening(DomainError):
    """On its only or last day the campaign would close before it opens."""

    code = "CLOSES_BEFORE_OPENING"
    field = "calendar"
    store: str
    opens_at: str
    closes_at: str

    @property
    def message(self) -> str:
        opens, closes = moment_text(self.opens_at), moment_text(self.closes_at)
        return f"In {self.store} it would open at {opens} and close at {closes}. Change the times."


@dataclass(eq=False)
class DropTimeInDstGap(DomainError):
    """A time of day that does not exist on one of the days, because clocks skip it."""

    code = "DROP_TIME_IN_DST_GAP"
    rule: str | None
    store: str
    date: str
    time: str
    zone: str
    next_time: str

    @property
    def message(self) -> str:
        return (
            f"{_of_rule(self.rule)} names {self.time} on {self.date} in {self.store}, but in {self.zone} clocks skip "
            f"that time. Choose {self.next_time} or later, an earlier time, or another day."
        )


@dataclass(eq=False)
class WindowCrossesCutover(DomainError):
    """Daily hours that begin on one business day and end on the next."""

    code = "WINDOW_CROSSES_CUTOVER"
    rule: str | None
    store: str
    starts_at: str
    ends_at: str
    cutover: str

    @property
    def message(self) -> str:
        return (
            f"{_of_rule(self.rule)} holds from {self.starts_at} to {self.ends_at}, but in {self.store} a business day "
            f"ends at {self.cutover}. End the hours by then."
        )


# ---- what rules say


@dataclass(eq=False)
class FundingNotWhole(DomainError):
    """The shares of those who pay do not sum to 100 %."""

    code = "FUNDING_NOT_WHOLE"
    rule: str
    total_basis_points: int

    @property
    def message(self) -> str:
        percent = f"{self.total_basis_points // 100}.{self.total_basis_points % 100:02}"
        return f"The funding shares of rule {self.rule} sum to {percent} %. Let mall and brand together pay 100 %."


@dataclass(eq=False)
class OverlappingExclusiveGroups(DomainError):
    """Another campaign that is open at the same time in the same store uses the exclusive group."""

    code = "OVERLAPPING_EXCLUSIVE_GROUPS"
    exclusive_group: str
    rule: str
    store: str
    other_campaign: str
    other_rule: str

    @property
    def message(self) -> str:
        return (
            f"Rule {self.rule} and rule {self.other_rule} of {self.other_campaign} both use exclusive group "
            f"{self.exclusive_group} in {self.store} at the same time. Name another group, or change the dates."
        )


@dataclass(eq=False)
class UnknownCode(DomainError):
    """A rule names something that the programme, or a store of the campaign, does not have."""

    code = "UNKNOWN_CODE"
    rule: str | None
    kind: str
    named: str

    @property
    def message(self) -> str:
        who = "The campaign" if self.rule is None else f"Rule {self.rule}"
        return f"{who} names the {self.kind} {self.named}, which does not exist there. Check its code."


@dataclass(eq=False)
class DuplicateCode(DomainError):
    """Two things of a kind share a code within the campaign."""

    code = "DUPLICATE_CODE"
    kind: str
    named: str

    @property
    def message(self) -> str:
        return f"{self.named} is the code of more than one {self.kind}. Give each one a code of its own."


@dataclass(eq=False)
class ScopeHoldsNothing(DomainError):
    """All that a scope includes of a kind, it excludes too."""

    code = "SCOPE_HOLDS_NOTHING"
    rule: str
    kind: str

    @property
    def message(self) -> str:
        return f"Rule {self.rule} excludes every {self.kind} that it includes. Take one out of the exclusions."


@dataclass(eq=False)
class FaceAboveMinimumSpend(DomainError):
    """A coupon would take off more than the spend it takes."""

    code = "FACE_ABOVE_MINIMUM_SPEND"
    rule: str
    face_minor: int
    minimum_spend_minor: int

    @property
    def message(self) -> str:
        return f"Coupon {self.rule} takes off more than the spend it asks for. Raise the minimum or lower the face."


@dataclass(eq=False)
class DailyQuotaAboveQuota(DomainError):
    """More a day than there are in all."""

    code = "DAILY_QUOTA_ABOVE_QUOTA"
    rule: str
    quota_per_day: int
    quota: int

    @property
    def message(self) -> str:
        return f"Rule {self.rule} gives {self.quota_per_day} a day of {self.quota} in all. Lower the number a day."


@dataclass(eq=False)
class CampaignOver(DomainError):
    """The resolved dates lie in the past."""

    code = "CAMPAIGN_OVER"
    closes_at: str

    @property
    def message(self) -> str:
        return f"By these dates the campaign closed at {moment_text(self.closes_at)}. Choose dates that lie ahead."


@dataclass(eq=False)
class UnreadableDocument(DomainError):
    """A campaign's file cannot be read, or says what no campaign can say."""

    code = "UNREADABLE_DOCUMENT"
    field = "document"
    place: str
    problem: str

    @property
    def message(self) -> str:
        where = f" at {self.place}" if self.place else ""
        return f"The campaign's document is wrong{where}: {self.problem}. Correct it there, then send it again."


# ---- steps


@dataclass(eq=False)
class UnknownCampaign(DomainError):
    """No such campaign in the programmes that the caller works for."""

    code = "UNKNOWN_CAMPAIGN"

    @property
    def message(self) -> str:
        return "There is no such campaign. Reload the list and choose one of it."


@dataclass(eq=False)
class UnknownRevision(DomainError):
    """No such revision in the programmes that the caller works for."""

    code = "UNKNOWN_REVISION"

    @property
    def message(self) -> str:
        return "There is no such revision. Reload the campaign and choose one of it."


@dataclass(eq=False)
class CampaignCodeTaken(DomainError):
    """The programme has a campaign of that code."""

    code = "CAMPAIGN_CODE_TAKEN"
    field = "code"
    campaign: str

    @property
    def message(self) -> str:
        return f"There is a campaign {self.campaign} already. Choose another code, such as one with the year."


@dataclass(eq=False)
class CampaignStateForbids(DomainError):
    """The step does not follow from the state that the campaign, or its revision, is in."""

    code = "CAMPAIGN_STATE_FORBIDS"
    step: str
    state: str
    allowed: list[str]

    @property
    def message(self) -> str:
        ways = f"What can be done: {', '.join(self.allowed)}." if self.allowed else "Nothing can be done with it."
        return f"A campaign that is {self.state} does not take {self.step}. {ways}"


@dataclass(eq=False)
class StepReasonMissing(DomainError):
    """What is sent back, paused, ended or cancelled is so for a reason that can be read."""

    code = "STEP_REASON_MISSING"
    field = "reason"
    most_characters: int

    @property
    def message(self) -> str:
        return f"Say why, in 1 to {self.most_characters} characters. Whoever looks at the campaign later will need it."


@dataclass(eq=False)
class OwnApproval(DomainError):
    """Who wrote or submitted a revision approves it."""

    code = "OWN_APPROVAL"

    @property
    def message(self) -> str:
        return "You wrote or submitted this revision, so somebody else has to approve it. Ask another approver."


@dataclass(eq=False)
class FrozenRevision(DomainError):
    """A revision that was in force, or was given up, is edited."""

    code = "FROZEN_REVISION"
    field = "revisionId"
    number: int

    @property
    def message(self) -> str:
        return f"Revision {self.number} is frozen: it never changes. Make a new revision of the campaign."


@dataclass(eq=False)
class DraftChangedMeanwhile(DomainError):
    """Somebody else edited the draft since it was read."""

    code = "DRAFT_CHANGED_MEANWHILE"
    field = "expectedVersion"
    expected_version: int
    version: int

    @property
    def message(self) -> str:
        return (
            f"You edited version {self.expected_version} of this draft, but it is at version {self.version} by now. "
            "Reload it, then make your changes again."
        )


@dataclass(eq=False)
class CampaignNotOpened(DomainError):
    """Only what has opened can end."""

    code = "CAMPAIGN_NOT_OPENED"
    opens_at: str

    @property
    def message(self) -> str:
        return f"The campaign opens at {moment_text(self.opens_at)}, so there is nothing to end. Cancel it instead."


@dataclass(eq=False)
class CampaignHasOpened(DomainError):
    """What has opened is not undone."""

    code = "CAMPAIGN_HAS_OPENED"
    opened_at: str

    @property
    def message(self) -> str:
        since = moment_text(self.opened_at)
        return f"The campaign has been open since {since}: members hold its coupons and gifts. End it early."


@dataclass(eq=False)
class CampaignHasEnded(DomainError):
    """The campaign's last store has closed."""

    code = "CAMPAIGN_HAS_ENDED"
    closed_at: str

    @property
    def message(self) -> str:
        return f"The campaign ended at {moment_text(self.closed_at)}. All that is left is to settle and close it."


@dataclass(eq=False)
class CampaignNotEnded(DomainError):
    """A campaign is settled after its end."""

    code = "CAMPAIGN_NOT_ENDED"
    closes_at: str

    @property
    def message(self) -> str:
        return f"The campaign ends at {moment_text(self.closes_at)}. Settle it after that, or end it early."


@dataclass(eq=False)
class TooEarlyForTier(DomainError):
    """Booking for that time of a campaign opens by tier, and to the member's tier it has not opened yet."""

    code = "TOO_EARLY_FOR_TIER"
    field = "startsAt"
    retryable = True
    service: str
    tier: str
    opens_at: str
    open_to_others: bool

    @property
    def message(self) -> str:
        opens = moment_text(self.opens_at)
        return f"{self.service} at that time can be booked by {self.tier} members from {opens} on. Come back then."


@dataclass(eq=False)
class BookingNotForTier(DomainError):
    """Booking for that time of a campaign is never open to the member's tier."""

    code = "BOOKING_NOT_FOR_TIER"
    field = "startsAt"
    service: str
    tier: str

    @property
    def message(self) -> str:
        return f"{self.service} at that time is kept for other tiers than {self.tier}. Choose another day."


@dataclass(eq=False)
class BookingPaused(DomainError):
    """The campaign of that time is paused, so nothing is booked on its days. What is booked stays booked."""

    code = "BOOKING_PAUSED"
    field = "startsAt"
    retryable = True
    service: str
    campaign: str

    @property
    def message(self) -> str:
        return (
            f"{self.service} at that time cannot be booked while {self.campaign} is paused; what is booked stays "
            "booked. Choose another day, or try again later."
        )
