"""What the member's app does: show the rotating code, and confirm a spending without one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from membership.cards import events, rules, store
from membership.cards.model import ConfirmationId, MemberCode, SpendConfirmation
from membership.cards.service import CODE_SECRET
from membership.kernel.actor import Actor
from membership.kernel.ids import NewId
from membership.members.errors import UnknownMember
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.members.service import lock_membership
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import Transaction
from membership.stores.errors import UnknownStore
from membership.stores.model import StoreId
from membership.stores.service import DirectoryCache


@dataclass(frozen=True, slots=True)
class MemberCodes:
    """The use cases of the app. `membership` is the caller's own."""

    database: Database
    directory: DirectoryCache
    keyring: Keyring
    new_id: NewId

    async def show(self, actor: Actor, now: datetime, membership: MembershipKey) -> MemberCode:
        """The code of this minute, and when the next one comes. Raises UnknownMember."""
        async with self.database.engine(actor, now) as tx:
            seed = await store.find_code_seed(tx.conn, membership)
            if seed is None:
                # A token of before a merge: the codes have moved.
                seed = await store.find_code_seed(tx.conn, (await lock_membership(tx.conn, membership)).key)
        if seed is None:
            raise UnknownMember
        step = rules.step_at(now)
        secret = self.keyring.open(CODE_SECRET, seed.secret)
        return MemberCode(rules.member_code(seed.serial, secret, step), rules.step_ends(step))

    async def confirm_spending(
        self, actor: Actor, now: datetime, membership: MembershipKey, *, store_id: StoreId, most_points: int, key: str
    ) -> SpendConfirmation:
        """Let points be spent once at a store within five minutes, without a code. Replaces an unused confirmation
        for the same store.

        Raises PointsOutOfRange, UnknownStore, UnknownMember.
        """
        rules.check_most_points(most_points)
        shop = (await self.directory.directory(now)).store(store_id)
        if shop.programme_id != membership.programme_id:
            raise UnknownStore(str(store_id))

        async def work(tx: Transaction) -> SpendConfirmation:
            confirmation = SpendConfirmation(
                confirmation_id=ConfirmationId(self.new_id()),
                membership=(await lock_membership(tx.conn, membership)).key,
                store_id=store_id,
                most_points=most_points,
                confirmed_at=tx.now,
                expires_at=tx.now + rules.CONFIRMATION_TTL,
            )
            await store.insert_spend_confirmation(tx.conn, confirmation)
            tx.emit(events.spending_confirmed(confirmation))
            return confirmation

        keyed = Keyed("cards.confirm_spending", key, [str(membership.programme_id), str(store_id), most_points])
        return await once(self.database, actor, now, keyed, work=work, facts=_facts, restore=_restore)


def _facts(confirmation: SpendConfirmation) -> Json:
    return {"confirmation_id": str(confirmation.confirmation_id)}


async def _restore(conn: Conn, facts: Json) -> SpendConfirmation:
    return await store.get_spend_confirmation(conn, ConfirmationId(UUID(str(facts["confirmation_id"]))))
