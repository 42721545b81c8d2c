"""Rows of schema `planning`, and of other slices as a simulation reads them, to model."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from membership.campaigns.model import SaleDecision, SaleFacts
from membership.members.model import MemberId
from membership.planning.arrivals import RUSH_MS
from membership.planning.drafting import Period, Request
from membership.planning.model import Forecast, Simulation, SimulationId, SimulationState
from membership.planning.replay import PastSale
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.stores.model import ProgrammeId, StoreId

SQL = queries_of("planning")

_REQUEST = TypeAdapter(Request)
_FORECAST = TypeAdapter(Forecast)
_FACTS = TypeAdapter(SaleFacts)
_DECISION = TypeAdapter(SaleDecision)


@dataclass(frozen=True, slots=True)
class Taken:
    """A simulation that this run has taken."""

    simulation_id: SimulationId
    request: Request
    attempt: int


@dataclass(frozen=True, slots=True)
class AnonymousDay:
    store_id: StoreId
    business_date: date
    receipts: int
    net_minor: int


@dataclass(frozen=True, slots=True)
class PoolSeen:
    """The claims of one tier's members on a past pool. Delays in milliseconds after the drop, and after ten minutes
    of it; `last_ms`: the latest claim of all tiers, of at most so many as there were units."""

    pool_id: UUID
    tier: str
    rush_claims: int
    rush_delays_ms: int
    later_claims: int
    later_delays_ms: int
    pool_claims: int
    last_ms: int


async def insert_simulation(
    conn: Conn, simulation_id: SimulationId, request: Request, *, members: int, requested_by: str, now: datetime
) -> None:
    revision = request.revision
    await SQL.insert_simulation.exec(
        conn,
        simulation_id,
        revision.programme_id,
        revision.code,
        request.number,
        request.period.first,
        request.period.last,
        _REQUEST.dump_json(request).decode(),
        members,
        requested_by,
        now,
    )


async def take_simulation(
    conn: Conn, now: datetime, *, silent_since: datetime, simulation_id: SimulationId | None = None
) -> Taken | None:
    """The next that waits, or whose run has been silent; a named one, where it waits."""
    row = await SQL.take_simulation.maybe(conn, now, silent_since, simulation_id)
    if row is None:
        return None
    return Taken(row["simulation_id"], _REQUEST.validate_json(row["request"]), row["attempt"])


async def update_progress(conn: Conn, taken: Taken, *, done: int, total: int, now: datetime) -> bool:
    """False: another run has taken over."""
    row = await SQL.update_progress.maybe(conn, taken.simulation_id, taken.attempt, done, total, now)
    return row is not None


async def finish_simulation(
    conn: Conn, taken: Taken, *, forecast: Forecast | None, failure: str | None, now: datetime
) -> None:
    document = None if forecast is None else forecast_json(forecast)
    await SQL.finish_simulation.exec(conn, taken.simulation_id, taken.attempt, document, failure, now)


async def list_simulations_by_id(
    conn: Conn, simulation_ids: Collection[SimulationId]
) -> dict[SimulationId, Simulation]:
    """Those that exist and that the connection may see."""
    rows = await SQL.list_simulations_by_id.many(conn, list(simulation_ids))
    return {row["simulation_id"]: _simulation(row) for row in rows}


def forecast_json(forecast: Forecast) -> str:
    return _FORECAST.dump_json(forecast).decode()


async def count_members(conn: Conn, period: Period) -> int:
    row = await SQL.count_members_with_sales.one(conn, period.programme_id, period.first, period.last)
    return int(row["members"])


async def list_members(conn: Conn, period: Period, *, after: MemberId | None, limit: int) -> list[MemberId]:
    rows = await SQL.list_members_with_sales.many(conn, period.programme_id, period.first, period.last, after, limit)
    return [row["member_id"] for row in rows]


async def list_sales(conn: Conn, period: Period, members: Sequence[MemberId]) -> dict[MemberId, list[PastSale]]:
    """By member, earliest first."""
    rows = await SQL.list_sales_of_members.many(
        conn, list(members), period.programme_id, period.first, period.last, list(period.store_ids)
    )
    found: defaultdict[MemberId, list[PastSale]] = defaultdict(list)
    for row in rows:
        found[row["member_id"]].append(_past_sale(row))
    return dict(found)


async def list_anonymous_days(conn: Conn, period: Period) -> list[AnonymousDay]:
    rows = await SQL.list_anonymous_days.many(conn, list(period.store_ids), period.first, period.last)
    return [AnonymousDay(**dict(row)) for row in rows]


async def list_members_by_tier(
    conn: Conn, programme_id: ProgrammeId, *, lowest_tier: str, enrolled_before: datetime
) -> Mapping[StoreId, Mapping[str, int]]:
    """By home store and tier."""
    rows = await SQL.list_members_by_tier.many(conn, programme_id, lowest_tier, enrolled_before)
    found: defaultdict[StoreId, dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[row["home_store_id"]][row["tier"]] = row["members"]
    return dict(found)


async def list_past_claims(
    conn: Conn, drops: Mapping[UUID, tuple[datetime, int]], *, lowest_tier: str
) -> list[PoolSeen]:
    """`drops`: by pool, the moment of its drop and its units."""
    rows = await SQL.list_past_claims.many(
        conn,
        list(drops),
        [drops_at for drops_at, _ in drops.values()],
        [units for _, units in drops.values()],
        lowest_tier,
        RUSH_MS,
    )
    return [PoolSeen(**dict(row)) for row in rows]


async def list_limits_reached(
    conn: Conn, limits: Mapping[UUID, int], *, lowest_tier: str
) -> dict[UUID, list[tuple[date, str, int]]]:
    """`limits`: by offer. Per offer: on which day how many members of which tier had their last gift."""
    rows = await SQL.list_limits_reached.many(conn, list(limits), list(limits.values()), lowest_tier)
    found: defaultdict[UUID, list[tuple[date, str, int]]] = defaultdict(list)
    for row in rows:
        found[row["offer_id"]].append((row["day"], row["tier"], row["members"]))
    return dict(found)


def _past_sale(row: asyncpg.Record) -> PastSale:
    return PastSale(
        sale_id=row["sale_id"],
        store_id=row["store_id"],
        business_date=row["business_date"],
        sold_at=row["sold_at"],
        facts=_FACTS.validate_json(row["inputs"]),
        decision=_DECISION.validate_json(row["decision"]),
    )


def _simulation(row: asyncpg.Record) -> Simulation:
    forecast = None if row["forecast"] is None else _FORECAST.validate_json(row["forecast"])
    return Simulation(**{**dict(row), "state": SimulationState(row["state"]), "forecast": forecast})
