"""Senders as their documentation has them, written without the code that is tested.

Each signs by the secret, of two, that it is told; what it hands out is what Postern is given.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.signatures.presets import PRESETS
from shared.signatures.verifier import SchemeVerifier

NOW = 1_790_000_000
URL = "https://hooks.example.com/api/inbound/acme/hook"
QUERY = b"source=a%20b&retry"

Headers = list[tuple[bytes, bytes]]
#: (which secret, body, Unix seconds) -> headers
Sign = Callable[[int, bytes, int], Headers]


class Sent(NamedTuple):
    """A request; what the code under test looks at."""

    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    method: str = "POST"
    query: bytes = b""

    @property
    def names(self) -> Mapping[bytes, bytes]:
        """Return the headers by name."""
        return dict(self.headers)


class Sender(NamedTuple):
    """What a sender hands out, and how it signs."""

    secrets: tuple[str, str]
    sign: Sign
    #: How far from now a signed time may be; None: it signs none.
    tolerance_seconds: int | None = None
    query: bytes = b""
    #: Whether a time stands in the body rather than in the headers.
    dates_body: bool = False

    def sent(self, *, by: int = 0, at: int = NOW, body: bytes | None = None) -> Sent:
        """Return a request of this sender, signed by one of its secrets."""
        body = self.body(at) if body is None else body
        headers = [(b"host", b"hooks.example.com"), *self.sign(by, body, at)]
        return Sent(headers, body, query=self.query)

    def body(self, at: int) -> bytes:
        """Return a body that was made at a time."""
        stamp = b', "webhookTimestamp": %d' % (at * 1000 + 7) if self.dates_body else b""
        return b'{"id": "evt_1"%b}\r\n' % stamp

    def signature_header(self, sent: Sent) -> int:
        """Return the place of the header with the signature, which is the longest."""
        lengths = [len(value) for _, value in sent.headers]
        return lengths.index(max(lengths))


def _hex(digest: bytes) -> bytes:
    return digest.hex().encode()


def _mac(key: bytes, content: bytes, hash_name: str = "sha256") -> bytes:
    return hmac.new(key, content, getattr(hashlib, hash_name)).digest()


_TEXTS = ("first-secret-of-the-sender", "second-secret-of-the-sender")
_WHSEC = tuple(b"%d-key-of-twenty-four-bytes" % number for number in (1, 2))
_ED25519 = tuple(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (7, 9))
_P256 = tuple(ec.derive_private_key(number, ec.SECP256R1()) for number in (77, 99))


def _of_body(
    header: str,
    *,
    prefix: bytes = b"",
    written: Callable[[bytes], bytes] = _hex,
    hash_name: str = "sha256",
    dates_body: bool = False,
) -> Sender:
    """Return a sender that signs the body alone."""

    def sign(by: int, body: bytes, _: int) -> Headers:
        digest = _mac(_TEXTS[by].encode(), body, hash_name)
        return [(header.lower().encode(), prefix + written(digest))]

    return Sender(_TEXTS, sign, 60 if dates_body else None, dates_body=dates_body)


def _stripe_like(
    header: str,
    within: int,
    form: bytes = b"t=%d,v1=%b",
    *,
    between: bytes = b".",
    unit: int = 1,
    secrets: tuple[str, str] = _TEXTS,
) -> Sender:
    """Return a sender that writes time and signature into one header."""

    def sign(by: int, body: bytes, at: int) -> Headers:
        digest = _mac(secrets[by].encode(), b"%d" % (at * unit) + between + body)
        return [(header.lower().encode(), form % (at * unit, _hex(digest)))]

    return Sender(secrets, sign, within)


def _standard_webhooks(start: bytes) -> Sender:
    def sign(by: int, body: bytes, at: int) -> Headers:
        digest = _mac(_WHSEC[by], b"msg_1.%d." % at + body)
        return [
            (start + b"-id", b"msg_1"),
            (start + b"-timestamp", b"%d" % at),
            # Signatures of other versions, and those of another key, stand beside it.
            (start + b"-signature", b"v1a,AAAA v1," + base64.b64encode(digest)),
        ]

    first, second = ("whsec_" + base64.b64encode(key).decode() for key in _WHSEC)
    return Sender((first, second), sign, 300)


def _adyen(by: int, body: bytes, _: int) -> Headers:
    return [(b"hmacsignature", base64.b64encode(_mac(bytes([by + 1]) * 32, body)))]


def _docusign(by: int, body: bytes, _: int) -> Headers:
    digest = base64.b64encode(_mac(_TEXTS[by].encode(), body))
    return [(b"x-docusign-signature-1", b"AAAA"), (b"x-docusign-signature-17", digest)]


def _hubspot(by: int, body: bytes, at: int) -> Headers:
    content = b"POST" + URL.encode() + b"?" + QUERY + body + b"%d" % (at * 1000)
    digest = base64.b64encode(_mac(_TEXTS[by].encode(), content))
    stamp = b"%d" % (at * 1000)
    return [(b"x-hubspot-signature-v3", digest), (b"x-hubspot-request-timestamp", stamp)]


def _pagerduty(by: int, body: bytes, _: int) -> Headers:
    digest = _hex(_mac(_TEXTS[by].encode(), body))
    return [(b"x-pagerduty-signature", b"v1=" + b"0" * 64 + b",v1=" + digest)]


def _square(by: int, body: bytes, _: int) -> Headers:
    digest = _mac(_TEXTS[by].encode(), URL.encode() + b"?" + QUERY + body)
    return [(b"x-square-hmacsha256-signature", base64.b64encode(digest))]


def _zendesk(by: int, body: bytes, at: int) -> Headers:
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    digest = base64.b64encode(_mac(_TEXTS[by].encode(), stamp + body))
    return [
        (b"x-zendesk-webhook-signature", digest),
        (b"x-zendesk-webhook-signature-timestamp", stamp),
    ]


def _sendgrid(by: int, body: bytes, at: int) -> Headers:
    stamp = b"%d" % at
    signature = _P256[by].sign(stamp + body, ec.ECDSA(hashes.SHA256()))
    name = b"x-twilio-email-event-webhook-"
    return [(name + b"signature", base64.b64encode(signature)), (name + b"timestamp", stamp)]


def _standard_ed25519(by: int, body: bytes, at: int) -> Headers:
    signature = base64.b64encode(_ED25519[by].sign(b"msg_1.%d." % at + body))
    return [
        (b"webhook-id", b"msg_1"),
        (b"webhook-timestamp", b"%d" % at),
        (b"webhook-signature", b"v1,AAAA v1a," + signature),
    ]


def _telnyx(by: int, body: bytes, at: int) -> Headers:
    signature = base64.b64encode(_ED25519[by].sign(b"%d|" % at + body))
    return [(b"telnyx-signature-ed25519", signature), (b"telnyx-timestamp", b"%d" % at)]


def _raw(number: int) -> str:
    key = _ED25519[number].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(key).decode()


def _der(number: int) -> str:
    key = _P256[number].public_key()
    return base64.b64encode(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()


SENDERS: Mapping[str, Sender] = {
    "adyen_platform": Sender(("01" * 32, "02" * 32), _adyen),
    "bitbucket_cloud": _of_body("X-Hub-Signature", prefix=b"sha256="),
    "calendly": _stripe_like("Calendly-Webhook-Signature", 180),
    "clerk": _standard_webhooks(b"svix"),
    "coinbase_commerce": _of_body("X-CC-Webhook-Signature"),
    "docusign": Sender(_TEXTS, _docusign),
    "elevenlabs": _stripe_like("ElevenLabs-Signature", 1800, b"t=%d,v0=%b"),
    "github": _of_body("X-Hub-Signature-256", prefix=b"sha256="),
    "gitlab": _standard_webhooks(b"webhook"),
    "gocardless": _of_body("Webhook-Signature"),
    "hubspot": Sender(_TEXTS, _hubspot, 300, query=QUERY),
    "jira_cloud": _of_body("X-Hub-Signature", prefix=b"sha256="),
    "lemon_squeezy": _of_body("X-Signature"),
    "linear": _of_body("Linear-Signature", dates_body=True),
    "mollie": _of_body("X-Mollie-Signature", prefix=b"sha256="),
    "paddle": _stripe_like("Paddle-Signature", 300, b"ts=%d;h1=%b", between=b":"),
    "pagerduty": Sender(_TEXTS, _pagerduty),
    "razorpay": _of_body("X-Razorpay-Signature"),
    "resend": _standard_webhooks(b"svix"),
    "sendgrid": Sender((_der(0), _der(1)), _sendgrid, 300),
    "sentry": _of_body("Sentry-Hook-Signature"),
    "shopify": _of_body("X-Shopify-Hmac-SHA256", written=base64.b64encode),
    "square": Sender(_TEXTS, _square, query=QUERY),
    "standard_webhooks": _standard_webhooks(b"webhook"),
    "standard_webhooks_ed25519": Sender(
        (f"whpk_{_raw(0)}", f"whpk_{_raw(1)}"), _standard_ed25519, 300
    ),
    "stripe": _stripe_like(
        "Stripe-Signature",
        300,
        secrets=("whsec_first-of-two-secrets", "whsec_second-of-two-secrets"),
    ),
    "svix": _standard_webhooks(b"svix"),
    "telnyx": Sender((_raw(0), _raw(1)), _telnyx, 300),
    "typeform": _of_body("Typeform-Signature", prefix=b"sha256=", written=base64.b64encode),
    "vercel": _of_body("x-vercel-signature", hash_name="sha1"),
    "workos": _stripe_like("WorkOS-Signature", 180, b"t=%d, v1=%b", unit=1000),
    "zendesk": Sender(_TEXTS, _zendesk, 300),
}


def verifier_for(name: str, *secrets: str) -> SchemeVerifier:
    """Return what judges requests of a sender that handed out these secrets."""
    preset = PRESETS[name]
    url = URL if preset.needs_public_url else None
    return SchemeVerifier(preset.scheme, [secret.encode() for secret in secrets], public_url=url)
