"""A till world for the tests of journeys."""

import pytest

from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.clock import StoppedClock
from support.till_world import TillWorld, open_world


@pytest.fixture
async def till(conn: Conn, database: Database, clock: StoppedClock, keyring: Keyring) -> TillWorld:
    return await open_world(conn, database, clock, keyring)
