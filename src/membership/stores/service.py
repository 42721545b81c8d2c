"""The directory of programmes and stores that each process keeps in memory."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Final

from membership.kernel.remembering import Remembered
from membership.postgres.connection import Pool
from membership.postgres.snapshot import snapshot
from membership.stores.errors import UnknownStore, UnknownTill
from membership.stores.model import (
    Brand,
    BrandId,
    Category,
    CategoryId,
    Counter,
    CounterId,
    Floor,
    FloorId,
    Programme,
    ProgrammeId,
    Store,
    StoreId,
    TenderType,
    Till,
    TillId,
)
from membership.stores.rules import business_date, walking_minutes
from membership.stores.store import Configuration, load_configuration


class Directory:
    """One moment's configuration, indexed. Never changes; `DirectoryCache` replaces it whole."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._programmes = {entry.programme_id: entry for entry in configuration.programmes}
        self._programmes_by_code = {entry.code: entry for entry in configuration.programmes}
        self._stores = {entry.store_id: entry for entry in configuration.stores}
        self._stores_by_code = {entry.code: entry for entry in configuration.stores}
        self._floors = {entry.floor_id: entry for entry in configuration.floors}
        self._floor_ranks = dict(_floor_ranks(configuration.floors))
        self._brands = {entry.brand_id: entry for entry in configuration.brands}
        self._categories = {entry.category_id: entry for entry in configuration.categories}
        self._categories_by_code = {(entry.programme_id, entry.code): entry for entry in configuration.categories}
        self._counters = {entry.counter_id: entry for entry in configuration.counters}
        self._counters_by_code = {(entry.store_id, entry.code): entry for entry in configuration.counters}
        self._tills = {entry.till_id: entry for entry in configuration.tills}
        self._tills_by_code = {(entry.store_id, entry.code): entry for entry in configuration.tills}
        self._tender_types: dict[ProgrammeId, dict[str, TenderType]] = defaultdict(dict)
        for tender_type in configuration.tender_types:
            self._tender_types[tender_type.programme_id][tender_type.code] = tender_type

    def programme(self, programme_id: ProgrammeId) -> Programme:
        return self._programmes[programme_id]

    def find_programme_by_code(self, code: str) -> Programme | None:
        return self._programmes_by_code.get(code)

    def earliest_business_date(self, programme_id: ProgrammeId, now: datetime) -> date | None:
        """The business date that all stores of a programme have reached; None without stores.

        What ends with a day ends for nobody while a store is still open on it.
        """
        stores = (store for store in self.configuration.stores if store.programme_id == programme_id)
        return min((business_date(store, now) for store in stores), default=None)

    def store(self, store_id: StoreId) -> Store:
        """Raises UnknownStore."""
        try:
            return self._stores[store_id]
        except KeyError:
            raise UnknownStore(str(store_id)) from None

    def find_store_by_code(self, code: str) -> Store | None:
        return self._stores_by_code.get(code)

    def floor(self, floor_id: FloorId) -> Floor:
        return self._floors[floor_id]

    def floor_rank(self, counter_id: CounterId) -> int:
        """Of the floor of a counter, from the lowest of its store (0): their positions may leave numbers out."""
        return self._floor_ranks[self._counters[counter_id].floor_id]

    def walking(self, one: CounterId, other: CounterId) -> timedelta:
        """How long a member walks between two counters of one store."""
        times = self.store(self.counter(one).store_id).walking
        minutes = walking_minutes(times, (one, self.floor_rank(one)), (other, self.floor_rank(other)))
        return timedelta(minutes=minutes)

    def brand(self, brand_id: BrandId) -> Brand:
        return self._brands[brand_id]

    def category(self, category_id: CategoryId) -> Category:
        return self._categories[category_id]

    def find_category_by_code(self, programme_id: ProgrammeId, code: str) -> Category | None:
        return self._categories_by_code.get((programme_id, code))

    def counter(self, counter_id: CounterId) -> Counter:
        return self._counters[counter_id]

    def find_counter(self, counter_id: CounterId) -> Counter | None:
        return self._counters.get(counter_id)

    def find_counter_by_code(self, store_id: StoreId, code: str) -> Counter | None:
        return self._counters_by_code.get((store_id, code))

    def till(self, till_id: TillId) -> Till:
        """A till in service. Raises UnknownTill for one that does not exist or was revoked."""
        till = self._tills.get(till_id)
        if till is None or till.revoked_at is not None:
            raise UnknownTill(str(till_id))
        return till

    def is_revoked(self, till_id: TillId) -> bool:
        """Whether a till was taken out of service. False for one that is not there (yet): it opens no sale anyway."""
        till = self._tills.get(till_id)
        return till is not None and till.revoked_at is not None

    def find_till_by_code(self, store_id: StoreId, code: str) -> Till | None:
        """A till of a store, in service or not: its receipts outlive it."""
        return self._tills_by_code.get((store_id, code))

    def till_code(self, till_id: TillId) -> str:
        """The code of a till, in service or not."""
        return self._tills[till_id].code

    def tender_types(self, programme_id: ProgrammeId) -> dict[str, TenderType]:
        return self._tender_types[programme_id]


def _floor_ranks(floors: Iterable[Floor]) -> Iterator[tuple[FloorId, int]]:
    of_store: defaultdict[StoreId, list[Floor]] = defaultdict(list)
    for floor in floors:
        of_store[floor.store_id].append(floor)
    for entries in of_store.values():
        for rank, floor in enumerate(sorted(entries, key=lambda entry: entry.position)):
            yield floor.floor_id, rank


LONGEST_AGE: Final = timedelta(seconds=10)
"""Of what a process knows of programmes and stores: a change has reached every process by then."""


class DirectoryCache:
    """Gives a directory at most `max_age` old. Callers that find it stale wait for one shared reload."""

    def __init__(self, pool: Pool, *, max_age: timedelta = LONGEST_AGE) -> None:
        self._pool = pool
        self._remembered: Remembered[Directory] = Remembered(max_age)

    async def directory(self, now: datetime) -> Directory:
        return await self._remembered.value(now, self._read)

    async def reload(self, now: datetime) -> Directory:
        """Read the configuration now, whatever its age."""
        return await self._remembered.renew(now, self._read)

    async def _read(self) -> Directory:
        # One snapshot for all the tables, or a till could be read whose counter was not there yet.
        async with snapshot(self._pool) as conn:
            return Directory(await load_configuration(conn))
