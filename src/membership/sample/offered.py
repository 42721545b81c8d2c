"""What the counters of the sample offer by appointment, and the associates, rooms and places that serve it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count

from membership.appointments.model import Resource, ResourceId, ResourceKind, Service
from membership.sample import identifiers as ids
from membership.sample.files import CounterRow, SampleProgramme, sample_programmes
from membership.sample.service_files import ServiceRow, StaffRow, sample_services, sample_staff

_STAFF_PREFIX = {"CHAOYANG": "CG", "HANGANG": "HG", "BROMPTON": "BH"}
_FAMILY_STRIDE, _GIVEN_STRIDE = 7, 5
"""Neighbours at a counter are no neighbours in the lists of names."""
_ROOM = {"zh-CN": "{}号贵宾室", "en": "Room {}", "ko": "{}번 룸", "ja": "ルーム{}"}
_PLACE = {"zh-CN": "{}号位", "en": "Place {}", "ko": "{}번 자리", "ja": "{}番席"}


@dataclass(frozen=True, slots=True)
class Offered:
    """One store. `weights`: how often each service is booked, beside the others. `ranks`: an associate's place at the
    counter, from 0 on, which says when they work."""

    services: tuple[Service, ...]
    weights: tuple[int, ...]
    resources: tuple[Resource, ...]
    ranks: Mapping[ResourceId, int]

    def service(self, store: str, counter: str, code: str) -> Service:
        wanted = ids.service_id(store, counter, code)
        return next(service for service in self.services if service.service_id == wanted)

    def associates(self) -> Iterator[Resource]:
        return (resource for resource in self.resources if resource.kind is ResourceKind.ASSOCIATE)


@cache
def offered(programme: str) -> Offered:
    """What the store of a programme offers."""
    (sample,) = (entry for entry in sample_programmes() if entry.programme.code == programme)
    services: list[Service] = []
    weights: list[int] = []
    resources: list[Resource] = []
    ranks: dict[ResourceId, int] = {}
    numbers = count()
    for position, counter in enumerate(sample.counters, start=1):
        associates = list(_associates(sample, counter, position, numbers))
        ranks |= {resource.resource_id: rank for rank, resource in enumerate(associates)}
        rooms, places = _rooms(sample, counter), _places(sample, counter)
        resources += [*associates, *rooms, *places]
        for turn, code in enumerate(counter.services):
            row = sample_services()[code]
            serving = {
                ResourceKind.ASSOCIATE: _skilled(associates, row.skilled_percent, turn),
                ResourceKind.ROOM: rooms,
                ResourceKind.UNIT: places,
            }
            services.append(_service(sample, counter, row, serving))
            weights.append(row.popularity * counter.associates)
    return Offered(tuple(services), tuple(weights), tuple(resources), ranks)


def staff_number(programme: str, counter: str, rank: int = 0) -> str:
    """What an associate's token has for its subject."""
    (sample,) = (entry for entry in sample_programmes() if entry.programme.code == programme)
    position = [row.code for row in sample.counters].index(counter) + 1
    return f"{_STAFF_PREFIX[programme]}{position:02d}{rank + 1:02d}"


def _associates(
    sample: SampleProgramme, counter: CounterRow, position: int, numbers: "count[int]"
) -> Iterator[Resource]:
    programme = sample.programme.code
    for rank in range(counter.associates):
        code = f"{_STAFF_PREFIX[programme]}{position:02d}{rank + 1:02d}"
        names = _full_names(sample_staff()[programme], next(numbers))
        yield _resource(sample, counter, ResourceKind.ASSOCIATE, code, names)


def _full_names(staff: StaffRow, number: int) -> dict[str, str]:
    family = staff.family[number * _FAMILY_STRIDE % len(staff.family)]
    given = staff.given[number * _GIVEN_STRIDE % len(staff.given)]
    pairs = zip(family, given, strict=True) if staff.order == "FAMILY_FIRST" else zip(given, family, strict=True)
    return {
        locale: separator.join(parts)
        for locale, separator, parts in zip(staff.locales, staff.separators, pairs, strict=True)
    }


def _rooms(sample: SampleProgramme, counter: CounterRow) -> list[Resource]:
    return [
        _resource(sample, counter, ResourceKind.ROOM, f"ROOM-{number}", _numbered(_ROOM, number))
        for number in range(1, counter.rooms + 1)
    ]


def _places(sample: SampleProgramme, counter: CounterRow) -> list[Resource]:
    """Of the one service of the counter that has places."""
    return [
        _resource(sample, counter, ResourceKind.UNIT, f"{code}/{number}", _numbered(_PLACE, number))
        for code in counter.services
        if ResourceKind.UNIT in sample_services()[code].needs
        for number in range(1, counter.places + 1)
    ]


def _numbered(names: Mapping[str, str], number: int) -> dict[str, str]:
    return {locale: name.format(number) for locale, name in names.items()}


def _resource(
    sample: SampleProgramme, counter: CounterRow, kind: ResourceKind, code: str, names: Mapping[str, str]
) -> Resource:
    store = sample.store.code
    return Resource(
        resource_id=ids.resource_id(store, counter.code, kind, code),
        store_id=ids.store_id(store),
        counter_id=ids.counter_id(store, counter.code),
        kind=kind,
        code=code,
        names=names,
    )


def _skilled(associates: Sequence[Resource], percent: int, turn: int) -> list[Resource]:
    """Two at least. Each service of a counter begins with another associate, so that not the same few can do all."""
    wanted = max(2, -(-len(associates) * percent // 100))
    shifted = [associates[(turn + number) % len(associates)] for number in range(len(associates))]
    return shifted[:wanted]


def _service(
    sample: SampleProgramme,
    counter: CounterRow,
    row: ServiceRow,
    serving: Mapping[ResourceKind, Sequence[Resource]],
) -> Service:
    store = sample.store.code
    rules = row.rules if row.code in counter.accepts else row.rules.model_copy(update={"answer_minutes": None})
    return Service(
        service_id=ids.service_id(store, counter.code, row.code),
        programme_id=ids.programme_id(sample.programme.code),
        store_id=ids.store_id(store),
        counter_id=ids.counter_id(store, counter.code),
        code=row.code,
        names=row.names,
        rules=rules,
        candidates={kind: tuple(sorted(entry.resource_id for entry in serving[kind])) for kind in row.needs},
    )
