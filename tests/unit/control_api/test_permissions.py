"""Roles of an issuer, and which addresses are trusted."""

import pytest

from control_api.bearer_tokens import claim
from control_api.network import is_safe_address
from control_api.permissions import parse_permission_map


def test_permission_map_when_good() -> None:
    """Each role has its list."""
    assert parse_permission_map('{"a": ["read"], "b": []}') == {"a": ["read"], "b": []}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": ["rule"]}', '{"a": "read"}', "x"])
def test_permission_map_when_faulty(text: str) -> None:
    """What permits nothing or something unknown is refused."""
    with pytest.raises(ValueError, match=r"JSON|want|permits"):
        parse_permission_map(text)


@pytest.mark.parametrize(
    ("address", "is_safe"),
    [
        ("https://login.example.com/realms/x", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]/x", True),
        ("http://localhost", True),
        ("http://login.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("https://user@login.example.com", False),
        ("ftp://127.0.0.1", False),
        ("https://", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_address_when_asked_whether_safe(address: str, is_safe: bool) -> None:
    """Only https, or http on this machine."""
    assert is_safe_address(address) is is_safe


def test_claim_when_its_name_holds_dots() -> None:
    """A claim of the whole name goes before a path."""
    claims = {"https://x.example/roles": ["a"], "realm": {"roles": ["b"]}, "n": 1}
    assert claim(claims, "https://x.example/roles") == ["a"]
    assert claim(claims, "realm.roles") == ["b"]
    assert claim(claims, "n.roles") is None
    assert claim(claims, "missing") is None
