"""Keys as senders hand them out."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from shared.signatures.keys import EXPECTED, HmacKey, prepare_key
from shared.signatures.presets import PRESETS
from shared.signatures.scheme import KeyForm

_PRIME = 2**255 - 19
#: y-coordinates of the points of the curve's small subgroup, the largest written twice.
_SMALL = [0, 1, _PRIME - 1, _PRIME, _PRIME + 1] + [
    int.from_bytes(bytes.fromhex(text), "little")
    for text in (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
]


def _der(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> bytes:
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@pytest.mark.parametrize("y", _SMALL)
@pytest.mark.parametrize("sign", [0, 0x80])
def test_ed25519_when_anybody_could_sign(y: int, sign: int) -> None:
    """Keys under which a signature can be made without a private key are none."""
    raw = bytearray(y.to_bytes(32, "little"))
    raw[31] |= sign
    with pytest.raises(ValueError, match="Expected an Ed25519"):
        prepare_key(PRESETS["telnyx"].scheme, base64.b64encode(raw))


def test_p256_when_the_key_is_another() -> None:
    """A key of another curve or kind, or half a key, is refused."""
    other_curve = _der(ec.derive_private_key(7, ec.SECP384R1()).public_key())
    other_kind = _der(rsa.generate_private_key(65537, 2048).public_key())
    own = _der(ec.derive_private_key(7, ec.SECP256R1()).public_key())
    scheme = PRESETS["sendgrid"].scheme
    prepare_key(scheme, own)
    for text in (other_curve, other_kind, own[:-8], own[:40]):
        with pytest.raises(ValueError, match="Expected a P-256"):
            prepare_key(scheme, text)


def test_hmac_when_the_secret_is_empty() -> None:
    """Anybody can sign with an empty secret."""
    with pytest.raises(ValueError, match="empty"):
        HmacKey(b"", "sha256")


def test_expectations_when_told() -> None:
    """Every form can be told."""
    assert EXPECTED.keys() == set(KeyForm)


@given(st.sampled_from(sorted(PRESETS)), st.binary(max_size=200) | st.text().map(str.encode))
def test_key_when_the_secret_is_anything(name: str, secret: bytes) -> None:
    """Any bytes are a key or a ValueError that tells what is expected."""
    scheme = PRESETS[name].scheme
    try:
        prepare_key(scheme, secret)
    except ValueError as error:
        assert str(error) == f"Expected {EXPECTED[scheme.key_form]}"  # noqa: PT017 - either is good
