"""A member's appointments as a connection: of one member or of many, in one statement."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from membership.appointments import model, reading
from membership.graph.appointments.types import Appointment, appointment_nodes
from membership.graph.kit.context import RequestContext
from membership.graph.kit.relay import Connection, Keyset, Page, connection
from membership.members.model import MemberId

UPCOMING = Keyset("appointments", (datetime, UUID))
"""The next first."""
PAST = Keyset("past_appointments", (datetime, UUID))
"""The latest first."""


def page_of(first: int | None, after: str | None, *, past: bool) -> Page:
    return (PAST if past else UPCOMING).page(first, after)


async def member_appointments(
    context: RequestContext, member_ids: Collection[MemberId], page: Page, *, past: bool
) -> dict[MemberId, Connection[Appointment]]:
    """A page of each of them, of those appointments that the caller may see."""
    starts_at, appointment_id = page.after
    after = (
        starts_at if isinstance(starts_at, datetime) else None,
        appointment_id if isinstance(appointment_id, UUID) else None,
    )
    async with context.reader() as conn:
        if past:
            found = await reading.list_past(conn, member_ids, context.now, before=after, limit=page.size + 1)
        else:
            found = await reading.list_upcoming(conn, member_ids, context.now, after=after, limit=page.size + 1)
    nodes = await appointment_nodes(context, found)
    by_id = {entry.appointment_id: node for entry, node in zip(found, nodes, strict=True)}
    rows: dict[MemberId, list[model.Appointment]] = defaultdict(list)
    for entry in found:
        rows[entry.membership.member_id].append(entry)
    return {
        member_id: connection(
            rows[member_id],
            page,
            PAST if past else UPCOMING,
            node=lambda entry: by_id[entry.appointment_id],
            key=lambda entry: (entry.period.start, entry.appointment_id),
        )
        for member_id in member_ids
    }
