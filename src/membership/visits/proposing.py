"""Finding visits that could be made: what is free is read once, then looked through beside the event loop."""

import asyncio
from datetime import datetime, timedelta

from membership.appointments.changing import may_book
from membership.appointments.errors import UnknownService
from membership.appointments.listing import read_diary
from membership.appointments.rules.deciding import Diary
from membership.campaigns.bookings import BookingWindows
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.members.store import find_current_member
from membership.postgres.transaction import Transaction
from membership.stores.service import Directory
from membership.visits.errors import VisitOutOfBounds
from membership.visits.making import check_number, check_place, stores_of
from membership.visits.model import MOST_DAYS, MOST_PROPOSALS, MOST_STOPS, Proposals, VisitWish
from membership.visits.rules.searching import search


async def read_wish(
    tx: Transaction, directory: Directory, windows: BookingWindows, membership: MembershipKey, wish: VisitWish
) -> tuple[Diary, MemberId]:
    """What is free for a member on the days of a wish, in two statements; before them, who the member is and when their
    tier may book. Raises UnknownMember, UnknownService, VisitInSeveralStores, VisitOutOfBounds."""
    check_number(len(wish.wishes))
    if not (1 <= wish.days <= MOST_DAYS and 1 <= wish.most <= MOST_PROPOSALS):
        raise VisitOutOfBounds(MOST_STOPS, MOST_DAYS)
    if not await may_book(tx, membership):
        raise UnknownMember
    member_id = await find_current_member(tx.conn, membership.member_id)
    if member_id is None:
        raise UnknownMember
    member = MembershipKey(member_id, membership.programme_id)
    admit = await windows.admission(tx, member, stores_of(directory, member.programme_id))
    services = {entry.service_id for entry in wish.wishes}
    # The opening of the day before may last into the first day: a booking looks at it too.
    days = (wish.first_day - timedelta(days=1), *wish.dates)
    diary = await read_diary(tx, directory, services, days, member_id=member_id, admit=admit)
    if any(service.programme_id != member.programme_id for service in diary.services.values()):
        raise UnknownService
    check_place(directory, tx.actor, diary.services.values())
    return diary, member_id


async def find_visits(
    directory: Directory, wish: VisitWish, diary: Diary, *, member_id: MemberId, now: datetime
) -> Proposals:
    """In a thread: many stops on many days take some tenths of a second, in which tills are not to wait."""
    return await asyncio.to_thread(search, wish, diary, directory.walking, member_id=member_id, now=now)
