"""Callers, keys and new members for tests: `workings = account_workings(database)`, `await join(workings, store)`."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from uuid import UUID

from membership.accounts.context import AccountWorkings
from membership.accounts.enrolment import enrol
from membership.accounts.model import Enrol, Enrolled, GivenIdentity
from membership.campaigns.cache import CampaignCache
from membership.coupons.newcomers import NewlyEligible, OffersToAll
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.kernel.randomness import random_bytes
from membership.members.keyring import Keyring
from membership.members.model import ConsentAnswer, ConsentPurpose, IdentityKind, Profile
from membership.postgres.database import Database
from membership.stores.model import TillId
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from sample_store import SampleStore
from support.clock import START

KEYS = {1: bytes(range(32))}
KEYRING = Keyring(hash_keys=KEYS, encryption_keys=KEYS, random_bytes=random_bytes)
CONSENT = ConsentAnswer(ConsentPurpose.MEMBERSHIP, granted=True)

_numbers = count(13_800_000_001)


def account_workings(database: Database, keyring: Keyring = KEYRING) -> AccountWorkings:
    return AccountWorkings(
        database=database,
        directory=DirectoryCache(database.pool),
        ladders=LadderCache(database.pool),
        keyring=keyring,
        new_id=new_id,
        random_bytes=random_bytes,
        newly_eligible=newly_eligible_on(database),
    )


def newly_eligible_on(database: Database) -> NewlyEligible:
    campaigns = CampaignCache(database.pool)
    return NewlyEligible(OffersToAll(campaigns), DirectoryCache(database.pool), LadderCache(database.pool), new_id)


def app_of(store: SampleStore) -> Actor:
    """The app's back end."""
    return Actor(role=Role.SERVICE, subject="app", programme_id=store.programme_id)


def member_of(store: SampleStore, member_id: UUID) -> Actor:
    return Actor(role=Role.MEMBER, subject=str(member_id), member_id=member_id, programme_id=store.programme_id)


def services_of(store: SampleStore, subject: str = "wang.fang") -> Actor:
    """Member services."""
    return Actor(role=Role.MEMBER_SERVICES, subject=subject, programme_id=store.programme_id, store_id=store.store_id)


def till_of(store: SampleStore, till_id: TillId | None = None) -> Actor:
    return Actor(
        role=Role.TILL,
        subject="till",
        programme_id=store.programme_id,
        store_id=store.store_id,
        till_id=till_id or store.central_cashier,
    )


def fresh_phone() -> str:
    """A Chinese mobile number that no other test member has."""
    return f"+86{next(_numbers)}"


@dataclass(slots=True)
class Given:
    """Random bytes that were chosen beforehand; real ones after them."""

    chosen: list[bytes] = field(default_factory=list)

    def __call__(self, number: int) -> bytes:
        return self.chosen.pop(0).rjust(number, b"\0") if self.chosen else random_bytes(number)


async def join(
    workings: AccountWorkings,
    store: SampleStore,
    *,
    phone: str | None = None,
    now: datetime = START,
    profile: Profile = Profile(),  # noqa: B008 - frozen
) -> Enrolled:
    """A new member by way of the app."""
    command = Enrol(
        idempotency_key=str(new_id()),
        store_id=store.store_id,
        consents=(CONSENT,),
        identities=(GivenIdentity(IdentityKind.PHONE, phone or fresh_phone()),),
        profile=profile,
    )
    return await enrol(workings, app_of(store), now, command)
