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


def test_settings_when_an_issuer_is_half_given() -> None:
    """An issuer needs https, an audience, and roles that permit something."""
    environment = ENVIRONMENT | {
        "POSTERN_CONTROL_API_OIDC_ISSUER": "http://login.example.com",
        "POSTERN_CONTROL_API_OIDC_LEEWAY_SECONDS": "1000",
    }
    with pytest.raises(ConfigurationError) as caught:
        load(ControlApiSettings, environment)
    assert len(caught.value.faults) == 4
    good = {
        "POSTERN_CONTROL_API_OIDC_ISSUER": "https://login.example.com",
        "POSTERN_CONTROL_API_OIDC_AUDIENCE": "postern",
        "POSTERN_CONTROL_API_OIDC_PERMISSIONS": '{"viewer": ["read"]}',
    }
    assert load(ControlApiSettings, ENVIRONMENT | good).oidc_leeway_seconds == 30
