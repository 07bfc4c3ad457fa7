"""What webhooks can be made of, through the API."""

from typing import Any

import jsonschema_rs
import pytest

from shared.signatures.presets import PRESETS
from tests.integration.control_api.conftest import ASSET_ACTION, Tenant
from tests.unit.signatures.senders import SENDERS, URL

_ROOT = "/api/v1/inbound-webhooks"
_HANDLER = {
    "handler_type": "direct_action",
    "handler_config": {
        "action": ASSET_ACTION["name"],
        "field_mapping": {"external_id": "device.id"},
    },
}
_TAKEN = ("auth_type", "auth_config", "idempotency_source")


@pytest.mark.parametrize("name", PRESETS)
async def test_preset_makes_a_webhook(acme: Tenant, name: str) -> None:
    """Its settings are taken as they are shown, with what they ask for, and read back so."""
    presets = (await acme.get(f"{_ROOT}/presets"))["data"]
    (preset,) = [one for one in presets if one["name"] == name]
    settings = {member: preset[member] for member in _TAKEN}
    needed = {option["name"]: URL for option in preset["options"] if option["required"]}
    settings["auth_config"]["options"] = needed
    body = {"name": name, "slug": name.replace("_", "-"), **settings, **_HANDLER}
    if not preset["secret"]["is_made_up"]:
        error = await acme.post(_ROOT, body, expect=422)
        assert [fault["field"] for fault in error["errors"]] == ["auth_config.secret"]
        assert preset["secret"]["place"] in error["errors"][0]["message"]
        secret = {"secret": SENDERS[name].secrets[0]}
        body["auth_config"] = {**settings["auth_config"], **secret}
    created = await acme.post(_ROOT, body, expect=201)
    assert created["secret"]
    assert {member: created["data"][member] for member in _TAKEN} == settings


@pytest.mark.parametrize("name", PRESETS)
async def test_preset_shows_the_options_that_it_takes(acme: Tenant, name: str) -> None:
    """Each with what counts without it, and its bounds."""
    presets = (await acme.get(f"{_ROOT}/presets"))["data"]
    (preset,) = [one for one in presets if one["name"] == name]
    options = {option["name"]: option for option in preset["options"]}
    tolerance = options.pop("tolerance_seconds", {})
    assert tolerance.get("default") == SENDERS[name].tolerance_seconds
    if tolerance:
        assert (tolerance["minimum"], tolerance["maximum"]) == (1, 86_400)
    assert list(options) == (["public_url"] if name in {"square", "hubspot"} else [])


async def test_presets_come_by_name(acme: Tenant) -> None:
    """So that a list of them needs no sorting."""
    names = [one["name"] for one in (await acme.get(f"{_ROOT}/presets"))["data"]]
    assert names == sorted(set(names))


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("hmac_sha256", {"signature_header": "X-Signature"}),
        ("bearer", {}),
        ("ip_allowlist", {"ip_cidrs": ["203.0.113.0/24"]}),
        ("path_token", {"query_param": "key"}),
        ("signature", {"preset": "github", "options": {}}),
    ],
)
async def test_auth_type_shows_what_its_config_may_hold(
    acme: Tenant, name: str, config: dict[str, Any]
) -> None:
    """What fits the schema makes a webhook; a secret comes with those that have one."""
    listed = (await acme.get(f"{_ROOT}/auth-types"))["data"]
    (auth_type,) = [one for one in listed if one["name"] == name]
    validator = jsonschema_rs.validator_for(auth_type["config_schema"])
    assert validator.is_valid(config)
    assert not validator.is_valid({**config, "unknown": 1})
    body = {"name": "a", "slug": "a", "auth_type": name, "auth_config": config, **_HANDLER}
    created = await acme.post(_ROOT, body, expect=201)
    assert (created["secret"] is not None) == auth_type["has_secret"]
