"""The audit trail as auditors read it: the latest first, as the connection's caller may see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg

from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.postgres.json import Json, from_json

SQL = queries_of("platform")


@dataclass(frozen=True, slots=True)
class ByActor:
    actor: str


@dataclass(frozen=True, slots=True)
class AboutMember:
    member_id: UUID


@dataclass(frozen=True, slots=True)
class AboutSubject:
    kind: str
    subject_id: str


About: TypeAlias = ByActor | AboutMember | AboutSubject | None
"""What is asked about; None: everything."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One entry, as it was written."""

    audit_id: UUID
    at: datetime
    actor_role: str
    actor: str
    origin: str | None
    correlation_id: str | None
    action: str
    subject_kind: str
    subject_id: str
    member_id: UUID | None
    before: Json
    after: Json


async def list_entries(
    conn: Conn, about: About, *, programme_id: UUID | None, before: UUID | None, limit: int
) -> Sequence[Recorded]:
    """Of one programme, or of all where it is None; `before`: an entry of the page before."""
    page = (programme_id, before, limit)
    match about:
        case None:
            rows = await SQL.list_audit_entries.many(conn, *page)
        case ByActor(actor):
            rows = await SQL.list_audit_entries_of_actor.many(conn, *page, actor)
        case AboutMember(member_id):
            rows = await SQL.list_audit_entries_of_member.many(conn, *page, member_id)
        case AboutSubject(kind, subject_id):
            rows = await SQL.list_audit_entries_of_subject.many(conn, *page, kind, subject_id)
    return [_recorded(row) for row in rows]


def _recorded(row: asyncpg.Record) -> Recorded:
    return Recorded(
        audit_id=row["audit_id"],
        at=row["at"],
        actor_role=row["actor_role"],
        actor=row["actor"],
        origin=row["origin"],
        correlation_id=row["correlation_id"],
        action=row["action"],
        subject_kind=row["subject_kind"],
        subject_id=row["subject_id"],
        member_id=row["member_id"],
        before=_facts(row["before"]),
        after=_facts(row["after"]),
    )


def _facts(text: str | None) -> Json:
    return {} if text is None else from_json(text)


def changes(entry: Recorded) -> Mapping[str, tuple[object, object]]:
    """What each fact was before and after, by its name; None where nothing is said."""
    return {name: (entry.before.get(name), entry.after.get(name)) for name in {**entry.before, **entry.after}}
