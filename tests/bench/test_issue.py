"""The measurement of issuing measures what it says; how fast, no test says."""

from membership.bench.issue import measure_issue
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.sample.configuration import sample_configuration
from membership.stores.service import Directory
from sample_store import load_world


async def test_every_member_has_the_coupon_after_one_pass(database: Database, conn: Conn) -> None:
    world = await load_world(conn)
    shop = Directory(sample_configuration()).store(world.chaoyang.store_id)
    figures = await measure_issue(database, conn, shop, members=1_234)
    assert (figures.members, figures.issued) == (1_234, 1_234)
    assert await conn.fetchval("SELECT count(DISTINCT member_id) FROM coupons.coupons") == 1_234
