"""What members, desks and member services do to a gift that there is: pack, hand over, cancel, take back, waive."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from membership.gifts import events, store
from membership.gifts.errors import GiftAtAnotherDesk, GiftWaitsForVisit, GiftWrongStore, UnknownGift
from membership.gifts.model import ByGiftCode, ById, Gift, GiftId, GiftReference, WaiverReason
from membership.gifts.rules import changing
from membership.gifts.rules.changing import Change
from membership.gifts.rules.codes import read_code
from membership.gifts.rules.states import WAITING
from membership.gifts.rules.waiting import bring_home, place_of, wait_of
from membership.gifts.units import Units
from membership.gifts.waiting import write_placing
from membership.kernel.actor import Actor, Role
from membership.kernel.wording import local_moment
from membership.members.model import MemberId, MembershipKey
from membership.members.service import lock_membership
from membership.members.store import find_current_member
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction
from membership.receipts.amounts import free_amounts
from membership.receipts.model import UsedBy
from membership.stores.model import CounterId, StoreId
from membership.stores.service import Directory, DirectoryCache

_GIFT = TypeAdapter(Gift)
Decide = Callable[[Gift, ZoneInfo], list[Change]]
Places = Callable[[Gift, datetime], Collection[CounterId]]
"""The counters that may do something with a gift."""


@dataclass(frozen=True, slots=True)
class GiftChanges:
    """One per process. Every change is keyed: a repeat is told what the first was told."""

    database: Database
    directories: DirectoryCache
    units: Units

    async def find(self, actor: Actor, now: datetime, reference: GiftReference) -> Gift:
        """What a desk has scanned, whether it waits here or was sent to a visit.

        Raises MalformedGiftCode, UnknownGift, GiftWrongStore, GiftAtAnotherDesk, GiftWaitsForVisit.
        """
        directory = await self.directories.directory(now)
        async with self.database.engine(actor, now) as tx:
            found = await _find(tx.conn, actor, reference)
        _check_desk(actor, found, directory, now, _desk_and_place)
        return found

    async def pack(self, actor: Actor, now: datetime, reference: GiftReference, *, key: str) -> Gift:
        """Ready at the desk, also to be sent from there. Raises what `_at_desk` and rules.changing.pack refuse."""

        def decide(gift: Gift, zone: ZoneInfo) -> list[Change]:
            return changing.pack(gift, now, zone)

        return await self._at_desk(actor, now, "pack", reference, key=key, places=_desk_and_place, decide=decide)

    async def hand_over(self, actor: Actor, now: datetime, reference: GiftReference, *, key: str) -> Gift:
        """Once, where it waits: of two desks the second waits for the first, and is told that it was handed over."""

        def decide(gift: Gift, zone: ZoneInfo) -> list[Change]:
            return changing.hand_over(gift, now, zone)

        return await self._at_desk(actor, now, "hand_over", reference, key=key, places=_place, decide=decide)

    async def untie(self, actor: Actor, now: datetime, gift_id: GiftId, *, key: str) -> Gift:
        """Back at its desk, where it waited for a visit: by its member, the desk, the counter, or member services.

        Raises UnknownGift, GiftWrongStore, GiftAtAnotherDesk, GiftWaitsForVisit, GiftCollectedAlready,
        GiftNotCollectedInTime, GiftChangeRefused.
        """
        directory = await self.directories.directory(now)

        async def work(tx: Transaction) -> Gift:
            found = await store.find_gift(tx.conn, gift_id)
            if found is None:
                raise UnknownGift
            await lock_membership(tx.conn, found.membership)
            gift = await _lock(tx.conn, gift_id)
            await _check_reach(tx, gift, directory)
            placing = bring_home(gift, now, directory.store(gift.store_id), by_house=False)
            return await write_placing(tx, gift, placing)

        return await self._once(actor, now, Keyed("gifts.untie", key, str(gift_id)), work)

    async def cancel(self, actor: Actor, now: datetime, member: MembershipKey, gift_id: GiftId, *, key: str) -> Gift:
        """By the member, before it is collected: the unit goes back, the amounts are free again, and so is the limit.

        Raises UnknownGift, GiftCollectedAlready, GiftChangeRefused.
        """
        directory = await self.directories.directory(now)

        async def work(tx: Transaction) -> Gift:
            owner = (await lock_membership(tx.conn, member)).key
            gift = await store.lock_gift(tx.conn, gift_id)
            if gift is None or gift.membership != owner:
                raise UnknownGift
            changed = await self._write(tx, gift, changing.cancel(gift, directory.store(gift.store_id).zone))
            await free_amounts(tx.conn, UsedBy.GIFT, [gift_id])
            await self.units.give_back(tx, [gift], frees_limit=True)
            return changed

        return await self._once(actor, now, Keyed("gifts.cancel", key, str(gift_id)), work)

    async def take_back(self, actor: Actor, now: datetime, reference: GiftReference, *, key: str) -> Gift:
        """At the desk: a gift whose spend was returned. Raises what `_at_desk` refuses, GiftChangeRefused."""
        directory = await self.directories.directory(now)

        async def work(tx: Transaction) -> Gift:
            found = await _find(tx.conn, actor, reference)
            _check_desk(actor, found, directory, now, _desk)
            # The amounts that it had are the member's again, so the member's lock comes first.
            await lock_membership(tx.conn, found.membership)
            gift = await _lock(tx.conn, found.gift_id)
            changed = await self._write(tx, gift, changing.bring_back(gift, directory.store(gift.store_id).zone))
            await free_amounts(tx.conn, UsedBy.GIFT, [gift.gift_id])
            await self.units.give_back(tx, [gift], frees_limit=False)
            return changed

        return await self._once(actor, now, Keyed("gifts.take_back", key, reference), work)

    async def waive(self, actor: Actor, now: datetime, gift_id: GiftId, reason: WaiverReason, *, key: str) -> Gift:
        """Member services let the member keep it. Raises UnknownGift, GiftChangeRefused."""
        directory = await self.directories.directory(now)

        async def work(tx: Transaction) -> Gift:
            gift = await store.lock_gift(tx.conn, gift_id)
            if gift is None or gift.membership.programme_id != actor.programme_id:
                raise UnknownGift
            return await self._write(tx, gift, changing.waive(gift, reason, directory.store(gift.store_id).zone))

        return await self._once(actor, now, Keyed("gifts.waive", key, [str(gift_id), reason]), work)

    async def _at_desk(
        self,
        actor: Actor,
        now: datetime,
        operation: str,
        reference: GiftReference,
        *,
        key: str,
        places: Places,
        decide: Decide,
    ) -> Gift:
        """Raises MalformedGiftCode, UnknownGift, GiftWrongStore, GiftAtAnotherDesk, GiftWaitsForVisit, and what
        `decide` refuses."""
        directory = await self.directories.directory(now)

        async def work(tx: Transaction) -> Gift:
            found = await _find(tx.conn, actor, reference)
            gift = await _lock(tx.conn, found.gift_id)
            # Of the gift as it is once locked: it may have been sent to a visit, or back, a moment ago.
            _check_desk(actor, gift, directory, now, places)
            return await self._write(tx, gift, decide(gift, directory.store(gift.store_id).zone))

        return await self._once(actor, now, Keyed(f"gifts.{operation}", key, reference), work)

    async def _once(
        self,
        actor: Actor,
        now: datetime,
        keyed: Keyed,
        work: Callable[[Transaction], Awaitable[Gift]],
    ) -> Gift:
        return await once(self.database, actor, now, keyed, work=work, facts=lambda gift: gift, restore=_restore)

    async def _write(self, tx: Transaction, gift: Gift, changes: Sequence[Change]) -> Gift:
        """The gift as it stands then. It is locked, so nobody else can have changed it."""
        if not changes:
            return gift
        changed = await apply(tx, [gift], changes)
        last = changes[-1]
        tx.audit_staff(
            AuditEntry(
                f"gifts.{last.cause.value.lower()}",
                "gift",
                str(gift.gift_id),
                member_id=gift.membership.member_id,
                programme_id=gift.membership.programme_id,
                before={"state": gift.state.value},
                after={"state": last.to_state.value, "cause": last.cause.value},
            )
        )
        return changed[gift.gift_id]


async def apply(tx: Transaction, gifts: Sequence[Gift], changes: Sequence[Change]) -> dict[GiftId, Gift]:
    """Write changes of locked gifts, and read what became of them. Two statements. Tells of those that ended or turned.

    Raises RuntimeError where a gift is not at the step that was seen: it was not locked.
    """
    written = await store.write_changes(tx.conn, changes, actor=tx.actor, now=tx.now)
    by_id = {gift.gift_id: gift for gift in gifts}
    if written != {change.gift_id for change in changes}:
        raise RuntimeError("a gift was changed that was not locked")
    for change in changes:
        if change.cause not in events.QUIET:
            tx.emit(events.changed(by_id[change.gift_id], change.to_state, change.cause))
    return await store.list_gifts_by_id(tx.conn, written)


async def _find(conn: Conn, actor: Actor, reference: GiftReference) -> Gift:
    """By id, or by the code in the desk's store."""
    match reference:
        case ById(gift_id):
            found = await store.find_gift(conn, gift_id)
        case ByGiftCode(code):
            of_code = await store.list_gifts_by_code(conn, StoreId(_store_of(actor)), read_code(code))
            # Two random codes met: then the member's code and the list of gifts say which one is meant.
            found = of_code[0] if len(of_code) == 1 else None
    if found is None or actor.programme_id not in (None, found.membership.programme_id):
        raise UnknownGift
    return found


def _store_of(actor: Actor) -> StoreId:
    if actor.store_id is None:
        raise UnknownGift
    return StoreId(actor.store_id)


def _check_desk(actor: Actor, gift: Gift, directory: Directory, now: datetime, places: Places) -> None:
    """A desk hands over what waits with it; one without a counter of its own, what waits anywhere in its store. An
    associate hands over what waits at the counter."""
    if actor.role is Role.ADMIN:
        return
    shop = directory.store(gift.store_id)
    if gift.store_id != actor.store_id:
        raise GiftWrongStore(shop.code)
    if actor.counter_id in places(gift, now) or (actor.counter_id is None and actor.role is Role.DESK):
        return
    wait = wait_of(gift, now)
    if wait is None:
        raise GiftAtAnotherDesk(directory.counter(gift.counter_id).code)
    raise GiftWaitsForVisit(directory.counter(wait.counter_id).code, local_moment(wait.until, shop.zone))


def _place(gift: Gift, now: datetime) -> Collection[CounterId]:
    """Where it was collected too: there it is told when."""
    collected_at = () if gift.wait is None or gift.state in WAITING else (gift.wait.counter_id,)
    return {place_of(gift, now), *collected_at}


def _desk(gift: Gift, now: datetime) -> Collection[CounterId]:
    del now
    return {gift.counter_id}


def _desk_and_place(gift: Gift, now: datetime) -> Collection[CounterId]:
    return {gift.counter_id, place_of(gift, now)}


async def _check_reach(tx: Transaction, gift: Gift, directory: Directory) -> None:
    """Raises UnknownGift, GiftWrongStore, GiftAtAnotherDesk, GiftWaitsForVisit."""
    actor = tx.actor
    if actor.programme_id not in (None, gift.membership.programme_id):
        raise UnknownGift
    match actor.role:
        case Role.MEMBER if actor.member_id is not None:
            # A token of before a merge names the loser.
            own = (actor.member_id, await find_current_member(tx.conn, MemberId(actor.member_id)))
            if gift.membership.member_id not in own:
                raise UnknownGift
        case Role.DESK | Role.ASSOCIATE | Role.ADMIN:
            _check_desk(actor, gift, directory, tx.now, _desk_and_place)
        case Role.MEMBER_SERVICES:
            pass
        case _:
            raise UnknownGift


async def _lock(conn: Conn, gift_id: GiftId) -> Gift:
    gift = await store.lock_gift(conn, gift_id)
    if gift is None:
        raise UnknownGift
    return gift


async def _restore(conn: Conn, recorded: Json) -> Gift:
    del conn  # the recorded facts are the whole answer
    return _GIFT.validate_python(recorded)
