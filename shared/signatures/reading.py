"""Reads from a request, by a scheme, what is signed and which signatures it carries.

Nothing that a request holds raises: what cannot be read proves nothing. The content is put
together whatever else is wrong, so that a refusal takes the work of a signature like any other.
"""

import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from shared.signatures.scheme import (
    PLACES,
    Algorithm,
    Encoding,
    Scheme,
    Timestamp,
    TimestampPlace,
)
from shared.signatures.timestamps import seconds_in_body, seconds_of

#: Of one request; DocuSign sends the most that is known, up to a hundred. Others send a few.
MAX_ITEMS = 100
#: Each costs a public-key operation, some 100 µs.
MAX_PUBLIC_KEY_SIGNATURES = 4
_PLACE = re.compile(r"\{([a-z]+)\}")
_BLANKS = b" \t"
#: Least and most bytes of a signature.
_SIZES: Mapping[Algorithm, tuple[int, int]] = {
    Algorithm.HMAC_SHA1: (20, 20),
    Algorithm.HMAC_SHA256: (32, 32),
    Algorithm.HMAC_SHA512: (64, 64),
    Algorithm.ED25519: (64, 64),
    # Two integers of at most 33 bytes and their DER heads.
    Algorithm.ECDSA_P256: (8, 72),
}
_PUBLIC_KEY = frozenset({Algorithm.ED25519, Algorithm.ECDSA_P256})


class SignedRequest(Protocol):
    """What of a request a scheme looks at."""

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """Return every header, its name in lower case."""
        ...

    @property
    def names(self) -> Mapping[bytes, bytes]:
        """Return the headers by name; of repeated ones any."""
        ...

    @property
    def method(self) -> str:
        """Return the method, in capitals."""
        ...

    @property
    def query(self) -> bytes:
        """Return the query as it was sent, without a question mark."""
        ...

    @property
    def body(self) -> bytes:
        """Return the body, byte for byte."""
        ...


class Reading(NamedTuple):
    """What a request holds by a scheme; see ``keys.Key.proves``."""

    #: What is signed, in parts: the body is not copied.
    content: Sequence[bytes]
    candidates: Sequence[bytes]
    #: When the sender says that it signed, as it was sent; nothing where it does not say.
    timestamp: bytes
    #: Whether everything is there that must be, once.
    is_whole: bool


class _Found(NamedTuple):
    """What the signature headers hold."""

    signatures: list[bytes]
    timestamps: list[bytes]


class SchemeReader:
    """Reads requests by one scheme, prepared once.

    ``public_url`` is under which address the sender knows the receiver, for schemes that sign it.
    """

    def __init__(self, scheme: Scheme, *, public_url: str | None = None) -> None:
        if scheme.signs_url and public_url is None:
            raise ValueError("the scheme signs the address, which is missing")
        self._scheme = scheme
        self._timestamp = scheme.timestamp
        self._url = (public_url or "").encode()
        self._parts = tuple(_parts(scheme.template))
        self._headers = tuple(name.encode("latin-1") for name in scheme.header_names)
        self._separator = _encoded(scheme.item_separator)
        self._prefix = scheme.prefix.encode()
        self._field = _encoded(scheme.signature_field)
        self._timestamp_header = _encoded(_name_in(TimestampPlace.HEADER, scheme.timestamp))
        self._timestamp_field = _encoded(_name_in(TimestampPlace.FIELD, scheme.timestamp))
        self._id_header = _encoded(scheme.id_header)
        self._needs_timestamp = (self._timestamp_header or self._timestamp_field) is not None
        signatures = () if scheme.may_repeat else self._headers
        once = (*signatures, self._timestamp_header, self._id_header)
        self._once = {name for name in once if name is not None}
        self._decode = _decoder(scheme.encoding, *_SIZES[scheme.algorithm])
        is_costly = scheme.algorithm in _PUBLIC_KEY
        self._most_signatures = MAX_PUBLIC_KEY_SIGNATURES if is_costly else MAX_ITEMS

    @property
    def signature_headers(self) -> frozenset[bytes]:
        """Return the names, in lower case, of the headers that signatures stand in."""
        return frozenset(self._headers)

    def read(self, request: SignedRequest) -> Reading:
        """Return what a request holds, as far as it does."""
        found = self._found(request)
        timestamp = self._written_timestamp(request, found)
        message_id = b"" if self._id_header is None else request.names.get(self._id_header, b"")
        decoded = map(self._decode, found.signatures[: self._most_signatures])
        is_whole = (
            (timestamp != b"" or not self._needs_timestamp)
            and (message_id != b"" or self._id_header is None)
            and not self._repeats(request)
        )
        return Reading(
            self._content(request, timestamp, message_id),
            [signature for signature in decoded if signature],
            timestamp,
            is_whole,
        )

    def is_timely(self, reading: Reading, body: bytes, now: float) -> bool:
        """Tell whether a request whose signature is right was signed about now (Unix seconds)."""
        timestamp = self._timestamp
        if timestamp is None:
            return True
        if timestamp.place is TimestampPlace.BODY:
            signed_at = seconds_in_body(body, timestamp.name, timestamp.form)
        else:
            signed_at = seconds_of(reading.timestamp, timestamp.form)
        return signed_at is not None and abs(now - signed_at) <= timestamp.tolerance_seconds

    def _found(self, request: SignedRequest) -> _Found:
        found = _Found([], [])
        for item in self._items(request):
            if self._field is not None:
                # At the first sign: base64 has them at its end.
                name, _, value = item.partition(b"=")
                if name == self._field:
                    found.signatures.append(value)
                elif name == self._timestamp_field:
                    found.timestamps.append(value)
            elif item.startswith(self._prefix):
                found.signatures.append(item[len(self._prefix) :])
            elif self._scheme.is_prefix_optional:
                found.signatures.append(item)
        return found

    def _items(self, request: SignedRequest) -> Sequence[bytes]:
        """Return the items of the signature headers, at most as many as are looked at."""
        separator = self._separator
        items: list[bytes] = []
        for value in self._values(request):
            # What is left unsplit behind the most that are looked at is cut off below.
            items += [value] if separator is None else value.split(separator, MAX_ITEMS)
        return [item.strip(_BLANKS) for item in items[:MAX_ITEMS]]

    def _values(self, request: SignedRequest) -> Sequence[bytes]:
        names = request.names
        if self._scheme.may_repeat and len(names) != len(request.headers):
            return [value for name, value in request.headers if name in self._headers]
        return [names[name] for name in self._headers if name in names]

    def _written_timestamp(self, request: SignedRequest, found: _Found) -> bytes:
        """Return the timestamp exactly as it was sent; nothing where it is missing or repeated."""
        if self._timestamp_header is not None:
            return request.names.get(self._timestamp_header, b"")
        return found.timestamps[0] if len(found.timestamps) == 1 else b""

    def _content(
        self, request: SignedRequest, timestamp: bytes, message_id: bytes
    ) -> Sequence[bytes]:
        if self._parts == ("body",):
            return (request.body,)
        places = {
            "body": request.body,
            "ts": timestamp,
            "id": message_id,
            "url": b"%b?%b" % (self._url, request.query) if request.query else self._url,
            "method": request.method.encode("latin-1", "replace"),
        }
        return [part if isinstance(part, bytes) else places[part] for part in self._parts]

    def _repeats(self, request: SignedRequest) -> bool:
        """Tell whether a header stands several times of which it must be known which counts."""
        if len(request.names) == len(request.headers):
            return False
        found = [name for name, _ in request.headers if name in self._once]
        return len(found) != len(set(found))


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode("latin-1")


def _name_in(place: TimestampPlace, timestamp: Timestamp | None) -> str | None:
    return timestamp.name if timestamp is not None and timestamp.place is place else None


def _parts(template: str) -> Iterator[bytes | str]:
    """Yield the literal texts of a template as bytes, and its places by name."""
    for number, part in enumerate(_PLACE.split(template)):
        if number % 2:
            if part not in PLACES:
                raise ValueError(f"a template has no place {part!r}")
            yield part
        elif part:
            yield part.encode()


def _decoder(encoding: Encoding, least: int, most: int) -> Callable[[bytes], bytes]:
    """Return what reads a signature; it returns nothing of what is none.

    The length is looked at first: a long text is not decoded to be thrown away.
    """
    decode: Callable[[bytes], bytes]
    if encoding is Encoding.HEX:
        longest, shortest, decode = 2 * most, 2 * least, binascii.unhexlify
    else:
        longest, shortest, decode = -(-most // 3) * 4, -(-least // 3) * 4, _strict_base64

    def signature_of(text: bytes) -> bytes:
        if not shortest <= len(text) <= longest:
            return b""
        try:
            return decode(text)
        except binascii.Error:
            return b""

    return signature_of


def _strict_base64(text: bytes) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)
