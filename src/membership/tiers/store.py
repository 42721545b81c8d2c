"""Rows of schema `tiers` to model, and decisions to rows."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from membership.members.model import MemberId, MembershipKey
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.postgres.json import to_json
from membership.receipts.model import DaySpend
from membership.stores.model import ProgrammeId
from membership.tiers.model import (
    Grant,
    GrantId,
    Ladder,
    LadderRevision,
    OpenWarning,
    RankBasis,
    RecordedGrant,
    Rescission,
    ReviewId,
    Source,
    Standing,
    TierRecords,
)
from membership.tiers.records import days_of, records_of
from membership.tiers.rules.ranking import Contender
from membership.tiers.rules.review import ReviewDecision

SQL = queries_of("tiers")


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """One member as loaded for a decision."""

    member_id: MemberId
    records: TierRecords
    days: tuple[DaySpend, ...]


@dataclass(frozen=True, slots=True)
class NewReview:
    """A step of a review to record, as of a business date."""

    review_id: ReviewId
    decision: ReviewDecision
    effective_on: date
    ladder_revision: int
    overturned: bool = False


@dataclass(frozen=True, slots=True)
class MemberWrite:
    """What a decision leaves on one member's record."""

    member_id: MemberId
    standing: Standing
    warning: OpenWarning | None
    review_on: date | None
    grants: tuple[Grant, ...] = ()
    rescinded: tuple[tuple[Grant, Rescission], ...] = ()
    overturned: tuple[ReviewId, ...] = ()
    restored: tuple[ReviewId, ...] = ()
    reviews: tuple[NewReview, ...] = ()


async def load_ladders(conn: Conn) -> dict[ProgrammeId, tuple[LadderRevision, ...]]:
    """Every programme's revisions, earliest first."""
    ladders: dict[ProgrammeId, list[LadderRevision]] = defaultdict(list)
    for row in await SQL.list_ladders.many(conn):
        ladder = Ladder.model_validate_json(row["ladder"])
        ladders[row["programme_id"]].append(LadderRevision(row["revision"], row["effective_from"], ladder))
    return {programme_id: tuple(revisions) for programme_id, revisions in ladders.items()}


async def insert_ladder(conn: Conn, programme_id: ProgrammeId, entry: LadderRevision) -> bool:
    """False when that revision exists."""
    document = entry.ladder.model_dump_json()
    row = await SQL.insert_ladder.maybe(conn, programme_id, entry.revision, entry.effective_from, document)
    return row is not None


async def list_facts(
    conn: Conn,
    programme_id: ProgrammeId,
    member_ids: Collection[MemberId],
    *,
    ladders: Sequence[LadderRevision],
    days_from: date,
    today: date,
) -> list[MemberFacts]:
    """By member id."""
    rows = await SQL.list_facts.many(conn, programme_id, list(member_ids), days_from)
    return [
        MemberFacts(
            row["member_id"],
            records_of(row["records"], ladders, today),
            days_of(row["dates"], row["tier_minor"], row["base_points"]),
        )
        for row in rows
    ]


async def list_records(
    conn: Conn,
    programme_id: ProgrammeId,
    member_ids: Collection[MemberId],
    *,
    ladders: Sequence[LadderRevision],
    today: date,
) -> dict[MemberId, TierRecords]:
    """One entry for each member asked for."""
    rows = await SQL.list_records.many(conn, programme_id, list(member_ids))
    recorded = {row["member_id"]: row["records"] for row in rows}
    return {member_id: records_of(recorded.get(member_id), ladders, today) for member_id in member_ids}


async def list_due_for_review(conn: Conn, programme_id: ProgrammeId, today: date, limit: int) -> list[MemberId]:
    return [row["member_id"] for row in await SQL.list_due_for_review.many(conn, programme_id, today, limit)]


async def claim_rank_award(
    conn: Conn,
    programme_id: ProgrammeId,
    tier: str,
    *,
    period_starts_on: date,
    benefit_starts_on: date,
    ladder_revision: int,
    now: datetime,
) -> bool:
    """False when these ranks have been awarded."""
    row = await SQL.insert_rank_award.maybe(
        conn, programme_id, tier, period_starts_on, benefit_starts_on, ladder_revision, now
    )
    return row is not None


async def list_rank_awards(conn: Conn, programme_id: ProgrammeId) -> dict[str, date]:
    """When the latest awarded ranks of each tier began."""
    return {row["tier"]: row["benefit_starts_on"] for row in await SQL.list_rank_awards.many(conn, programme_id)}


async def list_contenders(
    conn: Conn,
    programme_id: ProgrammeId,
    *,
    starts_on: date,
    ends_on: date,
    minimum_spend_minor: int,
    limit: int,
) -> list[Contender]:
    rows = await SQL.list_contenders.many(conn, programme_id, starts_on, ends_on, minimum_spend_minor, limit)
    return [Contender(row["member_id"], row["spend_minor"], row["attained_on"]) for row in rows]


async def list_holders(conn: Conn, programme_id: ProgrammeId, tier: str) -> list[MemberId]:
    return [row["member_id"] for row in await SQL.list_holders.many(conn, programme_id, tier)]


async def list_grants(
    conn: Conn, membership: MembershipKey, *, after: GrantId | None, limit: int
) -> list[RecordedGrant]:
    """The latest first, rescinded ones too, from before `after` on."""
    rows = await SQL.list_grants.many(conn, membership.member_id, membership.programme_id, after, limit)
    return [_recorded_grant(row) for row in rows]


async def list_grants_by_id(conn: Conn, grant_ids: Collection[UUID]) -> dict[GrantId, RecordedGrant]:
    """Those that exist and that the connection may see."""
    rows = await SQL.list_grants_by_id.many(conn, list(grant_ids))
    return {row["grant_id"]: _recorded_grant(row) for row in rows}


async def close_merged(conn: Conn, programme_id: ProgrammeId, loser: MemberId, lowest: str, now: datetime) -> None:
    await SQL.close_merged.exec(conn, programme_id, loser, lowest, now)


async def write_changes(
    conn: Conn, programme_id: ProgrammeId, entry: LadderRevision, writes: Sequence[MemberWrite], now: datetime
) -> None:
    """One statement, whatever the number of members. `entry`: the ladder that levels are of."""
    await SQL.write_changes.exec(
        conn,
        programme_id,
        now,
        *_columns(10, (_standing_row(write, entry.revision) for write in writes)),
        *_columns(15, (_grant_row(write, grant, entry) for write in writes for grant in write.grants)),
        *_columns(2, ((grant.grant_id, because) for write in writes for grant, because in write.rescinded)),
        *_columns(2, (flag for write in writes for flag in _flags(write))),
        *_columns(9, (_review_row(write, review) for write in writes for review in write.reviews)),
    )


def _columns(width: int, rows: Iterable[Sequence[object]]) -> tuple[list[object], ...]:
    """Rows to columns, for unnest: as many arrays as there are columns, even without rows."""
    columns: tuple[list[object], ...] = tuple([] for _ in range(width))
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return columns


def _standing_row(write: MemberWrite, revision: int) -> Sequence[object]:
    hold, warning = write.standing.hold, write.warning
    return (
        write.member_id,
        hold.tier,
        hold.level,
        hold.since,
        hold.ends_on,
        to_json(write.standing.upcoming),
        None if warning is None else warning.tier,
        None if warning is None else warning.due_on,
        write.review_on,
        revision,
    )


def _grant_row(write: MemberWrite, grant: Grant, entry: LadderRevision) -> Sequence[object]:
    rank = grant.rank
    basis = (
        (None,) * 5
        if rank is None
        else (
            rank.rank,
            rank.cap,
            rank.period_starts_on,
            rank.period_ends_on,
            rank.floor_minor,
        )
    )
    return (
        grant.grant_id,
        write.member_id,
        grant.tier,
        entry.levels[grant.tier],
        grant.source,
        grant.criterion,
        grant.qualified_on,
        grant.starts_on,
        grant.ends_on,
        grant.ladder_revision,
        *basis,
    )


def _flags(write: MemberWrite) -> Iterable[tuple[ReviewId, bool]]:
    yield from ((review_id, True) for review_id in write.overturned)
    yield from ((review_id, False) for review_id in write.restored)


def _review_row(write: MemberWrite, review: NewReview) -> Sequence[object]:
    decision = review.decision
    return (
        review.review_id,
        write.member_id,
        decision.step,
        decision.due_on,
        review.effective_on,
        decision.from_tier,
        decision.to_tier,
        review.ladder_revision,
        review.overturned,
    )


def _recorded_grant(row: asyncpg.Record) -> RecordedGrant:
    because = row["rescinded_because"]
    basis = None
    if row["rank"] is not None:
        basis = RankBasis(
            rank=row["rank"],
            cap=row["rank_cap"],
            period_starts_on=row["rank_period_starts_on"],
            period_ends_on=row["rank_period_ends_on"],
            floor_minor=row["rank_floor_minor"],
        )
    return RecordedGrant(
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        grant=Grant(
            grant_id=row["grant_id"],
            tier=row["tier"],
            source=Source(row["source"]),
            criterion=row["criterion"],
            qualified_on=row["qualified_on"],
            starts_on=row["starts_on"],
            ends_on=row["ends_on"],
            ladder_revision=row["ladder_revision"],
            rank=basis,
        ),
        granted_at=row["granted_at"],
        rescinded_at=row["rescinded_at"],
        rescinded_because=None if because is None else Rescission(because),
    )
