"""What planners see and say of a service: its names, its rules, who and what serves it."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date, time

import strawberry
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

import membership.graph.appointments.enums  # noqa: F401 - describes the kinds used below
from membership.appointments import model
from membership.appointments.errors import InvalidDiaryEntry
from membership.appointments.model import ResourceId, ResourceKind, ServiceId, ServiceRules
from membership.graph.kit.cost import many
from membership.graph.kit.document_types import LocalisedName, LocalisedNameInput
from membership.graph.kit.relay import global_id, key_of, read_global_id
from membership.graph.operations.faults import bad_user_input
from membership.graph.tills.inputs import KEY
from membership.stores.model import CounterId, Names, OpeningHours

_WHERE_IT_LIES = "A closing time at or before the opening time lies on the next day."
Span = tuple[time, time]


def resource_id_of(kind: ResourceKind, resource_id: ResourceId) -> strawberry.ID:
    """An associate is one whoever asks; rooms and places are told to planners only."""
    return global_id("Associate" if kind is ResourceKind.ASSOCIATE else "Room", resource_id)


def resource_key(resource_id: strawberry.ID) -> ResourceId:
    type_name, key = read_global_id(resource_id)
    if type_name not in ("Associate", "Room"):
        raise bad_user_input(f"An id of an associate or a room is expected here, not of {type_name}.")
    return ResourceId(key)


def names_of(names: Sequence[LocalisedNameInput]) -> Names:
    """Raises InvalidDiaryEntry."""
    _check_once("names", [entry.locale for entry in names], "a name in each language")
    return {entry.locale: entry.name for entry in names}


def _check_once(entry: str, said: Iterable[Hashable], allowed: str) -> None:
    """Of two the first would be lost without a word. Raises InvalidDiaryEntry."""
    twice = next((value for value, number in Counter(said).items() if number > 1), None)
    if twice is not None:
        raise InvalidDiaryEntry(entry, f"there is {allowed}, and {twice} is said twice")


def shown_names(names: Names) -> list[LocalisedName]:
    return [LocalisedName(locale=locale, name=name) for locale, name in names.items()]


@strawberry.type(description="When a service is given on a weekday.")
class WeekdayHours:
    weekday: int = strawberry.field(description="By ISO: 1 is Monday, 7 is Sunday.")
    opens_at: time | None = strawberry.field(description="From when; null: not on this weekday.")
    closes_at: time | None = strawberry.field(description=f"Until when. {_WHERE_IT_LIES}")


@strawberry.type(description="When a service is given on one day, whatever its weekday says.")
class DayHours:
    day: date = strawberry.field(description="The day.")
    opens_at: time | None = strawberry.field(description="From when; null: not on this day.")
    closes_at: time | None = strawberry.field(description=f"Until when. {_WHERE_IT_LIES}")


@strawberry.type(description="A service's own hours, within those of the store.")
class ServiceHours:
    weekdays: list[WeekdayHours] = strawberry.field(
        description="By weekday; on those that are left out it is not given."
    )
    exceptions: list[DayHours] = strawberry.field(description="Days that are different.", directives=many(366))


@strawberry.type(description="What a planner has said of a service, beside what everybody sees of it.")
class ServiceSetup:
    names: list[LocalisedName] = strawberry.field(description="Its names.")
    hours: ServiceHours | None = strawberry.field(description="Its own hours; null: those of the store.")
    offer_minutes: int = strawberry.field(description="How long a place is kept for a member who waited for it.")
    no_show_limit: int | None = strawberry.field(
        description="Who did not come, or cancelled late, so often asks staff to book; null: nobody has to."
    )
    no_show_days: int = strawberry.field(description="For how many days that is remembered.")
    reminder_minutes: list[int] = strawberry.field(
        description="How long before its start members are reminded of it, each time; none: never."
    )
    associate_ids: list[strawberry.ID] = strawberry.field(description="Who is skilled.")
    room_ids: list[strawberry.ID] = strawberry.field(description="The rooms that fit.")


@strawberry.input(description="When a service is given on a weekday. A weekday that is left out: it is not.")
class WeekdayHoursInput:
    weekday: int = strawberry.field(description="By ISO: 1 is Monday, 7 is Sunday.")
    opens_at: time = strawberry.field(description="From when.")
    closes_at: time = strawberry.field(description=f"Until when. {_WHERE_IT_LIES}")


@strawberry.input(description="A day that is different.")
class DayHoursInput:
    day: date = strawberry.field(description="The day.")
    opens_at: time | None = strawberry.field(default=None, description="From when; absent: not on this day.")
    closes_at: time | None = strawberry.field(default=None, description=f"Until when. {_WHERE_IT_LIES}")


@strawberry.input(description="A service's own hours, within those of the store.")
class ServiceHoursInput:
    weekdays: list[WeekdayHoursInput] = strawberry.field(description="By weekday.")
    exceptions: list[DayHoursInput] = strawberry.field(default_factory=list, description="Days that are different.")


@strawberry.input(description="How a service is booked. What is left out is as it is for most services.")
class ServiceRulesInput:
    duration_minutes: int = strawberry.field(description="How long it takes the member: 5 to 720.")
    every_minutes: int = strawberry.field(description="How far apart its times are, from the opening on: 5 to 720.")
    before_minutes: int = strawberry.field(default=0, description="How long whoever serves it prepares: up to 240.")
    after_minutes: int = strawberry.field(default=0, description="How long they are busy after it: up to 240.")
    notice_minutes: int = strawberry.field(default=0, description="How long ahead it is booked at the latest.")
    horizon_days: int = strawberry.field(default=60, description="How many days ahead at the earliest: 1 to 366.")
    free_cancellation_minutes: int = strawberry.field(
        default=1_440, description="How long ahead a cancellation is free."
    )
    no_show_minutes: int = strawberry.field(
        default=15, description="How long after its start a member who did not come may be marked so."
    )
    answer_minutes: int | None = strawberry.field(
        default=None, description="How long the brand has to accept a booking; absent: it need not."
    )
    offer_minutes: int = strawberry.field(
        default=15, description="How long a place is kept for a member who waited for it: 5 to 1440."
    )
    no_show_limit: int | None = strawberry.field(
        default=None, description="Who did not come, or cancelled late, so often asks staff to book; absent: nobody."
    )
    no_show_days: int = strawberry.field(default=90, description="For how many days that is remembered: 1 to 366.")
    reminder_minutes: list[int] = strawberry.field(
        default_factory=lambda: [1_440, 120],
        description="How long before its start members are reminded of it, up to four times.",
    )
    hours: ServiceHoursInput | None = strawberry.field(
        default=None, description="Its own hours; absent: those of the store."
    )

    def to_model(self) -> ServiceRules:
        """Raises InvalidDiaryEntry."""
        said = {name: getattr(self, name) for name in ServiceRules.model_fields if name != "hours"}
        try:
            return ServiceRules.model_validate({**said, "hours": None if self.hours is None else _hours(self.hours)})
        except ValidationError as error:
            raise _invalid(error) from None


@strawberry.input(description="A service to set up or to change. Its code tells which of the counter's it is.")
class SaveServiceInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    counter_id: strawberry.ID = strawberry.field(description="The counter that gives it.")
    code: str = strawberry.field(description="Up to 40 capital letters, digits, hyphens and underscores.")
    names: list[LocalisedNameInput] = strawberry.field(description="Its names; one in English at least.")
    rules: ServiceRulesInput = strawberry.field(description="How it is booked.")
    associate_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Who is skilled; absent: nobody in particular serves."
    )
    room_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The rooms that fit; absent: it takes none."
    )
    places: int | None = strawberry.field(
        default=None, description="How many members it takes at a time; absent: associates and rooms say so."
    )

    def to_model(self) -> model.ServiceEntry:
        """Raises InvalidDiaryEntry."""
        return model.ServiceEntry(
            counter_id=CounterId(key_of(self.counter_id, "Counter")),
            code=self.code,
            names=names_of(self.names),
            rules=self.rules.to_model(),
            associates=_keys(self.associate_ids),
            rooms=_keys(self.room_ids),
            places=self.places,
        )


@strawberry.input(description="A service that is no longer offered.")
class RetireServiceInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    service_id: strawberry.ID = strawberry.field(description="Which one.")

    def key(self) -> ServiceId:
        return ServiceId(key_of(self.service_id, "Service"))


@strawberry.input(description="An associate or a room to set up or to change. Kind and code tell which it is.")
class SaveResourceInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    counter_id: strawberry.ID = strawberry.field(description="The counter where they serve.")
    kind: ResourceKind = strawberry.field(description="ASSOCIATE or ROOM. Places are set up with their service.")
    code: str = strawberry.field(
        description="Of an associate the staff number, which is the subject of their token; of a room a short code."
    )
    names: list[LocalisedNameInput] = strawberry.field(description="The names; one in English at least.")
    service_ids: list[strawberry.ID] = strawberry.field(
        description="Exactly these services of the counter are served from now on."
    )

    def to_model(self) -> model.ResourceEntry:
        return model.ResourceEntry(
            counter_id=CounterId(key_of(self.counter_id, "Counter")),
            kind=self.kind,
            code=self.code,
            names=names_of(self.names),
            services=tuple(ServiceId(key_of(entry, "Service")) for entry in self.service_ids),
        )


@strawberry.input(description="An associate or a room that serves no more.")
class RetireResourceInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    resource_id: strawberry.ID = strawberry.field(description="Which one.")


@strawberry.input(description="A shift, by the store's clock.")
class ShiftInput:
    day: date = strawberry.field(description="The day on which it begins.")
    begins_at: time = strawberry.field(description="From when.")
    ends_at: time = strawberry.field(description="Until when; at or before the time at which it begins: the next day.")


@strawberry.input(description="When an associate works.")
class SetShiftsInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    associate_id: strawberry.ID = strawberry.field(description="Who.")
    first: date = strawberry.field(description="The first day that is planned.")
    last: date = strawberry.field(description="The last day that is planned.")
    shifts: list[ShiftInput] = strawberry.field(
        description="Exactly these shifts begin on these days; what was planned for them before is gone."
    )

    def by_day(self) -> Mapping[date, Sequence[Span]]:
        found: dict[date, list[Span]] = {}
        for shift in self.shifts:
            found.setdefault(shift.day, []).append((shift.begins_at, shift.ends_at))
        return found


def setup_of(service: model.Service) -> ServiceSetup:
    rules = service.rules
    return ServiceSetup(
        names=shown_names(service.names),
        hours=None if rules.hours is None else _shown_hours(rules.hours),
        offer_minutes=rules.offer_minutes,
        no_show_limit=rules.no_show_limit,
        no_show_days=rules.no_show_days,
        reminder_minutes=list(rules.reminder_minutes),
        associate_ids=_shown_ids(service, ResourceKind.ASSOCIATE),
        room_ids=_shown_ids(service, ResourceKind.ROOM),
    )


def _shown_ids(service: model.Service, kind: ResourceKind) -> list[strawberry.ID]:
    return [resource_id_of(kind, resource_id) for resource_id in service.candidates.get(kind, ())]


def _shown_hours(hours: OpeningHours) -> ServiceHours:
    return ServiceHours(
        weekdays=[
            WeekdayHours(weekday=weekday, opens_at=span[0] if span else None, closes_at=span[1] if span else None)
            for weekday, span in sorted(hours.weekly.items())
        ],
        exceptions=[
            DayHours(day=day, opens_at=span[0] if span else None, closes_at=span[1] if span else None)
            for day, span in sorted(hours.exceptions.items())
        ],
    )


def _invalid(error: ValidationError) -> InvalidDiaryEntry:
    """In the words of the API: fields are called as they were sent, and nothing is told of types of ours."""
    first = error.errors()[0]
    name, *rest = (str(part) for part in first["loc"])
    entry = ".".join([to_camel(name), *rest])
    if first["type"] == "too_long":
        return InvalidDiaryEntry(entry, f"there are at most {first['ctx']['max_length']} of them")
    return InvalidDiaryEntry(entry, first["msg"].lower())


def _hours(sent: ServiceHoursInput) -> OpeningHours:
    """Raises InvalidDiaryEntry."""
    _check_once("hours.weekdays", [entry.weekday for entry in sent.weekdays], "one time on each weekday")
    _check_once("hours.exceptions", [entry.day for entry in sent.exceptions], "one time on each day")
    weekly: dict[int, Span | None] = {}
    for entry in sent.weekdays:
        if not 1 <= entry.weekday <= 7:
            raise InvalidDiaryEntry("hours.weekdays", "weekdays are numbered from 1, Monday, to 7, Sunday")
        weekly[entry.weekday] = (entry.opens_at, entry.closes_at)
    exceptions: dict[date, Span | None] = {}
    for day in sent.exceptions:
        if (day.opens_at is None) != (day.closes_at is None):
            raise InvalidDiaryEntry("hours.exceptions", "a day has both times, or none when it is not given")
        both = day.opens_at is not None and day.closes_at is not None
        exceptions[day.day] = (day.opens_at, day.closes_at) if both else None  # type: ignore[assignment]
    return OpeningHours(weekly=weekly, exceptions=exceptions)


def _keys(ids: list[strawberry.ID] | None) -> tuple[ResourceId, ...] | None:
    return None if ids is None else tuple(resource_key(entry) for entry in ids)
