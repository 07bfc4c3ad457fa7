"""Tokens for SASL OAUTHBEARER: from a file that others renew, or for a client's credentials."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import orjson
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from shared.settings import Secret

_ANSWER_SECONDS = 5.0
_LARGEST_ANSWER_BYTES = 1024 * 1024
#: Where an answer does not say how long its token lasts.
_UNSTATED_LIFE_SECONDS = 300.0
#: A token is renewed when this part of its life is over.
_USED_PART = 0.8


class TokenFile(AbstractTokenProvider):  # type: ignore[misc] # published without types
    """Reads the token at each connection, such as one that Kubernetes projects and renews."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    async def token(self) -> str:
        """Return the token; Kafka counts as unreachable while it cannot be read."""
        try:
            return (await asyncio.to_thread(self._path.read_text)).strip()
        except (OSError, ValueError) as error:
            raise KafkaConnectionError(f"token file {self._path}: {error}") from error


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc] # likewise
    """Asks an authorization server, and keeps the token until most of its life is over.

    Source: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        client_secret: Secret,
        scope: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._url = url
        self._form = {"grant_type": "client_credentials", "client_id": client_id}
        self._secret = client_secret
        self._ca_file = ca_file
        if scope is not None:
            self._form["scope"] = scope
        self._asking = asyncio.Lock()
        self._token = ""
        self._use_until = 0.0

    async def token(self) -> str:
        """Return a live token; Kafka counts as unreachable while none is to be had."""
        async with self._asking:
            if monotonic() >= self._use_until:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        asked_at = monotonic()
        try:
            answer = await asyncio.to_thread(self._ask)
            self._token = str(answer["access_token"])
            life_seconds = float(answer.get("expires_in", _UNSTATED_LIFE_SECONDS))
        except (URLError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # The cause is left out of chains: it may hold the request with its secret.
            message = f"{type(error).__name__} from {self._url}"
            raise KafkaConnectionError(f"no token: {message}") from None
        self._use_until = asked_at + life_seconds * _USED_PART

    def _ask(self) -> Mapping[str, Any]:
        form = urlencode({**self._form, "client_secret": self._secret.reveal()}).encode()
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        # The address is the operator's own setting.
        request = Request(self._url, form, {"Accept": "application/json"})  # noqa: S310
        try:
            with urlopen(request, timeout=_ANSWER_SECONDS, context=context) as answer:  # noqa: S310
                document: Mapping[str, Any] = orjson.loads(answer.read(_LARGEST_ANSWER_BYTES))
                return document
        except HTTPError as refusal:
            with refusal:  # it holds the connection
                raise
