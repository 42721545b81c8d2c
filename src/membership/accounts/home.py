"""What a member sees first: profile, card, points, tier and what lies ahead, in one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from membership.cards.model import CardId, CardKind, CardStatus
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.members.store import NAME, sealed_name
from membership.points.model import Account
from membership.points.store import account_of
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.stores.model import Store
from membership.stores.rules import business_date
from membership.stores.service import Directory
from membership.tiers.model import LadderRevision
from membership.tiers.records import days_of, records_of
from membership.tiers.rules.periods import history_starts_on
from membership.tiers.rules.projection import TierProjection, project

SQL = queries_of("home")


@dataclass(frozen=True, slots=True)
class HomeCard:
    """The card to show. `number` in full: it is the member's own."""

    card_id: CardId
    number: str
    kind: CardKind
    status: CardStatus
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class Home:
    """One membership as its member sees it."""

    membership: MembershipKey
    display_name: str | None
    home_store: Store
    enrolled_at: datetime
    card: HomeCard | None
    account: Account
    projection: TierProjection


async def find_home(
    conn: Conn,
    membership: MembershipKey,
    *,
    directory: Directory,
    ladders: Sequence[LadderRevision],
    keyring: Keyring,
    now: datetime,
) -> Home | None:
    """One round trip, whatever the length of the member's history. None: nothing that the reader may see."""
    # The day in the home store is known only with its row; a day early reads at most one date more.
    days_from = history_starts_on(ladders, now.date() - timedelta(days=1))
    row = await SQL.find_home.maybe(conn, membership.member_id, membership.programme_id, now, days_from)
    return None if row is None else _home(row, directory, ladders, keyring, now)


def _home(
    row: asyncpg.Record, directory: Directory, ladders: Sequence[LadderRevision], keyring: Keyring, now: datetime
) -> Home:
    store = directory.store(row["home_store_id"])
    today = business_date(store, now)
    name = sealed_name(row)
    records = records_of(row["records"], ladders, today)
    days = days_of(row["dates"], row["tier_minor"], row["base_points"])
    return Home(
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        display_name=None if name is None else keyring.open_text(NAME, name),
        home_store=store,
        enrolled_at=row["enrolled_at"],
        card=None if row["card_id"] is None else _card(row),
        account=account_of(row),
        projection=project(ladders, records.standing, days, today),
    )


def _card(row: asyncpg.Record) -> HomeCard:
    return HomeCard(
        card_id=row["card_id"],
        number=row["number"],
        kind=CardKind(row["kind"]),
        status=CardStatus(row["status"]),
        issued_at=row["issued_at"],
    )
