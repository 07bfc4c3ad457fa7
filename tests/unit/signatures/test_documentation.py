"""The table of known senders, which people read, says what the presets say."""

import re

import pytest

from shared.signatures.presets import PRESETS
from tests.house import ROOT

_ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_ROWS = {name: cells for name, *cells in _ROW.findall((ROOT / "docs" / "webhooks.md").read_text())}


def test_table_names_every_preset() -> None:
    """In the order of their names."""
    assert list(_ROWS) == list(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_row_says_what_the_preset_says(name: str) -> None:
    """Its sender, its tolerance, its event's id, and whose the secret is."""
    preset = PRESETS[name]
    timestamp = preset.scheme.timestamp
    event_id = preset.event_id_header or preset.event_id_expression
    assert _ROWS[name] == [
        preset.display_name,
        "none" if timestamp is None else f"{timestamp.tolerance_seconds} s",
        "none" if event_id is None else f"`{event_id}`",
        "made up or given" if preset.takes_any_secret else "given",
    ]
