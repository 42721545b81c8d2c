"""What settings tell of themselves."""

import pytest

from membership.settings import Settings


def test_no_secret_is_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://membership:s3cret@db/membership")  # pragma: allowlist secret
    monkeypatch.setenv("REDIS_URL", "redis://:s3cret@redis/0")
    for name in ("HASH", "ENCRYPTION"):
        monkeypatch.setenv(f"MEMBERSHIP_IDENTITY_{name}_KEYS", '{"1": "s3cret"}')
    settings = Settings()

    assert settings.database_url.hosts()[0]["password"] == "s3cret"  # pragma: allowlist secret
    assert "s3cret" not in repr(settings) + str(settings)
