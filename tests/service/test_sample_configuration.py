"""The sample's configuration in PostgreSQL, as the directory reads it."""

from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.sample.configuration import load_configuration_sample
from membership.stores.service import Directory
from membership.stores.store import load_configuration
from membership.tiers.model import Ladder
from sample_store import add_member, card_number_of, load_world


async def test_the_three_stores_load_and_read_back(conn: Conn) -> None:
    world = await load_world(conn)
    directory = Directory(await load_configuration(conn))
    for store in (world.chaoyang, world.hangang, world.brompton):
        assert directory.store(store.store_id).code == store.code
        assert directory.programme(store.programme_id).terms[0].terms == store.terms
        stored = await conn.fetchval("SELECT ladder FROM tiers.ladders WHERE programme_id = $1", store.programme_id)
        assert Ladder.model_validate_json(stored) == store.ladder.ladder
        assert {directory.counter(counter).code for counter in store.counters.values()} == set(store.counters)
        assert {directory.till(till).code for till in store.tills.values()} == set(store.tills)
        assert directory.till(store.central_cashier).counter_id is None
        assert {brand.code for brand in map(directory.brand, store.brands.values())} == set(store.brands)
        assert {entry.code for entry in map(directory.category, store.categories.values())} == set(store.categories)
    counter = directory.counter(world.chaoyang.counters["1F-VAUDRELLE"])
    assert directory.till(world.chaoyang.till_of("1F-VAUDRELLE")).counter_id == counter.counter_id
    assert not directory.brand(counter.brand_id).earns_points


async def test_loading_twice_changes_nothing(conn: Conn) -> None:
    assert await load_configuration_sample(conn)
    before = await load_configuration(conn)
    assert not await load_configuration_sample(conn)
    assert await load_configuration(conn) == before


async def test_a_role_that_row_level_security_binds_can_load_too(conn: Conn) -> None:
    await conn.execute(
        "CREATE ROLE sample_owner; GRANT membership_engine TO sample_owner;"
        "GRANT USAGE ON SCHEMA stores, tiers TO sample_owner;"
        "GRANT SELECT ON ALL TABLES IN SCHEMA stores, tiers TO sample_owner"
    )
    try:
        await conn.execute("SET SESSION AUTHORIZATION sample_owner")
        assert await load_configuration_sample(conn)
        await conn.execute("RESET SESSION AUTHORIZATION")
        assert await conn.fetchval("SELECT count(*) FROM stores.stores") == 3
    finally:
        await conn.execute("RESET SESSION AUTHORIZATION; DROP OWNED BY sample_owner; DROP ROLE sample_owner")


async def test_add_member_gives_a_membership_with_card_and_account(conn: Conn, database: Database) -> None:
    world = await load_world(conn)
    key = await add_member(conn, world.chaoyang, birthday=(2, 29))
    other = await add_member(conn, world.hangang, member_id=key.member_id)
    cards = {row["number"].strip() for row in await conn.fetch("SELECT number FROM cards.cards")}
    assert cards == {card_number_of(key), card_number_of(other)}
    assert await conn.fetchval("SELECT count(*) FROM points.accounts WHERE balance = 0") == 2
