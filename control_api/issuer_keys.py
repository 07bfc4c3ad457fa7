"""The public keys of the issuer of bearer tokens: fetched, kept, and fetched anew when unknown.

A token may name a key that is not known yet, since issuers change keys. Such tokens cost the
issuer at most a request in ten seconds, whoever sends them. While it is away, known keys go on.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from control_api.network import is_safe_address
from shared.clock import Clock
from shared.errors import Transient, Unauthorized
from shared.observability.logging import get_logger

_LOG = get_logger(__name__)

#: Signatures by a private key alone: with a shared secret, whoever verifies could sign.
ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})

_DISCOVERY = "/.well-known/openid-configuration"
_FETCH_SECONDS = 5.0
_MAX_BYTES = 262_144
_MAX_KEYS = 100
_MIN_RSA_BITS = 2048
#: Between two attempts, however many tokens name an unknown key.
ATTEMPT_SECONDS = 10.0
#: Between two looks at the issuer without any need: keys that it has withdrawn go.
_REFRESH_SECONDS = 300.0
#: How long keys go on while the issuer does not answer.
KEPT_SECONDS = 86_400.0

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


class IssuerUnavailable(Transient):
    """The issuer of bearer tokens does not answer."""

    code: ClassVar[str] = "issuer_unavailable"
    retry_after_seconds: ClassVar[int] = int(ATTEMPT_SECONDS)


class IssuerFault(Exception):
    """The issuer answered something that cannot be used."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key and the one algorithm that it is for."""

    algorithm: str
    public_key: PublicKey


class IssuerKeys:
    """Keeps the keys of one issuer. Safe to use from many tasks at once."""

    def __init__(self, client: httpx.AsyncClient, *, issuer: str, clock: Clock) -> None:
        self._client = client
        self._issuer = issuer
        self._clock = clock
        self._lock = asyncio.Lock()
        self._keys: Mapping[str, VerificationKey] = {}
        self._fetched_at: float | None = None
        self._attempted_at: float | None = None
        #: Why the last attempt failed.
        self._fault: str | None = None

    async def find(self, key_id: str | None) -> VerificationKey:
        """Return the key that a token names; where it names none, the issuer's only one.

        Raises:
            Unauthorized: The issuer has no such key.
            IssuerUnavailable: Whether it has one cannot be told now.
        """
        if found := self._known(key_id):
            return found
        async with self._lock:
            if not self._known(key_id) and self._may_attempt():
                await self._attempt()
        if found := self._known(key_id):
            return found
        if self._fault is not None:
            raise IssuerUnavailable
        raise Unauthorized("the bearer token is signed with a key that its issuer does not have")

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Fetch the keys now and every few minutes, until told to stop."""
        while not stop.is_set():
            async with self._lock:
                await self._attempt()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _REFRESH_SECONDS)

    def _known(self, key_id: str | None) -> VerificationKey | None:
        now = self._clock.monotonic()
        if self._fetched_at is None or now - self._fetched_at > KEPT_SECONDS:
            return None
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    def _may_attempt(self) -> bool:
        now = self._clock.monotonic()
        return self._attempted_at is None or now - self._attempted_at >= ATTEMPT_SECONDS

    async def _attempt(self) -> None:
        self._attempted_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                self._keys = await self._fetch()
        except (IssuerFault, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            self._fault = f"{type(error).__name__}: {error}"
            _LOG.warning("issuer_keys_unavailable", issuer=self._issuer, fault=self._fault)
        else:
            self._fault, self._fetched_at = None, self._clock.monotonic()

    async def _fetch(self) -> Mapping[str, VerificationKey]:
        document = await self._get(self._issuer.rstrip("/") + _DISCOVERY)
        if document.get("issuer") != self._issuer:
            raise IssuerFault(f"the discovery document is of {document.get('issuer')!r}")
        address = document.get("jwks_uri")
        if not isinstance(address, str) or not is_safe_address(address):
            raise IssuerFault(f"jwks_uri {address!r} is no https address")
        listed = (await self._get(address)).get("keys")
        if not isinstance(listed, list):
            raise IssuerFault("the key set has no list of keys")
        return usable_keys(listed)

    async def _get(self, address: str) -> dict[str, Any]:
        body = bytearray()
        async with self._client.stream("GET", address) as response:
            if response.status_code != 200:
                raise IssuerFault(f"{address} answered {response.status_code}")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise IssuerFault(f"{address} answered more than {_MAX_BYTES} bytes")
        try:
            parsed = orjson.loads(bytes(body))
        except orjson.JSONDecodeError as error:
            raise IssuerFault(f"{address} answered no JSON") from error
        if not isinstance(parsed, dict):
            raise IssuerFault(f"{address} answered no JSON object")
        return parsed


def usable_keys(listed: list[object]) -> dict[str, VerificationKey]:
    """Return the keys of a set that may verify; others are passed over, as RFC 7517 asks."""
    found: dict[str, VerificationKey] = {}
    for entry in listed[:_MAX_KEYS]:
        if isinstance(entry, dict) and entry.get("use", "sig") == "sig":
            key_id = entry.get("kid", "")
            key = _usable_key(entry)
            if key is not None and isinstance(key_id, str):
                found[key_id] = key
    return found


def _usable_key(entry: dict[str, Any]) -> VerificationKey | None:
    try:
        parsed = jwt.PyJWK(entry)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    key = parsed.key
    if parsed.algorithm_name not in ALGORITHMS or not isinstance(key, PublicKey):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        return None
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name != "secp256r1":
        return None
    return VerificationKey(parsed.algorithm_name, key)
