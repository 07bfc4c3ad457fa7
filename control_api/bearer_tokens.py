"""Bearer tokens of an OpenID Connect issuer: verified, and read for tenant and permissions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from control_api.issuer_keys import ALGORITHMS, IssuerKeys
from shared.errors import Unauthorized

_MAX_CHARACTERS = 16_384
_MAX_SUBJECT = 200
_REQUIRED = ["exp", "iss", "aud", "sub"]
#: What a holder may be told; all of it is checked after the signature.
_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.InvalidIssuerError, "it is of another issuer"),
    (jwt.InvalidAudienceError, "it is for another audience"),
    (jwt.MissingRequiredClaimError, "a claim is missing: exp, iss, aud and sub are needed"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """Which tokens count, and what their claims mean here."""

    issuer: str
    audience: str
    #: Holds a tenant's slug or id.
    tenant_claim: str
    #: Holds a list of roles, or scopes in one text.
    permissions_claim: str
    #: Role or scope to the permissions that it gives.
    permissions: Mapping[str, Sequence[str]]
    #: How far the issuer's clock and ours may be apart.
    leeway_seconds: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token was issued to, and for what."""

    subject: str
    #: A slug or an id.
    tenant: str
    permissions: Sequence[str]


class BearerTokens:
    """Verifies the tokens of one issuer."""

    def __init__(self, keys: IssuerKeys, rules: TokenRules) -> None:
        self._keys = keys
        self._rules = rules

    async def verify(self, token: str) -> Identity:
        """Return what a token says.

        Raises:
            Unauthorized: It is not valid, or does not say whom it is for.
            IssuerUnavailable: Whether its key is the issuer's cannot be told now.
        """
        key = await self._keys.find(_key_id(token))
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public_key,
                # The algorithm is the key's, never the token's own choice.
                algorithms=[key.algorithm],
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                leeway=self._rules.leeway_seconds,
                options={"require": _REQUIRED},
            )
        except jwt.PyJWTError as error:
            raise Unauthorized(f"the bearer token is refused: {_reason(error)}") from error
        return self._identity(claims)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        subject = claims["sub"]
        tenant = claim(claims, self._rules.tenant_claim)
        if not isinstance(subject, str) or not subject or len(subject) > _MAX_SUBJECT:
            raise Unauthorized("the bearer token is refused: its subject is no short text")
        if not isinstance(tenant, str) or not tenant:
            raise Unauthorized("the bearer token is refused: it names no tenant")
        roles = claim(claims, self._rules.permissions_claim)
        return Identity(subject, tenant, self._permissions(roles))

    def _permissions(self, roles: object) -> list[str]:
        names = roles.split() if isinstance(roles, str) else roles
        if not isinstance(names, list):
            return []
        given = [
            permission
            for name in names
            if isinstance(name, str)
            for permission in self._rules.permissions.get(name, ())
        ]
        return list(dict.fromkeys(given))


def claim(claims: Mapping[str, Any], name: str) -> object:
    """Return a claim by its name, or else by its path, such as ``realm_access.roles``."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _key_id(token: str) -> str | None:
    """Return the key that a token names, of a token whose algorithm may count at all."""
    if len(token) > _MAX_CHARACTERS:
        raise Unauthorized("the bearer token is too long")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Unauthorized("the bearer token is malformed") from None
    if header.get("alg") not in ALGORITHMS:
        raise Unauthorized("the bearer token is refused: its algorithm does not count")
    key_id: str | None = header.get("kid")
    return key_id


def _reason(error: jwt.PyJWTError) -> str:
    known = (reason for kind, reason in _REASONS if isinstance(error, kind))
    return next(known, "its signature or its form is not valid")
