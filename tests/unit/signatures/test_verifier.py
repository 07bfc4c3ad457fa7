"""What requests a scheme takes and what it refuses, apart from any sender."""

import base64
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.signatures.presets import PRESETS
from shared.signatures.reading import MAX_ITEMS, MAX_PUBLIC_KEY_SIGNATURES, SchemeReader
from shared.signatures.scheme import Algorithm, Encoding, Scheme, Timestamp, TimestampPlace
from shared.signatures.verifier import SchemeVerifier
from tests.unit.signatures.senders import NOW, SENDERS, Sent, verifier_for

_SECRET = b"a-shared-secret-of-two"
_BODY = b'{"id": 1}'
_DIGEST = hmac.digest(_SECRET, _BODY, "sha256")
_HEX = _DIGEST.hex().encode()
_BASE64 = base64.b64encode(_DIGEST)
_LISTED = Scheme(header="X-Sig", item_separator=",", prefix="v1=")
_FIELDS = Scheme(
    header="X-Sig",
    item_separator=",",
    signature_field="v1",
    template="{ts}.{body}",
    timestamp=Timestamp(place=TimestampPlace.FIELD, name="t"),
)
_STAMPED = hmac.digest(_SECRET, b"%d." % NOW + _BODY, "sha256").hex().encode()


def _is_proven(scheme: Scheme, value: bytes, *more: tuple[bytes, bytes], now: float = NOW) -> bool:
    sent = Sent([(b"x-sig", value), *more], _BODY)
    return SchemeVerifier(scheme, [_SECRET]).signers(sent, now=now) == [True]


@pytest.mark.parametrize(
    ("value", "is_proven"),
    [
        (_HEX, True),
        (_HEX.upper(), True),
        (b" " + _HEX + b"\t", True),
        (b"", False),
        (b"sha256=" + _HEX, False),
        (b"0x" + _HEX[2:], False),
        (_HEX[:-1], False),
        (_HEX + b"0", False),
        (_HEX + b"00", False),
        (_HEX[:-1] + b"\xff", False),
        (_HEX + b"," + _HEX, False),
        (_BASE64, False),
        (b"\x00" * 64, False),
    ],
)
def test_signature_when_it_is_hex(value: bytes, *, is_proven: bool) -> None:
    """Digits of either case, and all of them."""
    assert _is_proven(Scheme(header="X-Sig"), value) is is_proven


@pytest.mark.parametrize(
    ("value", "is_proven"),
    [
        (_BASE64, True),
        (_BASE64.rstrip(b"="), False),
        (_BASE64 + b"=", False),
        (_BASE64[:20] + b"\n" + _BASE64[20:], False),
        (_BASE64[:20] + b"*" + _BASE64[20:], False),
        (_BASE64.replace(b"+", b"-").replace(b"/", b"_") + b"\x00", False),
        (_HEX, False),
        (b"=" * 44, False),
        (b"\xff" * 44, False),
    ],
)
def test_signature_when_it_is_base64(value: bytes, *, is_proven: bool) -> None:
    """It is read strictly: no other alphabet, no blanks inside, all of its padding."""
    scheme = Scheme(header="X-Sig", encoding=Encoding.BASE64)
    assert _is_proven(scheme, value) is is_proven


@pytest.mark.parametrize("junk", [b"", b"\n\n\n\n", b"****", b"==", b"\xff\xff\xff\xff"])
def test_signature_when_its_length_is_not_known(junk: bytes) -> None:
    """Of ECDSA's, which are of many lengths, only what is base64 throughout is looked at."""
    text = base64.b64encode(bytes(60))
    headers = [(b"x-twilio-email-event-webhook-signature", text[:40] + junk + text[40:])]
    reading = SchemeReader(PRESETS["sendgrid"].scheme).read(Sent(headers, _BODY))
    assert list(reading.candidates) == ([] if junk else [bytes(60)])


@pytest.mark.parametrize(
    ("value", "is_proven"),
    [
        (b"v1=" + _HEX, True),
        (b"v1=" + b"0" * 64 + b",v1=" + _HEX, True),
        (b"v1=" + _HEX + b", v1=junk", True),
        (b"v0=" + _HEX + b",v1=" + _HEX, True),
        (b"v0=" + _HEX, False),
        (_HEX, False),
        (b"V1=" + _HEX, False),
        (b"v1=,v1=," + b"," * 50 + b"v1=" + _HEX, True),
        (b"," * MAX_ITEMS + b"v1=" + _HEX, False),
        (b"v1=" + b"0" * 64 + b" v1=" + _HEX, False),
    ],
)
def test_signature_when_it_stands_in_a_list(value: bytes, *, is_proven: bool) -> None:
    """Any item with the prefix may be the one, among so many and no more."""
    assert _is_proven(_LISTED, value) is is_proven


@pytest.mark.parametrize(
    ("value", "is_proven"),
    [
        (b"t=%d,v1=%b" % (NOW, _STAMPED), True),
        (b"t=%d, v1=%b" % (NOW, _STAMPED), True),
        (b"v1=%b,t=%d" % (_STAMPED, NOW), True),
        (b"t=%d,v1=%b,v0=%b" % (NOW, b"0" * 64, _STAMPED), False),
        (b"t=%d,v0=%b,v1=%b,v1=%b" % (NOW, b"0" * 64, b"0" * 64, _STAMPED), True),
        (b"t=%d,t=%d,v1=%b" % (NOW, NOW, _STAMPED), False),
        (b"t=%d,t=1,v1=%b" % (NOW, _STAMPED), False),
        (b"v1=%b" % _STAMPED, False),
        (b"t=,v1=%b" % _STAMPED, False),
        (b"t=0%d,v1=%b" % (NOW, _STAMPED), False),
        (b"t=+%d,v1=%b" % (NOW, _STAMPED), False),
        (b"t=%d,v1==%b" % (NOW, _STAMPED), False),
    ],
)
def test_signature_when_it_is_a_field(value: bytes, *, is_proven: bool) -> None:
    """One time and any number of signatures, in whichever order; other versions do not count."""
    assert _is_proven(_FIELDS, value) is is_proven


@pytest.mark.parametrize("stamp", [b"soon", b"1_790_000_000", b"-1", b"1e9", b"9" * 16, b"\xb2"])
def test_time_when_it_is_signed_and_none(stamp: bytes) -> None:
    """A right signature over a time that is none proves nothing."""
    digest = hmac.digest(_SECRET, stamp + b"." + _BODY, "sha256").hex().encode()
    assert not _is_proven(_FIELDS, b"t=%b,v1=%b" % (stamp, digest))


def test_time_when_it_is_written_with_zeros() -> None:
    """It is signed as it was written, never written anew."""
    stamp = b"00%d" % NOW
    digest = hmac.digest(_SECRET, stamp + b"." + _BODY, "sha256").hex().encode()
    assert _is_proven(_FIELDS, b"t=%b,v1=%b" % (stamp, digest))


@pytest.mark.parametrize("algorithm", [Algorithm.HMAC_SHA1, Algorithm.HMAC_SHA512])
def test_signature_when_another_hash_is_pinned(algorithm: Algorithm) -> None:
    """The scheme says which hash counts, and no other does."""
    digest = hmac.digest(_SECRET, _BODY, algorithm.removeprefix("hmac-")).hex().encode()
    scheme = Scheme(header="X-Sig", algorithm=algorithm)
    assert _is_proven(scheme, digest)
    assert not _is_proven(scheme, _HEX)
    assert not _is_proven(Scheme(header="X-Sig"), digest)


def test_header_when_it_is_numbered() -> None:
    """Any of the numbers counts that there may be, and no other name does."""
    scheme = Scheme(header="X-Sig-", numbered_to=3)
    verifier = SchemeVerifier(scheme, [_SECRET])
    assert verifier.signature_headers == {b"x-sig-1", b"x-sig-2", b"x-sig-3"}
    for name, is_proven in {b"1": True, b"3": True, b"0": False, b"4": False, b"": False}.items():
        sent = Sent([(b"x-sig-" + name, _HEX)], _BODY)
        assert verifier.signers(sent, now=NOW) == [is_proven], name


@pytest.mark.parametrize(
    ("query", "content"),
    [
        (b"", b"https://a.example/h"),
        (b"b=%20&a", b"https://a.example/h?b=%20&a"),
        (b"b=\xff", b"https://a.example/h?b=\xff"),
    ],
)
def test_address_when_it_is_signed(query: bytes, content: bytes) -> None:
    """It is the configured one, with the query to the byte; the request's host is not it."""
    scheme = Scheme(header="X-Sig", template="{method}{url}{body}")
    digest = hmac.digest(_SECRET, b"PUT" + content + _BODY, "sha256").hex().encode()
    headers = [(b"host", b"b.example"), (b"x-sig", digest)]
    sent = Sent(headers, _BODY, method="PUT", query=query)
    verifier = SchemeVerifier(scheme, [_SECRET], public_url="https://a.example/h")
    assert verifier.signers(sent, now=NOW) == [True]
    assert verifier.signers(sent._replace(query=query + b"&"), now=NOW) == [False]
    assert verifier.signers(sent._replace(method="POST"), now=NOW) == [False]


def test_scheme_when_it_makes_no_sense() -> None:
    """An address that is missing, and a place that there is none of, show when it is prepared."""
    with pytest.raises(ValueError, match="address"):
        SchemeReader(Scheme(header="X-Sig", template="{url}"))
    with pytest.raises(ValueError, match="place"):
        SchemeReader(Scheme(header="X-Sig", template="{boddy}"))


def test_signatures_when_each_costs_much() -> None:
    """Of signatures by public keys only a few are tried."""
    sent = SENDERS["standard_webhooks_ed25519"].sent()
    value = dict(sent.headers)[b"webhook-signature"].rpartition(b" ")[2]
    for count, is_proven in {
        MAX_PUBLIC_KEY_SIGNATURES - 1: True,
        MAX_PUBLIC_KEY_SIGNATURES: False,
    }.items():
        others = (b"v1a," + base64.b64encode(bytes(64)) + b" ") * count
        headers = [*sent.headers[:-1], (b"webhook-signature", others + value)]
        name = "standard_webhooks_ed25519"
        verifier = verifier_for(name, SENDERS[name].secrets[0])
        assert verifier.signers(sent._replace(headers=headers), now=NOW) == [is_proven]


_PIECES = st.sampled_from(
    [b"t=", b"v1=", b"v1,", b"v0=", b"sha256=", b",", b";", b" ", b"=", b"%d" % NOW, _HEX, _BASE64]
)
_VALUES = st.lists(_PIECES | st.binary(max_size=80), max_size=6).map(b"".join)


@pytest.mark.parametrize("name", PRESETS)
@given(data=st.data(), body=st.binary(max_size=60), query=st.binary(max_size=20))
def test_request_when_it_is_anything(
    name: str, data: st.DataObject, body: bytes, query: bytes
) -> None:
    """Any bytes in the headers that count, any number of times, get a verdict: not proven."""
    sender = SENDERS[name]
    known = st.sampled_from([header for header, _ in sender.sent().headers])
    headers = data.draw(st.lists(st.tuples(known, _VALUES), max_size=5))
    method = data.draw(st.sampled_from(["POST", "PUT", "PATCH"]) | st.text(max_size=3))
    sent = Sent(headers, body, method=method, query=query)
    assert not any(verifier_for(name, *sender.secrets).signers(sent, now=NOW))


@given(st.binary(max_size=200), st.binary(max_size=100))
def test_request_when_its_signed_body_is_anything(body: bytes, more: bytes) -> None:
    """A time is looked for in any signed body, deep, broken or large numbers included."""
    hostile = [body, b"[" * 5000, b'{"webhookTimestamp": %b}' % more]
    hostile += [b'{"webhookTimestamp": %b}' % value for value in (b"true", b"1e999", b"9" * 40)]
    sender = SENDERS["linear"]
    for signed in hostile:
        signers = verifier_for("linear", sender.secrets[0]).signers(
            sender.sent(body=signed), now=NOW
        )
        assert list(signers) == [False]


@given(st.binary(min_size=1, max_size=100), st.binary(max_size=100), st.integers(0, 2**40))
def test_request_when_anything_is_signed(secret: bytes, body: bytes, at: int) -> None:
    """What is signed by the secret is proven, whatever it is; one more byte, and it is not."""
    text = secret.hex().encode()
    digest = hmac.digest(text, b"%d." % at + body, "sha256").hex().encode()
    sent = Sent([(b"x-sig", b"t=%d,v1=%b" % (at, digest))], body)
    verifier = SchemeVerifier(_FIELDS, [b"another", text])
    assert list(verifier.signers(sent, now=at)) == [False, True]
    assert not any(verifier.signers(sent._replace(body=body + b" "), now=at))
