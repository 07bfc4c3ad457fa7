"""Signatures of Standard Webhooks, symmetric (``v1``), with a key of its own for each webhook.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
from collections.abc import Sequence
from uuid import UUID

from shared.signatures.signing_secrets import parse_secret

_LABEL = b"postern forward signing key v1"


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """Return the bytes of secrets with commas between them.

    Raises:
        ValueError: One is no secret.
    """
    return tuple(parse_secret(part.strip()) for part in text.split(","))


def webhook_key(root: bytes, tenant_id: UUID, webhook_id: UUID) -> bytes:
    """Return the key of one webhook: who knows it learns nothing of the root or of other keys."""
    return hmac.digest(root, _LABEL + tenant_id.bytes + webhook_id.bytes, "sha256")


def signature(key: bytes, message_id: str, *, timestamp: int, body: bytes) -> str:
    """Return the signature of one message by one key."""
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def signed_headers(
    keys: Sequence[bytes], message_id: str, *, timestamp: int, body: bytes
) -> list[tuple[str, str]]:
    """Return the three headers of a message; each key signs, so that keys can be exchanged."""
    signatures = [signature(key, message_id, timestamp=timestamp, body=body) for key in keys]
    return [
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", " ".join(signatures)),
    ]
