"""Programmes, stores, counters and tills of the sample, from the data files into PostgreSQL."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time

from membership.postgres.connection import Conn
from membership.postgres.json import to_json
from membership.sample import identifiers as ids
from membership.sample.copying import Copier, Record, Table
from membership.sample.files import SampleProgramme, sample_programmes

EFFECTIVE_FROM = datetime(2020, 1, 1, tzinfo=UTC)

_PROGRAMMES = Table("stores", "programmes", ("programme_id", "code", "names", "currency", "minor_unit_exponent"))
_TERMS = Table("stores", "programme_terms", ("programme_id", "revision", "effective_from", "terms"))
_STORES = Table("stores", "stores", ("store_id", "programme_id", "code", "names", "zone", "cutover", "opening_hours"))
_FLOORS = Table("stores", "floors", ("floor_id", "store_id", "code", "names", "position"))
_BRANDS = Table(
    "stores",
    "brands",
    ("brand_id", "programme_id", "code", "names", "earns_points", "counts_for_tier", "activation_level"),
)
_CATEGORIES = Table(
    "stores",
    "categories",
    ("category_id", "programme_id", "code", "names", "spend_minor_per_point", "earns_points", "counts_for_tier"),
)
_TENDER_TYPES = Table(
    "stores",
    "tender_types",
    ("programme_id", "code", "names", "earn_weight_basis_points", "tier_weight_basis_points"),
)
_COUNTERS = Table(
    "stores", "counters", ("counter_id", "store_id", "floor_id", "brand_id", "code", "commission_basis_points")
)
_TILLS = Table("stores", "tills", ("till_id", "store_id", "counter_id", "code"))


async def load_configuration_sample(conn: Conn) -> bool:
    """Write the three programmes, in one transaction. False when they are there already."""
    async with conn.transaction():
        if await conn.fetchval("SELECT EXISTS (SELECT FROM stores.programmes)"):
            return False
        copier = await Copier.on(conn)
        for table, records in _configuration_rows(sample_programmes()):
            await copier.write(table, records)
        return True


def _configuration_rows(samples: Iterable[SampleProgramme]) -> Iterator[tuple[Table, list[Record]]]:
    samples = tuple(samples)
    for table, rows_of in (
        (_PROGRAMMES, _programme_rows),
        (_TERMS, _terms_rows),
        (_STORES, _store_rows),
        (_FLOORS, _floor_rows),
        (_BRANDS, _brand_rows),
        (_CATEGORIES, _category_rows),
        (_TENDER_TYPES, _tender_type_rows),
        (_COUNTERS, _counter_rows),
        (_TILLS, _till_rows),
    ):
        yield table, [row for sample in samples for row in rows_of(sample)]


def _programme_rows(sample: SampleProgramme) -> Iterator[Record]:
    row = sample.programme
    yield ids.programme_id(row.code), row.code, to_json(row.names), row.currency, row.minor_unit_exponent


def _terms_rows(sample: SampleProgramme) -> Iterator[Record]:
    yield ids.programme_id(sample.programme.code), 1, EFFECTIVE_FROM, sample.terms.model_dump_json()


def _store_rows(sample: SampleProgramme) -> Iterator[Record]:
    row = sample.store
    yield (
        ids.store_id(row.code),
        ids.programme_id(sample.programme.code),
        row.code,
        to_json(row.names),
        row.zone,
        time.fromisoformat(row.cutover),
        row.opening_hours.model_dump_json(),
    )


def _floor_rows(sample: SampleProgramme) -> Iterator[Record]:
    store = sample.store.code
    for row in sample.floors:
        yield ids.floor_id(store, row.code), ids.store_id(store), row.code, to_json(row.names), row.position


def _brand_rows(sample: SampleProgramme) -> Iterator[Record]:
    programme = sample.programme.code
    for row in sample.brands:
        yield (
            ids.brand_id(programme, row.code),
            ids.programme_id(programme),
            row.code,
            to_json(row.names),
            row.earns_points,
            row.counts_for_tier,
            row.activation_level.value,
        )


def _category_rows(sample: SampleProgramme) -> Iterator[Record]:
    programme = sample.programme.code
    for row in sample.categories:
        yield (
            ids.category_id(programme, row.code),
            ids.programme_id(programme),
            row.code,
            to_json(row.names),
            row.spend_minor_per_point,
            row.earns_points,
            row.counts_for_tier,
        )


def _tender_type_rows(sample: SampleProgramme) -> Iterator[Record]:
    for row in sample.tender_types:
        yield (
            ids.programme_id(sample.programme.code),
            row.code,
            to_json(row.names),
            row.earn_weight_basis_points,
            row.tier_weight_basis_points,
        )


def _counter_rows(sample: SampleProgramme) -> Iterator[Record]:
    programme, store = sample.programme.code, sample.store.code
    for row in sample.counters:
        yield (
            ids.counter_id(store, row.code),
            ids.store_id(store),
            ids.floor_id(store, row.floor),
            ids.brand_id(programme, row.brand),
            row.code,
            row.commission_basis_points,
        )


def _till_rows(sample: SampleProgramme) -> Iterator[Record]:
    store = sample.store.code
    for counter in sample.counters:
        till = ids.till_code_of(counter.code)
        yield ids.till_id(store, till), ids.store_id(store), ids.counter_id(store, counter.code), till
    for cashier in sample.central_cashiers:
        yield ids.till_id(store, cashier.code), ids.store_id(store), None, cashier.code
