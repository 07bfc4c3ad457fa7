"""What a request must keep to before it is looked at, and the address that it came from."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate

Headers = Sequence[tuple[bytes, bytes]]

#: Header names that speak of a credential, or hold an address that a path token may stand in.
_CREDENTIAL_NAME = re.compile(
    rb"authorization|cookie|signature|hmac|token|secret|password|jwt|api-?key"
    rb"|^referer$|-ur[il]$"
)

#: Nothing is tried twice, and a string without an end runs to the end of the body: the time is
#: linear, whatever the body.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
#: Longer lists of proxies are walked each time: a sender must not fill the memory with them.
_MAX_REMEMBERED_BYTES = 256
_NOT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_DEPTH_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=512)
def carries_credential(name: bytes) -> bool:
    """Tell by a lower-case header name whether its value must not be stored."""
    return _CREDENTIAL_NAME.search(name) is not None


def header_fault(names: dict[bytes, bytes], headers: Headers) -> tuple[int, str] | None:
    """Return the status and code of the first header rule that is broken, else None.

    An ``Upgrade`` together with a body is refused because the HTTP parser hands the connection
    over at the end of the headers: the body would be lost and an empty one accepted.
    """
    if b"upgrade" in names and (
        b"transfer-encoding" in names or names.get(b"content-length", b"0") != b"0"
    ):
        return 400, "upgrade_with_body"
    if b"content-encoding" in names and not all(
        value.strip().lower() in {b"", b"identity"}
        for name, value in headers
        if name == b"content-encoding"
    ):
        return 415, "unsupported_content_encoding"
    if b"host" not in names:
        return 400, "missing_host"
    if len(names) != len(headers) and sum(name == b"host" for name, _ in headers) > 1:
        return 400, "repeated_host"
    return None


def json_too_deep(body: bytes, limit: int) -> bool:
    """Tell whether valid JSON nests deeper than ``limit``, without recursion.

    Counting brackets settles nearly every body; only one with more than ``limit`` of them is
    walked, over its brackets alone.
    """
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    brackets = _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_DEPTH_STEP.__getitem__, brackets)), default=0) > limit


def json_has_too_many_keys(body: bytes, limit: int) -> bool:
    """Tell whether valid JSON has more than ``limit`` object members.

    A member takes four bytes at least, ``"":0``, and a comma or brace.
    """
    return (
        len(body) > 5 * limit
        and body.count(b":") > limit
        and _STRINGS.sub(b"", body).count(b":") > limit
    )


def parse_address(text: str) -> IpAddress | None:
    """Return an address, IPv4 also where it is written as an IPv4-mapped IPv6 one."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_network(text: str) -> IpNetwork:
    """Return a network, IPv4 also where it is written as an IPv4-mapped IPv6 one.

    Raises:
        ValueError: It is none.
    """
    network = ipaddress.ip_network(text, strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def in_networks(address: IpAddress, networks: Iterable[IpNetwork]) -> bool:
    """Tell whether an address lies in one of the networks."""
    return any(address in network for network in networks)


class SourceAddress:
    """Finds the address of a sender behind trusted proxies."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted = tuple(parse_network(network) for network in trusted_proxies)
        self._resolve = lru_cache(maxsize=4096)(self._walk)

    def of(self, peer: str, headers: Headers) -> str:
        """Return the rightmost address that is no trusted proxy; ``unknown`` when it is none.

        Each proxy appends the address that it saw, so entries count from the right, and whatever
        stands left of the first untrusted one was written by the sender.
        """
        if not self._trusted:
            return peer
        forwarded = b",".join(value for name, value in headers if name == b"x-forwarded-for")
        if len(forwarded) > _MAX_REMEMBERED_BYTES:
            return self._walk(peer, forwarded)
        return self._resolve(peer, forwarded)

    @property
    def remembered_count(self) -> int:
        """How many header values are kept with their answers."""
        return self._resolve.cache_info().currsize

    def _walk(self, peer: str, forwarded: bytes) -> str:
        hops = [hop for hop in forwarded.decode("latin-1").split(",") if hop.strip()]
        for hop in (peer, *reversed(hops)):
            address = parse_address(hop)
            if address is None:
                return "unknown"
            if not in_networks(address, self._trusted):
                return str(address)
        return peer
