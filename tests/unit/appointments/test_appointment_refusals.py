"""What a refusal tells whoever reads it: the other appointment's time, not the one asked for, and a way out."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from membership.appointments.errors import MemberElsewhere
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
from membership.appointments.rules.deciding import Diary, decide
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
