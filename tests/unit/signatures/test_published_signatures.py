"""What senders published, and what their own libraries sign, held against the presets."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
import stripe

from shared.signatures.presets import PRESETS
from shared.signatures.verifier import SchemeVerifier
from tests.unit.signatures.senders import NOW, SENDERS, Sent, verifier_for

_VECTORS = Path(__file__).parents[2] / "vectors" / "signatures.json"
_BODY = '{"id": "evt_1", "name": "Zoë"}'


def _vectors() -> list[Any]:
    vectors: list[Any] = json.loads(_VECTORS.read_text())["vectors"]
    return vectors


def _headers(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


@pytest.mark.parametrize("vector", _vectors(), ids=lambda vector: vector["id"])
def test_request_when_a_sender_published_it(vector: dict[str, Any]) -> None:
    """It is judged as its sender says, and refused with one more byte or at another time."""
    preset = PRESETS[vector["preset"]]
    verifier = SchemeVerifier(
        preset.scheme, [vector["secret"].encode()], public_url=vector.get("public_url")
    )
    sent = Sent(_headers(vector["headers"]), vector["body"].encode())
    now = vector.get("clock_unix", NOW)
    assert list(verifier.signers(sent, now=now)) == [vector["expect"] == "accept"]
    assert not any(verifier.signers(sent._replace(body=sent.body + b"\n"), now=now))
    if preset.takes_tolerance:
        assert not any(verifier.signers(sent, now=now + 86_400))


def test_request_when_stripe_signs_it() -> None:
    """The library's signature is proven, and what the tests' own sender signs is taken by it."""
    secret = SENDERS["stripe"].secrets[0]
    header = stripe.WebhookSignature.generate_signature_header(_BODY, secret, timestamp=NOW)
    sent = Sent([(b"stripe-signature", header.encode())], _BODY.encode())
    assert list(verifier_for("stripe", secret).signers(sent, now=NOW)) == [True]
    own = dict(SENDERS["stripe"].sent().headers)[b"stripe-signature"].decode()
    body = SENDERS["stripe"].body(NOW).decode()
    assert stripe.WebhookSignature.verify_header(body, own, secret)


@pytest.mark.parametrize("name", ["standard_webhooks", "gitlab", "svix", "clerk", "resend"])
def test_request_when_standard_webhooks_signs_it(name: str) -> None:
    """What the reference library signs is proven under the names of each sender's headers."""
    secret = SENDERS[name].secrets[0]
    at = datetime.fromtimestamp(NOW, UTC)
    signature = standardwebhooks.Webhook(secret).sign("msg_7", at, _BODY)
    scheme = PRESETS[name].scheme
    assert scheme.timestamp is not None
    headers = {
        str(scheme.id_header): "msg_7",
        scheme.timestamp.name: str(NOW),
        scheme.header: signature,
    }
    sent = Sent(_headers(headers), _BODY.encode())
    assert list(verifier_for(name, secret).signers(sent, now=NOW)) == [True]
