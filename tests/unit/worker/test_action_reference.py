"""The reference of actions in docs/."""

from deploy.action_reference import REFERENCE, render


def test_reference_is_current() -> None:
    """docs/actions.md is what the models say; `make actions` mends it."""
    assert REFERENCE.read_text() == render()


def test_every_field_is_described() -> None:
    """No action has a field whose description is empty."""
    rows = [line for line in render().splitlines() if line.startswith("| `")]
    assert len(rows) > 90
    assert [row for row in rows if row.endswith("|  |")] == []
