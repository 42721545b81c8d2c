"""Rows of schema `receipts` to model."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg
import orjson
from pydantic import TypeAdapter

from membership.members.model import MemberId, MembershipKey
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.postgres.json import to_json
from membership.receipts.model import (
    Basket,
    DaySpend,
    ExceptionNoted,
    NaturalKey,
    Quote,
    QuoteId,
    QuoteState,
    ReturnDecision,
    ReturnId,
    ReturnKind,
    Sale,
    SaleId,
    SaleLine,
    SaleState,
)
from membership.stores.model import CounterId, ProgrammeId, StoreId, TillId

SQL = queries_of("receipts")
_EXCEPTIONS = TypeAdapter(tuple[ExceptionNoted, ...])


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """What a line counts for after its tenders were weighed. Amounts in minor units."""

    line_no: int
    earn_minor: int
    tier_minor: int
    points: int
    discount_minor: int = 0


@dataclass(frozen=True, slots=True)
class NewSale:
    """A receipt to post. `inputs` and `decision` are JSON (law P5)."""

    sale_id: SaleId
    programme_id: ProgrammeId
    key: NaturalKey
    counter_id: CounterId | None
    body_hash: bytes
    member_id: MemberId | None
    quote_id: QuoteId | None
    basket: Basket
    amounts: tuple[LineAmounts, ...]
    points_redeemed: int
    base_points: int
    sold_at: datetime
    inputs: str
    decision: str
    exceptions: tuple[ExceptionNoted, ...]
    answer: str

    @property
    def tier_minor(self) -> int:
        return sum(amount.tier_minor for amount in self.amounts)


@dataclass(frozen=True, slots=True)
class NewReturn:
    """A void or return to post."""

    return_id: ReturnId
    sale_id: SaleId
    kind: ReturnKind
    store_id: StoreId
    till_id: TillId
    business_date: date
    sequence: int | None
    body_hash: bytes
    decision: ReturnDecision
    points_clawed_back_by_line: dict[int, int]
    points_given_back: int
    points_shortfall: int
    exchanged_for: SaleId | None
    answer: str


async def insert_quote(conn: Conn, quote: Quote) -> None:
    await SQL.insert_quote.exec(
        conn,
        quote.quote_id,
        quote.programme_id,
        quote.store_id,
        quote.till_id,
        quote.member_id,
        quote.basket,
        quote.inputs,
        quote.decision,
        quote.points_to_spend,
        quote.quoted_at,
        quote.expires_at,
    )


async def find_quote(conn: Conn, quote_id: QuoteId, till_id: TillId) -> Quote | None:
    row = await SQL.find_quote.maybe(conn, quote_id, till_id)
    return None if row is None else quote_of(row)


async def renew_quote(conn: Conn, quote_id: QuoteId, expires_at: datetime) -> None:
    await SQL.renew_quote.exec(conn, quote_id, expires_at)


async def abandon_quote(conn: Conn, quote_id: QuoteId, now: datetime) -> None:
    await SQL.abandon_quote.exec(conn, quote_id, now)


async def delete_unsold_quotes(conn: Conn, *, expired_before: datetime, limit: int) -> int:
    """How many were deleted. Quotes that became a sale stay."""
    row = await SQL.delete_unsold_quotes.one(conn, expired_before, limit)
    return int(row["deleted"])


async def insert_sale(conn: Conn, sale: NewSale, now: datetime) -> bool:
    """False when the natural key is taken; nothing was written then."""
    basket, amounts = sale.basket, {entry.line_no: entry for entry in sale.amounts}
    ordered = [amounts[line.line_no] for line in basket.lines]
    row = await SQL.insert_sale.maybe(
        conn,
        sale.sale_id,
        sale.programme_id,
        sale.key.store_id,
        sale.key.till_id,
        sale.counter_id,
        sale.key.business_date,
        sale.key.sequence,
        sale.body_hash,
        sale.member_id,
        sale.quote_id,
        basket.currency,
        basket.net_minor,
        sale.points_redeemed,
        sale.sold_at,
        now,
        to_json(basket),
        sale.inputs,
        sale.decision,
        to_json(sale.exceptions),
        [line.line_no for line in basket.lines],
        [line.counter_id for line in basket.lines],
        [line.category_id for line in basket.lines],
        [line.description for line in basket.lines],
        [line.quantity for line in basket.lines],
        [line.net_minor for line in basket.lines],
        [entry.earn_minor for entry in ordered],
        [entry.tier_minor for entry in ordered],
        [entry.points for entry in ordered],
        [tender.tender_type for tender in basket.tenders],
        [tender.amount_minor for tender in basket.tenders],
        [tender.reference for tender in basket.tenders],
        sale.tier_minor,
        sale.base_points,
        sale.answer,
        [entry.discount_minor for entry in ordered],
    )
    return row is not None


async def find_sale(conn: Conn, by: SaleId | NaturalKey) -> Sale | None:
    if isinstance(by, NaturalKey):
        row = await SQL.find_sale_by_natural_key.maybe(conn, by.store_id, by.till_id, by.business_date, by.sequence)
    else:
        row = await SQL.find_sale_by_id.maybe(conn, by)
    return None if row is None else sale_of(row)


async def lock_sale(conn: Conn, sale_id: SaleId) -> Sale | None:
    """Lock a sale, then read it: two round trips, for the reason said at the query."""
    if await SQL.lock_sale.maybe(conn, sale_id) is None:
        return None
    return await find_sale(conn, sale_id)


async def list_sales(conn: Conn, membership: MembershipKey, *, before: SaleId | None, limit: int) -> list[Sale]:
    """A member's receipts, the latest recorded first."""
    rows = await SQL.list_sales.many(conn, membership.member_id, membership.programme_id, before, limit)
    return [sale_of(row) for row in rows]


async def list_sales_by_id(conn: Conn, sale_ids: Collection[UUID]) -> list[Sale]:
    return [sale_of(row) for row in await SQL.list_sales_by_id.many(conn, list(sale_ids))]


async def insert_return(conn: Conn, entry: NewReturn, now: datetime) -> bool:
    """False when the return receipt's natural key is taken; nothing was written then."""
    decision, clawed = entry.decision, entry.points_clawed_back_by_line
    row = await SQL.insert_return.maybe(
        conn,
        entry.return_id,
        entry.sale_id,
        entry.kind.value,
        entry.store_id,
        entry.till_id,
        entry.business_date,
        entry.sequence,
        entry.body_hash,
        decision.amount_minor,
        sum(clawed.values()),
        entry.points_given_back,
        entry.points_shortfall,
        entry.exchanged_for,
        now,
        entry.answer,
        [line.line.line_no for line in decision.lines],
        [line.quantity for line in decision.lines],
        [line.amount_minor for line in decision.lines],
        [clawed.get(line.line.line_no, 0) for line in decision.lines],
        decision.state.value,
        decision.tier_minor,
        decision.base_points,
        [line.discount_minor for line in decision.lines],
    )
    return row is not None


@dataclass(frozen=True, slots=True)
class RecordedReturn:
    """A return as found by its own receipt's number."""

    return_id: ReturnId
    sale_id: SaleId
    body_hash: bytes
    answer: str
    exchanged_for: SaleId | None


async def find_return_by_natural_key(conn: Conn, key: NaturalKey) -> RecordedReturn | None:
    row = await SQL.find_return_by_natural_key.maybe(conn, key.store_id, key.till_id, key.business_date, key.sequence)
    return None if row is None else _recorded_return(row)


async def get_return(conn: Conn, return_id: ReturnId) -> RecordedReturn:
    return _recorded_return(await SQL.get_return.one(conn, return_id))


def _recorded_return(row: asyncpg.Record) -> RecordedReturn:
    return RecordedReturn(row["return_id"], row["sale_id"], row["body_hash"], row["answer"], row["exchanged_for"])


async def attach_sale(
    conn: Conn,
    sale_id: SaleId,
    member_id: MemberId,
    *,
    amounts: Sequence[LineAmounts],
    base_points: int,
    inputs: str,
    decision: str,
    now: datetime,
) -> None:
    await SQL.attach_sale.exec(
        conn,
        sale_id,
        member_id,
        now,
        inputs,
        decision,
        [entry.line_no for entry in amounts],
        [entry.earn_minor for entry in amounts],
        [entry.tier_minor for entry in amounts],
        [entry.points for entry in amounts],
        sum(entry.tier_minor for entry in amounts),
        base_points,
    )


async def list_business_days(conn: Conn, membership: MembershipKey) -> list[DaySpend]:
    rows = await SQL.list_business_days.many(conn, membership.member_id, membership.programme_id)
    return [DaySpend(row["business_date"], row["tier_minor"], row["base_points"]) for row in rows]


async def merge_member(conn: Conn, *, loser_id: MemberId, winner_id: MemberId, programme_id: ProgrammeId) -> None:
    await SQL.merge_member.exec(conn, loser_id, winner_id, programme_id)


def sale_of(row: asyncpg.Record) -> Sale:
    """A row of the sale queries to its model."""
    return Sale(
        sale_id=row["sale_id"],
        programme_id=row["programme_id"],
        store_id=row["store_id"],
        till_id=row["till_id"],
        counter_id=row["counter_id"],
        business_date=row["business_date"],
        sequence=row["sequence"],
        body_hash=row["body_hash"],
        member_id=row["member_id"],
        quote_id=row["quote_id"],
        state=SaleState(row["state"]),
        currency=row["currency"],
        net_minor=row["net_minor"],
        returned_minor=row["returned_minor"],
        points_redeemed=row["points_redeemed"],
        points_returned=row["points_returned"],
        sold_at=row["sold_at"],
        committed_at=row["committed_at"],
        attached_at=row["attached_at"],
        inputs=row["inputs"],
        decision=row["decision"],
        answer=row["answer"],
        exceptions=_EXCEPTIONS.validate_json(row["exceptions"]),
        lines=tuple(_line(entry) for entry in orjson.loads(row["lines"] or "[]")),
        discount_minor=row["discount_minor"],
        returned_discount_minor=row["returned_discount_minor"],
    )


def _line(entry: dict[str, str | int | None]) -> SaleLine:
    return SaleLine(
        **{**entry, "counter_id": UUID(str(entry["counter_id"])), "category_id": UUID(str(entry["category_id"]))}  # type: ignore[arg-type]
    )


def quote_of(row: asyncpg.Record) -> Quote:
    """A row of the quote queries to its model."""
    return Quote(
        quote_id=row["quote_id"],
        programme_id=row["programme_id"],
        store_id=row["store_id"],
        till_id=row["till_id"],
        member_id=row["member_id"],
        state=QuoteState(row["state"]),
        basket=row["basket"],
        inputs=row["inputs"],
        decision=row["decision"],
        points_to_spend=row["points_to_spend"],
        quoted_at=row["quoted_at"],
        expires_at=row["expires_at"],
    )
