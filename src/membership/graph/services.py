"""What the resolvers of one process share. A slice adds what its resolvers need, here and in `make_services`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from membership.accounts.context import AccountWorkings
from membership.accounts.service import Accounts
from membership.appointments.boards import Boards
from membership.appointments.catalogue import CatalogueCache
from membership.appointments.configuring import Diaries
from membership.appointments.model import BoardDay
from membership.appointments.service import Appointments, told_in_turn
from membership.calendars.service import Calendars
from membership.campaigns.bookings import BookingWindows
from membership.campaigns.cache import CampaignCache
from membership.campaigns.scheduling import Hooks
from membership.campaigns.service import Campaigns
from membership.cards.changes import Cards
from membership.cards.codes import MemberCodes
from membership.cards.service import CardReader
from membership.coupons.claiming import Claims, Codes
from membership.coupons.context import CouponWorkings
from membership.coupons.drops import Drops
from membership.coupons.issuing import campaign_hooks
from membership.coupons.newcomers import NewlyEligible, OffersToAll
from membership.coupons.service import Withdrawals
from membership.gifts.model import GiftPoolId
from membership.gifts.service import Gifts, gifts_on
from membership.graph.appointments.versions import ShownVersion, board_versions
from membership.graph.kit.live import LiveValues
from membership.inventory.model import PoolId, PoolLevel
from membership.inventory.service import Inventory
from membership.kernel.clock import Clock
from membership.kernel.ids import NewId, new_id
from membership.kernel.randomness import random_bytes
from membership.members.invitations import Invitations
from membership.members.keyring import Keyring
from membership.members.service import Members
from membership.planning.explaining import Explanations
from membership.planning.service import Simulations
from membership.points.adjustments import Adjustments
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from membership.stores.service import DirectoryCache
from membership.stores.tills import TillRegister
from membership.tiers.service import LadderCache
from membership.tiers.staff import HandGrants
from membership.tills.context import Workings
from membership.tills.service import Tills
from membership.visits.guests import Guests
from membership.visits.service import Visits
from membership.visits.ties import Ties
from membership.waitlist.context import WaitlistWorkings
from membership.waitlist.offering import Offering
from membership.waitlist.service import Waitlist

BOARD_PERIOD_SECONDS: Final = 1.0
"""A counter looks at its board now and then; nobody races on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    database: Database
    directory: DirectoryCache
    ladders: LadderCache
    campaign_cache: CampaignCache
    campaigns: Campaigns
    clock: Clock
    keyring: Keyring
    tills: Tills
    till_register: TillRegister
    members: Members
    invitations: Invitations
    cards: Cards
    codes: MemberCodes
    accounts: Accounts
    adjustments: Adjustments
    hand_grants: HandGrants
    inventory: Inventory
    stock: LiveValues[PoolId, PoolLevel]
    claims: Claims
    coupon_codes: Codes
    withdrawals: Withdrawals
    gifts: Gifts
    appointment_catalogue: CatalogueCache
    appointments: Appointments
    visits: Visits
    waitlist: Waitlist
    boards: Boards
    diaries: Diaries
    board_versions: LiveValues[BoardDay, ShownVersion]
    ties: Ties
    guests: Guests
    simulations: Simulations
    explanations: Explanations
    calendars: Calendars
    new_id: NewId = new_id

    async def gift_levels(self, pool_ids: Collection[GiftPoolId]) -> Mapping[GiftPoolId, PoolLevel]:
        """How much is left in pools of gifts, those that exist; a quarter of a second old at most."""
        found = await self.stock.now([PoolId(pool_id) for pool_id in pool_ids])
        return {GiftPoolId(pool_id): level for pool_id, level in found.items() if level is not None}

    async def close(self) -> None:
        """Before the pool and Redis are closed: what runs beside the requests comes to its end."""
        await self.stock.close()
        await self.board_versions.close()
        await self.inventory.finish()


def make_services(database: Database, clock: Clock, keyring: Keyring, *, redis: RedisClient) -> Services:
    """The use cases on one database, with the caches that they share."""
    directory, ladders = DirectoryCache(database.beside), LadderCache(database.beside)
    inventory = Inventory(database, redis)
    campaign_cache = CampaignCache(database.beside)
    newly_eligible = NewlyEligible(OffersToAll(campaign_cache), directory, ladders, new_id)
    workings = Workings(database, directory, ladders, CardReader(keyring), new_id, campaign_cache, newly_eligible)
    account_workings = AccountWorkings(
        database, directory, ladders, keyring, new_id, random_bytes, newly_eligible=newly_eligible
    )
    drops = Drops(database, inventory)
    coupon_workings = CouponWorkings(database, directory, ladders, campaign_cache, keyring, new_id, drops)
    gifts = gifts_on(
        database,
        inventory=inventory,
        campaigns=campaign_cache,
        directories=directory,
        ladders=ladders,
        keyring=keyring,
    )
    windows = BookingWindows(directory, ladders, campaign_cache)
    offering = Offering(WaitlistWorkings(directory, ladders, new_id, windows.admission))
    boards = Boards(database, clock)
    ties = Ties(database, directory, campaign_cache, gifts.waits)
    on_freed = told_in_turn(ties.on_freed, offering.offer_freed)
    coupon_hooks = campaign_hooks(directory, new_id, drops)
    hooks = Hooks(
        on_schedule=[*coupon_hooks.on_schedule, gifts.preparation.on_schedule],
        on_state_change=coupon_hooks.on_state_change,
    )
    return Services(
        database=database,
        directory=directory,
        ladders=ladders,
        campaign_cache=campaign_cache,
        campaigns=Campaigns(database, directory, ladders, cache=campaign_cache, new_id=new_id, hooks=hooks),
        clock=clock,
        keyring=keyring,
        tills=Tills(workings),
        till_register=TillRegister(database, directory),
        members=Members(database, directory, keyring, new_id),
        invitations=Invitations(database, directory, keyring, new_id),
        cards=Cards(database, new_id, random_bytes),
        codes=MemberCodes(database, directory, keyring, new_id),
        accounts=Accounts(account_workings),
        adjustments=Adjustments(database, directory, new_id),
        hand_grants=HandGrants(database, directory, ladders, new_id),
        simulations=Simulations(database, directory, ladders, campaign_cache, new_id, clock),
        explanations=Explanations(database, directory, ladders, campaign_cache),
        calendars=Calendars(database, directory, ladders, keyring, new_id),
        inventory=inventory,
        gifts=gifts,
        appointment_catalogue=CatalogueCache(database.beside),
        visits=Visits(database, directory, windows, new_id, on_freed),
        appointments=Appointments(database, directory, new_id, on_freed=on_freed, admission=windows.admission),
        ties=ties,
        guests=Guests(database, ladders, keyring),
        waitlist=Waitlist(database, offering),
        boards=boards,
        diaries=Diaries(database, directory, new_id),
        board_versions=LiveValues(partial(board_versions, boards, ties), period_seconds=BOARD_PERIOD_SECONDS),
        stock=LiveValues(lambda pool_ids: inventory.levels(pool_ids, clock.now())),
        claims=Claims(coupon_workings),
        coupon_codes=Codes(coupon_workings),
        withdrawals=Withdrawals(database),
    )
