"""HMAC-SHA256 of the raw body, in hex, with or without ``sha256=`` before it.

Source: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import binascii
import hmac

_PREFIX = b"sha256="


def sign(secret: bytes, body: bytes) -> bytes:
    """Return the digest of a body."""
    return hmac.digest(secret, body, "sha256")


def presented_digest(value: bytes) -> bytes:
    """Return the digest that a header carries; empty where it carries none.

    The prefix and the hex digits may be in either case.
    """
    if value[:7].lower() == _PREFIX:
        value = value[7:]
    try:
        return binascii.unhexlify(value)
    except binascii.Error:
        return b""


def verify(secret: bytes, body: bytes, value: bytes) -> bool:
    """Tell whether a header signs the body, in time that does not depend on where it differs."""
    return hmac.compare_digest(sign(secret, body), presented_digest(value))
