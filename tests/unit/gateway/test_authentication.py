"""Who is let in, and who is not, by each auth type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authentication import (
    BearerVerifier,
    HmacVerifier,
    IpAllowlistVerifier,
    PathTokenVerifier,
    SignatureVerifier,
    Verifier,
    verifier_of,
)
from shared.domain.delivery import AuthStatus
from shared.domain.webhook import (
    Auth,
    BearerAuth,
    HmacAuth,
    IpAllowlistAuth,
    PathTokenAuth,
    SignatureAuth,
)
from shared.signatures.hmac_sha256 import sign
from tests.unit.gateway.requests import NOW, SECRET, live_secret, presented

_TOKEN = SECRET
_AUTHS: list[Auth] = [
    HmacAuth("X-Signature"),
    BearerAuth(),
    PathTokenAuth("token"),
    SignatureAuth("github"),
    IpAllowlistAuth(("10.0.0.0/8",)),
]


def _is_let_in(verifier: Verifier, *headers: tuple[bytes, bytes], query: bytes = b"") -> bool:
    return verifier.verify(presented(*headers, query=query)).status is AuthStatus.VERIFIED


def _signed(body: bytes = b"{}", secret: bytes = SECRET) -> bytes:
    return b"sha256=" + sign(secret, body).hex().encode()


def test_hmac_when_signed() -> None:
    """The header's name in any case of configuration, and the secret that verified is told."""
    secret = live_secret()
    verdict = HmacVerifier(
        HmacAuth("X-RMM-Signature"), [live_secret(b"other" * 4), secret]
    ).verify(presented((b"x-rmm-signature", _signed())))
    assert verdict == (AuthStatus.VERIFIED, secret.secret_id)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-signature", b"")],
        [(b"x-signature", _signed(b"{ }"))],
        [(b"x-signature", _signed(secret=b"another secret, quite"))],
        [(b"x-other", _signed())],
        [(b"x-signature", _signed()), (b"x-signature", _signed())],
        [(b"x-signature", b"junk"), (b"x-signature", _signed())],
        [(b"x-signature", _signed()), (b"x-signature", b"junk")],
    ],
)
def test_hmac_when_signature_is_missing_wrong_or_repeated(
    headers: list[tuple[bytes, bytes]],
) -> None:
    """Anything but one right signature is refused."""
    verdict = HmacVerifier(HmacAuth("x-signature"), [live_secret()]).verify(presented(*headers))
    assert verdict == (AuthStatus.REJECTED_SIGNATURE, None)


def test_hmac_when_another_header_repeats() -> None:
    """Only the signature must stand alone."""
    verifier = HmacVerifier(HmacAuth("x-signature"), [live_secret()])
    assert _is_let_in(verifier, (b"x-signature", _signed()), (b"via", b"a"), (b"via", b"b"))


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "counts"),
    [
        (NOW, NOW + 1, True),
        (NOW - 10, float("inf"), True),
        (NOW + 0.001, float("inf"), False),
        (NOW - 10, NOW, False),
        (NOW - 10, NOW + 0.001, True),
    ],
)
def test_secret_when_its_time_is_bounded(
    valid_from: float, valid_until: float, *, counts: bool
) -> None:
    """A secret counts from its first moment until right before its last, for every auth type."""
    secret = live_secret(valid_from=valid_from, valid_until=valid_until)
    asked: list[tuple[Verifier, tuple[bytes, bytes], bytes]] = [
        (HmacVerifier(HmacAuth("x-signature"), [secret]), (b"x-signature", _signed()), b""),
        (BearerVerifier([secret]), (b"authorization", b"Bearer " + _TOKEN), b""),
        (PathTokenVerifier(PathTokenAuth("token"), [secret]), (b"a", b"b"), b"token=" + _TOKEN),
        (
            SignatureVerifier(SignatureAuth("github"), [secret]),
            (b"x-hub-signature-256", _signed()),
            b"",
        ),
    ]
    for verifier, header, query in asked:
        assert _is_let_in(verifier, header, query=query) is counts, type(verifier)


@pytest.mark.parametrize(
    "value",
    [b"Bearer " + _TOKEN, b"bearer " + _TOKEN, b"BEARER " + _TOKEN, b"Bearer   " + _TOKEN + b" "],
)
def test_bearer_when_scheme_is_written_differently(value: bytes) -> None:
    """The scheme's case and spaces about the token do not matter."""
    assert _is_let_in(BearerVerifier([live_secret()]), (b"authorization", value))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", _TOKEN)],
        [(b"authorization", b"Basic " + _TOKEN)],
        [(b"authorization", b"Bearer" + _TOKEN)],
        [(b"authorization", b"Bearer\t" + _TOKEN)],
        [(b"authorization", b"Bearer " + _TOKEN.upper())],
        [(b"authorization", b"Bearer " + _TOKEN + b"x")],
        [(b"authorization", b"Bearer \xff\xfe")],
        [(b"authorization", b"Bearer " + _TOKEN), (b"authorization", b"Bearer " + _TOKEN)],
        [(b"authorization", b"Basic eA=="), (b"authorization", b"Bearer " + _TOKEN)],
        [(b"x-authorization", b"Bearer " + _TOKEN)],
    ],
)
def test_bearer_when_token_is_missing_wrong_or_repeated(
    headers: list[tuple[bytes, bytes]],
) -> None:
    """Anything but one right bearer token is refused."""
    verdict = BearerVerifier([live_secret()]).verify(presented(*headers))
    assert verdict == (AuthStatus.REJECTED_BEARER, None)


@pytest.mark.parametrize(
    ("query", "is_let_in"),
    [
        (b"token=" + _TOKEN, True),
        (b"a=1&token=" + _TOKEN + b"&b", True),
        (b"tok%65n=" + _TOKEN.replace(b"-", b"%2D"), True),
        (b"", False),
        (b"token", False),
        (b"token=", False),
        (b"Token=" + _TOKEN, False),
        (b"token=" + _TOKEN + b"&token=" + _TOKEN, False),
        (b"token=" + _TOKEN + b"&token=x", False),
        (b"token=" + _TOKEN + b"&tok%65n", False),
        (b"token=%ff", False),
        (b"token=%ed%a0%80", False),
        (b"token=\xff", False),
        (b"token=%", False),
        (b"token=%00", False),
        (b";token=" + _TOKEN, False),
        (b"&".join([b"a=1"] * 5000) + b"&token=" + _TOKEN, True),
    ],
)
def test_path_token_when_query_differs(query: bytes, *, is_let_in: bool) -> None:
    """One right token, however encoded, is let in; nothing raises."""
    verifier = PathTokenVerifier(PathTokenAuth("token"), [live_secret()])
    assert _is_let_in(verifier, query=query) is is_let_in


@pytest.mark.parametrize(
    "token", ["p\u00e4ssw\u00f6rt-von-\u00e4hnlicher-l\u00e4nge", "a+b c/d=e&f%g#hhhhhh"]
)
def test_path_token_when_it_has_odd_characters(token: str) -> None:
    """A token of any characters works, percent-encoded as UTF-8."""
    verifier = PathTokenVerifier(PathTokenAuth("token"), [live_secret(token.encode())])
    query = b"token=" + b"".join(b"%%%02x" % byte for byte in token.encode())
    assert _is_let_in(verifier, query=query)


@pytest.mark.parametrize(
    ("query", "masked"),
    [
        (b"", b""),
        (b"a=1&b", b"a=1&b"),
        (b"token=s3cret", b"token=***"),
        (b"token", b"token=***"),
        (b"a=1&token=s3cret&b=2", b"a=1&token=***&b=2"),
        (b"tok%65n=s3cret&token=s3cret", b"tok%65n=***&token=***"),
        (b"%74%6F%6b%65%6E=s3cret", b"%74%6F%6b%65%6E=***"),
        (b"token=a=s3cret", b"token=***"),
        (b"tokens=1&xtoken=2", b"tokens=1&xtoken=2"),
        (b"token=s3cret;token=s3cret", b"token=***"),
        (b"&&token=%ff&&", b"&&token=***&&"),
    ],
)
def test_masked_query_when_path_token(query: bytes, masked: bytes) -> None:
    """The token is masked wherever its parameter stands, the rest is kept to the byte."""
    verifier = PathTokenVerifier(PathTokenAuth("token"), [live_secret()])
    assert verifier.masked_query(query) == masked


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_masked_query_when_arbitrary(before: bytes, after: bytes) -> None:
    """A token that verifies never survives masking, and nothing raises."""
    verifier = PathTokenVerifier(PathTokenAuth("t k"), [live_secret(b"s3cret-s3cret-s3cret")])
    query = before + b"&t+k=s3cret-s3cret-s3cret&" + after
    verifier.verify(presented(query=query))
    assert b"s3cret-s3cret-s3cret" not in verifier.masked_query(query)


@pytest.mark.parametrize(
    ("networks", "source", "is_let_in"),
    [
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.0/24"], "192.0.3.0", False),
        (["192.0.2.77/24"], "192.0.2.1", True),
        (["192.0.2.1"], "192.0.2.1", True),
        (["192.0.2.1"], "192.0.2.10", False),
        (["0.0.0.0/0"], "203.0.113.1", True),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["2001:db8::/32"], "2001:db8:ffff::1", True),
        (["2001:db8::1/32"], "2001:db8::2", True),
        (["2001:db8::/32"], "2001:db9::", False),
        (["2001:db8::1"], "2001:0DB8:0:0:0:0:0:1", True),
        (["192.0.2.0/24"], "::ffff:192.0.2.9", True),
        (["::ffff:192.0.2.0/120"], "192.0.2.9", True),
        (["::ffff:192.0.2.0/120"], "192.0.3.9", False),
        (["198.51.100.0/24", "2001:db8::/32"], "198.51.100.9", True),
        (["192.0.2.0/24"], "unknown", False),
        (["192.0.2.0/24"], "", False),
        (["192.0.2.0/24"], "192.0.2.1:80", False),
        (["192.0.2.0/24"], "192.0.2.01", False),
        ([], "192.0.2.1", False),
    ],
)
def test_ip_allowlist(networks: list[str], source: str, *, is_let_in: bool) -> None:
    """An address in a network is let in, host bits or not, IPv4 also when written as IPv6."""
    verifier = IpAllowlistVerifier(IpAllowlistAuth(tuple(networks)))
    expected = AuthStatus.VERIFIED if is_let_in else AuthStatus.REJECTED_IP
    assert verifier.verify(presented(source=source)) == (expected, None)


@pytest.mark.parametrize("auth", _AUTHS[:4], ids=lambda auth: type(auth).__name__)
def test_verify_when_webhook_has_no_secret(auth: Auth) -> None:
    """Without a secret nobody is let in, not with an empty credential either."""
    verifier = verifier_of(auth, [])
    empty = sign(b"", b"{}").hex().encode()
    signed = [(b"x-signature", empty), (b"x-hub-signature-256", b"sha256=" + empty)]
    for headers in ([], [*signed, (b"authorization", b"Bearer ")]):
        assert not _is_let_in(verifier, *headers)
        assert not _is_let_in(verifier, *headers, query=b"token=")


@pytest.mark.parametrize("auth", _AUTHS, ids=lambda auth: type(auth).__name__)
@given(st.binary(max_size=80), st.binary(max_size=80))
def test_verify_when_credentials_are_arbitrary(auth: Auth, value: bytes, query: bytes) -> None:
    """Arbitrary bytes are refused by every auth type, and raise nowhere."""
    verifier = verifier_of(auth, [live_secret()])
    headers = [(b"x-signature", value), (b"authorization", b"Bearer " + value)]
    headers.append((b"x-hub-signature-256", b"sha256=" + value))
    assert not _is_let_in(verifier, *headers, query=b"token=" + query)
