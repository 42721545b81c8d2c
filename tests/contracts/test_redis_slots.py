"""All keys of one script are in one slot, so that it runs on a cluster, and a script makes no key of its own."""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from redis.crc import key_slot

from membership.inventory.model import ClaimId, Limits, OfferId, PoolId
from membership.inventory.rules import Counts
from membership.inventory.stock import Freed, Stock, ToHold, ToLoad
from membership.kernel.actor import Actor, Role
from membership.members.model import MemberId
from membership.redis.client import RedisClient
from membership.redis.scripts import Argument, Reply, Script
from membership.settings import Rate
from membership.web.buckets import Buckets
from membership.web.rates import Rates

_SCRIPTS = sorted((Path(__file__).parents[2] / "src/membership").glob("*/scripts/*.lua"))
_SHARED = {"fence"}
"""Preludes of other scripts."""

OFFER, NOW = OfferId(UUID(int=1)), datetime(2025, 11, 13, 2, 0, tzinfo=UTC)
CLAIMS = [ClaimId(UUID(int=number)) for number in range(2, 5)]
HOLDS = [
    ToHold(claim, PoolId(UUID(int=number)), MemberId(UUID(int=number)), date(2025, 11, 13), b"\1", NOW)
    for number, claim in enumerate(CLAIMS)
]
LIMITS = Limits(per_member=1)
_COUNTED: Counts = {(MemberId(UUID(int=1)), None): 1}


class _Asked(Exception):
    """Nobody answers here."""


class _Noting:
    """In place of a client of Redis."""

    def __init__(self) -> None:
        self.keys: dict[str, list[str]] = defaultdict(list)

    async def hset(self, key: str, **_: object) -> None:
        self.keys["load"].append(key)

    async def expire(self, key: str, _: int) -> None:
        self.keys["load"].append(key)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> _Noting:
    noting = _Noting()

    async def run(script: Script, client: object, keys: list[str], arguments: list[Argument]) -> Reply:
        noting.keys[script.name] += keys
        raise _Asked

    monkeypatch.setattr(Script, "run", run)
    return noting


_INVENTORY: dict[str, Callable[[Stock], Awaitable[object]]] = {
    "hold": lambda stock: stock.hold(OFFER, 1, HOLDS),
    "confirm": lambda stock: stock.confirm(OFFER, 1, CLAIMS),
    "release": lambda stock: stock.release(OFFER, 1, CLAIMS),
    "give_back": lambda stock: stock.give_back(OFFER, 1, CLAIMS, to=Freed.FREE, frees_limit=True),
    "levels": lambda stock: stock.levels(OFFER, 1, [hold.pool_id for hold in HOLDS]),
    "overdue": lambda stock: stock.overdue(OFFER, 1, until=NOW, most=10),
    "load": lambda stock: stock.load(ToLoad(OFFER, 7, LIMITS, pools=(), claims=(), counts=_COUNTED)),
}


@pytest.mark.parametrize("name", sorted(_INVENTORY))
async def test_the_keys_of_an_offer(noted: _Noting, name: str) -> None:
    with suppress(_Asked):
        await _INVENTORY[name](Stock(cast(RedisClient, noted)))
    assert {key_slot(key.encode()) for key in noted.keys[name]} == {key_slot(str(OFFER).encode())}


async def test_the_key_of_a_bucket(noted: _Noting) -> None:
    for caller in (None, Actor(Role.TILL, "till-1"), Actor(Role.MEMBER, "{brace}")):
        noted.keys.clear()
        rates = Rates(
            dict.fromkeys((*Role, "anonymous"), Rate(1, 1)), Buckets(cast(RedisClient, noted)), secret=b"secret"
        )
        with suppress(_Asked):
            await rates.take(caller, "127.0.0.1")
        assert len(noted.keys["take"]) == 1


def test_no_script_is_left_out() -> None:
    assert {file.stem for file in _SCRIPTS} == {*_INVENTORY, *_SHARED, "take"}


_CALL = re.compile(r"redis\.p?call\(\s*'(\w+)'\s*(?:,\s*([^,()]+))?")
_NAMED = re.compile(r"^local ([\w, ]+) = ((?:KEYS\[\d\]|[^,\n]+)(?:, [^,\n]+)*)$", re.MULTILINE)
_PARAMETERS = re.compile(r"function \w+\(([\w, ]+)\)")
_WITHOUT_KEY = {"TIME", "INFO"}


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in _SCRIPTS])
def test_a_script_makes_no_key_of_its_own(file: Path) -> None:
    """On a cluster it could be in another slot, and a server that moves slots would not know that it is wanted."""
    assert made_keys(file.read_text(encoding="utf-8")) == []


def made_keys(script: str) -> list[str]:
    """The keys of calls that are neither one of KEYS nor a name for one, or what a function is given."""
    known = {name.strip() for match in _PARAMETERS.finditer(script) for name in match[1].split(",")}
    for match in _NAMED.finditer(script):
        pairs = zip(match[1].split(","), match[2].split(","), strict=False)
        known |= {name.strip() for name, value in pairs if value.strip().startswith("KEYS[")}
    used = [(match[1], (match[2] or "").strip()) for match in _CALL.finditer(script)]
    return [key for command, key in used if command not in _WITHOUT_KEY and key not in known and "KEYS[" not in key]


def test_a_key_that_is_made_is_found() -> None:
    assert made_keys("local head = KEYS[1]\nredis.call('GET', head)\nredis.call('TIME')") == []
    assert made_keys("local head = KEYS[1]\nredis.call('GET', head .. ':more')") == ["head .. ':more'"]
    assert made_keys("local other = ARGV[1]\nredis.call('GET', other)") == ["other"]
    assert made_keys("redis.call('GET', 'inventory:all')") == ["'inventory:all'"]
