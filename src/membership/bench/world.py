"""The servers filled, and the settings that lead to them."""

import json
import secrets

import asyncpg

from membership.app import keyring_of
from membership.bench.crowd import Crowd, add_crowd
from membership.bench.servers import Datastores
from membership.kernel.clock import SystemClock
from membership.postgres.migrations import migrate
from membership.sample.loading import load_sample
from membership.settings import Profile, Settings
from membership.web.development_issuer import ensure_keys

_KEYS = ("MEMBERSHIP_IDENTITY_HASH_KEYS", "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS")


def environment(stores: Datastores) -> dict[str, str]:
    """As in production: trusted documents only, tokens checked against a key set."""
    return {
        "DATABASE_URL": stores.postgres.dsn(),
        "REDIS_URL": stores.valkey.url(),
        "MEMBERSHIP_PROFILE": Profile.PRODUCTION.value,
        "MEMBERSHIP_TOKEN_JWKS_FILE": str(ensure_keys(stores.folder / "keys")),
        **{name: json.dumps({"1": secrets.token_hex(32)}) for name in _KEYS},
    }


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
