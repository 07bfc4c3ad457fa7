"""Connections to targets: every address of a name is checked, and a checked one connected to."""

import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore

from worker.forwarding.addresses import Address, Network, blocked_kind

#: For one of several addresses, so that a dead one leaves time for the next.
_CONNECT_SECONDS = 3.0

#: Returns the addresses of a host, a name or an address.
Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]


class BlockedAddressError(Exception):
    """One of a target's addresses is in a blocked network; nothing was connected to."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)


class UnresolvedNameError(httpcore.ConnectError):
    """The name has no address, at least for now."""


class CheckedConnections(httpcore.AsyncNetworkBackend):
    """Opens connections; the name stays what TLS and the Host header see.

    One answer of the resolver is both checked and used: a name that changes its address in between
    gains nothing. Where any address of a name is blocked, none is connected to.
    """

    def __init__(self, *, allowed: Sequence[Network] = (), resolver: Resolver) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(  # noqa: PLR0917 - the library's signature
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - likewise
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check and connect, to one address after the other.

        Raises:
            BlockedAddressError: An address is blocked.
            httpcore.ConnectError: The name has no address, or none of them accepts.
            httpcore.ConnectTimeout: The last of them did not answer.
        """
        fault: Exception = UnresolvedNameError()
        for address in await self._checked_addresses(host, port):
            try:
                return await self._network.connect_tcp(
                    str(address), port, timeout or _CONNECT_SECONDS, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
        raise fault

    async def _checked_addresses(self, host: str, port: int) -> list[Address]:
        try:
            addresses = list(dict.fromkeys(await self._resolver(host, port)))
        except (OSError, ValueError) as error:
            raise UnresolvedNameError from error
        for address in addresses:
            if kind := blocked_kind(address, self._allowed):
                raise BlockedAddressError(kind)
        return addresses


def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Return what verifies targets: their certificate's chain and their name."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
