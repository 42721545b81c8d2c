"""Who stands at the till: what a cashier may see of a member, and no more.

A name's initials, the tier, the points that can be spent and the state of the card. Never a phone number.
"""

from dataclasses import dataclass
from datetime import datetime

from membership.accounts.context import AccountWorkings
from membership.cards.model import CardStatus, IdentifiedBy, MemberLookup
from membership.cards.service import CardReader
from membership.kernel.actor import Actor
from membership.members.errors import UnknownMember
from membership.members.model import MembershipId, MembershipKey
from membership.members.rules import masked_name
from membership.members.store import NAME, sealed_name
from membership.points.model import Account
from membership.points.store import account_of
from membership.postgres.catalogue import queries_of
from membership.stores.errors import UnknownStore
from membership.stores.model import StoreId
from membership.stores.rules import business_date
from membership.tiers.records import records_of
from membership.tiers.rules.standing import tier_on

SQL = queries_of("accounts")


@dataclass(frozen=True, slots=True)
class Recognised:
    """A member as a till sees them. `card_status` None: there was no card to judge."""

    membership_id: MembershipId
    membership: MembershipKey
    by: IdentifiedBy
    card_status: CardStatus | None
    masked_name: str | None
    tier: str
    account: Account


async def recognise(workings: AccountWorkings, actor: Actor, now: datetime, lookup: MemberLookup) -> Recognised:
    """Two statements. Raises UnknownStore for a token without a store, and what CardReader.resolve refuses."""
    if actor.store_id is None:
        raise UnknownStore("(none in the token)")
    store = (await workings.directory.directory(now)).store(StoreId(actor.store_id))
    ladders = await workings.ladders.ladders(store.programme_id, now)
    async with workings.database.engine(actor, now) as tx:
        found = await CardReader(workings.keyring).resolve(tx.conn, lookup, programme_id=store.programme_id, now=now)
        row = await SQL.find_recognised.maybe(tx.conn, found.membership.member_id, found.membership.programme_id, now)
    if row is None:
        raise UnknownMember
    today, name = business_date(store, now), sealed_name(row)
    return Recognised(
        membership_id=row["membership_id"],
        membership=found.membership,
        by=found.by,
        card_status=found.card_status,
        masked_name=None if name is None else masked_name(workings.keyring.open_text(NAME, name)),
        tier=tier_on(records_of(row["records"], ladders, today).standing, today),
        account=account_of(row),
    )
