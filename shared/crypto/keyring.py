"""The master keys that seal secrets at rest, oldest first; the newest seals, any opens."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import ConfigurationError


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """Master keys by id; the last one seals."""

    keys: Mapping[str, bytes]

    @property
    def newest_id(self) -> str:
        """Return the id of the key that seals."""
        return list(self.keys)[-1]

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.keys)})"


def parse_keyring(text: str) -> Keyring:
    """Parse ``id:base64,id:base64``, oldest first.

    Raises:
        ConfigurationError: No key, a repeated id, or a key that is not 32 bytes.
    """
    keys: dict[str, bytes] = {}
    for entry in text.split(","):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not key_id or len(key_id) > 255 or len(key) != 32 or key_id in keys:
            raise ConfigurationError(
                [
                    (
                        f"POSTERN_MASTER_KEYS: the entry with id {key_id!r} is not id:base64 of "
                        "32 bytes, with each id once"
                    )
                ]
            )
        keys[key_id] = key
    return Keyring(keys)
