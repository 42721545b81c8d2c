"""The named members: their receipts by script and not by chance."""

from datetime import date, datetime, time, timedelta

from membership.members.model import Birthday
from membership.points.rules import expires_at
from membership.receipts.model import Basket, BasketLine, ReturnKind, Tender
from membership.sample import identifiers as ids
from membership.sample.baskets import Receipt
from membership.sample.files import CastRow, CastSaleRow, CounterRow, SampleProgramme
from membership.sample.place import Place
from membership.sample.plan import PlannedReturn, PlannedSale
from membership.stores.rules import business_date, local_instant

YEARS_A_MEMBER = 4
_AFTERNOON = time(15)


def birthday_of(row: CastRow, today: date) -> Birthday | None:
    if row.birthday_in_days is not None:
        day = today + timedelta(days=row.birthday_in_days)
        return Birthday(day.month, day.day)
    return Birthday(*row.birthday) if row.birthday else None


def scripted(row: CastRow, place: Place, today: date) -> list[PlannedSale]:
    """Sales in order of time."""
    sales = [_sale(entry, place, today, number) for number, entry in enumerate(row.sales)]
    return sorted(sales, key=lambda sale: sale.sold_at)


def _sale(row: CastSaleRow, place: Place, today: date, number: int) -> PlannedSale:
    day = _day_of(row, place, today)
    back_on = None if row.back_days_ago is None else today - timedelta(days=row.back_days_ago)
    return PlannedSale(
        sold_at=_moment(place, day, number),
        business_date=day,
        receipt=receipt_at(row.counter, row.amount_minor, place.sample),
        spend_percent=row.spend_percent,
        comes_back=None
        if back_on is None
        else PlannedReturn(ReturnKind.RETURN, _moment(place, back_on, number), back_on, None),
    )


def _day_of(row: CastSaleRow, place: Place, today: date) -> date:
    if row.days_ago is not None:
        return today - timedelta(days=row.days_ago)
    if row.last_year is not None:
        return date.fromisoformat(f"{today.year - 1}-{row.last_year}")
    return _earned_to_expire_on(place, today + timedelta(days=1))


def _earned_to_expire_on(place: Place, day: date) -> date:
    """The last day on which points were earned that expire as `day` begins."""
    for days in range(1, 800):
        earned_on = day - timedelta(days=days)
        ends = expires_at(place.terms.terms, place.store, earned_on)
        if ends is not None and business_date(place.store, ends) == day:
            return earned_on
    raise ValueError(f"no points of {place.programme.code} expire on {day}")


def receipt_at(counter_code: str, amount_minor: int, sample: SampleProgramme) -> Receipt:
    """One piece at a counter, paid in the usual way."""
    (counter,) = (entry for entry in sample.counters if entry.code == counter_code)
    store = sample.store.code
    basket = Basket(
        sample.programme.currency,
        (_line(counter, sample, amount_minor),),
        (Tender(_usual_tender(sample), amount_minor),),
    )
    return Receipt(ids.till_id(store, ids.till_code_of(counter.code)), ids.counter_id(store, counter.code), basket)


def _line(counter: CounterRow, sample: SampleProgramme, amount_minor: int) -> BasketLine:
    category = counter.categories[0]
    return BasketLine(
        line_no=1,
        counter_id=ids.counter_id(sample.store.code, counter.code),
        category_id=ids.category_id(sample.programme.code, category),
        quantity=1,
        net_minor=amount_minor,
    )


def _usual_tender(sample: SampleProgramme) -> str:
    return max(sample.tender_types, key=lambda tender: tender.popularity).code


def _moment(place: Place, day: date, number: int) -> datetime:
    return local_instant(place.store.zone, day, _AFTERNOON) + timedelta(minutes=number)
