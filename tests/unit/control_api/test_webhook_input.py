"""What a webhook's body may say."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.webhook_input import Catalogue, WebhookInput, parse_webhook
from shared.domain.retry import RetryPolicy, retry_policy_from_config
from shared.domain.webhook import HeaderKey, Ordering, ordering_from_config
from shared.errors import InvalidInput
from shared.ledger.catalog_entries import ActionEntry

CATALOGUE = Catalogue(
    actions=[
        ActionEntry(
            "touch",
            "asset",
            {
                "target_fields": [
                    {"name": "external_id", "type": "string", "required": True},
                    {"name": "name", "type": "string", "required": False},
                ]
            },
        )
    ],
    workflows=["triage"],
)
VALID: dict[str, Any] = {
    "name": "Devices",
    "slug": "devices",
    "auth_type": "hmac_sha256",
    "auth_config": {"signature_header": "X-Signature", "secret": "0123456789abcdef"},
    "handler_type": "direct_action",
    "handler_config": {"action": "touch", "field_mapping": {"external_id": "id"}},
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def parse(**overrides: object) -> WebhookInput:
    return parse_webhook(copy.deepcopy(VALID) | overrides, CATALOGUE)


def faults(**overrides: object) -> set[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        parse(**overrides)
    return {(fault.field, fault.rule) for fault in caught.value.faults}


def test_defaults_when_left_out() -> None:
    """What the body leaves out has its documented default."""
    settings = parse().settings
    assert settings.description is None
    assert settings.idempotency_source is None
    assert settings.ordering is None
    assert settings.retry_policy is None
    assert settings.idempotency_window_seconds == 86_400
    assert settings.rate_limit_per_minute == 600
    assert settings.is_active


@pytest.mark.parametrize(
    ("auth_type", "config", "stored", "secret"),
    [
        ("bearer", {"token": "t" * 16}, {}, "t" * 16),
        ("bearer", {"secret": "t" * 16, "type": "bearer"}, {}, "t" * 16),
        ("path_token", {}, {"query_param": "token"}, None),
        ("path_token", {"query_param": "k"}, {"query_param": "k"}, None),
        ("ip_allowlist", {"ip_cidrs": [" ::1 "]}, {"ip_cidrs": ["::1"]}, None),
    ],
)
def test_auth_config_when_valid(
    auth_type: str, config: object, stored: Mapping[str, object], secret: str | None
) -> None:
    """The stored form holds neither type nor secret; the secret comes under either name."""
    parsed = parse(auth_type=auth_type, auth_config=config)
    assert parsed.settings.auth_config == stored
    assert (parsed.secret.reveal() if parsed.secret else None) == secret


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"auth_type": "magic"}, {("auth_type", "one_of")}),
        ({"auth_type": ["bearer"]}, {("auth_type", "one_of")}),
        ({"auth_config": "x"}, {("auth_config", "type")}),
        ({"auth_config": {}}, {("auth_config.signature_header", "required")}),
        (
            {"auth_config": {"signature_header": "X Y"}},
            {("auth_config.signature_header", "header_name")},
        ),
        (
            {"auth_type": "bearer", "auth_config": {"token": "a" * 16, "secret": "a" * 16}},
            {("auth_config", "one_of")},
        ),
        (
            {"auth_type": "bearer", "auth_config": {"token": "ümlaut-0123456789"}},
            {("auth_config.token", "characters")},
        ),
        (
            {"auth_type": "path_token", "auth_config": {"query_param": "a&b"}},
            {("auth_config.query_param", "pattern")},
        ),
        (
            {"auth_type": "ip_allowlist", "auth_config": {"ip_cidrs": ["::1/64", 5]}},
            {("auth_config.ip_cidrs.0", "network"), ("auth_config.ip_cidrs.1", "type")},
        ),
        (
            {"idempotency_source": {"type": "header", "value": "a b"}},
            {("idempotency_source.value", "header_name")},
        ),
        (
            {"idempotency_source": {"type": "jsonata", "value": "$now()"}},
            {("idempotency_source.value", "expression")},
        ),
        (
            {"idempotency_source": {"type": "cookie", "value": "a"}},
            {("idempotency_source.type", "one_of")},
        ),
        (
            {
                "retry_policy": {
                    "max_attempts": 51,
                    "first_delay_seconds": 0,
                    "factor": 0.5,
                    "max_delay_seconds": "1",
                    "jitter": "some",
                    "tries": 3,
                }
            },
            {
                ("retry_policy.max_attempts", "maximum"),
                ("retry_policy.first_delay_seconds", "greater_than"),
                ("retry_policy.factor", "minimum"),
                ("retry_policy.max_delay_seconds", "type"),
                ("retry_policy.jitter", "one_of"),
                ("retry_policy.tries", "unknown_field"),
            },
        ),
        (
            {"retry_policy": {"first_delay_seconds": 10, "max_delay_seconds": 5}},
            {("retry_policy", "minimum")},
        ),
        ({"ordering": {"type": "key"}}, {("ordering", "required")}),
        ({"ordering": {"type": "global"}}, {("ordering.type", "one_of")}),
        (
            {"ordering": {"type": "webhook", "source": {"type": "header", "value": "X-A"}}},
            {("ordering", "one_of")},
        ),
        (
            {"ordering": {"type": "key", "source": {"type": "jsonata", "value": "$now("}}},
            {("ordering.source.value", "expression")},
        ),
        ({"idempotency_window_seconds": 0}, {("idempotency_window_seconds", "minimum")}),
        (
            {"idempotency_window_seconds": 2_592_001},
            {("idempotency_window_seconds", "maximum")},
        ),
        ({"rate_limit_per_minute": "60"}, {("rate_limit_per_minute", "type")}),
        ({"rate_limit_per_minute": 60_001}, {("rate_limit_per_minute", "maximum")}),
        ({"is_active": 1}, {("is_active", "type")}),
        ({"name": " "}, {("name", "min_length")}),
        ({"description": "x" * 2001}, {("description", "max_length")}),
        ({"handler_type": "script"}, {("handler_type", "one_of")}),
        ({"handler_config": {}}, {("handler_config.action", "required")}),
        ({"handler_config": []}, {("handler_config", "type")}),
        (
            {"handler_config": {"action": "touch", "field_mapping": []}},
            {("handler_config.field_mapping", "type")},
        ),
        (
            {"handler_config": {"action": "touch", "type": "workflow"}},
            {
                ("handler_config.type", "one_of"),
                ("handler_config.field_mapping.external_id", "required"),
            },
        ),
        (
            {"handler_config": {"action": "touch", "field_mapping": {"external_id": ""}}},
            {("handler_config.field_mapping.external_id", "min_length")},
        ),
        (
            {"handler_type": "workflow", "handler_config": {"workflow": "other"}},
            {("handler_config.workflow", "unknown_workflow")},
        ),
        (
            {"handler_type": "workflow"},
            {
                ("handler_config.workflow", "required"),
                ("handler_config.action", "unknown_field"),
                ("handler_config.field_mapping", "unknown_field"),
            },
        ),
    ],
)
def test_faults_when_a_rule_is_broken(
    overrides: dict[str, object], expected: set[tuple[str, str]]
) -> None:
    """Each broken rule is named with its field."""
    assert faults(**overrides) == expected


def test_workflow_when_announced() -> None:
    """A workflow that a worker runs is accepted."""
    parsed = parse(handler_type="workflow", handler_config={"workflow": "triage"})
    assert parsed.settings.handler_config == {"workflow": "triage"}


def test_position_when_an_expression_is_faulty() -> None:
    """The message tells where in the expression the fault is."""
    config = {"action": "touch", "field_mapping": {"external_id": "device.("}}
    with pytest.raises(InvalidInput) as caught:
        parse(handler_config=config)
    assert "(at character 8)" in caught.value.faults[0].message
    assert caught.value.faults[0].value == "device.("


@pytest.mark.parametrize("config", ["canary-" * 4, ["canary-" * 4], {"secrt": "canary-" * 4}])
def test_value_when_it_may_be_a_secret(config: object) -> None:
    """What may be a misplaced secret is not repeated."""
    with pytest.raises(InvalidInput) as caught:
        parse(auth_config=config)
    assert "canary" not in str(caught.value.faults)
    assert "canary" not in str(caught.value)


@given(st.sampled_from(sorted(VALID)), json_values)
def test_body_when_one_field_is_anything(field: str, value: object) -> None:
    """Any JSON in any field is accepted or a list of faults, never another exception."""
    try:
        parse(**{field: value})
    except InvalidInput as error:
        found = error.faults
    else:
        found = ()
    assert all(fault.field.startswith(field.partition("_")[0]) for fault in found)


@given(json_values)
def test_body_when_it_is_anything(raw: object) -> None:
    """Any JSON is refused with faults."""
    with pytest.raises(InvalidInput) as caught:
        parse_webhook(raw, CATALOGUE)
    assert caught.value.faults


def test_retry_policy_when_given_in_part() -> None:
    """What a policy leaves out has its default, and it can be read back by the programs."""
    policy = parse(retry_policy={"max_attempts": 3, "jitter": "none"}).settings.retry_policy
    assert retry_policy_from_config(policy) == RetryPolicy(max_attempts=3, jitter="none")


def test_ordering_when_given() -> None:
    """An ordering as stored can be read back by the programs."""
    source = {"type": "header", "value": "X-Device"}
    stored = parse(ordering={"type": "key", "source": source}).settings.ordering
    assert ordering_from_config(stored) == Ordering(HeaderKey("x-device"))
    assert ordering_from_config(parse(ordering={"type": "none"}).settings.ordering) is None
    whole = parse(ordering={"type": "webhook"}).settings.ordering
    assert ordering_from_config(whole) == Ordering(None)
