"""From when on a service may be booked. By itself: so many days ahead. Whoever conducts bookings may say otherwise. And
by whom: members who often did not come ask staff to book."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from membership.appointments.errors import BookingSuspended, TooEarlyToBook
from membership.appointments.model import Service
from membership.kernel.errors import DomainError
from membership.kernel.wording import local_moment
from membership.stores.model import ProgrammeId, Store

Admit: TypeAlias = Callable[[Service, Store, datetime, datetime], DomainError | None]
"""(service, its store, start, now) → None when that start may be booked now, or why not. Listing and booking ask it."""


def by_horizon(service: Service, store: Store, starts_at: datetime, now: datetime) -> DomainError | None:
    """The service's own rule."""
    book_from = starts_at - timedelta(days=service.rules.horizon_days)
    if now < book_from:
        return TooEarlyToBook(service.code, local_moment(book_from, store.zone))
    return None


def longest_memory(services: Iterable[Service]) -> timedelta | None:
    """For how long it matters that a member did not come. None: to none of these services."""
    days = [service.rules.no_show_days for service in services if service.rules.no_show_limit is not None]
    return timedelta(days=max(days)) if days else None


def unless_broken(admit: Admit, broken: Mapping[ProgrammeId, Sequence[datetime]]) -> Admit:
    """`broken`: when a member did not come, or cancelled late, in each programme, the last first."""

    def judge(service: Service, store: Store, starts_at: datetime, now: datetime) -> DomainError | None:
        limit, memory = service.rules.no_show_limit, timedelta(days=service.rules.no_show_days)
        recent = [moment for moment in broken.get(service.programme_id, ()) if now < moment + memory]
        if limit is not None and len(recent) >= limit:
            possible_from = local_moment(recent[limit - 1] + memory, store.zone)
            return BookingSuspended(service.code, len(recent), service.rules.no_show_days, possible_from)
        return admit(service, store, starts_at, now)

    return judge
