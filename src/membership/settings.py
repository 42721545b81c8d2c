"""Every environment variable, read once and validated. A wrong value names itself."""

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field, PostgresDsn, RedisDsn, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Profile(StrEnum):
    """`production` runs trusted documents only; `open` also takes text, within the same limits."""

    PRODUCTION = "production"
    OPEN = "open"


class DatabaseSettings(BaseSettings):
    """What a migration needs."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    # Not in a repr, which may end in a log: an address may hold a password.
    database_url: PostgresDsn = Field(validation_alias="DATABASE_URL", repr=False)


class RedisSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="MEMBERSHIP_", extra="ignore", frozen=True)

    redis_url: RedisDsn = Field(validation_alias="REDIS_URL", repr=False)
    redis_cluster: bool = False


class Settings(DatabaseSettings, RedisSettings):
    """Read from the environment; `MEMBERSHIP_` before every name but the two addresses."""

    model_config = SettingsConfigDict(env_prefix="MEMBERSHIP_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    profile: Profile = Profile.PRODUCTION
    database_pool_size: int = Field(default=10, ge=1, le=200)
    database_statement_cache_size: int = Field(default=1024, ge=0)

    # WebSockets and event streams that one process keeps open.
    stream_limit: int = Field(default=5_000, ge=0)

    # How long an operation may take. A till's: all that it asks. A query's: each read of a subscription too.
    query_seconds: float = Field(default=5, gt=0, le=60)
    till_seconds: float = Field(default=3, gt=0, le=60)
    mutation_seconds: float = Field(default=10, gt=0, le=60)

    token_issuer: str = "membership-dev"  # noqa: S105 - a name
    token_audience: str = "membership"  # noqa: S105 - a name
    token_algorithm: Literal["ES256", "RS256", "EdDSA"] = "ES256"  # noqa: S105 - a name
    token_jwks_url: str | None = Field(default=None, pattern="^https://")
    token_jwks_file: Path | None = None
    token_leeway_seconds: int = Field(default=30, ge=0, le=300)

    # Keys by version, the highest used for new values: '{"1": "<64 hex digits>"}'.
    identity_hash_keys: dict[int, SecretStr]
    identity_encryption_keys: dict[int, SecretStr]

    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
