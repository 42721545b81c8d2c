"""From when on a service may be booked. By itself: so many days ahead. Whoever conducts bookings may say otherwise."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

from membership.appointments.errors import TooEarlyToBook
from membership.appointments.model import Service
from membership.kernel.errors import DomainError
from membership.kernel.wording import local_moment
from membership.stores.model import Store

Admit: TypeAlias = Callable[[Service, Store, datetime, datetime], DomainError | None]
"""(service, its store, start, now) → None when that start may be booked now, or why not. Listing and booking ask it."""


def by_horizon(service: Service, store: Store, starts_at: datetime, now: datetime) -> DomainError | None:
    """The service's own rule."""
    book_from = starts_at - timedelta(days=service.rules.horizon_days)
    if now < book_from:
        return TooEarlyToBook(service.code, local_moment(book_from, store.zone))
    return None
