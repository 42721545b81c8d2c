"""A small world for tests: the three sample stores, and members made by plain inserts.

    world = await load_world(conn)                       # as superuser, e.g. the fixture `conn`
    store = world.chaoyang                               # or world.hangang, world.brompton
    key = await add_member(conn, store)                  # a membership with an active card and an empty account
    store.tills["1F-LISABEAU-01"], store.counters["1F-LISABEAU"], store.categories["BEAUTY"]

Ids are derived from codes, so they are the same in every database.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from membership.cards.rules import CARD_PREFIXES, card_number
from membership.kernel.ids import derived_id, new_id
from membership.members.model import MemberId, MembershipKey
from membership.postgres.connection import Conn
from membership.sample import identifiers as ids
from membership.sample.configuration import load_configuration_sample, sample_ladders
from membership.sample.files import SampleProgramme, sample_cast, sample_programmes
from membership.stores.model import BrandId, CategoryId, CounterId, ProgrammeId, ProgrammeTerms, StoreId, TillId
from membership.tiers.model import LadderRevision

ENROLLED_AT = datetime(2025, 1, 1, 4, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SampleStore:
    """One sample store: its ids by the codes of the data files."""

    code: str
    store_id: StoreId
    programme_code: str
    programme_id: ProgrammeId
    currency: str
    terms: ProgrammeTerms
    ladder: LadderRevision
    counters: dict[str, CounterId]
    tills: dict[str, TillId]
    brands: dict[str, BrandId]
    categories: dict[str, CategoryId]
    central_cashier: TillId

    def till_of(self, counter: str) -> TillId:
        return self.tills[ids.till_code_of(counter)]


@dataclass(frozen=True, slots=True)
class World:
    chaoyang: SampleStore
    hangang: SampleStore
    brompton: SampleStore

    @property
    def cast(self) -> dict[str, MemberId]:
        """The sample's named members, who are there after `load_sample`."""
        return {row.code: ids.member_id(row.code) for row in sample_cast()}


def sample_world() -> World:
    """The ids alone, for tests without a database."""
    chaoyang, hangang, brompton = (_store(sample) for sample in sample_programmes())
    return World(chaoyang, hangang, brompton)


async def load_world(conn: Conn) -> World:
    await load_configuration_sample(conn)
    return sample_world()


async def add_member(
    conn: Conn,
    store: SampleStore,
    *,
    member_id: UUID | None = None,
    card_number: str | None = None,
    enrolled_at: datetime = ENROLLED_AT,
    birthday: tuple[int, int] | None = None,
) -> MembershipKey:
    """A member without identities, with a membership, an active card and an empty points account."""
    key = MembershipKey(MemberId(member_id or new_id()), store.programme_id)
    month, day = birthday or (None, None)
    async with conn.transaction():
        await conn.execute(
            "INSERT INTO members.members (member_id, status, birthday_month, birthday_day, joined_at)"
            " VALUES ($1, 'ACTIVE', $2, $3, $4) ON CONFLICT (member_id) DO NOTHING",
            key.member_id,
            month,
            day,
            enrolled_at,
        )
        await conn.execute(
            "INSERT INTO members.memberships (membership_id, member_id, programme_id, home_store_id, enrolled_at)"
            " VALUES ($1, $2, $3, $4, $5)",
            new_id(),
            key.member_id,
            key.programme_id,
            store.store_id,
            enrolled_at,
        )
        await conn.execute(
            "INSERT INTO cards.cards (card_id, member_id, programme_id, number, kind, status, issued_at, changed_at)"
            " VALUES ($1, $2, $3, $4, 'VIRTUAL', 'ACTIVE', $5, $5)",
            new_id(),
            key.member_id,
            key.programme_id,
            card_number or card_number_of(key),
            enrolled_at,
        )
        await conn.execute(
            "INSERT INTO points.accounts (member_id, programme_id) VALUES ($1, $2)", key.member_id, key.programme_id
        )
    return key


def card_number_of(key: MembershipKey) -> str:
    """The card number that `add_member` gives by default."""
    return card_number(derived_id("card", key.member_id, key.programme_id).int % CARD_PREFIXES)


def _store(sample: SampleProgramme) -> SampleStore:
    programme, store = sample.programme.code, sample.store.code
    cashiers = [cashier.code for cashier in sample.central_cashiers]
    till_codes = [*(ids.till_code_of(counter.code) for counter in sample.counters), *cashiers]
    return SampleStore(
        code=store,
        store_id=ids.store_id(store),
        programme_code=programme,
        programme_id=ids.programme_id(programme),
        currency=sample.programme.currency,
        terms=sample.terms,
        ladder=sample_ladders()[ids.programme_id(programme)],
        counters={counter.code: ids.counter_id(store, counter.code) for counter in sample.counters},
        tills={code: ids.till_id(store, code) for code in till_codes},
        brands={brand.code: ids.brand_id(programme, brand.code) for brand in sample.brands},
        categories={category.code: ids.category_id(programme, category.code) for category in sample.categories},
        central_cashier=ids.till_id(store, cashiers[0]),
    )
