"""Sealing: opens in its own row with its own key, nowhere else, and not when altered."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto.keyring import Keyring
from shared.crypto.sealing import seal, unseal
from shared.errors import DecodeError

OLD = Keyring({"old": bytes(range(32))})
BOTH = Keyring({"old": bytes(range(32)), "new": bytes(range(1, 33))})
ROW = (UUID(int=1), UUID(int=2), UUID(int=3))


@given(st.binary(max_size=200))
def test_unseal_returns_what_was_sealed(plaintext: bytes) -> None:
    """Any bytes come back, and the sealed form does not contain them."""
    sealed = seal(OLD, plaintext, context=ROW)
    assert unseal(OLD, sealed, context=ROW) == plaintext
    assert len(plaintext) < 8 or plaintext not in sealed


def test_seal_twice_differs() -> None:
    """Equal secrets do not look equal at rest."""
    assert seal(OLD, b"secret", context=ROW) != seal(OLD, b"secret", context=ROW)


def test_unseal_after_a_new_key_was_added() -> None:
    """What an older key sealed still opens; the newest seals what comes."""
    assert unseal(BOTH, seal(OLD, b"secret", context=ROW), context=ROW) == b"secret"
    with pytest.raises(DecodeError, match="lacks"):
        unseal(OLD, seal(BOTH, b"secret", context=ROW), context=ROW)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_unseal_in_another_row(position: int) -> None:
    """A sealed value copied to another tenant, webhook or secret does not open."""
    elsewhere = tuple(UUID(int=9) if i == position else part for i, part in enumerate(ROW))
    with pytest.raises(DecodeError, match="another row"):
        unseal(OLD, seal(OLD, b"secret", context=ROW), context=elsewhere)


@given(st.data())
def test_unseal_after_any_change(data: st.DataObject) -> None:
    """A change of any one byte is noticed."""
    sealed = bytearray(seal(OLD, b"secret", context=ROW))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DecodeError):
        unseal(OLD, bytes(sealed), context=ROW)


@given(st.binary(max_size=64))
def test_unseal_of_anything_else(junk: bytes) -> None:
    """Bytes that were never sealed raise the one error that callers expect."""
    with pytest.raises(DecodeError):
        unseal(OLD, junk, context=ROW)
