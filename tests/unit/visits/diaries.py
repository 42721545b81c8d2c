"""Small stores with services, for searching and mending without a database: counters on floors, rooms, associates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from membership.appointments.model import (
    Period,
    ResourceId,
    ResourceKind,
    Service,
    ServiceId,
    ServiceRules,
    Taken,
)
from membership.appointments.rules.admitting import Admit, by_horizon
from membership.appointments.rules.deciding import Diary
from membership.kernel.ids import derived_id
from membership.members.model import MemberId
from membership.stores.model import CounterId, OpeningHours, ProgrammeId, Store, StoreId, WalkingTimes
from membership.stores.rules import local_instant, walking_minutes

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 5, 20)
NOW = datetime(2026, 5, 1, tzinfo=UTC)
MEMBER = MemberId(derived_id("member"))
WALKING = WalkingTimes(same_floor_minutes=5, per_floor_minutes=5)


def store(opens: time = time(10), closes: time = time(16), zone: ZoneInfo = ZONE) -> Store:
    hours = OpeningHours(weekly=dict.fromkeys(range(1, 8), (opens, closes)))
    return Store(StoreId(derived_id("s")), ProgrammeId(derived_id("p")), "S", {}, zone, time(4), hours, WALKING)


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    return local_instant(ZONE, DAY + timedelta(days=days), time(hour, minute))


def resource(name: object) -> ResourceId:
    return ResourceId(derived_id("resource", name))


def counter(number: int) -> CounterId:
    return CounterId(derived_id("counter", number))


def service(
    number: int,
    *,
    counter_number: int | None = None,
    candidates: Mapping[ResourceKind, Sequence[object]] | None = None,
    duration: int = 60,
    every: int = 30,
    **others: object,
) -> Service:
    """Without `candidates` it has a room of its own."""
    wanted = {ResourceKind.ROOM: (f"room {number}",)} if candidates is None else candidates
    return Service(
        service_id=ServiceId(derived_id("service", number)),
        programme_id=ProgrammeId(derived_id("p")),
        store_id=StoreId(derived_id("s")),
        counter_id=counter(number if counter_number is None else counter_number),
        code=f"SERVICE-{number}",
        names={},
        rules=ServiceRules.model_validate({"duration_minutes": duration, "every_minutes": every, **others}),
        candidates={kind: tuple(sorted(resource(name) for name in names)) for kind, names in wanted.items()},
    )


@dataclass(frozen=True)
class Mall:
    """Counter n is on floor `floors[n]`; associates work all the time unless said otherwise."""

    services: Sequence[Service]
    floors: Sequence[int] = (0,) * 10
    busy: Mapping[ResourceId, Sequence[Period]] = field(default_factory=dict)
    shop: Store = field(default_factory=store)
    admit: Admit = by_horizon

    @property
    def diary(self) -> Diary:
        always = [Period(at(0, days=-200), at(0, days=200))]
        associates = {one for entry in self.services for one in entry.candidates.get(ResourceKind.ASSOCIATE, ())}
        return Diary(
            services={entry.service_id: entry for entry in self.services},
            stores={self.shop.store_id: self.shop},
            taken=Taken(self.busy, dict.fromkeys(associates, always)),
            admit=self.admit,
        )

    def walk(self, one: CounterId, other: CounterId) -> timedelta:
        floor = {counter(number): floor for number, floor in enumerate(self.floors)}
        return timedelta(minutes=walking_minutes(WALKING, (one, floor[one]), (other, floor[other])))
