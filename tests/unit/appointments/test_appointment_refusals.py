"""What a refusal tells whoever reads it: the other appointment's time, not the one asked for, and a way out."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from membership.appointments.errors import MemberElsewhere, OutsideHours, SlotTaken
from membership.appointments.model import (
    Period,
    ResourceId,
    ResourceKind,
    Service,
    ServiceId,
    ServiceRules,
    Stop,
    Taken,
    resource_of,
)
from membership.appointments.rules.admitting import Admit
from membership.appointments.rules.deciding import Diary, decide
from membership.appointments.rules.refusing import why_none
from membership.appointments.rules.slots import slots
from membership.campaigns.errors import BookingPaused, TooEarlyForTier
from membership.kernel.errors import DomainError
from membership.kernel.ids import derived_id
from membership.members.model import MemberId
from membership.stores.model import CounterId, OpeningHours, ProgrammeId, Store, StoreId

SHANGHAI = ZoneInfo("Asia/Shanghai")
MEMBER = MemberId(derived_id("member"))
ASSOCIATES = tuple(sorted(ResourceId(derived_id("associate", number)) for number in range(2)))
ALWAYS = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
NOW = datetime(2026, 5, 20, 9, tzinfo=SHANGHAI)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 5, 20, hour, minute, tzinfo=SHANGHAI)


def shop() -> Store:
    opening = OpeningHours(weekly=dict.fromkeys(range(1, 8), (time(10), time(22))), exceptions={})
    return Store(StoreId(derived_id("s")), ProgrammeId(derived_id("p")), "S", {}, SHANGHAI, time(4), opening)


def service(associates: int = 1, **rules: object) -> Service:
    return Service(
        service_id=ServiceId(derived_id("service")),
        programme_id=ProgrammeId(derived_id("p")),
        store_id=StoreId(derived_id("s")),
        counter_id=CounterId(derived_id("c")),
        code="FITTING",
        names={},
        rules=ServiceRules.model_validate({"duration_minutes": 60, "every_minutes": 30} | rules),
        candidates={ResourceKind.ASSOCIATE: ASSOCIATES[:associates]},
    )


def refusals(*stops: Stop, given: Service, busy: Taken) -> dict[int, DomainError]:
    diary = Diary({given.service_id: given}, {given.store_id: shop()}, busy)
    return dict(decide(diary, dict(enumerate(stops)), member_id=MEMBER, now=NOW).refusals)


def taken(busy: dict[ResourceId, list[Period]], shifts: Period | None = ALWAYS) -> Taken:
    return Taken(busy, {} if shifts is None else {entry: [shifts] for entry in ASSOCIATES})


@pytest.mark.parametrize("walk_in", [False, True])
def test_the_other_appointment_is_told_by_its_own_time(walk_in: bool) -> None:
    given = service()
    busy = taken({resource_of(MEMBER): [Period(at(11), at(12)), Period(at(15, 15), at(16, 45))]})
    refused = refusals(Stop(given.service_id, at(14, 30), walk_in=walk_in), given=given, busy=busy)[0]
    assert isinstance(refused, MemberElsewhere)
    assert (refused.starts_at, refused.ends_at) == ("2026-05-20T15:15+08:00", "2026-05-20T16:45+08:00")
    assert "from 2026-05-20 15:15 (+08:00) to 2026-05-20 16:45 (+08:00)" in refused.message
    assert (refused.same_request, refused.walk_in) == (False, walk_in)
    assert ("Choose" not in refused.message) == walk_in


def test_stops_of_one_request_that_overlap_are_told_as_such() -> None:
    given = service(associates=2)
    found = refusals(Stop(given.service_id, at(14, 30)), Stop(given.service_id, at(14)), given=given, busy=taken({}))
    assert found.keys() == {0}
    refused = found[0]
    assert isinstance(refused, MemberElsewhere) and refused.same_request
    assert (refused.starts_at, refused.ends_at) == ("2026-05-20T14:00+08:00", "2026-05-20T15:00+08:00")
    assert refused.message.startswith("Two of these stops overlap")


def test_who_is_elsewhere_until_the_start_is_there_in_time() -> None:
    given = service()
    busy = taken({resource_of(MEMBER): [Period(at(13), at(14)), Period(at(15), at(15) + timedelta(hours=1))]})
    assert refusals(Stop(given.service_id, at(14)), given=given, busy=busy) == {}


def test_nobody_at_work_is_told_without_a_choice_that_was_not_made() -> None:
    given, off = service(), taken({}, shifts=None)
    anybody = refusals(Stop(given.service_id, at(14)), given=given, busy=off)[0]
    assert anybody.message.startswith("Nobody is at work for FITTING at 2026-05-20 14:00 (+08:00)")
    chosen = refusals(Stop(given.service_id, at(14), ASSOCIATES[0]), given=given, busy=off)[0]
    assert chosen.message.startswith("The associate who was asked for is not at work")
    now = refusals(Stop(given.service_id, at(14, 7), walk_in=True), given=given, busy=off)[0]
    assert now.message.endswith("Book a time at which somebody is.")


@pytest.mark.parametrize(
    ("ends", "associate", "free"),
    [
        ((at(15, 30), at(16)), None, "2026-05-20T15:45+08:00"),
        ((at(15, 30), at(16)), ASSOCIATES[1], "2026-05-20T16:15+08:00"),
        ((at(22), at(22)), None, None),
    ],
)
def test_a_walk_in_is_told_from_when_somebody_is_free(
    ends: tuple[datetime, datetime], associate: ResourceId | None, free: str | None
) -> None:
    given = service(associates=2, before_minutes=15)
    busy = taken({who: [Period(at(13), end)] for who, end in zip(ASSOCIATES, ends, strict=True)})
    refused = refusals(Stop(given.service_id, at(14, 7), associate, walk_in=True), given=given, busy=busy)[0]
    assert isinstance(refused, SlotTaken)
    assert (refused.walk_in, refused.free_from) == (True, free)
    assert "Load the free times" not in refused.message
    if free is not None:
        then = Stop(given.service_id, datetime.fromisoformat(free), associate, walk_in=True)
        assert refusals(then, given=given, busy=busy) == {}


@pytest.mark.parametrize(
    ("stop_at", "walk_in", "last"),
    [
        (at(21, 30), False, "2026-05-20T20:30+08:00"),
        (at(21, 20), True, "2026-05-20T20:45+08:00"),
        (at(22), False, None),
        (at(9), False, None),
    ],
)
def test_what_would_end_after_closing_names_the_last_start(stop_at: datetime, walk_in: bool, last: str | None) -> None:
    given = service(duration_minutes=75)
    refused = refusals(Stop(given.service_id, stop_at, walk_in=walk_in), given=given, busy=taken({}))[0]
    assert isinstance(refused, OutsideHours)
    assert refused.last_starts_at == last
    assert ("at the latest" in refused.message) == (last is not None)


DAY = NOW.date()


def whole_day(*reasons: tuple[int, int, DomainError]) -> Admit:
    """What may not be booked between these hours."""

    def admit(given: Service, store: Store, starts_at: datetime, now: datetime) -> DomainError | None:
        del given, now
        hour = starts_at.astimezone(store.zone).hour
        return next((why for since, until, why in reasons if since <= hour < until), None)

    return admit


PAUSED, EARLY = (
    BookingPaused("FITTING", "ANNIVERSARY"),
    TooEarlyForTier("FITTING", "GOLD", "2026-05-20T12:00+08:00", True),
)
FULL = taken({entry: [Period(at(10), at(22))] for entry in ASSOCIATES})
MINE = taken({resource_of(MEMBER): [Period(at(10), at(22))]})


@pytest.mark.parametrize(
    ("busy", "admit", "code"),
    [
        (FULL, whole_day(), None),
        (taken({}), whole_day((0, 24, PAUSED)), "BOOKING_PAUSED"),
        (taken({}), whole_day((0, 24, EARLY)), "TOO_EARLY_FOR_TIER"),
        # What is not opened yet is not full, though the rest of the day is.
        (FULL, whole_day((18, 24, EARLY)), "TOO_EARLY_FOR_TIER"),
        (MINE, whole_day(), "MEMBER_ELSEWHERE"),
        (taken({}, shifts=None), whole_day(), "ASSOCIATE_OFF_SHIFT"),
        # Whoever works does so in the evening, and is booked then.
        (taken({ASSOCIATES[0]: [Period(at(20), at(22))]}, shifts=Period(at(20), at(22))), whole_day(), None),
    ],
)
def test_a_day_without_slots_says_why_it_has_none(busy: Taken, admit: Admit, code: str | None) -> None:
    given, person = service(associates=1), resource_of(MEMBER)
    assert slots(given, shop(), DAY, busy, now=NOW, member=person, admit=admit) == ()
    found = why_none(given, shop(), DAY, busy, now=NOW, member=person, admit=admit)
    assert (found and found.code) == code


def test_a_day_that_is_closed_or_over_says_so() -> None:
    given = service(hours={"weekly": {"4": ["10:00", "20:00"]}})
    closed = why_none(given, shop(), DAY, taken({}), now=NOW)
    assert closed and (closed.code, closed.message) == (
        "OUTSIDE_HOURS",
        "FITTING is not given on that day. Choose another day.",
    )
    over = why_none(service(), shop(), DAY, FULL, now=at(21, 30))
    assert over and over.code == "TOO_LATE_TO_BOOK"
    short = why_none(service(hours={"weekly": {"3": ["10:00", "10:30"]}}), shop(), DAY, taken({}), now=NOW)
    assert short and short.code == "OUTSIDE_HOURS"


def test_an_associate_of_choice_has_reasons_of_their_own() -> None:
    given = service(associates=1)
    assert why_none(given, shop(), DAY, FULL, now=NOW, associate_id=ASSOCIATES[0]) is None
    found = why_none(given, shop(), DAY, taken({}), now=NOW, associate_id=ASSOCIATES[1])
    assert found and found.code == "ASSOCIATE_NOT_SKILLED"
