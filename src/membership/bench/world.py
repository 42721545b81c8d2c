"""The servers filled, and the settings that lead to them."""

import json
import secrets
from dataclasses import dataclass

import asyncpg

from membership.app import keyring_of
from membership.bench.crowd import Crowd, add_crowd
from membership.bench.season import Season, open_season
from membership.bench.servers import Datastores
from membership.kernel.clock import SystemClock
from membership.postgres.migrations import migrate
from membership.sample.loading import load_sample
from membership.settings import Profile, RateSettings, Settings
from membership.web.development_issuer import ensure_keys

_PLAIN, _SEASON, _ISSUE, _DIARIES, _PAST = "plain", "season", "issue", "diaries", "past"
_KEYS = ("MEMBERSHIP_IDENTITY_HASH_KEYS", "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS")


def environment(stores: Datastores) -> dict[str, str]:
    """As in production: trusted documents only, tokens checked against a key set."""
    return {
        "DATABASE_URL": stores.postgres.dsn(_PLAIN),
        "REDIS_URL": stores.valkey.url(),
        "MEMBERSHIP_PROFILE": Profile.PRODUCTION.value,
        "MEMBERSHIP_TOKEN_JWKS_FILE": str(ensure_keys(stores.folder / "keys")),
        **{name: json.dumps({"1": secrets.token_hex(32)}) for name in _KEYS},
        # A few callers put the load of a whole city on it; each request is counted all the same.
        **{f"MEMBERSHIP_{name.upper()}": "1000000/1" for name in RateSettings.model_fields},
    }


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service lives: its environment, and the same as settings."""

    environment: dict[str, str]
    settings: Settings


@dataclass(frozen=True, slots=True)
class Places:
    """`season` is a copy of `plain` in which a campaign is live. `issue` and `diaries` are empty, and `past` is
    to be a copy of `diaries`."""

    plain: Place
    season: Place
    issue: Place
    diaries: Place
    past: Place


async def open_places(stores: Datastores, people: int) -> tuple[Places, Crowd, Season]:
    """The databases: the sample with its crowd, once without a campaign and once with one, and empty ones."""
    given = environment(stores)
    names = (_PLAIN, _SEASON, _ISSUE, _DIARIES, _PAST)
    plain, season, issue, diaries, past = (_place(given, stores.postgres.dsn(name)) for name in names)
    await _create(stores, f"CREATE DATABASE {_PLAIN}")
    crowd = await fill(plain.settings, people)
    await _create(stores, f"CREATE DATABASE {_SEASON} TEMPLATE {_PLAIN}")
    for empty in (_ISSUE, _DIARIES):
        await _create(stores, f"CREATE DATABASE {empty}")
    return Places(plain, season, issue, diaries, past), crowd, await open_season(season.settings)


async def copy_diaries(stores: Datastores) -> None:
    """As they are."""
    await _create(stores, f"CREATE DATABASE {_PAST} TEMPLATE {_DIARIES}")


def _place(given: dict[str, str], dsn: str) -> Place:
    there = given | {"DATABASE_URL": dsn}
    return Place(there, settings_of(there))


async def _create(stores: Datastores, statement: str) -> None:
    conn = await asyncpg.connect(stores.postgres.dsn())
    try:
        await conn.execute(statement)
    finally:
        await conn.close()


def settings_of(given: dict[str, str]) -> Settings:
    """The same environment for this process."""
    fields = {name.removeprefix("MEMBERSHIP_").lower(): value for name, value in given.items() if name not in _KEYS}
    keys = {name.removeprefix("MEMBERSHIP_").lower(): json.loads(given[name]) for name in _KEYS}
    return Settings.model_validate({**given, **fields, **keys})


async def fill(settings: Settings, people: int) -> Crowd:
    """The sample with so many people, and a crowd of a quarter as many."""
    dsn, keyring, now = str(settings.database_url), keyring_of(settings), SystemClock().now()
    await migrate(dsn)
    await load_sample(dsn, keyring=keyring, size=people, today=now.date(), now=now)
    conn = await asyncpg.connect(dsn)
    try:
        return await add_crowd(conn, keyring, size=people // 4, now=now)
    finally:
        await conn.close()
