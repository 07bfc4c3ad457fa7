"""Keys of schemes: read from what senders hand out, prepared once, compared in constant time."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from shared.signatures.scheme import Algorithm, KeyForm, Scheme
from shared.signatures.signing_secrets import parse_secret

_MIN_KEY_BYTES = 16
_HASHES = {
    Algorithm.HMAC_SHA1: "sha1",
    Algorithm.HMAC_SHA256: "sha256",
    Algorithm.HMAC_SHA512: "sha512",
}
#: y-coordinates of the points whose order divides eight, as they are written without their sign:
#: for such a key anybody can make a signature of most messages, and OpenSSL takes it.
#: Source: RFC 8032 section 5.1.3 for the writing; the points follow from the curve's equation.
_SMALL_ORDER = frozenset(
    bytes.fromhex(digits)
    for digits in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


class Key(Protocol):
    """What one secret can prove."""

    def proves(self, content: Sequence[bytes], candidates: Sequence[bytes]) -> bool:
        """Tell whether any candidate signs the content, whose parts belong together as they are.

        Every candidate is tried, whether or not one before it was right.
        """
        ...


class HmacKey:
    """A shared secret; its keyed state is made once, which halves the time of short contents."""

    __slots__ = ("_keyed",)

    def __init__(self, secret: bytes, hash_name: str) -> None:
        if not secret:
            raise ValueError("an empty secret proves nothing")
        self._keyed = hmac.new(secret, digestmod=hash_name)

    def proves(self, content: Sequence[bytes], candidates: Sequence[bytes]) -> bool:
        """Tell whether any candidate is the digest; without candidates it is made all the same."""
        mac = self._keyed.copy()
        for part in content:
            mac.update(part)
        digest = mac.digest()
        found = False
        for candidate in candidates:
            found |= hmac.compare_digest(digest, candidate)
        return found


class Ed25519Key:
    """An Ed25519 public key."""

    __slots__ = ("_key",)

    def __init__(self, raw: bytes) -> None:
        if raw[:31] + bytes([raw[31] & 0x7F]) in _SMALL_ORDER:
            raise ValueError("is a key under which anybody can sign")
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    def proves(self, content: Sequence[bytes], candidates: Sequence[bytes]) -> bool:
        """Tell whether any candidate is a signature of the content."""
        return _is_proven(self._key.verify, content, candidates)


class P256Key:
    """A P-256 public key, for ECDSA over SHA-256."""

    __slots__ = ("_key",)

    def __init__(self, der: bytes) -> None:
        match load_der_public_key(der):
            case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()) as key:
                self._key = key
            case _:
                raise ValueError("is a key of another kind")

    def proves(self, content: Sequence[bytes], candidates: Sequence[bytes]) -> bool:
        """Tell whether any candidate is a signature of the content."""
        return _is_proven(self._verify, content, candidates)

    def _verify(self, signature: bytes, message: bytes) -> None:
        self._key.verify(signature, message, ec.ECDSA(hashes.SHA256()))


def _is_proven(
    verify: Callable[[bytes, bytes], None], content: Sequence[bytes], candidates: Sequence[bytes]
) -> bool:
    message, found = b"".join(content), False
    if not candidates:
        # A large body takes its time here, too.
        hashlib.sha256(message)
    for candidate in candidates:
        try:
            verify(candidate, message)
        except InvalidSignature:
            continue
        found = True
    return found


def prepare_key(scheme: Scheme, secret: bytes) -> Key:
    """Return the key that a secret stands for.

    Raises:
        ValueError: It has not the form; the message says what is expected, and nothing of the
            secret.
    """
    try:
        material = _MATERIAL[scheme.key_form](_without_blanks(secret.decode()))
        match scheme.algorithm:
            case Algorithm.ED25519:
                return Ed25519Key(material)
            case Algorithm.ECDSA_P256:
                return P256Key(material)
            case hmac_algorithm:
                return HmacKey(material, _HASHES[hmac_algorithm])
    except (ValueError, UnsupportedAlgorithm):
        # The cause may quote the secret.
        raise ValueError(f"Expected {EXPECTED[scheme.key_form]}") from None


#: What each form looks like, to follow "Expected".
EXPECTED: Mapping[KeyForm, str] = {
    KeyForm.TEXT: "the text as the sender has it, without blanks around it",
    KeyForm.WHSEC_TEXT: "whsec_ and what follows, as the sender shows it",
    KeyForm.WHSEC_BASE64: "whsec_ and base64 of 24 to 64 bytes; Stripe's secrets begin alike and "
    "are no base64: they go with the preset stripe",
    KeyForm.HEX: f"{_MIN_KEY_BYTES} or more bytes in hexadecimal digits",
    KeyForm.ED25519_BASE64: "an Ed25519 public key: base64 of 32 bytes",
    KeyForm.WHPK_BASE64: "whpk_ and an Ed25519 public key: base64 of 32 bytes",
    KeyForm.P256_BASE64: "a P-256 public key: base64 of its SubjectPublicKeyInfo in DER, which "
    "begins with MFkw",
}


def _without_blanks(text: str) -> str:
    if text != text.strip():
        # Copied along with the secret: no sender hands out such a one.
        raise ValueError("has blanks around it")
    return text


def _text(text: str) -> bytes:
    return text.encode()


def _whsec_text(text: str) -> bytes:
    if not text.removeprefix("whsec_") or not text.startswith("whsec_"):
        raise ValueError("has another beginning, or no end")
    return text.encode()


def _hex(text: str) -> bytes:
    key = binascii.unhexlify(text.encode())
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError("is too short")
    return key


def _base64(text: str) -> bytes:
    return base64.b64decode(text.encode(), validate=True)


def _ed25519(text: str) -> bytes:
    key = _base64(text)
    if len(key) != 32:
        raise ValueError("has another length")
    return key


_MATERIAL: Mapping[KeyForm, Callable[[str], bytes]] = {
    KeyForm.TEXT: _text,
    KeyForm.WHSEC_TEXT: _whsec_text,
    KeyForm.WHSEC_BASE64: parse_secret,
    KeyForm.HEX: _hex,
    KeyForm.ED25519_BASE64: _ed25519,
    KeyForm.WHPK_BASE64: lambda text: _ed25519(text.removeprefix("whpk_")),
    KeyForm.P256_BASE64: _base64,
}
