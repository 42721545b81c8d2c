"""Programmes, stores, counters and tills of the sample: from the data files to the model, and into PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from functools import cache
from zoneinfo import ZoneInfo

from membership.postgres.connection import Conn
from membership.postgres.json import to_json
from membership.sample import identifiers as ids
from membership.sample.copying import Copier, Record, Table, table
from membership.sample.files import SampleProgramme, sample_programmes
from membership.stores.model import (
    Brand,
    Category,
    Counter,
    Floor,
    Programme,
    ProgrammeId,
    Store,
    TenderType,
    TermsRevision,
    Till,
)
from membership.stores.store import Configuration
from membership.tiers.model import LadderRevision

EFFECTIVE_FROM = datetime(2020, 1, 1, tzinfo=UTC)

_PROGRAMMES = table("stores", "programmes", "programme_id code names currency minor_unit_exponent")
_TERMS = table("stores", "programme_terms", "programme_id revision effective_from terms")
_LADDERS = table("tiers", "ladders", "programme_id revision effective_from ladder")
_STORES = table("stores", "stores", "store_id programme_id code names zone cutover opening_hours walking")
_FLOORS = table("stores", "floors", "floor_id store_id code names position")
_BRANDS = table("stores", "brands", "brand_id programme_id code names earns_points counts_for_tier activation_level")
_CATEGORIES = table(
    "stores",
    "categories",
    "category_id programme_id code names spend_minor_per_point earns_points counts_for_tier",
)
_TENDER_TYPES = table(
    "stores", "tender_types", "programme_id code names earn_weight_basis_points tier_weight_basis_points"
)
_COUNTERS = table("stores", "counters", "counter_id store_id floor_id brand_id code commission_basis_points")
_TILLS = table("stores", "tills", "till_id store_id counter_id code")


@cache
def sample_configuration() -> Configuration:
    """Every row of schema `stores`, as the data files say."""
    samples = sample_programmes()
    return Configuration(
        programmes=tuple(_programme(sample) for sample in samples),
        stores=tuple(_store(sample) for sample in samples),
        floors=tuple(row for sample in samples for row in _floors(sample)),
        brands=tuple(row for sample in samples for row in _brands(sample)),
        categories=tuple(row for sample in samples for row in _categories(sample)),
        tender_types=tuple(row for sample in samples for row in _tender_types(sample)),
        counters=tuple(row for sample in samples for row in _counters(sample)),
        tills=tuple(row for sample in samples for row in _tills(sample)),
    )


@cache
def sample_ladders() -> dict[ProgrammeId, LadderRevision]:
    """Each programme's ladder, in its first revision."""
    return {
        ids.programme_id(sample.programme.code): LadderRevision(1, EFFECTIVE_FROM.date(), sample.ladder)
        for sample in sample_programmes()
    }


async def load_configuration_sample(conn: Conn) -> bool:
    """Write the three programmes, in one transaction. False when there are programmes already."""
    async with conn.transaction():
        if await conn.fetchval("SELECT EXISTS (SELECT FROM stores.programmes)"):
            return False
        copier = await Copier.on(conn)
        for table, records in _rows(sample_configuration()):
            await copier.write(table, records)
        return True


def _programme(sample: SampleProgramme) -> Programme:
    row = sample.programme
    return Programme(
        programme_id=ids.programme_id(row.code),
        code=row.code,
        names=row.names,
        currency=row.currency,
        minor_unit_exponent=row.minor_unit_exponent,
        terms=(TermsRevision(1, EFFECTIVE_FROM, sample.terms),),
    )


def _store(sample: SampleProgramme) -> Store:
    row = sample.store
    return Store(
        store_id=ids.store_id(row.code),
        programme_id=ids.programme_id(sample.programme.code),
        code=row.code,
        names=row.names,
        zone=ZoneInfo(row.zone),
        cutover=time.fromisoformat(row.cutover),
        opening_hours=row.opening_hours,
        walking=row.walking,
    )


def _floors(sample: SampleProgramme) -> Iterator[Floor]:
    store = sample.store.code
    for row in sample.floors:
        yield Floor(ids.floor_id(store, row.code), ids.store_id(store), row.code, row.names, row.position)


def _brands(sample: SampleProgramme) -> Iterator[Brand]:
    programme = sample.programme.code
    for row in sample.brands:
        yield Brand(
            brand_id=ids.brand_id(programme, row.code),
            programme_id=ids.programme_id(programme),
            code=row.code,
            names=row.names,
            earns_points=row.earns_points,
            counts_for_tier=row.counts_for_tier,
            activation_level=row.activation_level,
        )


def _categories(sample: SampleProgramme) -> Iterator[Category]:
    programme = sample.programme.code
    for row in sample.categories:
        yield Category(
            category_id=ids.category_id(programme, row.code),
            programme_id=ids.programme_id(programme),
            code=row.code,
            names=row.names,
            spend_minor_per_point=row.spend_minor_per_point,
            earns_points=row.earns_points,
            counts_for_tier=row.counts_for_tier,
        )


def _tender_types(sample: SampleProgramme) -> Iterator[TenderType]:
    for row in sample.tender_types:
        yield TenderType(
            programme_id=ids.programme_id(sample.programme.code),
            code=row.code,
            names=row.names,
            earn_weight_basis_points=row.earn_weight_basis_points,
            tier_weight_basis_points=row.tier_weight_basis_points,
        )


def _counters(sample: SampleProgramme) -> Iterator[Counter]:
    programme, store = sample.programme.code, sample.store.code
    for row in sample.counters:
        yield Counter(
            counter_id=ids.counter_id(store, row.code),
            store_id=ids.store_id(store),
            floor_id=ids.floor_id(store, row.floor),
            brand_id=ids.brand_id(programme, row.brand),
            code=row.code,
            commission_basis_points=row.commission_basis_points,
        )


def _tills(sample: SampleProgramme) -> Iterator[Till]:
    store = sample.store.code
    for counter in sample.counters:
        till = ids.till_code_of(counter.code)
        yield Till(ids.till_id(store, till), ids.store_id(store), ids.counter_id(store, counter.code), till, None)
    for cashier in sample.central_cashiers:
        yield Till(ids.till_id(store, cashier.code), ids.store_id(store), None, cashier.code, None)


def _rows(configuration: Configuration) -> Iterator[tuple[Table, list[Record]]]:
    """Records of each table, in an order that foreign keys allow."""
    programmes, stores = configuration.programmes, configuration.stores
    yield (
        _PROGRAMMES,
        [(e.programme_id, e.code, to_json(e.names), e.currency, e.minor_unit_exponent) for e in programmes],
    )
    yield (
        _TERMS,
        [
            (programme.programme_id, entry.revision, entry.effective_from, entry.terms.model_dump_json())
            for programme in programmes
            for entry in programme.terms
        ],
    )
    yield (
        _LADDERS,
        [
            (programme_id, entry.revision, entry.effective_from, entry.ladder.model_dump_json())
            for programme_id, entry in sample_ladders().items()
        ],
    )
    yield _STORES, [_store_record(store) for store in stores]
    yield (
        _FLOORS,
        [(e.floor_id, e.store_id, e.code, to_json(e.names), e.position) for e in configuration.floors],
    )
    yield _BRANDS, [_brand_record(brand) for brand in configuration.brands]
    yield _CATEGORIES, [_category_record(category) for category in configuration.categories]
    yield _TENDER_TYPES, [_tender_type_record(tender_type) for tender_type in configuration.tender_types]
    yield (
        _COUNTERS,
        [
            (e.counter_id, e.store_id, e.floor_id, e.brand_id, e.code, e.commission_basis_points)
            for e in configuration.counters
        ],
    )
    yield _TILLS, [(e.till_id, e.store_id, e.counter_id, e.code) for e in configuration.tills]


def _store_record(store: Store) -> Record:
    return (
        store.store_id,
        store.programme_id,
        store.code,
        to_json(store.names),
        store.zone.key,
        store.cutover,
        store.opening_hours.model_dump_json(),
        store.walking.model_dump_json(),
    )


def _brand_record(brand: Brand) -> Record:
    return (
        brand.brand_id,
        brand.programme_id,
        brand.code,
        to_json(brand.names),
        brand.earns_points,
        brand.counts_for_tier,
        brand.activation_level.value,
    )


def _category_record(category: Category) -> Record:
    return (
        category.category_id,
        category.programme_id,
        category.code,
        to_json(category.names),
        category.spend_minor_per_point,
        category.earns_points,
        category.counts_for_tier,
    )


def _tender_type_record(tender_type: TenderType) -> Record:
    return (
        tender_type.programme_id,
        tender_type.code,
        to_json(tender_type.names),
        tender_type.earn_weight_basis_points,
        tender_type.tier_weight_basis_points,
    )
