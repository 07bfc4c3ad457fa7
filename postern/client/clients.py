"""The client, blocking and for an event loop."""

from types import TracebackType
from typing import Self

import httpx

from postern.client.resources import AsyncResources, Resources
from postern.client.retries import RetryPolicy
from postern.client.transport import AsyncHttp, Http

_TIMEOUT_SECONDS = 30.0
_USER_AGENT = "postern-python/1"


def _headers(api_key: str | None, token: str | None) -> dict[str, str]:
    headers = {"user-agent": _USER_AGENT}
    if api_key is not None:
        headers["x-api-key"] = api_key
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return headers


class Client(Resources):
    """A blocking client; close it, or use it in a ``with`` statement.

    May be shared by threads.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        token: str | None = None,
        retries: RetryPolicy | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Take the address of the API and an API key, or a bearer token.

        ``transport`` replaces the network: certificates and proxies of your own, and tests.
        """
        self._client = httpx.Client(
            base_url=url,
            headers=_headers(api_key, token),
            timeout=timeout_seconds,
            transport=transport,
        )
        super().__init__(Http(self._client, retries or RetryPolicy()))

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(AsyncResources):
    """A client for an event loop; close it, or use it in an ``async with`` statement."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        token: str | None = None,
        retries: RetryPolicy | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Take the address of the API and an API key, or a bearer token; see ``Client``."""
        self._client = httpx.AsyncClient(
            base_url=url,
            headers=_headers(api_key, token),
            timeout=timeout_seconds,
            transport=transport,
        )
        super().__init__(AsyncHttp(self._client, retries or RetryPolicy()))

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
