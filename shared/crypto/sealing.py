"""AES-256-GCM sealing of secrets, bound to the row that holds them."""

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.crypto.keyring import Keyring
from shared.errors import DecodeError

_VERSION = b"\x01"
_NONCE_BYTES = 12


def seal(keyring: Keyring, plaintext: bytes, *, context: tuple[UUID, ...]) -> bytes:
    """Encrypt a secret with the newest key.

    ``context`` (tenant, webhook and secret id) is authenticated with it: a sealed value copied
    into another row does not open.
    Form: version, length of key id, key id, nonce, ciphertext with tag.
    Source: NIST SP 800-38D section 8.2.2 (96-bit random nonce), https://doi.org/10.6028/NIST.SP.800-38D
    """
    key_id = keyring.newest_id
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(keyring.keys[key_id]).encrypt(nonce, plaintext, _associated(context))
    name = key_id.encode()
    return b"".join((_VERSION, bytes((len(name),)), name, nonce, sealed))


def unseal(keyring: Keyring, sealed: bytes, *, context: tuple[UUID, ...]) -> bytes:
    """Decrypt what ``seal`` made.

    Raises:
        DecodeError: Unknown version or key, or the value was altered or moved.
    """
    if sealed[:1] != _VERSION:
        raise DecodeError("sealed value has an unknown version")
    end = 2 + int.from_bytes(sealed[1:2])
    if len(sealed) < end + _NONCE_BYTES:
        raise DecodeError("sealed value was cut short")
    key_id = sealed[2:end].decode(errors="replace")
    key = keyring.keys.get(key_id)
    if key is None:
        raise DecodeError(f"sealed with key {key_id!r}, which POSTERN_MASTER_KEYS lacks")
    nonce, ciphertext = sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, _associated(context))
    except InvalidTag:
        raise DecodeError("sealed value was altered, or belongs to another row") from None


def _associated(context: tuple[UUID, ...]) -> bytes:
    return b"".join(part.bytes for part in context)
