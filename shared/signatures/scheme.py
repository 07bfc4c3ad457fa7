"""How a sender signs, as values: what is signed, where the signature stands, what key it takes.

A scheme is data; ``reading.py`` and ``keys.py`` make something of it.
"""

from dataclasses import dataclass
from enum import StrEnum

#: What may stand between braces in a template.
PLACES = frozenset({"body", "ts", "id", "url", "method"})


class Algorithm(StrEnum):
    """What makes the signature; pinned by the scheme, never taken from a request."""

    HMAC_SHA1 = "hmac-sha1"
    HMAC_SHA256 = "hmac-sha256"
    HMAC_SHA512 = "hmac-sha512"
    ED25519 = "ed25519"
    #: Over SHA-256, as DER.
    ECDSA_P256 = "ecdsa-p256"


class Encoding(StrEnum):
    """How a signature is written."""

    HEX = "hex"
    BASE64 = "base64"


class KeyForm(StrEnum):
    """How what the sender hands out is written, and what of it is the key."""

    #: The text itself is the key.
    TEXT = "text"
    #: The text itself, ``whsec_`` and all, is the key (Stripe).
    WHSEC_TEXT = "whsec_text"
    #: What stands in base64 after ``whsec_`` is the key (Standard Webhooks).
    WHSEC_BASE64 = "whsec_base64"
    #: The key in hexadecimal digits.
    HEX = "hex"
    #: The 32 bytes of an Ed25519 public key in base64.
    ED25519_BASE64 = "ed25519_base64"
    #: Likewise, after ``whpk_`` (Standard Webhooks).
    WHPK_BASE64 = "whpk_base64"
    #: A P-256 public key as base64 of its SubjectPublicKeyInfo (DER).
    P256_BASE64 = "p256_base64"


class TimestampPlace(StrEnum):
    """Where the sender writes when it signed."""

    HEADER = "header"
    #: A field of the signature header, such as ``t`` of ``t=1,v1=ab``.
    FIELD = "field"
    #: A number in the body's outermost object, which counts once the signature is right.
    BODY = "body"


class TimestampForm(StrEnum):
    """How it writes it."""

    UNIX = "unix"
    UNIX_MS = "unix_ms"
    #: With a zone, and up to nine digits of a second's fraction.
    RFC3339 = "rfc3339"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamp:
    """A timestamp that the signature covers."""

    place: TimestampPlace
    #: Of the header (in lower case), the field or the member.
    name: str
    form: TimestampForm = TimestampForm.UNIX
    #: How far from now it may be, before and after.
    tolerance_seconds: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One way of signing; what is not said is as most have it: hex HMAC-SHA256 of the body."""

    header: str
    algorithm: Algorithm = Algorithm.HMAC_SHA256
    encoding: Encoding = Encoding.HEX
    key_form: KeyForm = KeyForm.TEXT
    #: There are headers of this name with 1, 2 and so on up to this behind it; None: only the one.
    numbered_to: int | None = None
    #: Whether the header may stand several times; elsewhere a repeated one is refused, for nothing
    #: says which of them counts.
    may_repeat: bool = False
    #: What stands between the items of a header; blanks about an item do not count.
    item_separator: str | None = None
    #: What an item begins with to be a signature; others are passed over.
    prefix: str = ""
    is_prefix_optional: bool = False
    #: Items are ``name=value``, and those of this name are signatures.
    signature_field: str | None = None
    #: What is signed: text with ``{body}``, ``{ts}``, ``{id}``, ``{url}`` and ``{method}``, each
    #: put in as the bytes that were received.
    template: str = "{body}"
    timestamp: Timestamp | None = None
    #: The header (in lower case) that is put in for ``{id}``.
    id_header: str | None = None

    @property
    def header_names(self) -> tuple[str, ...]:
        """Return the names, in lower case, of the headers that signatures stand in."""
        name = self.header.lower()
        if self.numbered_to is None:
            return (name,)
        return tuple(f"{name}{number}" for number in range(1, self.numbered_to + 1))

    @property
    def signs_url(self) -> bool:
        """Whether the receiver has to know under which address the sender knows it."""
        return "{url}" in self.template
