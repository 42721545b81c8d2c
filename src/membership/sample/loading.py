"""The sample into PostgreSQL: everything or, when interrupted, nothing."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from membership.appointments.model import ServiceId
from membership.members.keyring import Keyring
from membership.members.model import MemberId
from membership.points.model import AdjustmentId
from membership.postgres.connection import Conn
from membership.sample import identifiers as ids
from membership.sample.configuration import load_configuration_sample
from membership.sample.copying import Batch, Copier
from membership.sample.extras import ForgottenReceipt
from membership.sample.files import sample_cast, sample_programmes
from membership.sample.generator import Generator, Recipe
from membership.sample.offered import staff_number
from membership.sample.people import Crowd
from membership.sample.shown_bookings import POPULAR
from membership.sample.sizes import Size
from membership.sample.tables import IN_ORDER
from membership.stores.model import BrandId, CounterId, ProgrammeId, StoreId, TillId

Progress = Callable[[int, int], None]
"""Called with how many people are done, of how many."""

_PROGRAMME, _STORE = "CHAOYANG", "CHAOYANG-GALLERIA"
_COUNTER, _CASHIER = "1F-LISABEAU", "CENTRAL-01"
"""The counter's brand has its day on the anniversary's first Saturday."""
_GIFT_DESK = "B1-PAPER-COURT"
_MEMBER, _SECOND_MEMBER, _ADJUSTED = "LIN", "ZHOU", "XU"
_APPOINTMENTS_AT, _POPULAR_SERVICE = POPULAR


@dataclass(frozen=True, slots=True)
class DemoIds:
    """Who README and tokens act as. The same in every sample.

    `till_id` and `counter_id`: of a brand that has a brand day. `gift_desk_id`: the counter that hands gifts over.
    `second_member_id`: of a lower tier. `staff_number`: of an associate at `associate_counter_id`, whose
    `popular_service_id` is fully booked on the second Saturday of an anniversary that is near.
    """

    programme_id: ProgrammeId
    store_id: StoreId
    counter_id: CounterId
    till_id: TillId
    gift_desk_id: CounterId
    cashier_id: TillId
    member_id: MemberId
    phone: str
    second_member_id: MemberId
    adjustment_id: AdjustmentId
    associate_counter_id: CounterId
    associate_brand_id: BrandId
    staff_number: str
    popular_service_id: ServiceId


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What was loaded, and a receipt of today to try attaching with."""

    demo: DemoIds
    members: int
    forgotten_receipt: ForgottenReceipt | None


def demo_ids() -> DemoIds:
    return DemoIds(
        programme_id=ids.programme_id(_PROGRAMME),
        store_id=ids.store_id(_STORE),
        counter_id=ids.counter_id(_STORE, _COUNTER),
        gift_desk_id=ids.counter_id(_STORE, _GIFT_DESK),
        till_id=ids.till_id(_STORE, ids.till_code_of(_COUNTER)),
        cashier_id=ids.till_id(_STORE, _CASHIER),
        member_id=ids.member_id(_MEMBER),
        phone=Crowd(_PROGRAMME).reserved([row.code for row in sample_cast()].index(_MEMBER)),
        second_member_id=ids.member_id(_SECOND_MEMBER),
        adjustment_id=ids.adjustment_id(_ADJUSTED),
        associate_counter_id=ids.counter_id(_STORE, _APPOINTMENTS_AT),
        associate_brand_id=_brand_at(_APPOINTMENTS_AT),
        staff_number=staff_number(_PROGRAMME, _APPOINTMENTS_AT),
        popular_service_id=ids.service_id(_STORE, _APPOINTMENTS_AT, _POPULAR_SERVICE),
    )


def _brand_at(counter: str) -> BrandId:
    (sample,) = (entry for entry in sample_programmes() if entry.programme.code == _PROGRAMME)
    (row,) = (entry for entry in sample.counters if entry.code == counter)
    return ids.brand_id(_PROGRAMME, row.brand)


async def load_sample(
    dsn: str,
    *,
    keyring: Keyring,
    size: Size | int,
    seed: int = 1,
    today: date,
    now: datetime,
    progress: Progress = lambda _done, _total: None,
) -> SampleSummary:
    """Fill a migrated, empty database. `size` may be a number of people; `dsn` is a direct connection.

    One transaction, whatever the size; memory holds two batches of people. Raises ValueError when there is data.
    """
    people = size.members if isinstance(size, Size) else size
    generator = Generator(Recipe(people, seed, today, now), keyring)
    conn = await asyncpg.connect(dsn)
    try:
        async with conn.transaction():
            if not await load_configuration_sample(conn):
                raise ValueError("a sample needs an empty database")
            with _fewer_collections():
                await _write(conn, generator.batches(), people, progress)
        await conn.execute("ANALYZE")
    finally:
        await conn.close()
    return SampleSummary(demo_ids(), people, generator.forgotten_receipt)


async def _write(conn: Conn, batches: Iterator[tuple[int, Batch]], people: int, progress: Progress) -> None:
    """The next batch is made, in a thread, while the last one is being written."""
    copier, done = await Copier.on(conn), 0
    making = asyncio.create_task(asyncio.to_thread(next, batches, None))
    while (made := await making) is not None:
        making = asyncio.create_task(asyncio.to_thread(next, batches, None))
        count, batch = made
        try:
            await copier.write_batch(batch, IN_ORDER)
        except BaseException:
            await making
            raise
        done += count
        progress(done, people)


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """What is made lives as long as its batch. To look through it for garbage as often as Python does by default took
    a sixth of the whole time."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
