"""Refusals of planning."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError


@dataclass(eq=False)
class PeriodOutOfOrder(DomainError):
    """The period to replay ends before it begins."""

    code = "PERIOD_OUT_OF_ORDER"
    field = "period"
    first: str
    last: str

    @property
    def message(self) -> str:
        return f"The period begins on {self.first} and ends on {self.last}. Name the earlier day first."


@dataclass(eq=False)
class PeriodNotOver(DomainError):
    """The period to replay is not over, so that its receipts are not all there."""

    code = "PERIOD_NOT_OVER"
    field = "period"
    last: str
    today: str

    @property
    def message(self) -> str:
        return f"The period ends on {self.last}, and today is {self.today}. Choose days that are over."


@dataclass(eq=False)
class PeriodTooLong(DomainError):
    """The period to replay is longer than a year."""

    code = "PERIOD_TOO_LONG"
    field = "period"
    days: int
    most_days: int

    @property
    def message(self) -> str:
        return f"The period has {self.days} days; at most {self.most_days} can be replayed. Choose a shorter one."


@dataclass(eq=False)
class PastCampaignNeverOpened(DomainError):
    """The campaign whose days are to be replayed was never in force in a store of the draft."""

    code = "PAST_CAMPAIGN_NEVER_OPENED"
    field = "period"
    campaign: str

    @property
    def message(self) -> str:
        return f"Campaign {self.campaign} was never open in a store of the draft. Choose another one, or give dates."
