"""`memberHome`: what the app shows first."""

from datetime import datetime
from uuid import UUID

import strawberry

from membership.accounts.home import Home, HomeCard, find_home
from membership.cards.model import CardKind, CardStatus
from membership.graph.cards import types as cards_types  # noqa: F401 - describes the enums of cards
from membership.graph.kit.callers import find_own, own_membership
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.fields import field
from membership.graph.kit.localisation import localised
from membership.graph.kit.relay import After, Connection, First, Page, connection, global_id
from membership.graph.kit.scalars import CardNumber
from membership.graph.points.types import ENTRIES, PointsBalance, PointsEntry, points_balance, points_entry
from membership.graph.tiers.types import TierOutlook, tier_outlook
from membership.points.model import EntryId, RecordedEntry
from membership.points.store import list_entries
from membership.stores.rules import business_date


@strawberry.type(description="The card to show at a till.")
class OwnCard:
    id: strawberry.ID = strawberry.field(description="Global id of the card.")
    number: CardNumber = strawberry.field(description="The number in full.")
    kind: CardKind = strawberry.field(description="Plastic or in the app.")
    status: CardStatus = strawberry.field(description="What it may do.")


@strawberry.type(description="A membership as its member sees it.")
class MemberHome:
    display_name: str | None = strawberry.field(description="How the member wants to be called.")
    store_name: str = strawberry.field(description="The home store, in the request's language.")
    enrolled_at: datetime = strawberry.field(description="Member since.")
    card: OwnCard | None = strawberry.field(description="The card to show; null if there is none.")
    tier: TierOutlook = strawberry.field(description="The tier and what lies ahead.")
    points: PointsBalance = strawberry.field(description="The points.")
    entries: Connection[PointsEntry] = strawberry.field(description="What moved them, the latest first.")


@strawberry.type
class HomeQuery:
    @field(
        description="The caller's own membership: profile, card, tier, points and their latest moves. "
        "Null for a programme that the caller has not joined. `first` and `after` page the moves."
    )
    async def member_home(self, info: Info, first: First = None, after: After = None) -> MemberHome | None:
        page = ENTRIES.page(first, after)
        return await find_own(info.context, lambda: _read_home(info.context, page))


async def _read_home(context: RequestContext, page: Page) -> MemberHome | None:
    services = context.services
    membership = own_membership(context)
    directory = await context.directory()
    ladders = await services.ladders.find(membership.programme_id, context.now)
    if ladders is None:
        return None
    async with context.reader() as conn:
        home = await find_home(
            conn,
            membership,
            directory=directory,
            ladders=ladders,
            keyring=services.keyring,
            now=context.now,
        )
        entries = await list_entries(conn, membership, before=_before(page), limit=page.size + 1)
    if home is None:
        return None
    programme = directory.programme(membership.programme_id)
    outlook = tier_outlook(
        home.projection, programme, ladders, business_date(home.home_store, context.now), context.locale
    )
    moves = connection(entries, page, ENTRIES, node=points_entry, key=_entry_key)
    return _member_home(home, outlook, moves, context.locale)


def _before(page: Page) -> EntryId | None:
    (key,) = page.after
    return EntryId(key) if isinstance(key, UUID) else None


def _entry_key(recorded: RecordedEntry) -> tuple[UUID]:
    return (recorded.entry.entry_id,)


def _member_home(home: Home, outlook: TierOutlook, moves: Connection[PointsEntry], locale: str) -> MemberHome:
    return MemberHome(
        display_name=home.display_name,
        store_name=localised(home.home_store.names, locale),
        enrolled_at=home.enrolled_at,
        card=None if home.card is None else _own_card(home.card),
        tier=outlook,
        points=points_balance(home.account),
        entries=moves,
    )


def _own_card(card: HomeCard) -> OwnCard:
    return OwnCard(
        id=global_id("Card", card.card_id), number=CardNumber(card.number), kind=card.kind, status=card.status
    )
