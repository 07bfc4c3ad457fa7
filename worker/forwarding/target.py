"""The address of a target, read strictly; pure.

Parsers disagree about odd addresses, and the disagreement is the attack: whatever has two readings
is refused instead of mended.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

MAX_URL_LENGTH = 2048

#: Source: RFC 3986, section 2; which has no backslash, space or double quote.
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_URL = re.compile(r"(?P<scheme>[a-z]+)://(?P<authority>[^/?]*)(?P<target>.*)")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
#: A last label that makes some readers take the whole for an IPv4 address.
#: Source: https://url.spec.whatwg.org/#ends-in-a-number-checker
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class TargetError(ValueError):
    """The text is no address of a target, for a reason that quotes nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a request goes."""

    scheme: str
    #: In small letters; an IPv6 address without brackets.
    host: str
    port: int
    #: Path and query, as they go into the request.
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port, without the port that the scheme implies."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """Return the parts of a target's address.

    Raises:
        TargetError: It is none, or has more than one reading.
    """
    if len(url) > MAX_URL_LENGTH:
        raise TargetError(f"must have at most {MAX_URL_LENGTH} characters")
    if not _CHARACTERS.fullmatch(url) or _BAD_ESCAPE.search(url):
        raise TargetError(
            "must be an address in ASCII without spaces, quotes, backslashes or a fragment; "
            "names in other scripts are written as xn--..."
        )
    match = _URL.fullmatch(url[:8].lower() + url[8:])
    if match is None or match["scheme"] not in _DEFAULT_PORTS:
        raise TargetError("must begin with https:// or http://")
    host, port = _parse_authority(match["authority"])
    rest = match["target"]
    return Target(
        scheme=match["scheme"],
        host=host,
        port=_DEFAULT_PORTS[match["scheme"]] if port is None else port,
        path=rest if rest.startswith("/") else f"/{rest}",
    )


def _parse_authority(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise TargetError("must have no user name or password")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise TargetError("must have one host and at most one port, in digits")
    port = match["port"]
    if port is not None and not 1 <= int(port) <= 65_535:
        raise TargetError("must have a port from 1 to 65535")
    return _parse_host(match["host"].lower()), None if port is None else int(port)


def _parse_host(host: str) -> str:
    if host.startswith("["):
        return _parse_ipv6(host[1:-1])
    name = host.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise TargetError("must have a host: a name, or an address as usually written")
    if _NUMBER.fullmatch(labels[-1]) and not _is_ipv4(name):
        raise TargetError("must have an IPv4 address in four decimal numbers, if any")
    return name


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def _parse_ipv6(text: str) -> str:
    if "%" in text:
        raise TargetError("must have an IPv6 address without a zone")
    try:
        return str(IPv6Address(text))
    except AddressValueError as error:
        raise TargetError("must have a valid IPv6 address in its brackets") from error


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports from first to last, both included."""

    first: int
    last: int


def parse_ports(texts: Sequence[str]) -> tuple[PortRange, ...]:
    """Return port ranges by their text, such as ``443`` or ``1024-65535``.

    Raises:
        ValueError: A text is none.
    """
    return tuple(map(_parse_range, texts))


def _parse_range(text: str) -> PortRange:
    first, _, last = text.partition("-")
    ports = PortRange(int(first), int(last or first))
    if not 1 <= ports.first <= ports.last <= 65_535:
        raise ValueError(f"{text!r} is no range of ports")
    return ports
