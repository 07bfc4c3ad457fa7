"""Which addresses requests may go to."""

import pytest

from worker.forwarding.addresses import blocked_kind, parse_address, parse_networks

_BLOCKED = [
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "shared (carrier-grade NAT)"),
    ("100.100.100.200", "shared (carrier-grade NAT)"),
    ("100.127.255.255", "shared (carrier-grade NAT)"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "cloud metadata"),
    ("169.254.169.254", "link-local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.192", "protocol assignments"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4 relay"),
    ("192.168.1.1", "private"),
    ("198.18.0.1", "benchmarking"),
    ("198.19.255.255", "benchmarking"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "IPv4-compatible"),
    ("::ffff:127.0.0.1", "IPv4-mapped"),
    ("::ffff:8.8.8.8", "IPv4-mapped"),
    ("::ffff:0:7f00:1", "IPv4-translated"),
    ("64:ff9b::7f00:1", "NAT64"),
    ("64:ff9b:1::a00:1", "NAT64"),
    ("100::1", "discard"),
    ("2001::1", "Teredo"),
    ("2001:20::1", "protocol assignments"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "6to4"),
    ("3fff::1", "documentation"),
    ("4000::1", "not globally routed"),
    ("5f00::1", "segment routing"),
    ("fc00::1", "unique local"),
    ("fd00:ec2::254", "unique local"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "scoped"),
    ("2606:4700::1%eth0", "scoped"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
]


@pytest.mark.parametrize(("text", "kind"), _BLOCKED)
def test_blocked_addresses(text: str, kind: str) -> None:
    """Whatever is not the public internet is blocked and named for what it is."""
    assert blocked_kind(parse_address(text)) == kind


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
    ],
)
def test_public_addresses(text: str) -> None:
    """The public internet begins right beside the blocked networks."""
    assert blocked_kind(parse_address(text)) is None


def test_allowed_networks_open_just_themselves() -> None:
    """An allowed network is reached by its own addresses, not by other spellings of them."""
    allowed = parse_networks(["10.1.0.0/16", "fd00::5"])
    assert blocked_kind(parse_address("10.1.2.3"), allowed) is None
    assert blocked_kind(parse_address("fd00::5"), allowed) is None
    assert blocked_kind(parse_address("10.2.0.1"), allowed) == "private"
    assert blocked_kind(parse_address("::ffff:10.1.2.3"), allowed) == "IPv4-mapped"


@pytest.mark.parametrize("text", ["10.1.0.1/16", "localhost", "10.0.0.0/33"])
def test_networks_that_are_none(text: str) -> None:
    """A network with host bits, a name and a wrong length are refused."""
    with pytest.raises(ValueError, match=r"."):
        parse_networks([text])
