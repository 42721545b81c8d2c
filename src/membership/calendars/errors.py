"""Refusals about calendars."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError


@dataclass(eq=False)
class UnknownCalendarFeed(DomainError):
    """No such feed that this caller may take back."""

    code = "UNKNOWN_CALENDAR_FEED"
    field = "feed"

    @property
    def message(self) -> str:
        return "There is no such calendar address here. Load the addresses again and choose one of them."


@dataclass(eq=False)
class UnknownAssociate(DomainError):
    """Nobody of that id serves at the caller's counter."""

    code = "UNKNOWN_ASSOCIATE"
    field = "associate"

    @property
    def message(self) -> str:
        return "Nobody at this counter is known by that. Name an associate of your counter who takes appointments."
