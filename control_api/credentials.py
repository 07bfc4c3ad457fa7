"""What callers prove themselves with: its text, its form, and what is stored of it."""

import hashlib
import secrets
from dataclasses import dataclass

from starlette.requests import Request

from shared.errors import Unauthorized

KEY_START = "pst_"
OPERATOR_KEY_START = "pso_"
_SHOWN_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request carries; None: nothing of the kind."""

    api_key: str | None = None
    bearer_token: str | None = None

    @property
    def is_operators(self) -> bool:
        """Tell whether this has the form of an operator's credential."""
        return self.api_key is not None and self.api_key.startswith(OPERATOR_KEY_START)


def credentials_of(request: Request) -> Credentials:
    """Return what a request carries.

    Raises:
        Unauthorized: More than one, or an Authorization that is no bearer token.
    """
    keys = request.headers.getlist("x-api-key")
    tokens = request.headers.getlist("authorization")
    if len(keys) + len(tokens) > 1:
        raise Unauthorized("give one credential: either x-api-key or authorization, once")
    if not tokens:
        return Credentials(api_key=keys[0] if keys and keys[0] else None)
    scheme, _, token = tokens[0].partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("the header authorization is no bearer token")
    return Credentials(bearer_token=token.strip())


def new_key() -> str:
    """Return the text of a new API key: 256 random bits."""
    return KEY_START + secrets.token_urlsafe(32)


def new_operator_key() -> str:
    """Return the text of a new operator's credential: 256 random bits."""
    return OPERATOR_KEY_START + secrets.token_urlsafe(32)


def key_digest(key: str) -> bytes:
    """Return what is stored of a key.

    A plain hash will do: unlike a password, the key has too many bits to be guessed.
    """
    return hashlib.sha256(key.encode()).digest()


def key_prefix(key: str) -> str:
    """Return the part of a key that may be shown."""
    return key[: len(KEY_START) + _SHOWN_CHARACTERS]
