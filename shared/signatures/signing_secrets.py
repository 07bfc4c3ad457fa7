"""Secrets of Standard Webhooks as text: ``whsec_`` and base64; pure.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii

_PREFIX = "whsec_"
_MIN_BYTES = 24
_MAX_BYTES = 64


def parse_secret(text: str) -> bytes:
    """Return the bytes of a secret ``whsec_<base64>``; the prefix may be missing.

    Raises:
        ValueError: It is none, or of a length that the specification refuses.
    """
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is no base64 after whsec_") from error
    if not _MIN_BYTES <= len(key) <= _MAX_BYTES:
        raise ValueError(f"must have {_MIN_BYTES} to {_MAX_BYTES} bytes, has {len(key)}")
    return key


def format_secret(key: bytes) -> str:
    """Return a key as the receiver's library takes it; the inverse of ``parse_secret``."""
    return _PREFIX + base64.b64encode(key).decode()
