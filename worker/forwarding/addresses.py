"""Which addresses a request may go to; pure.

Every IPv6 address that carries an IPv4 one is blocked as a whole: it would be a second spelling of
an address that is judged by its own.
"""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Source: https://www.iana.org/assignments/iana-ipv4-special-registry/ and its IPv6 twin.
_BLOCKED = {
    "0.0.0.0/8": "unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared (carrier-grade NAT)",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "cloud metadata",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "protocol assignments",
    "192.52.193.0/24": "protocol assignments",
    "192.88.99.0/24": "6to4 relay",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "protocol assignments",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::ffff:0:0/96": "IPv4-mapped",
    "::ffff:0:0:0/96": "IPv4-translated",
    "::/96": "IPv4-compatible",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "NAT64",
    "100::/64": "discard",
    "2001::/32": "Teredo",
    "2001::/23": "protocol assignments",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "protocol assignments",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "unique local",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
#: The narrowest comes first, so that its name is the one that is told.
_NETWORKS: list[tuple[Network, str]] = sorted(
    ((ip_network(text), kind) for text, kind in _BLOCKED.items()),
    key=lambda entry: -entry[0].prefixlen,
)
#: All that is given out for global unicast so far.
_GLOBAL_IPV6 = IPv6Network("2000::/3")


def blocked_kind(address: Address, allowed: Sequence[Network] = ()) -> str | None:
    """Return what kind of blocked network an address is in; None where requests may go to it."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "scoped"
    if any(address in network for network in allowed):
        return None
    for network, kind in _NETWORKS:
        if address in network:
            return kind
    if isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6:
        return "not globally routed"
    return None if address.is_global else "not globally routed"


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return networks by their text, such as ``10.1.0.0/16`` or ``fd00::5``.

    Raises:
        ValueError: A text is none.
    """
    return tuple(ip_network(text) for text in texts)


def parse_address(text: str) -> Address:
    """Return the address of a resolver's answer."""
    return ip_address(text)
