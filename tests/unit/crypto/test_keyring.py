"""The keyring's text form."""

import base64

import pytest

from shared.crypto.keyring import parse_keyring
from shared.errors import ConfigurationError

OLD = base64.b64encode(bytes(32)).decode()
NEW = base64.b64encode(bytes([7]) * 32).decode()


def test_parse_keyring_takes_the_last_key_for_sealing() -> None:
    """Keys stand oldest first, spaces around entries do not count."""
    keyring = parse_keyring(f"2024:{OLD}, 2025:{NEW}")
    assert keyring.newest_id == "2025"
    assert keyring.keys == {"2024": bytes(32), "2025": bytes([7]) * 32}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no-colon",
        f":{OLD}",
        "a:short",
        "a:" + base64.b64encode(bytes(31)).decode(),
        "a:" + base64.b64encode(bytes(33)).decode(),
        "a:" + OLD[:-1] + "!",
        f"a:{OLD},a:{NEW}",
        f"{'a' * 256}:{OLD}",
        f"a:{OLD},",
    ],
)
def test_parse_keyring_refuses(text: str) -> None:
    """An entry that is not id:base64 of 32 bytes, or repeats an id, is refused."""
    with pytest.raises(ConfigurationError, match="POSTERN_MASTER_KEYS"):
        parse_keyring(text)


def test_keyring_repr_shows_ids_alone() -> None:
    """Key bytes do not get into logs by way of repr."""
    assert repr(parse_keyring(f"2024:{OLD},2025:{NEW}")) == "Keyring(2024, 2025)"
