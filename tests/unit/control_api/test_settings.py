"""The control API's settings."""

import pytest

from control_api.settings import ControlApiSettings
from shared.errors import ConfigurationError
from shared.settings import load

ENVIRONMENT = {"POSTERN_DATABASE_URL": "postgresql:///x", "POSTERN_MASTER_KEYS": "k:x"}


def test_settings_when_minimal() -> None:
    """The shared settings are enough."""
    assert load(ControlApiSettings, ENVIRONMENT).port == 8081


def test_settings_when_faulty() -> None:
    """Every fault is reported at once."""
    environment = ENVIRONMENT | {
        "POSTERN_CONTROL_API_PUBLIC_GATEWAY_URL": "gateway:8080",
        "POSTERN_CONTROL_API_POOL_SIZE": "0",
    }
    with pytest.raises(ConfigurationError) as caught:
        load(ControlApiSettings, environment)
    assert len(caught.value.faults) == 2
