"""Differences between contents: exact, masked, bounded."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from control_api.differences import differences, masked

SECRET = "hunter2-hunter2"


def test_differences_when_fields_change() -> None:
    """Each field that differs is named by its path, with both sides; others are left out."""
    before = {"name": "a", "config": {"x": 1, "y": [1, 2]}, "same": 1}
    after = {"name": "b", "config": {"x": 1, "y": [1, 3]}, "same": 1}
    assert differences(before, after) == {
        "fields": [
            {"field": "name", "before": "a", "after": "b"},
            {"field": "config.y", "before": [1, 2], "after": [1, 3]},
        ],
        "omitted": 0,
    }


def test_differences_when_a_field_comes_or_goes() -> None:
    """A side on which the field is not there is left out; null is a value like others."""
    found = differences({"old": 1, "null": None}, {"new": 2, "null": 0})
    assert found["fields"] == [
        {"field": "old", "before": 1},
        {"field": "null", "before": None, "after": 0},
        {"field": "new", "after": 2},
    ]
    assert differences(None, {"a": {}})["fields"] == [{"field": "a", "after": {}}]
    assert differences({"a": 1}, None)["fields"] == [{"field": "a", "before": 1}]


@pytest.mark.parametrize(
    "name",
    ["secret", "token", "auth_config.secret", "headers.Authorization", "x-api-key", "api_key",
     "smtp_password", "private_key", "client_secret", "set-cookie", "secrets.0.value"],
)  # fmt: skip
def test_differences_when_a_name_says_secret(name: str) -> None:
    """That it changed is told, its values are not, also when they are nested."""
    for value in (SECRET, {"value": SECRET}, [SECRET], 12345678):
        before: dict[str, Any] = {name: value}
        after: dict[str, Any] = {name: "other"}
        text = orjson.dumps(differences(before, after)).decode()
        assert SECRET not in text
        assert "12345678" not in text
        assert text.count('"***"') == 2
        assert SECRET not in str(masked({"outer": before}))


@pytest.mark.parametrize(
    "text",
    ["Bearer abcdefgh12345678", "pst_" + "A1b2" * 10, "sk_live_4eC39HqLyjWDarjtT1",
     "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
     "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "9f86d081884c7d659a2feaa0c55ad015",
     "jPmX4s0tQ9zWc2LkR7vYb1NfHd6GaEuT3oIx"],
)  # fmt: skip
def test_masked_when_a_value_looks_like_a_credential(text: str) -> None:
    """A credential is masked wherever it stands; the words around it stay."""
    shown = masked({"mapping": [f"prefix '{text}' suffix"]})["mapping"][0]
    assert text not in shown
    assert shown.startswith("prefix '")
    assert shown.endswith("suffix")


def test_masked_when_an_address_holds_credentials() -> None:
    """A password and a token of an address are masked, the host is not."""
    assert masked("https://user:pa55@host.example/x?token=abc&b=1") == (
        "https://***@host.example/x?token=***&b=1"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("id", "01890000-0000-7000-8000-000000000000"), ("slug", "rmm-device-updates-of-the-north-1"),
     ("signature_header", "X-Hub-Signature-256"), ("name", "Übersicht der Geräte"),
     ("mapping", "organization.contacts[primary = true].emailAddress"), ("api_key_id", "k1"),
     ("secret_replaced", True), ("token", None), ("secret_id", UUID(int=7)), ("limit", 600)],
)  # fmt: skip
def test_masked_when_nothing_is_secret(name: str, value: object) -> None:
    """What is no credential stays readable."""
    assert masked({name: value}) == {name: value}


def test_differences_when_values_are_long() -> None:
    """A long value is cut, after it was masked; many fields are counted, not kept."""
    long = differences({}, {"text": "ab " * 400, "list": ["ab"] * 400})["fields"]
    assert [len(entry["after"]) for entry in long] == [501, 501]
    cut = differences({}, {"text": "x " * 245 + "Bearer abcdefgh12345678"})["fields"]
    assert "abcd" not in cut[0]["after"]
    many = differences({}, {f"field_{number}": number for number in range(1000)})
    assert len(many["fields"]) == 200
    assert many["omitted"] == 800
    large = differences({}, {f"f{number}": "ab " * 150 for number in range(100)})
    assert len(large["fields"]) + large["omitted"] == 100
    assert len(orjson.dumps(large)) < 20_000
