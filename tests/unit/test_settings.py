"""What settings tell of themselves."""

import pytest

from membership.cli.environment import read_settings
from membership.cli.failures import CommandFailed
from membership.kernel.actor import Role
from membership.settings import Rate, Settings
from membership.web.rates import ANONYMOUS, AUTHENTICATION, CALENDAR

KEY = "5ec2e7" * 10 + "5ec2"  # pragma: allowlist secret


def test_no_secret_is_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://membership:s3cret@db/membership")  # pragma: allowlist secret
    monkeypatch.setenv("REDIS_URL", "redis://:s3cret@redis/0")
    for name in ("HASH", "ENCRYPTION"):
        monkeypatch.setenv(f"MEMBERSHIP_IDENTITY_{name}_KEYS", f'{{"1": "{KEY}"}}')
    settings = Settings()

    assert settings.database_url.hosts()[0]["password"] == "s3cret"  # pragma: allowlist secret
    assert "s3cret" not in repr(settings) + str(settings)
    assert KEY not in repr(settings) + str(settings)


@pytest.fixture
def _given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/membership")
    monkeypatch.setenv("REDIS_URL", "redis://redis/0")
    for name in ("HASH", "ENCRYPTION"):
        monkeypatch.setenv(f"MEMBERSHIP_IDENTITY_{name}_KEYS", f'{{"1": "{KEY}"}}')


@pytest.mark.usefixtures("_given")
def test_every_role_has_a_rate_and_so_has_every_address() -> None:
    assert set(Settings().rates) == {*Role, ANONYMOUS, AUTHENTICATION, CALENDAR}


@pytest.mark.usefixtures("_given")
def test_a_rate_is_requests_and_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMBERSHIP_RATE_LIMIT_TILL", "1200/30")
    assert Settings().rates["till"] == Rate(1_200, 30)


@pytest.mark.usefixtures("_given")
@pytest.mark.parametrize("wrong", ["", "600", "0/60", "600/0", "-1/60", "600 / 60", "1e3/60", "60000000/1"])
def test_a_rate_that_is_none_names_itself(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("MEMBERSHIP_RATE_LIMIT_TILL", wrong)
    with pytest.raises(CommandFailed, match=r"MEMBERSHIP_RATE_LIMIT_TILL: .*such as 600/60"):
        read_settings(Settings)


@pytest.mark.usefixtures("_given")
def test_origins_are_listed_as_browsers_send_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().allowed_origins == ()
    monkeypatch.setenv("MEMBERSHIP_ALLOWED_ORIGINS", '["https://app.example", "http://localhost:5173"]')
    assert Settings().allowed_origins == ("https://app.example", "http://localhost:5173")
    monkeypatch.setenv("MEMBERSHIP_ALLOWED_ORIGINS", "https://app.example, http://localhost:5173")
    assert Settings().allowed_origins == ("https://app.example", "http://localhost:5173")


@pytest.mark.usefixtures("_given")
def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMBERSHIP_TRUSTED_PROXIES", "10.0.0.0/8,192.168.1.7,fd00::/8")
    assert Settings().trusted_proxies == ("10.0.0.0/8", "192.168.1.7", "fd00::/8")


@pytest.mark.usefixtures("_given")
@pytest.mark.parametrize("wrong", ["foo", "*", "10.0.0.0/8,foo", "10.0.0.0/64", '["foo"]', "[10.0.0.1"])
def test_a_proxy_that_is_none_names_itself(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("MEMBERSHIP_TRUSTED_PROXIES", wrong)
    with pytest.raises(CommandFailed, match=r"MEMBERSHIP_TRUSTED_PROXIES: write addresses or networks"):
        read_settings(Settings)


@pytest.mark.usefixtures("_given")
@pytest.mark.parametrize("purpose", ["HASH", "ENCRYPTION"])
def test_a_version_in_use_that_there_is_no_key_of_names_itself(monkeypatch: pytest.MonkeyPatch, purpose: str) -> None:
    monkeypatch.setenv(f"MEMBERSHIP_IDENTITY_{purpose}_KEY_IN_USE", "7")
    with pytest.raises(CommandFailed, match=f"MEMBERSHIP_IDENTITY_{purpose}_KEY_IN_USE: is 7, .*; there are 1"):
        read_settings(Settings)


@pytest.mark.usefixtures("_given")
@pytest.mark.parametrize(
    "wrong",
    ["*", "https://*.example", "https://app.example/", "https://app.example/x", "app.example", "https://APP.example"],
)
@pytest.mark.parametrize("written", ['["{}"]', "https://b.example,{}"])
def test_an_origin_that_no_browser_sends_names_itself(
    monkeypatch: pytest.MonkeyPatch, wrong: str, written: str
) -> None:
    monkeypatch.setenv("MEMBERSHIP_ALLOWED_ORIGINS", written.format(wrong))
    with pytest.raises(CommandFailed, match="MEMBERSHIP_ALLOWED_ORIGINS"):
        read_settings(Settings)


@pytest.mark.usefixtures("_given")
@pytest.mark.parametrize("name", ["QUERY", "TILL", "MUTATION"])
def test_a_time_limit_is_some_seconds(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"MEMBERSHIP_{name}_SECONDS", "0")
    with pytest.raises(CommandFailed, match=f"MEMBERSHIP_{name}_SECONDS"):
        read_settings(Settings)
