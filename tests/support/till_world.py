"""A till of the sample store, a member, and short ways to sell to them.

till = await open_world(conn, database, clock, keyring)   # Chaoyang Galleria, counter 2F-ALVENNA
answer = await till.sell(1_000_00)                        # CNY 1,000 of womenswear, in cash: 1,000 points
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count
from uuid import UUID
from zoneinfo import ZoneInfo

from membership.campaigns.cache import CampaignCache
from membership.cards.codes import MemberCodes
from membership.cards.model import ByCardNumber, ByCode, MemberLookup
from membership.cards.service import CardReader, issue_code_seed
from membership.coupons.newcomers import NewlyEligible, OffersToAll
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.kernel.randomness import random_bytes
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.receipts.model import QuoteId, ReturnRequest, SaleId
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from membership.tills.context import Workings
from membership.tills.model import (
    BasketReported,
    CommitSale,
    LineReported,
    QuoteAnswer,
    QuoteSale,
    ReturnAnswer,
    ReturnLines,
    SaleAnswer,
    SaleReference,
    TenderReported,
    VoidSale,
)
from membership.tills.service import Tills
from sample_store import SampleStore, World, add_member, card_number_of, load_world
from support.clock import StoppedClock

COUNTER = "2F-ALVENNA"
ACTIVATION = timedelta(days=7, hours=24)
"""After which what was earned can be spent."""

_keys = count(1)


def new_key() -> str:
    return f"key-{next(_keys)}"


def basket(
    *amounts_minor: int,
    category: str = "WOMENSWEAR",
    counter: str | None = None,
    points_to_spend: int = 0,
    points_value_minor: int = 0,
    quantity: int = 1,
) -> BasketReported:
    """One line for each amount, paid in cash but for what the points are worth; not paid yet while that is unknown."""
    paid = 0 if points_to_spend and not points_value_minor else sum(amounts_minor) - points_value_minor
    return BasketReported(
        currency="CNY",
        lines=tuple(
            LineReported(number, category, quantity, amount, counter) for number, amount in enumerate(amounts_minor, 1)
        ),
        tenders=(TenderReported("CASH", paid),) if paid > 0 else (),
        points_to_spend=points_to_spend,
    )


@dataclass(slots=True, repr=False)
class TillWorld:
    """One till and one member. `actor` is the till's token."""

    world: World
    store: SampleStore
    clock: StoppedClock
    tills: Tills
    codes: MemberCodes
    actor: Actor
    member: MembershipKey
    sequence: int = 0

    @property
    def card_number(self) -> str:
        return card_number_of(self.member)

    @property
    def card(self) -> MemberLookup:
        return ByCardNumber(self.card_number)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence

    def basket(self, *amounts_minor: int, points_to_spend: int = 0, points_value_minor: int = 0) -> BasketReported:
        return basket(*amounts_minor, points_to_spend=points_to_spend, points_value_minor=points_value_minor)

    async def quote(
        self, sold: BasketReported, *, member: MemberLookup | None = None, training: bool = False
    ) -> QuoteAnswer:
        command = QuoteSale(new_key(), sold, member or self.card, training)
        return await self.tills.quote(self.actor, command, self.now)

    def commit_of(self, sold: BasketReported, *, member: MemberLookup | None = None) -> CommitSale:
        return CommitSale(new_key(), sold, self.next_sequence(), self.now, member=member or self.card)

    async def commit(self, command: CommitSale) -> SaleAnswer:
        return await self.tills.commit(self.actor, command, self.now)

    async def sell(self, *amounts_minor: int, member: MemberLookup | None = None) -> SaleAnswer:
        """A sale in cash, without a quote."""
        return await self.commit(self.commit_of(self.basket(*amounts_minor), member=member))

    async def sell_anonymously(self, *amounts_minor: int) -> SaleAnswer:
        return await self.commit_anonymously(self.commit_of(self.basket(*amounts_minor)))

    async def commit_anonymously(self, command: CommitSale) -> SaleAnswer:
        return await self.commit(replace(command, member=None))

    async def take_back(self, sale: SaleReference, *lines: tuple[int, int]) -> ReturnAnswer:
        """Return (line number, quantity) pairs."""
        requests = tuple(ReturnRequest(line_no, quantity) for line_no, quantity in lines)
        command = ReturnLines(new_key(), sale, requests, self.next_sequence(), self.now)
        return await self.tills.return_lines(self.actor, command, self.now)

    async def void(self, sale: SaleReference) -> ReturnAnswer:
        return await self.tills.void(self.actor, VoidSale(new_key(), sale), self.now)

    async def commit_quoted(self, command: CommitSale, quote_id: QuoteId) -> SaleAnswer:
        return await self.commit(replace(command, quote_id=quote_id, member=None))

    async def show_code(self) -> MemberLookup:
        """The code that the member's app shows now."""
        return ByCode((await self.codes.show(self.member_actor, self.now, self.member)).code)

    async def confirm_spending(self, most_points: int) -> None:
        """The member's word in the app that so many points may be spent in the store."""
        await self.codes.confirm_spending(
            self.member_actor,
            self.now,
            self.member,
            store_id=self.store.store_id,
            most_points=most_points,
            key=new_key(),
        )

    @property
    def member_actor(self) -> Actor:
        member_id = self.member.member_id
        return Actor(Role.MEMBER, f"member:{member_id}", member_id=member_id, programme_id=self.member.programme_id)

    @property
    def today(self) -> date:
        """The store's business date: the cut-over of Chaoyang Galleria is at 04:00."""
        return (self.now.astimezone(ZoneInfo("Asia/Shanghai")) - timedelta(hours=4)).date()

    async def another_member(self, conn: Conn) -> "TillWorld":
        """The same till with a new member, whose clock is the same."""
        other = replace(self, member=await add_member(conn, self.store))
        async with self.codes.database.engine(other.member_actor, self.now) as transaction:
            await issue_code_seed(transaction, other.member, keyring=self.codes.keyring, random_bytes=random_bytes)
        self.sequence += 1_000
        return other

    def at_central_cashier(self) -> "TillWorld":
        return replace(self, actor=till_actor(self.store, self.store.central_cashier))

    def at(self, counter: str) -> "TillWorld":
        """The same member at another counter's till."""
        return replace(self, actor=till_actor(self.store, self.store.till_of(counter), self.store.counters[counter]))


def till_actor(store: SampleStore, till_id: UUID, counter_id: UUID | None = None) -> Actor:
    return Actor(
        Role.TILL,
        f"till:{till_id}",
        programme_id=store.programme_id,
        store_id=store.store_id,
        till_id=till_id,
        counter_id=counter_id,
    )


def sale_id_of(answer: SaleAnswer) -> SaleId:
    assert answer.sale_id is not None
    return SaleId(answer.sale_id)


def quote_id_of(answer: QuoteAnswer) -> QuoteId:
    assert answer.quote_id is not None
    return QuoteId(answer.quote_id)


def workings_on(database: Database, keyring: Keyring) -> Workings:
    directories, campaigns = DirectoryCache(database.pool), CampaignCache(database.pool)
    ladders = LadderCache(database.pool)
    return Workings(
        database=database,
        directories=directories,
        ladders=ladders,
        card_reader=CardReader(keyring),
        new_id=new_id,
        campaigns=campaigns,
        newly_eligible=NewlyEligible(OffersToAll(campaigns), directories, ladders, new_id),
    )


async def open_world(conn: Conn, database: Database, clock: StoppedClock, keyring: Keyring) -> TillWorld:
    world = await load_world(conn)
    store = world.chaoyang
    workings = workings_on(database, keyring)
    till = TillWorld(
        world=world,
        store=store,
        clock=clock,
        tills=Tills(workings),
        codes=MemberCodes(database, workings.directories, keyring, new_id),
        actor=till_actor(store, store.till_of(COUNTER), store.counters[COUNTER]),
        member=await add_member(conn, store),
    )
    async with database.engine(till.member_actor, till.now) as transaction:
        await issue_code_seed(transaction, till.member, keyring=keyring, random_bytes=random_bytes)
    return till


def sales_of(answers: Sequence[SaleAnswer]) -> set[UUID]:
    return {sale_id_of(answer) for answer in answers}
