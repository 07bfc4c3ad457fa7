"""Settings that cannot work are refused, all at once."""

import pytest

from gateway.settings import GatewaySettings
from shared.errors import ConfigurationError
from shared.settings import describe, load

_MINIMAL = {"POSTERN_DATABASE_URL": "postgresql://u:s3cret@h/d", "POSTERN_MASTER_KEYS": "a:b"}


def test_settings_when_minimal() -> None:
    """The defaults fit each other."""
    settings = load(GatewaySettings, _MINIMAL)
    assert settings.deadline_seconds == 1.0
    shown = describe(settings)
    assert "s3cret" not in repr(shown)
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "10.0.0.0/8,nonsense"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("MAX_HEADER_BYTES", "196609"),
        ("MAX_JSON_DEPTH", "0"),
        ("MAX_JSON_DEPTH", "201"),
        ("POLL_SECONDS", "4.5"),
        ("POLL_SECONDS", "0"),
        ("PUBLISH_GRACE_SECONDS", "1"),
        ("MAX_PENDING_BYTES", "1000"),
        ("DEADLINE_SECONDS", "0"),
        ("DEADLINE_SECONDS", "-1"),
        ("DEADLINE_SECONDS", "nan"),
        ("WRITER_COUNT", "0"),
        ("MAX_BATCH_ROWS", "0"),
        ("SANDBOX_SIZE", "0"),
        ("LEASE_SECONDS", "0"),
        ("RECEIVE_TIMEOUT_SECONDS", "0"),
        ("EXPRESSION_TIMEOUT_SECONDS", "0"),
        ("EXPRESSION_TIMEOUT_SECONDS", "2"),
        ("REFUSED_PER_MINUTE", "-1"),
        ("REFUSED_BURST", "-1"),
        ("PORT", "70000"),
        ("UNKNOWN", "1"),
        ("MAX_BODY_BYTES", "ten"),
    ],
)
def test_settings_when_one_is_faulty(name: str, value: str) -> None:
    """The fault names its variable."""
    variable = f"POSTERN_GATEWAY_{name}"
    with pytest.raises(ConfigurationError) as caught:
        load(GatewaySettings, {**_MINIMAL, variable: value})
    assert any(fault.startswith(variable) for fault in caught.value.faults), caught.value.faults


def test_settings_when_several_are_faulty() -> None:
    """Every fault is told at once."""
    faulty = {"POLL_SECONDS": "9", "MAX_JSON_DEPTH": "999", "TRUSTED_PROXIES": "x,y"}
    environ = {f"POSTERN_GATEWAY_{name}": value for name, value in faulty.items()}
    with pytest.raises(ConfigurationError) as caught:
        load(GatewaySettings, {**_MINIMAL, **environ})
    assert len(caught.value.faults) == 4
