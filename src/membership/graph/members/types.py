"""Members and their memberships, as the API shows them. What a role may see of them: permissions.py."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Annotated, TypeVar, cast
from uuid import UUID

import strawberry

from membership.cards import store as card_store
from membership.cards.model import Card as CardRecord
from membership.graph.appointments.lists import member_appointments, page_of
from membership.graph.appointments.types import Appointment
from membership.graph.cards.types import Card, card_node
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import many
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.fields import field
from membership.graph.kit.relay import (
    After,
    Connection,
    First,
    Keyset,
    Node,
    connection,
    global_id,
    node_loader,
    rows_in_memory,
)
from membership.graph.stores.types import Programme, Store, programme_node, store_node
from membership.members import model, rules, store
from membership.members.model import ConsentPurpose, ConsentSource, IdentityKind, MemberId, MemberStatus
from membership.stores.service import Directory

describe_enum(
    MemberStatus,
    "Whether a member is one still.",
    {
        MemberStatus.ACTIVE: "A member.",
        MemberStatus.MERGED: "Merged into another member, who has taken everything over.",
        MemberStatus.ERASED: "Erased at the person's wish; nothing personal is left.",
    },
)
describe_enum(
    IdentityKind,
    "What a member can be recognised by.",
    {
        IdentityKind.PHONE: "A phone number.",
        IdentityKind.EMAIL: "An e-mail address.",
        IdentityKind.WECHAT_UNION_ID: "WeChat's id of the person for all of the mall's programmes there.",
        IdentityKind.WECHAT_OPEN_ID: "WeChat's id of the person for one programme.",
    },
)
describe_enum(
    ConsentPurpose,
    "What a member consents to.",
    {
        ConsentPurpose.MEMBERSHIP: "Being a member: without it there is no membership.",
        ConsentPurpose.MARKETING: "Messages about offers.",
        ConsentPurpose.PROFILING: "Offers chosen by what was bought before.",
        ConsentPurpose.BRAND_SHARING: "Data shared with one brand.",
    },
)
describe_enum(
    ConsentSource,
    "Where a member said so. Never at a till.",
    {
        ConsentSource.APP: "In the app.",
        ConsentSource.MEMBER_SERVICES: "At member services.",
        ConsentSource.IMPORT: "In the system before this one.",
    },
)

Row = TypeVar("Row")

_BY_AGE = Keyset("by_age", (UUID,))
_BY_QUESTION = Keyset("by_question", (str, str, str))


class Together:
    """Members that one field found: what belongs to them is read for all of them at once, when first asked for."""

    def __init__(self, context: RequestContext, member_ids: Collection[MemberId]) -> None:
        self._context = context
        self._member_ids = member_ids
        self._lock = asyncio.Lock()
        self._read: dict[str, object] = {}

    async def memberships(self) -> dict[MemberId, list[model.Membership]]:
        async def read() -> list[model.Membership]:
            async with self._context.reader() as conn:
                return await store.list_memberships(conn, self._member_ids)

        return await self._once("memberships", read, lambda row: row.key.member_id)

    async def identities(self) -> dict[MemberId, list[model.Identity]]:
        async def read() -> list[model.Identity]:
            async with self._context.reader() as conn:
                keyring = self._context.services.keyring
                return await store.list_identities(conn, self._member_ids, keyring=keyring)

        return await self._once("identities", read, lambda row: row.member_id)

    async def consents(self) -> dict[MemberId, list[model.Consent]]:
        async def read() -> list[model.Consent]:
            async with self._context.reader() as conn:
                return await store.list_consents(conn, self._member_ids)

        return await self._once("consents", read, lambda row: row.membership.member_id)

    async def cards(self) -> dict[MemberId, list[CardRecord]]:
        async def read() -> list[CardRecord]:
            async with self._context.reader() as conn:
                return await card_store.list_cards(conn, self._member_ids)

        return await self._once("cards", read, lambda row: row.membership.member_id)

    async def appointments(
        self, first: int | None, after: str | None, *, past: bool
    ) -> Mapping[MemberId, Connection[Appointment]]:
        page, name = page_of(first, after, past=past), f"appointments/{past}/{first}/{after}"
        async with self._lock:
            if name not in self._read:
                self._read[name] = await member_appointments(self._context, self._member_ids, page, past=past)
        return cast(Mapping[MemberId, Connection[Appointment]], self._read[name])

    async def _once(
        self, name: str, read: Callable[[], Awaitable[Iterable[Row]]], member_of: Callable[[Row], MemberId]
    ) -> dict[MemberId, list[Row]]:
        async with self._lock:
            if name not in self._read:
                grouped: dict[MemberId, list[Row]] = defaultdict(list)
                for row in await read():
                    grouped[member_of(row)].append(row)
                self._read[name] = grouped
        return cast(dict[MemberId, list[Row]], self._read[name])


@strawberry.type(description="A day of birth. The year only if the member cared to give it.")
class Birthday:
    month: int = strawberry.field(description="From 1 to 12.")
    day: int = strawberry.field(description="From 1 to 31.")
    year: int | None = strawberry.field(description="The year, where it is known.")


@strawberry.type(description="A verified way to recognise a member. It belongs to one member only.")
class Identity:
    id: strawberry.ID = strawberry.field(description="For removeIdentity.")
    kind: IdentityKind = strawberry.field(description="What it is.")
    value: str = strawberry.field(description="The whole of it, for the member and member services.")
    masked: str = strawberry.field(description="Enough for its owner to recognise it.")
    added_at: datetime = strawberry.field(description="When it was added.")
    verified_at: datetime | None = strawberry.field(description="When it was verified.")


@strawberry.type(description="The member's latest answer to one question.")
class Consent:
    purpose: ConsentPurpose = strawberry.field(description="What was asked.")
    granted: bool = strawberry.field(description="The answer.")
    brand_id: strawberry.ID | None = strawberry.field(description="The brand it is about, for BRAND_SHARING.")
    programme_id: strawberry.ID = strawberry.field(description="The programme it holds in.")
    recorded_at: datetime = strawberry.field(description="When it was given.")
    source: ConsentSource = strawberry.field(description="Where it was given.")


@strawberry.type(description="A member in one programme: what cards, points and tiers belong to.")
class Membership(Node):
    member_id: strawberry.ID = strawberry.field(description="Id of the member.")
    enrolled_at: datetime = strawberry.field(description="When the member joined the programme.")
    record: strawberry.Private[model.Membership]
    directory: strawberry.Private[Directory]

    @field(description="The programme.")
    def programme(self, info: Info) -> Programme:
        record = self.directory.programme(self.record.key.programme_id)
        return programme_node(record, self.directory, info.context.locale)

    @field(description="The store in which the member joined.")
    def home_store(self, info: Info) -> Store:
        return store_node(self.directory.store(self.record.home_store_id), self.directory, info.context.locale)


@strawberry.type(description="A person who is a member of one or more programmes.")
class Member(Node):
    status: MemberStatus = strawberry.field(description="Whether the person is a member still.")
    merged_into_id: strawberry.ID | None = strawberry.field(description="Id of the member who took over, if any.")
    display_name: str | None = strawberry.field(description="The name the member chose.")
    masked_name: str | None = strawberry.field(description="Its initials, to greet with at a till.")
    birthday: Birthday | None = strawberry.field(description="The day of birth, where it is known.")
    preferred_locale: str | None = strawberry.field(description="BCP 47 tag of the member's language.")
    joined_at: datetime = strawberry.field(description="When the person became a member of their first programme.")
    member_id: strawberry.Private[MemberId]
    together: strawberry.Private[Together]

    @field(
        description="The programmes that the member is in and the caller may see: one membership in each at most.",
        directives=many(20),
    )
    async def memberships(self, info: Info) -> list[Membership]:
        rows = (await self.together.memberships())[self.member_id]
        directory = await info.context.directory()
        return [membership_node(row, directory) for row in rows]

    @field(description="What the member is recognised by, earliest first.")
    async def identities(self, first: First = None, after: After = None) -> Connection[Identity]:
        rows = (await self.together.identities())[self.member_id]
        page = _BY_AGE.page(first, after)

        def key(row: model.Identity) -> tuple[UUID]:
            return (row.identity_id,)

        return connection(rows_in_memory(rows, page, key=key), page, _BY_AGE, node=_identity, key=key)

    @field(description="The member's latest answer to each question, in each programme.")
    async def consents(self, first: First = None, after: After = None) -> Connection[Consent]:
        rows = (await self.together.consents())[self.member_id]
        page = _BY_QUESTION.page(first, after)

        def key(row: model.Consent) -> tuple[str, str, str]:
            return str(row.membership.programme_id), row.answer.purpose.value, str(row.answer.brand_id or "")

        return connection(rows_in_memory(rows, page, key=key), page, _BY_QUESTION, node=_consent, key=key)

    @field(description="The member's cards in every programme, earliest first.")
    async def cards(self, first: First = None, after: After = None) -> Connection[Card]:
        rows = (await self.together.cards())[self.member_id]
        page = _BY_AGE.page(first, after)

        def key(row: CardRecord) -> tuple[UUID]:
            return (row.card_id,)

        return connection(rows_in_memory(rows, page, key=key), page, _BY_AGE, node=card_node, key=key)

    @field(
        description="The member's appointments that the caller may see: what is before them, the next first, or the "
        "past, the latest first."
    )
    async def appointments(
        self,
        past: Annotated[
            bool, strawberry.argument(description="What is over or was cancelled, instead of what is to come.")
        ] = False,
        first: First = None,
        after: After = None,
    ) -> Connection[Appointment]:
        return (await self.together.appointments(first, after, past=past))[self.member_id]


def member_node(record: model.Member, together: Together) -> Member:
    profile = record.profile
    return Member(
        id=global_id("Member", record.member_id),
        status=record.status,
        merged_into_id=None if record.merged_into is None else global_id("Member", record.merged_into),
        display_name=profile.display_name,
        masked_name=None if profile.display_name is None else rules.masked_name(profile.display_name),
        birthday=None if profile.birthday is None else _birthday(profile.birthday),
        preferred_locale=profile.preferred_locale,
        joined_at=record.joined_at,
        member_id=record.member_id,
        together=together,
    )


def membership_node(record: model.Membership, directory: Directory) -> Membership:
    return Membership(
        id=global_id("Membership", record.membership_id),
        member_id=global_id("Member", record.key.member_id),
        enrolled_at=record.enrolled_at,
        record=record,
        directory=directory,
    )


def one_member(context: RequestContext, record: model.Member) -> Member:
    return member_node(record, Together(context, [record.member_id]))


def _birthday(birthday: model.Birthday) -> Birthday:
    return Birthday(month=birthday.month, day=birthday.day, year=birthday.year)


def _identity(record: model.Identity) -> Identity:
    return Identity(
        id=global_id("Identity", record.identity_id),
        kind=record.kind,
        value=record.value,
        masked=rules.masked_identity(record.kind, record.value),
        added_at=record.added_at,
        verified_at=record.verified_at,
    )


def _consent(record: model.Consent) -> Consent:
    answer = record.answer
    return Consent(
        purpose=answer.purpose,
        granted=answer.granted,
        brand_id=None if answer.brand_id is None else global_id("Brand", answer.brand_id),
        programme_id=global_id("Programme", record.membership.programme_id),
        recorded_at=record.recorded_at,
        source=record.source,
    )


async def read_members(context: RequestContext, keys: Collection[UUID]) -> dict[MemberId, Member]:
    """Those that exist and that the caller may see."""
    async with context.reader() as conn:
        records = await store.list_members(conn, keys, keyring=context.services.keyring)
    together = Together(context, list(records))
    return {member_id: member_node(record, together) for member_id, record in records.items()}


@node_loader("Member")
async def load_members(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    members = await read_members(context, keys)
    return {member_id: members[member_id] for member_id in members}


@node_loader("Membership")
async def load_memberships(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        records = await store.list_memberships_by_id(conn, keys)
    directory = await context.directory()
    return {key: membership_node(record, directory) for key, record in records.items()}
