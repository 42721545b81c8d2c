"""The real service for clients that others wrote: one development with the sample, and beside it production.

development   `membership dev` on 10 November 2026: its callers' tokens, the open profile, changes through the API
production    `membership serve` on the same servers, trusted documents only; a test may end it and start it again
drop          a gift of the anniversary that can be claimed
fittings      an associate whose times can be booked
"""

import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from cli.test_dev import running
from support.deployment import Development, Production
from support.drop import Drop, open_drop
from support.fitting import Fittings, open_fittings

BEFORE_THE_ANNIVERSARY = "2026-11-10T12:00:00"


@pytest.fixture(scope="session")
def development(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Development]:
    foreign = {"DATABASE_URL", "REDIS_URL"}
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MEMBERSHIP_") and name not in foreign
    }
    folder = tmp_path_factory.mktemp("development") / "data"
    with running(environment, folder, _free_port(), "--today", BEFORE_THE_ANNIVERSARY, sample="demo"):
        yield Development(folder)


@pytest.fixture(scope="session")
def only_production(development: Development, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    # A token is judged to the second, so that a test of one that expires need not wait for the leeway.
    service = Production(
        development, _free_port(), tmp_path_factory.mktemp("production") / "log", MEMBERSHIP_TOKEN_LEEWAY_SECONDS="0"
    )
    yield service
    if service.is_running:
        service.kill()


@pytest.fixture
def production(only_production: Production) -> Production:
    if not only_production.is_running:
        only_production.start()
    return only_production


@pytest.fixture(scope="session")
def only_drop(development: Development) -> Drop:
    return open_drop(development)


@pytest.fixture
def drop(only_drop: Drop) -> Iterator[Drop]:
    yield only_drop
    only_drop.tidy()


@pytest.fixture(scope="session")
def only_fittings(development: Development) -> Fittings:
    return open_fittings(development)


@pytest.fixture
def fittings(only_fittings: Fittings) -> Iterator[Fittings]:
    yield only_fittings
    only_fittings.tidy()


def _free_port() -> int:
    """Below the range that systems hand out by themselves: no client's port gets it in between."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
