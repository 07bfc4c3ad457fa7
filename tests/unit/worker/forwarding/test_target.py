"""The strict reading of targets' addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.forwarding.target import PortRange, Target, TargetError, parse_ports, parse_target


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://a.example", ("https", "a.example", 443, "/"), "a.example"),
        ("HTTPS://A.Example./x?y=%20", ("https", "a.example", 443, "/x?y=%20"), "a.example"),
        ("http://a.example:8080?q", ("http", "a.example", 8080, "/?q"), "a.example:8080"),
        ("https://a.example:80/", ("https", "a.example", 80, "/"), "a.example:80"),
        ("http://1.2.3.4/", ("http", "1.2.3.4", 80, "/"), "1.2.3.4"),
        ("https://[2606:4700::1]:444/", ("https", "2606:4700::1", 444, "/"), "[2606:4700::1]:444"),
        ("https://xn--mnchen-3ya.example/", None, "xn--mnchen-3ya.example"),
        ("https://_srv.a-b.example/@x:y", None, "_srv.a-b.example"),
    ],
)
def test_parts(url: str, target: tuple[str, str, int, str] | None, authority: str) -> None:
    """Names are in small letters without their last dot; ports follow the scheme."""
    parsed = parse_target(url)
    if target is not None:
        scheme, host, port, path = target
        assert parsed == Target(scheme=scheme, host=host, port=port, path=path)
    assert parsed.authority == authority
    assert parsed.origin == f"{parsed.scheme}://{authority}"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://a.example/", "begin with"),
        ("a.example", "begin with"),
        ("https://u:p@a.example/", "user name"),
        ("https://a.example:0/", "port"),
        ("https://a.example:65536/", "port"),
        ("https://a.example:x/", "port"),
        ("https:///x", "host"),
        ("https://a..example/", "host"),
        ("https://" + "a" * 64 + ".example/", "host"),
        ("https://a.example/#x", "ASCII"),
        ("https://a.example/ x", "ASCII"),
        ("https://a.example/\r\nX: y", "ASCII"),
        ("https://a.example/\n", "ASCII"),
        ("https://a.example/%zz", "ASCII"),
        ("https://a.example\\@b.example/", "ASCII"),
        ("https://münchen.example/", "ASCII"),
        ("https://127.1/", "IPv4"),
        ("https://[fe80::1%25eth0]/", "zone"),
        ("https://[1::2::3]/", "IPv6"),
        ("https://a.example/" + "x" * 2048, "2048"),
    ],
)
def test_what_is_refused(url: str, reason: str) -> None:
    """The reason says what to change, and repeats nothing of the address."""
    with pytest.raises(TargetError, match=reason) as raised:
        parse_target(url)
    assert "p@" not in str(raised.value)


@given(st.text(max_size=80).map("https://".__add__) | st.text(max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    """Any text either has parts that make up a request line and a header, or is refused."""
    try:
        target = parse_target(text)
    except TargetError:
        return
    line = target.origin + target.path
    assert line.isascii()
    assert line.isprintable()
    assert " " not in line
    assert parse_target(line) == target


def test_ports() -> None:
    """Numbers and ranges are read; the rest is refused."""
    assert parse_ports(["443", "1024-65535"]) == (PortRange(443, 443), PortRange(1024, 65535))
    for text in ("0", "2-1", "65536", "x", ""):
        with pytest.raises(ValueError, match=r"."):
            parse_ports([text])
