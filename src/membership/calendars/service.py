"""Use cases of feeds: create, take back, read. And the file of a single appointment, or of a visit."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from membership.appointments.errors import AppointmentStepRefused, UnknownAppointment
from membership.appointments.model import Period, ResourceId
from membership.appointments.store import find_associate, lock_resources
from membership.calendars import store
from membership.calendars.errors import UnknownAssociate, UnknownCalendarFeed
from membership.calendars.model import CalendarFile, Entry, Feed, FeedId, FeedOwner, Guest
from membership.calendars.rules.composing import compose_feed, compose_single, compose_visit
from membership.calendars.rules.privacy import guest_shown
from membership.calendars.rules.showing import KEPT_BACK, KEPT_BACK_AT_WORK, MOST_ENTRIES, SHOWN_AHEAD
from membership.calendars.store import Found, Person
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import NewId
from membership.kernel.locales import localised
from membership.members.errors import UnknownMember
from membership.members.keyring import Keyring
from membership.members.model import MemberId, MembershipKey
from membership.members.service import lock_membership
from membership.members.store import find_current_member
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.model import Counter, CounterId, ProgrammeId
from membership.stores.rules import business_date
from membership.stores.service import Directory, DirectoryCache
from membership.tiers.model import LadderRevision
from membership.tiers.records import records_of
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.rules.standing import tier_on
from membership.tiers.service import LadderCache

PATH = "/calendar/{token}.ics"
_PURPOSE = "calendars.feeds"
_FETCHING = Actor(Role.SERVICE, "calendar feed")
"""Nobody is known behind an address but who was given it."""


@dataclass(frozen=True, slots=True)
class CreatedFeed:
    """A feed and the secret of its address, which is told to its owner and kept nowhere."""

    feed: Feed
    token: str

    @property
    def path(self) -> str:
        """The address, without the host that clients reach the service by."""
        return PATH.format(token=self.token)


@dataclass(frozen=True, slots=True)
class Calendars:
    """One per process."""

    database: Database
    directories: DirectoryCache
    ladders: LadderCache
    keyring: Keyring
    new_id: NewId

    async def create_feed(self, actor: Actor, now: datetime, owner: FeedOwner, *, locale: str, key: str) -> CreatedFeed:
        """A new address for the caller's appointments as a member, or for those of an associate of their counter; the
        one before leads nowhere from now on. A repeat gets the same address, which another one may have replaced.

        Raises UnknownMember, UnknownAssociate, IdempotencyConflict.
        """

        async def work(tx: Transaction) -> CreatedFeed:
            return await self._create(tx, owner, locale)

        async def restore(conn: Conn, facts: Json) -> CreatedFeed:
            feed = await store.find_feed(conn, FeedId(UUID(str(facts["feed_id"]))))
            if feed is None:
                raise UnknownCalendarFeed
            return CreatedFeed(feed, self._token(feed))

        request = [str(owner.member_id), str(owner.programme_id), str(owner.associate_id), locale]
        keyed = Keyed("calendars.create_feed", key, request)
        return await once(self.database, actor, now, keyed, work=work, facts=_facts, restore=restore)

    async def revoke_feed(self, actor: Actor, now: datetime, feed_id: FeedId) -> Feed:
        """Its address leads nowhere from now on. Raises UnknownCalendarFeed."""
        async with self.database.engine(actor, now) as tx:
            seen = await store.find_feed(tx.conn, feed_id)
            if seen is None or not await _reaches(tx, seen.owner):
                raise UnknownCalendarFeed
            revoked = await store.revoke_feed(tx.conn, feed_id, at=now)
            if revoked is None:
                raise UnknownCalendarFeed
            tx.audit_staff(_entry("calendars.revoke_feed", revoked))
        return revoked

    async def feeds_of(self, actor: Actor, now: datetime, owner: FeedOwner) -> list[Feed]:
        """Those that work, of an owner whom the caller may ask for; the latest first."""
        async with self.database.engine(actor, now) as tx:
            meant = await _meant(tx, owner)
            if meant is None or not await _reaches(tx, meant):
                return []
            if meant.member_id is not None:
                # A token of before a merge names the loser; what works is the winner's.
                current = await find_current_member(tx.conn, meant.member_id)
                meant = member_owner(current or meant.member_id, meant.programme_id)
            return await store.list_feeds_of_owner(tx.conn, meant)

    async def fetch(self, token: str, now: datetime) -> CalendarFile | None:
        """What an address shows, in two statements; None where it leads nowhere."""
        directory = await self.directories.directory(now)
        async with self.database.engine(_FETCHING, now) as tx:
            found = await store.find_feed_by_token(tx.conn, _token_hash(token))
            if found is None:
                return None
            entries = await self._entries(tx, found, directory)
        owner, locale = found.feed.owner, found.feed.locale
        names = found.associate_names or directory.programme(owner.programme_id).names
        # A millisecond for each entry: not on the loop, where every other request would wait for it.
        return await asyncio.to_thread(
            compose_feed, entries, directory, now, locale=locale, name=localised(names, locale)
        )

    async def file_of_appointment(self, found: Sequence[Entry], now: datetime, *, locale: str) -> CalendarFile:
        """`found` by `store.list_entries`: the appointment as it is today, or nothing. Raises UnknownAppointment;
        AppointmentStepRefused for one that was only held, and has no place in a calendar."""
        if not found:
            raise UnknownAppointment
        file = compose_single(found[0], await self.directories.directory(now), now, locale=locale)
        if file is None:
            raise AppointmentStepRefused(found[0].state.value)
        return file

    async def file_of_visit(self, found: Sequence[Entry], now: datetime, *, locale: str) -> CalendarFile | None:
        """`found` by `store.list_entries`. None when there is nothing to show."""
        return compose_visit(found, await self.directories.directory(now), now, locale=locale)

    async def _create(self, tx: Transaction, asked: FeedOwner, locale: str) -> CreatedFeed:
        meant = await _meant(tx, asked)
        if meant is None:
            raise UnknownAssociate
        owner = await _lock_owner(tx, meant)
        feed = Feed(
            feed_id=FeedId(self.new_id()),
            owner=owner,
            locale=locale,
            token_key_version=self.keyring.hash_version,
            created_at=tx.now,
            revoked_at=None,
        )
        token = self._token(feed)
        await store.revoke_feeds_of_owner(tx.conn, owner, at=tx.now)
        await store.insert_feed(tx.conn, feed, token_hash=_token_hash(token))
        tx.audit_staff(_entry("calendars.create_feed", feed))
        return CreatedFeed(feed, token)

    async def _entries(self, tx: Transaction, found: Found, directory: Directory) -> list[Entry]:
        owner, now = found.feed.owner, tx.now
        if owner.associate_id is None or owner.counter_id is None:
            member = MembershipKey(_member(owner), owner.programme_id)
            window = Period(now - KEPT_BACK, now + SHOWN_AHEAD)
            return await store.list_entries_of_member(tx.conn, member, window, limit=MOST_ENTRIES)
        counter = directory.counter(owner.counter_id)
        ladders = await self.ladders.ladders(owner.programme_id, now)
        as_guest = _Guests(directory, counter, ladders, now, found.feed.locale)
        return await store.list_entries_of_associate(
            tx.conn,
            owner.associate_id,
            counter.brand_id,
            Period(now - KEPT_BACK_AT_WORK, now + SHOWN_AHEAD),
            limit=MOST_ENTRIES,
            keyring=self.keyring,
            as_guest=as_guest.guest,
        )

    def _token(self, feed: Feed) -> str:
        return self.keyring.token_of(_PURPOSE, feed.feed_id, key_version=feed.token_key_version)


@dataclass(frozen=True, slots=True)
class _Guests:
    """What a counter's associate may be told of members."""

    directory: Directory
    counter: Counter
    ladders: tuple[LadderRevision, ...]
    now: datetime
    locale: str

    def guest(self, person: Person) -> Guest:
        if not person.is_member:
            return Guest(walk_in=True)
        return guest_shown(
            self.directory.brand(self.counter.brand_id).activation_level,
            consented=person.consented,
            display_name=person.display_name,
            tier=self._tier(person),
        )

    def _tier(self, person: Person) -> str:
        today = business_date(self.directory.store(self.counter.store_id), self.now)
        code = tier_on(records_of(person.records, self.ladders, today).standing, today)
        [tier] = [tier for tier in ladder_at(self.ladders, today).ladder.tiers if tier.code == code]
        return localised(tier.names, self.locale)


def member_owner(member_id: MemberId, programme_id: ProgrammeId) -> FeedOwner:
    return FeedOwner(programme_id, member_id=member_id)


def associate_owner(associate_id: ResourceId | None, counter_id: CounterId, programme_id: ProgrammeId) -> FeedOwner:
    """`associate_id` None: whoever asks."""
    return FeedOwner(programme_id, associate_id=associate_id, counter_id=counter_id)


async def _meant(tx: Transaction, asked: FeedOwner) -> FeedOwner | None:
    """An associate who names nobody means themself; None for one who serves nobody by appointment."""
    if asked.member_id is not None or asked.associate_id is not None or asked.counter_id is None:
        return asked
    own = await find_associate(tx.conn, asked.counter_id, tx.actor.subject)
    return None if own is None else associate_owner(own.resource_id, asked.counter_id, asked.programme_id)


async def _lock_owner(tx: Transaction, asked: FeedOwner) -> FeedOwner:
    """Of two that create a feed for one owner, the second takes the first one's back. Raises UnknownMember,
    UnknownAssociate."""
    if asked.member_id is not None:
        current = (await lock_membership(tx.conn, MembershipKey(asked.member_id, asked.programme_id))).key
        owner = member_owner(current.member_id, current.programme_id)
        if not await _reaches(tx, owner):
            raise UnknownMember
        return owner
    if asked.associate_id is None or asked.counter_id is None or not await _reaches(tx, asked):
        raise UnknownAssociate
    await lock_resources(tx.conn, [asked.associate_id])
    if await store.find_associate(tx.conn, asked.associate_id, asked.counter_id) is None:
        raise UnknownAssociate
    return asked


async def _reaches(tx: Transaction, owner: FeedOwner) -> bool:
    """Members reach their own, associates those of their counter."""
    actor = tx.actor
    match actor.role:
        case Role.MEMBER if actor.member_id is not None:
            # A token of before a merge names the loser, and so does a feed of before it.
            mine = await find_current_member(tx.conn, MemberId(actor.member_id))
            theirs = None if owner.member_id is None else await find_current_member(tx.conn, owner.member_id)
            return mine is not None and mine == theirs
        case Role.ASSOCIATE:
            return owner.counter_id is not None and owner.counter_id == actor.counter_id
        case _:
            return False


def _member(owner: FeedOwner) -> MemberId:
    if owner.member_id is None:
        raise ValueError("a feed is a member's or an associate's")
    return owner.member_id


def _entry(action: str, feed: Feed) -> AuditEntry:
    return AuditEntry(
        action,
        "calendar_feed",
        str(feed.feed_id),
        programme_id=feed.owner.programme_id,
        after={"associate_id": str(feed.owner.associate_id)},
    )


def _facts(created: CreatedFeed) -> Json:
    return {"feed_id": str(created.feed.feed_id)}


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
