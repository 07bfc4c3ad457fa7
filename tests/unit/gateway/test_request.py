"""What requests must keep to, and where they come from."""

import json
import time

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.request import (
    SourceAddress,
    carries_credential,
    header_fault,
    json_has_too_many_keys,
    json_too_deep,
    parse_address,
)

_HOST = (b"host", b"hooks.example.com")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text('ab"\\[]{}:, ', max_size=6), inner, max_size=4)
    ),
    max_leaves=40,
)


def _depth(document: object) -> int:
    if isinstance(document, dict):
        return 1 + max(map(_depth, document.values()), default=0)
    if isinstance(document, list):
        return 1 + max(map(_depth, document), default=0)
    return 0


def _members(document: object) -> int:
    if isinstance(document, dict):
        return len(document) + sum(map(_members, document.values()))
    return sum(map(_members, document)) if isinstance(document, list) else 0


@given(_JSON, st.integers(0, 6), st.sampled_from([None, 1]), st.booleans())
@example(["[[[[", {'"{': "\\"}], 1, None, True)
def test_json_too_deep_against_recursion(
    document: object, limit: int, indent: int | None, ensure_ascii: bool
) -> None:
    """Counting brackets agrees with walking the document, whatever its strings hold."""
    body = json.dumps(document, indent=indent, ensure_ascii=ensure_ascii).encode()
    assert json_too_deep(body, limit) is (_depth(document) > limit)


@given(_JSON, st.integers(0, 12), st.sampled_from([None, 1]))
def test_json_has_too_many_keys_against_recursion(
    document: object, limit: int, indent: int | None
) -> None:
    """Counting colons agrees with walking the document."""
    body = json.dumps(document, indent=indent).encode()
    assert json_has_too_many_keys(body, limit) is (_members(document) > limit)


def test_json_too_deep_at_the_limit() -> None:
    """64 levels pass, 65 do not, and what is closed does not count."""
    assert not json_too_deep(b"[" * 64 + b"]" * 64, 64)
    assert json_too_deep(b"[" * 65 + b"]" * 65, 64)
    assert not json_too_deep(b"[" + b",".join([b"[]"] * 1000) + b"]", 64)
    assert not json_too_deep(b"", 64)


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b'\\"' * 200_000,
        b'{"a' * 100_000,
        b'"' * 300_001,
        b"\\" * 300_000,
        b'"\\' * 150_000,
        b"]" * 300_000,
        b"[" * 300_000,
        b":" * 300_000,
    ],
    ids=lambda body: repr(body[:6]),
)
def test_json_bounds_when_body_is_hostile(body: bytes) -> None:
    """The time is linear in the body, also for what is no JSON."""
    started = time.process_time()
    json_too_deep(body + b"[" * 65 + b":" * 11, 64)
    json_has_too_many_keys(body + b":" * 11, 10)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ([_HOST], None),
        ([_HOST, (b"content-length", b"5")], None),
        ([_HOST, (b"upgrade", b"h2c"), (b"content-length", b"0")], None),
        ([_HOST, (b"upgrade", b"h2c")], None),
        ([_HOST, (b"upgrade", b"h2c"), (b"content-length", b"4")], (400, "upgrade_with_body")),
        (
            [_HOST, (b"upgrade", b"x"), (b"transfer-encoding", b"chunked")],
            (400, "upgrade_with_body"),
        ),
        ([_HOST, (b"content-encoding", b"identity")], None),
        ([_HOST, (b"content-encoding", b" Identity ")], None),
        ([_HOST, (b"content-encoding", b"")], None),
        ([_HOST, (b"content-encoding", b"gzip")], (415, "unsupported_content_encoding")),
        ([_HOST, (b"content-encoding", b"identity, gzip")], (415, "unsupported_content_encoding")),
        (
            [_HOST, (b"content-encoding", b"gzip"), (b"content-encoding", b"identity")],
            (415, "unsupported_content_encoding"),
        ),
        ([_HOST, (b"via", b"a"), (b"via", b"b")], None),
        ([_HOST, _HOST], (400, "repeated_host")),
        ([(b"accept", b"*/*")], (400, "missing_host")),
    ],
)
def test_header_fault(headers: list[tuple[bytes, bytes]], fault: tuple[int, str] | None) -> None:
    """Each rule about headers, kept and broken."""
    assert header_fault(dict(headers), headers) == fault


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("192.0.2.1:443", None),
        ("[2001:db8::1]:443", None),
        ("192.0.2.256", None),
        ("192.0.2.01", None),
        ("3221225985", None),
        ("0xc0000201", None),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
        ("\u0661.2.3.4", None),
        ("1.2.3.4\x00", None),
    ],
)
def test_parse_address(text: str, address: str | None) -> None:
    """Addresses in their plain forms, nothing else; IPv4 in IPv6 is IPv4."""
    found = parse_address(text)
    assert (None if found is None else str(found)) == address


_TRUSTED = ("10.0.0.0/8", "2001:db8:cafe::/48", "192.0.2.10")


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9,198.51.100.7,10.1.1.1"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7, 10.2.2.2"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7 , 10.1.1.1 ,"], "198.51.100.7"),
        ("10.0.0.1", [", ,198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9,2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["203.0.113.9,[2001:db8::7]"], "2001:db8::7"),
        ("10.0.0.1", ["203.0.113.9,2001:db8:cafe::1"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9,::ffff:198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9,::ffff:10.0.0.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9,unknown"], "unknown"),
        ("10.0.0.1", ["203.0.113.9,_hidden"], "unknown"),
        ("10.0.0.1", ["203.0.113.9,198.51.100.7:4711"], "unknown"),
        ("10.0.0.1", ["203.0.113.9,for=198.51.100.7"], "unknown"),
        ("10.0.0.1", ["203.0.113.9,\xff"], "unknown"),
        ("10.0.0.1", ["203.0.113.9,10.0.0.0/8"], "unknown"),
        ("10.0.0.1", ["10.9.9.9,10.1.1.1"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        ("198.51.100.7", ["10.0.0.1"], "198.51.100.7"),
        ("::ffff:10.0.0.1", ["203.0.113.9,198.51.100.7"], "198.51.100.7"),
        ("192.0.2.10", ["203.0.113.9,198.51.100.7"], "198.51.100.7"),
        ("192.0.2.11", ["203.0.113.9,198.51.100.7"], "192.0.2.11"),
        ("unknown", ["203.0.113.9"], "unknown"),
    ],
)
def test_source_address(peer: str, forwarded: list[str], source: str) -> None:
    """What the sender wrote (203.0.113.9, left of the last untrusted hop) never counts."""
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    assert SourceAddress(_TRUSTED).of(peer, [_HOST, *headers]) == source


def test_source_address_when_no_proxy_is_trusted() -> None:
    """Without trusted proxies the header is not looked at."""
    headers = [_HOST, (b"x-forwarded-for", b"203.0.113.9"), (b"x-real-ip", b"203.0.113.9")]
    assert SourceAddress(()).of("198.51.100.7", headers) == "198.51.100.7"


def test_source_address_when_headers_are_long_and_many() -> None:
    """What a sender can make the gateway remember is bounded."""
    source = SourceAddress(_TRUSTED)
    for number in range(50):
        long = b", ".join([b"203.0.113.%d" % number] * 1000)
        assert source.of("10.0.0.1", [(b"x-forwarded-for", long)]) == f"203.0.113.{number}"
    assert source.remembered_count == 0


@pytest.mark.parametrize(
    "name",
    [
        *("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key"),
        *("x-hub-signature", "x-hub-signature-256", "stripe-signature", "webhook-signature"),
        *("x-shopify-hmac-sha256", "x-gitlab-token", "x-telegram-bot-api-secret-token"),
        *("x-auth-token", "x-goog-channel-token", "x-amz-security-token", "x-apikey"),
        *("x-csrf-token", "x-webhook-secret", "x-password", "x-slack-signature", "signature"),
        *("x-forwarded-access-token", "cf-access-jwt-assertion", "digest-authorization"),
        *("referer", "x-original-url", "x-forwarded-uri", "x-original-uri", "x-rewrite-url"),
    ],
)
def test_carries_credential_when_name_says_so(name: str) -> None:
    """A header that may hold a credential, or an address with one, is known by its name."""
    assert carries_credential(name.encode())


@pytest.mark.parametrize(
    "name",
    [
        *("host", "content-type", "content-length", "user-agent", "accept", "x-request-id"),
        *("x-github-event", "x-github-delivery", "x-shopify-topic", "x-event-id", "traceparent"),
        *("idempotency-key", "x-idempotency-key", "x-forwarded-for", "x-author", "via", "date"),
    ],
)
def test_carries_credential_when_name_is_harmless(name: str) -> None:
    """Headers that tell what an event is are kept."""
    assert not carries_credential(name.encode())


def test_json_bounds_agree_with_the_parser() -> None:
    """Escapes at a string's end do not make it run on."""
    body = rb'{"a\\":"[[[[","b\"":["\\\"{{{"],"c":{"d":{}}}'
    assert not json_too_deep(body, 3)
    assert json_too_deep(body, 2)
    assert _members(orjson.loads(body)) == 4
    assert json_has_too_many_keys(body, 3)
    assert not json_has_too_many_keys(body, 4)
