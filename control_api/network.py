"""Which addresses may be asked for what is trusted afterwards."""

import ipaddress
from urllib.parse import urlsplit


def is_safe_address(address: str) -> bool:
    """Tell whether nobody can change what comes from there: https, or http on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
