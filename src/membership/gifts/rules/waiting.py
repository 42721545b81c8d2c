"""Where a gift waits: at its desk, or at the counter of a visit's stop, to be collected there during the appointment.

It waits there until the business day of the stop ends, so that who comes late still finds it, and longer than its offer
says otherwise where the offer allows visits later than that. Then, or when the stop is cancelled, moved too far or
nobody comes, it is at its desk again, as long as its offer says. A window that had been over by then stays open for the
rest of the day; or for as long as the visit would have, if it was the house that cancelled it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from membership.campaigns import content
from membership.gifts.errors import GiftCannotWaitSoLong, GiftStaysAtDesk, GiftVisitOver, GiftWrongStore
from membership.gifts.model import Gift, GiftCause, GiftId, Occasion, Wait
from membership.gifts.rules.changing import check_waiting
from membership.gifts.rules.states import WAITING
from membership.kernel.wording import local_moment
from membership.stores.model import CounterId, Store
from membership.stores.rules import business_date, business_day_ends


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a gift waits from now on (`wait` None: at its desk), and until when it can be collected at all."""

    gift_id: GiftId
    seen_step: int
    cause: GiftCause
    wait: Wait | None
    collect_until: datetime


def send(
    gift: Gift, stop: Occasion, said: content.Collection, *, store: Store, desk: str, now: datetime
) -> Placing | None:
    """To the counter of a stop; None: it waits for that already. `said`: by the rule it was claimed under. `store` and
    `desk` are the gift's own.

    Raises GiftCollectedAlready, GiftNotCollectedInTime, GiftChangeRefused, GiftWrongStore, GiftStaysAtDesk,
    GiftCannotWaitSoLong, GiftVisitOver.
    """
    check_waiting(gift, now, store.zone)
    if stop.store_id != gift.store_id:
        raise GiftWrongStore(store.code)
    if said.visit_days_after is None:
        raise GiftStaysAtDesk(desk)
    day, last_day = business_date(store, stop.starts_at), gift.day + timedelta(days=said.visit_days_after)
    if day > last_day:
        raise GiftCannotWaitSoLong(local_moment(business_day_ends(store, last_day), store.zone))
    until = max(business_day_ends(store, day), stop.ends_at)
    if until <= now:
        raise GiftVisitOver(local_moment(stop.ends_at, store.zone))
    desk_until = gift.collect_until if gift.wait is None else gift.wait.desk_until
    wait = Wait(stop.counter_id, stop.uid, until, desk_until)
    if wait == gift.wait:
        return None
    return _placed(gift, GiftCause.SENT_TO_COUNTER, wait, max(desk_until, until))


def bring_home(gift: Gift, now: datetime, store: Store, *, by_house: bool) -> Placing | None:
    """To its desk again; None: it waits there. `by_house`: the store, not the member, has ended the visit.

    Raises GiftCollectedAlready, GiftNotCollectedInTime, GiftChangeRefused.
    """
    check_waiting(gift, now, store.zone)
    if gift.wait is None:
        return None
    rest_of_day = business_day_ends(store, business_date(store, now))
    at_least = gift.wait.until if by_house else min(gift.wait.until, rest_of_day)
    return _placed(gift, GiftCause.BACK_AT_DESK, None, max(gift.wait.desk_until, at_least))


def place_of(gift: Gift, now: datetime) -> CounterId:
    """The counter that hands it over at this moment, by the clock."""
    wait = wait_of(gift, now)
    return gift.counter_id if wait is None else wait.counter_id


def wait_of(gift: Gift, now: datetime) -> Wait | None:
    """What it waits for at this moment; None: it waits at its desk, or for nobody any more."""
    wait = gift.wait
    if wait is None or gift.state not in WAITING:
        return None
    # Its desk has it again where there is time left for that.
    return wait if now < wait.until or wait.until == gift.collect_until else None


def placed(gift: Gift, placing: Placing) -> Gift:
    """The gift as it stands then."""
    return replace(
        gift, step=gift.step + 1, cause=placing.cause, wait=placing.wait, collect_until=placing.collect_until
    )


def _placed(gift: Gift, cause: GiftCause, wait: Wait | None, collect_until: datetime) -> Placing:
    return Placing(gift.gift_id, gift.step, cause, wait, collect_until)
