"""The sample's shop as tills need it, for `membership till`: the file beside the environment of `membership dev`."""

from pathlib import Path

from membership.cards.store import list_live_numbers
from membership.cli.operators import operator_named
from membership.kernel.clock import SystemClock
from membership.postgres.database import Database, open_pool
from membership.sample import identifiers as ids
from membership.sample.files import sample_programmes
from membership.sample.loading import demo_ids
from membership.sample.shop import shop_of
from membership.settings import Settings
from membership.till_simulator.shop import Shop

_MOST_CARDS = 200


async def sample_shop(settings: Settings, keys: Path) -> Shop:
    """The store of the tokens that `membership dev` prints, with cards of members who are there."""
    programme_id = demo_ids().programme_id
    (sample,) = (row for row in sample_programmes() if ids.programme_id(row.programme.code) == programme_id)
    now = SystemClock().now()
    pool = await open_pool(str(settings.database_url), max_size=1)
    try:
        async with Database(pool).engine(operator_named("membership dev"), now) as transaction:
            cards = await list_live_numbers(transaction.conn, programme_id, most=_MOST_CARDS)
    finally:
        await pool.close()
    return shop_of(sample, keys, cards, now)
