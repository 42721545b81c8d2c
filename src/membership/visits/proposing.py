"""Finding visits that could be made, or other times for one that stands: what is free is read once, then looked through
beside the event loop."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from membership.appointments import store as appointments
from membership.appointments.changing import may_book
from membership.appointments.errors import UnknownService
from membership.appointments.listing import read_diary
from membership.appointments.model import AppointmentId, VisitId
from membership.appointments.rules.deciding import Diary
from membership.campaigns.bookings import BookingWindows
from membership.kernel.time_limits import part_of_time, seconds_left
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.members.store import find_current_member_of
from membership.postgres.transaction import Transaction
from membership.stores.service import Directory
from membership.visits.changing import see_visit
from membership.visits.errors import VisitOutOfBounds, VisitStepRefused
from membership.visits.making import check_number, check_place, stores_of
from membership.visits.model import MOST_DAYS, MOST_PROPOSALS, MOST_STOPS, Proposals, Standing, VisitWish, Wish
from membership.visits.rules.explaining import unavailable_stops
from membership.visits.rules.itinerary import Walk, visit_state
from membership.visits.rules.searching import IsOver, search

SEARCH_SECONDS = 2.5
"""Eight stops on seven days, at any five minutes, with associates that several want, would take more than five."""


async def read_wish(
    tx: Transaction, directory: Directory, windows: BookingWindows, membership: MembershipKey, wish: VisitWish
) -> tuple[Diary, MemberId]:
    """What is free for a member on the days of a wish, in two statements; before them, who the member is and when their
    tier may book. Raises UnknownMember, UnknownService, VisitInSeveralStores, VisitOutOfBounds."""
    check_number(len(wish.wishes))
    _check_bounds(wish)
    if not await may_book(tx, membership):
        raise UnknownMember
    return await _read(tx, directory, windows, membership, wish)


async def read_moves(
    tx: Transaction,
    directory: Directory,
    windows: BookingWindows,
    visit_id: VisitId,
    bounds: VisitWish,
    *,
    same_associates: bool,
) -> tuple[VisitWish, Diary, MemberId]:
    """The stops of a visit that the caller could move now as wishes, in the order of their times, and what is free for
    them as if they were not there: a move supersedes them first, so that new times may overlap with present ones.

    Raises UnknownVisit, VisitStepRefused, VisitOutOfBounds, UnknownService.
    """
    _check_bounds(bounds)
    seen = await see_visit(tx, visit_id)
    movable = seen.movable(tx.now)
    if not movable:
        raise VisitStepRefused(visit_state(seen.own, tx.now).value)
    moved = [stop.appointment_id for stop in movable]
    occupied = await appointments.list_occupied(tx.conn, moved)
    wish = replace(
        bounds,
        wishes=tuple(
            Wish(
                stop.service_id,
                stop.associate_id if same_associates else None,
                Standing(stop, occupied[stop.appointment_id]),
            )
            for stop in movable
        ),
        others=tuple(stop for stop in seen.live(tx.now) if stop not in movable),
    )
    diary, member_id = await _read(tx, directory, windows, movable[0].membership, wish, without=moved)
    return wish, diary, member_id


def _check_bounds(wish: VisitWish) -> None:
    if not (1 <= wish.days <= MOST_DAYS and 1 <= wish.most <= MOST_PROPOSALS):
        raise VisitOutOfBounds(MOST_STOPS, MOST_DAYS, MOST_PROPOSALS)


async def _read(
    tx: Transaction,
    directory: Directory,
    windows: BookingWindows,
    membership: MembershipKey,
    wish: VisitWish,
    *,
    without: Collection[AppointmentId] = (),
) -> tuple[Diary, MemberId]:
    member_id = await find_current_member_of(tx.conn, membership)
    if member_id is None:
        raise UnknownMember
    member = MembershipKey(member_id, membership.programme_id)
    admit = await windows.admission(tx, member, stores_of(directory, member.programme_id))
    services = {entry.service_id for entry in wish.wishes}
    # The opening of the day before may last into the first day: a booking looks at it too.
    days = (wish.first_day - timedelta(days=1), *wish.dates)
    diary = await read_diary(tx, directory, services, days, member_id=member_id, admit=admit, without=without)
    if any(service.programme_id != member.programme_id for service in diary.services.values()):
        raise UnknownService
    check_place(directory, tx.actor, diary.services.values())
    return diary, member_id


async def find_visits(
    directory: Directory, wish: VisitWish, diary: Diary, *, member_id: MemberId, now: datetime
) -> Proposals:
    """In a thread: many stops on many days take some tenths of a second, in which tills are not to wait. A thread
    cannot be stopped, so it minds its time itself."""
    left = seconds_left()
    is_over = part_of_time(SEARCH_SECONDS if left is None else min(SEARCH_SECONDS, left / 2))
    return await asyncio.to_thread(
        _search, wish, diary, directory.walking, member_id=member_id, now=now, is_over=is_over
    )


def _search(
    wish: VisitWish, diary: Diary, walk: Walk, *, member_id: MemberId, now: datetime, is_over: IsOver
) -> Proposals:
    """Where there is none, with why."""
    proposals = search(wish, diary, walk, member_id=member_id, now=now, is_over=is_over)
    if proposals.found:
        return proposals
    return replace(proposals, unavailable=unavailable_stops(wish, diary, walk, member_id=member_id, now=now))
