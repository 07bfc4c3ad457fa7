"""What an auth_config of the type signature may say."""

from collections.abc import Mapping
from typing import Any

import pytest

from control_api.webhook_input import parse_webhook
from control_api.webhook_secrets import chosen_secret
from shared.domain.webhook import SignatureAuth, auth_from_config
from shared.errors import Fault, InvalidInput
from shared.ledger.webhooks import WebhookSettings
from shared.signatures.presets import PRESETS
from tests.unit.control_api.test_webhook_input import CATALOGUE, VALID, faults, parse
from tests.unit.signatures.senders import SENDERS, URL

_SECRET = SENDERS["stripe"].secrets[0]
_STRIPE = {"preset": "stripe", "secret": _SECRET}
_SQUARE = {"preset": "square", "secret": "a-signature-key-of-square"}


def _settings(preset: str) -> WebhookSettings:
    options = {"public_url": URL} if PRESETS[preset].needs_public_url else {}
    config = {"preset": preset, "options": options, "secret": SENDERS[preset].secrets[0]}
    return parse(auth_type="signature", auth_config=config).settings


def _raised(caught: pytest.ExceptionInfo[InvalidInput]) -> Fault:
    (fault,) = caught.value.faults
    return fault


@pytest.mark.parametrize("name", PRESETS)
def test_config_when_it_fits(name: str) -> None:
    """What is stored holds the preset and what options were given, and no secret."""
    settings = _settings(name)
    assert settings.auth_config.keys() == {"preset", "options"}
    auth = auth_from_config("signature", settings.auth_config)
    assert isinstance(auth, SignatureAuth)
    assert (auth.public_url is not None) is PRESETS[name].needs_public_url
    assert auth.tolerance_seconds is None


def test_options_when_given() -> None:
    """They are stored as they are; null is as good as nothing."""
    for options, stored in (
        ({"tolerance_seconds": 600}, {"tolerance_seconds": 600}),
        ({"tolerance_seconds": None, "public_url": None}, {}),
    ):
        parsed = parse(auth_type="signature", auth_config={**_STRIPE, "options": options})
        assert parsed.settings.auth_config == {"preset": "stripe", "options": stored}
        assert parsed.secret is not None
        assert parsed.secret.reveal() == _SECRET


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {("preset", "required")}),
        ({"preset": "nobody"}, {("preset", "unknown_preset")}),
        ({"preset": 7}, {("preset", "type")}),
        ({"preset": ["stripe"], "options": []}, {("preset", "type"), ("options", "type")}),
        ({**_STRIPE, "options": "x"}, {("options", "type")}),
        ({**_STRIPE, "options": {"colour": 1}}, {("options.colour", "unknown_field")}),
        ({**_STRIPE, "signature_header": "X-A"}, {("signature_header", "unknown_field")}),
        ({**_STRIPE, "type": "bearer"}, {("type", "one_of")}),
        (
            {**_STRIPE, "options": {"tolerance_seconds": "600"}},
            {("options.tolerance_seconds", "type")},
        ),
        (
            {**_STRIPE, "options": {"tolerance_seconds": 0}},
            {("options.tolerance_seconds", "minimum")},
        ),
        (
            {**_STRIPE, "options": {"tolerance_seconds": 86_401}},
            {("options.tolerance_seconds", "maximum")},
        ),
        (
            {**_STRIPE, "options": {"tolerance_seconds": 1.5}},
            {("options.tolerance_seconds", "type")},
        ),
        (
            {"preset": "github", "options": {"tolerance_seconds": 600}},
            {("options.tolerance_seconds", "not_taken")},
        ),
        ({**_STRIPE, "options": {"public_url": URL}}, {("options.public_url", "not_taken")}),
        (_SQUARE, {("options.public_url", "required")}),
        ({**_SQUARE, "options": {"public_url": None}}, {("options.public_url", "required")}),
        ({**_SQUARE, "options": {"public_url": 7}}, {("options.public_url", "type")}),
        ({"preset": "stripe"}, {("secret", "required")}),
        ({"preset": "stripe", "secret": None}, {("secret", "required")}),
        ({"preset": "stripe", "secret": "whsec_short"}, {("secret", "min_length")}),
        ({"preset": "stripe", "secret": "sk_live_0123456789"}, {("secret", "secret_form")}),
        ({"preset": "stripe", "token": "sk_live_0123456789"}, {("token", "secret_form")}),
        ({"preset": "stripe", "secret": 7}, {("secret", "type")}),
        ({**_STRIPE, "token": _SECRET}, {("", "one_of")}),
        ({"preset": "svix", "secret": _SECRET}, {("secret", "secret_form")}),
        ({"preset": "adyen_platform", "secret": "0g" * 16}, {("secret", "secret_form")}),
        ({"preset": "sendgrid", "secret": "MFkwEwYHKoZIzj0CAQ=="}, {("secret", "secret_form")}),
        ({"preset": "telnyx", "secret": "A" * 43 + "="}, {("secret", "secret_form")}),
        ({"preset": "github", "secret": " a-padded-secret-of-17"}, {("secret", "secret_form")}),
        (
            {"preset": "square", "secret": "short", "options": {"tolerance_seconds": 0, "a": 1}},
            {
                ("secret", "min_length"),
                ("options.tolerance_seconds", "minimum"),
                ("options.tolerance_seconds", "not_taken"),
                ("options.a", "unknown_field"),
                ("options.public_url", "required"),
            },
        ),
    ],
)
def test_faults_when_a_rule_is_broken(
    config: Mapping[str, Any], expected: set[tuple[str, str]]
) -> None:
    """Every fault is told at once, each with its path."""
    placed = {(f"auth_config.{field}".rstrip("."), rule) for field, rule in expected}
    assert faults(auth_type="signature", auth_config=config) == placed


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com/h",
        "http://hooks.example.com/h",
        "HTTPS://hooks.example.com/h",
        "https://",
        "https:///h",
        "https://user:password@hooks.example.com/h",
        "https://hooks.example.com/h?token=x",
        "https://hooks.example.com/h?",
        "https://hooks.example.com/h#part",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/h\n",
        "https://hooks.example.com:99999999/h",
        "https://h\u00fcks.example.com/h",
        "https://hooks.example.com/" + "a" * 2048,
    ],
)
def test_public_url_when_it_is_no_address(url: str) -> None:
    """It is refused, and not repeated: there may be a password in it."""
    with pytest.raises(InvalidInput) as caught:
        parse(auth_type="signature", auth_config={**_SQUARE, "options": {"public_url": url}})
    fault = _raised(caught)
    assert fault.field == "auth_config.options.public_url"
    assert (fault.value, "password" in fault.message) == (None, False)


@pytest.mark.parametrize(
    "url", [URL, "https://a.example", "https://a.example/", "https://a.example:8443/x%20y/(z)"]
)
def test_public_url_when_it_is_one(url: str) -> None:
    """It is kept to the letter: the sender signs it so."""
    config = {**_SQUARE, "options": {"public_url": url}}
    stored = parse(auth_type="signature", auth_config=config).settings.auth_config
    assert stored["options"] == {"public_url": url}


@pytest.mark.parametrize("name", PRESETS)
def test_secret_when_it_is_another_senders(name: str) -> None:
    """The message tells what is expected and where it is found, and nothing of what was given."""
    form = PRESETS[name].scheme.key_form
    secret = " canary-of-a-secret-with-blanks " if form == "text" else "canary-of-a-secret"
    with pytest.raises(InvalidInput) as caught:
        chosen_secret(_settings(name), secret)
    fault = _raised(caught)
    assert (fault.field, fault.rule, fault.value) == ("secret", "secret_form", None)
    assert PRESETS[name].key_place in fault.message
    assert "canary" not in fault.message


def test_message_when_a_preset_is_unknown() -> None:
    """It names those that are known."""
    with pytest.raises(InvalidInput) as caught:
        parse(auth_type="signature", auth_config={"preset": "stirpe"})
    assert all(name in _raised(caught).message for name in PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_secret_when_it_is_made_up(name: str) -> None:
    """It is for senders that take any; of others it has to be given, and the fault says where."""
    settings = _settings(name)
    if PRESETS[name].takes_any_secret:
        made = chosen_secret(settings, None)
        assert made is not None
        assert len(made.reveal()) == 43
        return
    with pytest.raises(InvalidInput) as caught:
        chosen_secret(settings, None)
    fault = _raised(caught)
    assert (fault.field, fault.rule) == ("secret", "required")
    assert PRESETS[name].key_place in fault.message


@pytest.mark.parametrize(
    ("overrides", "secret", "expected"),
    [
        ({}, "a-secret-of-sixteen", None),
        (
            {"auth_type": "bearer", "auth_config": {}},
            "with blanks, which no token has",
            ("secret", "characters"),
        ),
        (
            {"auth_type": "ip_allowlist", "auth_config": {"ip_cidrs": ["::1"]}},
            "a-secret-of-sixteen",
            ("secret", "unknown_field"),
        ),
    ],
)
def test_secret_when_another_auth_type_gets_one(
    overrides: dict[str, Any], secret: str, expected: tuple[str, str] | None
) -> None:
    """A secret is judged by the rules of its auth type, whichever way it comes."""
    settings = parse(**overrides).settings
    if expected is None:
        chosen = chosen_secret(settings, secret)
        assert chosen is not None
        assert chosen.reveal() == secret
        return
    with pytest.raises(InvalidInput) as caught:
        chosen_secret(settings, secret)
    assert (_raised(caught).field, _raised(caught).rule) == expected


@pytest.mark.parametrize(
    ("present", "preset", "is_demanded"),
    [
        (None, "stripe", True),
        ("stripe", "stripe", False),
        ("svix", "stripe", True),
        ("svix", "clerk", True),
        ("stripe", "github", False),
    ],
)
def test_secret_when_something_is_there(
    present: str | None, preset: str, *, is_demanded: bool
) -> None:
    """The secret of the same preset may stay; that of another opens nothing here."""
    before = None if present is None else _settings(present)
    body = VALID | {"auth_type": "signature", "auth_config": {"preset": preset}}
    if not is_demanded:
        assert parse_webhook(body, CATALOGUE, present=before).secret is None
        return
    with pytest.raises(InvalidInput) as caught:
        parse_webhook(body, CATALOGUE, present=before)
    assert (_raised(caught).field, _raised(caught).rule) == ("auth_config.secret", "required")
    assert parse_webhook(body, CATALOGUE, present=before, demands_secret=False).secret is None
