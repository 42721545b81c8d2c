"""The sample's shop as tills need it, for `membership till`: the file beside the environment of `membership dev`."""

from pathlib import Path

from membership.cards.store import list_live_numbers
from membership.cli.operators import operator_named
from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock
from membership.postgres.database import Database, open_pool
from membership.sample import identifiers as ids
from membership.sample.files import SampleProgramme, sample_programmes
from membership.sample.loading import demo_ids
from membership.settings import Settings
from membership.till_simulator.shop import Shelf, Shop, TillPlace
from membership.web.development_issuer import issue_token

_MOST_CARDS = 200


async def sample_shop(settings: Settings, keys: Path) -> Shop:
    """The store of the tokens that `membership dev` prints, with cards of members who are there."""
    programme_id = demo_ids().programme_id
    (sample,) = (row for row in sample_programmes() if ids.programme_id(row.programme.code) == programme_id)
    pool = await open_pool(str(settings.database_url), max_size=1)
    try:
        async with Database(pool).engine(operator_named("membership dev"), SystemClock().now()) as transaction:
            cards = await list_live_numbers(transaction.conn, programme_id, most=_MOST_CARDS)
    finally:
        await pool.close()
    return shop_of(sample, keys, cards)


def shop_of(sample: SampleProgramme, keys: Path, cards: list[str]) -> Shop:
    """All tills of a store of the sample, central cashiers first, with tokens of the development issuer."""
    return Shop(
        store=sample.store.code,
        currency=sample.programme.currency,
        minor_unit_exponent=sample.programme.minor_unit_exponent,
        tills=(
            *(_till(sample, keys, row.code, None) for row in sample.central_cashiers),
            *(_till(sample, keys, ids.till_code_of(row.code), row.code) for row in sample.counters),
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


def _till(sample: SampleProgramme, keys: Path, code: str, counter: str | None) -> TillPlace:
    store = sample.store.code
    token = issue_token(
        keys,
        Role.TILL,
        now=SystemClock().now(),
        programme=ids.programme_id(sample.programme.code),
        store=ids.store_id(store),
        counter=None if counter is None else ids.counter_id(store, counter),
        till=ids.till_id(store, code),
    )
    return TillPlace(code=code, token=token, counter=counter)
