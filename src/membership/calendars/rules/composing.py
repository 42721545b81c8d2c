"""From appointments to what a calendar says, in the reader's language and from where the reader stands."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from membership.calendars.model import CalendarFile, Entry, EntryStatus, Method
from membership.calendars.rules.showing import KEPT_CANCELLED, Shown, shown
from membership.calendars.rules.wording import Words, guest_text, words_in
from membership.calendars.rules.writing import Occasion, write_calendar
from membership.kernel.locales import localised
from membership.stores.service import Directory

ALARM = timedelta(hours=2)
ALARM_AT_WORK = timedelta(minutes=15)


def compose_feed(
    entries: Iterable[Entry], directory: Directory, now: datetime, *, locale: str, name: str
) -> CalendarFile:
    """Everything of one reader. `name`: of the member's programme, or the associate's own."""
    occasions = _occasions(entries, directory, now, locale=locale, cancelled_for=KEPT_CANCELLED)
    called = words_in(locale).calendar.format(name)
    return CalendarFile("appointments.ics", write_calendar(occasions, Method.PUBLISH, locale=locale, name=called))


def compose_visit(entries: Iterable[Entry], directory: Directory, now: datetime, *, locale: str) -> CalendarFile | None:
    """Some appointments to add to a calendar at once; None when there are none. Published, as RFC 5546 lets a REQUEST
    ask for one UID only."""
    occasions = _occasions(entries, directory, now, locale=locale)
    if not occasions:
        return None
    return CalendarFile("visit.ics", write_calendar(occasions, Method.PUBLISH, locale=locale))


def compose_single(entry: Entry, directory: Directory, now: datetime, *, locale: str) -> CalendarFile | None:
    """One appointment to add to a calendar, or to take out of it; None when it has no place there."""
    for occasion in _occasions([entry], directory, now, locale=locale):
        is_off = occasion.status is EntryStatus.CANCELLED
        method = Method.CANCEL if is_off else Method.REQUEST
        return CalendarFile("appointment.ics", write_calendar([occasion], method, locale=locale))
    return None


def _occasions(
    entries: Iterable[Entry],
    directory: Directory,
    now: datetime,
    *,
    locale: str,
    cancelled_for: timedelta | None = None,
) -> list[Occasion]:
    found = ((entry, shown(entry, now, cancelled_for=cancelled_for)) for entry in entries)
    return [_occasion(entry, how, directory, locale) for entry, how in found if how is not None]


def _occasion(entry: Entry, how: Shown, directory: Directory, locale: str) -> Occasion:
    words, shop = words_in(locale), directory.store(entry.store_id)
    counter = directory.counter(entry.counter_id)
    store, brand, floor = (
        localised(names, locale)
        for names in (shop.names, directory.brand(counter.brand_id).names, directory.floor(counter.floor_id).names)
    )
    is_at_work = entry.guest is not None
    return Occasion(
        uid=entry.uid,
        sequence=how.sequence,
        status=how.status,
        period=entry.period,
        zone=shop.zone,
        title=words.title(_what(entry, brand, words, locale), how.status),
        place=f"{brand}, {floor}, {store}",
        note=_served_by(entry, words, locale),
        organizer_id=shop.store_id,
        organizer=store,
        attendee_id=None if is_at_work else entry.membership.member_id,
        booked_at=entry.booked_at,
        changed_at=how.changed_at,
        alarm=ALARM_AT_WORK if is_at_work else ALARM,
    )


def _what(entry: Entry, brand: str, words: Words, locale: str) -> str:
    """A member wants to know where; an associate, who is coming."""
    service = localised(entry.service_names, locale)
    return f"{service} · {brand if entry.guest is None else guest_text(entry.guest, words)}"


def _served_by(entry: Entry, words: Words, locale: str) -> str | None:
    if entry.guest is not None or entry.associate_names is None:
        return None
    return words.served_by.format(localised(entry.associate_names, locale))
