"""The second listener's port is taken before anything slow is begun, and named when somebody else has it."""

import pytest

from membership.cli.failures import CommandFailed
from membership.cli.serving import bind_monitoring
from membership.settings import Settings
from support.monitoring import bound

KEY = "5ec2e7" * 10 + "5ec2"  # pragma: allowlist secret


@pytest.fixture
def _given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/membership")
    monkeypatch.setenv("REDIS_URL", "redis://redis/0")
    for name in ("HASH", "ENCRYPTION"):
        monkeypatch.setenv(f"MEMBERSHIP_IDENTITY_{name}_KEYS", f'{{"1": "{KEY}"}}')


@pytest.mark.usefixtures("_given")
def test_nobody_listens_unless_a_port_is_given() -> None:
    assert bind_monitoring(Settings()) is None


@pytest.mark.usefixtures("_given")
def test_a_port_that_somebody_has_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with bound() as taken:
        taken.listen()
        monkeypatch.setenv("MEMBERSHIP_MONITORING_PORT", str(taken.getsockname()[1]))
        with pytest.raises(CommandFailed, match="choose another with MEMBERSHIP_MONITORING_PORT"):
            bind_monitoring(Settings())
