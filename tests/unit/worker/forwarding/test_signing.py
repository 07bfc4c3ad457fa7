"""Signatures of Standard Webhooks."""

from uuid import UUID

import pytest

from shared.signatures.signing_secrets import format_secret, parse_secret
from worker.forwarding.signing import (
    parse_secrets,
    signature,
    signed_headers,
    webhook_key,
)

#: Source: standard-webhooks/standard-webhooks, libraries/javascript/src/webhook.test.ts.
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
_TIMESTAMP = 1614265330
_BODY = b'{"test": 2432232314}'
_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_published_vector() -> None:
    """The specification's own libraries are tested with the same values."""
    key = parse_secret(_SECRET)
    assert signature(key, _ID, timestamp=_TIMESTAMP, body=_BODY) == _SIGNATURE


def test_each_key_signs() -> None:
    """While secrets are exchanged, receivers that know either can verify."""
    keys = [parse_secret(_SECRET), bytes(32)]
    headers = dict(signed_headers(keys, _ID, timestamp=_TIMESTAMP, body=_BODY))
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (_ID, str(_TIMESTAMP))
    first, second = headers["webhook-signature"].split(" ")
    assert first == _SIGNATURE
    assert second.startswith("v1,")
    assert second != first


def test_each_webhook_has_its_own_key() -> None:
    """Another tenant, webhook or root is another key; the same three are the same."""
    one, two = UUID(int=1), UUID(int=2)
    keys = {
        webhook_key(root, tenant, webhook)
        for root in (bytes(32), bytes([1] * 32))
        for tenant in (one, two)
        for webhook in (one, two)
    }
    assert len(keys) == 8
    assert webhook_key(bytes(32), one, two) in keys
    assert parse_secret(format_secret(webhook_key(bytes(32), one, two))) in keys


@pytest.mark.parametrize("text", ["whsec_!", "whsec_", "whsec_AAAA", "whsec_" + "A" * 88 + "AA=="])
def test_secrets_that_are_none(text: str) -> None:
    """No base64, and too few or too many bytes, are refused without being repeated."""
    with pytest.raises(ValueError, match=r"is no base64|must have 24 to 64") as raised:
        parse_secrets(f"{_SECRET},{text}")
    assert _SECRET not in str(raised.value)
