"""Proves who sent a request: one verifier per auth type, over the raw bytes, in constant time."""

import hmac
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, assert_never
from urllib.parse import unquote_to_bytes
from uuid import UUID

from gateway.request import Headers, in_networks, parse_address, parse_network
from shared.domain.delivery import AuthStatus
from shared.domain.webhook import (
    Auth,
    BearerAuth,
    HmacAuth,
    IpAllowlistAuth,
    PathTokenAuth,
    SignatureAuth,
)
from shared.signatures import hmac_sha256
from shared.signatures.presets import PRESETS
from shared.signatures.verifier import SchemeVerifier


class Presented(NamedTuple):
    """What of a request authentication looks at."""

    headers: Headers
    names: dict[bytes, bytes]
    query: bytes
    body: bytes
    source_address: str
    now: float
    method: str


class LiveSecret(NamedTuple):
    """A secret in memory, and when it counts (Unix seconds)."""

    secret_id: UUID
    value: bytes
    valid_from: float
    valid_until: float


#: Looked up once: an enum member costs more than a name.
VERIFIED = AuthStatus.VERIFIED


class Verdict(NamedTuple):
    """Whether the sender is proven, and by which secret."""

    status: AuthStatus
    secret_id: UUID | None = None


class Verifier(Protocol):
    """Judges requests to one webhook."""

    #: Headers whose value is a credential of this webhook.
    credential_headers: frozenset[bytes]

    def verify(self, presented: Presented) -> Verdict:
        """Return the verdict."""
        ...

    def masked_query(self, query: bytes) -> bytes:
        """Return the query without what must not be stored."""
        ...


#: Names of parameters that hold credentials, whatever this webhook makes of them: a sender may go
#: on with the path token of an earlier auth type.
_CREDENTIAL_PARAMETER = re.compile(
    rb"(?:.*[_.-])?(?:token|secret|password|signature|authorization|api[_-]?key|jwt)",
    re.IGNORECASE | re.DOTALL,
)


def _without_credentials(query: bytes, *, own: bytes | None = None) -> bytes:
    """Mask the values of parameters whose names tell of credentials, and of the webhook's own."""
    if not query:
        return query
    return b"&".join(
        name + b"=***" if _is_credential(_decoded(name), own) else part
        for part in query.split(b"&")
        for name, _ in _pairs(part)
    )


def _is_credential(name: bytes, own: bytes | None) -> bool:
    return name == own or _CREDENTIAL_PARAMETER.fullmatch(name) is not None


class _SecretVerifier:
    """Holds the secrets; no secret, no entry, and an empty one is none."""

    credential_headers: frozenset[bytes] = frozenset()

    def __init__(self, secrets: Sequence[LiveSecret]) -> None:
        self._secrets = tuple(secret for secret in secrets if secret.value)

    def masked_query(self, query: bytes) -> bytes:
        return _without_credentials(query)

    def _match(self, presented: bytes, now: float) -> UUID | None:
        """Return the live secret that equals what was presented; every one is compared."""
        found = None
        for secret in self._secrets:
            equal = hmac.compare_digest(secret.value, presented)
            if equal and secret.valid_from <= now < secret.valid_until:
                found = secret.secret_id
        return found


class HmacVerifier(_SecretVerifier):
    """A signature over the body in a header."""

    def __init__(self, auth: HmacAuth, secrets: Sequence[LiveSecret]) -> None:
        super().__init__(secrets)
        self._signers = [
            (hmac_sha256.Signer(secret.value), secret, Verdict(VERIFIED, secret.secret_id))
            for secret in self._secrets
        ]
        self._header = auth.signature_header.lower().encode("latin-1")
        self.credential_headers = frozenset({self._header})

    def verify(self, presented: Presented) -> Verdict:
        """Return the verdict; a repeated signature header is refused: which one counts?"""
        value = presented.names.get(self._header, b"")
        digest = hmac_sha256.presented_digest(value)
        found = None
        for signer, secret, verdict in self._signers:
            equal = hmac.compare_digest(signer.sign(presented.body), digest)
            if equal and secret.valid_from <= presented.now < secret.valid_until:
                found = verdict
        if found is None or _is_repeated(self._header, presented):
            return Verdict(AuthStatus.REJECTED_SIGNATURE)
        return found


class SignatureVerifier(_SecretVerifier):
    """A signature as a known sender makes it.

    Raises:
        ValueError: There is no such preset, or a secret has not its form.
    """

    def __init__(self, auth: SignatureAuth, secrets: Sequence[LiveSecret]) -> None:
        super().__init__(secrets)
        preset = PRESETS.get(auth.preset)
        if preset is None:
            raise ValueError(f"there is no preset {auth.preset!r}")
        self._scheme = SchemeVerifier(
            preset.scheme_with(tolerance_seconds=auth.tolerance_seconds),
            [secret.value for secret in self._secrets],
            public_url=auth.public_url,
        )
        self.credential_headers = self._scheme.signature_headers

    def verify(self, presented: Presented) -> Verdict:
        """Return the verdict."""
        if not self._secrets:
            # Not as a signature: what does the work of one for other refusals then does it here.
            return Verdict(AuthStatus.REJECTED_NO_AUTH)
        found = None
        signers = self._scheme.signers(presented, now=presented.now)
        for secret, is_signer in zip(self._secrets, signers, strict=True):
            if is_signer and secret.valid_from <= presented.now < secret.valid_until:
                found = secret.secret_id
        if found is None:
            return Verdict(AuthStatus.REJECTED_SIGNATURE)
        return Verdict(VERIFIED, found)


class BearerVerifier(_SecretVerifier):
    """A token in ``Authorization: Bearer`` (RFC 6750 section 2.1)."""

    credential_headers = frozenset({b"authorization"})

    def verify(self, presented: Presented) -> Verdict:
        """Return the verdict; the scheme's case does not matter (RFC 9110 section 11.1)."""
        scheme, _, token = presented.names.get(b"authorization", b"").partition(b" ")
        found = self._match(token.strip(), presented.now)
        if found is None or scheme.lower() != b"bearer":
            return Verdict(AuthStatus.REJECTED_BEARER)
        if _is_repeated(b"authorization", presented):
            return Verdict(AuthStatus.REJECTED_BEARER)
        return Verdict(AuthStatus.VERIFIED, found)


class PathTokenVerifier(_SecretVerifier):
    """A token in a query parameter."""

    def __init__(self, auth: PathTokenAuth, secrets: Sequence[LiveSecret]) -> None:
        super().__init__(secrets)
        self._parameter = auth.query_param.encode()

    def verify(self, presented: Presented) -> Verdict:
        """Return the verdict; the parameter must stand exactly once."""
        values = [
            value for name, value in _pairs(presented.query) if _decoded(name) == self._parameter
        ]
        token = _decoded(values[0]) if len(values) == 1 else b""
        found = self._match(token, presented.now)
        if found is None:
            return Verdict(AuthStatus.REJECTED_NO_AUTH)
        return Verdict(AuthStatus.VERIFIED, found)

    def masked_query(self, query: bytes) -> bytes:
        """Mask the token wherever the parameter stands, however its name is encoded."""
        return _without_credentials(query, own=self._parameter)


class IpAllowlistVerifier:
    """A source address in one of the networks."""

    credential_headers: frozenset[bytes] = frozenset()

    def __init__(self, auth: IpAllowlistAuth) -> None:
        self._networks = tuple(parse_network(network) for network in auth.ip_cidrs)

    def verify(self, presented: Presented) -> Verdict:
        """Return the verdict."""
        address = parse_address(presented.source_address)
        if address is None or not in_networks(address, self._networks):
            return Verdict(AuthStatus.REJECTED_IP)
        return Verdict(AuthStatus.VERIFIED)

    def masked_query(self, query: bytes) -> bytes:
        """Return the query without what looks like a credential."""
        return _without_credentials(query)


def verifier_of(auth: Auth, secrets: Sequence[LiveSecret]) -> Verifier:
    """Return the verifier of a webhook."""
    match auth:
        case HmacAuth():
            return HmacVerifier(auth, secrets)
        case BearerAuth():
            return BearerVerifier(secrets)
        case PathTokenAuth():
            return PathTokenVerifier(auth, secrets)
        case IpAllowlistAuth():
            return IpAllowlistVerifier(auth)
        case SignatureAuth():
            return SignatureVerifier(auth, secrets)
        case _:
            assert_never(auth)


def _is_repeated(name: bytes, presented: Presented) -> bool:
    if len(presented.names) == len(presented.headers):
        return False
    return sum(header == name for header, _ in presented.headers) > 1


def _pairs(query: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield names and values as they were sent, percent-encoded."""
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        yield name, value


def _decoded(text: bytes) -> bytes:
    # As bytes: a percent-encoded byte that is no UTF-8 must not raise.
    return unquote_to_bytes(text.replace(b"+", b" "))
