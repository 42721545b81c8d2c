"""Rows of schema `stores` to model, the whole configuration in one read."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

import asyncpg

from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.postgres.json import from_json
from membership.stores.model import (
    ActivationLevel,
    Brand,
    Category,
    Counter,
    Floor,
    Names,
    OpeningHours,
    Programme,
    ProgrammeId,
    ProgrammeTerms,
    Store,
    TenderType,
    TermsRevision,
    Till,
    TillId,
    WalkingTimes,
)

SQL = queries_of("stores")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Every row of the schema."""

    programmes: tuple[Programme, ...]
    stores: tuple[Store, ...]
    floors: tuple[Floor, ...]
    brands: tuple[Brand, ...]
    categories: tuple[Category, ...]
    tender_types: tuple[TenderType, ...]
    counters: tuple[Counter, ...]
    tills: tuple[Till, ...]


async def load_configuration(conn: Conn) -> Configuration:
    terms: dict[ProgrammeId, list[TermsRevision]] = defaultdict(list)
    for row in await SQL.list_programme_terms.many(conn):
        terms[row["programme_id"]].append(_terms(row))
    return Configuration(
        programmes=tuple(
            _programme(row, tuple(terms[row["programme_id"]])) for row in await SQL.list_programmes.many(conn)
        ),
        stores=tuple(_store(row) for row in await SQL.list_stores.many(conn)),
        floors=tuple(
            Floor(row["floor_id"], row["store_id"], row["code"], _names(row), row["position"])
            for row in await SQL.list_floors.many(conn)
        ),
        brands=tuple(_brand(row) for row in await SQL.list_brands.many(conn)),
        categories=tuple(_category(row) for row in await SQL.list_categories.many(conn)),
        tender_types=tuple(_tender_type(row) for row in await SQL.list_tender_types.many(conn)),
        counters=tuple(_counter(row) for row in await SQL.list_counters.many(conn)),
        tills=tuple(_till(row) for row in await SQL.list_tills.many(conn)),
    )


async def lock_till(conn: Conn, till_id: TillId) -> Till | None:
    row = await SQL.lock_till.maybe(conn, till_id)
    return None if row is None else _till(row)


async def find_till(conn: Conn, till_id: TillId) -> Till | None:
    row = await SQL.find_till.maybe(conn, till_id)
    return None if row is None else _till(row)


async def revoke_till(conn: Conn, till_id: TillId, *, at: datetime) -> bool:
    """False: it was revoked before."""
    return await SQL.revoke_till.maybe(conn, till_id, at) is not None


async def reinstate_till(conn: Conn, till_id: TillId) -> bool:
    """False: it is in service."""
    return await SQL.reinstate_till.maybe(conn, till_id) is not None


def _till(row: asyncpg.Record) -> Till:
    return Till(row["till_id"], row["store_id"], row["counter_id"], row["code"], row["revoked_at"])


def _names(row: asyncpg.Record) -> Names:
    return cast(Names, from_json(row["names"]))


def _terms(row: asyncpg.Record) -> TermsRevision:
    return TermsRevision(row["revision"], row["effective_from"], ProgrammeTerms.model_validate_json(row["terms"]))


def _programme(row: asyncpg.Record, terms: tuple[TermsRevision, ...]) -> Programme:
    return Programme(
        programme_id=row["programme_id"],
        code=row["code"],
        names=_names(row),
        currency=row["currency"],
        minor_unit_exponent=row["minor_unit_exponent"],
        terms=terms,
    )


def _store(row: asyncpg.Record) -> Store:
    return Store(
        store_id=row["store_id"],
        programme_id=row["programme_id"],
        code=row["code"],
        names=_names(row),
        zone=ZoneInfo(row["zone"]),
        cutover=row["cutover"],
        opening_hours=OpeningHours.model_validate_json(row["opening_hours"]),
        walking=WalkingTimes.model_validate_json(row["walking"]),
    )


def _brand(row: asyncpg.Record) -> Brand:
    return Brand(
        brand_id=row["brand_id"],
        programme_id=row["programme_id"],
        code=row["code"],
        names=_names(row),
        earns_points=row["earns_points"],
        counts_for_tier=row["counts_for_tier"],
        activation_level=ActivationLevel(row["activation_level"]),
    )


def _category(row: asyncpg.Record) -> Category:
    return Category(
        category_id=row["category_id"],
        programme_id=row["programme_id"],
        code=row["code"],
        names=_names(row),
        spend_minor_per_point=row["spend_minor_per_point"],
        earns_points=row["earns_points"],
        counts_for_tier=row["counts_for_tier"],
    )


def _tender_type(row: asyncpg.Record) -> TenderType:
    return TenderType(
        programme_id=row["programme_id"],
        code=row["code"],
        names=_names(row),
        earn_weight_basis_points=row["earn_weight_basis_points"],
        tier_weight_basis_points=row["tier_weight_basis_points"],
    )


def _counter(row: asyncpg.Record) -> Counter:
    return Counter(
        counter_id=row["counter_id"],
        store_id=row["store_id"],
        floor_id=row["floor_id"],
        brand_id=row["brand_id"],
        code=row["code"],
        commission_basis_points=row["commission_basis_points"],
    )
