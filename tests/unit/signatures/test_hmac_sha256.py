"""The GitHub-style signature, held against what providers publish and against mutations."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.signatures.hmac_sha256 import presented_digest, sign, verify

_VECTORS = Path(__file__).parents[2] / "vectors" / "hmac_sha256.json"
_SECRET = b"It's a Secret to Everybody"
_BODY = b"Hello, World!"
_HEX = b"757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def _vectors() -> list[Any]:
    vectors: list[Any] = json.loads(_VECTORS.read_text())["vectors"]
    return vectors


@pytest.mark.parametrize("vector", _vectors(), ids=lambda vector: vector["id"])
def test_verify_when_provider_published_the_signature(vector: dict[str, Any]) -> None:
    """What the provider signed is accepted, and with one more byte of body it is not."""
    (value,) = vector["headers"].values()
    secret, body = vector["secret"].encode(), vector["body"].encode()
    assert verify(secret, body, value.encode())
    assert not verify(secret, body + b"\n", value.encode())
    assert not verify(secret + b" ", body, value.encode())


@pytest.mark.parametrize(
    "value",
    [
        _HEX,
        _HEX.upper(),
        b"sha256=" + _HEX,
        b"SHA256=" + _HEX,
        b"Sha256=" + _HEX.upper(),
    ],
)
def test_verify_when_form_differs(value: bytes) -> None:
    """Prefix or none, either case: the same digest."""
    assert verify(_SECRET, _BODY, value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"sha256=",
        b"sha256=sha256=" + _HEX,
        b"sha1=" + _HEX,
        b"sha512=" + _HEX,
        b"sha256:" + _HEX,
        b"sha256= " + _HEX,
        _HEX[:-1],
        _HEX[:-2],
        _HEX + b"00",
        _HEX + b"," + _HEX,
        b"0x" + _HEX,
        b"sha256=" + _HEX[:-1] + b"\xff",
        "\u017fha256=".encode() + _HEX,
        b"\x00" * 64,
        b"\xff" * 64,
        b"v1=" + _HEX,
    ],
)
def test_verify_when_header_carries_no_such_digest(value: bytes) -> None:
    """A header of another form is refused, and raises nothing."""
    assert not verify(_SECRET, _BODY, value)


def test_verify_when_mutated() -> None:
    """None of 10,000 mutated headers that decode to another digest is accepted; none raises."""
    chance = random.Random(7)
    valid = b"sha256=" + _HEX
    right = bytes.fromhex(_HEX.decode())
    for _ in range(10_000):
        value = bytearray(valid)
        for _ in range(chance.randint(1, 4)):
            _mutate(value, chance)
        if presented_digest(bytes(value)) != right:
            assert not verify(_SECRET, _BODY, bytes(value)), bytes(value)
        else:  # only the case of prefix or digits may differ, or the prefix be gone
            assert bytes(value).lower().removeprefix(b"sha256=") == _HEX


def _mutate(value: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(value) + 1)
    match chance.randrange(3):
        case 0:
            value.insert(at, chance.randrange(256))
        case 1:
            del value[at : at + 1]
        case _:
            value[at : at + 1] = bytes([chance.randrange(256)])


@given(st.binary(), st.binary(max_size=200))
def test_presented_digest_when_header_is_arbitrary(body: bytes, value: bytes) -> None:
    """Any bytes give a digest or none, and never another message's."""
    assert verify(_SECRET, body, value) is (presented_digest(value) == sign(_SECRET, body))
