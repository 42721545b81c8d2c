"""The audit trail: who did what, to what, when and from where. For administrators; nobody changes it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from membership.graph.kit.context import Info
from membership.graph.kit.fields import field
from membership.graph.kit.relay import After, Connection, First, Keyset, connection, global_id, key_of
from membership.kernel.actor import Role
from membership.postgres import audit_trail
from membership.postgres.audit_trail import About, AboutMember, AboutSubject, ByActor, Recorded
from membership.postgres.json import to_json

TRAIL = Keyset("audit_trail", (UUID,))
"""The latest first."""


@strawberry.input(description="A thing by the words of the trail, such as `campaign` and its id there.")
class AuditSubjectInput:
    kind: str = strawberry.field(description="Kind of thing: `card`, `campaign`, `offer`, `keys` …")
    id: str = strawberry.field(description="Its id as the trail says it, `AuditRecord.subjectId`.")


@strawberry.input(name="AuditAbout", one_of=True, description="What is asked about: exactly one of these.")
class AuditAboutInput:
    actor: str | None = strawberry.field(
        default=strawberry.UNSET, description="What somebody did, by the subject of their token."
    )
    member_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="What was done about a member."
    )
    subject: AuditSubjectInput | None = strawberry.field(
        default=strawberry.UNSET, description="What was done to a thing."
    )

    def to_model(self) -> About:
        if self.actor:
            return ByActor(self.actor)
        if self.subject:
            return AboutSubject(self.subject.kind, self.subject.id)
        return AboutMember(key_of(strawberry.ID(self.member_id or ""), "Member"))


@strawberry.type(description="A fact of a record, before and after. Values are as in JSON.")
class AuditChange:
    name: str = strawberry.field(description="Name of the fact.")
    before: str | None = strawberry.field(description="What it was; null where nothing is said.")
    after: str | None = strawberry.field(description="What it became; null where nothing is said.")


@strawberry.type(description="One act of a member of staff, or of an operator at the command line.")
class AuditRecord:
    id: strawberry.ID = strawberry.field(description="The record's id in the trail.")
    at: datetime = strawberry.field(description="When.")
    role: Role = strawberry.field(description="In which role.")
    actor: str = strawberry.field(description="Who: the subject of the token, or `operator:` and a name.")
    origin: str | None = strawberry.field(description="From where; null where that is not known.")
    correlation_id: str | None = strawberry.field(description="Of the request, as logs and answers say it.")
    action: str = strawberry.field(description="What was done, such as `cards.block`.")
    subject_kind: str = strawberry.field(description="The kind of thing it was done to.")
    subject_id: str = strawberry.field(description="Which one.")
    member_id: strawberry.ID | None = strawberry.field(description="The member it is about, if any.")
    changes: list[AuditChange] = strawberry.field(description="What changed, fact by fact.")


@strawberry.type
class AuditQuery:
    @field(
        description="The audit trail, the latest first: all of it. For a token that names a programme, what is of that "
        "programme or, as the rotation of keys, of none."
    )
    async def audit_trail(
        self,
        info: Info,
        about: Annotated[
            AuditAboutInput | None, strawberry.argument(description="What is asked about; everything if absent.")
        ] = None,
        first: First = None,
        after: After = None,
    ) -> Connection[AuditRecord]:
        context, page = info.context, TRAIL.page(first, after)
        (key,) = page.after
        async with context.reader() as conn:
            found = await audit_trail.list_entries(
                conn,
                None if about is None else about.to_model(),
                programme_id=context.actor.programme_id,
                before=key if isinstance(key, UUID) else None,
                limit=page.size + 1,
            )
        return connection(found, page, TRAIL, node=_record, key=lambda entry: (entry.audit_id,))


def _record(entry: Recorded) -> AuditRecord:
    return AuditRecord(
        id=strawberry.ID(str(entry.audit_id)),
        at=entry.at,
        role=Role(entry.actor_role),
        actor=entry.actor,
        origin=entry.origin,
        correlation_id=entry.correlation_id,
        action=entry.action,
        subject_kind=entry.subject_kind,
        subject_id=entry.subject_id,
        member_id=None if entry.member_id is None else global_id("Member", entry.member_id),
        changes=[
            AuditChange(name=name, before=_text(before), after=_text(after))
            for name, (before, after) in audit_trail.changes(entry).items()
        ],
    )


def _text(value: object) -> str | None:
    return None if value is None else to_json(value)
