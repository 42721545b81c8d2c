"""Every environment variable, read once and validated. A wrong value names itself."""

import ipaddress
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PostgresDsn,
    RedisDsn,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Profile(StrEnum):
    """`production` runs trusted documents only; `open` also takes text, within the same limits."""

    PRODUCTION = "production"
    OPEN = "open"


class DatabaseSettings(BaseSettings):
    """What a migration needs."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    # Not in a repr, which may end in a log: an address may hold a password.
    database_url: PostgresDsn = Field(
        validation_alias="DATABASE_URL",
        repr=False,
        examples=["postgresql://membership_api:<password>@127.0.0.1:5432/membership"],
    )


class RedisSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="MEMBERSHIP_", extra="ignore", frozen=True)

    redis_url: RedisDsn = Field(validation_alias="REDIS_URL", repr=False, examples=["redis://127.0.0.1:6379/0"])
    redis_cluster: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests, at once if need be; those that were used come back evenly over so many seconds."""

    requests: int
    seconds: int


_RATE = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,4})")


def _rate(value: object) -> object:
    if isinstance(value, Rate):
        return value
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write requests/seconds, such as 600/60")
    return Rate(int(match[1]), int(match[2]))


RateSetting: TypeAlias = Annotated[Rate, NoDecode, BeforeValidator(_rate)]


_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")


def _listed(value: object) -> object:
    """A list as people write it, with commas, or as JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        with suppress(ValueError):
            return json.loads(value)
    return [entry.strip() for entry in value.split(",") if entry.strip()]


def _origin(value: str) -> str:
    if _ORIGIN.fullmatch(value) is None:
        raise ValueError("write origins as browsers send them, such as https://a.example,https://b.example:8443")
    return value


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("write addresses or networks, such as 10.0.0.0/8,192.168.1.7") from None
    return value


Origin: TypeAlias = Annotated[str, AfterValidator(_origin)]
Network: TypeAlias = Annotated[str, AfterValidator(_network)]
Origins: TypeAlias = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_listed)]
Networks: TypeAlias = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_listed)]


_KEYS_EXAMPLE = '{"1": "<openssl rand -hex 32>"}'
_KEYS_WANTED = f"write at least one key of 64 hexadecimal digits by its version, such as {_KEYS_EXAMPLE}"
_KEY = re.compile(r"[0-9a-fA-F]{64}")
_VERSIONS = range(1, 2**15)


def _object(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(_KEYS_WANTED) from None


def _keys(keys: dict[int, SecretStr]) -> dict[int, SecretStr]:
    if not keys or any(version not in _VERSIONS for version in keys):
        raise ValueError(_KEYS_WANTED)
    if any(_KEY.fullmatch(key.get_secret_value()) is None for key in keys.values()):
        raise ValueError(_KEYS_WANTED)
    return keys


KeysSetting: TypeAlias = Annotated[dict[int, SecretStr], NoDecode, BeforeValidator(_object), AfterValidator(_keys)]


class RateSettings(BaseSettings):
    """How much each client may ask of all processes together: `MEMBERSHIP_RATE_LIMIT_TILL=600/60`. See web/rates.py.

    Each is a multiple of what a busy, honest client needs on the day of 70,000 shoppers.
    """

    model_config = SettingsConfigDict(env_prefix="MEMBERSHIP_", extra="ignore", frozen=True)

    # Two devices around a drop ask for some 30 within a minute. Who hammers a claim gets two a second.
    rate_limit_member: RateSetting = Rate(60, 30)
    # A sale takes up to ten requests; after a cut line a till hands in a hundred sales at once.
    rate_limit_till: RateSetting = Rate(600, 60)
    rate_limit_associate: RateSetting = Rate(300, 60)
    rate_limit_desk: RateSetting = Rate(300, 60)
    rate_limit_member_services: RateSetting = Rate(300, 60)
    # Pages of several queries, and simulations, of which each costs as much as a thousand other requests.
    rate_limit_planner: RateSetting = Rate(180, 60)
    rate_limit_approver: RateSetting = Rate(180, 60)
    rate_limit_admin: RateSetting = Rate(300, 60)
    # The design load of all tills together: another system may feed in what they sold.
    rate_limit_service: RateSetting = Rate(6_000, 60)

    # By address from here on, and thousands of phones have one: a store's network, a mobile operator's.
    rate_limit_anonymous: RateSetting = Rate(6_000, 60)
    # Tokens that are no token of the issuer's. One that has merely expired counts as anonymous.
    rate_limit_authentication: RateSetting = Rate(120, 60)
    # Calendar services fetch the feeds of all their users from a few addresses.
    rate_limit_calendar: RateSetting = Rate(600, 60)

    @property
    def rates(self) -> Mapping[str, Rate]:
        """By client type: `till`, `anonymous`."""
        return {name.removeprefix("rate_limit_"): value for name, value in self if isinstance(value, Rate)}


class Settings(DatabaseSettings, RedisSettings, RateSettings):
    """Read from the environment; `MEMBERSHIP_` before every name but the two addresses."""

    model_config = SettingsConfigDict(env_prefix="MEMBERSHIP_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    profile: Profile = Profile.PRODUCTION
    # Of a second listener, for probes and Prometheus, in API and worker alike; port 0: none. No ingress leads to it.
    monitoring_host: str = "127.0.0.1"
    monitoring_port: int = Field(default=0, ge=0, le=65535)
    database_pool_size: int = Field(default=10, ge=1, le=200)
    database_statement_cache_size: int = Field(default=1024, ge=0)

    # WebSockets and event streams that one process keeps open.
    stream_limit: int = Field(default=5_000, ge=0)

    # How long an operation may take. A till's: all that it asks. A query's: each read of a subscription too.
    query_seconds: float = Field(default=5, gt=0, le=60)
    till_seconds: float = Field(default=3, gt=0, le=60)
    mutation_seconds: float = Field(default=10, gt=0, le=60)

    # After SIGTERM: for so long everything is still served while /readyz says DRAINING, so that whoever shares out
    # requests notices. Longer than it takes them to.
    drain_seconds: float = Field(default=0, ge=0, le=300)

    # What pages of other sites may do. Origins as browsers send them: https://a.example,https://b.example.
    allowed_origins: Origins = ()
    # The cookie that may hold a token, for pages that cannot keep one.
    token_cookie: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    # For how long browsers come by HTTPS only; 0 says nothing about it.
    hsts_seconds: int = Field(default=0, ge=0)
    # Addresses or networks whose X-Forwarded-For names the caller. Of others it is not believed.
    trusted_proxies: Networks = ()

    token_issuer: str = "membership-dev"  # noqa: S105 - a name
    token_audience: str = "membership"  # noqa: S105 - a name
    token_algorithm: Literal["ES256", "RS256", "EdDSA"] = "ES256"  # noqa: S105 - a name
    token_jwks_url: str | None = Field(default=None, pattern="^https://")
    token_jwks_file: Path | None = None
    token_leeway_seconds: int = Field(default=30, ge=0, le=300)

    # Keys by version, the highest used for new values: '{"1": "<64 hex digits>"}'.
    identity_hash_keys: KeysSetting = Field(examples=[_KEYS_EXAMPLE])
    identity_encryption_keys: KeysSetting = Field(examples=[_KEYS_EXAMPLE])
    # Another version for new values, while not every process knows the highest: see `membership keys --help`.
    identity_hash_key_in_use: int | None = None
    identity_encryption_key_in_use: int | None = None

    @field_validator("identity_hash_key_in_use", "identity_encryption_key_in_use")
    @classmethod
    def _known(cls, version: int | None, info: ValidationInfo) -> int | None:
        keys = info.data.get(str(info.field_name).removesuffix("_in_use") + "s")
        if version is not None and keys is not None and version not in keys:
            versions = ", ".join(map(str, sorted(keys)))
            raise ValueError(f"is {version}, and there is no key of that version; there are {versions}")
        return version

    # Where one operation in so many is told to, by OTLP over HTTP: http://collector:4318. None: to nobody.
    traces_endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$")
    traces_ratio: float = Field(default=0.1, ge=0, le=1)

    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
