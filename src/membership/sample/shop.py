"""The sample's shop as tills need it: all its tills with tokens, its shelves, and cards of members."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from membership.kernel.actor import Role
from membership.sample import identifiers as ids
from membership.sample.files import SampleProgramme
from membership.till_simulator.shop import Shelf, Shop, TillPlace
from membership.web.development_issuer import issue_token


def shop_of(sample: SampleProgramme, keys: Path, cards: Sequence[str], now: datetime) -> Shop:
    """All tills of a store of the sample, central cashiers first, with tokens of the development issuer."""
    return Shop(
        store=sample.store.code,
        currency=sample.programme.currency,
        minor_unit_exponent=sample.programme.minor_unit_exponent,
        tills=(
            *(_till(sample, keys, row.code, None, now) for row in sample.central_cashiers),
            *(_till(sample, keys, ids.till_code_of(row.code), row.code, now) for row in sample.counters),
        ),
        shelves=tuple(
            Shelf(
                counter=row.code,
                categories=row.categories,
                cheapest_minor=row.price_minor[0],
                dearest_minor=row.price_minor[1],
            )
            for row in sample.counters
        ),
        tenders=tuple(row.code for row in sample.tender_types if row.popularity),
        cards=tuple(cards),
    )


def _till(sample: SampleProgramme, keys: Path, code: str, counter: str | None, now: datetime) -> TillPlace:
    store = sample.store.code
    token = issue_token(
        keys,
        Role.TILL,
        now=now,
        programme=ids.programme_id(sample.programme.code),
        store=ids.store_id(store),
        counter=None if counter is None else ids.counter_id(store, counter),
        till=ids.till_id(store, code),
    )
    return TillPlace(code=code, token=token, counter=counter)
